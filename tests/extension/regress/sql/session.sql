--
-- Commit LSN, settings and version. That the message arrives is tested from Python.
--
SELECT andon.last_commit_lsn() IS NULL AS none_yet;
CREATE TABLE se (id int);
SELECT andon.version() ~ '^[0-9]+\.[0-9]+\.[0-9]+$' AS version;
SELECT pg_current_wal_insert_lsn() AS before \gset
INSERT INTO se VALUES (1);
SELECT andon.last_commit_lsn() > :'before' AND andon.last_commit_lsn() <= pg_current_wal_insert_lsn() AS here;
SELECT andon.last_commit_lsn() AS lsn \gset
-- neither a read nor a rollback is a commit
SELECT count(*) FROM se;
BEGIN; INSERT INTO se VALUES (2); ROLLBACK;
SELECT andon.last_commit_lsn() = :'lsn' AS same;
SELECT andon.enable_commit_lsn()::pg_lsn = :'lsn' AS answered;
SHOW andon.report_commit_lsn;
SET andon.route = 'replica';
SET andon.floor = '0/1';
SET andon.maintain_at = 'sometimes';
SET andon.unheard_of = 1;
RESET andon.report_commit_lsn;
SHOW andon.maintain_at;
SHOW andon.notify;
DROP TABLE se;
