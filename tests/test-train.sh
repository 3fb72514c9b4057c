#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The training chain in small, by its one command: stopped once, gone on with, models for every scale at its end.
#   test-train.sh YONOS_TRAIN SOURCE_ROOT
set -eu
train=$1 root=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/pictures"
cp "$root"/docs/*.png "$folder/pictures"
"$train" pack "$folder/pictures" "$folder/pack"
export SHORTER=30000
timeout -s INT 4 "$root/trainer/train.sh" "$train" "$folder/pack" "$folder/results" && echo "It was not stopped." ||
    [ $? = 124 ] || [ $? = 130 ]
"$root/trainer/train.sh" "$train" "$folder/pack" "$folder/results"
for scale in 2 4 8; do
    "$train" evaluate "$folder/results/fast-x$scale.safetensors" "$folder/pictures" | grep PSNR-Y
done
