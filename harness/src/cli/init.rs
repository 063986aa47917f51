//! `dethrone init`: a settings file with every key explained, and a registry to begin with.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::demo;
use crate::exit_status::ExitStatus;
use crate::files::write_whole;
use crate::printer::Printer;
use crate::problem::Problem;
use crate::sandbox::cache_folder;
use crate::settings::{ExplainedSetting, explained, toml_of};

/// Arguments of `dethrone init`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder, which is made if it is not there.
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// The files that were written.
#[derive(Debug, Serialize)]
struct Written {
    settings: PathBuf,
    registry: PathBuf,
}

/// Writes both files; a file that is there already is an error, and nothing is written.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let at = |name: &str| arguments.folder.join(name);
    let written = Written { settings: at("settings.toml"), registry: at("registry.json") };
    for path in [&written.settings, &written.registry] {
        if path.exists() {
            return Err(Problem::new(ExitStatus::Usage, format!("{} is there already", path.display()))
                .hint("name another folder, or move the file away: nothing was written"));
        }
    }
    let hub = cache_folder()?.join(demo::LAYOUT);
    write(&written.settings, &settings_file(&hub))?;
    write(&written.registry, &demo::registry())?;
    printer.data(&written, |written| {
        let settings = written.settings.display();
        format!(
            "{settings}: every setting with its explanation and its default\n{}: the demonstration's registry\n\n\
             `dethrone demo` fetches the models of that registry, then `dethrone validate --once --config {settings}` decides its window",
            written.registry.display()
        )
    })
}

fn write(path: &Path, text: &str) -> Result<(), Problem> {
    write_whole(path, text.as_bytes()).map_err(|cause| {
        Problem::new(ExitStatus::Store, format!("cannot write {}: {cause}", path.display()))
            .hint("choose another folder")
    })
}

/// A settings file that says nothing but where the demonstration's models are; all else is there as a comment.
fn settings_file(hub: &Path) -> String {
    let mut text = String::from(
        "# Settings of dethrone. A line behind `#` shows a default: take the `#` away to set another value.\n\
         # `dethrone settings --config settings.toml` prints each value in force with its source.\n",
    );
    for table in explained() {
        if !table.key.is_empty() {
            text.push_str(&format!("\n# {}\n[{}]\n", table.doc, table.key));
        }
        for setting in &table.settings {
            text.push_str(&lines(setting, hub));
        }
    }
    text
}

/// A setting's explanation and its line.
fn lines(setting: &ExplainedSetting, hub: &Path) -> String {
    let name = setting.key.rsplit('.').next().unwrap_or_default();
    let decides = if setting.decides { " Decides results." } else { "" };
    let line = match setting.key.as_str() {
        "hub.kind" => format!("{name} = \"folder\""),
        "hub.folder" => format!("{name} = {}", toml_of(&serde_json::json!(hub))),
        _ if setting.default.is_null() => format!("# {name} ="),
        _ => format!("# {name} = {}", toml_of(&setting.default)),
    };
    format!("\n# {}{decides}\n{line}\n", setting.doc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Settings, Sources};

    /// The settings of the file after `change`.
    fn read(change: impl Fn(&str) -> String) -> Settings {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.toml");
        std::fs::write(&path, change(&settings_file(Path::new("/hub with space")))).unwrap();
        let mut settings = Sources::new(&Settings::default(), Some(&path), &[]).unwrap().settings().unwrap();
        // Where the file lies is no part of the comparison.
        settings.registry = PathBuf::from(settings.registry.file_name().unwrap());
        settings.output = PathBuf::from(settings.output.file_name().unwrap());
        settings
    }

    #[test]
    fn the_file_sets_the_hub_and_nothing_else() {
        let mut expected = Settings::default();
        expected.hub.kind = models::hub::HubKind::Folder;
        expected.hub.folder = Some(PathBuf::from("/hub with space"));
        assert_eq!(read(str::to_owned), expected);
    }

    #[test]
    fn every_default_of_the_file_is_valid_where_it_stands() {
        let commented = |text: &str| {
            let line = |line: &str| match line.strip_prefix("# ") {
                Some(rest) if rest.split_once(" = ").is_some_and(|(name, _)| !name.contains([' ', '`'])) => {
                    rest.to_owned()
                }
                _ => line.to_owned(),
            };
            text.lines().map(line).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(read(commented), read(str::to_owned));
    }
}
