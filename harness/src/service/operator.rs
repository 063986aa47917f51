//! Operator: the requests of `dethrone ctl` and the pages, answered from a running validator.

use super::control::{Answer, Control, Request};
use super::http::Shown;
use super::link::Connect;
use super::status::{ChainStatus, Status, VERSION, Vitals, WeightsStatus, WindowLine, WindowsStatus, alarms, notes};
use super::timeline::WindowState;
use super::validator::{State, Validator};
use crate::registry::Hotkey;
use crate::settings::Settings;
use crate::store::{Requeued, WeightEvent};

/// Windows that a status lists.
const LISTED: usize = 8;

impl<C: Connect> Control for Validator<C> {
    async fn answer(&self, request: Request) -> Answer {
        tracing::info!(?request, "control");
        match request {
            Request::Status => {
                let status = self.status();
                let data = serde_json::to_value(&status).expect("a status is plain data");
                Answer::Done { data, sentence: super::status::status_text(&status) }
            }
            Request::Pause => {
                self.state().paused = true;
                self.make_room();
                Answer::done("paused: no further task is played, and weights are set all the same")
            }
            Request::Resume => {
                self.state().paused = false;
                self.changed();
                Answer::done("resumed")
            }
            Request::Drain => {
                let playing = {
                    let mut state = self.state();
                    state.draining = true;
                    state.window
                };
                self.changed();
                Answer::done(match playing {
                    Some(window) => format!("the service ends when window {window} is decided"),
                    None => "no window plays: the service ends now".to_owned(),
                })
            }
            Request::Requeue { entry } => self.requeue(&Hotkey(entry)).await,
            Request::Set { setting } => self.set(setting).await,
        }
    }
}

impl<C: Connect> Validator<C> {
    /// Asks the window that plays to stop; it is played on from what is stored unless playing is paused.
    fn make_room(&self) {
        if self.state().window.is_some() {
            self.interrupt.notify_one();
        }
        self.changed();
    }

    /// Lets the window that plays fetch and check an entry again.
    async fn requeue(&self, entry: &Hotkey) -> Answer {
        let Some(seed_block) = self.state().window else {
            return Answer::refused("no window plays; the next one fetches and checks every entry anyway");
        };
        // In line for the window's place before it is asked to leave it.
        let (_playing, ()) = tokio::join!(self.playing.lock(), async { self.make_room() });
        match self.store.requeue(self.identity.netuid, seed_block, entry).await {
            Ok(Requeued::Done) => Answer::done(format!("{entry} is fetched and checked again")),
            Ok(Requeued::NotRefused) => {
                Answer::refused(format!("{entry} was neither refused in window {seed_block} nor absent from it"))
            }
            Ok(Requeued::Playing) => Answer::refused(format!(
                "window {seed_block} has played already, and its field is fixed: {entry} is fetched and checked again in the next one"
            )),
            Err(error) => Answer::refused(error.to_string()),
        }
    }

    /// Changes a setting that decides nothing.
    async fn set(&self, setting: String) -> Answer {
        let changed = [self.state().changed.clone(), vec![setting.clone()]].concat();
        let read = match (self.read_settings)(&changed) {
            Ok(read) => read,
            Err(error) => return Answer::refused(error.to_string()),
        };
        let settings = changed_settings(&self.state().settings, &read);
        let Some(settings) = settings else {
            return Answer::refused(format!(
                "`{setting}` cannot be changed while the service runs: only `engine` and `remote`, as far as they decide \
                 nothing; change the settings file and start the service again"
            ));
        };
        {
            let mut state = self.state();
            state.settings = settings;
            state.changed = changed;
        }
        self.drop_context().await;
        Answer::done(format!("`{setting}` holds from the next window on, until the process ends"))
    }

    /// The status now.
    pub(super) fn status(&self) -> Status {
        let head = self.head.borrow().map(|head| head.number);
        let block_time = self.block_time();
        let state = self.state();
        let seen = state.head_seen.map(|seen| seen.elapsed());
        let without_head = seen.map(|seen| (seen.as_secs_f64() / block_time.as_secs_f64()) as u64);
        let at = head.map(|head| head + without_head.unwrap_or(0));
        let in_force = head.and_then(|head| state.timeline.in_force(head));
        let age = at.zip(state.last_update).map(|(at, last)| at.saturating_sub(last));
        let in_force_for =
            in_force.zip(at).map(|((window, _), at)| at.saturating_sub(self.length.switch_block(window)));
        let late = head.map(|head| state.timeline.late(head)).unwrap_or_default();
        let vitals = Vitals {
            blocks_without_head: without_head,
            rule: state.rule(),
            age: age.filter(|_| state.last_update != Some(0)),
            in_force_for: in_force_for.filter(|_| self.identity.hotkey.is_some()),
        };
        let (weights_state, reason) = weights_state(&state, in_force.map(|(window, _)| window));
        Status {
            version: VERSION,
            netuid: self.identity.netuid,
            hotkey: self.identity.hotkey.as_ref().map(ToString::to_string),
            chain: ChainStatus {
                endpoint: self.link.endpoint(),
                changes: self.link.rotations(),
                head,
                head_age_seconds: seen.map(|seen| seen.as_secs_f64()),
            },
            notes: notes(&late),
            windows: WindowsStatus {
                length: self.length.blocks(),
                playing: state.window,
                rollouts: self.metrics.rollouts(),
                late,
                latest: state.timeline.latest().take(LISTED).map(window_line).collect(),
            },
            weights: WeightsStatus {
                in_force: in_force.map(|(window, _)| window),
                champion: in_force.and_then(|(_, decision)| Some(decision.champion.as_ref()?.to_string())),
                state: weights_state,
                reason,
                last_update: state.last_update,
                age: vitals.age,
                tempo: vitals.rule.map(|rule| rule.tempo),
            },
            paused: state.paused,
            draining: state.draining,
            alarms: alarms(&vitals),
        }
    }

    /// The status, with the gauges set to it.
    fn measured(&self) -> Status {
        let status = self.status();
        let number = |value: Option<u64>| value.map_or(f64::NAN, |value| value as f64);
        let metrics = &self.metrics;
        metrics.head.set(number(status.chain.head));
        metrics.head_age.set(status.chain.head_age_seconds.unwrap_or(f64::NAN));
        metrics.rotations.set(status.chain.changes as f64);
        metrics.window.set(number(status.windows.playing.or(Some(0))));
        metrics.behind.set(status.windows.late.len() as f64);
        metrics.in_force.set(number(status.weights.in_force));
        metrics.weights_age.set(number(status.weights.age));
        metrics.weights_age_tempos.set(number(status.weights.age) / number(status.weights.tempo));
        metrics.applied.set(f64::from(u8::from(status.weights.state.as_deref() == Some("applied"))));
        metrics.healthy.set(f64::from(u8::from(status.is_well())));
        status
    }
}

impl<C: Connect> Shown for Validator<C> {
    async fn metrics(&self) -> String {
        self.measured();
        self.metrics.text()
    }

    async fn health(&self) -> (String, bool) {
        let status = self.measured();
        (serde_json::to_string(&status).expect("a status is plain data"), status.is_well())
    }
}

/// State of the decision in force: `decided` until something became of its row.
fn weights_state(state: &State, in_force: Option<u64>) -> (Option<String>, Option<String>) {
    let Some(in_force) = in_force else { return (None, None) };
    match state.weights.latest().filter(|(window, _)| *window == in_force) {
        None => (Some("decided".to_owned()), None),
        Some((_, event)) => {
            let reason = if let WeightEvent::Refused { reason, .. } = event { Some(reason.clone()) } else { None };
            (Some(event.word().to_owned()), reason)
        }
    }
}

fn window_line((seed_block, state): (u64, &WindowState<std::sync::Arc<crate::store::VerifiedDecision>>)) -> WindowLine {
    let (word, detail) = match state {
        WindowState::Captured => ("captured", None),
        WindowState::Decided(decision) => ("decided", decision.champion.as_ref().map(ToString::to_string)),
        WindowState::Without(reason) => ("without", Some(reason.clone())),
    };
    WindowLine { seed_block, state: word.to_owned(), detail }
}

/// The settings in force with what was read anew of the engine and of servers, if nothing that decides, and nothing else, is
/// another one.
fn changed_settings(now: &Settings, read: &Settings) -> Option<Settings> {
    let mut settings = now.clone();
    settings.engine = read.engine.clone();
    settings.remote = read.remote.clone();
    let decides = |settings: &Settings| {
        (
            settings.engine.mode,
            settings.remote.interface,
            settings.remote.served.clone(),
            settings.engine.algorithms.clone(),
        )
    };
    (settings == *read && decides(now) == decides(read)).then_some(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Sources;

    #[track_caller]
    fn check(flag: &str, changes: bool) {
        let now = Settings::default();
        let read = Sources::new(&now, None, &[flag.to_owned()]).unwrap().settings().unwrap();
        assert_eq!(changed_settings(&now, &read).is_some_and(|settings| settings == read), changes, "{flag}");
    }

    #[test]
    fn only_settings_that_decide_nothing_can_be_changed_while_a_validator_runs() {
        check("engine.rows=8", true);
        check("remote.in_flight=3", true);
        check("engine.mode=eight_bit", false);
        check("alpha=0.02", false);
        check("duel.budget=90", false);
        check("service.window_blocks=9", false);
        check("output=elsewhere", false);
    }
}
