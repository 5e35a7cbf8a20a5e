--
-- How rows of a board are written, below SQL.
-- Guards: that the short way, taken for plain tables, leaves every index complete and every unique one unique;
-- and that it is not taken where a table has more than columns and plain indexes, whatever its owner has added.
--
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
\set VERBOSITY terse
CREATE EXTENSION amcheck;
CREATE SCHEMA bw;
SET search_path = bw, public;

CREATE TABLE orders (id int PRIMARY KEY, status text NOT NULL, note text, n int);
INSERT INTO orders SELECT g, 'NEW', 'note ' || g, g FROM generate_series(1, 300) g;
SELECT andon.create_board('bw.b', 'SELECT id, status, note, n FROM orders', '{id}', 'status', 'n DESC');

-- each btree index has an entry for every row version that anybody can see, in order; that the board is right
-- is asked by index and without
CREATE FUNCTION damage() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    result bigint := 0;
BEGIN
    PERFORM bt_index_check(indexrelid, true) FROM pg_index JOIN pg_class ON oid = indexrelid
    WHERE indrelid = 'b'::regclass AND relam = (SELECT oid FROM pg_am WHERE amname = 'btree');
    SET LOCAL enable_seqscan = off;
    result := pg_temp.differences('b');
    SET LOCAL enable_seqscan = on;
    SET LOCAL enable_indexscan = off;
    SET LOCAL enable_bitmapscan = off;
    RETURN result + pg_temp.differences('b');
END $$;

-- every kind of change: of indexed columns, of others, of the key; rows that come, go and come again
CREATE PROCEDURE work(round int) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE orders SET status = 'S' || (id + round) % 5 WHERE id % 3 = round % 3;
    UPDATE orders SET note = repeat(chr(65 + round % 26), 20 + round % 300) WHERE id % 7 = round % 7;
    UPDATE orders SET status = status WHERE id = 1;
    UPDATE orders SET n = -n, note = NULL WHERE id % 11 = round % 11;
    DELETE FROM orders WHERE id = 10;
    INSERT INTO orders VALUES (10, 'NEW', 'again', 1000 + round);
    UPDATE orders SET id = CASE id WHEN 20 THEN 1020 ELSE 20 END WHERE id IN (20, 1020);
END $$;

-- many versions of each row, so that pages and index pages are cleared on the way
DO $$
BEGIN
    FOR i IN 1 .. 40 LOOP
        CALL work(i);
        COMMIT;
    END LOOP;
END $$;
SELECT damage(), count(*), min(andon_version) > 5 AS changed FROM b;
-- one row, over and over: alone, in one transaction, with a part of it taken back
DO $$
BEGIN
    FOR i IN 1 .. 500 LOOP
        UPDATE orders SET status = 'T' || i % 4 WHERE id = 5;
        COMMIT;
    END LOOP;
    FOR i IN 1 .. 500 LOOP
        BEGIN
            UPDATE orders SET status = 'U' || i % 4 WHERE id = 6;
            PERFORM 1 / (i % 5);
        EXCEPTION WHEN division_by_zero THEN
            NULL;
        END;
    END LOOP;
END $$;
SELECT damage(), status FROM b WHERE id IN (5, 6);
-- under a snapshot that still needs the old versions
BEGIN ISOLATION LEVEL REPEATABLE READ;
DECLARE c CURSOR FOR SELECT status FROM b WHERE id = 5;
DO $$ BEGIN FOR i IN 1 .. 100 LOOP UPDATE orders SET status = 'V' || i % 4 WHERE id = 5; END LOOP; END $$;
FETCH c;
SELECT status FROM b WHERE id = 5;
COMMIT;
SELECT damage();
-- rows too large for their page, and for any
UPDATE orders SET note = repeat(md5(id::text), 50) WHERE id < 40;
UPDATE orders SET note = (SELECT string_agg(md5(g::text), '') FROM generate_series(1, 1000) g) WHERE id < 5;
UPDATE orders SET status = 'LARGE' WHERE id < 40;
SELECT damage(), count(*), sum(length(note)) FROM b WHERE status = 'LARGE';

-- what an owner may add to his board; each is kept
CREATE INDEX by_expression ON b (upper(status));
CREATE INDEX by_part ON b (n) WHERE status <> 'S1';
CALL work(101);
SELECT damage(), count(*) FILTER (WHERE upper(status) = 'S2') AS s2 FROM b;
SET enable_seqscan = off;
SELECT count(*) FROM b WHERE upper(status) = 'S2';
SELECT count(*) = (SELECT count(*) FROM orders WHERE n > 0 AND status <> 'S1') AS same FROM b WHERE n > 0 AND status <> 'S1';
RESET enable_seqscan;
DROP INDEX by_expression, by_part;

CREATE INDEX by_hash ON b USING hash (status);
CREATE INDEX by_brin ON b USING brin (n);
CALL work(102);
SET enable_seqscan = off;
SELECT count(*) = (SELECT count(*) FROM orders WHERE status = 'S2') AS same FROM b WHERE status = 'S2';
SELECT count(*) = (SELECT count(*) FROM orders WHERE n > 100) AS same FROM b WHERE n > 100;
RESET enable_seqscan;
DROP INDEX by_hash, by_brin;

-- unique: by columns that change, deferrable, partial, an exclusion; refused and nothing left behind
CREATE UNIQUE INDEX unique_n ON b (n) INCLUDE (status);
UPDATE orders SET n = n + 5000, status = 'S1' WHERE id BETWEEN 60 AND 80;
UPDATE orders SET n = 77 WHERE id IN (30, 31);
UPDATE orders SET n = (SELECT n FROM orders WHERE id = 32) WHERE id = 33;
INSERT INTO orders SELECT 2000, 'NEW', 'twice', n FROM orders WHERE id = 32;
UPDATE orders SET n = 88000 WHERE id = 33;
SELECT damage();
DROP INDEX unique_n;
ALTER TABLE b ADD CONSTRAINT unique_n UNIQUE (n) DEFERRABLE;
UPDATE orders SET n = 77 WHERE id IN (30, 31);
UPDATE orders SET n = CASE id WHEN 30 THEN 32 ELSE 30 END WHERE id IN (30, 32);
SELECT damage(), n FROM b WHERE id = 30;
ALTER TABLE b DROP CONSTRAINT unique_n;
CREATE UNIQUE INDEX unique_note ON b (note) NULLS NOT DISTINCT WHERE id > 5000;
INSERT INTO orders VALUES (5001, 'NEW', NULL, 5001);
INSERT INTO orders VALUES (5002, 'NEW', NULL, 5002);
DROP INDEX unique_note;
CREATE EXTENSION btree_gist;
ALTER TABLE b ADD CONSTRAINT one_of_each EXCLUDE USING gist (n WITH =) WHERE (id > 5000);
INSERT INTO orders VALUES (5002, 'NEW', NULL, 5001);
ALTER TABLE b DROP CONSTRAINT one_of_each;
DROP EXTENSION btree_gist;

-- columns of the owner's: kept, computed, never NULL
ALTER TABLE b ADD COLUMN double int GENERATED ALWAYS AS (n * 2) STORED, ADD COLUMN mark text DEFAULT 'old';
CALL work(104);
SELECT damage(), count(*) FILTER (WHERE double = 2 * n) = count(*) AS computed, array_agg(DISTINCT mark) FROM b;
ALTER TABLE b DROP COLUMN double;
CALL work(105);
SELECT damage(), array_agg(DISTINCT mark) FROM b WHERE id NOT IN (10, 20, 1020);
DELETE FROM orders WHERE id IN (10, 20, 1020);
ALTER TABLE b ALTER mark SET NOT NULL, ALTER mark DROP DEFAULT;
UPDATE orders SET status = 'KEPT' WHERE id = 40;
INSERT INTO orders VALUES (2000, 'NEW', 'no mark', 1);
SELECT damage(), status, mark FROM b WHERE id = 40;
ALTER TABLE b DROP COLUMN mark;
ALTER TABLE b ADD CHECK (n < 100000);
UPDATE orders SET n = 100000 WHERE id = 40;
INSERT INTO orders VALUES (2000, 'NEW', 'large', 100000);
UPDATE orders SET n = 99999 WHERE id = 40;
SELECT damage(), n FROM b WHERE id = 40;

-- columns with defaults: rows that are there get them, and those that enter later, under the
-- owner's settings; what a row has it keeps
CREATE FUNCTION inner_word() RETURNS text LANGUAGE sql AS $$ SELECT 'found' $$;
CREATE FUNCTION word() RETURNS text LANGUAGE sql AS $$ SELECT inner_word() $$;
ALTER TABLE b ADD COLUMN gone int DEFAULT 1, ADD COLUMN place text NOT NULL DEFAULT 'shelf ' || (1 + 1), ADD COLUMN serial int GENERATED BY DEFAULT AS IDENTITY,
    ADD COLUMN word text DEFAULT word(), ADD COLUMN nothing text, ADD COLUMN twice int GENERATED ALWAYS AS (n * 2) STORED;
ALTER TABLE b DROP COLUMN gone;
SET search_path = pg_catalog;
INSERT INTO bw.orders SELECT g, 'NEW', repeat('long', 1000), g FROM generate_series(3001, 3003) g;
SET search_path = bw, public;
UPDATE orders SET id = 3004 WHERE id = 3003;
UPDATE orders SET status = 'SET' WHERE id IN (40, 3001);
SELECT id, status, place, serial > 0 AS serial, word, nothing, twice FROM b WHERE id IN (40, 3001, 3002, 3004) ORDER BY id;
SELECT count(*) = count(DISTINCT serial) AS each_its_own, damage() FROM b;
SET andon.maintain_at = commit;
INSERT INTO orders SELECT g, 'NEW', NULL, g FROM generate_series(3101, 3103) g;
RESET andon.maintain_at;
SELECT andon.refresh_board('b'), count(place), count(*) FROM b WHERE id > 3100;
ALTER TABLE b DROP COLUMN place, DROP COLUMN serial, DROP COLUMN word, DROP COLUMN nothing, DROP COLUMN twice;
DELETE FROM orders WHERE id > 3000;

-- row triggers, and keys that refer to it
CREATE TABLE seen (what text, id int);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO bw.seen VALUES (TG_OP, coalesce(NEW.id, OLD.id)); RETURN NULL; END $$;
CREATE TRIGGER see AFTER INSERT OR UPDATE OR DELETE ON b FOR EACH ROW EXECUTE FUNCTION see();
UPDATE orders SET status = 'SEEN' WHERE id IN (41, 42);
DELETE FROM orders WHERE id = 41;
INSERT INTO orders VALUES (41, 'NEW', NULL, 41);
SELECT * FROM seen ORDER BY what, id;
DROP TRIGGER see ON b;
CREATE TABLE noted (id int REFERENCES b ON DELETE CASCADE);
INSERT INTO noted VALUES (41), (42);
UPDATE orders SET status = 'SEEN' WHERE id = 41;
DELETE FROM orders WHERE id = 42;
SELECT * FROM noted;
DROP TABLE noted;

-- a publication that could not say which row
SET client_min_messages = error;
CREATE PUBLICATION p FOR TABLE b;
RESET client_min_messages;
UPDATE orders SET status = 'PUBLISHED' WHERE id = 43;
ALTER TABLE b REPLICA IDENTITY NOTHING;
UPDATE orders SET status = 'NOT' WHERE id = 43;
DELETE FROM orders WHERE id = 43;
DROP PUBLICATION p;
DELETE FROM orders WHERE id = 43;
SELECT damage();

SELECT andon.drop_board('b');
DROP EXTENSION amcheck;
SET client_min_messages = warning;
DROP SCHEMA bw CASCADE;
