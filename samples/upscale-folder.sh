#!/bin/sh
# samples/upscale-folder.sh INPUT-FOLDER OUTPUT-FOLDER: enlarges every video of a folder on all cores, or on all machines:
# each is cut at key frames into segments of ten seconds, GNU parallel enlarges them one a core, and they are joined again,
# with the original's audio as it is.
#   SCALE=2|4|8        2 unless set
#   JOBS=N             how many at a time; 1 is right where a GPU does the work
#   MACHINES=a,b,:     as parallel's --sshlogin (`:` is this one); they need gst-yonos installed, and upscale-file in PATH
#   SECONDS_EACH=N     length of a segment
# Frames are neither lost nor repeated; a film whose frame rate varies may shift against its audio by a frame a segment.
set -eu
[ $# = 2 ] && [ -d "$1" ] || { echo "Usage: upscale-folder.sh INPUT-FOLDER OUTPUT-FOLDER" >&2; exit 1; }
command -v parallel >/dev/null || { echo "GNU parallel is missing: install parallel." >&2; exit 1; }
in=$1 out=$2 scale=${SCALE:-2}
tools=${TOOLS:-$(cd "$(dirname "$0")/.." && pwd)/build-demo/samples} # where upscale-file and segments are
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

for film in "$in"/*; do
    name=$(basename "$film")
    mkdir "$work/$name"
    "$tools/segments" split "$film" "${SECONDS_EACH:-10}" "$work/$name"
done

# a core a segment, and the machine is full
if [ -n "${MACHINES:-}" ]; then
    set -- --sshlogin "$MACHINES" --transferfile '{}' --return '{.}.large.mkv' --cleanup
    program=upscale-file
else
    set --
    program=$tools/upscale-file
fi
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
find "$work" -type f -name '*.mkv' | sort | parallel --will-cite --halt now,fail=1 ${JOBS:+--jobs "$JOBS"} "$@" \
    "$program" --scale="$scale" '{}' '{.}.large.mkv'

for film in "$in"/*; do
    name=$(basename "$film")
    "$tools/segments" join "$out/${name%.*}-x$scale.mkv" "$film" "$work/$name/*.large.mkv"
done
