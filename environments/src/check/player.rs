//! Playing replies that are known beforehand.

use std::convert::Infallible;

use crate::{
    Agent, Conversation, Environment, EnvironmentError, EpisodeError, Message, Task, Verdict, episode::episode,
};

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

/// The verdict on these replies, one a turn; the last one is repeated for as long as the conversation goes on.
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
