//! Link to the chain: one connection at a time to one of several endpoints, changed when it fails or its head stands still.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::chain::{Subnet, SubnetError};

/// Connects to endpoints of a chain.
pub(crate) trait Connect: Send + Sync + 'static {
    /// The subnet behind an endpoint.
    type Subnet: Subnet + 'static;

    /// Connects to an endpoint.
    ///
    /// # Errors
    /// If it cannot be reached or is of another chain.
    fn connect(&self, endpoint: &str) -> impl Future<Output = Result<Self::Subnet, SubnetError>> + Send;
}

/// Link to a chain over one of its endpoints.
pub(crate) struct Link<C: Connect> {
    connect: C,
    endpoints: Vec<String>,
    /// The limit of a connection and of a request that reads.
    limit: Duration,
    current: Mutex<Current<C::Subnet>>,
    /// Place of the endpoint in use, for whoever does not want to wait for a connection.
    shown: AtomicUsize,
    rotations: AtomicU64,
}

struct Current<S> {
    place: usize,
    subnet: Option<Arc<S>>,
}

impl<C: Connect> Link<C> {
    /// A link to these endpoints, at least one, with a limit for each connection and request; nothing is connected yet.
    pub(crate) fn new(connect: C, endpoints: Vec<String>, limit: Duration) -> Self {
        let current = Mutex::new(Current { place: 0, subnet: None });
        Self { connect, endpoints, limit, current, shown: AtomicUsize::new(0), rotations: AtomicU64::new(0) }
    }

    /// Number of endpoints.
    pub(crate) fn endpoints(&self) -> usize {
        self.endpoints.len()
    }

    /// Number of changes of the endpoint so far.
    pub(crate) fn rotations(&self) -> u64 {
        self.rotations.load(Ordering::Relaxed)
    }

    /// Address of the endpoint in use.
    pub(crate) fn endpoint(&self) -> String {
        self.endpoints[self.shown.load(Ordering::Relaxed)].clone()
    }

    /// Drops the connection; the next request goes to the next endpoint.
    pub(crate) async fn rotate(&self, reason: &str) {
        let mut current = self.current.lock().await;
        self.advance(&mut current, reason);
    }

    fn advance(&self, current: &mut Current<C::Subnet>, reason: &str) {
        let endpoint = &self.endpoints[current.place];
        current.place = (current.place + 1) % self.endpoints.len();
        current.subnet = None;
        self.shown.store(current.place, Ordering::Relaxed);
        self.rotations.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(%endpoint, next = %self.endpoints[current.place], reason, "the chain's endpoint is changed");
    }

    /// Asks the chain within the link's limit.
    ///
    /// # Errors
    /// If it cannot be reached, does not answer in time, or answers with an error. Where another endpoint may do better,
    /// the next request goes there.
    pub(crate) async fn ask<T, F>(
        &self,
        request: &'static str,
        ask: impl FnOnce(Arc<C::Subnet>) -> F + Send,
    ) -> Result<T, SubnetError>
    where
        F: Future<Output = Result<T, SubnetError>> + Send,
    {
        self.ask_within(self.limit, request, ask).await
    }

    /// As [`Link::ask`], within a limit of its own.
    ///
    /// # Errors
    /// As [`Link::ask`].
    pub(crate) async fn ask_within<T, F>(
        &self,
        limit: Duration,
        request: &'static str,
        ask: impl FnOnce(Arc<C::Subnet>) -> F + Send,
    ) -> Result<T, SubnetError>
    where
        F: Future<Output = Result<T, SubnetError>> + Send,
    {
        let (place, subnet) = self.connected().await?;
        let answer = match timeout(limit, ask(subnet)).await {
            Ok(answer) => answer,
            Err(_) => Err(self.late(place, request, limit)),
        };
        if let Err(error) = &answer
            && error.may_help_elsewhere()
        {
            let mut current = self.current.lock().await;
            // Another request may have changed it already.
            if current.place == place {
                self.advance(&mut current, &error.to_string());
            }
        }
        answer
    }

    /// The connection in use, made first where there is none. To connect may itself fail: then the next endpoint is next.
    async fn connected(&self) -> Result<(usize, Arc<C::Subnet>), SubnetError> {
        let mut current = self.current.lock().await;
        let place = current.place;
        if let Some(subnet) = &current.subnet {
            return Ok((place, Arc::clone(subnet)));
        }
        let connected = match timeout(self.limit, self.connect.connect(&self.endpoints[place])).await {
            Ok(connected) => connected,
            Err(_) => Err(self.late(place, "connect", self.limit)),
        };
        match connected {
            Ok(subnet) => {
                let subnet = Arc::new(subnet);
                current.subnet = Some(Arc::clone(&subnet));
                Ok((place, subnet))
            }
            Err(error) => {
                self.advance(&mut current, &error.to_string());
                Err(error)
            }
        }
    }

    fn late(&self, place: usize, request: &'static str, limit: Duration) -> SubnetError {
        SubnetError::Timeout { endpoint: self.endpoints[place].clone(), request, seconds: limit.as_secs() }
    }
}

#[cfg(test)]
mod tests;
