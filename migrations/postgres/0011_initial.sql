-- The schema of SQLite as of its migration of this number, in the types that Postgres has: whole numbers have 64 bits, digests are
-- lower-case hexadecimal, JSON columns hold versioned documents. Rows are inserted once and never changed.

-- One window over one registry under one set of deciding settings.
CREATE TABLE runs (
    -- Number within this database.
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- BLAKE3 of all that decides the result: registry, settings, environments, sandbox runtime.
    identity TEXT NOT NULL UNIQUE,
    -- The subnet.
    netuid BIGINT NOT NULL,
    -- The block whose hash seeds the tasks.
    seed_block BIGINT NOT NULL,
    -- The `opened` record of the evidence: registry, seed and settings, as JSON.
    opened TEXT NOT NULL,
    -- When the run was opened, in seconds since 1970 UTC.
    created_at BIGINT NOT NULL
);

-- What became of each entry at the door.
CREATE TABLE admissions (
    -- The run.
    run_id BIGINT NOT NULL REFERENCES runs (id),
    -- The entry's place in the registry's order of commitment, from 0.
    entry BIGINT NOT NULL,
    -- `admitted`, `refused`, `late`, or `reserve` for a former champion's model that was not called upon.
    standing TEXT NOT NULL CHECK (standing IN ('admitted', 'refused', 'late', 'reserve')),
    -- The sentence for its miner where it was not admitted.
    reason TEXT,
    -- The snapshot's files (name, size, sha256) as JSON; an empty list where none was read.
    files TEXT NOT NULL,
    PRIMARY KEY (run_id, entry)
);

-- Refusals that an operator has set aside before their window had rollouts, so that the entry was fetched and checked again.
CREATE TABLE requeued_admissions (
    -- The run.
    run_id BIGINT NOT NULL REFERENCES runs (id),
    -- The entry, as in `admissions`.
    entry BIGINT NOT NULL,
    -- The sentence of the refusal.
    reason TEXT NOT NULL,
    -- When it was set aside, in seconds since 1970 UTC.
    requeued_at BIGINT NOT NULL
);

-- Fingerprints by the files they were taken of, shared by all runs.
CREATE TABLE fingerprints (
    -- BLAKE3 of the snapshot's file list.
    snapshot TEXT PRIMARY KEY,
    -- The fingerprint as JSON.
    body TEXT NOT NULL
);

-- The first commitment of every model that was admitted, kept for good.
CREATE TABLE sightings (
    -- The run that has seen it.
    run_id BIGINT NOT NULL REFERENCES runs (id),
    -- BLAKE3 of the snapshot's file list.
    snapshot TEXT NOT NULL,
    -- The block of commitment.
    committed BIGINT NOT NULL,
    -- The order of commitment within the block, from 0.
    position BIGINT NOT NULL,
    -- The hotkey that committed it.
    hotkey TEXT NOT NULL,
    -- The hotkey whose work it is: that of the original where it was found to be a copy.
    origin TEXT NOT NULL,
    PRIMARY KEY (run_id, snapshot)
);

-- Bouts: a row before the first rollout of each, so that a number is spent however the run ends.
CREATE TABLE bouts (
    -- The run.
    run_id BIGINT NOT NULL REFERENCES runs (id),
    -- The number in the champion's reign, from 1.
    number BIGINT NOT NULL,
    -- BLAKE3 of the champion's file list.
    champion TEXT NOT NULL,
    -- BLAKE3 of the challenger's file list.
    snapshot TEXT NOT NULL,
    PRIMARY KEY (run_id, number)
);

-- Finished rollouts: one conversation on one task by one entry's model.
CREATE TABLE rollouts (
    -- The run.
    run_id BIGINT NOT NULL REFERENCES runs (id),
    -- The entry, as in `admissions`.
    entry BIGINT NOT NULL,
    -- The environment's place in the settings, from 0.
    environment BIGINT NOT NULL,
    -- The task's number within the window and environment, from 0.
    task BIGINT NOT NULL,
    -- The task's seed, the bits of an unsigned 64-bit number.
    seed BIGINT NOT NULL,
    -- Each reply of the model in order: prompt length, token ids, log-probabilities' bits, finish reason, as JSON.
    replies TEXT NOT NULL,
    -- The verdict's score, 0 to 1.
    score DOUBLE PRECISION NOT NULL CHECK (score BETWEEN 0 AND 1),
    -- The verdict's reason.
    reason TEXT NOT NULL,
    -- The fault where the rollout failed (`model`, `environment` or its `verifier`), else null.
    fault TEXT CHECK (fault IN ('model', 'environment', 'verifier')),
    -- How often it was tried, counting this time.
    attempts BIGINT NOT NULL,
    -- Seconds from first to last token and verdict; never part of a decision.
    seconds DOUBLE PRECISION NOT NULL,
    -- 1 where the replies are token ids that the model's files give again; 0 where they are a server's texts.
    reproducible BIGINT NOT NULL DEFAULT 1 CHECK (reproducible IN (0, 1)),
    PRIMARY KEY (run_id, entry, environment, task)
);

-- Finished runs.
CREATE TABLE outcomes (
    -- The run.
    run_id BIGINT PRIMARY KEY REFERENCES runs (id),
    -- The hotkey that holds the weight after it.
    champion TEXT NOT NULL,
    -- How many challengers the champion's reign has tested, this run's included.
    tested BIGINT NOT NULL,
    -- When the run ended, in seconds since 1970 UTC.
    finished_at BIGINT NOT NULL,
    -- Hotkeys of former champions, the latest first, as a JSON list; an empty one since `record` holds them.
    former TEXT NOT NULL DEFAULT '[]',
    -- Champion and former champions, the reign's bouts and the models seen, as JSON.
    record TEXT,
    -- Hash of the last record of the run's evidence.
    log TEXT
);

-- A validator's windows by blocks of a chain. A window is captured, then decided or left without a decision.
CREATE TABLE windows (
    -- The subnet.
    netuid BIGINT NOT NULL,
    -- The window's first block, whose hash and drand pulse seed its tasks.
    seed_block BIGINT NOT NULL,
    -- The subnet at that block and the drand pulse after it, as JSON.
    recorded TEXT NOT NULL,
    -- The ledger of commitments after it, as JSON.
    ledger TEXT NOT NULL,
    -- When it was captured, in seconds since 1970 UTC.
    captured_at BIGINT NOT NULL,
    PRIMARY KEY (netuid, seed_block)
);

-- Windows that give no decision; one that was captured may be among them.
CREATE TABLE skipped_windows (
    -- The subnet.
    netuid BIGINT NOT NULL,
    -- The window's first block.
    seed_block BIGINT NOT NULL,
    -- The reason, as a sentence.
    reason TEXT NOT NULL,
    -- When it was known, in seconds since 1970 UTC.
    skipped_at BIGINT NOT NULL,
    PRIMARY KEY (netuid, seed_block)
);

-- Verified decisions: their evidence is written, was read back, and holds.
CREATE TABLE decisions (
    -- The subnet.
    netuid BIGINT NOT NULL,
    -- The window's first block.
    seed_block BIGINT NOT NULL,
    -- Hash of the last record of its evidence.
    log TEXT NOT NULL,
    -- The hotkey that holds the weight.
    champion TEXT NOT NULL,
    -- The weights, as JSON.
    weights TEXT NOT NULL,
    -- When it was verified, in seconds since 1970 UTC.
    decided_at BIGINT NOT NULL,
    PRIMARY KEY (netuid, seed_block)
);

-- What became of a decision's row of weights on the chain, an event a row.
CREATE TABLE weight_events (
    -- Number within this database.
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The subnet.
    netuid BIGINT NOT NULL,
    -- The first block of the window whose decision it is.
    seed_block BIGINT NOT NULL,
    -- The event as JSON: submitted, revealed, applied, differs or refused.
    body TEXT NOT NULL,
    -- When it was seen, in seconds since 1970 UTC.
    seen_at BIGINT NOT NULL
);
