//! Card that runs the kernels on the processor.

use std::{
    collections::BTreeMap,
    ffi::{CString, c_char, c_int, c_uint, c_void},
    path::PathBuf,
    sync::{Mutex, OnceLock},
};

use rayon::prelude::*;

use super::super::card::{Address, Card, CardIdentity, Kernel, Launch, Operands, WeightShape};
use crate::error::DeviceError;

type Start = unsafe extern "C" fn(
    *const c_char,
    *const c_uint,
    c_uint,
    usize,
    *const c_void,
    usize,
    *mut c_char,
    usize,
) -> c_int;

struct Library {
    allocate: unsafe extern "C" fn(usize) -> *mut c_void,
    free: unsafe extern "C" fn(*mut c_void, usize),
    launch: Start,
}

/// Compiles the stand-in once a process; a later process finds the file.
fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/cuda"));
        let mut hasher = blake3::Hasher::new();
        for part in ["kernels", "shim"] {
            let mut files: Vec<_> = std::fs::read_dir(folder.join(part)).unwrap().map(|f| f.unwrap().path()).collect();
            files.sort();
            for file in &files {
                hasher.update(&std::fs::read(file).unwrap());
            }
        }
        let file = std::env::temp_dir().join(format!("dethrone-kernels-{}.so", &hasher.finalize().to_hex()[..16]));
        if !file.exists() {
            let unfinished = tempfile::NamedTempFile::new_in(std::env::temp_dir()).unwrap();
            let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
            let done = std::process::Command::new(compiler)
                .args([
                    "-O2",
                    "-march=native",
                    "-std=c++20",
                    "-ffp-contract=off",
                    "-fno-strict-aliasing",
                    "-w",
                    "-shared",
                    "-fPIC",
                    "-o",
                ])
                .arg(unfinished.path())
                .arg(folder.join("shim/shim.cpp"))
                .status()
                .unwrap();
            assert!(done.success());
            unfinished.persist(&file).unwrap();
        }
        // SAFETY: a library of this project's own sources, with functions of these types.
        #[expect(unsafe_code, reason = "a library is opened")]
        unsafe {
            let library = Box::leak(Box::new(libloading::Library::new(&file).unwrap()));
            Library {
                allocate: *library.get(b"shim_allocate\0").unwrap(),
                free: *library.get(b"shim_free\0").unwrap(),
                launch: *library.get(b"shim_launch\0").unwrap(),
            }
        }
    })
}

/// The processor as a card.
pub(super) struct ShimCard {
    identity: CardIdentity,
    kernels: Mutex<Vec<CString>>,
    taken: Mutex<BTreeMap<u64, usize>>,
}

impl ShimCard {
    pub(super) fn new() -> Self {
        let text = str::to_owned;
        let (card, capability, driver) = (text("stand-in"), text("0.0"), text("0"));
        let identity = CardIdentity { card, capability, driver, kernels: text("00"), library: text("0") };
        Self { identity, kernels: Mutex::default(), taken: Mutex::default() }
    }
}

#[expect(unsafe_code, reason = "addresses of the stand-in are pointers")]
fn bytes<'a>(at: Address, count: usize) -> &'a mut [u8] {
    // SAFETY: the memory was taken from the stand-in by whoever passes the address.
    unsafe { std::slice::from_raw_parts_mut(at.0 as *mut u8, count) }
}

fn floats(at: Address, count: usize) -> Vec<f32> {
    bytes(at, 2 * count).chunks_exact(2).map(|b| half::bf16::from_le_bytes(b.try_into().unwrap()).to_f32()).collect()
}

impl Card for ShimCard {
    fn identity(&self) -> &CardIdentity {
        &self.identity
    }

    fn multiprocessors(&self) -> u32 {
        2
    }

    fn memory(&self) -> Result<(u64, u64), DeviceError> {
        Ok((1 << 32, 1 << 33))
    }

    #[expect(unsafe_code, reason = "the stand-in's interface")]
    fn allocate(&self, bytes: usize) -> Result<Address, DeviceError> {
        if bytes > 1 << 32 {
            return Err(DeviceError { operation: String::new(), message: "out of memory".to_owned() });
        }
        // SAFETY: any size may be asked for.
        let address = unsafe { (library().allocate)(bytes) } as u64;
        self.taken.lock().unwrap().insert(address, bytes);
        Ok(Address(address))
    }

    #[expect(unsafe_code, reason = "the stand-in's interface")]
    fn free(&self, address: Address) {
        let bytes = self.taken.lock().unwrap().remove(&address.0).unwrap();
        // SAFETY: memory that was taken above, with its size.
        unsafe { (library().free)(address.0 as *mut c_void, bytes) }
    }

    fn fill(&self, to: Address, byte: u8, count: usize) -> Result<(), DeviceError> {
        bytes(to, count).fill(byte);
        Ok(())
    }

    fn upload(&self, to: Address, from: &[u8]) -> Result<(), DeviceError> {
        bytes(to, from.len()).copy_from_slice(from);
        Ok(())
    }

    fn download(&self, from: Address, to: &mut [u8]) -> Result<(), DeviceError> {
        to.copy_from_slice(bytes(from, to.len()));
        Ok(())
    }

    fn copy(&self, to: Address, from: Address, count: usize) -> Result<(), DeviceError> {
        bytes(to, count).copy_from_slice(bytes(from, count));
        Ok(())
    }

    fn kernel(&self, name: &str) -> Result<Kernel, DeviceError> {
        let name = CString::new(name).unwrap();
        let mut kernels = self.kernels.lock().unwrap();
        let found = kernels.iter().position(|known| *known == name);
        Ok(Kernel(found.unwrap_or_else(|| {
            kernels.push(name);
            kernels.len() - 1
        })))
    }

    #[expect(unsafe_code, reason = "the stand-in's interface")]
    fn launch(&self, kernel: Kernel, launch: Launch, argument: &[u8]) -> Result<(), DeviceError> {
        let name = self.kernels.lock().unwrap()[kernel.0].clone();
        let mut error = [0_u8; 512];
        let (from, shared) = (argument.as_ptr().cast(), launch.shared as usize);
        // SAFETY: the argument is live, and its pointers are into memory of the stand-in.
        let status = unsafe {
            let error = error.as_mut_ptr().cast();
            (library().launch)(
                name.as_ptr(),
                launch.grid.as_ptr(),
                launch.threads,
                shared,
                from,
                argument.len(),
                error,
                512,
            )
        };
        if status == 0 {
            return Ok(());
        }
        let message = String::from_utf8_lossy(&error).trim_end_matches('\0').to_owned();
        Err(DeviceError { operation: format!("{name:?} on {launch:?}"), message })
    }

    fn prepare(&self, _: &[WeightShape], _: &[usize]) -> Result<(), DeviceError> {
        Ok(())
    }

    fn multiply(&self, shape: WeightShape, operands: Operands) -> Result<(), DeviceError> {
        let WeightShape { outputs, inputs, wide } = shape;
        let weights = floats(operands.weights, outputs * inputs);
        let x = floats(operands.x, operands.rows * inputs);
        let size = if wide { 4 } else { 2 };
        let y = bytes(operands.y, operands.rows * outputs * size);
        y.par_chunks_mut(outputs * size).zip(x.par_chunks(inputs)).for_each(|(y, x)| {
            for (y, weights) in y.chunks_exact_mut(size).zip(weights.chunks_exact(inputs)) {
                let sum: f32 = weights.iter().zip(x).map(|(weight, x)| weight * x).sum();
                match wide {
                    true => y.copy_from_slice(&sum.to_le_bytes()),
                    false => y.copy_from_slice(&half::bf16::from_f32(sum).to_le_bytes()),
                }
            }
        });
        Ok(())
    }

    fn synchronize(&self) -> Result<(), DeviceError> {
        Ok(())
    }
}
