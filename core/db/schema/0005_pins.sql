-- Versions whose engine is never unloaded to make room: kept over a restart.
CREATE TABLE pins (
  version_id  TEXT PRIMARY KEY REFERENCES versions (id) ON DELETE CASCADE,
  created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
