--
-- Who owns a board, and what becomes of it without the extension.
-- Guards: DROP EXTENSION refuses while boards exist, and CASCADE leaves plain tables that
-- anybody can go on with; the owner of a board changes with ALTER TABLE and REASSIGN
-- OWNED; row-level security hides from check_board nothing, from counts what it hides
-- from SELECT; boards are independent of each other on one source.
--
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
\set SHOW_CONTEXT never
CREATE ROLE co_first;
CREATE ROLE co_second;
CREATE ROLE co_reader;
CREATE SCHEMA co;
GRANT ALL ON SCHEMA co TO co_first, co_second, co_reader;
CREATE TABLE co.orders (id int PRIMARY KEY, customer_id int, status text NOT NULL);
CREATE TABLE co.customers (id int PRIMARY KEY, name text);
INSERT INTO co.customers VALUES (1, 'Ada');
INSERT INTO co.orders VALUES (1, 1, 'NEW'), (2, 1, 'CUT');
GRANT SELECT, TRIGGER ON co.orders, co.customers TO co_first;
SET ROLE co_first;
SELECT andon.create_board('co.b', 'SELECT o.id, o.status, c.name FROM co.orders o JOIN co.customers c ON c.id = o.customer_id', '{id}', 'status');
RESET ROLE;

-- a new owner who may not read the sources: writers are told whose rights are missing
ALTER TABLE co.b OWNER TO co_second;
UPDATE co.orders SET status = 'SET' WHERE id = 1;
\echo :LAST_ERROR_SQLSTATE
UPDATE co.customers SET name = 'Eve';
\echo :LAST_ERROR_SQLSTATE
SELECT state, why FROM andon.boards WHERE board = 'co.b'::regclass;
-- with the rights that the first one had he goes on
GRANT SELECT ON co.orders, co.customers TO co_second;
ALTER VIEW co.b_definition OWNER TO co_second;
UPDATE co.orders SET status = 'SET' WHERE id = 1;
UPDATE co.customers SET name = 'Bo';
SET ROLE co_second;
SELECT id, status, name, andon_version FROM co.b ORDER BY id;
SELECT count(*) FROM andon.check_board('co.b');
SELECT andon.refresh_board('co.b'), andon.repair_board('co.b');
RESET ROLE;
SET ROLE co_first;
SELECT andon.repair_board('co.b');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
-- all that one role has goes to another: table and view at once
GRANT SELECT, TRIGGER ON co.orders, co.customers TO co_first;
REASSIGN OWNED BY co_second TO co_first;
UPDATE co.orders SET status = 'CUT' WHERE id = 1;
SELECT pg_temp.differences('co.b');

-- two boards of two owners on one source: one may go
SET ROLE co_second;
SELECT andon.create_board('co.c', 'SELECT id, status FROM co.orders WHERE status <> ''CUT''', '{id}', 'status');
RESET ROLE;
GRANT TRIGGER ON co.orders TO co_second;
SET ROLE co_second;
SELECT andon.create_board('co.c', 'SELECT id, status FROM co.orders WHERE status <> ''CUT''', '{id}', 'status');
RESET ROLE;
INSERT INTO co.orders VALUES (3, 1, 'NEW');
SELECT (SELECT count(*) FROM co.b), (SELECT count(*) FROM co.c);
REVOKE ALL ON co.orders FROM co_second;
-- what one board's owner lacks stops the writers of the source, not quietly the board
UPDATE co.orders SET status = 'SET' WHERE id = 3;
\echo :LAST_ERROR_SQLSTATE
SET ROLE co_second;
SELECT andon.drop_board('co.c');
RESET ROLE;
UPDATE co.orders SET status = 'SET' WHERE id = 3;
SELECT pg_temp.differences('co.b');
SELECT tgname FROM pg_trigger WHERE tgrelid = 'co.orders'::regclass AND NOT tgisinternal ORDER BY 1;

-- row-level security: check and repair see all rows, counts what SELECT would show
GRANT SELECT ON co.b TO co_reader;
ALTER TABLE co.b ENABLE ROW LEVEL SECURITY;
ALTER TABLE co.b FORCE ROW LEVEL SECURITY;
CREATE POLICY only_set ON co.b USING (status = 'SET');
SET session_replication_role = replica;
UPDATE co.b SET name = 'LIE' WHERE id = 1;
RESET session_replication_role;
SET ROLE co_reader;
SELECT * FROM andon.counts('co.b');
SELECT * FROM andon.check_board('co.b');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
SET ROLE co_first;
SELECT * FROM andon.counts('co.b');
SELECT key, problem FROM andon.check_board('co.b');
SELECT andon.repair_board('co.b');
SELECT count(*) FROM andon.check_board('co.b');
RESET ROLE;
SELECT pg_temp.differences('co.b');
ALTER TABLE co.b DISABLE ROW LEVEL SECURITY;

-- boards on boards, and on what stands on boards
SELECT andon.create_board('co.d', 'SELECT id, status FROM co.b', '{id}', 'status');
\echo :LAST_ERROR_SQLSTATE
CREATE VIEW co.of_board AS SELECT id, status FROM co.b;
SELECT andon.create_board('co.d', 'SELECT o.id, v.status FROM co.orders o JOIN co.of_board v USING (id)', '{id}', 'status');
\echo :LAST_ERROR_SQLSTATE
DROP VIEW co.of_board;
-- the definition of one is a view like any other
SELECT andon.create_board('co.d', 'SELECT id, status FROM co.b_definition', '{id}', 'status');
UPDATE co.orders SET status = 'NEW' WHERE id = 1;
SELECT pg_temp.differences('co.b'), pg_temp.differences('co.d');
SELECT andon.drop_board('co.d');

-- a board under another name, in another schema
CREATE SCHEMA co_attic;
GRANT USAGE ON SCHEMA co_attic TO co_first;
ALTER TABLE co.b RENAME TO bb;
ALTER TABLE co.bb SET SCHEMA co_attic;
ALTER TABLE co_attic.bb RENAME status TO state;
ALTER TABLE co.orders RENAME status TO step;
UPDATE co.orders SET step = 'SET' WHERE id = 1;
INSERT INTO co.orders VALUES (4, 1, 'NEW');
SELECT id, state, name FROM co_attic.bb ORDER BY id;
SELECT count(*) FROM andon.check_board('co_attic.bb');
SELECT status, key FROM andon.boards WHERE board = 'co_attic.bb'::regclass;

-- without the extension
\set VERBOSITY terse
BEGIN;
DROP EXTENSION andon;
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
\set VERBOSITY default
SET client_min_messages = warning;
BEGIN;
SET andon.maintain_at = 'commit';
UPDATE co.orders SET step = 'LATE' WHERE id = 2;
DROP EXTENSION andon CASCADE;
COMMIT;
RESET andon.maintain_at;
RESET client_min_messages;
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'andon%';
UPDATE co.orders SET step = 'FREE';
UPDATE co_attic.bb SET state = 'FREE' WHERE id = 1;
SELECT id, state, name, andon_version FROM co_attic.bb ORDER BY id;
SELECT * FROM co.b_definition ORDER BY id;
-- and with it again: what is left is no board, and in nobody's way
CREATE EXTENSION andon;
SELECT andon.check_board('co_attic.bb');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('co.b', 'SELECT id, step FROM co.orders', '{id}', 'step');
DROP VIEW co.b_definition;
DROP TABLE co_attic.bb;
SELECT andon.create_board('co.b', 'SELECT id, step FROM co.orders', '{id}', 'step');
UPDATE co.orders SET step = 'DONE' WHERE id = 1;
SELECT pg_temp.differences('co.b');
SELECT andon.drop_board('co.b');
SET client_min_messages = warning;
DROP SCHEMA co, co_attic CASCADE;
DROP OWNED BY co_first, co_second, co_reader;
DROP ROLE co_first, co_second, co_reader;
