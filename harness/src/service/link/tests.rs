//! Endpoints that fail, hang and answer.

use super::*;
use crate::chain::{AppliedRow, Submission, WeightRow, WindowRoot};
use crate::registry::{BlockRef, DrandPulse, Hash32, Hotkey, SubnetSnapshot};

/// An endpoint by the first letter of its address: it refuses connections, hangs, answers errors, cannot sign, or works.
struct Scripted(String);

struct Script(AtomicUsize);

impl Connect for Script {
    type Subnet = Scripted;

    async fn connect(&self, endpoint: &str) -> Result<Scripted, SubnetError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        match &endpoint[..1] {
            "r" => Err(SubnetError::Connection { endpoint: endpoint.to_owned(), cause: "refused".to_owned() }),
            "l" => std::future::pending().await,
            _ => Ok(Scripted(endpoint.to_owned())),
        }
    }
}

impl Subnet for Scripted {
    async fn finalized_head(&self) -> Result<BlockRef, SubnetError> {
        match &self.0[..1] {
            "h" => std::future::pending().await,
            "e" => Err(SubnetError::Answer {
                endpoint: self.0.clone(),
                request: "head",
                cause: "State discarded".to_owned(),
            }),
            "s" => Err(SubnetError::Signing("no key".to_owned())),
            _ => Ok(BlockRef { number: 7, hash: Hash32([0; 32]), unix_ms: 0 }),
        }
    }

    async fn block(&self, _: u64) -> Result<BlockRef, SubnetError> {
        self.finalized_head().await
    }

    async fn snapshot(&self, _: &BlockRef) -> Result<SubnetSnapshot, SubnetError> {
        std::future::pending().await
    }

    async fn drand_after(&self, _: &BlockRef) -> Result<Option<DrandPulse>, SubnetError> {
        Ok(None)
    }

    async fn submit(&self, _: &WeightRow) -> Result<Submission, SubnetError> {
        std::future::pending().await
    }

    async fn applied(&self, _: &Hotkey) -> Result<AppliedRow, SubnetError> {
        std::future::pending().await
    }

    async fn publish(&self, _: &WindowRoot) -> Result<Submission, SubnetError> {
        std::future::pending().await
    }

    async fn published(&self, _: &Hotkey) -> Result<Option<(WindowRoot, u64)>, SubnetError> {
        Ok(None)
    }
}

/// Asks for the head `asks` times; numbers of answers, changes of the endpoint and connections made.
async fn check(endpoints: &[&str], asks: usize, expected: (usize, u64, usize)) {
    let endpoints = endpoints.iter().map(|name| (*name).to_owned()).collect();
    let link = Link::new(Script(AtomicUsize::new(0)), endpoints, Duration::from_secs(20));
    let mut answers = 0;
    for _ in 0..asks {
        let head = link.ask("head", |subnet| async move { subnet.finalized_head().await }).await;
        answers += usize::from(head.is_ok_and(|head| head.number == 7));
    }
    assert_eq!((answers, link.rotations(), link.connect.0.load(Ordering::Relaxed)), expected);
}

#[tokio::test(start_paused = true)]
async fn whatever_an_endpoint_does_the_next_request_goes_to_the_next() {
    check(&["works"], 3, (3, 0, 1)).await;
    check(&["refuses", "works"], 3, (2, 1, 2)).await;
    check(&["lost", "works"], 3, (2, 1, 2)).await;
    check(&["hangs", "works"], 3, (2, 1, 2)).await;
    check(&["errs", "works"], 3, (2, 1, 2)).await;
    check(&["refuses", "hangs", "errs", "lost", "works"], 5, (1, 4, 5)).await;
    check(&["refuses"], 3, (0, 3, 3)).await;
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_no_endpoint_can_mend_leaves_the_endpoint() {
    check(&["signs not", "works"], 3, (0, 0, 1)).await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_is_changed_on_request_and_the_first_follows_the_last() {
    let link = Link::new(Script(AtomicUsize::new(0)), vec!["a".to_owned(), "b".to_owned()], Duration::from_secs(1));
    assert_eq!((link.endpoints(), link.endpoint().as_str()), (2, "a"));
    link.rotate("its head stands still").await;
    assert_eq!(link.endpoint(), "b");
    link.rotate("its head stands still").await;
    assert_eq!((link.endpoint().as_str(), link.rotations()), ("a", 2));
}
