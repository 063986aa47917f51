-- Rollouts that workers made, before a window asks for them: some are made ahead and never asked for, and a few by two workers.
CREATE TABLE worker_rollouts (
    -- Number within this database.
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The run.
    run_id BIGINT NOT NULL REFERENCES runs (id),
    -- The entry, as in `admissions`.
    entry BIGINT NOT NULL,
    -- The environment's place in the settings, from 0.
    environment BIGINT NOT NULL,
    -- The task's number within the window and environment, from 0.
    task BIGINT NOT NULL,
    -- The name of the worker's process.
    worker TEXT NOT NULL,
    -- The rollout as JSON.
    body TEXT NOT NULL,
    -- When it was stored, in seconds since 1970 UTC.
    made_at BIGINT NOT NULL,
    UNIQUE (run_id, entry, environment, task, worker)
);

-- Workers that made another rollout than the validator's own machine makes: they are given no further work.
CREATE TABLE dismissed_workers (
    -- The run in which it was found.
    run_id BIGINT NOT NULL REFERENCES runs (id),
    -- The name of the worker's process.
    worker TEXT NOT NULL,
    -- Its rollout and the right one, as JSON.
    evidence TEXT NOT NULL,
    -- When it was found, in seconds since 1970 UTC.
    dismissed_at BIGINT NOT NULL,
    PRIMARY KEY (run_id, worker)
);

-- Entries that a worker could not run: the validator's own machine finds out whether they can be run.
CREATE TABLE worker_failures (
    -- The run.
    run_id BIGINT NOT NULL REFERENCES runs (id),
    -- The entry, as in `admissions`.
    entry BIGINT NOT NULL,
    -- The name of the worker's process.
    worker TEXT NOT NULL,
    -- The error.
    reason TEXT NOT NULL,
    -- When it was seen, in seconds since 1970 UTC.
    failed_at BIGINT NOT NULL,
    PRIMARY KEY (run_id, entry, worker)
);
