-- Entries that could not be fetched, checked or run to the end, for reasons that are not their files' own: a run goes on without
-- them.
CREATE TABLE absences (
    -- The run.
    run_id BIGINT NOT NULL REFERENCES runs (id),
    -- The entry's place in the registry's order of commitment, from 0.
    entry BIGINT NOT NULL,
    -- `absent` for one that was never admitted, `left` for one that was and answers no more.
    standing TEXT NOT NULL CHECK (standing IN ('absent', 'left')),
    -- The last attempt's error.
    reason TEXT NOT NULL,
    PRIMARY KEY (run_id, entry)
);

-- Tokens, bytes and template fuel that the rollout took, as JSON; null in rows of before, which count as none.
ALTER TABLE rollouts ADD COLUMN work TEXT;

-- A fault may be `budget`, too, where the model was not asked since its budget of work was spent.
ALTER TABLE rollouts DROP CONSTRAINT rollouts_fault_check;

-- The same check with it.
ALTER TABLE rollouts ADD CONSTRAINT rollouts_fault_check CHECK (fault IN ('model', 'environment', 'verifier', 'budget'));
