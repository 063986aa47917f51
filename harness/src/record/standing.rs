//! Standing of an entry at the end of a window.

use std::fmt;

use serde::Serialize;

/// Standing of an entry at the end of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "&'static str")]
pub(crate) enum Standing {
    /// Holds the weight.
    Champion,
    /// Stands in for a vacant crown: challengers meet it, and it earns nothing.
    Regent,
    /// Was met by the challengers and lost to one of this window.
    Deposed,
    /// Lost its duel.
    Lost,
    /// Its duel spent the budget without a decision: the champion stayed.
    Undecided,
    /// Did not get through its heat.
    Dropped,
    /// Its model had its bout earlier in this reign.
    Spent,
    /// Had no duel: the champion changed before it, or others were better in the heat.
    Waiting,
    /// Left out by the screen that has this word.
    Screened(&'static str),
    /// Not admitted.
    Refused,
    /// Could not be fetched, checked or run to the end in any attempt.
    Absent,
    /// Committed after the window's seed was known.
    Late,
    /// Crowned before, and called upon only where the champion does not play.
    Reserve,
    /// Crowned ten reigns ago: winners are compared with it, too.
    Guard,
}

impl Standing {
    /// The word of the summary, the table and the page.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Champion => "champion",
            Self::Regent => "regent",
            Self::Deposed => "deposed",
            Self::Lost => "lost",
            Self::Undecided => "undecided",
            Self::Dropped => "dropped",
            Self::Spent => "spent",
            Self::Waiting => "waiting",
            Self::Screened(word) => word,
            Self::Refused => "refused",
            Self::Absent => "absent",
            Self::Late => "late",
            Self::Reserve => "reserve",
            Self::Guard => "guard",
        }
    }
}

impl From<Standing> for &'static str {
    fn from(standing: Standing) -> Self {
        standing.word()
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_on_a_screen_is_the_word_in_the_summary() {
        use Standing::{
            Absent, Champion, Deposed, Dropped, Guard, Late, Lost, Refused, Regent, Reserve, Screened, Spent,
            Undecided, Waiting,
        };
        let screened = Screened("copy");
        for standing in [
            Champion, Regent, Deposed, Lost, Undecided, Waiting, screened, Refused, Absent, Late, Reserve, Dropped,
            Spent, Guard,
        ] {
            assert_eq!(serde_json::to_value(standing).unwrap(), standing.to_string());
        }
    }
}
