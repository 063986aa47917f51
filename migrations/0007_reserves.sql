-- What became of each entry at the door, with the models of former champions that were not called upon: a check of a column
-- cannot be changed in place, so that the table is made anew.
CREATE TABLE admissions_with_reserves (
    -- The run.
    run_id INTEGER NOT NULL REFERENCES runs (id),
    -- The entry's place in the registry's order of commitment, from 0.
    entry INTEGER NOT NULL,
    -- `admitted`, `refused`, `late`, or `reserve` for a former champion's model that was not called upon.
    standing TEXT NOT NULL CHECK (standing IN ('admitted', 'refused', 'late', 'reserve')),
    -- The sentence for its miner where it was not admitted.
    reason TEXT,
    -- The snapshot's files (name, size, sha256) as JSON; an empty list where none was read.
    files TEXT NOT NULL,
    PRIMARY KEY (run_id, entry)
) STRICT;

-- Every row stays as it is.
INSERT INTO admissions_with_reserves SELECT run_id, entry, standing, reason, files FROM admissions;

-- The new table takes the place of the old one.
DROP TABLE admissions;
-- Under its name.
ALTER TABLE admissions_with_reserves RENAME TO admissions;
