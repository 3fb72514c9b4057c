#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Trains tier fast as shipped: train-fast.sh YONOS_TRAIN PACK FOLDER. Stopped at any moment, the same command goes on.
# The models appear in FOLDER as fast-xN.safetensors.
set -eu
train=$1 pack=$2 folder=$3

fit() {
    "$train" fit "$@" --pack "$pack" --out "$folder" --crop 128
}

fit autoencoder --batch 8 --steps 12000
for scale in 2 4 8; do
    fit lr-encoder --scale $scale --batch 16 --steps 1500
done
fit teacher --scale 2 --batch 16 --steps 6000
fit student --scale 4 --batch 16 --steps 5000
fit student --scale 8 --batch 16 --steps 5000
for scale in 2 4 8; do
    fit decoder --scale $scale --batch 8 --steps 30000
    "$train" export "$folder" "$folder/fast-x$scale.safetensors" --scale $scale --fact "licence=CC BY-SA 4.0" \
        --fact "data=see models/SOURCES.tsv of gst-yonos"
done
