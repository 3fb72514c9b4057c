#!/bin/sh
# Installs what is missing to build and test, or with `demo` to build and show, and packages named behind that; asks
# nothing. Debian and its kin.
set -eu
# dpkg-dev tells meson where libraries are installed here
need="meson dpkg-dev ninja-build pkg-config gcc libc6-dev python3 libglib2.0-dev libjson-glib-dev libdnnl-dev \
libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libjpeg62-turbo-dev libvulkan-dev glslang-tools spirv-tools \
gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly"
if [ "${1:-}" = demo ]; then
    shift
    need="$need $* gstreamer1.0-libav gstreamer1.0-tools lomiri-wallpapers-16.04"
else
    need="$need mesa-vulkan-drivers vulkan-validationlayers libopenmpi-dev openmpi-bin \
gstreamer1.0-plugins-bad gstreamer1.0-libav gstreamer1.0-tools parallel" # x265enc and avdec_h265; the samples
fi
missing=
for p in $need; do
    dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
    echo "There is no apt-get here: install your system's counterparts of$missing yourself." >&2
    exit 1
fi
echo "Installing, which takes minutes:$missing"
[ "$(id -u)" = 0 ] && sudo= || sudo=sudo
$sudo apt-get update -qq
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
