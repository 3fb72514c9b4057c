#!/bin/sh
# samples/demo.sh [INPUT [OUTPUT]]: installs what is missing, builds, and enlarges INPUT (a video or a picture).
# Without INPUT it makes a film from a photograph first. SCALE=2|4|8 in the environment; options: see upscale-file.c.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
scale=${SCALE:-2}
photo=/usr/share/backgrounds/picosdeeuropa_by_Aitzol_Berasategi.jpg # Aitzol Berasategi, CC-BY-4.0

case "${1:-}" in
*.webp) "$root/tests/setup.sh" demo gstreamer1.0-plugins-bad ;; # its only decoder
*) "$root/tests/setup.sh" demo ;;
esac
build=$root/build-demo
[ -f "$build/build.ninja" ] || meson setup "$build" "$root" --buildtype=release -Dtests=false
ninja -C "$build"

export GST_PLUGIN_PATH="$build/gst-plugin${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}"
export YONOS_MODEL_PATH="${YONOS_MODEL_PATH:-$root/models}"
if [ $# = 0 ]; then
    "$build/samples/pan" "$photo" demo.mp4
    echo "demo.mp4: 320x180, to be enlarged"
    set -- demo.mp4 "demo-x$scale.mp4"
fi
exec "$build/samples/upscale-file" --scale="$scale" "$@"
