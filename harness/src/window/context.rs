//! Context of windows: environments, the sandbox's runtime and the model loader, opened once for all windows of a process.

use std::sync::Arc;

use environments::Environment;
use models::cuda::Accelerator;
use models::decoder::Arithmetic;
use models::fingerprint::SketchKey;

use crate::events::Reporter;
use crate::loader::ModelLoader;
use crate::problem::Problem;
use crate::record::CardTerms;
use crate::rollout::open_environments;
use crate::sandbox::{cache_folder, open_sandbox};
use crate::settings::Settings;

/// Parts of a process that all its windows share.
pub(crate) struct WindowContext {
    /// The settings, in one arithmetic.
    pub(crate) settings: Settings,
    /// The environments, in the settings' order.
    pub(crate) environments: Vec<Arc<dyn Environment>>,
    /// Digest of the sandbox's runtime.
    pub(crate) runtime: String,
    /// Fetches, checks and opens models.
    pub(crate) loader: ModelLoader,
    /// The card that models run on, if they run on one.
    pub(crate) card: Option<CardTerms>,
    /// The reporter of progress.
    pub(crate) reporter: Arc<dyn Reporter>,
}

impl WindowContext {
    /// Opens the sandbox, the environments and the loader of these settings; fingerprints rest on this secret.
    ///
    /// # Errors
    /// If the guest cannot be made, an environment cannot be used, or the hub's client or the card cannot be set up.
    pub(crate) async fn open(
        settings: &Settings,
        sketches: SketchKey,
        reporter: Arc<dyn Reporter>,
    ) -> Result<Self, Problem> {
        let (sandbox, runtime) = open_sandbox(settings, &*reporter)?;
        let environments = open_environments(&settings.environments, &sandbox).await.map_err(Problem::from)?;
        let settings = in_one_arithmetic(settings);
        let loader = ModelLoader::new(&settings, &cache_folder()?, Arc::clone(&reporter))?.with_sketches(sketches);
        let card = loader.card()?;
        Ok(Self { settings, environments, runtime, loader, card, reporter })
    }
}

/// The settings with `engine.mode = "auto"` resolved: all models of a window are computed in one arithmetic.
pub(crate) fn in_one_arithmetic(settings: &Settings) -> Settings {
    let mut settings = settings.clone();
    if settings.engine.mode == Arithmetic::Auto {
        settings.engine.mode = if Accelerator::is_present() { Arithmetic::Bf16 } else { Arithmetic::Exact };
    }
    settings
}
