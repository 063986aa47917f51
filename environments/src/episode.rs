//! Plays one conversation from its opening to its verdict.

use thiserror::Error;

use crate::{Agent, Conversation, Environment, EnvironmentError, Message, Task, Turn, Verdict, VerdictReason};

/// A finished conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    /// All messages, the opening included.
    pub conversation: Conversation,
    /// Number of replies.
    pub turns: u32,
    /// Score and reason.
    pub verdict: Verdict,
}

/// Cause of a conversation without a verdict.
#[derive(Debug, Error)]
pub enum EpisodeError<E> {
    /// The agent gave no reply.
    #[error("the agent gave no reply")]
    Agent(#[source] E),
    /// The environment gave no verdict.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
}

/// Plays one task: the agent replies, the environment judges or continues, until a verdict or the turn cap.
///
/// # Errors
/// If the agent gives no reply or the environment no verdict.
pub async fn episode<A: Agent>(
    environment: &dyn Environment,
    task: &Task,
    agent: &mut A,
) -> Result<Episode, EpisodeError<A::Error>> {
    // A cap of 0 would end the conversation before the task was read.
    let cap = environment.turn_cap().max(1);
    let mut conversation = environment.opening(task);
    for turns in 1..=cap {
        // The agent's role is not trusted: a reply is always recorded as the assistant's.
        let Message { content, .. } = agent.reply(&conversation).await.map_err(EpisodeError::Agent)?;
        conversation.push(Message::assistant(content));
        match environment.turn(task, &conversation).await? {
            Turn::Done(verdict) => return Ok(Episode { conversation, turns, verdict }),
            Turn::Continue(message) => conversation.push(message),
        }
    }
    Ok(Episode { conversation, turns: cap, verdict: Verdict::zero(VerdictReason::TurnCap) })
}

#[cfg(test)]
mod tests;
