#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The whole chain, from a pack to model files: train.sh YONOS_TRAIN PACK FOLDER [TIER]. Stopped at any moment, the same
# command goes on. The models appear in FOLDER as TIER-xN.safetensors. Environment: DEVICE (cpu); SHORTER (1), by what
# all steps are divided; FEATURES, weights of SqueezeNet 1.1 for the second decoder's perceptual loss (else our own
# encoder's features); HALF, anything: half precision (fp16 on a GPU, bf16 on a CPU that has it: twice as fast); ENCODER, autoencoder.safetensors of another tier, to begin with its E.
set -eu
train=$1 pack=$2 folder=$3 tier=${4:-fast}

fit() {
    stage=$1 steps=$2
    shift 2
    "$train" fit "$stage" --pack "$pack" --out "$folder" --tier "$tier" --crop 128 --device "${DEVICE:-cpu}" \
        --steps $((steps / ${SHORTER:-1} + 1)) ${HALF:+--half} "$@"
}

if [ -n "${ENCODER:-}" ]; then
    fit autoencoder 1500 --batch 8 --start "$ENCODER"
else
    fit autoencoder 10000 --batch 8
fi
for scale in 2 4 8; do
    fit lr-encoder 1500 --scale $scale --batch 16
done
fit teacher 5000 --scale 2 --batch 16
fit student 4000 --scale 4 --batch 16
fit student 4000 --scale 8 --batch 16
for scale in 2 4 8; do
    case $tier-$scale in # wider and deeper trunks leave the rails at 1e-3
    fast-*) rate=1e-3 ;;
    *-8) rate=4e-4 ;;
    *) rate=8e-4 ;;
    esac
    case $tier-$scale in # the second decoder: what a pan's flicker weighs, and what makes it crisp
    *-2) second="--steady 6 --perceptual 0.01 --mesh 100" ;;
    fast-4) second="--steady 8 --perceptual 0.01 --mesh 100" ;;
    fast-8) second="--steady 4 --perceptual 0.01 --mesh 100" ;;
    *) second="--steady 10 --perceptual 0.07 --mesh 150 --crisp 80" ;;
    esac
    fit decoder 25000 --scale $scale --batch 8 --rate $rate --clip 0.1
    fit perceptual 2000 --scale $scale --batch 8 --rate 4e-4 --clip 0.1 --adversarial 0 $second \
        ${FEATURES:+--features "$FEATURES"}
    "$train" export "$folder" "$folder/$tier-x$scale.safetensors" --tier "$tier" --scale $scale --fidelity 0 \
        --fact "licence=CC BY-SA 4.0" --fact "data=see models/SOURCES.tsv of gst-yonos"
done
