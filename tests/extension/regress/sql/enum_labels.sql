--
-- ALTER TYPE ... RENAME VALUE of a status.
-- Guards: the board, its pages, claims, counts and rules know the new name at once; the log
-- keeps what was said at its time; a definition that shows the name as text changes by it,
-- as by any other change, and is bound by its rule; what a rule cannot name is refused.
--
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
\set SHOW_CONTEXT never
CREATE SCHEMA el;
SET search_path = el;
CREATE TYPE stage AS ENUM ('NEW', 'CUT', 'DONE');
CREATE DOMAIN step AS stage;
CREATE TABLE orders (id int PRIMARY KEY, status stage, step step);
INSERT INTO orders SELECT i, 'NEW', 'NEW' FROM generate_series(1, 3) i;
SELECT andon.create_board('el.b', 'SELECT id, status FROM orders', '{id}', 'status');
SELECT andon.create_board('el.d', 'SELECT id, step FROM orders', '{id}', 'step');
SELECT andon.create_board('el.t', 'SELECT id, status::text AS status FROM orders', '{id}', 'status');
SELECT andon.set_transitions('b', '{NEW>CUT,CUT>DONE,>NEW,DONE>}');
SELECT andon.set_transitions('d', '{NEW>CUT,CUT>DONE}');
UPDATE orders SET status = 'CUT', step = 'CUT' WHERE id < 3;

ALTER TYPE stage RENAME VALUE 'CUT' TO 'SAWN';
SELECT board, transitions FROM andon.boards ORDER BY board::text;
SELECT * FROM andon.counts('b') ORDER BY 1;
SELECT * FROM andon.counts('t') ORDER BY 1;
SELECT item -> 'id' FROM andon.page('b', '{SAWN}');
SELECT count(*) FROM andon.page('b', '{CUT}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.claim('b', 'SAWN', 'DONE') -> 0 -> 'status';
UPDATE orders SET step = 'DONE' WHERE id = 1;
UPDATE orders SET status = 'NEW' WHERE id = 2;
\echo :LAST_ERROR_SQLSTATE
SELECT from_status, to_status FROM andon.trace('b', '1');
SELECT from_status, to_status FROM andon.trace('t', '1');
SELECT pg_temp.differences('b'), pg_temp.differences('d'), pg_temp.differences('t');
-- rolled back, the rule with it
BEGIN;
ALTER TYPE stage RENAME VALUE 'SAWN' TO 'CUT';
SELECT transitions FROM andon.boards WHERE board = 'b'::regclass;
ROLLBACK;
SELECT transitions FROM andon.boards WHERE board = 'b'::regclass;
UPDATE orders SET status = 'SAWN' WHERE id = 3;
-- a name that no rule can have
ALTER TYPE stage RENAME VALUE 'SAWN' TO 'A>B';
\echo :LAST_ERROR_SQLSTATE
ALTER TYPE stage RENAME VALUE 'SAWN' TO ' ';
\echo :LAST_ERROR_SQLSTATE
-- where the name is shown as text, it is a change of status like any other
SELECT andon.set_transitions('t', '{NEW>SAWN,SAWN>DONE}');
ALTER TYPE stage RENAME VALUE 'SAWN' TO 'CUT';
\echo :LAST_ERROR_SQLSTATE
SELECT andon.set_transitions('t', NULL);
ALTER TYPE stage RENAME VALUE 'SAWN' TO 'CUT';
SELECT DISTINCT status FROM t ORDER BY 1;
SELECT pg_temp.differences('b'), pg_temp.differences('d'), pg_temp.differences('t');
-- at commit
SET andon.maintain_at = 'commit';
BEGIN;
ALTER TYPE stage RENAME VALUE 'CUT' TO 'SAWN';
UPDATE orders SET status = 'DONE' WHERE id = 3;
COMMIT;
SELECT pg_temp.differences('b'), pg_temp.differences('d'), pg_temp.differences('t');

SET client_min_messages = warning;
SELECT andon.drop_board('b'), andon.drop_board('d'), andon.drop_board('t');
DROP SCHEMA el CASCADE;
