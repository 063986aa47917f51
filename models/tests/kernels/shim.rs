//! Loads the stand-in: memory between guard pages, and launches.

use std::{marker::PhantomData, path::Path, process::Command, sync::OnceLock};

use bytemuck::{AnyBitPattern, NoUninit};
use libloading::Library;

type Allocate = unsafe extern "C" fn(usize) -> *mut u8;
type Free = unsafe extern "C" fn(*mut u8, usize);
type Schedule = unsafe extern "C" fn(i32, u64);
type LaunchKernel = unsafe extern "C" fn(*const i8, *const u32, u32, usize, *const u8, usize, *mut u8, usize) -> i32;

struct Shim {
    allocate: Allocate,
    free: Free,
    schedule: Schedule,
    launch: LaunchKernel,
}

/// Compiles the kernels once a process.
fn shim() -> &'static Shim {
    static SHIM: OnceLock<Shim> = OnceLock::new();
    SHIM.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cuda/shim/shim.cpp");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("kernels-{}.so", std::process::id()));
        let flags = "-O2 -march=native -std=c++20 -ffp-contract=off -fno-strict-aliasing -w -shared -fPIC -o";
        let compiler = Command::new("c++").args(flags.split(' ')).arg(&target).arg(&source).output();
        let output = compiler.expect("a C++ compiler is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // SAFETY: the library is our own, and its functions have the types given above.
        #[expect(unsafe_code, reason = "a shared library of ours")]
        let shim = unsafe {
            let library = Box::leak(Box::new(Library::new(&target).unwrap()));
            Shim {
                allocate: *library.get(b"shim_allocate").unwrap(),
                free: *library.get(b"shim_free").unwrap(),
                schedule: *library.get(b"shim_schedule").unwrap(),
                launch: *library.get(b"shim_launch").unwrap(),
            }
        };
        std::fs::remove_file(&target).unwrap();
        shim
    })
}

/// Order of threads, and whether copies land at the last moment instead of at once; of this test's launches.
pub(crate) fn schedule(late: bool, seed: u64) {
    // SAFETY: takes plain numbers.
    #[expect(unsafe_code, reason = "a shared library of ours")]
    unsafe {
        (shim().schedule)(i32::from(late), seed);
    }
}

/// Values in the memory of the stand-in, which ends where they end.
pub(crate) struct Buffer<T> {
    memory: *mut u8,
    count: usize,
    of: PhantomData<T>,
}

impl<T: NoUninit + AnyBitPattern> Buffer<T> {
    /// Memory that nothing was written to: every byte is 0xff.
    pub(crate) fn blank(count: usize) -> Self {
        // SAFETY: takes a plain number.
        #[expect(unsafe_code, reason = "a shared library of ours")]
        let memory = unsafe { (shim().allocate)(count * size_of::<T>()) };
        assert!(!memory.is_null(), "no memory");
        Self { memory, count, of: PhantomData }
    }

    pub(crate) fn of(values: &[T]) -> Self {
        let mut buffer = Self::blank(values.len());
        buffer.write(0, values);
        buffer
    }

    pub(crate) fn zeros(count: usize) -> Self {
        Self::of(&vec![T::zeroed(); count])
    }

    pub(crate) fn write(&mut self, first: usize, values: &[T]) {
        assert!(first + values.len() <= self.count, "within the buffer");
        let bytes: &[u8] = bytemuck::cast_slice(values);
        // SAFETY: the range lies within the allocation.
        #[expect(unsafe_code, reason = "memory of the stand-in")]
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.memory.add(first * size_of::<T>()), bytes.len());
        }
    }

    pub(crate) fn read(&self) -> Vec<T> {
        // SAFETY: the allocation holds as many values, all of whose bits are written, and is aligned to 16 bytes or to
        // what is left of them at its end.
        #[expect(unsafe_code, reason = "memory of the stand-in")]
        let bytes = unsafe { std::slice::from_raw_parts(self.memory, self.count * size_of::<T>()) };
        bytes.chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned).collect()
    }

    pub(crate) fn address(&self) -> u64 {
        self.memory as u64
    }
}

impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        // SAFETY: the memory came from `allocate` with this size.
        #[expect(unsafe_code, reason = "a shared library of ours")]
        unsafe {
            (shim().free)(self.memory, self.count * size_of::<T>());
        }
    }
}

/// A kernel's launch.
pub(crate) struct Launch {
    name: String,
    grid: [u32; 3],
    threads: u32,
    shared: usize,
    arguments: Vec<u8>,
}

impl Launch {
    pub(crate) fn of(name: &str, grid: [usize; 2], threads: u32, shared: usize) -> Self {
        let grid = [grid[0] as u32, grid[1] as u32, 1];
        Self { name: name.to_owned(), grid, threads, shared, arguments: Vec::new() }
    }

    pub(crate) fn pointers<const N: usize>(mut self, pointers: [u64; N]) -> Self {
        self.arguments.extend(pointers.iter().flat_map(|pointer| pointer.to_le_bytes()));
        self
    }

    pub(crate) fn integers<const N: usize>(mut self, integers: [usize; N]) -> Self {
        self.arguments.extend(integers.iter().flat_map(|integer| (*integer as i32).to_le_bytes()));
        self
    }

    pub(crate) fn float(mut self, number: f32) -> Self {
        self.arguments.extend(number.to_le_bytes());
        self
    }

    pub(crate) fn try_run(mut self) -> Result<(), String> {
        self.arguments.resize(self.arguments.len().next_multiple_of(8), 0);
        let name = std::ffi::CString::new(self.name).unwrap();
        let mut error = [0_u8; 256];
        // SAFETY: every pointer is to a live value of the length that is given beside it.
        #[expect(unsafe_code, reason = "a shared library of ours")]
        let status = unsafe {
            (shim().launch)(
                name.as_ptr().cast(),
                self.grid.as_ptr(),
                self.threads,
                self.shared,
                self.arguments.as_ptr(),
                self.arguments.len(),
                error.as_mut_ptr(),
                error.len(),
            )
        };
        let end = error.iter().position(|byte| *byte == 0).unwrap();
        if status == 0 { Ok(()) } else { Err(String::from_utf8_lossy(&error[..end]).into_owned()) }
    }

    pub(crate) fn run(self) {
        self.try_run().unwrap();
    }
}

#[test]
fn what_is_wrong_with_a_launch_is_said_and_the_next_one_runs() {
    let (x, out) = (Buffer::<u16>::zeros(2 * 64), Buffer::<u16>::blank(32));
    let gate = |rows: usize, threads: u32, inner: usize, shared: usize| {
        let launch = Launch::of("gate", [1, rows], threads, shared).pointers([x.address(), 0, out.address()]);
        launch.integers([inner, 64, 32, 0]).try_run()
    };
    gate(1, 256, 32, 0).unwrap();
    for (result, expected) in [
        (gate(3, 256, 32, 0), "touched out of bounds"),
        (gate(1, 128, 32, 0), "another number of threads"),
        (gate(1, 256, 32, 300 << 10), "more shared memory than a card has"),
        (gate(0, 256, 32, 0), "the grid is empty"),
        (Launch::of("gates", [1, 1], 256, 0).try_run(), "none of this name"),
        (Launch::of("gate", [1, 1], 256, 0).try_run(), "arguments have another size"),
    ] {
        let error = result.unwrap_err();
        assert!(error.contains(expected), "{error}");
        gate(1, 256, 32, 0).unwrap();
    }
    assert!(out.read().iter().all(|value| *value == 0));
    assert!(Buffer::<u16>::blank(3).read().iter().all(|value| *value == 0xffff), "nothing is written to new memory");
}
