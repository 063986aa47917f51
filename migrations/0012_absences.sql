-- Entries that could not be fetched, checked or run to the end, for reasons that are not their files' own: a run goes on without
-- them.
CREATE TABLE absences (
    -- The run.
    run_id INTEGER NOT NULL REFERENCES runs (id),
    -- The entry's place in the registry's order of commitment, from 0.
    entry INTEGER NOT NULL,
    -- `absent` for one that was never admitted, `left` for one that was and answers no more.
    standing TEXT NOT NULL CHECK (standing IN ('absent', 'left')),
    -- The last attempt's error.
    reason TEXT NOT NULL,
    PRIMARY KEY (run_id, entry)
) STRICT;

-- The work of rollouts, and the fault of those that were not made since an entry's budget was spent.
CREATE TABLE rollouts_with_work (
    -- The run.
    run_id INTEGER NOT NULL REFERENCES runs (id),
    -- The entry, as in `admissions`.
    entry INTEGER NOT NULL,
    -- The environment's place in the settings, from 0.
    environment INTEGER NOT NULL,
    -- The task's number within the window and environment, from 0.
    task INTEGER NOT NULL,
    -- The task's seed, the bits of an unsigned 64-bit number.
    seed INTEGER NOT NULL,
    -- Each reply of the model in order: prompt length, token ids, log-probabilities' bits, finish reason, as JSON.
    replies TEXT NOT NULL,
    -- The verdict's score, 0 to 1.
    score REAL NOT NULL CHECK (score BETWEEN 0 AND 1),
    -- The verdict's reason.
    reason TEXT NOT NULL,
    -- The fault where the rollout failed (`model`, `environment` or its `verifier`), or `budget` where the model was not asked
    -- since its budget of work was spent; else null.
    fault TEXT CHECK (fault IN ('model', 'environment', 'verifier', 'budget')),
    -- How often it was tried, counting this time.
    attempts INTEGER NOT NULL,
    -- Seconds from first to last token and verdict; never part of a decision.
    seconds REAL NOT NULL,
    -- 1 where the replies are token ids that the model's files give again; 0 where they are a server's texts.
    reproducible INTEGER NOT NULL DEFAULT 1 CHECK (reproducible IN (0, 1)),
    -- Tokens, bytes and template fuel that the rollout took, as JSON; null in rows of before, which count as none.
    work TEXT,
    PRIMARY KEY (run_id, entry, environment, task)
) STRICT;

-- Both tables have their columns in this order.
INSERT INTO rollouts_with_work SELECT run_id, entry, environment, task, seed, replies, score, reason, fault, attempts, seconds, reproducible, NULL FROM rollouts;

-- The new table takes the place of the old one.
DROP TABLE rollouts;

-- Under its name.
ALTER TABLE rollouts_with_work RENAME TO rollouts;
