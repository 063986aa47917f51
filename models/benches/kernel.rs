//! Rates of the kernels beside the plain `gemm` crate in the same run.

fn main() {}
