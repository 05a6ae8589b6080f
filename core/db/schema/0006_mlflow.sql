-- What an MLflow server is still to be told, and what it knows. What is sent is how an object is then, so that a row
-- which is sent again changes nothing; changes meanwhile are told with it.
CREATE TABLE mlflow_outbox (
  object      TEXT PRIMARY KEY CHECK (object <> ''),  -- 'model:<id>', 'job:<id>'
  seq         INTEGER NOT NULL,                       -- of the newest event that tells of a change
  since       INTEGER NOT NULL,                       -- of the oldest change that it was not told
  not_before  INTEGER NOT NULL DEFAULT 0,
  attempts    INTEGER NOT NULL DEFAULT 0,             -- that it refused
  error       TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE INDEX mlflow_outbox_by_turn ON mlflow_outbox (not_before, seq);

-- Ids there and what was sent already (core/hub/mlflow_models.h), by object; also 'version:<id>'.
CREATE TABLE mlflow_links (
  object     TEXT PRIMARY KEY CHECK (object <> ''),
  link_json  TEXT NOT NULL CHECK (json_valid(link_json))
) STRICT, WITHOUT ROWID;

-- One row: the server that the above is about, and the last event that was looked at.
CREATE TABLE mlflow_server (
  id      INTEGER PRIMARY KEY CHECK (id = 1),
  uri     TEXT NOT NULL,
  seq     INTEGER NOT NULL
) STRICT;
