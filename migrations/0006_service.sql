-- A validator's windows by blocks of a chain. A window is captured, then decided or left without a decision.
CREATE TABLE windows (
    -- The subnet.
    netuid INTEGER NOT NULL,
    -- The window's first block, whose hash and drand pulse seed its tasks.
    seed_block INTEGER NOT NULL,
    -- The subnet at that block and the drand pulse after it, as JSON.
    recorded TEXT NOT NULL,
    -- The ledger of commitments after it, as JSON.
    ledger TEXT NOT NULL,
    -- When it was captured, in seconds since 1970 UTC.
    captured_at INTEGER NOT NULL,
    PRIMARY KEY (netuid, seed_block)
) STRICT;

-- Windows that give no decision; one that was captured may be among them.
CREATE TABLE skipped_windows (
    -- The subnet.
    netuid INTEGER NOT NULL,
    -- The window's first block.
    seed_block INTEGER NOT NULL,
    -- The reason, as a sentence.
    reason TEXT NOT NULL,
    -- When it was known, in seconds since 1970 UTC.
    skipped_at INTEGER NOT NULL,
    PRIMARY KEY (netuid, seed_block)
) STRICT;

-- Verified decisions: their evidence is written, was read back, and holds.
CREATE TABLE decisions (
    -- The subnet.
    netuid INTEGER NOT NULL,
    -- The window's first block.
    seed_block INTEGER NOT NULL,
    -- Hash of the last record of its evidence.
    log TEXT NOT NULL,
    -- The hotkey that holds the weight.
    champion TEXT NOT NULL,
    -- The weights, as JSON.
    weights TEXT NOT NULL,
    -- When it was verified, in seconds since 1970 UTC.
    decided_at INTEGER NOT NULL,
    PRIMARY KEY (netuid, seed_block)
) STRICT;

-- What became of a decision's row of weights on the chain, an event a row.
CREATE TABLE weight_events (
    -- Number within this database.
    id INTEGER PRIMARY KEY,
    -- The subnet.
    netuid INTEGER NOT NULL,
    -- The first block of the window whose decision it is.
    seed_block INTEGER NOT NULL,
    -- The event as JSON: submitted, revealed, applied, differs or refused.
    body TEXT NOT NULL,
    -- When it was seen, in seconds since 1970 UTC.
    seen_at INTEGER NOT NULL
) STRICT;

-- Refusals that an operator has set aside before their window had rollouts, so that the entry was fetched and checked again.
CREATE TABLE requeued_admissions (
    -- The run.
    run_id INTEGER NOT NULL REFERENCES runs (id),
    -- The entry, as in `admissions`.
    entry INTEGER NOT NULL,
    -- The sentence of the refusal.
    reason TEXT NOT NULL,
    -- When it was set aside, in seconds since 1970 UTC.
    requeued_at INTEGER NOT NULL
) STRICT;
