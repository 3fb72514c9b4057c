#!/bin/sh
# Installs what a build needs and is missing; asks nothing. Sourced or run; Debian and its kin.
set -eu
need="meson ninja-build pkg-config gcc libc6-dev python3 libglib2.0-dev libjson-glib-dev libdnnl-dev \
libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev gstreamer1.0-plugins-base libvulkan-dev glslang-tools spirv-tools \
mesa-vulkan-drivers vulkan-validationlayers gstreamer1.0-plugins-good"
missing=
for p in $need; do
    dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
echo "Installing:$missing"
[ "$(id -u)" = 0 ] && sudo= || sudo=sudo
$sudo apt-get update -qq
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
