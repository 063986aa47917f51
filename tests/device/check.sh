#!/usr/bin/env bash
# Checks and measures the engine on an NVIDIA card (H100, H200), in two parts.
#
#   tests/device/check.sh build            here: needs Rust, no card and no CUDA; leaves binaries in target/device (about 20 MB)
#   tests/device/check.sh run [PARTS..]    there: needs the same checkout with target/device, a driver of 580 or later, and
#                                          libnvrtc.so.13 and libcublasLt.so.13 in any folder; no Rust, no network
#
# Parts, each in a process of its own with a time limit; all together take less than 4 minutes:
#   families   every family against its reference
#   bits       the same ids and log-probability bits in any batch, order, chunk size, with and without the prefix cache
#   small large experts   tokens a second, memory and profile of Qwen3-1.7B, Qwen3-8B, Qwen3.5-35B-A3B (random parameters)
#   window     a window of the demonstration in mode `cuda`; not among those run by default, since it fetches its base
#
# What each part prints is written to $OUT, or to target/device/out where that is not set.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
work=$PWD/target/device

build() {
    set -e
    mkdir -p "$work"
    # Cargo says where the binaries are.
    tests=$(cargo test --release -p models --lib --no-run --message-format=json | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
    bench=$(cargo bench -p models --bench accelerator --no-run --message-format=json | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
    cargo build --release -p harness
    strip -o "$work/models-tests" "$tests"
    strip -o "$work/accelerator" "$bench"
    strip -o "$work/dethrone" "${CARGO_TARGET_DIR:-target}/release/dethrone"
    pwd > "$work/built-at"
    du -h "$work"/*
}

libraries() {
    local names=(-name 'libcublasLt.so.13*' -o -name 'libnvrtc.so.13*' -o -name 'libcuda.so.1')
    find / \( -path /proc -o -path /sys \) -prune -o \( "${names[@]}" \) -print 2>/dev/null |
        grep -v -e /stubs/ -e /compat/ | xargs -r -n 1 dirname | sort -u | paste -sd :
}

part() { # NAME SECONDS COMMAND..
    local name=$1 limit=$2
    shift 2
    timeout -k 2 "$limit" "$@" > "$OUT/$name.txt" 2>&1
    local status=$?
    echo "== $name: $([ $status = 0 ] && echo passed || echo "FAILED ($status)")"
    tail -n "${LINES_SHOWN:-30}" "$OUT/$name.txt"
    [ $status = 0 ] || failed=1
}

on_card() { # the names of tests that need a card
    "$work/models-tests" --ignored --exact "cuda::tests::$1_on_a_card" --nocapture
}

run() {
    export OUT=${OUT:-$work/out} DETHRONE_CACHE=${DETHRONE_CACHE:-/tmp/dethrone-cache}
    mkdir -p "$OUT"
    LD_LIBRARY_PATH=$(libraries):${LD_LIBRARY_PATH:-}
    export LD_LIBRARY_PATH
    nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader || exit 3
    # Tests look for their files where they were built.
    local built
    built=$(cat "$work/built-at")
    [ -e "$built" ] || { mkdir -p "$(dirname "$built")" && ln -s "$PWD" "$built"; }
    failed=0
    export -f on_card
    export work
    for name in "$@"; do
        case $name in
        families) part families 40 bash -c 'on_card every_family_agrees_with_the_reference' ;;
        bits) part bits 60 bash -c 'on_card no_bit_depends_on_batch_order_chunks_or_cache' ;;
        small) part small 50 "$work/accelerator" --random tests/device/qwen3-1.7b.json 1,16,64,128,256 4x1024 ;;
        large) part large 70 "$work/accelerator" --random tests/device/qwen3-8b.json 16,64,128,256 4x1024 ;;
        experts) part experts 90 "$work/accelerator" --random tests/device/qwen3.5-35b-a3b.json 1,16,64 4x1024 ;;
        window) part window 60 "$work/dethrone" demo --set engine.mode=cuda --output "$OUT/demo" ;;
        *) echo "there is no part named $name" >&2; exit 2 ;;
        esac
    done
    cp "$DETHRONE_CACHE"/cuda/algorithms-*.json "$OUT" 2>/dev/null
    exit $failed
}

case ${1:-} in
build) build ;;
run) shift; [ $# -gt 0 ] || set -- families bits small large experts; run "$@" ;;
*) sed -n '2,17p' "$0"; exit 2 ;;
esac
