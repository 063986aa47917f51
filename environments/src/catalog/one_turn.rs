//! Environments of one question, one reply and one verdict: the shared part of all built-in ones.

use std::future::Future;

use sandboxes::{Ending, Limits, Outcome, Program as Job, Sandbox, SandboxError};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    BoxFuture, Conversation, Environment, EnvironmentError, EnvironmentId, ReplyKind, Seed, Task, Turn, Verdict,
    VerdictReason, seed::Draws,
};

/// Parameters of a tier that are not part of its tasks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tier {
    pub(super) floor: f64,
    pub(super) max_new_tokens: u32,
}

/// A kind of question: draws tasks and judges replies.
pub(super) trait Question: Send + Sync + 'static {
    /// Name as used in settings; also the label of its draws.
    const NAME: &'static str;
    /// Changes whenever a task's bytes or a verdict may change.
    const VERSION: &'static str;
    /// Tiers, the easiest first.
    const TIERS: &'static [Tier];
    /// Treatment of replies: data or programs.
    const REPLIES: ReplyKind;
    /// Number of draws before a seed is given up.
    const ATTEMPTS: u32;
    /// Defect of rejected draws, for the error message.
    const UNUSABLE: &'static str;

    /// Data for the verifier only.
    type Private: Serialize + DeserializeOwned + Send + Sync;

    /// Creates the question at a tier.
    fn new(tier: u8, sandbox: &Sandbox) -> Self;

    /// Draws a task; `None` to reject the draw because a trivial reply, such as an echo of the prompt, would be right.
    fn draw(&self, draws: &mut Draws) -> impl Future<Output = Result<Drawn<Self>, SandboxError>> + Send;

    /// Judges a reply.
    fn judge(
        &self,
        private: &Self::Private,
        seed: Seed,
        reply: &str,
    ) -> impl Future<Output = Result<Verdict, SandboxError>> + Send;

    /// Returns a right reply.
    fn oracle(private: &Self::Private) -> String;

    /// Returns wrong replies.
    fn wrong(private: Self::Private) -> Vec<String>;
}

/// Opening and private data of a task, unless the draw was rejected.
pub(super) type Drawn<Q> = Option<(Conversation, <Q as Question>::Private)>;

/// Environment of a [`Question`] at a tier.
pub(super) struct OneTurn<Q> {
    id: EnvironmentId,
    tier: Tier,
    question: Q,
}

impl<Q: Question> OneTurn<Q> {
    pub(super) fn new(tier: u8, sandbox: &Sandbox) -> Self {
        Self {
            id: EnvironmentId::built_in(Q::NAME, Q::VERSION, tier),
            tier: Q::TIERS[usize::from(tier)],
            question: Q::new(tier, sandbox),
        }
    }

    async fn make(&self, seed: Seed) -> Result<Task, EnvironmentError> {
        for attempt in 0..Q::ATTEMPTS {
            // Each attempt has a stream of its own, so it does not depend on how much a rejected one drew.
            let drawn = self.question.draw(&mut Draws::new(Q::NAME, seed, attempt)).await;
            if let Some((public, private)) = drawn.map_err(|source| self.sandbox_error(source))? {
                return Ok(Task::sealed(seed, public, &private));
            }
        }
        Err(EnvironmentError::Generator {
            environment: self.id.clone(),
            seed: seed.0,
            problem: format!("each of {} draws {}", Q::ATTEMPTS, Q::UNUSABLE),
        })
    }

    fn sandbox_error(&self, source: SandboxError) -> EnvironmentError {
        EnvironmentError::Sandbox { environment: self.id.clone(), source }
    }
}

impl<Q: Question> Environment for OneTurn<Q> {
    fn id(&self) -> &EnvironmentId {
        &self.id
    }

    fn floor(&self) -> f64 {
        self.tier.floor
    }

    fn max_new_tokens(&self) -> u32 {
        self.tier.max_new_tokens
    }

    fn replies(&self) -> ReplyKind {
        Q::REPLIES
    }

    fn task(&self, seed: Seed) -> BoxFuture<'_, Result<Task, EnvironmentError>> {
        Box::pin(self.make(seed))
    }

    fn turn<'a>(
        &'a self,
        task: &'a Task,
        conversation: &'a Conversation,
    ) -> BoxFuture<'a, Result<Turn, EnvironmentError>> {
        Box::pin(async move {
            let private = task.unseal(&self.id)?;
            let verdict = self.question.judge(&private, task.seed, conversation.reply().unwrap_or_default()).await;
            verdict.map(Turn::Done).map_err(|source| self.sandbox_error(source))
        })
    }

    fn oracle<'a>(&'a self, task: &'a Task) -> BoxFuture<'a, Result<Option<Vec<String>>, EnvironmentError>> {
        Box::pin(async move { Ok(Some(vec![Q::oracle(&task.unseal(&self.id)?)])) })
    }

    fn wrong<'a>(&'a self, task: &'a Task) -> BoxFuture<'a, Result<Vec<String>, EnvironmentError>> {
        Box::pin(async move { Ok(Q::wrong(task.unseal(&self.id)?)) })
    }
}

/// Runs a program on one line of input within these limits; returns its output, or the reason why that output does not
/// count.
pub(super) async fn printed(
    sandbox: &Sandbox,
    source: &str,
    input: &str,
    seed: Seed,
    limits: Limits,
) -> Result<Result<String, VerdictReason>, SandboxError> {
    let job = Job { source: source.to_owned(), stdin: format!("{input}\n"), seed: seed.0, limits: Some(limits) };
    let Outcome { ending, stdout, .. } = sandbox.run(job).await?;
    Ok(match ending {
        Ending::Finished => Ok(stdout),
        // A trap is caused by the guest; trouble of the host is an error of the sandbox.
        Ending::Raised | Ending::Trapped => Err(VerdictReason::Raised),
        Ending::OutOfFuel => Err(VerdictReason::OutOfFuel),
        Ending::OutOfMemory | Ending::StackOverflow => Err(VerdictReason::OutOfMemory),
        Ending::OutputTooLong => Err(VerdictReason::OutputTooLong),
    })
}
