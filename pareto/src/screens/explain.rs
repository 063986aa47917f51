//! The reason for a finding, built from the values that made it.

use crate::screens::{Finding, FindingKind, Yardstick};

/// The reason for which an entry is a copy of the earlier entry that is called `original`.
pub(super) fn copied(finding: &Finding, original: &str) -> String {
    let Finding { measure, threshold, .. } = finding;
    let yardstick = match finding.yardstick {
        Yardstick::Whole => "their size",
        Yardstick::Tuning => "what was added to the base",
        Yardstick::Parts => "their number",
    };
    match finding.kind {
        FindingKind::SameFiles => format!("its tensor files are those of {original}, byte for byte"),
        FindingKind::SameTensors => {
            format!("its tensors are those of {original} under other names or in other files")
        }
        FindingKind::NearTensors => format!(
            "its tensors differ from those of {original} by {measure:.2e} of {yardstick}, where {threshold:.0e} is too little to be a model of its own"
        ),
        FindingKind::Twin => format!(
            "its tensors are those of {original} with rows permuted or rescaled ({measure:.2e} of {yardstick} apart, at most {threshold:.0e})"
        ),
        FindingKind::Parts => format!(
            "in another layout it is made of {:.0}% of the matrices of {original}; a model of its own shares less than {:.0}%",
            100.0 * (1.0 - measure),
            100.0 * (1.0 - threshold),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: FindingKind, yardstick: Yardstick, measure: f64, threshold: f64, expected: &str) {
        let finding = Finding { entry: 1, kind, of: Some(0), measure, threshold, yardstick };
        assert_eq!(finding.sentence("ada"), expected);
        assert_eq!(finding.word(), "copy");
    }

    #[test]
    fn every_finding_is_told_with_its_measurement() {
        use FindingKind::{NearTensors, Parts, SameFiles, SameTensors, Twin};
        use Yardstick::{Tuning, Whole};
        check(SameFiles, Whole, 0.0, 0.0, "copy: its tensor files are those of ada, byte for byte");
        check(SameTensors, Whole, 0.0, 0.0, "copy: its tensors are those of ada under other names or in other files");
        check(
            NearTensors,
            Whole,
            0.00123,
            0.002,
            "copy: its tensors differ from those of ada by 1.23e-3 of their size, where 2e-3 is too little to be a model of its own",
        );
        check(
            Twin,
            Tuning,
            0.0,
            0.05,
            "copy: its tensors are those of ada with rows permuted or rescaled (0.00e0 of what was added to the base apart, at most 5e-2)",
        );
        check(
            Parts,
            Yardstick::Parts,
            0.25,
            0.5,
            "copy: in another layout it is made of 75% of the matrices of ada; a model of its own shares less than 50%",
        );
        check(
            Parts,
            Yardstick::Parts,
            0.0,
            0.1,
            "copy: in another layout it is made of 100% of the matrices of ada; a model of its own shares less than 90%",
        );
        check(
            NearTensors,
            Tuning,
            0.05,
            0.05,
            "copy: its tensors differ from those of ada by 5.00e-2 of what was added to the base, where 5e-2 is too little to be a model of its own",
        );
        check(
            Twin,
            Whole,
            0.000_25,
            0.000_3,
            "copy: its tensors are those of ada with rows permuted or rescaled (2.50e-4 of their size apart, at most 3e-4)",
        );
    }
}
