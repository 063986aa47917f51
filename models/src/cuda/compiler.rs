//! Compilation of the kernels by NVRTC, and a cache of its results on disk.

use std::{
    ffi::{CStr, CString},
    path::Path,
    ptr,
};

use cudarc::nvrtc::sys;

use crate::{atomic_file::AtomicFile, error::DeviceError};

/// Sources of the modules, each compiled behind the primitives.
const SOURCES: [(&str, &str); 5] = [
    ("rows", include_str!("kernels/rows.cu")),
    ("attention", include_str!("kernels/attention.cu")),
    ("experts", include_str!("kernels/experts.cu")),
    ("delta_net", include_str!("kernels/delta_net.cu")),
    ("sampling", include_str!("kernels/sampling.cu")),
];
const PRIMITIVES: &str = include_str!("kernels/primitives.cuh");
/// No contraction of products and sums beyond what the sources write, so that two kernels that should agree do.
const OPTIONS: [&str; 3] = ["--gpu-architecture=sm_90a", "--std=c++17", "--fmad=false"];

/// Compiled modules.
pub(super) struct Images {
    /// Binary of each module.
    pub(super) modules: Vec<Vec<u8>>,
    /// BLAKE3 of all sources and options.
    pub(super) digest: String,
}

/// Compiles every module, or takes it from the cache folder, where a compiler of this version made it for this card
/// and driver.
///
/// # Errors
/// If NVRTC refuses a source.
pub(super) fn compile(cache: &Path, card: &str, driver: i32) -> Result<Images, DeviceError> {
    let version = version()?;
    let mut all = blake3::Hasher::new_derive_key("dethrone 2026-11 kernels");
    for part in OPTIONS.into_iter().chain([PRIMITIVES]).chain(SOURCES.map(|(_, source)| source)) {
        all.update(&(part.len() as u64).to_le_bytes());
        all.update(part.as_bytes());
    }
    let digest = all.finalize().to_hex().to_string();
    let folder = cache.join("cuda").join(format!("kernels-{}", short(&[&digest, card, &driver.to_string(), &version])));
    let work = |(name, source): (&str, &str)| {
        let file = folder.join(format!("{name}.cubin"));
        if let Ok(image) = std::fs::read(&file)
            && let Some(image) = verified(image)
        {
            return Ok(image);
        }
        let image = compile_one(name, &format!("{PRIMITIVES}\n{source}"))?;
        // A cache that cannot be written costs the next start some seconds and nothing else.
        let kept = std::fs::create_dir_all(&folder).is_ok() && AtomicFile::write(&file, &sealed(&image)).is_ok();
        if !kept {
            tracing::warn!("cannot keep a compiled kernel in {}", file.display());
        }
        Ok(image)
    };
    let modules = std::thread::scope(|scope| {
        let threads = SOURCES.map(|source| scope.spawn(move || work(source)));
        threads.map(|thread| thread.join().expect("a compilation does not panic")).into_iter().collect::<Result<_, _>>()
    })?;
    Ok(Images { modules, digest })
}

/// The first 32 digits of a digest of some texts.
fn short(parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

/// An image with its digest behind it, since the driver trusts what it loads.
fn sealed(image: &[u8]) -> Vec<u8> {
    [image, blake3::hash(image).as_bytes()].concat()
}

/// The image of a file, where its digest is right.
fn verified(mut file: Vec<u8>) -> Option<Vec<u8>> {
    let digest = file.split_off(file.len().checked_sub(blake3::OUT_LEN)?);
    (blake3::hash(&file).as_bytes().as_slice() == digest).then_some(file)
}

fn check(status: sys::nvrtcResult, operation: &str) -> Result<(), DeviceError> {
    if status == sys::nvrtcResult::NVRTC_SUCCESS {
        return Ok(());
    }
    // SAFETY: the library returns a static string.
    #[expect(unsafe_code, reason = "the library's interface")]
    let text = unsafe { CStr::from_ptr(sys::nvrtcGetErrorString(status)) };
    Err(DeviceError { operation: operation.to_owned(), message: text.to_string_lossy().into_owned() })
}

/// Calls NVRTC and names the call in its error.
macro_rules! call {
    ($name:ident($($argument:expr),* $(,)?)) => {
        // SAFETY: handles are those that the library gave, pointers are to live values of the right size.
        check(
            {
                #[expect(unsafe_code, reason = "the library's interface")]
                unsafe { sys::$name($($argument),*) }
            },
            stringify!($name),
        )
    };
}

fn version() -> Result<String, DeviceError> {
    let (mut major, mut minor) = (0, 0);
    call!(nvrtcVersion(&raw mut major, &raw mut minor))?;
    Ok(format!("{major}.{minor}"))
}

fn compile_one(name: &str, source: &str) -> Result<Vec<u8>, DeviceError> {
    let text = |text: &str| CString::new(text).expect("sources and options hold no zero byte");
    let (source, file) = (text(source), text(&format!("{name}.cu")));
    let mut program = ptr::null_mut();
    let nothing = ptr::null();
    call!(nvrtcCreateProgram(&raw mut program, source.as_ptr(), file.as_ptr(), 0, nothing, nothing))?;
    let options = OPTIONS.map(text);
    let pointers: Vec<_> = options.iter().map(|option| option.as_ptr()).collect();
    let compiled = call!(nvrtcCompileProgram(program, pointers.len() as i32, pointers.as_ptr()));
    let image = compiled.map_err(|error| {
        let message = format!("{}: {}", error.message, log(program).unwrap_or_default());
        DeviceError { operation: format!("compiling the kernels of {name}"), message }
    });
    let image = image.and_then(|()| {
        let mut size = 0;
        call!(nvrtcGetCUBINSize(program, &raw mut size))?;
        let mut image = vec![0_u8; size];
        call!(nvrtcGetCUBIN(program, image.as_mut_ptr().cast()))?;
        Ok(image)
    });
    let _ = call!(nvrtcDestroyProgram(&raw mut program));
    image
}

/// The compiler's messages.
fn log(program: sys::nvrtcProgram) -> Option<String> {
    let mut size = 0;
    call!(nvrtcGetProgramLogSize(program, &raw mut size)).ok()?;
    let mut text = vec![0_u8; size];
    call!(nvrtcGetProgramLog(program, text.as_mut_ptr().cast())).ok()?;
    Some(String::from_utf8_lossy(&text).trim_end_matches('\0').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cached_kernel_that_was_changed_or_cut_short_is_compiled_again() {
        let sealed = sealed(b"image");
        assert_eq!(verified(sealed.clone()).as_deref(), Some(&b"image"[..]));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(verified(changed), None, "byte {at}");
            assert_eq!(verified(sealed[..at].to_vec()), None, "{at} bytes");
        }
    }
}
