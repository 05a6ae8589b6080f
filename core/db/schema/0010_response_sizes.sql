-- How much the stored answers take is asked with each one that is stored. A row's `bytes` lies behind its texts, so that a sum
-- over the table reads all of them: these indexes hold it, of all and of one owner's, the oldest first.
DROP INDEX responses_by_age;
CREATE INDEX responses_by_age ON responses (created_at, bytes);
CREATE INDEX responses_by_owner ON responses (owner, created_at, bytes);
