# Named recipes; each is a plain shell line that works without `just` too.

# List the recipes.
default:
    @just --list

# The main job on real models, set up by itself.
demo:
    cargo run --release -- demo

# Format, the unit tests of every crate and the rules of the house: under two minutes once built.
test-fast:
    cargo fmt --all --check
    cargo test --release --workspace --lib --test tidy

# Every test.
test:
    cargo test --release --workspace

# Lints with warnings denied, for all targets.
lint:
    cargo clippy --release --workspace --all-targets -- -D warnings

# Dependency policy: licenses, bans and sources; `just advisories` needs network.
deny:
    cargo deny --all-features check bans licenses sources

# Known security advisories of the dependencies.
advisories:
    cargo deny --all-features check advisories

# The kernels on ARM, under emulation.
aarch64:
    tests/aarch64/check.sh

# Line coverage of every crate (needs cargo-llvm-cov).
coverage:
    cargo llvm-cov --release --workspace --summary-only

# All that a change must pass.
ci:
    .ci/run
