//! Running untrusted code in wasmtime: one program, one instance, deterministic limits.
