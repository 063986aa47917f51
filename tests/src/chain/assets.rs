//! Files of the official tools, fetched through pip into the cache: the golden vectors with real metadata in the source
//! distribution of bittensor, and the official core as a wheel.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use sandbox_builder::{Package, cache_folder};
use serde_json::Value;

/// SHA-256 of the source distribution of bittensor 11.3.0 (Apache-2.0).
const SOURCES: &str = "8ce05029a712866048c6cf3e3d5df1592ac896175f5b4227f63044b7e7b7edb3";

/// Fetches the source distribution, checks it, and takes the golden vectors out of it.
const FETCH: &str = r#"
import hashlib, pathlib, subprocess, sys, tarfile, tempfile
target, digest = pathlib.Path(sys.argv[1]), sys.argv[2]
with tempfile.TemporaryDirectory() as folder:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run(pip + ["--no-binary", ":all:", "bittensor==11.3.0", "--dest", folder], check=True)
    archive = pathlib.Path(folder) / "bittensor-11.3.0.tar.gz"
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert found == digest, f"the archive has SHA-256 {found}"
    with tarfile.open(archive) as opened:
        golden = opened.extractfile("bittensor-11.3.0/tests/fixtures/golden.json").read()
target.with_suffix(".unfinished").write_bytes(golden)
target.with_suffix(".unfinished").rename(target)
"#;

/// The official core 0.1.5 for Python.
const CORE: Package<'static> = Package {
    name: "bittensor-core",
    version: "0.1.5",
    hashes: &["b96d7f9cf385ee7aca41495f33fb2dbb620ae5f0ffdc5624f2ff183586bf5b5a"],
};

/// The golden vectors: metadata of runtime 461 in two versions, storage keys, calls, payloads, extrinsics.
pub fn golden() -> Value {
    let folder = cache_folder().expect("a cache folder is known").join("chain");
    fs::create_dir_all(&folder).expect("the cache is writable");
    let path = folder.join("golden-11.3.0.json");
    let lock = File::create(folder.join("golden.lock")).expect("the cache is writable");
    // Tests of several processes fetch it once.
    lock.lock().expect("files can be locked");
    if !path.is_file() {
        let fetched = Command::new("python3").args(["-c", FETCH]).arg(&path).arg(SOURCES).status();
        assert!(fetched.expect("python3 is there").success(), "pip cannot fetch the sources of bittensor 11.3.0");
    }
    let text = fs::read(&path).expect("the file was fetched");
    serde_json::from_slice(&text).expect("the vectors are JSON")
}

/// The folder with the official core, for `PYTHONPATH`; none where there is no wheel for this processor.
pub fn core_package() -> Option<PathBuf> {
    if cfg!(not(target_arch = "x86_64")) {
        return None;
    }
    let folder = cache_folder().expect("a cache folder is known");
    Some(CORE.fetch(&folder, &|_| {}).expect("pip fetches the official core"))
}
