use environments::{BoxFuture, EnvironmentError, EnvironmentId};
use models::hub::{HubKind, HubSettings};
use serde_json::json;

use super::*;
use crate::loader::{Arrival, files_of};
use crate::record::{AdmissionOutcome, Fault};
use crate::window::fixtures::{Recorder, lay_out, model_folder, registry};

/// Asks for the seed in two turns; the last reply has to hold an answer.
struct TwoTurns(EnvironmentId);

impl Environment for TwoTurns {
    fn id(&self) -> &EnvironmentId {
        &self.0
    }

    fn floor(&self) -> f64 {
        0.0
    }

    fn max_new_tokens(&self) -> u32 {
        9
    }

    fn turn_cap(&self) -> u32 {
        2
    }

    fn task(&self, seed: Seed) -> BoxFuture<'_, Result<Task, EnvironmentError>> {
        Box::pin(async move {
            Ok(Task { seed, public: Conversation::ask(format!("Guess {}.", seed.0)), private: json!(null) })
        })
    }

    fn turn<'a>(
        &'a self,
        task: &'a Task,
        conversation: &'a Conversation,
    ) -> BoxFuture<'a, Result<Turn, EnvironmentError>> {
        Box::pin(async move {
            let reply = conversation.reply().unwrap_or_default();
            let is_last = conversation.messages().len() > 2;
            Ok(match (is_last, reply.contains(&task.seed.0.to_string())) {
                (false, _) => Turn::Continue(Message::user("Are you sure?")),
                (true, true) => Turn::Done(Verdict::RIGHT.on(Extraction::Label)),
                (true, false) => Turn::Done(Verdict::zero(environments::VerdictReason::Wrong)),
            })
        })
    }

    fn oracle<'a>(&'a self, task: &'a Task) -> BoxFuture<'a, Result<Option<Vec<String>>, EnvironmentError>> {
        Box::pin(async move { Ok(Some(vec!["Well.".to_owned(), format!("Answer: {}", task.seed.0)])) })
    }

    fn wrong<'a>(&'a self, _: &'a Task) -> BoxFuture<'a, Result<Vec<String>, EnvironmentError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

struct Fixture {
    folder: tempfile::TempDir,
    loader: ModelLoader,
    terms: WindowTerms,
    admissions: BTreeMap<usize, Admission>,
    environments: Vec<Arc<dyn Environment>>,
}

impl Fixture {
    /// A window of one model on this disk and another that is gone.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        lay_out(&model_folder(folder.path(), 0), "llama");
        let hub = HubSettings { kind: HubKind::Folder, folder: Some(folder.path().to_owned()) };
        let settings = Settings { hub, ..Settings::default() };
        let loader = ModelLoader::new(&settings, &folder.path().join("cache"), Arc::new(Recorder::default())).unwrap();
        let environment = TwoTurns(EnvironmentId::built_in("two", "1.0.0", 0));
        let ids = vec![environment.0.clone()];
        let registry = registry(2);
        let Ok(Arrival::Admitted(snapshot)) = loader.admit(&registry.entries[0].model).await else {
            panic!("the model is admitted")
        };
        let admission = Admission { outcome: AdmissionOutcome::Admitted, files: files_of(&snapshot) };
        let terms = WindowTerms::new(&registry, Default::default(), &settings, ids, String::new());
        let admissions = [(0, admission.clone()), (1, admission)].into();
        Self { folder, loader, terms, admissions, environments: vec![Arc::new(environment)] }
    }

    async fn transcript(&self, rollout: Rollout) -> Transcript {
        Transcriber::with((&self.terms, &self.admissions), &self.environments, &self.loader).transcript(&rollout).await
    }
}

fn reply(text: Option<&str>, tokens: &[u32], finish: &str) -> Reply {
    let (text, finish) = (text.map(str::to_owned), finish.to_owned());
    Reply {
        prompt_tokens: 1,
        text,
        tokens: tokens.to_vec(),
        logprob_bits: Vec::new(),
        finish,
        work: Default::default(),
    }
}

fn rollout(entry: usize, replies: Vec<Reply>, score: f64, reason: &str) -> Rollout {
    let (fault, reason) = (None, reason.to_owned());
    Rollout {
        entry,
        environment: 0,
        task: 3,
        seed: 77,
        replies,
        score,
        reason,
        fault,
        reproducible: true,
        attempts: 1,
        seconds: 0.5,
    }
}

fn texts(transcript: &Transcript) -> Vec<(&str, Option<&str>)> {
    transcript.messages.iter().map(|message| (message.role, message.text.as_deref())).collect()
}

#[tokio::test]
async fn a_conversation_is_made_again_from_its_seed_and_its_replies() {
    let replies = vec![reply(Some("77?"), &[], "stop"), reply(Some("So be it.\nAnswer: 77"), &[], "length")];
    let transcript = Fixture::new().await.transcript(rollout(0, replies, 1.0, "right (from behind the label)")).await;
    let expected = [
        ("user", Some("Guess 77.")),
        ("assistant", Some("77?")),
        ("user", Some("Are you sure?")),
        ("assistant", Some("So be it.\nAnswer: 77")),
    ];
    assert_eq!(texts(&transcript), expected);
    assert_eq!(transcript.expected, Some(vec!["Well.".to_owned(), "Answer: 77".to_owned()]));
    let found = transcript.found.as_ref().map(|found| (found.place.as_str(), found.text.as_str()));
    assert_eq!(found, Some(("behind the label", "77")));
    assert_eq!((transcript.cut_off, transcript.limit, transcript.seconds), (true, Some(9), Some(0.5)));
    assert_eq!(transcript.notes, [""; 0]);
}

#[tokio::test]
async fn tokens_become_text_by_the_model_s_own_tokenizer() {
    let fixture = Fixture::new().await;
    let model = "o/m0@0123456789abcdef0123456789abcdef01234567".parse().unwrap();
    let admitted = fixture.loader.admit_here(&model).await.unwrap().unwrap();
    let tokenizer = admitted.prompter.tokenizer.as_ref().unwrap();
    let mut tokens = tokenizer.encode("Answer", models::text::SpecialTokens::Skip).unwrap();
    let cut = fixture.transcript(rollout(0, vec![reply(None, &tokens, "")], 0.0, "wrong")).await;
    assert_eq!((cut.messages[1].text.as_deref(), cut.cut_off), (Some("Answer"), true));
    tokens.push(admitted.stop_tokens[0]);
    let ended = fixture.transcript(rollout(0, vec![reply(None, &tokens, "")], 0.0, "wrong")).await;
    assert_eq!((ended.messages[1].text.as_deref(), ended.cut_off), (Some("Answer"), false));
}

#[tokio::test]
async fn what_is_not_at_hand_is_said_and_the_rest_is_shown() {
    let fixture = Fixture::new().await;
    let gone = fixture.transcript(rollout(1, vec![reply(None, &[5, 6], "length")], 0.0, "wrong")).await;
    assert_eq!(texts(&gone), [("user", Some("Guess 77.")), ("assistant", None)]);
    assert!(gone.cut_off && gone.found.is_none());
    assert!(
        gone.notes.concat().contains("token ids alone: the model's files are not on this disk"),
        "{:?}",
        gone.notes
    );

    std::fs::write(model_folder(fixture.folder.path(), 0).join("tokenizer.json"), "{}").unwrap();
    let changed = fixture.transcript(rollout(0, vec![reply(None, &[5], "length")], 0.0, "wrong")).await;
    assert!(changed.notes.concat().contains("tokenizer.json is not the file that was admitted"), "{:?}", changed.notes);

    let failed = Rollout { fault: Some(Fault::Model), ..rollout(0, Vec::new(), 0.0, "it gave no reply") };
    let failed = fixture.transcript(failed).await;
    assert_eq!((texts(&failed), failed.notes.len()), (vec![("user", Some("Guess 77."))], 0));
}

#[tokio::test]
async fn a_verdict_that_comes_out_differently_is_told() {
    let replies = || vec![reply(Some("77?"), &[], "stop"), reply(Some("Answer: 77"), &[], "stop")];
    let transcript = Fixture::new().await.transcript(rollout(0, replies(), 0.0, "wrong")).await;
    assert_eq!(transcript.notes, ["judged again, it is another verdict: 1.00, right (from behind the label)"]);
}
