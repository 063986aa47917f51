//! Checks of the generator: every seed gives a task, the same one each time, and tasks are distinct.

use std::collections::BTreeSet;

use super::{
    report::{CheckItem, CheckReport},
    settings::CheckSettings,
};
use crate::{Conversation, Environment, EnvironmentError, Role, Seed, Task};

/// Makes the tasks, which `tasks` holds afterwards, and checks that they are distinct and reproducible.
pub(super) async fn make_tasks(
    environment: &dyn Environment,
    settings: &CheckSettings,
    tasks: &mut Vec<Task>,
    report: &mut CheckReport,
) -> Result<(), EnvironmentError> {
    let mut questions = BTreeSet::new();
    for offset in 0..settings.tasks {
        let task = environment.task(Seed(settings.first_seed.wrapping_add(offset))).await?;
        // Digests, since a thousand prompts of 256 KiB are too much to keep twice.
        questions.insert(*blake3::hash(question(&environment.opening(&task)).as_bytes()).as_bytes());
        tasks.push(task);
    }
    let distinct = questions.len() as u64;
    report.note(
        CheckItem::Distinct,
        distinct >= settings.distinct,
        format!("{distinct} of {} questions differ; at least {} must", settings.tasks, settings.distinct),
    );
    let mut changed = None;
    for task in tasks.iter().take(25) {
        let again = environment.task(task.seed).await?;
        if again.canonical() != task.canonical() {
            changed = Some(task.seed.0);
        }
    }
    let sentence = match changed {
        None => "the same seed gave the same bytes twice".to_owned(),
        Some(seed) => format!("seed {seed} gave two different tasks"),
    };
    report.note(CheckItem::SameBytes, changed.is_none(), sentence);
    Ok(())
}

/// The messages without worked examples: without replies of the model, and without the last paragraph of each message that one
/// follows. What is learned by heart is an answer to this, whatever stands around it.
fn question(opening: &Conversation) -> String {
    let messages = opening.messages();
    let mut parts = Vec::new();
    for (place, message) in messages.iter().enumerate() {
        let is_answered = messages.get(place + 1).is_some_and(|next| next.role == Role::Assistant);
        match message.role {
            Role::Assistant => (),
            _ if is_answered => parts.extend(message.content.rsplit_once("\n\n").map(|(before, _)| before)),
            _ => parts.push(message.content.as_str()),
        }
    }
    parts.join("\0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;

    #[test]
    fn worked_examples_are_no_part_of_a_question() {
        let first = Message::user("Reply with one line.\n\nProgram:\nprint(1)\n\nInput: a");
        let rest = [
            Message::assistant("Answer: b"),
            Message::user("Input: c"),
            Message::assistant("x"),
            Message::user("Input: d"),
        ];
        let all = Conversation::new([vec![first], rest.to_vec()].concat());
        assert_eq!(question(&all), "Reply with one line.\n\nProgram:\nprint(1)\0Input: d");
        assert_eq!(question(&Conversation::ask("A\n\nB")), "A\n\nB");
        assert_eq!(question(&Conversation::default()), "");
    }
}
