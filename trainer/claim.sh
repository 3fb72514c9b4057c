#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The claim put to the test, for one seed: students for x4 and x8 that were distilled from N/2, trained directly from the
# same start, trained directly from scratch, all with the same number of steps counted over the chain; one decoder recipe.
#   claim.sh YONOS_TRAIN PACK FOLDER SEED [STEPS [DECODER_STEPS]]
# Stopped at any moment, the same command goes on. The autoencoder and LR encoders in FOLDER serve all seeds. Each
# student and its decoder end in FOLDER/sSEED/{distilled,direct-xN,scratch-xN}.
set -eu
train=$1 pack=$2 folder=$3 seed=$4 steps=${5:-3000} decoder=${6:-1500}
own=$folder/s$seed

fit() {
    out=$1 stage=$2
    shift 2
    "$train" fit "$stage" --pack "$pack" --out "$out" --crop 128 --batch 8 --quiet "$@"
}

# the results in $1 that begin with one of the other words, to $own/...: a stage looks for its start in its own folder
lend() {
    from=$1 to=$2
    shift 2
    mkdir -p "$to"
    for name in "$@"; do
        cp -n "$from/$name.safetensors" "$to/"
    done
}

fit "$folder" autoencoder --steps 6000
for scale in 2 4 8; do
    fit "$folder" lr-encoder --scale $scale --steps 1500
done
for arm in distilled direct-x4 direct-x8 scratch-x4 scratch-x8; do
    lend "$folder" "$own/$arm" autoencoder lr-encoder-x2 lr-encoder-x4 lr-encoder-x8
done
fit "$own/distilled" teacher --scale 2 --seed "$seed" --steps "$steps"
fit "$own/distilled" student --scale 4 --seed "$seed" --steps "$steps"
fit "$own/distilled" student --scale 8 --seed "$seed" --steps "$steps"
lend "$own/distilled" "$own/direct-x4" denoiser-x2
lend "$own/distilled" "$own/direct-x8" denoiser-x4
fit "$own/direct-x4" direct --scale 4 --seed "$seed" --steps "$steps"
fit "$own/direct-x8" direct --scale 8 --seed "$seed" --steps "$steps"
fit "$own/scratch-x4" teacher --scale 4 --seed "$seed" --steps $((2 * steps))
fit "$own/scratch-x8" teacher --scale 8 --seed "$seed" --steps $((3 * steps))
for scale in 4 8; do
    for arm in distilled direct-x$scale scratch-x$scale; do
        fit "$own/$arm" decoder --scale $scale --seed "$seed" --steps "$decoder"
    done
done
