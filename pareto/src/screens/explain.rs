//! The reason for a finding, built from the values that made it.

use crate::screens::{Finding, FindingKind, Yardstick};

/// The reason for which an entry is a copy of the earlier entry that is called `original`.
pub(super) fn copied(finding: &Finding, original: &str) -> String {
    let Finding { measure, threshold, yardstick, .. } = finding;
    let noise = *yardstick == Yardstick::Whole && *threshold > 0.01;
    let of = match yardstick {
        Yardstick::Whole => "their size",
        Yardstick::Tuning => "what was added to the base",
        Yardstick::Outputs => "what was changed in them",
    };
    match finding.kind {
        FindingKind::SameFiles => format!("its tensor files are those of {original}, byte for byte"),
        FindingKind::SameTensors => {
            format!("its tensors are those of {original} under other names or in other files")
        }
        FindingKind::SameOutputs => {
            format!("its outputs are those of {original}, bit for bit, whatever its tensors")
        }
        FindingKind::NearTensors if noise => format!(
            "its tensors differ from those of {original} by noise alone, {measure:.2e} of {of}, and nothing that was learned"
        ),
        FindingKind::NearTensors => format!(
            "its tensors differ from those of {original} by {measure:.2e} of {of}, where {threshold:.0e} is too little to be a model of its own"
        ),
        FindingKind::Mixture => format!(
            "its tensors are a mixture of the base, or of another earlier model, with those of {original}, to which {measure:.2e} of {of} is added, and at most {threshold:.0e} is nothing of its own"
        ),
        FindingKind::Twin => format!(
            "its outputs are those of {original}, from tensors that were rewritten ({measure:.2e} of {of} apart, at most {threshold:.0e})"
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
        use FindingKind::{Mixture, NearTensors, SameFiles, SameOutputs, SameTensors, Twin};
        use Yardstick::{Outputs, Tuning, Whole};
        check(SameFiles, Whole, 0.0, 0.0, "copy: its tensor files are those of ada, byte for byte");
        check(SameTensors, Whole, 0.0, 0.0, "copy: its tensors are those of ada under other names or in other files");
        check(SameOutputs, Whole, 0.0, 0.0, "copy: its outputs are those of ada, bit for bit, whatever its tensors");
        check(
            NearTensors,
            Whole,
            0.000_05,
            0.000_1,
            "copy: its tensors differ from those of ada by 5.00e-5 of their size, where 1e-4 is too little to be a model of its own",
        );
        check(
            NearTensors,
            Whole,
            0.03,
            0.15,
            "copy: its tensors differ from those of ada by noise alone, 3.00e-2 of their size, and nothing that was learned",
        );
        check(
            NearTensors,
            Tuning,
            0.005,
            0.01,
            "copy: its tensors differ from those of ada by 5.00e-3 of what was added to the base, where 1e-2 is too little to be a model of its own",
        );
        check(
            Mixture,
            Tuning,
            0.0,
            0.02,
            "copy: its tensors are a mixture of the base, or of another earlier model, with those of ada, to which 0.00e0 of what was added to the base is added, and at most 2e-2 is nothing of its own",
        );
        check(
            Twin,
            Outputs,
            0.000_25,
            0.2,
            "copy: its outputs are those of ada, from tensors that were rewritten (2.50e-4 of what was changed in them apart, at most 2e-1)",
        );
    }
}
