//! `dethrone env play`: a person answers a task in the terminal.

use std::io::{BufRead, IsTerminal};

use clap::Args;
use environments::{Message, Role};
use serde::Serialize;

use super::training_tasks;
use crate::cli::runtime::block_on;
use crate::exit_status::ExitStatus;
use crate::printer::Printer;
use crate::problem::Problem;
use crate::training::{Attempt, Judged, TrainingError};

/// Arguments of `dethrone env play`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// An environment such as `sat:2`, or a Python file.
    environment: String,
    /// Number of the training task.
    #[arg(long, value_name = "N", default_value_t = 0)]
    number: u64,
}

/// Printed end of a conversation.
#[derive(Debug, Serialize)]
struct Played {
    environment: String,
    number: u64,
    replies: Vec<String>,
    score: f64,
    reason: String,
}

/// Shows the task, reads replies from standard input, and says what a validator makes of them.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let Arguments { environment, number } = arguments;
    let failed = |error: TrainingError| Problem::from_error(ExitStatus::CheckFailed, &error);
    let played = block_on(async {
        let tasks = training_tasks(std::slice::from_ref(environment)).await?;
        let task = tasks.task(environment, *number, false).await.map_err(failed)?;
        let mut attempt = Attempt { environment: environment.clone(), number: *number, replies: Vec::new() };
        let mut messages = task.messages;
        loop {
            printer.say(&messages.iter().map(said).collect::<String>());
            attempt.replies.push(read_reply(printer)?);
            match tasks.judge(&attempt).await.map_err(failed)? {
                Judged { score: Some(score), reason, .. } => {
                    let (environment, replies) = (task.environment, attempt.replies);
                    let reason = reason.unwrap_or_default();
                    return Ok(Played { environment, number: *number, replies, score, reason });
                }
                Judged { messages: next, .. } => messages = next,
            }
        }
    })?;
    printer.data(&played, |played| format!("{}: scores {}: {}", played.environment, played.score, played.reason))
}

fn said(message: &Message) -> String {
    let who = if message.role == Role::Assistant { "example of a reply" } else { message.role.as_str() };
    format!("[{who}]\n{}\n\n", message.content)
}

/// The lines up to one with a dot alone, or to the end of the input.
fn read_reply(printer: &Printer) -> Result<String, Problem> {
    let input = std::io::stdin();
    if input.is_terminal() {
        printer.say("Your reply; a line with a dot alone ends it.");
    }
    let mut lines = Vec::new();
    for line in input.lock().lines() {
        let line = line.map_err(|error| {
            Problem::new(ExitStatus::Usage, format!("cannot read a reply: {error}")).hint("replies are text in UTF-8")
        })?;
        if line == "." {
            return Ok(lines.join("\n"));
        }
        lines.push(line);
    }
    if lines.is_empty() {
        return Err(Problem::new(ExitStatus::Usage, "the input ended before the conversation did")
            .hint("end each reply by a line with a dot alone"));
    }
    Ok(lines.join("\n"))
}
