//! What the built-in environments have in common: one question, one reply, one verdict.

use std::future::Future;

use sandboxes::{Ending, Outcome, Program as Job, Sandbox, SandboxError};
use serde::{Serialize, de::DeserializeOwned};

use super::Tier;
use crate::{
    BoxFuture, Conversation, Environment, EnvironmentError, EnvironmentId, Reason, ReplyKind, Seed, Task, Turn,
    Verdict, program::limits, seed::Draws,
};

/// A kind of question with one right reply or several.
pub(super) trait Question: Send + Sync + 'static {
    /// The name people type; also the label of its draws.
    const NAME: &'static str;
    /// Changes whenever a task's bytes or a verdict may change.
    const VERSION: &'static str;
    /// The tiers, the easiest first.
    const TIERS: &'static [Tier];
    /// What a reply is to the judge.
    const REPLIES: ReplyKind;
    /// How often a task is drawn before its seed is given up.
    const ATTEMPTS: u32;
    /// What is wrong with draws that are thrown away.
    const UNUSABLE: &'static str;

    /// What only the judge knows.
    type Private: Serialize + DeserializeOwned + Send + Sync;

    /// The question at a tier.
    fn new(tier: u8, sandbox: &Sandbox) -> Self;

    /// Draws a task; none if it is to be drawn again, since something that nobody has to work out would be right.
    fn draw(&self, draws: &mut Draws) -> impl Future<Output = Result<Drawn<Self>, SandboxError>> + Send;

    /// Judges a reply.
    fn judge(
        &self,
        private: &Self::Private,
        seed: Seed,
        reply: &str,
    ) -> impl Future<Output = Result<Verdict, SandboxError>> + Send;

    /// A reply that is right.
    fn oracle(private: &Self::Private) -> String;

    /// Replies that are wrong.
    fn wrong(private: Self::Private) -> Vec<String>;
}

/// What the model is told and what the judge knows.
pub(super) type Drawn<Q> = Option<(Conversation, <Q as Question>::Private)>;

/// The environment that a question makes.
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
            let drawn = self.question.draw(&mut Draws::new(Q::NAME, seed, attempt)).await;
            if let Some((public, private)) = drawn.map_err(|source| self.host_trouble(source))? {
                return Ok(Task::sealed(seed, public, &private));
            }
        }
        Err(EnvironmentError::Generator {
            environment: self.id.clone(),
            seed: seed.0,
            problem: format!("each of {} draws {}", Q::ATTEMPTS, Q::UNUSABLE),
        })
    }

    fn host_trouble(&self, source: SandboxError) -> EnvironmentError {
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
            verdict.map(Turn::Done).map_err(|source| self.host_trouble(source))
        })
    }

    fn oracle<'a>(&'a self, task: &'a Task) -> BoxFuture<'a, Result<Option<Vec<String>>, EnvironmentError>> {
        Box::pin(async move { Ok(Some(vec![Q::oracle(&task.unseal(&self.id)?)])) })
    }

    fn wrong<'a>(&'a self, task: &'a Task) -> BoxFuture<'a, Result<Vec<String>, EnvironmentError>> {
        Box::pin(async move { Ok(Q::wrong(task.unseal(&self.id)?)) })
    }
}

/// What a program prints for one line of input within the limits of a small program, or why it printed nothing that
/// counts.
pub(super) async fn printed(
    sandbox: &Sandbox,
    source: &str,
    input: &str,
    seed: Seed,
) -> Result<Result<String, Reason>, SandboxError> {
    let job = Job { source: source.to_owned(), stdin: format!("{input}\n"), seed: seed.0, limits: Some(limits(1)) };
    let Outcome { ending, stdout, .. } = sandbox.run(job).await?;
    Ok(match ending {
        Ending::Finished => Ok(stdout),
        Ending::Raised | Ending::Trapped => Err(Reason::Raised),
        Ending::OutOfFuel => Err(Reason::OutOfFuel),
        Ending::OutOfMemory | Ending::StackOverflow => Err(Reason::OutOfMemory),
        Ending::OutputTooLong => Err(Reason::OutputTooLong),
    })
}
