--
-- set_sla(), the view overdue, and alerts as andon.maintain() opens and closes them.
-- Guards: one alert per key and stay; leaving, deleting and coming back; changes of the
-- deadline, in both directions, of severity, and its end; what bad input gets; who sees
-- what; types of status; the index; dump of nothing that is not ours to name.
--
\set ECHO none
\set SHOW_CONTEXT never
CREATE ROLE al_owner;
CREATE ROLE al_reader;
CREATE ROLE al_stranger;
CREATE SCHEMA al AUTHORIZATION al_owner;
GRANT USAGE ON SCHEMA al TO PUBLIC;
SET search_path = al;
-- who cares for the log beside us is none of this test's business
SET client_min_messages = warning;
\set ECHO all
SET SESSION AUTHORIZATION al_owner;
CREATE TABLE al.orders (id int PRIMARY KEY, status text, customer text);
INSERT INTO al.orders SELECT i, 'NEW', 'c' || i % 2 FROM generate_series(1, 4) i;
SELECT andon.create_board('al.b', 'SELECT id, status, customer FROM al.orders', '{id}', 'status');
RESET SESSION AUTHORIZATION;
-- what is there, at a glance: times differ from run to run, their relations do not
CREATE VIEW al.alerts AS
SELECT a.board, a.key, a.status, a.severity, a.max_dwell, a.closed IS NULL AS open,
       a.opened >= a.since + a.max_dwell AS in_time, a.closed >= a.opened AS closed_later
FROM andon.alert a ORDER BY a.board, a.key, a.since;
CREATE FUNCTION al.overdue(OUT board regclass, OUT key jsonb, OUT status text, OUT over boolean, OUT severity text)
RETURNS SETOF record LANGUAGE sql AS $$
    SELECT o.board, o.key, o.status, o.dwell > o.max_dwell, o.severity FROM andon.overdue o ORDER BY o.board, o.key $$;

-- nothing is watched yet
SELECT andon.maintain();
SELECT count(*) FROM andon.alert;
SELECT * FROM al.overdue();

-- a long deadline: nobody is over it; the board gets its index
SET SESSION AUTHORIZATION al_owner;
SELECT andon.set_sla('b', 'NEW', '36500 days');
SELECT andon.set_sla('b', 'NEW', '1 day 2 hours', 'info');
SELECT indexdef FROM pg_indexes WHERE schemaname = 'al' AND indexdef LIKE '%andon_since%';
RESET SESSION AUTHORIZATION;
SELECT board, status, max_dwell, severity FROM andon.sla;
SELECT andon.maintain();
SELECT * FROM al.alerts;
-- a short one
SELECT andon.set_sla('b', 'NEW', '1 microsecond');
SELECT * FROM al.overdue();
SELECT andon.maintain();
SELECT * FROM al.alerts;
-- once per stay
SELECT andon.maintain();
SELECT count(*) FROM andon.alert;

-- one leaves by its status, one by DELETE, one by a change that is none of its status
UPDATE al.orders SET status = 'CUT' WHERE id = 1;
DELETE FROM al.orders WHERE id = 2;
UPDATE al.orders SET customer = 'c9' WHERE id = 3;
SELECT * FROM al.overdue();
SELECT andon.maintain();
SELECT * FROM al.alerts;
-- one comes back at once: a stay of its own, and nobody looked in between
UPDATE al.orders SET status = 'CUT' WHERE id = 4;
UPDATE al.orders SET status = 'NEW' WHERE id = 4;
SELECT andon.maintain();
SELECT * FROM al.alerts;

-- another severity; more time; the same stay is over it again: the same alert
SELECT andon.set_sla('b', 'NEW', '1 microsecond', 'critical');
SELECT andon.maintain();
SELECT key, severity, open FROM al.alerts;
SELECT andon.set_sla('b', 'NEW', '1 day', 'critical');
SELECT andon.maintain();
SELECT key, severity, max_dwell, open FROM al.alerts;
SELECT andon.set_sla('b', 'NEW', '1 microsecond', 'page');
SELECT andon.maintain();
SELECT key, severity, max_dwell, open, closed_later FROM al.alerts;

-- two deadlines, then their end: alerts are closed by the watcher, the row goes with the last
SELECT andon.set_sla('b', 'CUT', '1 microsecond');
SELECT andon.maintain();
SELECT andon.set_sla('b', 'NEW', NULL);
SELECT status, max_dwell FROM andon.sla ORDER BY status;
SELECT * FROM al.overdue();
SELECT andon.maintain();
SELECT status, max_dwell FROM andon.sla ORDER BY status;
SELECT key, status, open FROM al.alerts;
SET client_min_messages = notice;
SELECT andon.set_sla('b', 'CUT', NULL);
SELECT andon.set_sla('b', 'CUT', NULL);
SET client_min_messages = warning;
SELECT andon.maintain();
SELECT count(*) FROM andon.sla;
SELECT count(*) FROM andon.alert WHERE closed IS NULL;
-- the index stayed; with it gone all is right, if slow; set_sla() makes it again
DROP INDEX al.b_status_andon_since_idx;
CREATE INDEX mine ON al.b (status, andon_since);
SELECT andon.set_sla('b', 'CUT', '1 microsecond');
SELECT count(*) FROM pg_indexes WHERE schemaname = 'al' AND indexdef LIKE '%andon_since%';
DROP INDEX al.mine;
SELECT andon.maintain();
SELECT key, status FROM al.alerts WHERE open;
SELECT andon.set_sla('b', 'CUT', '2 microseconds');
SELECT count(*) FROM pg_indexes WHERE schemaname = 'al' AND indexdef LIKE '%andon_since%';

-- bad input
SELECT andon.set_sla(NULL, 'CUT', '1 hour');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.set_sla('b', NULL, '1 hour');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.set_sla('b', 'CUT', '1 hour', NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT andon.set_sla('b', 'CUT', '1 hour', '');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.set_sla('b', 'CUT', '0');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.set_sla('b', 'CUT', '1 day -25 hours');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.set_sla('b', 'CUT', '36501 days');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.set_sla('b', 'CUT', '1 month');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.set_sla('orders', 'CUT', '1 hour');
\echo :LAST_ERROR_SQLSTATE
SET ROLE al_stranger;
SELECT andon.set_sla('b', 'CUT', NULL);
\echo :LAST_ERROR_SQLSTATE
-- who may not read the board sees nothing of it, and writes nothing
SELECT (SELECT count(*) FROM andon.alert), (SELECT count(*) FROM andon.sla), (SELECT count(*) FROM andon.overdue);
DELETE FROM andon.alert;
\echo :LAST_ERROR_SQLSTATE
SELECT andon.maintain();
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
BEGIN READ ONLY;
SELECT andon.set_sla('b', 'CUT', '1 hour');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;

-- under row-level security: overdue shows what SELECT would, alerts nothing
GRANT SELECT ON al.b TO al_reader;
UPDATE al.orders SET status = 'CUT';
SELECT andon.maintain();
SET ROLE al_reader;
SELECT key, severity FROM al.overdue();
SELECT count(*) FROM andon.alert WHERE closed IS NULL;
RESET ROLE;
ALTER TABLE al.b ENABLE ROW LEVEL SECURITY;
CREATE POLICY ones ON al.b FOR SELECT TO al_reader USING (customer = 'c9');
SET ROLE al_reader;
SELECT key, severity FROM al.overdue();
SELECT count(*) FROM andon.alert WHERE closed IS NULL;
SELECT count(*) FROM andon.sla;
RESET ROLE;
-- the watcher sees all, forced or not
ALTER TABLE al.b FORCE ROW LEVEL SECURITY;
UPDATE al.orders SET status = 'NEW' WHERE id = 1;
SELECT andon.maintain();
SELECT key FROM al.alerts WHERE open;
ALTER TABLE al.b NO FORCE ROW LEVEL SECURITY;
ALTER TABLE al.b DISABLE ROW LEVEL SECURITY;

-- names and operators of the caller's do not matter
CREATE SCHEMA evil;
CREATE FUNCTION evil.never(timestamptz, timestamptz) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR evil.> (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = evil.never);
CREATE TABLE evil.alert (a int);
BEGIN;
SET LOCAL search_path = evil, pg_catalog;
SELECT andon.set_sla('al.b', 'NEW', '1 microsecond');
SELECT key FROM andon.overdue ORDER BY key;
COMMIT;
SET search_path = evil, pg_catalog;
SELECT andon.maintain();
SET search_path = al;
SELECT key, status FROM al.alerts WHERE open;

-- a board under another name, a column under another: still its alerts
ALTER TABLE al.b RENAME TO renamed;
ALTER TABLE al.renamed RENAME status TO stage;
UPDATE al.orders SET status = 'CUT' WHERE id = 1;
SELECT andon.maintain();
SELECT board, key, status FROM al.alerts WHERE open;
SELECT andon.set_sla('renamed', 'CUT', '3 microseconds');
SELECT * FROM al.overdue();

-- every type of status; a key of several columns, of several types
CREATE TYPE al.stage AS ENUM ('NEW', 'CUT');
CREATE DOMAIN al.short AS char(6);
CREATE TABLE al.parts (a text, b date, stage al.stage, code al.short, n numeric, PRIMARY KEY (a, b));
INSERT INTO al.parts VALUES ('x "y"', '2026-01-02', 'NEW', 'ok', 1.5), ('z', '2026-01-03', 'CUT', 'no', 1.50), ('n', '2026-01-04', NULL, NULL, NULL);
SELECT andon.create_board('al.by_enum', 'SELECT a, b, stage FROM al.parts', '{a,b}', 'stage');
SELECT andon.create_board('al.by_char', 'SELECT a, b, code FROM al.parts', '{a,b}', 'code');
SELECT andon.create_board('al.by_numeric', 'SELECT a, b, n FROM al.parts', '{a,b}', 'n');
SELECT andon.set_sla('by_enum', 'NEW', '1 microsecond'), andon.set_sla('by_char', 'ok', '1 microsecond'),
       andon.set_sla('by_numeric', '1.500', '1 microsecond');
SELECT andon.set_sla('by_enum', 'GONE', '1 hour');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM al.overdue() WHERE board <> 'renamed'::regclass;
SELECT andon.maintain();
SELECT board, key, status FROM al.alerts WHERE open AND board <> 'renamed'::regclass;
UPDATE al.parts SET stage = 'CUT', code = 'no', n = 2;
SELECT andon.maintain();
SELECT count(*) FROM andon.alert WHERE closed IS NULL AND board <> 'renamed'::regclass;

-- a label under another name: the same deadline, the same alerts
INSERT INTO al.parts VALUES ('r', '2026-01-05', 'NEW', NULL, NULL);
SELECT andon.maintain();
ALTER TYPE al.stage RENAME VALUE 'NEW' TO 'FRESH';
SELECT * FROM al.overdue() WHERE board = 'by_enum'::regclass;
SELECT andon.maintain();
SELECT key, status, open FROM al.alerts WHERE board = 'by_enum'::regclass;

-- more than one chunk of a sweep, of stays and of alerts
CREATE TABLE al.many (id int PRIMARY KEY, status text);
INSERT INTO al.many SELECT i, 'NEW' FROM generate_series(1, 12000) i;
SELECT andon.create_board('al.large', 'SELECT id, status FROM al.many', '{id}', 'status');
SELECT andon.set_sla('large', 'NEW', '1 microsecond');
SELECT andon.maintain();
SELECT count(*) FROM andon.alert WHERE board = 'large'::regclass AND closed IS NULL;
SELECT swept FROM andon.sla WHERE board = 'large'::regclass;
UPDATE al.many SET status = 'CUT' WHERE id % 3 <> 0;
SELECT andon.maintain();
SELECT count(*) FILTER (WHERE closed IS NULL) AS open, count(*) AS alerts FROM andon.alert WHERE board = 'large'::regclass;
SELECT count(*) FROM (SELECT key FROM andon.overdue WHERE board = 'large'::regclass
    EXCEPT ALL SELECT key FROM andon.alert WHERE board = 'large'::regclass AND closed IS NULL) x;
TRUNCATE al.many;
SELECT andon.maintain();
SELECT count(*) FROM andon.alert WHERE board = 'large'::regclass AND closed IS NULL;

-- what was closed long ago is deleted, what is open is not
UPDATE andon.alert SET closed = closed - interval '31 days' WHERE board = 'large'::regclass;
SELECT andon.maintain();
SELECT count(*) FROM andon.alert WHERE board = 'large'::regclass;

-- a board that cannot be read is told of, and keeps no other from its alerts
SELECT andon.set_sla('by_enum', 'CUT', '1 microsecond');
ALTER TABLE al.renamed OWNER TO al_stranger;
REVOKE ALL ON al.renamed FROM al_stranger;
SELECT andon.maintain();
SELECT key FROM al.alerts WHERE open AND board = 'by_enum'::regclass;
ALTER TABLE al.renamed OWNER TO al_owner;
GRANT ALL ON al.renamed TO al_owner;
SELECT andon.maintain();
SELECT key, status FROM al.alerts WHERE open AND board = 'renamed'::regclass;

-- they go with the board, however that goes
SELECT andon.drop_board('renamed');
DROP TABLE al.by_enum;
SELECT board, count(*) FROM andon.sla GROUP BY board ORDER BY board::text;
SELECT board, count(*) FROM andon.alert GROUP BY board ORDER BY board::text;
SELECT andon.drop_board('large'), andon.drop_board('by_char'), andon.drop_board('by_numeric');
SELECT (SELECT count(*) FROM andon.sla), (SELECT count(*) FROM andon.alert);
\set ECHO none
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA al, evil CASCADE;
DROP ROLE al_owner;
DROP ROLE al_reader;
DROP ROLE al_stranger;
