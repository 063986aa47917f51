//! Reasons of rollouts' scores as lines of text, the most frequent first.

use crate::record::{Fault, ReasonCount};

/// Most reasons that are shown of an environment; the page and the database have all of them.
const REASONS: usize = 6;

/// A line for each reason with its count and the side at fault; `file` is that of an environment that has one.
pub(crate) fn reason_lines(reasons: &[ReasonCount], file: Option<&str>) -> String {
    let side = |fault: Fault| match (fault, file) {
        (Fault::Environment | Fault::Verifier, Some(file)) => format!("fault of {} ({file}): ", fault.side()),
        _ => format!("fault of {}: ", fault.side()),
    };
    let line = |count: &ReasonCount| {
        format!("\n  {} x {}{}", count.tasks, count.fault.map_or(String::new(), side), count.reason)
    };
    let mut text: String = reasons.iter().take(REASONS).map(line).collect();
    if let Some(more) = reasons.len().checked_sub(REASONS).filter(|more| *more > 0) {
        text.push_str(&format!("\n  and {more} other reasons"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(reason: &str, fault: Option<Fault>, tasks: usize) -> ReasonCount {
        ReasonCount { reason: reason.to_owned(), fault, tasks }
    }

    #[test]
    fn each_reason_has_a_line_with_its_count_and_whose_fault_it_is() {
        let reasons = [
            count("wrong", None, 9),
            count("no template", Some(Fault::Model), 3),
            count("generate raised: KeyError", Some(Fault::Environment), 2),
            count("verify raised: ValueError", Some(Fault::Verifier), 1),
        ];
        let plain = "\n  9 x wrong\n  3 x fault of the model: no template\n  2 x fault of the environment: generate \
                     raised: KeyError\n  1 x fault of the environment's verifier: verify raised: ValueError";
        assert_eq!(reason_lines(&reasons, None), plain);
        let named = reason_lines(&reasons, Some("a/b.py"));
        assert!(named.contains("fault of the environment (a/b.py): generate"), "{named}");
        assert!(named.contains("fault of the environment's verifier (a/b.py): verify"), "{named}");
        assert!(named.contains("fault of the model: no"), "{named}");
        assert_eq!(reason_lines(&[], None), "");
    }

    #[test]
    fn rare_reasons_are_counted_together() {
        let many: Vec<ReasonCount> = (0..9).map(|index| count(&index.to_string(), None, 1)).collect();
        assert!(reason_lines(&many, None).ends_with("5\n  and 3 other reasons"));
        assert!(!reason_lines(&many[..6], None).contains("other"));
    }
}
