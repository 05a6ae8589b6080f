-- What a key may use (NULL: no limit), and what it has used.
ALTER TABLE api_keys ADD COLUMN requests_per_minute INTEGER CHECK (requests_per_minute >= 1);
ALTER TABLE api_keys ADD COLUMN tokens_per_minute INTEGER CHECK (tokens_per_minute >= 1);
ALTER TABLE api_keys ADD COLUMN concurrent_streams INTEGER CHECK (concurrent_streams >= 1);
ALTER TABLE api_keys ADD COLUMN requests INTEGER NOT NULL DEFAULT 0;
ALTER TABLE api_keys ADD COLUMN refused_requests INTEGER NOT NULL DEFAULT 0;
ALTER TABLE api_keys ADD COLUMN prompt_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE api_keys ADD COLUMN completion_tokens INTEGER NOT NULL DEFAULT 0;
