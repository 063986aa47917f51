//! Results of an evaluation: counts, means and the forecast of the duel, as data.

use pareto::duel::Forecast;
use pareto::{Duel, DuelSettings};
use serde::Serialize;

use crate::record::{Conclusion, DuelRecord, ReasonCount, ReplyTally, Standing, paired, unit_scores};
use crate::report::Summary;

/// Tasks in each environment below which a forecast says nothing.
const FEWEST_TASKS: usize = 30;

/// Result of an evaluation.
#[derive(Debug, Serialize)]
pub(super) struct Evaluation {
    pub(super) version: u32,
    pub(super) model: String,
    pub(super) against: Option<String>,
    pub(super) seed: u64,
    /// The number that the duel would have in the reign: the more models were tested before, the more a model must show.
    pub(super) number: Option<u64>,
    pub(super) predicted: Prediction,
    pub(super) sentence: String,
    /// True if too few tasks were answered for a forecast.
    pub(super) too_early: bool,
    /// Further tasks in each environment until the model would dethrone, if things go on as they went; none if that is
    /// more than the validator's budget or the duel would be given up before.
    pub(super) further_tasks: Option<usize>,
    /// Number of rollouts answered by a server, which no one can reproduce.
    pub(super) not_reproducible: usize,
    pub(super) environments: Vec<EnvironmentEvaluation>,
    /// The model's replies by what became of them.
    pub(super) replies: ReplyTally,
    pub(super) speed: EvaluationSpeed,
    pub(super) files: crate::report::Files,
}

/// Time of an evaluation and tokens drawn in it, both models' together.
#[derive(Debug, Serialize)]
pub(super) struct EvaluationSpeed {
    pub(super) seconds: f64,
    pub(super) new_tokens: usize,
    pub(super) new_tokens_per_second: f64,
}

/// Predicted end of the model's duel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "&'static str")]
pub(super) enum Prediction {
    Dethrones,
    Loses,
    Undecided,
    /// Left out by the screen that has this word.
    Screened(&'static str),
    /// Without an opponent there is nothing to predict.
    Scored,
    /// Without a score neither.
    Unscored,
}

/// One environment of an evaluation.
#[derive(Debug, Serialize)]
pub(super) struct EnvironmentEvaluation {
    pub(super) environment: String,
    /// Its file, where it has one.
    pub(super) file: Option<String>,
    /// Tasks over which the means and the difference of this environment are taken: those of the duel, if there is one.
    pub(super) tasks: usize,
    /// None where no task was scored.
    pub(super) mean: Option<f64>,
    pub(super) against_mean: Option<f64>,
    pub(super) difference: Option<f64>,
    pub(super) interval: Option<(f64, f64)>,
    /// Further tasks until the model is shown to be not worse here; none if that is more than the validator's budget.
    pub(super) further_tasks: Option<usize>,
    /// The model's replies by what became of them, those to tasks that the duel did not ask for included.
    pub(super) replies: ReplyTally,
    /// Reasons of the model's scores, the most frequent first.
    pub(super) reasons: Vec<ReasonCount>,
}

impl Evaluation {
    /// The evaluation of an entry of a window that was played for it.
    pub(super) fn new(
        conclusion: &Conclusion,
        summary: &Summary,
        (subject, seed): (usize, u64),
        duel_settings: &DuelSettings,
        validator_budget: usize,
    ) -> Self {
        let concluded = &conclusion.entries[subject];
        let duel = conclusion.duel_of(subject);
        let against = (subject > 0).then(|| conclusion.entries[0].entry.model.to_string());
        let forecast = duel.map(|duel| forecast(conclusion, duel, duel_settings, validator_budget));
        let environments = conclusion.terms.environments.iter().enumerate().map(|(environment, id)| {
            let own = concluded.mean(environment);
            let evidence = duel.map(|duel| &duel.decision.environments[environment]);
            let (mean, tasks) = evidence.map_or(own, |evidence| (evidence.challenger_mean, evidence.counted));
            let rollouts = concluded.rollouts.iter().filter(|rollout| rollout.environment == environment);
            EnvironmentEvaluation {
                environment: id.to_string(),
                file: summary.reasons[environment].file.clone(),
                tasks,
                mean: (tasks > 0).then_some(mean),
                against_mean: evidence.filter(|_| tasks > 0).map(|evidence| evidence.champion_mean),
                difference: evidence.filter(|_| tasks > 0).map(|evidence| evidence.difference),
                interval: evidence.filter(|_| tasks > 0).map(|evidence| evidence.interval),
                further_tasks: forecast.as_ref().and_then(|forecast| forecast.environments[environment]),
                replies: ReplyTally::of(rollouts),
                reasons: conclusion.reasons(subject, environment),
            }
        });
        let environments: Vec<EnvironmentEvaluation> = environments.collect();
        Self {
            version: 2,
            model: concluded.entry.model.to_string(),
            against,
            seed,
            number: duel.map(|duel| duel.number),
            predicted: Prediction::of(conclusion, subject),
            sentence: match conclusion.nothing_scored() {
                Some(_) => "no verdict: not one task was scored".to_owned(),
                None => conclusion.verdict_of(subject),
            },
            too_early: environments.iter().any(|environment| environment.tasks < FEWEST_TASKS),
            further_tasks: forecast.as_ref().and_then(Forecast::dethroning),
            not_reproducible: conclusion.not_reproducible(),
            replies: environments.iter().map(|environment| environment.replies).sum(),
            speed: EvaluationSpeed::of(conclusion, summary),
            environments,
            files: summary.files.clone(),
        }
    }
}

impl EvaluationSpeed {
    fn of(conclusion: &Conclusion, summary: &Summary) -> Self {
        let rollouts = conclusion.entries.iter().flat_map(|concluded| &concluded.rollouts);
        let new_tokens = rollouts.flat_map(|rollout| &rollout.replies).map(|reply| reply.tokens.len()).sum();
        let timing = &summary.timing;
        let playing = timing.wall - timing.checking - timing.loading;
        let new_tokens_per_second = if playing > 0.0 { new_tokens as f64 / playing } else { 0.0 };
        Self { seconds: timing.wall, new_tokens, new_tokens_per_second }
    }
}

impl Prediction {
    fn of(conclusion: &Conclusion, subject: usize) -> Self {
        if conclusion.nothing_scored().is_some() {
            return Self::Unscored;
        }
        match conclusion.standing(subject) {
            Standing::Screened(word) => Self::Screened(word),
            Standing::Champion if conclusion.duel_of(subject).is_some() => Self::Dethrones,
            Standing::Lost => Self::Loses,
            Standing::Undecided => Self::Undecided,
            _ => Self::Scored,
        }
    }
}

impl From<Prediction> for &'static str {
    fn from(prediction: Prediction) -> Self {
        match prediction {
            Prediction::Dethrones => "dethrones",
            Prediction::Loses => "does not dethrone",
            Prediction::Undecided => "undecided",
            Prediction::Screened(word) => word,
            Prediction::Scored => "scored",
            Prediction::Unscored => "not scored",
        }
    }
}

/// Forecast of the duel under the validator's own budget.
fn forecast(conclusion: &Conclusion, duel: &DuelRecord, settings: &DuelSettings, budget: usize) -> Forecast {
    let scores = |entry: usize| unit_scores(&conclusion.entries[entry].rollouts);
    let environments = conclusion.terms.environments.len();
    let pairs = paired(environments, &scores(duel.champion), &scores(duel.challenger));
    let settings = DuelSettings { budget, ..settings.clone() };
    let held = Duel::held(&pairs, &settings, duel.decision.alpha);
    held.expect("the duel was held under these settings and a smaller budget").forecast()
}
