//! Driving one conversation from its opening to its verdict.

use thiserror::Error;

use crate::{Agent, Conversation, Environment, EnvironmentError, Message, Reason, Task, Turn, Verdict};

/// A finished conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    /// All of it, the opening included.
    pub conversation: Conversation,
    /// How many replies it holds.
    pub turns: u32,
    /// How it was judged.
    pub verdict: Verdict,
}

/// Why a conversation did not come to a verdict.
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
pub async fn episode<A: Agent>(
    environment: &dyn Environment,
    task: &Task,
    agent: &mut A,
) -> Result<Episode, EpisodeError<A::Error>> {
    let cap = environment.turn_cap().max(1);
    let mut conversation = environment.opening(task);
    for turns in 1..=cap {
        let Message { content, .. } = agent.reply(&conversation).await.map_err(EpisodeError::Agent)?;
        conversation.push(Message::assistant(content));
        match environment.turn(task, &conversation).await? {
            Turn::Done(verdict) => return Ok(Episode { conversation, turns, verdict }),
            Turn::Continue(message) => conversation.push(message),
        }
    }
    Ok(Episode { conversation, turns: cap, verdict: Verdict::zero(Reason::TurnCap) })
}
