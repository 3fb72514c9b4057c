#!/bin/sh
# Sets up, builds with warnings as errors, runs all tests, then again under ASan and UBSan.
set -eu
cd "$(dirname "$0")/.."
tests/setup.sh
total=0 failed=0 skipped=0

suite() {
    dir=$1; shift
    [ -d "$dir" ] || meson setup "$dir" -Dwerror=true "$@"
    ninja -C "$dir"
    meson test -C "$dir" --print-errorlogs --no-rebuild | tee "$dir/run.log" || true
    count() { sed -n "s/^$1: *\([0-9]*\)[[:space:]]*\$/\1/p" "$dir/run.log" | tail -n 1; }
    ok=$(count Ok); bad=$(( $(count Fail) + $(count Timeout) + $(count 'Unexpected Pass') )); skip=$(count Skipped)
    total=$((total + ok)); failed=$((failed + bad)); skipped=$((skipped + skip))
}

suite build-test -Dbenchmarks=true
# GLib's own one-time allocations are not ours to free
export ASAN_OPTIONS=detect_leaks=1 LSAN_OPTIONS=suppressions=$PWD/tests/lsan.supp:print_suppressions=0 G_SLICE=always-malloc
# oneDNN 2.6 reads past the end of a table of its own while it makes an AMX kernel (docs/SPEED.md)
export ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16
# the Vulkan checks take minutes under ASan and their leaks are the driver's: left to the first suite
suite build-asan -Db_sanitize=address,undefined -Db_lundef=false -Dvulkan=false
echo "$total passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$total" -gt 0 ]
