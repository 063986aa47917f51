//! Slots of a worker: it takes a block out of the queue when it has room for it and not before, so that others find some.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use apalis::prelude::{Layer, Service};
use futures::FutureExt;
use futures::future::BoxFuture;

/// The slots, and how many of them are taken.
#[derive(Debug, Clone)]
pub(super) struct Slots {
    taken: Arc<AtomicUsize>,
    most: usize,
}

impl Slots {
    pub(super) fn new(most: usize) -> Self {
        Self { taken: Arc::default(), most }
    }

    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Acquire)
    }
}

impl<S> Layer<S> for Slots {
    type Service = InSlots<S>;

    fn layer(&self, inner: S) -> InSlots<S> {
        InSlots { inner, slots: self.clone() }
    }
}

/// A service with slots.
#[derive(Debug, Clone)]
pub(super) struct InSlots<S> {
    inner: S,
    slots: Slots,
}

/// A slot that is taken until it is dropped.
struct Slot(Slots);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

impl<R, S: Service<R, Future: Send + 'static>> Service<R> for InSlots<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    /// Pending while all slots are taken. A worker polls its blocks before this, so that the end of one wakes it.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.slots.taken() >= self.slots.most {
            return Poll::Pending;
        }
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        self.slots.taken.fetch_add(1, Ordering::AcqRel);
        let slot = Slot(self.slots.clone());
        let answer = self.inner.call(request);
        async move {
            let answer = answer.await;
            drop(slot);
            answer
        }
        .boxed()
    }
}
