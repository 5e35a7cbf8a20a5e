--
-- Roles: who owns a board, who loses what it needs, who goes away.
-- Guards: the definition goes where its board goes; an owner who may not read a source is
-- shown by andon.boards with the GRANT that is missing, and the writers are told; DROP OWNED
-- and DROP ROLE leave no half of a board; the extension does not move into a schema that
-- others own or have put something into, and its own keeps its name.
--
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
\set SHOW_CONTEXT never
CREATE ROLE cr_first;
CREATE ROLE cr_second;
CREATE ROLE cr_third;
CREATE SCHEMA cr;
GRANT ALL ON SCHEMA cr TO cr_first, cr_second, cr_third;
CREATE TABLE cr.orders (id int PRIMARY KEY, customer_id int, status text NOT NULL);
CREATE TABLE cr.customers (id int PRIMARY KEY, name text);
CREATE TABLE cr.rates (rate int);
INSERT INTO cr.customers VALUES (1, 'Ada');
INSERT INTO cr.orders VALUES (1, 1, 'NEW'), (2, 1, 'CUT');
GRANT SELECT, TRIGGER ON cr.orders, cr.customers, cr.rates TO cr_first, cr_second;
SET ROLE cr_first;
SELECT andon.create_board('cr.b', $$
    SELECT o.id, o.status, c.name, (SELECT max(rate) FROM cr.rates) AS rate
    FROM cr.orders o JOIN cr.customers c ON c.id = o.customer_id $$, '{id}', 'status', options => '{"static": "cr.rates"}');
RESET ROLE;
CREATE VIEW cr.shown AS
    SELECT b.state, b.why, pg_get_userbyid(t.relowner) AS board_owner, pg_get_userbyid(v.relowner) AS definition_owner
    FROM andon.boards b JOIN pg_class t ON t.oid = b.board JOIN pg_class v ON v.oid = b.definition;
TABLE cr.shown;

-- the definition goes along, also where the giver is no superuser
GRANT cr_second TO cr_first;
SET ROLE cr_first;
ALTER TABLE cr.b OWNER TO cr_second;
RESET ROLE;
REVOKE cr_second FROM cr_first;
TABLE cr.shown;
REVOKE ALL ON cr.orders, cr.customers, cr.rates FROM cr_first;
UPDATE cr.orders SET status = 'SET' WHERE id = 1;
UPDATE cr.customers SET name = 'Eve';
SELECT pg_temp.differences('cr.b');

-- rights that are taken away: shown, and the writers are told
REVOKE SELECT ON cr.customers FROM cr_second;
TABLE cr.shown;
UPDATE cr.customers SET name = 'Ada';
\echo :LAST_ERROR_SQLSTATE
INSERT INTO cr.orders VALUES (3, 1, 'NEW');
\echo :LAST_ERROR_SQLSTATE
GRANT SELECT ON cr.customers TO cr_second;
REVOKE SELECT ON cr.rates FROM cr_second;
TABLE cr.shown;
GRANT SELECT ON cr.rates TO cr_second;
TABLE cr.shown;
-- to one who never had them: it is his, and he is told what it needs
ALTER TABLE cr.b OWNER TO cr_third;
TABLE cr.shown;
UPDATE cr.orders SET status = 'CUT' WHERE id = 1;
UPDATE cr.customers SET name = 'Ada';
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE cr.b OWNER TO cr_second;
-- the definition alone given away
ALTER VIEW cr.b_definition OWNER TO cr_third;
TABLE cr.shown;
UPDATE cr.customers SET name = 'Ada';
\echo :LAST_ERROR_SQLSTATE
-- and back with its board
ALTER TABLE cr.b OWNER TO cr_second;
UPDATE cr.customers SET name = 'Bo';
TABLE cr.shown;
SELECT pg_temp.differences('cr.b');
-- to one whom the policies of a source apply to
ALTER TABLE cr.customers ENABLE ROW LEVEL SECURITY;
\echo :LAST_ERROR_SQLSTATE
ALTER ROLE cr_second BYPASSRLS;
ALTER TABLE cr.customers ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON cr.orders, cr.customers, cr.rates TO cr_third;
ALTER TABLE cr.b OWNER TO cr_third;
\echo :LAST_ERROR_SQLSTATE
TABLE cr.shown;
ALTER TABLE cr.customers DISABLE ROW LEVEL SECURITY;
ALTER ROLE cr_second NOBYPASSRLS;
-- in one transaction that ends otherwise
BEGIN;
ALTER TABLE cr.b OWNER TO cr_third;
UPDATE cr.customers SET name = 'Cy';
ROLLBACK;
TABLE cr.shown;
SELECT pg_temp.differences('cr.b');

-- a role that owns a board cannot go, and takes it along whole when it must
DROP VIEW cr.shown;
\set VERBOSITY terse
DROP ROLE cr_second;
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
REASSIGN OWNED BY cr_second TO cr_third;
DROP OWNED BY cr_second;
DROP ROLE cr_second;
GRANT TRIGGER ON cr.orders, cr.customers, cr.rates TO cr_third;
UPDATE cr.orders SET status = 'SET' WHERE id = 2;
SELECT pg_temp.differences('cr.b');
BEGIN;
DROP OWNED BY cr_third;
SELECT count(*) FROM andon.boards;
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'andon%';
SELECT to_regclass('cr.b'), to_regclass('cr.b_definition');
UPDATE cr.orders SET status = 'CUT' WHERE id = 2;
ROLLBACK;
-- what others have on it is in the way, as with any table
CREATE VIEW cr.of_board AS SELECT id FROM cr.b;
\set VERBOSITY terse
DROP OWNED BY cr_third;
\echo :LAST_ERROR_SQLSTATE
SELECT state FROM andon.boards;
SET client_min_messages = warning;
DROP OWNED BY cr_third CASCADE;
RESET client_min_messages;
\set VERBOSITY default
SELECT count(*) FROM andon.board;
SELECT count(*) FROM andon.board_source;
UPDATE cr.orders SET status = 'NEW' WHERE id = 2;
-- who owns the sources
GRANT ALL ON SCHEMA cr TO cr_third;
ALTER TABLE cr.orders OWNER TO cr_third;
SELECT andon.create_board('cr.b', 'SELECT id, status FROM cr.orders', '{id}', 'status');
\set VERBOSITY terse
DROP OWNED BY cr_third;
\echo :LAST_ERROR_SQLSTATE
DROP OWNED BY cr_third CASCADE;
\set VERBOSITY default
SELECT count(*) FROM andon.boards;
DROP TABLE cr.b;

-- the extension and its schema
DROP EXTENSION andon;
SELECT 'left' FROM pg_namespace WHERE nspname = 'andon';
DROP SCHEMA IF EXISTS andon CASCADE;
CREATE SCHEMA andon AUTHORIZATION cr_first;
CREATE EXTENSION andon;
\echo :LAST_ERROR_SQLSTATE
ALTER SCHEMA andon OWNER TO CURRENT_USER;
GRANT CREATE ON SCHEMA andon TO cr_first;
CREATE EXTENSION andon;
\echo :LAST_ERROR_SQLSTATE
REVOKE ALL ON SCHEMA andon FROM cr_first;
GRANT CREATE ON SCHEMA andon TO PUBLIC;
CREATE EXTENSION andon;
\echo :LAST_ERROR_SQLSTATE
REVOKE CREATE ON SCHEMA andon FROM PUBLIC;
CREATE FUNCTION andon.board_guard() RETURNS int LANGUAGE sql RETURN 1;
CREATE EXTENSION andon;
\echo :LAST_ERROR_SQLSTATE
DROP FUNCTION andon.board_guard();
CREATE TABLE andon.mine (a int);
CREATE EXTENSION andon;
\echo :LAST_ERROR_SQLSTATE
SELECT extname FROM pg_extension WHERE extname = 'andon';
DROP TABLE andon.mine;
CREATE EXTENSION andon;
SELECT andon.create_board('cr.c', 'SELECT id, name FROM cr.customers', '{id}', 'name');
SELECT andon.drop_board('cr.c');
-- under another name nothing of it would be found, and all boards would stand still unseen
ALTER SCHEMA andon RENAME TO lamps;
\echo :LAST_ERROR_SQLSTATE
CREATE SCHEMA other;
ALTER SCHEMA other RENAME TO lamps;
DROP SCHEMA lamps;
SET client_min_messages = warning;
DROP SCHEMA cr CASCADE;
DROP OWNED BY cr_first, cr_third;
DROP ROLE cr_first, cr_third;
