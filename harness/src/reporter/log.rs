//! Log: events of `tracing` as lines on standard error.

use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use super::Verbosity;
use super::screen::write;

/// Logs the events that `variable` (the text of `RUST_LOG`) names, or else those of the verbosity.
///
/// # Errors
/// If the variable is not a list of `target=level`.
pub(crate) fn start(verbosity: Verbosity, variable: Option<&str>) -> Result<(), ParseError> {
    let filter = EnvFilter::try_new(variable.map_or_else(|| verbosity.directives(), str::to_owned))?;
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(|| LogLines).finish();
    // A second start in one process, as in tests, keeps the first subscriber.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_is_no_list_of_levels_is_refused() {
        assert!(start(Verbosity::default(), Some("models=loud")).is_err());
        assert!(start(Verbosity::default(), Some("models=debug,warn")).is_ok());
        assert!(start(Verbosity::default(), None).is_ok());
    }
}
