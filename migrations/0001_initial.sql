-- Everything a run learns, append-only: rows are inserted once and never changed, so a killed run is continued by
-- inserting what is missing. Digests are lower-case hexadecimal; JSON columns hold versioned documents.

-- One window over one registry under one set of deciding settings.
CREATE TABLE runs (
    -- Number within this database.
    id INTEGER PRIMARY KEY,
    -- BLAKE3 of all that decides the result: registry, settings, environments, sandbox runtime.
    identity TEXT NOT NULL UNIQUE,
    -- The subnet.
    netuid INTEGER NOT NULL,
    -- The block whose hash seeds the tasks.
    seed_block INTEGER NOT NULL,
    -- The `opened` record of the evidence: registry, seed and settings, as JSON.
    opened TEXT NOT NULL,
    -- When the run was opened, in seconds since 1970 UTC.
    created_at INTEGER NOT NULL
) STRICT;

-- What became of each entry at the door.
CREATE TABLE admissions (
    -- The run.
    run_id INTEGER NOT NULL REFERENCES runs (id),
    -- The entry's place in the registry's order of commitment, from 0.
    entry INTEGER NOT NULL,
    -- `admitted`, `refused` or `late`.
    standing TEXT NOT NULL CHECK (standing IN ('admitted', 'refused', 'late')),
    -- The sentence for its miner where it was not admitted.
    reason TEXT,
    -- The snapshot's files (name, size, sha256) as JSON; an empty list where none was read.
    files TEXT NOT NULL,
    PRIMARY KEY (run_id, entry)
) STRICT;

-- Fingerprints by the files they were taken of, shared by all runs.
CREATE TABLE fingerprints (
    -- BLAKE3 of the snapshot's file list.
    snapshot TEXT PRIMARY KEY,
    -- The fingerprint as JSON.
    body TEXT NOT NULL
) STRICT;

-- Finished rollouts: one conversation on one task by one entry's model.
CREATE TABLE rollouts (
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
    -- The fault where the rollout failed (`model` or `environment`), else null.
    fault TEXT CHECK (fault IN ('model', 'environment')),
    -- How often it was tried, counting this time.
    attempts INTEGER NOT NULL,
    -- Seconds from first to last token and verdict; never part of a decision.
    seconds REAL NOT NULL,
    PRIMARY KEY (run_id, entry, environment, task)
) STRICT;

-- Findings of the screens.
CREATE TABLE findings (
    -- The run.
    run_id INTEGER NOT NULL REFERENCES runs (id),
    -- The entry left out.
    entry INTEGER NOT NULL,
    -- The finding as JSON.
    body TEXT NOT NULL,
    PRIMARY KEY (run_id, entry)
) STRICT;

-- Ended duels.
CREATE TABLE decisions (
    -- The run.
    run_id INTEGER NOT NULL REFERENCES runs (id),
    -- Place in the window's order of duels, from 0.
    duel INTEGER NOT NULL,
    -- The duel as JSON: who, at which alpha, with which evidence, decided how.
    body TEXT NOT NULL,
    PRIMARY KEY (run_id, duel)
) STRICT;

-- Finished runs.
CREATE TABLE outcomes (
    -- The run.
    run_id INTEGER PRIMARY KEY REFERENCES runs (id),
    -- The hotkey that holds the weight after it.
    champion TEXT NOT NULL,
    -- How many challengers the champion's reign has tested, this run's included.
    tested INTEGER NOT NULL,
    -- When the run ended, in seconds since 1970 UTC.
    finished_at INTEGER NOT NULL
) STRICT;
