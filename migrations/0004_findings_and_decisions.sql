-- Findings and decisions follow from fingerprints and scores, are computed from them on every start, and are kept in
-- the evidence: the tables were written and never read.
DROP TABLE findings;
-- As above.
DROP TABLE decisions;
