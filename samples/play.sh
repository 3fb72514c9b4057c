#!/bin/sh
# samples/play.sh FILE-OR-URI [OPTION=VALUE ...]: plays it enlarged, by playbin's video-filter. Options are yonosupscale's
# properties: samples/play.sh film.mp4 scale=4 split=0.5
# PLAYBIN='...' adds properties of playbin, e.g. 'video-sink=fakesink'.
set -eu
[ $# -ge 1 ] || { echo "Usage: play.sh FILE-OR-URI [OPTION=VALUE ...]" >&2; exit 1; }
case $1 in
*://*) uri=$1 ;;
*) uri=file://$(realpath -- "$1" | sed 's/%/%25/g; s/ /%20/g; s/#/%23/g; s/?/%3F/g') ;;
esac
shift
# shellcheck disable=SC2086
exec gst-launch-1.0 playbin uri="$uri" video-filter="yonosupscale qos-mode=ladder $*" ${PLAYBIN:-}
