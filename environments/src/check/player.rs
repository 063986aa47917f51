//! Plays scripted replies.

use std::convert::Infallible;

use crate::{
    Agent, Conversation, Environment, EnvironmentError, EpisodeError, Message, ReplyKind, Task, Verdict, episode,
};

/// An agent that gives scripted replies.
struct Script<'a> {
    replies: &'a [String],
    next: usize,
}

impl Agent for Script<'_> {
    type Error = Infallible;

    async fn reply(&mut self, _: &Conversation) -> Result<Message, Infallible> {
        let reply = self.replies.get(self.next.min(self.replies.len().saturating_sub(1)));
        self.next += 1;
        Ok(Message::assistant(reply.cloned().unwrap_or_default()))
    }
}

/// Plays one reply in each turn and returns the verdict; the last reply is repeated as long as the conversation goes on.
pub(super) async fn play(
    environment: &dyn Environment,
    task: &Task,
    replies: &[String],
) -> Result<Verdict, EnvironmentError> {
    match episode(environment, task, &mut Script { replies, next: 0 }).await {
        Ok(episode) => Ok(episode.verdict),
        Err(EpisodeError::Environment(error)) => Err(error),
        Err(EpisodeError::Agent(never)) => match never {},
    }
}

/// Number of tasks to judge; a fifth where replies are programs, since one that uses up its fuel takes long.
pub(super) fn fewer(environment: &dyn Environment, tasks: usize) -> usize {
    match environment.replies() {
        ReplyKind::Data => tasks,
        ReplyKind::Program => tasks / 5,
    }
}
