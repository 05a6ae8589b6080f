-- API keys and the audit log.

-- Of a key's secret only its SHA-256 is kept; `hint` is its beginning, by which a person knows it again. Revoked keys stay,
-- so that the audit log's ids keep a name.
CREATE TABLE api_keys (
  id            TEXT PRIMARY KEY CHECK (length(id) = 36),
  name          TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  secret_sha256 TEXT NOT NULL UNIQUE CHECK (length(secret_sha256) = 64),
  hint          TEXT NOT NULL CHECK (length(hint) BETWEEN 1 AND 16),
  scopes_json   TEXT NOT NULL CHECK (json_valid(scopes_json) AND json_array_length(scopes_json) >= 1),
  created_at    INTEGER NOT NULL,
  expires_at    INTEGER CHECK (expires_at > created_at),
  revoked_at    INTEGER,
  last_used_at  INTEGER
) STRICT;
-- A name belongs to one live key at a time.
CREATE UNIQUE INDEX api_keys_by_name ON api_keys (name) WHERE revoked_at IS NULL;

-- Who changed what: one row a changing call, never altered. No secrets, no bodies.
CREATE TABLE audit_log (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  time        INTEGER NOT NULL,
  key_id      TEXT CHECK (length(key_id) = 36),
  actor       TEXT NOT NULL CHECK (actor <> ''),
  method      TEXT NOT NULL CHECK (method <> ''),
  route       TEXT NOT NULL,
  path        TEXT NOT NULL,
  subject     TEXT NOT NULL DEFAULT '',
  status      INTEGER NOT NULL CHECK (status BETWEEN 100 AND 599),
  code        TEXT NOT NULL DEFAULT '',
  request_id  TEXT NOT NULL
) STRICT;
CREATE INDEX audit_log_by_key ON audit_log (key_id, id);
