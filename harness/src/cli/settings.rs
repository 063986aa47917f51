//! `dethrone settings`: every setting with its value, its source and its explanation.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::exit_status::ExitStatus;
use crate::printer::Printer;
use crate::problem::Problem;
use crate::settings::{ExplainedSetting, Settings, ShownSetting, Sources, explained, json_schema, nearest};

/// Arguments of `dethrone settings`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A setting such as `duel.budget`, or a table such as `duel`; without one, all.
    key: Option<String>,
    /// The settings file (TOML).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A setting, such as `engine.rows=16`; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print the JSON Schema of the settings file, and end.
    #[arg(long)]
    schema: bool,
}

/// A setting in force with its explanation.
#[derive(Debug, Serialize)]
struct Setting {
    #[serde(flatten)]
    shown: ShownSetting,
    #[serde(flatten)]
    explained: Explanation,
}

#[derive(Debug, Serialize)]
struct Explanation {
    kind: String,
    default: serde_json::Value,
    decides: bool,
    doc: String,
}

/// Prints the settings, or the schema of their file.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let tables = explained();
    if arguments.schema {
        let schema = json_schema(&tables);
        return printer.data(&schema, |schema| serde_json::to_string_pretty(schema).expect("a schema is plain data"));
    }
    let sources = Sources::new(&Settings::default(), arguments.config.as_deref(), &arguments.set)?;
    let shown = sources.show()?;
    let all: Vec<ExplainedSetting> = tables.into_iter().flat_map(|table| table.settings).collect();
    let wanted = |key: &str| match &arguments.key {
        None => true,
        Some(wanted) => key == wanted || key.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.starts_with('.')),
    };
    let found: Vec<Setting> = all
        .iter()
        .filter(|setting| wanted(&setting.key))
        .filter_map(|setting| Some(in_force(setting, shown.iter().find(|shown| shown.key == setting.key)?)))
        .collect();
    if let (true, Some(key)) = (found.is_empty(), &arguments.key) {
        let meant = nearest(key, all.iter().map(|setting| setting.key.as_str()));
        let meant = meant.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
        return Err(Problem::new(ExitStatus::Usage, format!("unknown setting `{key}`{meant}"))
            .hint("`dethrone settings` without a key lists all"));
    }
    printer.data(&found, |found| if arguments.key.is_some() { explanations(found) } else { list(found) })
}

fn in_force(explained: &ExplainedSetting, shown: &ShownSetting) -> Setting {
    let ExplainedSetting { kind, default, decides, doc, .. } = explained.clone();
    Setting { shown: shown.clone(), explained: Explanation { kind, default, decides, doc } }
}

fn list(settings: &[Setting]) -> String {
    let line = |Setting { shown, .. }: &Setting| format!("{} = {}  ({})", shown.key, shown.value, shown.source);
    let lines: Vec<String> = settings.iter().map(line).collect();
    format!("{}\n\n`dethrone settings KEY` explains one, `dethrone settings TABLE` all of a table", lines.join("\n"))
}

fn explanations(settings: &[Setting]) -> String {
    let one = |Setting { shown, explained }: &Setting| {
        let Explanation { kind, default, decides, doc } = explained;
        let decides = match decides {
            true => "decides results: validators that are to agree choose the same",
            false => "decides no result",
        };
        let default = if default.is_null() { "none".to_owned() } else { default.to_string() };
        format!("{} = {}  ({})\n  {doc}\n  {kind}; default {default}; {decides}", shown.key, shown.value, shown.source)
    };
    settings.iter().map(one).collect::<Vec<_>>().join("\n\n")
}
