--
-- Who may do what: owners without superuser, writers without rights on the board,
-- hostile settings of writers.
-- Guards: create_board checks SELECT and TRIGGER on every source; maintenance runs as
-- the owner, under his settings; check_board shows nothing to others; row-level security.
--
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
CREATE ROLE pr_owner;
CREATE ROLE pr_writer;
CREATE ROLE pr_reader;
CREATE SCHEMA pr;
GRANT USAGE ON SCHEMA pr TO PUBLIC;
CREATE TABLE pr.orders (id int PRIMARY KEY, status text NOT NULL, customer_id int);
CREATE TABLE pr.customers (id int PRIMARY KEY, name text, secret text);
GRANT INSERT, UPDATE, DELETE, SELECT ON pr.orders, pr.customers TO pr_writer;
INSERT INTO pr.customers VALUES (1, 'Ada', 'x');
CREATE FUNCTION pr.board() RETURNS regclass LANGUAGE sql AS $$
    SELECT andon.create_board('pr.b', 'SELECT o.id, o.status, c.name FROM pr.orders o LEFT JOIN pr.customers c ON c.id = o.customer_id', '{id}', 'status') $$;

SET ROLE pr_owner;
SELECT pr.board();
RESET ROLE;
GRANT CREATE ON SCHEMA pr TO pr_owner;
SET ROLE pr_owner;
SELECT pr.board();
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
GRANT SELECT ON pr.orders, pr.customers TO pr_owner;
SET ROLE pr_owner;
SELECT pr.board();
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
GRANT TRIGGER ON pr.orders, pr.customers TO pr_owner;
SET ROLE pr_owner;
SELECT pr.board();
SELECT tableowner FROM pg_tables WHERE schemaname = 'pr' AND tablename = 'b';
SELECT viewowner FROM pg_views WHERE schemaname = 'pr' AND viewname = 'b_definition';
-- the catalog is not the owner's to write, nor to read but by the view
INSERT INTO andon.departed VALUES ('pr.b', 1, 1);
SELECT count(*) FROM andon.board;
SELECT board, state FROM andon.boards WHERE board = 'pr.b'::regclass;
RESET ROLE;

-- a writer needs nothing on the board, and his settings and objects do not matter
SET ROLE pr_writer;
CREATE TEMP TABLE customers (id int, name text);
INSERT INTO customers VALUES (1, 'Eve');
SET search_path = pg_temp, pg_catalog;
INSERT INTO pr.orders VALUES (1, 'NEW', 1);
UPDATE pr.customers SET name = 'Ada L.';
SELECT * FROM pr.b;
SELECT count(*) FROM andon.boards WHERE board::text LIKE '%b';
SELECT * FROM andon.check_board('pr.b');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.refresh_board('pr.b');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.drop_board('pr.b');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM andon.counts('pr.b');
\echo :LAST_ERROR_SQLSTATE
SET andon.notify = off;
RESET search_path;
RESET ROLE;
SELECT id, status, name, pg_temp.differences('pr.b') FROM pr.b;

-- readers: GRANT and row-level security as on any table; counts follow
GRANT SELECT ON pr.b TO pr_reader;
INSERT INTO pr.orders VALUES (2, 'NEW', 1), (3, 'CUT', 1);
ALTER TABLE pr.b ENABLE ROW LEVEL SECURITY;
CREATE POLICY even ON pr.b FOR SELECT TO pr_reader USING (id % 2 = 0);
SET ROLE pr_reader;
SELECT id, status, name FROM pr.b ORDER BY id;
SELECT * FROM andon.counts('pr.b');
UPDATE pr.b SET status = 'X';
RESET ROLE;
UPDATE pr.orders SET status = 'DONE';
SELECT * FROM andon.counts('pr.b');
SELECT pg_temp.differences('pr.b');

-- FORCE binds the owner's reads, not the maintenance
ALTER TABLE pr.b FORCE ROW LEVEL SECURITY;
UPDATE pr.orders SET status = 'KEPT' WHERE id = 2;
INSERT INTO pr.orders VALUES (4, 'NEW', 1);
DELETE FROM pr.orders WHERE id = 3;
UPDATE pr.customers SET name = name || '!';
UPDATE pr.orders SET status = status || '.';
SET ROLE pr_owner;
SELECT id, status, name FROM pr.b ORDER BY id;
SELECT * FROM andon.counts('pr.b');
SELECT count(*) FROM andon.check_board('pr.b');
SELECT andon.refresh_board('pr.b');
RESET ROLE;
SELECT id, status, name FROM pr.b ORDER BY id;
SELECT pg_temp.differences('pr.b');
ALTER TABLE pr.b NO FORCE ROW LEVEL SECURITY;

-- what the definition reads is the owner's right: without it writers are told
REVOKE SELECT ON pr.customers FROM pr_owner;
\set SHOW_CONTEXT never
UPDATE pr.orders SET status = 'NO' WHERE id = 1;
\echo :LAST_ERROR_SQLSTATE
GRANT SELECT ON pr.customers TO pr_owner;
UPDATE pr.orders SET status = 'YES' WHERE id = 1;
SELECT pg_temp.differences('pr.b');

-- code of the owner's runs as the owner: a trigger of his on the board gains nothing
CREATE TABLE pr.log (who name);
GRANT INSERT ON pr.log TO PUBLIC;
SET ROLE pr_owner;
CREATE FUNCTION pr.spy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO pr.log VALUES (current_user); RETURN NEW; END $$;
CREATE TRIGGER spy BEFORE UPDATE ON pr.b FOR EACH ROW EXECUTE FUNCTION pr.spy();
RESET ROLE;
UPDATE pr.orders SET status = 'WHO' WHERE id = 1;
SELECT * FROM pr.log;

-- the owner drops his board without being able to drop triggers on others' tables
SET ROLE pr_owner;
SELECT andon.drop_board('pr.b');
RESET ROLE;
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'andon%';
SET client_min_messages = warning;
DROP SCHEMA pr CASCADE;
DROP OWNED BY pr_owner, pr_writer, pr_reader;
DROP ROLE pr_owner, pr_writer, pr_reader;
