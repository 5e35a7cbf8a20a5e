--
-- set_transitions(): allowed changes of status.
-- Guards: every way to write, one row and in bulk; the step is from before the statement
-- to its end; ways in and out; what is refused says what is allowed and changes nothing;
-- the rule is the owner's, and goes with the board.
--
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
\set SHOW_CONTEXT never
CREATE SCHEMA tr;
SET search_path = tr;
CREATE TABLE orders (id int PRIMARY KEY, status text, note text);
CREATE TABLE stages (name text PRIMARY KEY, shown text);
INSERT INTO orders SELECT i, 'NEW' FROM generate_series(1, 6) i;
SELECT andon.create_board('tr.b', 'SELECT id, status, note FROM orders WHERE note IS DISTINCT FROM ''hidden''', '{id}', 'status');
SELECT andon.set_transitions('b', '{NEW>PAID, PAID > CUT ,PAID>NEW}');
SELECT transitions FROM andon.boards WHERE board = 'b'::regclass;

-- one row
UPDATE orders SET status = 'PAID' WHERE id = 1;
UPDATE orders SET status = 'SENT' WHERE id = 1;
\echo :LAST_ERROR_SQLSTATE
UPDATE orders SET status = 'CUT' WHERE id = 2;
\echo :LAST_ERROR_SQLSTATE
UPDATE orders SET status = 'CUT' WHERE id = 1;
UPDATE orders SET status = 'NEW' WHERE id = 1;
\echo :LAST_ERROR_SQLSTATE
-- no change of status is no step
UPDATE orders SET status = 'CUT', note = 'x' WHERE id = 1;
-- every way to write
INSERT INTO orders VALUES (2, 'CUT') ON CONFLICT (id) DO UPDATE SET status = EXCLUDED.status;
\echo :LAST_ERROR_SQLSTATE
MERGE INTO orders USING (VALUES (2)) v (id) ON orders.id = v.id WHEN MATCHED THEN UPDATE SET status = 'CUT';
\echo :LAST_ERROR_SQLSTATE
WITH u AS (UPDATE orders SET status = 'CUT' WHERE id = 2 RETURNING id) SELECT * FROM u;
\echo :LAST_ERROR_SQLSTATE
BEGIN;
UPDATE orders SET status = 'PAID' WHERE id = 2;
SAVEPOINT s;
UPDATE orders SET status = 'SENT' WHERE id = 2;
ROLLBACK TO s;
UPDATE orders SET status = 'CUT' WHERE id = 2;
COMMIT;
BEGIN;
SET LOCAL andon.maintain_at = 'commit';
UPDATE orders SET status = 'SENT' WHERE id = 3;
COMMIT;
\echo :LAST_ERROR_SQLSTATE
-- at commit the transaction is one step, and PAID is not seen
BEGIN;
SET LOCAL andon.maintain_at = 'commit';
UPDATE orders SET status = 'PAID' WHERE id = 3;
UPDATE orders SET status = 'CUT' WHERE id = 3;
COMMIT;
\echo :LAST_ERROR_SQLSTATE
SELECT andon.claim('b', 'NEW', 'CUT');
\echo :LAST_ERROR_SQLSTATE
SELECT jsonb_array_length(andon.claim('b', 'NEW', 'PAID'));
-- delete and insert in one transaction are a way out and a way in
BEGIN;
DELETE FROM orders WHERE id = 4;
INSERT INTO orders VALUES (4, 'CUT');
COMMIT;
SELECT id, status, pg_temp.differences('b') FROM b ORDER BY id;

-- in bulk: the keys of a statement; TRUNCATE below is for the whole board
UPDATE orders SET status = CASE status WHEN 'NEW' THEN 'PAID' ELSE status END;
UPDATE orders SET status = 'CUT' WHERE status <> 'PAID' OR id <> 5;
INSERT INTO orders SELECT i, 'NEW' FROM generate_series(100, 2000) i;
UPDATE orders SET status = CASE id WHEN 1500 THEN 'CUT' ELSE 'PAID' END WHERE id >= 100;
\echo :LAST_ERROR_SQLSTATE
UPDATE orders SET status = 'PAID' WHERE id >= 100;
DELETE FROM orders WHERE id >= 100;
SELECT count(*), pg_temp.differences('b') FROM b;

-- triggers of the table: what they do to the row on the way does not count
CREATE FUNCTION correct() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN IF NEW.status = 'ODD' THEN UPDATE orders SET status = 'PAID' WHERE id = NEW.id; END IF; RETURN NULL; END $$;
CREATE TRIGGER correct AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION correct();
INSERT INTO orders VALUES (10, 'NEW'), (11, 'NEW');
UPDATE orders SET status = 'ODD' WHERE id IN (10, 11);
DROP TRIGGER correct ON orders;
SELECT id, status, pg_temp.differences('b') FROM b WHERE id >= 10 ORDER BY id;

-- a status that comes from another table
SELECT andon.create_board('tr.s', 'SELECT o.id, s.shown FROM orders o JOIN stages s ON s.name = o.status', '{id}', 'shown');
INSERT INTO stages VALUES ('PAID', 'bought'), ('CUT', 'in work');
SELECT andon.set_transitions('s', '{bought>in work}');
UPDATE stages SET shown = 'lost' WHERE name = 'PAID';
\echo :LAST_ERROR_SQLSTATE
SELECT andon.drop_board('s');

-- ways in and out are free until one is named; no status is not on the board
SELECT andon.set_transitions('b', '{NEW>PAID,>NEW,PAID>}');
INSERT INTO orders VALUES (20, 'PAID');
\echo :LAST_ERROR_SQLSTATE
INSERT INTO orders VALUES (20, 'NEW');
DELETE FROM orders WHERE id = 20;
\echo :LAST_ERROR_SQLSTATE
UPDATE orders SET note = 'hidden' WHERE id = 20;
\echo :LAST_ERROR_SQLSTATE
UPDATE orders SET status = NULL WHERE id = 20;
\echo :LAST_ERROR_SQLSTATE
TRUNCATE orders;
\echo :LAST_ERROR_SQLSTATE
UPDATE orders SET status = 'PAID' WHERE id = 20;
UPDATE orders SET status = NULL WHERE id = 20;
UPDATE orders SET status = 'PAID' WHERE id = 20;
\echo :LAST_ERROR_SQLSTATE
UPDATE orders SET status = 'NEW' WHERE id = 20;
UPDATE orders SET status = 'PAID' WHERE id = 20;
DELETE FROM orders WHERE id = 20;
SELECT pg_temp.differences('b');

-- what mends the board is not stopped by the rule
ALTER TABLE orders DISABLE TRIGGER USER;
UPDATE orders SET status = 'BENT' WHERE id < 3;
ALTER TABLE orders ENABLE TRIGGER USER;
SELECT andon.refresh_board('b');
ALTER TABLE orders DISABLE TRIGGER USER;
UPDATE orders SET status = 'CROOKED' WHERE id < 3;
ALTER TABLE orders ENABLE TRIGGER USER;
SELECT andon.repair_board('b');
UPDATE orders SET status = 'BENT' WHERE id < 3;
\echo :LAST_ERROR_SQLSTATE
SELECT id, status, pg_temp.differences('b') FROM b WHERE id < 3 ORDER BY id;

-- types: compared as the type writes them
CREATE TYPE stage AS ENUM ('NEW', 'PAID');
CREATE TABLE typed (id int PRIMARY KEY, e stage, c char(5), n numeric(4,1));
INSERT INTO typed VALUES (1, 'NEW', 'NEW', 1);
SELECT andon.create_board('tr.te', 'SELECT id, e FROM typed', '{id}', 'e');
SELECT andon.create_board('tr.tc', 'SELECT id, c FROM typed', '{id}', 'c');
SELECT andon.create_board('tr.tn', 'SELECT id, n FROM typed', '{id}', 'n');
SELECT andon.set_transitions('te', '{NEW>SENT}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.set_transitions('te', '{NEW>PAID}');
SELECT andon.set_transitions('tc', '{NEW>PAID}');
SELECT andon.set_transitions('tn', '{1>2.00}');
UPDATE typed SET e = 'PAID', c = 'PAID', n = 2;
UPDATE typed SET e = 'NEW';
UPDATE typed SET c = 'NEW';
UPDATE typed SET n = 1;
SELECT board, transitions FROM andon.boards WHERE board::text LIKE 't_' ORDER BY 1;

-- arguments; the rule is taken back with NULL or nothing
SELECT andon.set_transitions('b', '{NEW}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.set_transitions('b', '{NEW>PAID>CUT}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.set_transitions('b', '{>}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.set_transitions('b', '{NULL}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.set_transitions(NULL, '{NEW>PAID}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.set_transitions('orders', '{NEW>PAID}');
\echo :LAST_ERROR_SQLSTATE
SELECT transitions FROM andon.boards WHERE board = 'b'::regclass;
SELECT andon.set_transitions('b', '{}');
UPDATE orders SET status = 'ANY' WHERE id = 1;
SELECT andon.set_transitions('b', '{ANY>NEW}');
UPDATE orders SET status = 'SOME' WHERE id = 1;
SELECT andon.set_transitions('b', NULL);
UPDATE orders SET status = 'SOME' WHERE id = 1;
SELECT transitions, pg_temp.differences('b') FROM andon.boards WHERE board = 'b'::regclass;

-- the owner's to set; writers need nothing; a board made anew has no rule
CREATE ROLE tr_writer;
GRANT USAGE ON SCHEMA tr TO tr_writer;
GRANT SELECT, UPDATE ON orders TO tr_writer;
SELECT andon.set_transitions('b', '{CUT>SENT}');
SET ROLE tr_writer;
SELECT andon.set_transitions('b', NULL);
\echo :LAST_ERROR_SQLSTATE
UPDATE orders SET status = 'NEW' WHERE id = 4;
\echo :LAST_ERROR_SQLSTATE
UPDATE orders SET status = 'SENT' WHERE id = 4;
RESET ROLE;
SELECT andon.drop_board('b');
SELECT andon.create_board('tr.b', 'SELECT id, status FROM orders', '{id}', 'status');
SELECT transitions FROM andon.boards WHERE board = 'b'::regclass;
SET client_min_messages = warning;
DROP OWNED BY tr_writer;
DROP ROLE tr_writer;
SELECT count(andon.drop_board(board)) FROM andon.boards WHERE board::text !~ '\.';
DROP SCHEMA tr CASCADE;
