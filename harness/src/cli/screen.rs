//! `dethrone screen`: relation of a model to an earlier one, as the screens see it.

use clap::Args;
use models::source::ModelSource;
use pareto::screens::{Finding, RelationKind, Witnesses, relation};
use serde::Serialize;

use super::runtime::block_on;
use crate::loader::{Arrival, LoaderError, ModelLoader};
use crate::printer::Printer;
use crate::problem::Problem;
use crate::reporter::for_this_terminal;
use crate::sandbox::cache_folder;
use crate::screening::model_print;
use crate::settings::Settings;

/// Arguments of `dethrone screen`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The earlier model: `owner/name@<40 hex>`, a folder in the Hugging Face layout, or a GGUF file.
    earlier: String,
    /// The later model.
    later: String,
    /// The public model that both are tunings of.
    #[arg(long, value_name = "MODEL")]
    base: Option<String>,
}

/// Relation of two models.
#[derive(Debug, Serialize)]
struct Screened {
    relation: RelationKind,
    finding: Option<Finding>,
    witnesses: Witnesses,
    sentence: String,
}

/// Takes the fingerprints of the models and compares them.
pub(super) fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Problem> {
    let source = |text: &String| text.parse::<ModelSource>();
    let (earlier, later) = (source(&arguments.earlier)?, source(&arguments.later)?);
    let base = arguments.base.as_ref().map(source).transpose()?;
    let settings = Settings::default();
    let screened = block_on(async {
        let loader = ModelLoader::new(&settings, &cache_folder()?, for_this_terminal())?;
        let print = async |source: &ModelSource| -> Result<_, Problem> {
            let model = source.to_string();
            match loader.admit(source).await? {
                Arrival::Refused { reason, .. } => Err(LoaderError::Refused { model, reason }.into()),
                Arrival::Admitted(snapshot) => {
                    let taken = loader.fingerprint(source, &snapshot).await?;
                    let taken = taken.map_err(|reason| LoaderError::Refused { model, reason })?;
                    Ok(model_print(&taken))
                }
            }
        };
        let (one, two) = (print(&earlier).await?, print(&later).await?);
        let base = match &base {
            Some(base) => Some(print(base).await?),
            None => None,
        };
        let found = relation(&one, &two, base.as_ref(), &settings.deciding.screens.copy);
        let sentence = match &found.finding {
            Some(finding) => finding.sentence(&arguments.earlier),
            None => format!("no finding: {} of {}", found.relation, arguments.earlier),
        };
        let sentence = if base.is_some() { sentence } else { format!("{sentence} (without a base)") };
        Ok(Screened { relation: found.relation, finding: found.finding, witnesses: found.witnesses, sentence })
    })?;
    printer.data(&screened, |screened| format!("{}\n{}", screened.relation, screened.sentence))
}
