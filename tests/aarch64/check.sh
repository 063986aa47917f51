#!/usr/bin/env bash
# Type-checks the workspace for aarch64 and runs the kernels' tests there, under QEMU user emulation.
#
#   tests/aarch64/check.sh [kernels|workspace]
#
# The kernels' tests hold NEON code to the same pinned digests as AVX-512, AVX2 and scalar code. They are built as a crate
# of their own, since the whole of `models` takes minutes under a second toolchain.
#
# A toolchain that already has the target is used as it is. Otherwise Debian's `rustc-web` and its standard libraries are
# unpacked below the cache folder, where they get in nobody's way. The C compiler and the emulator are installed with apt.
set -euo pipefail

cd "$(dirname "$0")/../.."
root=$PWD
what=${1:-all}
target=aarch64-unknown-linux-gnu
work=$HOME/.cache/dethrone-ci/aarch64
mkdir -p "$work"

# One run at a time: two would unpack into the same folder.
exec 9>"$work/lock"
flock 9

if ! command -v aarch64-linux-gnu-gcc >/dev/null || ! command -v qemu-aarch64-static >/dev/null ||
    [ ! -e /usr/aarch64-linux-gnu/lib/libc.so.6 ]; then
    apt-get update -q
    apt-get install -qy --no-install-recommends gcc-aarch64-linux-gnu g++-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static
fi

# Unpacks rustc, and the standard libraries of both machines, without installing them.
unpack_toolchain() {
    local new=$work/toolchain.new
    rm -rf "$new" && mkdir -p "$new/lists/partial" "$new/debs" "$new/root"
    local apt=(-q -o "Dir::State::Lists=$new/lists" -o APT::Sandbox::User=root
        -o APT::Architectures::=amd64 -o APT::Architectures::=arm64)
    apt-get "${apt[@]}" update
    local depends library llvm
    depends=$(apt-cache "${apt[@]}" show --no-all-versions libstd-rust-web-dev:amd64 | sed -n 's/^Depends: //p')
    library=$(grep -o 'libstd-rust-web-[0-9.]*[0-9]' <<<"$depends" | head -n 1)
    llvm=$(apt-cache "${apt[@]}" show --no-all-versions "$library:amd64" | grep -o 'libllvm[0-9]*' | head -n 1)
    (cd "$new/debs" && apt-get "${apt[@]}" download rustc-web:amd64 libstd-rust-web-dev:amd64 \
        libstd-rust-web-dev:arm64 "$library:amd64" "$llvm:amd64")
    for package in "$new"/debs/*.deb; do
        dpkg -x "$package" "$new/root"
    done
    rm -rf "$new/debs" "$new/lists"
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' \
        "$work/toolchain/root/usr/lib/x86_64-linux-gnu" "$work/toolchain/root/usr/bin/rustc" >"$new/rustc"
    chmod +x "$new/rustc"
    rm -rf "$work/toolchain" && mv "$new" "$work/toolchain"
}

if [ ! -d "$(rustc --print target-libdir --target $target)" ]; then
    [ -x "$work/toolchain/rustc" ] || unpack_toolchain
    export RUSTC=$work/toolchain/rustc
fi
"${RUSTC:-rustc}" --version

export CARGO_TARGET_DIR=$work/target
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64-static -L /usr/aarch64-linux-gnu"

if [ "$what" != workspace ]; then
    echo "== the kernels' tests"
    # Assembled outside the checkout, where no other lock file and no other workspace is found.
    mkdir -p "$work/kernels"
    cp Cargo.lock "$work/kernels/"
    {
        printf '[package]\nname = "kernels"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n'
        printf '[lib]\npath = "lib.rs"\ndoctest = false\n[dependencies]\n'
        grep -E '^(bytemuck|libm|memmap2|pulp|rayon) = ' Cargo.toml
    } >"$work/kernels/Cargo.toml"
    cat >"$work/kernels/lib.rs" <<RUST
#![allow(dead_code, missing_docs, unused_imports)]
#[path = "$root/models/src/kernel/mod.rs"]
pub mod kernel;
RUST
    cargo test --quiet --release --manifest-path "$work/kernels/Cargo.toml" --target $target
fi
if [ "$what" != kernels ]; then
    echo "== the workspace"
    # Nothing is linked here, so C libraries need not be optimized: the cryptography alone takes minutes otherwise.
    export CFLAGS_aarch64_unknown_linux_gnu=-O0 CXXFLAGS_aarch64_unknown_linux_gnu=-O0
    cargo check --release --workspace --locked --target $target
fi
