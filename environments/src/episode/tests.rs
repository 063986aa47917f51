//! Conversations with a scripted environment and scripted agents.

use serde_json::json;

use crate::{
    Agent, BoxFuture, Conversation, Environment, EnvironmentError, EnvironmentId, EpisodeError, Message, Role, Seed,
    Task, Turn, Verdict, VerdictReason, episode, test_sandbox::block_on,
};

/// Ends as soon as a reply says `stop`, fails at `break`, and otherwise echoes the reply.
struct Echo {
    id: EnvironmentId,
    cap: u32,
}

impl Environment for Echo {
    fn id(&self) -> &EnvironmentId {
        &self.id
    }

    fn floor(&self) -> f64 {
        0.0
    }

    fn max_new_tokens(&self) -> u32 {
        1
    }

    fn turn_cap(&self) -> u32 {
        self.cap
    }

    fn task(&self, seed: Seed) -> BoxFuture<'_, Result<Task, EnvironmentError>> {
        Box::pin(async move { Ok(Task { seed, public: Conversation::ask("Begin."), private: json!(null) }) })
    }

    fn turn<'a>(&'a self, task: &'a Task, all: &'a Conversation) -> BoxFuture<'a, Result<Turn, EnvironmentError>> {
        Box::pin(async move {
            match all.reply().expect("the last message is a reply") {
                "stop" => Ok(Turn::Done(Verdict::RIGHT)),
                "break" => Err(EnvironmentError::Verifier {
                    environment: self.id.clone(),
                    seed: task.seed.0,
                    problem: "step raised".to_owned(),
                }),
                said => Ok(Turn::Continue(Message::user(format!("You said {said}.")))),
            }
        })
    }

    fn oracle<'a>(&'a self, _: &'a Task) -> BoxFuture<'a, Result<Option<Vec<String>>, EnvironmentError>> {
        Box::pin(async { Ok(None) })
    }

    fn wrong<'a>(&'a self, _: &'a Task) -> BoxFuture<'a, Result<Vec<String>, EnvironmentError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// Gives its replies in order and checks that each conversation ends with the environment's message.
struct Script(Vec<Message>);

impl Agent for Script {
    type Error = &'static str;

    async fn reply(&mut self, conversation: &Conversation) -> Result<Message, Self::Error> {
        assert_eq!(conversation.messages().last().unwrap().role, Role::User);
        assert_eq!(conversation.reply(), None);
        if self.0.is_empty() { Err("the server is gone") } else { Ok(self.0.remove(0)) }
    }
}

fn play(cap: u32, replies: &[&str]) -> Result<crate::Episode, EpisodeError<&'static str>> {
    let environment = Echo { id: EnvironmentId::built_in("test.echo", "1.0.0", 0), cap };
    let task = block_on(environment.task(Seed(1))).unwrap();
    let mut agent = Script(replies.iter().map(|&reply| Message::assistant(reply)).collect());
    block_on(episode(&environment, &task, &mut agent))
}

#[test]
fn a_conversation_ends_with_its_verdict_or_at_its_cap() {
    let capped = Verdict::zero(VerdictReason::TurnCap);
    let rows: &[(u32, &[&str], u32, Verdict)] = &[
        (1, &["stop"], 1, Verdict::RIGHT),
        (1, &["a"], 1, capped),
        (3, &["a", "stop"], 2, Verdict::RIGHT),
        (3, &["a", "b", "stop", "never asked"], 3, Verdict::RIGHT),
        (3, &["a", "b", "c", "stop"], 3, capped),
        (0, &["stop"], 1, Verdict::RIGHT),
        (2, &["", "stop"], 2, Verdict::RIGHT),
    ];
    for (cap, replies, turns, verdict) in rows {
        let episode = play(*cap, replies).unwrap();
        assert_eq!((episode.turns, episode.verdict), (*turns, *verdict), "{replies:?} at {cap}");
    }
}

#[test]
fn the_whole_conversation_is_kept_in_order() {
    let episode = play(5, &["one", "stop"]).unwrap();
    let expected = [
        Message::user("Begin."),
        Message::assistant("one"),
        Message::user("You said one."),
        Message::assistant("stop"),
    ];
    assert_eq!(episode.conversation.messages(), expected);
}

#[test]
fn an_agent_cannot_speak_for_the_environment() {
    let environment = Echo { id: EnvironmentId::built_in("test.echo", "1.0.0", 0), cap: 1 };
    let task = block_on(environment.task(Seed(1))).unwrap();
    for role in [Role::System, Role::User] {
        let mut agent = Script(vec![Message { role, content: "stop".to_owned() }]);
        let episode = block_on(episode(&environment, &task, &mut agent)).unwrap();
        assert_eq!(episode.conversation.messages()[1], Message::assistant("stop"), "{role:?}");
    }
}

#[test]
fn trouble_of_either_side_keeps_its_cause() {
    let error = play(3, &["a"]).unwrap_err();
    assert!(matches!(error, EpisodeError::Agent("the server is gone")), "{error:?}");
    let error = play(3, &["a", "break"]).unwrap_err();
    assert!(error.to_string().ends_with("could not judge a reply to the task of seed 1: step raised"), "{error}");
    let EpisodeError::Environment(error) = error else { panic!("{error:?}") };
    assert_eq!(error.origin(), crate::ErrorOrigin::Environment);
}
