-- What lists, lineage and the checks of files need.

-- Tags as rows, for filters; models.tags_json stays what is read and written, triggers keep these in step.
CREATE TABLE model_tags (
  model_id  TEXT NOT NULL REFERENCES models (id) ON DELETE CASCADE,
  key       TEXT NOT NULL CHECK (key <> ''),
  value     TEXT NOT NULL,
  PRIMARY KEY (model_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX model_tags_by_key ON model_tags (key, value, model_id);

INSERT INTO model_tags (model_id, key, value)
  SELECT m.id, t.key, CAST(t.value AS TEXT) FROM models AS m, json_each(m.tags_json) AS t WHERE t.key <> '';

CREATE TRIGGER model_tags_insert AFTER INSERT ON models BEGIN
  INSERT INTO model_tags (model_id, key, value)
    SELECT NEW.id, t.key, CAST(t.value AS TEXT) FROM json_each(NEW.tags_json) AS t WHERE t.key <> '';
END;
CREATE TRIGGER model_tags_update AFTER UPDATE OF tags_json ON models WHEN NEW.tags_json <> OLD.tags_json BEGIN
  DELETE FROM model_tags WHERE model_id = NEW.id;
  INSERT INTO model_tags (model_id, key, value)
    SELECT NEW.id, t.key, CAST(t.value AS TEXT) FROM json_each(NEW.tags_json) AS t WHERE t.key <> '';
END;

-- The version that a bare model name means (its production alias, else its newest ready version, else its newest),
-- and what lists filter by. Kept by the triggers below, whoever changes versions or aliases; NULL: to be found anew.
ALTER TABLE models ADD COLUMN current_version_id TEXT;
ALTER TABLE models ADD COLUMN state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'ready', 'corrupt'));
ALTER TABLE models ADD COLUMN kind TEXT;
ALTER TABLE models ADD COLUMN architecture TEXT;
CREATE INDEX models_by_state ON models (state, id);
CREATE INDEX models_by_kind ON models (kind, id);
CREATE INDEX models_by_architecture ON models (architecture, id);
CREATE INDEX models_by_base ON models (base_model, id);
CREATE INDEX models_by_update ON models (updated_at, id);

CREATE TRIGGER models_current AFTER UPDATE OF current_version_id ON models WHEN NEW.current_version_id IS NULL BEGIN
  UPDATE models SET (current_version_id, state, kind, architecture) = (
    SELECT v.id, v.state, v.kind, json_extract(v.config_json, '$.architecture')
    FROM versions AS v LEFT JOIN aliases AS a
      ON a.model_id = v.model_id AND a.alias = 'production' AND a.version_id = v.id
    WHERE v.model_id = NEW.id
    ORDER BY a.alias IS NULL, v.state <> 'ready', v.number DESC LIMIT 1)
  WHERE id = NEW.id AND EXISTS (SELECT 1 FROM versions WHERE model_id = NEW.id);
  UPDATE models SET state = 'pending', kind = NULL, architecture = NULL
  WHERE id = NEW.id AND NOT EXISTS (SELECT 1 FROM versions WHERE model_id = NEW.id);
END;
CREATE TRIGGER versions_inserted AFTER INSERT ON versions BEGIN
  UPDATE models SET current_version_id = NULL WHERE id = NEW.model_id;
END;
CREATE TRIGGER versions_changed AFTER UPDATE OF state, kind, config_json ON versions BEGIN
  UPDATE models SET current_version_id = NULL WHERE id = NEW.model_id;
END;
CREATE TRIGGER versions_deleted AFTER DELETE ON versions BEGIN
  UPDATE models SET current_version_id = NULL WHERE id = OLD.model_id;
END;
CREATE TRIGGER aliases_inserted AFTER INSERT ON aliases WHEN NEW.alias = 'production' BEGIN
  UPDATE models SET current_version_id = NULL WHERE id = NEW.model_id;
END;
CREATE TRIGGER aliases_changed AFTER UPDATE ON aliases WHEN NEW.alias = 'production' BEGIN
  UPDATE models SET current_version_id = NULL WHERE id = NEW.model_id;
END;
CREATE TRIGGER aliases_deleted AFTER DELETE ON aliases WHEN OLD.alias = 'production' BEGIN
  UPDATE models SET current_version_id = NULL WHERE id = OLD.model_id;
END;
UPDATE models SET current_version_id = NULL;

-- What a file looked like when its SHA-256 was taken: the same inode and time of change mean the same bytes.
-- NULL: never seen; the next load reads it whole.
ALTER TABLE version_files ADD COLUMN inode INTEGER;
ALTER TABLE version_files ADD COLUMN mtime_ns INTEGER;
CREATE INDEX version_files_by_sha256 ON version_files (sha256);
-- When every byte was last read and found as recorded.
ALTER TABLE versions ADD COLUMN verified_at INTEGER;

-- Lineage is asked from the data set's side, too.
CREATE INDEX versions_by_dataset ON versions (dataset_digest) WHERE dataset_digest <> '';
CREATE INDEX versions_by_job ON versions (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX versions_by_state ON versions (state, id);
CREATE INDEX jobs_by_model ON jobs (model_id) WHERE model_id IS NOT NULL;
CREATE INDEX jobs_by_version ON jobs (version_id) WHERE version_id IS NOT NULL;
