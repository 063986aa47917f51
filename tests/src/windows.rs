//! A subnet over several windows: tiny models that come, go and are swapped.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{COMMIT, Subnet};

/// A folder hub of tiny random models, and a registry that is another one in every window.
#[derive(Debug)]
pub struct Windows {
    folder: TempDir,
    program: PathBuf,
}

/// An entry: hotkey, model reference, block of commitment.
pub type Committed<'a> = (&'a str, &'a str, u64);

impl Windows {
    /// A subnet without models, decided by this program.
    pub fn new(program: &str) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let windows = Self { folder, program: PathBuf::from(program) };
        write(
            &windows.path("dethrone.toml"),
            "registry = 'registry.json'\noutput = 'output'\nround = 4\nenvironments = [{ name = 'sat', tier = 0 }]\n\
             [hub]\nkind = 'folder'\nfolder = 'hub'\n\
             [heat]\ntasks = 0\n\
             [duel]\nbudget = 48\nminimum_tasks = 4\n\
             [engine]\nrows = 16\npages = 512\nthreads = 1\n",
        );
        windows
    }

    /// A subnet without models, under a rule with heats, reference tasks and rounds of four tasks, in which a model's skill is
    /// known: see [`Self::skilled`].
    pub fn of_known_skill(program: &str, heat: &str, duel: &str) -> Self {
        let windows = Self::new(program);
        write(&windows.path("length.py"), LENGTH);
        write(
            &windows.path("dethrone.toml"),
            &format!(
                "registry = 'registry.json'\noutput = 'output'\nround = 4\nenvironments = [{{ name = 'length.py' }}]\n\
                 [hub]\nkind = 'folder'\nfolder = 'hub'\n[heat]\n{heat}\n[duel]\n{duel}\n\
                 [engine]\nrows = 16\npages = 512\nthreads = 1\n"
            ),
        );
        windows
    }

    /// Lays out a tiny random model that is right on so many percent of the tasks: those whose prompt its context has room for.
    /// Phi-3 and Gemma 3 are no families for it, whose fixtures often reply with nothing.
    pub fn skilled(&self, name: &str, family: &str, percent: u64) -> String {
        let reference = self.model(name, family, 0.0);
        let config = self.path("hub").join("o").join(name).join(COMMIT).join("files").join("config.json");
        let text =
            fs::read_to_string(&config).unwrap_or_else(|error| panic!("{} was laid out: {error}", config.display()));
        let mut short: Value = serde_json::from_str(&text).expect("a configuration is JSON");
        short["max_position_embeddings"] = (AROUND + percent).into();
        write(&config, &short.to_string());
        reference
    }

    /// A path inside the subnet's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Lays out a tiny random model of a family, with noise of this share of every tensor's size, and names it.
    pub fn model(&self, name: &str, family: &str, noise: f32) -> String {
        let to = self.path("hub").join("o").join(name).join(COMMIT).join("files");
        Subnet::lay_out(&to, family);
        if noise > 0.0 {
            perturb(&to.join("model.safetensors"), noise, name.len() as u64);
        }
        reference(name)
    }

    /// Writes the registry of a window; `more` are further keys of the file.
    pub fn register(&self, block: u64, entries: &[Committed<'_>], more: Value) {
        let entry = |(place, (hotkey, model, committed)): (usize, &Committed<'_>)| json!({ "uid": place + 1, "hotkey": hotkey, "model": model, "committed": committed });
        let entries: Vec<Value> = entries.iter().enumerate().map(entry).collect();
        let mut registry = json!({
            "version": 1,
            "netuid": 1,
            "seed_block": block,
            "seed_hash": format!("{:02x}", block % 251).repeat(32),
            "entries": entries,
        });
        if let (Some(registry), Some(more)) = (registry.as_object_mut(), more.as_object()) {
            registry.extend(more.clone());
        }
        write(&self.path("registry.json"), &registry.to_string());
    }

    /// The program with these arguments, to be started in the subnet's folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.folder.path());
        command
    }

    /// `dethrone validate --once` on the registry, with these further arguments, to be started.
    pub fn validate(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(&["validate", "--once", "--config", "dethrone.toml", "--format", "json"]);
        command.args(arguments);
        command
    }

    /// Decides a window.
    pub fn decide(&self, block: u64, entries: &[Committed<'_>], more: Value) -> Output {
        self.register(block, entries, more);
        self.validate(&[]).output().expect("the program starts")
    }

    /// Begins a window and kills the process as soon as it says something on standard error.
    pub fn kill_at(&self, block: u64, entries: &[Committed<'_>], said: &str) {
        self.register(block, entries, json!({}));
        let mut command = self.validate(&[]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let stderr = child.stderr.take().expect("standard error is piped");
        for line in BufReader::new(stderr).lines() {
            if line.expect("the program writes text").contains(said) {
                break;
            }
        }
        child.kill().expect("the process is ours");
        child.wait().expect("the process is ours");
    }

    /// A result file of a window, if it is there.
    pub fn result(&self, block: u64, name: &str) -> Option<String> {
        fs::read_to_string(self.log(block).with_file_name(name)).ok()
    }

    /// The record that a window has handed to the next.
    pub fn record(&self, block: u64) -> Value {
        let text = self.result(block, "record.json").unwrap_or_else(|| panic!("window {block} was not decided"));
        let file: Value = serde_json::from_str(&text).expect("a record is JSON");
        file["record"].clone()
    }

    /// Path of a window's evidence.
    pub fn log(&self, block: u64) -> PathBuf {
        self.path("output").join(format!("window-{block}")).join("evidence.jsonl")
    }

    /// Whoever holds weight after a window.
    pub fn weights(&self, block: u64) -> Vec<(String, f64)> {
        let text = self.result(block, "weights.json").unwrap_or_else(|| panic!("window {block} was not decided"));
        let weights: Value = serde_json::from_str(&text).expect("weights are JSON");
        let rows = weights["weights"].as_array().expect("weights are a list").iter();
        let row = |row: &Value| {
            (row["hotkey"].as_str().unwrap_or_default().to_owned(), row["weight"].as_f64().unwrap_or(0.0))
        };
        rows.map(row).filter(|(_, weight)| *weight > 0.0).collect()
    }

    /// `dethrone audit` of these windows' evidence, in order.
    pub fn audit(&self, blocks: &[u64]) -> Output {
        let mut command = self.command(&["audit"]);
        command.args(blocks.iter().map(|block| self.log(*block)));
        command.output().expect("the program starts")
    }
}

/// Tasks with prompts of 1 to 100 letters, each a token; any reply is right.
const LENGTH: &str = r#"
ENV = {"name": "test.length", "version": "1.0.0", "abi": 1}


def generate(seed, level=1):
    return {"prompt": "a" * (1 + seed % 100), "private": {}}


def verify(task, reply):
    return 1.0 if reply else 0.0
"#;

/// Tokens of the chat template around a prompt, and of the shortest reply.
const AROUND: u64 = 25;

/// The reference of a model in the hub.
pub fn reference(name: &str) -> String {
    format!("o/{name}@{COMMIT}")
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}

/// Adds noise of this share of each tensor's root mean square to every tensor of a file.
fn perturb(path: &Path, share: f32, seed: u64) {
    let mut bytes = fs::read(path).expect("the model was laid out");
    let size = u64::from_le_bytes(bytes[..8].try_into().expect("a header's size has 8 bytes")) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + size]).expect("a header is JSON");
    let mut state = seed;
    for (_, tensor) in
        header.as_object().expect("a header is a table").iter().filter(|(name, _)| *name != "__metadata__")
    {
        assert_eq!(tensor["dtype"], "BF16", "the fixtures are stored as bf16");
        let offset = |place: usize| tensor["data_offsets"][place].as_u64().expect("an offset") as usize + 8 + size;
        let data = &mut bytes[offset(0)..offset(1)];
        // A bf16 is the upper half of an f32.
        let value = |chunk: &[u8]| f32::from_le_bytes([0, 0, chunk[0], chunk[1]]);
        let squares: f32 = data.chunks_exact(2).map(|chunk| value(chunk).powi(2)).sum();
        let root_mean_square = (squares / (data.len() / 2) as f32).sqrt();
        for chunk in data.chunks_exact_mut(2) {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Uniform with the standard deviation 1.
            let noise = ((state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0) * 3.0_f32.sqrt();
            let changed = value(chunk) + share * root_mean_square * noise;
            let rounded = changed.to_bits() + 0x7fff + ((changed.to_bits() >> 16) & 1);
            chunk.copy_from_slice(&rounded.to_le_bytes()[2..]);
        }
    }
    write_bytes(path, &bytes);
}

fn write_bytes(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}
