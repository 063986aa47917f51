//! Running untrusted code in wasmtime: one program, one instance, deterministic limits.
//!
//! Everything a miner's model wrote is hostile. A program runs in an own instance of CPython without files, network,
//! environment, real clock or real entropy; its resources are bounded by counts that are the same on every machine; and
//! its answers are data that the host bounds and checks. Secrets (expected answers, keys) never enter an instance.
//!
//! The guest itself is built by another crate, which alone has file systems, pip and a cache: this one takes an
//! [`Artifact`] and runs it.
//!
//! # Determinism
//!
//! Clock, entropy and the `random` module are functions of the job's seed. The seed of Python's string hashes is fixed for
//! all jobs: every program starts from a captured heap in which the interpreter has hashed its own names, and with another
//! seed it would find none of them again. The iteration order of a set of strings is thus a function of the program alone.
//!
//! # A program's surroundings
//!
//! A program finds what a script finds on Linux: `sys.argv` is `["main.py"]`, `sys.maxsize` is `2**63 - 1`, calls nest through C as
//! deeply, finalizers run at the end, and every module of the standard library that is written in Python imports. Threads run one
//! after another: each from its start to its end once another waits, always in the same order; threads that take turns are an
//! error that says so. The interpreter has 32 bits, whose limits are errors of Python: `len` of more than `2**31 - 1` items and
//! counts beyond that are an `OverflowError`. Two things differ without one: hashes have 32 bits, so that a set of numbers may
//! iterate in another order than on Linux, and `array` and `struct` have a native `long` of 4 bytes. There are no processes, no
//! network, no files, and none of the modules in C that the interpreter's build lacks (`bz2`, `lzma`, `ssl`, `ctypes`, `curses`,
//! `readline`, `mmap`).
//!
//! # Plain data
//!
//! Arguments and return values of a function cross the boundary as JSON. Every value has one form, and the form can be
//! read back:
//!
//! | Python | JSON |
//! |---|---|
//! | `None`, `bool`, `str`, `list` | `null`, boolean, string, array |
//! | `int` from `-2**63` to `2**64 - 1` | number without fraction |
//! | `int` beyond that | `{"$int": "0x..."}` (or `"-0x..."`) |
//! | `float`, finite | number with a fraction or exponent, so that `1.0` stays a float |
//! | `float`, not finite | `{"$float": "nan"}`, `"inf"`, `"-inf"` |
//! | `tuple` | `{"$tuple": [...]}` |
//! | `dict` whose keys are all `str` without a leading `$` | object (an order is kept on the way, though `serde_json::Value` may sort it) |
//! | any other `dict` | `{"$dict": [[key, value], ...]}` |
//! | `set`, `frozenset` | `{"$set": [...]}`, `{"$frozenset": [...]}`, sorted by their JSON text |
//! | `bytes` | `{"$bytes": "<hex>"}` |
//! | `complex` | `{"$complex": [real, imaginary]}` |
//!
//! Types are compared exactly: an instance of a subclass (a `bool` aside) is not plain, nor is a string with a lone
//! surrogate, nor anything nested deeper than [`plain::DEEPEST`]. A function that returns such a value has raised.

mod artifact;
mod engine;
mod error;
pub mod host;
mod instance;
mod judge;
mod limits;
mod outcome;
pub mod plain;
mod pool;
mod sandbox;

pub use artifact::{Artifact, GuestCompiler};
pub use engine::guest_engine;
pub use error::SandboxError;
pub use judge::{Judgement, Trial};
pub use limits::Limits;
pub use outcome::{Ending, Outcome};
pub use sandbox::{Call, Program, Sandbox, SandboxSettings};
