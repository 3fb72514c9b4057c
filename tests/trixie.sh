#!/bin/sh
# Checks the kernels with cooperative matrices without a GPU: in a Debian 13 chroot, on the software driver of its
# backports. Rebuilds shaders/prebuilt there and compares; `tests/trixie.sh make` writes it instead. Then the element and the
# samples on GStreamer 1.26, with frames in Vulkan images; `tests/trixie.sh element` does that alone.
# Needs root and debootstrap; the chroot (TRIXIE=folder, 4 GB) is made on the first run, which takes some minutes, and kept.
set -eu
cd "$(dirname "$0")/.."
root=${TRIXIE:-/var/tmp/yonos-trixie}
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Label: Debian' 'Component: main' |
    head -n 1)} # this machine's own, once apt-get update has run
in_root() { chroot "$root" env DEBIAN_FRONTEND=noninteractive "$@"; }

if [ ! -e "$root/ready" ]; then
    [ -n "$mirror" ] || { echo "apt knows no mirror of Debian; set DEBIAN_MIRROR to one's address"; exit 1; }
    debootstrap --variant=minbase trixie "$root" "$mirror"
    echo "deb $mirror trixie-backports main" >"$root/etc/apt/sources.list.d/backports.list"
    in_root apt-get update -qq
    # one set of versions: the drivers of the backports want their own libwayland
    in_root apt-get install -y -qq --no-install-recommends -t trixie-backports meson ninja-build dpkg-dev pkg-config \
        gcc libc6-dev python3 libglib2.0-dev libjson-glib-dev libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev \
        libvulkan-dev glslang-tools spirv-tools vulkan-validationlayers mesa-vulkan-drivers
    touch "$root/ready"
fi
[ -e "$root/usr/include/dnnl.h" ] || in_root apt-get install -y -qq --no-install-recommends libdnnl-dev # 3.x
mkdir -p "$root/source"
trap 'for folder in source proc; do if mountpoint -q "$root/$folder"; then umount "$root/$folder"; fi; done' EXIT
mount --bind "$PWD" "$root/source"
mount --bind /proc "$root/proc" # the software driver reads there how much memory there is
[ -d "$root/build" ] || in_root meson setup /build /source -Dwerror=true -Dbuildtype=release
if [ "${1:-}" = make ]; then
    in_root ninja -C /build prebuilt
    exit
fi
if [ "${1:-}" != element ]; then
    in_root ninja -C /build tests/check-conv tests/check-fusion tests/check-blocks tests/check-ops tests/test-switches \
        tests/test-self-check tests/test-bf16 tests/test-cpu tests/test-dma-buf tests/test-direct
    # tile 7 is the first with cooperative matrices; those that check several choose themselves
    in_root env YONOS_TEST_COOPMAT=2 YONOS_TEST_IMPORT=1 YONOS_TILE=7 meson test -C /build --no-rebuild --print-errorlogs --timeout-multiplier 3 \
        prebuilt switches self-check fusion blocks conv ops bf16 cpu dma-buf direct
fi

if [ ! -e "$root/ready-element" ]; then
    in_root apt-get install -y -qq --no-install-recommends -t trixie-backports libgstreamer-plugins-bad1.0-dev libwayland-dev \
        libxkbcommon-dev libxkbcommon-x11-dev libx11-xcb-dev libxcb1-dev gstreamer1.0-plugins-base gstreamer1.0-plugins-good \
        gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav gstreamer1.0-tools parallel
    touch "$root/ready-element"
fi
# configured on its own, since the kernels' build may be older than libgstvulkan's headers
[ -d "$root/build-element" ] || in_root meson setup /build-element /source -Dwerror=true -Dgstvulkan=enabled
suites=$(in_root meson test -C /build-element --list | grep -o 'element.*\|demo\|samples' | grep -v stress)
in_root ninja -C /build-element
in_root env OMP_WAIT_POLICY=passive YONOS_TEST_IMPORT=1 meson test -C /build-element --no-rebuild --print-errorlogs --timeout-multiplier 3 $suites
