-- Answers of POST /v1/responses that were to be stored, each with the whole conversation that it answered: later ones go on
-- from it (previous_response_id). Whose it is: the key's id, '' where none was needed; nobody else finds it.
CREATE TABLE responses (
  id            TEXT PRIMARY KEY CHECK (length(id) BETWEEN 6 AND 64),
  owner         TEXT NOT NULL,
  created_at    INTEGER NOT NULL,
  expires_at    INTEGER NOT NULL CHECK (expires_at > created_at),
  response_json TEXT NOT NULL CHECK (json_valid(response_json)),
  items_json    TEXT NOT NULL CHECK (json_valid(items_json)),
  bytes         INTEGER NOT NULL CHECK (bytes > 0)
) STRICT;
CREATE INDEX responses_by_age ON responses (created_at);
CREATE INDEX responses_by_expiry ON responses (expires_at);
