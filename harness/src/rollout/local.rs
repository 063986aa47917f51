//! The executor on this machine: one model at a time, in an engine or behind a server.

use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use models::responder::Responder;

use super::{Executor, ExecutorError, TaskRules};
use crate::clock::Stopwatch;
use crate::events::{Event, Reporter};
use crate::loader::{LoaderError, ModelLoader};
use crate::record::{Rollout, Timings};
use crate::registry::Entry;
use crate::units::Unit;

/// Sequences in flight for each row of the engine, so that a row is refilled while another reply is judged.
const IN_FLIGHT_PER_ROW: usize = 2;

/// Makes rollouts on this machine. A model is opened at the first unit of its entry and stays open until it is released
/// or another entry needs the memory.
pub(crate) struct LocalExecutor<'a> {
    loader: &'a ModelLoader,
    rules: TaskRules,
    entries: &'a [Entry],
    in_flight: usize,
    reporter: &'a dyn Reporter,
    open: tokio::sync::Mutex<Option<OpenModel>>,
    timings: Mutex<Timings>,
}

/// The model that is open, and its entry.
struct OpenModel {
    entry: usize,
    model: Arc<dyn Responder>,
}

impl<'a> LocalExecutor<'a> {
    /// An executor of these entries' models on an engine with so many rows.
    pub(crate) fn new(
        loader: &'a ModelLoader,
        rules: TaskRules,
        entries: &'a [Entry],
        rows: usize,
        reporter: &'a dyn Reporter,
    ) -> Self {
        let in_flight = rows.saturating_mul(IN_FLIGHT_PER_ROW);
        Self {
            loader,
            rules,
            entries,
            in_flight,
            reporter,
            open: tokio::sync::Mutex::default(),
            timings: Mutex::default(),
        }
    }

    /// Time spent in loading and in forward passes of released models.
    pub(crate) fn timings(&self) -> Timings {
        *self.timings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spend(&self, add: impl FnOnce(&mut Timings)) {
        add(&mut self.timings.lock().unwrap_or_else(PoisonError::into_inner));
    }

    async fn make(&self, entry: usize, unit: Unit) -> Result<Rollout, ExecutorError> {
        let model = self.model(entry).await?;
        Ok(self.rules.rollout(&*model, entry, unit, self.reporter).await?)
    }

    /// The entry's model, opened first if it is not the one that is open. Units asked for at once wait for one another
    /// here, so that it is opened once.
    async fn model(&self, entry: usize) -> Result<Arc<dyn Responder>, ExecutorError> {
        let mut open = self.open.lock().await;
        match &*open {
            Some(open) if open.entry == entry => return Ok(Arc::clone(&open.model)),
            _ => self.close(&mut open),
        }
        let submission = &self.entries[entry];
        if let Some(server) = self.loader.server_of(&submission.model) {
            let (label, server) = (submission.label(), server.server());
            let sentence = format!("{label}: {server} answers for it, so that its rollouts cannot be reproduced");
            self.reporter.report(Event::Served { sentence });
        }
        let loading = Stopwatch::start();
        let model: Arc<dyn Responder> = match self.loader.open(&submission.model).await {
            Ok(model) => model.into(),
            Err(LoaderError::Refused { model, reason }) => return Err(ExecutorError::Changed { model, reason }),
            Err(error) => return Err(error.into()),
        };
        self.spend(|timings| timings.loading += loading.elapsed());
        *open = Some(OpenModel { entry, model: Arc::clone(&model) });
        Ok(model)
    }

    fn close(&self, open: &mut Option<OpenModel>) {
        if let Some(OpenModel { model, .. }) = open.take() {
            self.spend(|timings| timings.forward += model.forward_time());
        }
    }
}

impl Executor for LocalExecutor<'_> {
    fn in_flight(&self) -> usize {
        self.in_flight
    }

    fn rollout(&self, entry: usize, unit: Unit) -> BoxFuture<'_, Result<Rollout, ExecutorError>> {
        self.make(entry, unit).boxed()
    }

    fn release(&self, entry: usize) -> BoxFuture<'_, ()> {
        async move {
            let mut open = self.open.lock().await;
            if open.as_ref().is_some_and(|open| open.entry == entry) {
                self.close(&mut open);
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
