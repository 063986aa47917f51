#!/usr/bin/env bash
# Builds with CUDA, holds a graphics processor against the references, and times it.
#
#   tests/device/check.sh [MODEL.gguf] [SEQUENCES=64]
#
# Needs Linux on x86-64, an NVIDIA driver, a C++ compiler, Rust, and either a CUDA toolkit (CUDA_HOME, or nvcc on the
# PATH) or Python with pip, which then fetches nvcc and what it needs as wheels from PyPI into target/device. The wheels
# are those of CUDA 13, for drivers from 580 on. Without MODEL.gguf nothing is timed.
#
# DEVICE_BUILD_ONLY=1 stops after building and linking, which needs neither driver nor card.
set -euo pipefail

model=${1:-}
[ -z "$model" ] || model=$(realpath "$model")
sequences=${2:-64}
cd "$(dirname "$0")/../.."
work=$(realpath -m "${CARGO_TARGET_DIR:-target}")/device
mkdir -p "$work"

if [ -z "${DEVICE_BUILD_ONLY:-}" ]; then
    command -v nvidia-smi >/dev/null || { echo "there is no NVIDIA driver here: nvidia-smi is missing" >&2; exit 3; }
    nvidia-smi --query-gpu=name,driver_version,memory.total,compute_cap --format=csv,noheader
    cap=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -n 1 | tr -d .)
    export CUDA_COMPUTE_CAP=${CUDA_COMPUTE_CAP:-$cap}
fi
export CUDA_COMPUTE_CAP=${CUDA_COMPUTE_CAP:-90}

# A toolkit from wheels: they hold libraries under their full names only, and the linker asks for short ones.
from_wheels() {
    local toolkit=$work/python/toolkit
    if [ ! -x "$toolkit/bin/nvcc" ]; then
        python3 -m pip install --quiet --no-deps --target "$work/python/site" \
            'nvidia-cuda-nvcc==13.*' 'nvidia-cuda-crt==13.*' 'nvidia-nvvm==13.*' 'nvidia-cuda-runtime==13.*' \
            'nvidia-cuda-cccl==13.*' 'nvidia-cuda-nvrtc==13.*' 'nvidia-curand==10.4.*' 'nvidia-cublas==13.*'
        ln -sfn "$work/python/site/nvidia/cu13" "$toolkit"
        for library in "$toolkit"/lib/lib*.so.*; do
            ln -sf "$(basename "$library")" "${library%%.so.*}.so"
        done
        ln -sfn lib "$toolkit/lib64"
        chmod +x "$toolkit"/bin/* "$toolkit"/nvvm/bin/*
    fi
    export CUDA_HOME=$toolkit
    # What the newest wheels are is not always known to the bindings: these are the last that they know.
    export CUDARC_CUDA_VERSION=${CUDARC_CUDA_VERSION:-13040}
}

if [ -n "${CUDA_HOME:-}" ]; then :
elif command -v nvcc >/dev/null; then CUDA_HOME=$(dirname "$(dirname "$(realpath "$(command -v nvcc)")")")
else from_wheels
fi
export CUDA_HOME NVCC=$CUDA_HOME/bin/nvcc PATH=$CUDA_HOME/bin:$PATH
"$NVCC" --version | tail -n 2

# The driver's library has its short name in development packages only.
driver=$(ldconfig -p | sed -n 's/.*libcuda\.so\.1 .*=> //p' | head -n 1)
mkdir -p "$work/lib"
if [ -n "$driver" ]; then
    ln -sf "$driver" "$work/lib/libcuda.so"
elif [ -n "${DEVICE_BUILD_ONLY:-}" ]; then
    # One with the names and nothing behind them: the program is linked, and cannot be started here.
    grep -ohE '\bcu[A-Z][A-Za-z0-9_]*' "$CUDA_HOME/include/cuda.h" | sort -u | sed 's/.*/void &(void) {}/' |
        cc -shared -nostdlib -Wl,-soname,libcuda.so.1 -o "$work/lib/libcuda.so" -x c -
fi
export LIBRARY_PATH=$work/lib:$CUDA_HOME/lib:$CUDA_HOME/lib64:${LIBRARY_PATH:-}
export LD_LIBRARY_PATH=$CUDA_HOME/lib:$CUDA_HOME/lib64:${LD_LIBRARY_PATH:-}

cargo test --release -p models --features cuda --lib --no-run
cargo bench -p models --features cuda --bench throughput --no-run
[ -z "${DEVICE_BUILD_ONLY:-}" ] || { echo "built; nothing was run"; exit 0; }

echo "== every family against its reference"
cargo test --release -p models --features cuda --lib -- --exact decoder::golden::a_graphics_processor_agrees_with_the_reference --nocapture
if [ -n "$model" ]; then
    echo "== tokens a second"
    for rows in 1 "$sequences"; do
        DETHRONE_BENCH_MODEL=$model cargo bench --quiet -p models --features cuda --bench throughput -- 1 "$rows" cuda
    done
fi
