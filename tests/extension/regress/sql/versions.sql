--
-- andon_since and andon_version.
-- Guards: since moves with the status only; a version only grows, also over a key's
-- absence and in one transaction; nothing is written when nothing differs.
--
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
CREATE SCHEMA ve;
SET search_path = ve;
CREATE TABLE orders (id int PRIMARY KEY, status text NOT NULL, note text);
INSERT INTO orders VALUES (1, 'NEW', 'a');
SELECT andon.create_board('ve.b', 'SELECT id, status, note FROM orders WHERE status <> ''CLOSED''', '{id}', 'status');
SELECT andon_since AS before FROM b \gset
UPDATE orders SET note = 'b';
SELECT andon_version, andon_since = :'before' AS same FROM b;
UPDATE orders SET status = 'CUT';
SELECT andon_version, andon_since > :'before' AS later FROM b;
SELECT ctid AS place FROM b \gset
UPDATE orders SET note = note;
SELECT andon_version, ctid = :'place' AS untouched FROM b;
-- leaves, comes back, leaves and comes back in one transaction
UPDATE orders SET status = 'CLOSED';
UPDATE orders SET status = 'NEW';
SELECT andon_version FROM b;
BEGIN;
DELETE FROM orders;
INSERT INTO orders VALUES (1, 'AGAIN');
UPDATE orders SET status = 'CLOSED';
SAVEPOINT s;
UPDATE orders SET status = 'LOST';
ROLLBACK TO s;
UPDATE orders SET status = 'BACK';
COMMIT;
SELECT status, andon_version, pg_temp.differences('b') FROM b;
-- since is the time of the change, not of the transaction's start
BEGIN;
SELECT now() AS start \gset
UPDATE orders SET status = 'LATER';
SELECT andon_since > :'start' AS after_start FROM b;
COMMIT;
-- the owner's own column on the board keeps its value, his trigger sees each row
ALTER TABLE b ADD COLUMN seen text;
CREATE FUNCTION mark() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.seen := coalesce(NEW.seen, '') || lower(TG_OP) || ' '; RETURN NEW; END $$;
CREATE TRIGGER mark BEFORE INSERT OR UPDATE ON b FOR EACH ROW EXECUTE FUNCTION mark();
UPDATE orders SET status = 'X';
UPDATE orders SET note = 'y';
INSERT INTO orders VALUES (2, 'NEW');
SELECT id, status, note, andon_version, seen, pg_temp.differences('b') FROM b ORDER BY id;
SELECT andon.drop_board('b');
SELECT count(*) FROM andon.departed WHERE board::text = 'b';
SET client_min_messages = warning;
DROP SCHEMA ve CASCADE;
