//! `dethrone score`: log-probabilities of given token ids under a model.

use std::path::{Path, PathBuf};

use clap::Args;
use models::engine::{Engine, EngineError, EngineSettings, Request, Sampling};
use models::source::ModelSource;
use serde::Serialize;

use super::runtime::block_on;
use crate::exit_status::ExitStatus;
use crate::loader::ModelLoader;
use crate::printer::Printer;
use crate::problem::Problem;
use crate::reporter::for_this_terminal;
use crate::sandbox::cache_folder;
use crate::settings::Settings;

/// Arguments of `dethrone score`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The model: `owner/name@<40 hex>`, a folder in the Hugging Face layout (a tokenizer is not needed), or a GGUF file.
    model: String,
    /// A JSON list of token-id lists.
    #[arg(long, value_name = "FILE")]
    ids: PathBuf,
    /// Also continue each list by so many likeliest tokens.
    #[arg(long, value_name = "N", default_value_t = 0)]
    greedy: usize,
    /// CPU threads; 0 takes all cores. Changes no result.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
}

/// The scores of all lists.
#[derive(Debug, Serialize)]
struct Scores {
    rows: Vec<Row>,
}

/// The scores of one list.
#[derive(Debug, Serialize)]
struct Row {
    /// The natural log-probability of each next token: one fewer than the ids.
    token_logprobs: Vec<f32>,
    /// The likeliest continuation.
    greedy_ids: Vec<u32>,
}

/// Scores each list in one forward pass.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let lists = read_ids(&arguments.ids)?;
    let source: ModelSource = arguments.model.parse()?;
    let defaults = Settings::default();
    let engine = EngineSettings { threads: arguments.threads, prefix_cache: false, ..defaults.engine };
    let settings = Settings { engine, ..defaults };
    let scores = block_on(async {
        let loader = ModelLoader::new(&settings, &cache_folder()?, for_this_terminal())?;
        let model = loader.open_for_ids(&source).await?;
        let rows = lists.iter().map(|ids| score(&model.engine, ids, arguments.greedy));
        let rows = futures::future::try_join_all(rows).await.map_err(|error| {
            Problem::from_error(ExitStatus::Usage, &error).hint("the ids have to be below the model's vocabulary size")
        })?;
        Ok(Scores { rows })
    })?;
    check_finite(&scores, &arguments.model)?;
    printer.data(&scores, text)
}

/// Refuses scores that are not finite, which JSON cannot express: they would be written as `null`.
fn check_finite(scores: &Scores, model: &str) -> Result<(), Problem> {
    for (row, scores) in scores.rows.iter().enumerate() {
        if let Some(place) = scores.token_logprobs.iter().position(|logprob| !logprob.is_finite()) {
            let (token, value) = (place + 1, scores.token_logprobs[place]);
            let what = format!("{model} gives token {token} of list {row} the log-probability {value}");
            return Err(Problem::new(ExitStatus::ModelRefused, what)
                .hint("its tensors make its logits overflow; no score of such a model means anything"));
        }
    }
    Ok(())
}

fn read_ids(path: &Path) -> Result<Vec<Vec<u32>>, Problem> {
    let problem = |cause: String| {
        Problem::new(ExitStatus::Usage, format!("cannot use the ids in {}: {cause}", path.display()))
            .hint("the file holds a JSON list of non-empty lists of token ids, such as [[1, 2, 3], [4, 5]]")
    };
    let bytes = std::fs::read(path).map_err(|error| problem(error.to_string()))?;
    let lists: Vec<Vec<u32>> = serde_json::from_slice(&bytes).map_err(|error| problem(error.to_string()))?;
    if lists.iter().any(Vec::is_empty) {
        return Err(problem("a list is empty".to_owned()));
    }
    Ok(lists)
}

async fn score(engine: &Engine, ids: &[u32], greedy: usize) -> Result<Row, EngineError> {
    let scores = engine.score(&ids[..1], &ids[1..], 0).await?;
    let greedy_ids = match greedy {
        0 => Vec::new(),
        max_new_tokens => {
            let sampling = Sampling::greedy();
            let request = Request { prompt: ids.to_vec(), sampling, max_new_tokens, stop_strings: Vec::new() };
            engine.generate(request).await?.tokens
        }
    };
    Ok(Row { token_logprobs: scores.iter().map(|score| score.logprob).collect(), greedy_ids })
}

fn text(scores: &Scores) -> String {
    let line = |row: &Row| {
        let total: f64 = row.token_logprobs.iter().map(|logprob| f64::from(*logprob)).sum();
        let count = row.token_logprobs.len();
        let mean = if count > 0 { total / count as f64 } else { 0.0 };
        let continued =
            if row.greedy_ids.is_empty() { String::new() } else { format!(", continued by {:?}", row.greedy_ids) };
        format!("{count} tokens, log-probability {total:.4} ({mean:.4} a token){continued}")
    };
    scores.rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_that_are_no_numbers_are_an_error() {
        let scores = |token_logprobs| Scores { rows: vec![Row { token_logprobs, greedy_ids: Vec::new() }] };
        assert!(check_finite(&scores(vec![-1.0, -2.0]), "m").is_ok());
        for odd in [f32::NAN, f32::NEG_INFINITY] {
            assert!(check_finite(&scores(vec![-1.0, odd]), "m").is_err());
        }
    }
}
