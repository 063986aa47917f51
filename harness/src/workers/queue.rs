//! The queue of blocks: apalis's tables in a Postgres database.

use std::time::Duration;

use apalis::prelude::{TaskBuilder, TaskSink};
use apalis_postgres::{Config, PgPool, PostgresStorage};
use sqlx::postgres::PgPoolOptions;

use super::block::Block;
use crate::store::RunId;

/// Connections of a process to the queue.
const CONNECTIONS: u32 = 4;

/// Attempts at a job: it ends when it is done or withdrawn, and not before.
const ATTEMPTS: usize = 1_000_000;

/// Times that a change of the queue is tried while its server is lost, and the pause between them.
const TRIES: u32 = 60;
const PAUSE: Duration = Duration::from_secs(1);

/// The queue cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the queue of jobs: {0}")]
pub(super) struct QueueError(String);

impl QueueError {
    fn new(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// The queue of blocks in one database.
#[derive(Debug, Clone)]
pub(super) struct BlockQueue {
    pool: PgPool,
}

impl BlockQueue {
    /// Connects to the queue in this database, and makes its tables if they are not there.
    pub(super) async fn open(url: &str) -> Result<Self, QueueError> {
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect(url).await.map_err(QueueError::new)?;
        PostgresStorage::<()>::setup(&pool).await.map_err(QueueError::new)?;
        Ok(Self { pool })
    }

    /// The part of it with this name.
    pub(super) fn storage(&self, config: Config) -> PostgresStorage<Block> {
        PostgresStorage::new(&self.pool).with_config(config)
    }

    /// Adds a block to the part with this name, to be done after a delay.
    pub(super) async fn push(&self, name: &str, block: &Block, delay: Duration) -> Result<(), QueueError> {
        let mut storage = self.storage(Config::default().queue(name));
        let mut tries = 0;
        loop {
            // The key says to whom the job belongs; a block that is in the queue twice is done twice, and counted once.
            let random = getrandom::u64().map_err(QueueError::new)?;
            let key = format!("{}{random:016x}", owner(block.run, block.entry));
            let task = TaskBuilder::new(block.clone())
                .priority(block.priority())
                .max_attempts(ATTEMPTS)
                .idempotency_key(key)
                .run_after(delay)
                .build();
            match storage.push_task(task).await {
                Ok(()) => return Ok(()),
                Err(_) if tries < TRIES => tries += 1,
                Err(error) => return Err(QueueError::new(error)),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Withdraws all blocks of an entry in a run: those that nobody does are removed, the others marked.
    pub(super) async fn withdraw(&self, run: RunId, entry: usize) -> Result<(), QueueError> {
        let mark = "UPDATE apalis.jobs SET status = 'Killed', done_at = now() \
                    WHERE starts_with(idempotency_key, $1) AND status IN ('Queued', 'Running')";
        let remove = "DELETE FROM apalis.jobs WHERE starts_with(idempotency_key, $1) AND status NOT IN ('Killed')";
        for sql in [mark, remove] {
            let mut tries = 0;
            while let Err(error) = sqlx::query(sql).bind(owner(run, entry)).execute(&self.pool).await {
                tries += 1;
                if tries > TRIES {
                    return Err(QueueError::new(error));
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    /// True of a block that was withdrawn.
    pub(super) async fn is_withdrawn(&self, id: &str) -> Result<bool, QueueError> {
        let status: Option<String> = sqlx::query_scalar("SELECT status FROM apalis.jobs WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.pool)
            .await
            .map_err(QueueError::new)?;
        Ok(status.is_none_or(|status| status == "Killed"))
    }

    /// Of the parts whose names begin like this and that hold blocks to be done, the one with the most urgent block; among
    /// equals the one at which the fewest work. Blocks of a worker that gives no sign of life are to be done, too.
    pub(super) async fn most_urgent(&self, queues: &str, silent: Duration) -> Result<Option<String>, QueueError> {
        let select = "SELECT jobs.job_type FROM apalis.jobs AS jobs \
                      LEFT JOIN apalis.workers AS workers ON workers.id = jobs.lock_by \
                      WHERE starts_with(jobs.job_type, $1) AND jobs.run_at < now() \
                      AND (jobs.status IN ('Pending', 'Failed') OR (jobs.status IN ('Queued', 'Running') \
                           AND workers.last_seen < now() - make_interval(secs => $2))) \
                      GROUP BY jobs.job_type \
                      ORDER BY max(jobs.priority) DESC, (SELECT count(*) FROM apalis.workers AS busy \
                               WHERE busy.worker_type = jobs.job_type \
                               AND busy.last_seen > now() - make_interval(secs => $2)), jobs.job_type LIMIT 1";
        sqlx::query_scalar(select)
            .bind(queues)
            .bind(silent.as_secs_f64())
            .fetch_optional(&self.pool)
            .await
            .map_err(QueueError::new)
    }

    /// Number of the blocks of a part that wait for somebody.
    pub(super) async fn waiting(&self, name: &str) -> Result<i64, QueueError> {
        let count = "SELECT count(*) FROM apalis.jobs \
                     WHERE job_type = $1 AND status IN ('Pending', 'Failed') AND run_at < now()";
        sqlx::query_scalar(count).bind(name).fetch_one(&self.pool).await.map_err(QueueError::new)
    }
}

/// Beginning of the keys of an entry's blocks in a run.
fn owner(run: RunId, entry: usize) -> String {
    format!("{run}/{entry}/")
}
