//! Searches for a fixed rule that scores: positions and signs of literals, letters and quoted texts of the question, short
//! programs, and one long program that reads the question's English.
//!
//! Each family is enumerated. The best of its rules on some tasks is scored on others, so that no rule looks good by chance.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    assignments, attack_replies,
    player::play,
    report::{CheckItem, CheckReport, quoted},
};
use crate::{Conversation, Environment, EnvironmentError, ReplyKind, Role, Task, tricks::tricks};

/// A rule's family, its name, and its reply to a task.
type RuleReply = (CheckItem, String, String);

/// Families in the order of the report, each with the beginning of its sentence.
const FAMILIES: [(CheckItem, &str); 6] = [
    (CheckItem::Places, "the best rule by places of literals"),
    (CheckItem::Signs, "the best rule by signs of literals"),
    (CheckItem::OnePass, "the best pass over the clauses without looking back"),
    (CheckItem::Rules, "the best rule on letters, words and numbers of the question"),
    (CheckItem::ShortPrograms, "the best short program"),
    (CheckItem::ConstantCompiler, "a program that reads the question"),
];

/// Most tasks on which rules are chosen; a fifth where replies are programs.
const MOST_TO_CHOOSE: usize = 100;

/// Scores the best rule of each family that has something to say about the tasks.
pub(super) async fn fixed_rules(
    environment: &dyn Environment,
    judged: &[Task],
    others: &[Task],
    report: &mut CheckReport,
) -> Result<(), EnvironmentError> {
    let most = super::player::fewer(environment, MOST_TO_CHOOSE).max(1);
    let mut totals: BTreeMap<(CheckItem, String), f64> = BTreeMap::new();
    for task in others.iter().take(most) {
        let mut scores: BTreeMap<String, f64> = BTreeMap::new();
        for (family, name, reply) in replies(environment, task) {
            let score = match scores.get(&reply) {
                Some(&known) => known,
                None => play(environment, task, std::slice::from_ref(&reply)).await?.score,
            };
            scores.insert(reply, score);
            *totals.entry((family, name)).or_default() += score;
        }
    }
    for (family, sentence) in FAMILIES {
        let rules = totals.iter().filter(|((item, _), _)| *item == family);
        let searched = rules.clone().count();
        // The first of the best, so that the same environment always gets the same report.
        let Some(((_, best), _)) = rules.rev().max_by(|one, other| one.1.total_cmp(other.1)) else { continue };
        let mut total = 0.0;
        for task in judged {
            let reply = replies(environment, task).into_iter().find(|(item, name, _)| *item == family && name == best);
            if let Some((_, _, reply)) = reply {
                total += play(environment, task, std::slice::from_ref(&reply)).await?.score;
            }
        }
        let of = if searched > 1 { format!(" of {searched}") } else { String::new() };
        let sentence = format!("{sentence}{of}, {}, scored", quoted(best));
        report.measure(family, total / judged.len().max(1) as f64, judged.len(), sentence);
    }
    Ok(())
}

/// Replies of all rules to a task.
fn replies(environment: &dyn Environment, task: &Task) -> Vec<RuleReply> {
    let opening = environment.opening(task);
    if environment.replies() == ReplyKind::Program {
        return programs(&opening);
    }
    let messages = opening.messages();
    let last = messages.last().map(|message| message.content.as_str()).unwrap_or_default();
    let mut replies = assignments::replies(last);
    let line = last.lines().last().unwrap_or_default();
    let value = line.split_once(": ").map_or(line, |(_, value)| value);
    let context: Vec<&str> = messages
        .iter()
        .filter(|message| message.role != Role::Assistant)
        .map(|message| message.content.as_str())
        .collect();
    let made = tricks(value, &context.join("\n"));
    replies.extend(made.into_iter().map(|(name, answer)| (CheckItem::Rules, name, format!("Answer: {answer}"))));
    replies
}

/// Short programs, and one that reads the question.
fn programs(opening: &Conversation) -> Vec<RuleReply> {
    let text: Vec<&str> = opening.messages().iter().map(|message| message.content.as_str()).collect();
    let text = text.join("\n");
    let block = |source: String| format!("```python\n{source}\n```");
    let mut replies: Vec<RuleReply> = attack_replies::SHORT_PROGRAMS
        .iter()
        .map(|&source| (CheckItem::ShortPrograms, source.to_owned(), block(source.to_owned())))
        .collect();
    let constants: BTreeSet<&str> = text.split('"').skip(1).step_by(2).filter(|part| !part.contains('\n')).collect();
    for (place, constant) in constants.into_iter().enumerate().take(4) {
        let source = |code: String| block(format!("x = input()\nprint({code})"));
        replies.extend([
            (CheckItem::ShortPrograms, format!("quoted text {place} appended"), source(format!("x + {constant:?}"))),
            (CheckItem::ShortPrograms, format!("quoted text {place} prepended"), source(format!("{constant:?} + x"))),
        ]);
    }
    for (place, number) in
        text.split(|letter: char| !letter.is_ascii_digit()).filter(|run| !run.is_empty()).take(6).enumerate()
    {
        let number = number.trim_start_matches('0');
        for sign in ["+", "-", "*"] {
            let source = format!("print(int(input()) {sign} {}{number})", if number.is_empty() { "0" } else { "" });
            replies.push((CheckItem::ShortPrograms, format!("number {place} by {sign}"), block(source)));
        }
    }
    let shown: Vec<(&str, &str)> = text
        .split("\nInput: ")
        .skip(1)
        .filter_map(|part| part.split_once("\nPrints: "))
        .map(|(input, output)| (input, output.lines().next().unwrap_or_default()))
        .collect();
    if !shown.is_empty() {
        let source = format!(
            "print({{{}}}.get(input()))",
            shown.iter().map(|(i, o)| format!("{i:?}: {o:?}")).collect::<Vec<_>>().join(", ")
        );
        replies.push((CheckItem::ShortPrograms, "a table of the shown lines".to_owned(), block(source)));
    }
    let question = text.replace('\\', "\\\\").replace("\"\"\"", "'''");
    let compiler = attack_replies::CONSTANT_COMPILER.replace("QUESTION", &question);
    replies.push((CheckItem::ConstantCompiler, "its text pasted in".to_owned(), block(compiler)));
    replies
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_made_of_the_constants_of_the_question() {
        let text = "Append \"ab\" to it, 30 times.\n\nInput: dog\nPrints: dogab\n\nInput: cat\nPrints: catab";
        let found = programs(&Conversation::ask(text));
        let has = |source: &str| found.iter().any(|(_, _, reply)| reply == &format!("```python\n{source}\n```"));
        assert!(has("x = input()\nprint(x + \"ab\")"));
        assert!(has("print(int(input()) * 30)"));
        assert!(has("print({\"dog\": \"dogab\", \"cat\": \"catab\"}.get(input()))"));
        assert!(has("print(input()[::-1])"));
        let (item, _, compiler) = found.last().unwrap();
        assert_eq!(*item, CheckItem::ConstantCompiler);
        assert!(compiler.contains("Append \"ab\" to it, 30 times."));
    }

    #[test]
    fn every_rule_of_a_family_has_a_name_of_its_own() {
        let found = programs(&Conversation::ask("1 22 333 \"a\" \"b\""));
        let names: BTreeSet<(CheckItem, &str)> = found.iter().map(|(item, name, _)| (*item, name.as_str())).collect();
        assert_eq!(names.len(), found.len());
    }
}
