//! `dethrone env export`: numbered training tasks as JSON lines.

use clap::Args;
use futures::StreamExt;

use super::training_tasks;
use crate::cli::runtime::block_on;
use crate::exit_status::ExitStatus;
use crate::printer::Printer;
use crate::problem::Problem;

/// Tasks that are made at the same time.
const AT_ONCE: usize = 64;

/// Arguments of `dethrone env export`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// An environment such as `sat:2`, or a Python file.
    environment: String,
    /// Number of tasks.
    #[arg(long, value_name = "N")]
    count: u64,
    /// Number of the first task.
    #[arg(long, value_name = "N", default_value_t = 0)]
    first: u64,
    /// Give replies that score 1, too.
    #[arg(long)]
    answers: bool,
}

/// Writes the tasks to standard output, a JSON object a line.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let Arguments { environment, count, first, answers } = arguments;
    let last = first.checked_add(*count).ok_or_else(|| {
        Problem::new(ExitStatus::Usage, "the last task's number has more than 64 bits").hint("give a smaller --first")
    })?;
    block_on(async {
        let tasks = training_tasks(std::slice::from_ref(environment)).await?;
        let tasks = &tasks;
        let made = (*first..last).map(|number| async move { tasks.task(environment, number, *answers).await });
        let mut made = futures::stream::iter(made).buffered(AT_ONCE);
        while let Some(task) = made.next().await {
            let task = task.map_err(|error| Problem::from_error(ExitStatus::CheckFailed, &error))?;
            let mut line = serde_json::to_vec(&task).expect("a task is plain data");
            line.push(b'\n');
            printer.file(&line)?;
        }
        Ok(())
    })
}
