//! The list of all screens: each with its settings, the word for the entries that it leaves out, and its sentence.

use super::copy::{CopySettings, Screened, screened};
use super::explain::copied;
use super::{EntryPrint, Finding, FindingKind, ModelPrint};

/// One of every screen, by its settings.
///
/// A new one is a file with its measurements, a field and a call here, and a row in the match of [`Finding`]'s kinds.
#[derive(Clone, Copy, Debug)]
pub struct Screens<'a> {
    /// Copies of earlier entries.
    pub copy: &'a CopySettings,
}

impl Screens<'_> {
    /// Findings of all screens, at most one per entry, ascending by entry, and the models that they rest on.
    #[must_use]
    pub fn findings(&self, entries: &[EntryPrint], base: Option<&ModelPrint>) -> Screened {
        screened(entries, base, self.copy)
    }
}

/// Words of one screen.
struct Words {
    /// The word for an entry that it leaves out.
    word: &'static str,
    /// The rest of a finding's sentence, given the name of the earlier entry.
    because: fn(&Finding, &str) -> String,
}

const COPY: Words = Words { word: "copy", because: copied };

fn words(kind: FindingKind) -> &'static Words {
    match kind {
        FindingKind::SameFiles
        | FindingKind::SameTensors
        | FindingKind::SameOutputs
        | FindingKind::NearTensors
        | FindingKind::Mixture
        | FindingKind::Twin => &COPY,
    }
}

impl Finding {
    /// The word for an entry that is left out by this finding.
    #[must_use]
    pub fn word(&self) -> &'static str {
        words(self.kind).word
    }

    /// Names the measurement and the threshold behind the finding; `original` is the caller's name of the earlier entry.
    #[must_use]
    pub fn sentence(&self, original: &str) -> String {
        let Words { word, because } = words(self.kind);
        format!("{word}: {}", because(self, original))
    }
}
