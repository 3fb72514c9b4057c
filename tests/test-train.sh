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
VIDEO=1 "$root/trainer/train.sh" "$train" "$folder/pack" "$folder/results"
"$root/trainer/train.sh" "$train" "$folder/pack" "$folder/larger" balanced
FROM=$folder/larger "$root/trainer/train.sh" "$train" "$folder/pack" "$folder/largest" quality
for model in results/fast-x2 results/fast-x4 results/fast-x8 results/fast-video-x2 results/fast-video-x4 \
    results/fast-video-x8 larger/balanced-x2 larger/balanced-x4 larger/balanced-x8 largest/quality-x4; do
    "$train" evaluate "$folder/$model.safetensors" "$folder/pictures" | grep PSNR-Y
done

# What a model's own decoders become at a rate of next to nothing is the model.
start=$folder/start.safetensors
"$train" export "$folder/results" "$start" --tier fast --scale 2 --fidelity 0
"$train" import "$start" "$folder/tuned"
cp "$folder/results/autoencoder.safetensors" "$folder/tuned" # the perceptual loss looks through E
for stage in decoder perceptual; do
    "$train" fit $stage --tier fast --scale 2 --pack "$folder/pack" --out "$folder/tuned" --batch 1 --crop 64 --steps 2 \
        --rate 1e-12 --decay 0 --start "$start"
done
for fidelity in 0 1; do
    for chain in results tuned; do
        model=$folder/$chain-$fidelity.safetensors
        "$train" export "$folder/$chain" "$model" --tier fast --scale 2 --fidelity $fidelity
        "$train" evaluate "$model" "$folder/pictures" >"$model.figures"
    done
    cmp "$folder/results-$fidelity.safetensors.figures" "$folder/tuned-$fidelity.safetensors.figures"
done
! cmp -s "$folder/results-0.safetensors.figures" "$folder/results-1.safetensors.figures"
