#!/bin/sh
# samples/live.sh [SECONDS]: a live chain on one machine. A source is encoded and sent as RTP over the loopback; the other
# end decodes it, enlarges it, steps down tier by tier while that takes too long, encodes it again and sends it on.
#   CODEC=h264|vp8     of the way in; h264 where there is a decoder (gstreamer1.0-libav), else vp8
#   SOURCE='...'       instead of a test picture, e.g. 'v4l2src ! videoconvert ! videoscale ! video/x-raw,width=320'
#   OUT='...'          instead of RTP to port 5006, e.g. 'matroskamux ! filesink location=live.mkv'
#   OPTIONS='...'      of yonosupscale, besides qos-mode=ladder
# Watch it with:
#   gst-launch-1.0 udpsrc port=5006 caps=application/x-rtp,encoding-name=H264,clock-rate=90000,media=video \
#       ! rtpjitterbuffer ! rtph264depay ! decodebin ! videoconvert ! autovideosink
set -eu
seconds=${1:-0} # 0: until it is interrupted
case $seconds in
*[!0-9.]* | '') echo "Usage: live.sh [SECONDS]" >&2; exit 1 ;;
esac
port=${PORT:-5004}
source=${SOURCE:-videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=180,framerate=30/1}
out=${OUT:-rtph264pay config-interval=1 ! udpsink host=127.0.0.1 port=$((port + 2))}
if gst-inspect-1.0 --exists avdec_h264; then found=h264; else found=vp8; fi

case ${CODEC:-$found} in
h264)
    encode='x264enc tune=zerolatency speed-preset=veryfast bitrate=1500 key-int-max=30 ! rtph264pay config-interval=1'
    decode='rtph264depay ! avdec_h264' name=H264 ;;
vp8)
    encode='vp8enc deadline=1 target-bitrate=1500000 keyframe-max-dist=30 ! rtpvp8pay'
    decode='rtpvp8depay ! vp8dec' name=VP8 ;;
*)
    echo "CODEC is '$CODEC' and must be h264 or vp8." >&2; exit 1 ;;
esac

# shellcheck disable=SC2086 # these are many words each
gst-launch-1.0 -q $source ! videoconvert ! video/x-raw,format=I420 ! $encode ! udpsink host=127.0.0.1 port="$port" & sender=$!
failed=$(mktemp)
trap 'kill $sender 2>/dev/null; rm -f "$failed"' EXIT
# -e finishes a file when it is interrupted
[ "$seconds" = 0 ] && limit= || limit="timeout -s INT $seconds"
# shellcheck disable=SC2086
{ $limit gst-launch-1.0 -e -m udpsrc port="$port" \
    caps="application/x-rtp,media=video,clock-rate=90000,encoding-name=$name" ! rtpjitterbuffer latency=100 ! $decode \
    ! queue ! yonosupscale qos-mode=ladder ${OPTIONS:-} ! queue ! videoconvert ! video/x-raw,format=I420 \
    ! x264enc tune=zerolatency speed-preset=ultrafast bitrate=4000 key-int-max=60 \
    ! h264parse ! $out || echo $? >"$failed"; } | grep --line-buffered -E 'yonos-(tier|stats)' || true
# 124: its time was over
[ ! -s "$failed" ] || [ "$(cat "$failed")" = 124 ]
