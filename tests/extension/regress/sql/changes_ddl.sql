--
-- DDL of a board's sources, of what its definition uses, and of the board itself.
-- Guards: triggers that were switched off or dropped are not forgotten when they are back;
-- renames do no harm; what the definition needs cannot be dropped; views, functions, types
-- and whole rows that change under a board; no row of a board stays that has been dropped;
-- event triggers that do not mind who runs the DDL, nor his search_path.
--
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
CREATE SCHEMA cd;
SET search_path = cd;
CREATE TYPE stage AS ENUM ('NEW', 'CUT', 'DONE');
CREATE TABLE customers (id int PRIMARY KEY, name text, spare int);
CREATE TABLE orders (id int PRIMARY KEY, status stage, customer_id int, spare int);
INSERT INTO customers VALUES (1, 'Ada'), (2, 'Bo');
INSERT INTO orders VALUES (1, 'NEW', 1), (2, 'CUT', 2);
CREATE FUNCTION label(text) RETURNS text IMMUTABLE LANGUAGE sql RETURN 'to ' || $1;
CREATE VIEW named AS SELECT id, name FROM customers WHERE name <> '';
CREATE VIEW labelled AS SELECT id, label(name) AS name FROM named;
SELECT andon.create_board('cd.b', $$
    SELECT o.id, o.status::text, c.name FROM orders o LEFT JOIN labelled c ON c.id = o.customer_id $$, '{id}', 'status');
CREATE VIEW shown AS SELECT id, status, name, pg_temp.differences('b') AS diff FROM b ORDER BY id;
CREATE FUNCTION state(board regclass DEFAULT 'b') RETURNS TABLE (state text, why text) LANGUAGE sql AS
    'SELECT state, why FROM andon.boards b WHERE b.board = $1';
SELECT state, why, not_followed FROM andon.boards WHERE board = 'b'::regclass;

-- triggers switched off: the board is marked, also when they are on again
ALTER TABLE customers DISABLE TRIGGER andon_capture;
SELECT * FROM state();
UPDATE customers SET name = 'Ada L.' WHERE id = 1;
ALTER TABLE customers ENABLE TRIGGER andon_capture;
SELECT * FROM state();
TABLE shown;
-- the way back: refresh_board
SELECT andon.refresh_board('b');
SELECT * FROM state();
TABLE shown;
-- which does not forget what is still off
ALTER TABLE orders DISABLE TRIGGER ALL;
UPDATE orders SET status = 'DONE' WHERE id = 2;
SELECT andon.refresh_board('b');
SELECT * FROM state();
TABLE shown;
ALTER TABLE orders ENABLE TRIGGER USER;
SELECT * FROM state();
-- the other way back: repair_board
UPDATE orders SET status = 'CUT' WHERE id = 2;
SELECT andon.repair_board('b');
SELECT * FROM state();
-- triggers of others do not matter
CREATE FUNCTION idle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER idle AFTER INSERT ON orders EXECUTE FUNCTION idle();
ALTER TABLE orders DISABLE TRIGGER idle;
ALTER TABLE orders ENABLE ALWAYS TRIGGER andon_drain;
SELECT * FROM state();
ALTER TABLE orders ENABLE REPLICA TRIGGER andon_truncate;
SELECT * FROM state();
ALTER TABLE orders ENABLE TRIGGER ALL;
DROP TRIGGER idle ON orders;
SELECT andon.refresh_board('b');
SELECT * FROM state();
-- rolled back: nothing has happened
BEGIN;
ALTER TABLE orders DISABLE TRIGGER USER;
SELECT state FROM state();
ROLLBACK;
SELECT * FROM state();
-- dropped, and made again by the refresh
DROP TRIGGER andon_capture ON customers;
UPDATE customers SET name = 'Ada' WHERE id = 1;
SELECT * FROM state();
SELECT andon.refresh_board('b');
SELECT * FROM state();
UPDATE customers SET name = 'Adele' WHERE id = 1;
TABLE shown;
DROP TRIGGER andon_drain ON orders;
DROP TRIGGER andon_guard ON b;
SELECT andon.repair_board('b');
UPDATE orders SET status = 'DONE' WHERE id = 1;
TABLE shown;
UPDATE b SET name = '';
-- a board that does not have the table as a source is not concerned
SELECT andon.create_board('cd.other', 'SELECT id, status::text FROM orders', '{id}', 'status');
ALTER TABLE customers DISABLE TRIGGER USER;
SELECT board, state FROM andon.boards ORDER BY board::text;
ALTER TABLE customers ENABLE TRIGGER USER;
SELECT andon.refresh_board('b');
SELECT andon.drop_board('other');

-- what the definition needs stays; the rest is free
ALTER TABLE orders DROP COLUMN customer_id;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE orders ALTER COLUMN customer_id TYPE bigint;
\echo :LAST_ERROR_SQLSTATE
DROP TABLE customers;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE orders DROP COLUMN spare, ADD COLUMN note text DEFAULT 'x', ALTER COLUMN note SET NOT NULL;
ALTER TABLE customers ALTER COLUMN spare TYPE bigint;
UPDATE orders SET status = 'NEW' WHERE id = 1;
-- renames
ALTER TABLE orders RENAME COLUMN customer_id TO kunde;
ALTER TABLE orders RENAME TO "Aufträge";
ALTER TABLE customers RENAME COLUMN name TO "Name";
ALTER SCHEMA cd RENAME TO "C D";
SET search_path = "C D";
UPDATE "Aufträge" SET kunde = 2 WHERE id = 1;
UPDATE customers SET "Name" = 'Bob' WHERE id = 2;
INSERT INTO "Aufträge" VALUES (3, 'NEW', 1);
ALTER SCHEMA "C D" RENAME TO cd;
SET search_path = cd;
ALTER TABLE "Aufträge" RENAME TO orders;
ALTER TABLE b RENAME TO board;
ALTER TABLE board RENAME TO b;
CREATE SCHEMA cd2;
ALTER TABLE orders SET SCHEMA cd2;
UPDATE cd2.orders SET status = 'CUT' WHERE id = 3;
ALTER TABLE cd2.orders SET SCHEMA cd;
DROP SCHEMA cd2;
TABLE shown;

-- views, functions and types under the definition
CREATE OR REPLACE VIEW named AS SELECT id, upper("Name") AS name FROM customers;
TABLE shown;
CREATE OR REPLACE FUNCTION label(text) RETURNS text IMMUTABLE LANGUAGE sql RETURN 'for ' || $1;
TABLE shown;
ALTER TYPE stage RENAME VALUE 'CUT' TO 'SAWN';
TABLE shown;
ALTER TYPE stage ADD VALUE 'LOST';
\set SHOW_CONTEXT never
ALTER FUNCTION label(text) VOLATILE;
\echo :LAST_ERROR_SQLSTATE
CREATE OR REPLACE VIEW named AS SELECT id, random()::text AS name FROM customers;
\echo :LAST_ERROR_SQLSTATE
CREATE TABLE elsewhere (id int, name text);
CREATE OR REPLACE VIEW named AS SELECT id, name FROM elsewhere;
\echo :LAST_ERROR_SQLSTATE
CREATE OR REPLACE VIEW b_definition AS SELECT o.id, 'X' AS status, 'Y' AS name FROM orders o;
\echo :LAST_ERROR_SQLSTATE
UPDATE customers SET "Name" = 'Cy' WHERE id = 1;
TABLE shown;

-- what would keep the board from being maintained
CREATE ROLE cd_owner;
GRANT ALL ON SCHEMA cd TO cd_owner;
GRANT ALL ON orders, customers TO cd_owner;
SET ROLE cd_owner;
SELECT andon.create_board('cd.own', 'SELECT id, status::text FROM cd.orders', '{id}', 'status');
RESET ROLE;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
\echo :LAST_ERROR_SQLSTATE
SELECT andon.drop_board('own');
ALTER TABLE customers SET UNLOGGED;
\echo :LAST_ERROR_SQLSTATE

-- whole rows show columns that come later, and their names
CREATE TYPE size AS (width int, height int);
CREATE TABLE pieces (id int, status text, s size);
INSERT INTO pieces VALUES (1, 'NEW', (1, 2));
SELECT andon.create_board('cd.whole', 'SELECT id, status, to_jsonb(p) AS piece FROM pieces p', '{id}', 'status');
ALTER TABLE pieces ADD COLUMN colour text DEFAULT 'red';
SELECT piece, pg_temp.differences('whole') FROM whole;
ALTER TABLE pieces RENAME COLUMN colour TO color;
SELECT piece, pg_temp.differences('whole') FROM whole;
ALTER TABLE pieces DROP COLUMN color;
ALTER TYPE size ADD ATTRIBUTE depth int;
SELECT piece, pg_temp.differences('whole') FROM whole;
ALTER TYPE size RENAME ATTRIBUTE depth TO length;
SELECT piece, pg_temp.differences('whole') FROM whole;
-- also of a part, where the command names the whole
CREATE TABLE heaps (id int, status text) PARTITION BY LIST (status);
CREATE TABLE heap PARTITION OF heaps DEFAULT;
INSERT INTO heaps VALUES (1, 'NEW');
SELECT andon.create_board('cd.of_part', 'SELECT id, status, to_jsonb(h) AS piece FROM heap h', '{id}', 'status');
ALTER TABLE heaps ADD COLUMN colour text DEFAULT 'red';
SELECT piece, pg_temp.differences('of_part') FROM of_part;
ALTER TABLE heaps RENAME COLUMN colour TO color;
SELECT piece, pg_temp.differences('of_part') FROM of_part;
SELECT andon.drop_board('of_part');
DROP TABLE heaps;

-- NOT IN stands on NOT NULL of both columns: that stays while the board does
CREATE TABLE sold (id int NOT NULL);
SET client_min_messages = error;
SELECT andon.create_board('cd.unsold', 'SELECT id, status FROM pieces WHERE id NOT IN (SELECT id FROM sold)', '{id}', 'status');
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE pieces ALTER id SET NOT NULL;
SELECT andon.create_board('cd.unsold', 'SELECT id, status FROM pieces WHERE id NOT IN (SELECT id FROM sold)', '{id}', 'status');
RESET client_min_messages;
ALTER TABLE sold ALTER id DROP NOT NULL;
\echo :LAST_ERROR_SQLSTATE
INSERT INTO sold VALUES (NULL);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO sold VALUES (1);
SELECT count(*), pg_temp.differences('unsold') FROM unsold;
SELECT andon.drop_board('unsold');

-- a key that is an enum: values that come between others, and other names
CREATE TYPE bench AS ENUM ('saw', 'polish');
CREATE TABLE benches (bench bench PRIMARY KEY, status text);
CREATE TABLE jobs (bench bench, n int);
INSERT INTO benches VALUES ('saw', 'free'), ('polish', 'free');
SELECT andon.create_board('cd.floor', 'SELECT b.bench, b.status, sum(j.n) AS n FROM benches b LEFT JOIN jobs j USING (bench) GROUP BY b.bench',
    '{bench}', 'status', 'bench');
INSERT INTO jobs VALUES ('saw', 1);
ALTER TYPE bench ADD VALUE 'set' BEFORE 'polish';
INSERT INTO benches VALUES ('set', 'free');
INSERT INTO jobs VALUES ('set', 2), ('polish', 3);
ALTER TYPE bench RENAME VALUE 'saw' TO 'cut';
UPDATE jobs SET n = n + 1 WHERE bench IN ('cut', 'set');
UPDATE benches SET status = 'busy' WHERE bench = 'cut';
SELECT bench, status, n, andon_version, pg_temp.differences('floor') FROM floor ORDER BY bench;
SELECT item ->> 'bench' AS bench FROM andon.page('floor');
-- what the log said of it then has the name that it had
SELECT key, op, version FROM andon.change WHERE board = 'floor'::regclass ORDER BY version, key::text;
SELECT andon.drop_board('floor');

-- the board's own columns
SELECT andon.create_board('cd.own', 'SELECT id, status::text, note FROM orders', '{id}', 'status');
ALTER TABLE own DROP COLUMN note;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE own ALTER COLUMN note TYPE varchar;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE own DROP COLUMN andon_since;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE own RENAME COLUMN andon_version TO version;
\echo :LAST_ERROR_SQLSTATE
ALTER TABLE own RENAME COLUMN note TO remark;
UPDATE orders SET note = 'renamed' WHERE id = 1;
ALTER TABLE own RENAME COLUMN remark TO note;
ALTER TABLE own ADD COLUMN long boolean GENERATED ALWAYS AS (length(note) > 5) STORED;
UPDATE orders SET note = 'something' WHERE id = 1;
INSERT INTO orders VALUES (4, 'NEW', 1);
SELECT id, note, long, pg_temp.differences('own') FROM own ORDER BY id;
ALTER TABLE own DROP COLUMN long;
UPDATE orders SET note = 'short' WHERE id = 1;
SELECT id, note, pg_temp.differences('own') FROM own ORDER BY id;
SELECT andon.drop_board('own');

-- who runs it, and under which search_path, does not matter
CREATE ROLE cd_user;
CREATE TABLE theirs (id int, status text) PARTITION BY LIST (id);
ALTER TABLE theirs OWNER TO cd_user;
GRANT ALL ON SCHEMA cd TO cd_user;
SELECT andon.create_board('cd.over_theirs', 'SELECT id, status FROM theirs', '{id}', 'status');
CREATE SCHEMA hostile AUTHORIZATION cd_user;
SET SESSION AUTHORIZATION cd_user;
CREATE FUNCTION hostile.raise(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'caught by the search_path'; END $$;
CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.raise);
CREATE TABLE hostile.pg_class (id int);
CREATE TABLE hostile.board (id int);
SET search_path = hostile, pg_catalog, cd;
CREATE TABLE cd.theirs_1 PARTITION OF cd.theirs FOR VALUES IN (1);
CREATE TABLE cd.theirs_2 (id int, status text);
INSERT INTO cd.theirs_2 VALUES (2, 'NEW');
ALTER TABLE theirs ATTACH PARTITION theirs_2 FOR VALUES IN (2);
INSERT INTO theirs VALUES (1, 'NEW');
ALTER TABLE theirs DISABLE TRIGGER USER;
ALTER TABLE theirs ENABLE TRIGGER USER;
SELECT * FROM cd.over_theirs;
\echo :LAST_ERROR_SQLSTATE
RESET SESSION AUTHORIZATION;
SET search_path = cd;
SELECT id, status, pg_temp.differences('over_theirs') FROM over_theirs ORDER BY id;
SELECT * FROM state('over_theirs');
SET SESSION AUTHORIZATION cd_user;
DROP TABLE theirs_1;
RESET SESSION AUTHORIZATION;
SELECT id, status, pg_temp.differences('over_theirs') FROM over_theirs ORDER BY id;

-- DROP: of a source, the definition, the board, the schema; with CASCADE only where it is asked for
SET SESSION AUTHORIZATION cd_user;
DROP TABLE theirs;
DROP TABLE theirs CASCADE;
RESET SESSION AUTHORIZATION;
SELECT id, status FROM over_theirs ORDER BY id;
DELETE FROM over_theirs WHERE id = 1;
DROP TABLE over_theirs;
CREATE VIEW above AS SELECT * FROM whole_definition;
DROP TABLE whole;
\echo :LAST_ERROR_SQLSTATE
DROP VIEW above;
DROP TABLE whole;
SELECT to_regclass('whole_definition');
SELECT andon.create_board('cd.whole', 'SELECT id, status FROM pieces', '{id}', 'status');
DROP VIEW whole_definition;
DROP TABLE whole;
SELECT andon.create_board('cd.whole', 'SELECT id, status FROM pieces', '{id}', 'status');
ALTER TABLE pieces DROP COLUMN status CASCADE;
DROP TABLE whole;
CREATE SCHEMA cd3;
CREATE TABLE cd3.t (id int, status text);
SELECT andon.create_board('cd3.inside', 'SELECT id, status FROM cd3.t', '{id}', 'status');
SELECT andon.create_board('cd3.outside', 'SELECT id, status::text FROM orders', '{id}', 'status');
SELECT andon.create_board('cd.across', 'SELECT o.id, o.status::text, t.status AS t FROM orders o JOIN cd3.t t ON t.id = o.id', '{id}', 'status');
SET client_min_messages = warning;
DROP SCHEMA cd3 CASCADE;
SELECT board FROM andon.board ORDER BY board::text;
SELECT DISTINCT board FROM andon.board_source ORDER BY 1;
SELECT tgrelid::regclass, count(*) FROM pg_trigger WHERE tgname LIKE 'andon%' GROUP BY 1 ORDER BY 1;
DROP TABLE across;
-- with the transaction undone, the board is as before
BEGIN;
DROP TABLE b CASCADE;
SELECT count(*) FROM andon.board;
UPDATE orders SET status = 'LOST' WHERE id = 1;
ROLLBACK;
UPDATE orders SET status = 'NEW' WHERE id = 1;
TABLE shown;

DROP VIEW shown;
SET client_min_messages = warning;
DROP SCHEMA cd, hostile CASCADE;
SELECT count(*) FROM andon.board;
DROP OWNED BY cd_owner, cd_user;
DROP ROLE cd_owner, cd_user;
