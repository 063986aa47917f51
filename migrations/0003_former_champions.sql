-- Who held the weight before a run's champion, where former champions keep a share of it.
-- Their hotkeys, the latest first, as a JSON list.
ALTER TABLE outcomes ADD COLUMN former TEXT NOT NULL DEFAULT '[]';
