#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The whole chain, from a pack to model files: train.sh YONOS_TRAIN PACK FOLDER [TIER]. Stopped at any moment, the same
# command goes on. The models appear in FOLDER as TIER-xN.safetensors. Environment: DEVICE (cpu); SHORTER (1), by what
# all steps are divided; FEATURES, weights of SqueezeNet 1.1: given, a second decoder is tuned with the perceptual loss;
# ENCODER, autoencoder.safetensors of another tier, to begin with its E.
set -eu
train=$1 pack=$2 folder=$3 tier=${4:-fast}

case $tier in # wider trunks leave the rails at 1e-3
fast) rate=1e-3 mesh= ;;
*) rate=8e-4 mesh="--mesh 100" ;;
esac

fit() {
    stage=$1 steps=$2
    shift 2
    "$train" fit "$stage" --pack "$pack" --out "$folder" --tier "$tier" --crop 128 --device "${DEVICE:-cpu}" \
        --steps $((steps / ${SHORTER:-1} + 1)) "$@"
}

if [ -n "${ENCODER:-}" ]; then
    fit autoencoder 1500 --batch 8 --start "$ENCODER"
else
    fit autoencoder 12000 --batch 8
fi
for scale in 2 4 8; do
    fit lr-encoder 1500 --scale $scale --batch 16
done
fit teacher 6000 --scale 2 --batch 16
fit student 5000 --scale 4 --batch 16
fit student 5000 --scale 8 --batch 16
for scale in 2 4 8; do
    case $scale in # weights of what flickers, for the two decoders
    2) steady=2.4 second=3.6 ;;
    4) steady=1.9 second=3.1 ;;
    8) steady=1.3 ;;
    esac
    first=$folder/decoder-x$scale-first.safetensors
    if [ ! -e "$first" ]; then
        fit decoder 30000 --scale $scale --batch 8 --rate $rate --clip 0.1
        mv "$folder/decoder-x$scale.safetensors" "$first"
    fi
    fit decoder 6000 --scale $scale --batch 8 --rate 5e-4 --steady $steady --start "$first"
    both=
    if [ -n "${FEATURES:-}" ] && [ $scale != 8 ]; then # at x8 it draws dots
        both="--fidelity 0"
        fit perceptual 1000 --scale $scale --batch 8 --rate 3e-4 --steady $second --features "$FEATURES" \
            --perceptual 0.01 --adversarial 0 $mesh
    fi
    "$train" export "$folder" "$folder/$tier-x$scale.safetensors" --tier "$tier" --scale $scale $both \
        --fact "licence=CC BY-SA 4.0" --fact "data=see models/SOURCES.tsv of gst-yonos"
done
