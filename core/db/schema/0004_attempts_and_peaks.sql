-- Why the last attempt of a job ended, while it waits for the next one or after the last.
ALTER TABLE jobs ADD COLUMN last_error TEXT NOT NULL DEFAULT '';

-- What jobs really took, by what decides that (core/jobs/peak_memory.h): later estimates are corrected by it.
CREATE TABLE memory_peaks (
  key              TEXT PRIMARY KEY CHECK (key <> ''),
  estimated_bytes  INTEGER NOT NULL CHECK (estimated_bytes > 0),
  peak_bytes       INTEGER NOT NULL CHECK (peak_bytes > 0),
  runs             INTEGER NOT NULL DEFAULT 1 CHECK (runs >= 1),
  updated_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
