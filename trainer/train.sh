#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The whole chain, from photographs to model files: train.sh YONOS_TRAIN PHOTOGRAPHS FOLDER [TIER]. PHOTOGRAPHS is a
# folder (then 400 drawings are made too: content/draw.py says what that needs) or a pack. Stopped at any moment, the same
# command goes on. The models appear in FOLDER as TIER-xN.safetensors. Environment: DEVICE (cpu); SHORTER (1), by what
# all steps are divided; FEATURES, weights of SqueezeNet 1.1 for the second decoder's perceptual loss, made by
# content/squeezenet.py (else our own encoder's features); HALF, anything: half precision (fp16 on a GPU, bf16 on a CPU
# that has it: twice as fast); ENCODER, autoencoder.safetensors of another tier, to begin with its E; VIDEO, anything:
# TIER-video-xN.safetensors too; FROM, a folder of tier balanced's model files, which tier quality begins with.
set -eu
train=$1 pack=$2 drawn=$2 folder=$3 tier=${4:-fast} out=$3

# $pack has the photographs, $drawn the drawings beside them.
make_packs() {
    photographs=$(cd "$pack" && pwd) all=$folder/all pack=$folder/photographs.pack drawn=$folder/drawn.pack
    mkdir -p "$all"
    [ -f "$pack" ] || "$train" pack "$photographs" "$pack"
    [ ! -f "$drawn" ] || return 0
    "$(dirname "$0")/content/draw.py" "$all/drawings" 400 7
    ln -sfn "$photographs" "$all/photographs"
    "$train" pack "$all" "$drawn"
}

fit() {
    stage=$1 steps=$2
    shift 2
    "$train" fit "$stage" --pack "$pack" --out "$out" --tier "$tier" --crop 128 --device "${DEVICE:-cpu}" --clip 0.1 \
        --steps $((steps / ${SHORTER:-1} + 1)) ${HALF:+--half} "$@"
}

# export_model FILE ...: what is in $out.
export_model() {
    model=$1
    shift
    "$train" export "$out" "$model" --tier "$tier" --scale $scale --fact "licence=CC BY-SA 4.0" \
        --fact "data=see models/SOURCES.tsv of gst-yonos" "$@"
}

# go_on NAME MODEL STEPS ...: a decoder that begins with the model's, in a folder of its own, where what follows is made.
go_on() {
    out=$folder/$1 model=$2 steps=$3
    shift 3
    "$train" import "$model" "$out"
    [ ! -f "$folder/autoencoder.safetensors" ] || cp "$folder/autoencoder.safetensors" "$out"
    fit decoder $steps --scale $scale --start "$model" "$@"
}

# The same after the decoder that is in $out.
further() {
    name=$1
    shift
    export_model "$out/$name-x$scale.safetensors"
    go_on "$name" "$out/$name-x$scale.safetensors" "$@"
}

# The mean of the decoder in $out and the one in the folder before.
mean() {
    last=$out
    export_model "$last/$1-x$scale.safetensors"
    out=$folder/$1
    "$train" import "$last/$1-x$scale.safetensors" "$out"
    cp "$folder/autoencoder.safetensors" "$out"
    "$train" blend "$out/decoder-x$scale.safetensors" "$last/decoder-x$scale.safetensors=0.5" \
        "$before/decoder-x$scale.safetensors=0.5"
}

# The one that the element runs at fidelity 0: what it is made with beside L1.
second() {
    steps=$1
    shift
    fit perceptual $steps --scale $scale --batch 8 --rate 4e-4 --adversarial 0 ${FEATURES:+--features "$FEATURES"} "$@"
}

denoisers() {
    if [ -n "${ENCODER:-}" ]; then
        fit autoencoder 1500 --batch 8 --clip 1 --start "$ENCODER"
    else
        fit autoencoder 10000 --batch 8 --clip 1
    fi
    for scale in 2 4 8; do
        fit lr-encoder 1500 --scale $scale --batch 16 --clip 1
    done
    fit teacher 5000 --scale 2 --batch 16 --clip 1
    fit student 4000 --scale 4 --batch 16 --clip 1
    fit student 4000 --scale 8 --batch 16 --clip 1
}

for_scale() {
    out=$folder fidelity=
    case $tier-$scale in # wider and deeper trunks leave the rails at 1e-3
    fast-4)
        fit decoder 25000 --scale 4 --batch 8
        further drawn 4000 --pack "$drawn" --batch 8 --rate 4e-4
        second 2000 --pack "$drawn" --steady 8 --perceptual 0.01 --mesh 100 --halo 100
        fidelity=0
        ;;
    fast-*)
        fit decoder 25000 --scale $scale --batch 8
        second 2000 --steady $((scale == 2 ? 6 : 4)) --perceptual 0.01 --mesh 100
        fidelity=0
        ;;
    balanced-2)
        fit decoder 25000 --scale 2 --batch 8 --rate 8e-4
        further wide 30000 --batch 2 --crop 256 --rate 5e-4
        second 2000 --steady 6 --perceptual 0.01 --mesh 100
        fidelity=0.3
        ;;
    balanced-4)
        fit decoder 25000 --scale 4 --batch 8 --rate 8e-4
        further more 30000 --batch 8 --rate 6e-4 --luma 100
        before=$out
        further again 24000 --batch 8 --rate 6e-4
        mean last
        second 6000 --pack "$drawn" --steady 16 --perceptual 0.09 --mesh 150 --crisp 260 --halo 400
        fidelity=0.14
        ;;
    balanced-8)
        fit decoder 8000 --scale 8 --batch 8 --rate 4e-4
        further wide 8500 --batch 4 --crop 256 --rate 4e-4
        further steady 700 --batch 4 --crop 256 --rate 3e-4 --steady 1.5
        ;;
    quality-4)
        go_on quality "${FROM:?is to be a folder with balanced-x4.safetensors}/balanced-x4.safetensors" 10000 --batch 4 --crop 192 --rate 5e-4 --luma 100
        ;;
    esac
    export_model "$folder/$tier-x$scale.safetensors" --int8 ${fidelity:+--fidelity $fidelity}
    if [ -n "${VIDEO:-}" ]; then
        go_on video "$folder/$tier-x$scale.safetensors" 10000 --batch 8 --rate 6e-4 --set video --steady 2
        export_model "$folder/$tier-video-x$scale.safetensors" --int8
    fi
}

[ ! -d "$pack" ] || make_packs
if [ "$tier" = quality ]; then
    scales=4
else
    denoisers
    scales="2 4 8"
fi
for scale in $scales; do
    for_scale
done
