//! Checks of the generator: every seed gives a task, the same one each time, and tasks are distinct.

use std::collections::BTreeSet;

use super::{
    report::{CheckItem, CheckReport},
    settings::CheckSettings,
};
use crate::{Environment, EnvironmentError, Seed, Task};

/// Makes the tasks, which `tasks` holds afterwards, and checks that they are distinct and reproducible.
pub(super) async fn make_tasks(
    environment: &dyn Environment,
    settings: &CheckSettings,
    tasks: &mut Vec<Task>,
    report: &mut CheckReport,
) -> Result<(), EnvironmentError> {
    let mut openings = BTreeSet::new();
    for offset in 0..settings.tasks {
        let task = environment.task(Seed(settings.first_seed.wrapping_add(offset))).await?;
        let opening = serde_json::to_string(&environment.opening(&task)).expect("invariant: messages are plain data");
        // Digests, since a thousand prompts of 256 KiB are too much to keep twice.
        openings.insert(*blake3::hash(opening.as_bytes()).as_bytes());
        tasks.push(task);
    }
    let distinct = openings.len() as u64;
    report.note(
        CheckItem::Distinct,
        distinct >= settings.distinct,
        format!("{distinct} of {} tasks differ; at least {} must", settings.tasks, settings.distinct),
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
