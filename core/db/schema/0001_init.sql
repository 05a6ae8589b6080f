-- The first schema. Times are milliseconds since 1970 UTC; ids are UUIDv7 in lower case; columns that end
-- in _json hold JSON text. docs/storage-format.md explains the tables.

CREATE TABLE models (
  id             TEXT PRIMARY KEY CHECK (length(id) = 36),
  name           TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
  base_model     TEXT NOT NULL,
  description    TEXT NOT NULL DEFAULT '',
  tags_json      TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(tags_json)),
  -- Numbers are never used again, even when a version is removed.
  next_number    INTEGER NOT NULL DEFAULT 1 CHECK (next_number >= 1),
  created_at     INTEGER NOT NULL,
  updated_at     INTEGER NOT NULL
) STRICT;

CREATE TABLE versions (
  id                 TEXT PRIMARY KEY CHECK (length(id) = 36),
  model_id           TEXT NOT NULL REFERENCES models (id) ON DELETE CASCADE,
  number             INTEGER NOT NULL CHECK (number >= 1),
  kind               TEXT NOT NULL CHECK (kind IN ('base', 'adapter', 'merged', 'quantized')),
  state              TEXT NOT NULL CHECK (state IN ('pending', 'ready', 'corrupt')),
  state_reason       TEXT NOT NULL DEFAULT '',
  digest             TEXT NOT NULL DEFAULT '' CHECK (length(digest) IN (0, 64)),
  folder             TEXT NOT NULL DEFAULT '',
  by_reference       INTEGER NOT NULL DEFAULT 0 CHECK (by_reference IN (0, 1)),
  base_version_id    TEXT REFERENCES versions (id),
  parent_version_id  TEXT REFERENCES versions (id) ON DELETE SET NULL,
  -- Lineage outlives what it names: jobs and data sets may be removed later.
  job_id             TEXT,
  dataset_id         TEXT,
  dataset_digest     TEXT NOT NULL DEFAULT '',
  size_bytes         INTEGER NOT NULL DEFAULT 0 CHECK (size_bytes >= 0),
  config_json        TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(config_json)),
  metrics_json       TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(metrics_json)),
  created_at         INTEGER NOT NULL,
  UNIQUE (model_id, number),
  CHECK (state <> 'ready' OR (digest <> '' AND folder <> '')),
  CHECK (kind = 'adapter' OR base_version_id IS NULL)
) STRICT;
CREATE INDEX versions_by_base ON versions (base_version_id);
CREATE INDEX versions_by_parent ON versions (parent_version_id);
CREATE INDEX versions_by_digest ON versions (digest);

CREATE TABLE version_files (
  version_id  TEXT NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
  name        TEXT NOT NULL CHECK (name <> '' AND instr(name, '/') = 0),
  size_bytes  INTEGER NOT NULL CHECK (size_bytes >= 0),
  sha256      TEXT NOT NULL CHECK (length(sha256) = 64),
  PRIMARY KEY (version_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE aliases (
  model_id    TEXT NOT NULL REFERENCES models (id) ON DELETE CASCADE,
  alias       TEXT NOT NULL CHECK (length(alias) BETWEEN 1 AND 100 AND alias <> 'latest'),
  version_id  TEXT NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
  updated_at  INTEGER NOT NULL,
  PRIMARY KEY (model_id, alias)
) STRICT, WITHOUT ROWID;
CREATE INDEX aliases_by_version ON aliases (version_id);

CREATE TABLE datasets (
  id            TEXT PRIMARY KEY CHECK (length(id) = 36),
  name          TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
  digest        TEXT NOT NULL CHECK (length(digest) = 64),
  path          TEXT NOT NULL CHECK (path <> ''),
  by_reference  INTEGER NOT NULL DEFAULT 0 CHECK (by_reference IN (0, 1)),
  format        TEXT NOT NULL,
  rows          INTEGER NOT NULL CHECK (rows >= 0),
  size_bytes    INTEGER NOT NULL CHECK (size_bytes >= 0),
  report_json   TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(report_json)),
  created_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX datasets_by_digest ON datasets (digest);

CREATE TABLE jobs (
  sequence          INTEGER PRIMARY KEY AUTOINCREMENT,
  id                TEXT NOT NULL UNIQUE CHECK (length(id) = 36),
  kind              TEXT NOT NULL CHECK (kind <> ''),
  lane              TEXT NOT NULL CHECK (lane IN ('device', 'host')),
  state             TEXT NOT NULL CHECK (state IN ('QUEUED', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED')),
  reason            TEXT NOT NULL DEFAULT '',
  spec_json         TEXT NOT NULL CHECK (json_valid(spec_json)),
  model             TEXT NOT NULL DEFAULT '',
  model_id          TEXT,
  version_id        TEXT,
  dataset_id        TEXT,
  priority          INTEGER NOT NULL DEFAULT 0,
  attempt           INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
  not_before        INTEGER,
  timeout_seconds   INTEGER CHECK (timeout_seconds > 0),
  cancel_requested  INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
  worker            TEXT NOT NULL DEFAULT '',
  worker_pid        INTEGER,
  worker_started    TEXT NOT NULL DEFAULT '',
  lease_until       INTEGER,
  created_at        INTEGER NOT NULL,
  started_at        INTEGER,
  ended_at          INTEGER,
  step              INTEGER,
  total             INTEGER,
  eta_seconds       REAL,
  metrics_json      TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(metrics_json)),
  estimated_bytes   INTEGER,
  peak_bytes        INTEGER,
  result_model      TEXT,
  result_number     INTEGER,
  result_version_id TEXT,
  result_json       TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(result_json)),
  CHECK ((state = 'RUNNING') = (lease_until IS NOT NULL)),
  CHECK ((state IN ('COMPLETED', 'FAILED', 'CANCELLED')) = (ended_at IS NOT NULL))
) STRICT;
CREATE INDEX jobs_by_turn ON jobs (state, lane, priority DESC, sequence);

CREATE TABLE job_metrics (
  job_id   TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  ordinal  INTEGER NOT NULL CHECK (ordinal >= 1),
  time     INTEGER NOT NULL,
  data_json TEXT NOT NULL CHECK (json_valid(data_json)),
  PRIMARY KEY (job_id, ordinal)
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: a number is never given twice even after old events were pruned, and its counter is
-- part of the transaction, so that a rollback leaves no gap.
CREATE TABLE events (
  seq           INTEGER PRIMARY KEY AUTOINCREMENT,
  time          INTEGER NOT NULL,
  type          TEXT NOT NULL CHECK (type <> ''),
  subject_kind  TEXT NOT NULL CHECK (subject_kind <> ''),
  subject_id    TEXT NOT NULL,
  data_json     TEXT NOT NULL CHECK (json_valid(data_json))
) STRICT;
CREATE INDEX events_by_subject ON events (subject_id, seq);

CREATE TABLE evaluations (
  id              TEXT PRIMARY KEY CHECK (length(id) = 36),
  job_id          TEXT NOT NULL UNIQUE,
  model           TEXT NOT NULL,
  version_id      TEXT NOT NULL,
  dataset_id      TEXT NOT NULL,
  dataset_digest  TEXT NOT NULL,
  params_json     TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(params_json)),
  metrics_json    TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(metrics_json)),
  created_at      INTEGER NOT NULL,
  ended_at        INTEGER
) STRICT;
CREATE INDEX evaluations_by_version ON evaluations (version_id);

CREATE TABLE settings (
  key         TEXT PRIMARY KEY,
  value_json  TEXT NOT NULL CHECK (json_valid(value_json)),
  updated_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Answers to POSTs with an Idempotency-Key; status 0 while the first of them is still at work.
CREATE TABLE idempotency_keys (
  key          TEXT NOT NULL,
  route        TEXT NOT NULL,
  body_sha256  TEXT NOT NULL,
  status       INTEGER NOT NULL DEFAULT 0,
  response     TEXT NOT NULL DEFAULT '',
  created_at   INTEGER NOT NULL,
  PRIMARY KEY (key, route)
) STRICT, WITHOUT ROWID;
