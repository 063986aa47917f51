-- Rollouts that a server made: nobody can make them again from the model's files.
-- 1 where the replies are token ids that the model's files give again; 0 where they are a server's texts.
ALTER TABLE rollouts ADD COLUMN reproducible INTEGER NOT NULL DEFAULT 1 CHECK (reproducible IN (0, 1));
