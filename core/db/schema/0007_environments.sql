-- What a job ran in (docs/training.md, "Reproducing a job"): a row for each environment, in the order in which its
-- attempts ran in them; an attempt in the same one as before adds none.
CREATE TABLE job_environments (
  job_id            TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  ordinal           INTEGER NOT NULL CHECK (ordinal >= 1),
  attempt           INTEGER NOT NULL CHECK (attempt >= 1),
  time              INTEGER NOT NULL,
  environment_json  TEXT NOT NULL CHECK (json_valid(environment_json)),
  PRIMARY KEY (job_id, ordinal)
) STRICT, WITHOUT ROWID;

-- The job that this one does again; it may be removed before it.
ALTER TABLE jobs ADD COLUMN reproduces TEXT CHECK (reproduces IS NULL OR length(reproduces) = 36);
