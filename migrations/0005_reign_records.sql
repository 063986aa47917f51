-- The crown belongs to a model: what a finished run hands to the next.
-- Champion and former champions (hotkey, model reference, snapshot digest, commitment), the reign's bouts and the models
-- seen, as JSON; null in rows of before, of which the columns beside it tell miners and a number only.
ALTER TABLE outcomes ADD COLUMN record TEXT;
-- Hash of the last record of the run's evidence; null in rows of before.
ALTER TABLE outcomes ADD COLUMN log TEXT;

-- The first commitment of every model that was admitted, kept for good.
CREATE TABLE sightings (
    -- The run that has seen it.
    run_id INTEGER NOT NULL REFERENCES runs (id),
    -- BLAKE3 of the snapshot's file list.
    snapshot TEXT NOT NULL,
    -- The block of commitment.
    committed INTEGER NOT NULL,
    -- The order of commitment within the block, from 0.
    position INTEGER NOT NULL,
    -- The hotkey that committed it.
    hotkey TEXT NOT NULL,
    -- The hotkey whose work it is: that of the original where it was found to be a copy.
    origin TEXT NOT NULL,
    PRIMARY KEY (run_id, snapshot)
) STRICT;

-- Bouts: a row before the first rollout of each, so that a number is spent however the run ends.
CREATE TABLE bouts (
    -- The run.
    run_id INTEGER NOT NULL REFERENCES runs (id),
    -- The number in the champion's reign, from 1.
    number INTEGER NOT NULL,
    -- BLAKE3 of the champion's file list.
    champion TEXT NOT NULL,
    -- BLAKE3 of the challenger's file list.
    snapshot TEXT NOT NULL,
    PRIMARY KEY (run_id, number)
) STRICT;
