#!/bin/sh
# samples/upscale-folder.sh INPUT-FOLDER OUTPUT-FOLDER: enlarges every video and picture of a folder on all cores, or on all
# machines: videos are cut at key frames into segments of ten seconds, GNU parallel enlarges them one a core, and they are
# joined again, with the original's audio as it is. Pictures (JPEG, PNG, WebP, TIFF ...) become PNG, one a core.
#   SCALE=2|4|8        2 unless set
#   JOBS=N             how many at a time; 1 is right where a GPU does the work
#   MACHINES=a,b,:     as parallel's --sshlogin (`:` is this one); they need gst-yonos installed, and upscale-file in PATH
#   SECONDS_EACH=N     length of a segment
# What is neither is left out, by name, and makes the exit status 1.
# Frames are neither lost nor repeated; a film whose frame rate varies may shift against its audio by a frame a segment.
set -eu
[ $# = 2 ] && [ -d "$1" ] || { echo "Usage: upscale-folder.sh INPUT-FOLDER OUTPUT-FOLDER" >&2; exit 1; }
command -v parallel >/dev/null || { echo "GNU parallel is missing: install parallel." >&2; exit 1; }
in=$1 out=$2 scale=${SCALE:-2}
tools=${TOOLS:-$(cd "$(dirname "$0")/.." && pwd)/build-demo/samples} # where upscale-file and segments are
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

is_picture() {
    case $(printf %s "${1##*.}" | tr '[:upper:]' '[:lower:]') in
    jpg | jpeg | png | webp | tif | tiff | bmp | gif) return 0 ;;
    *) return 1 ;;
    esac
}

ending() { if is_picture "$1"; then echo png; else echo mkv; fi; }

# What a file becomes; its own ending stays in the name where another file would become the same.
target() {
    stem=$(basename "${1%.*}")
    for other in "$in"/*; do
        if [ "$other" != "$1" ] && [ "${other%.*}" = "${1%.*}" ] && [ "$(ending "$other")" = "$(ending "$1")" ]; then
            stem=$(basename "$1")
        fi
    done
    printf %s "$out/$stem-x$scale.$(ending "$1")"
}

mkdir "$work/pictures" "$work/films"
status=0
for file in "$in"/*; do
    name=$(basename "$file")
    if [ ! -f "$file" ]; then
        [ ! -e "$file" ] || echo "$file is left out: no file." >&2
    elif is_picture "$name"; then
        cp "$file" "$work/pictures/$name"
    elif ! { mkdir "$work/films/$name" && "$tools/segments" split "$file" "${SECONDS_EACH:-10}" "$work/films/$name"; }; then
        echo "$file is left out: neither picture nor video." >&2
        rm -r "$work/films/$name"
        status=1
    fi
done
[ -n "$(find "$work/pictures" "$work/films" -type f)" ] || { echo "$in holds no pictures and no videos." >&2; exit 1; }

# a core a segment, and the machine is full
if [ -n "${MACHINES:-}" ]; then
    set -- --sshlogin "$MACHINES" --transferfile '{}' --cleanup
    program=upscale-file
else
    set --
    program=$tools/upscale-file
fi
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
# KIND ENDING OPTIONS: enlarges all of a kind, each beside itself, with that ending
enlarge() {
    kind=$1 end=$2; shift 2
    [ -z "${MACHINES:-}" ] || set -- "$@" --return "{}$end"
    find "$work/$kind" -type f | sort | parallel --will-cite --halt now,fail=1 ${JOBS:+--jobs "$JOBS"} "$@" \
        "$program" --scale="$scale" '{}' "{}$end"
}
enlarge films .large.mkv "$@"
enlarge pictures .large.png "$@"

for file in "$in"/*; do
    name=$(basename "$file")
    if [ -f "$work/pictures/$name.large.png" ]; then
        mv "$work/pictures/$name.large.png" "$(target "$file")"
    elif [ -d "$work/films/$name" ]; then
        "$tools/segments" join "$(target "$file")" "$file" "$work/films/$name/*.large.mkv"
    fi
done
exit $status
