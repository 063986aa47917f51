//! Log: events of `tracing` as lines on standard error, and as JSON in files of one day each where a service asks for them.

use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use tracing_appender::rolling::{InitError, RollingFileAppender, Rotation};
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use super::Verbosity;
use super::screen::write;

/// The files of the log; none until they are asked for. One for a process, as its subscriber is.
static FILES: Mutex<Option<RollingFileAppender>> = Mutex::new(None);

/// The events that go into files: ours from `info` on, and everybody's warnings.
const FILED: &str = "warn,harness=info,models=info,environments=info,sandboxes=info";

/// Logs the events that `variable` (the text of `RUST_LOG`) names, or else those of the verbosity.
///
/// # Errors
/// If the variable is not a list of `target=level`.
pub(crate) fn start(verbosity: Verbosity, variable: Option<&str>) -> Result<(), ParseError> {
    let filter = EnvFilter::try_new(variable.map_or_else(|| verbosity.directives(), str::to_owned))?;
    let lines = fmt::layer().with_ansi(false).with_writer(|| LogLines).with_filter(filter);
    let filed =
        fmt::layer().json().flatten_event(true).with_writer(|| LogFiles).with_filter(EnvFilter::try_new(FILED)?);
    // A second start in one process, as in tests, keeps the first subscriber.
    let _ = tracing::subscriber::set_global_default(Registry::default().with(lines).with(filed));
    Ok(())
}

/// Writes the log into files of this folder, too: `dethrone.YYYY-MM-DD.jsonl`, of which the latest `keep` stay.
///
/// # Errors
/// If the folder or the first file cannot be made.
pub(crate) fn start_files(folder: &Path, keep: usize) -> Result<(), InitError> {
    let files = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("dethrone")
        .filename_suffix("jsonl")
        .max_log_files(keep)
        .build(folder)?;
    *lock() = Some(files);
    Ok(())
}

fn lock() -> MutexGuard<'static, Option<RollingFileAppender>> {
    FILES.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Writes each log line at once, above the bars.
struct LogLines;

impl io::Write for LogLines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes each log line into the files, if there are any.
struct LogFiles;

impl io::Write for LogFiles {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full disk must not end the service: its weights are more than its log.
        if let Some(files) = &mut *lock() {
            let _ = files.write_all(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_is_no_list_of_levels_is_refused() {
        assert!(start(Verbosity::default(), Some("models=loud")).is_err());
        assert!(start(Verbosity::default(), Some("models=debug,warn")).is_ok());
        assert!(start(Verbosity::default(), None).is_ok());
    }

    #[test]
    fn files_hold_events_as_json_lines_and_the_oldest_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        for day in 1..=3 {
            std::fs::write(folder.path().join(format!("dethrone.2020-01-0{day}.jsonl")), "{}\n").unwrap();
        }
        start(Verbosity::default(), None).unwrap();
        start_files(folder.path(), 2).unwrap();
        tracing::warn!(window = 7_200, "the window gives no decision");
        *lock() = None;
        tracing::warn!(window = 14_400, "nobody reads this");
        let mut names: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names.len(), 2, "{names:?}");
        let text = std::fs::read_to_string(folder.path().join(&names[1])).unwrap();
        let events: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        // Other tests of this process may log, too.
        let found = events.iter().filter(|event| event["window"] == 7_200).collect::<Vec<_>>();
        assert_eq!((found.len(), found[0]["level"].as_str()), (1, Some("WARN")), "{text}");
        assert!(!text.contains("nobody reads this"));
        assert!(start_files(Path::new("/dev/null/no folder"), 1).is_err());
    }
}
