--
-- andon.maintain_at = commit, and what is left to the commit in any mode.
-- Guards: one drain at commit over all that was collected; savepoints before it;
-- deferred triggers that the drain sets off; PREPARE TRANSACTION; exceptions.
--
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
CREATE SCHEMA cm;
SET search_path = cm;
CREATE TABLE customers (id int PRIMARY KEY, name text);
CREATE TABLE orders (id int PRIMARY KEY, status text NOT NULL, customer_id int);
SELECT andon.create_board('cm.b', 'SELECT o.id, o.status, c.name FROM orders o LEFT JOIN customers c ON c.id = o.customer_id', '{id}', 'status');
SET andon.maintain_at = commit;
BEGIN;
INSERT INTO customers VALUES (1, 'Ada');
INSERT INTO orders VALUES (1, 'NEW', 1), (2, 'NEW', 1);
UPDATE orders SET status = 'CUT' WHERE id = 1;
SELECT count(*) FROM b;
COMMIT;
SELECT id, status, name, andon_version, pg_temp.differences('b') FROM b ORDER BY id;
BEGIN;
SAVEPOINT a;
UPDATE orders SET status = 'LOST' WHERE id = 1;
INSERT INTO orders VALUES (3, 'LOST', 1);
ROLLBACK TO a;
SAVEPOINT b;
UPDATE orders SET status = 'KEPT' WHERE id = 2;
SAVEPOINT c;
UPDATE customers SET name = 'Ada L.';
RELEASE b;
COMMIT;
SELECT id, status, name, andon_version, pg_temp.differences('b') FROM b ORDER BY id;
-- drained in a savepoint that is rolled back: pending again
BEGIN;
UPDATE orders SET status = 'TWICE' WHERE id = 1;
SAVEPOINT a;
SET LOCAL andon.maintain_at = statement;
UPDATE orders SET status = 'LOST' WHERE id = 2;
SELECT id, status FROM b ORDER BY id;
ROLLBACK TO a;
SELECT id, status FROM b ORDER BY id;
COMMIT;
SELECT id, status, pg_temp.differences('b') FROM b ORDER BY id;
-- a deferred trigger on the board, set off by the drain at commit, writes a source again
CREATE FUNCTION follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status = 'ECHO' THEN INSERT INTO cm.orders VALUES (NEW.id + 100, 'ECHOED', 1); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER follow AFTER UPDATE ON b FOR EACH ROW EXECUTE FUNCTION follow();
UPDATE orders SET status = 'ECHO' WHERE id = 1;
SELECT id, status, pg_temp.differences('b') FROM b ORDER BY id;
SET andon.maintain_at = statement;
UPDATE orders SET status = 'ECHO' WHERE id = 2;
SELECT id, status, pg_temp.differences('b') FROM b ORDER BY id;
-- an error at commit takes the whole transaction along
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'not on my board'; END $$;
CREATE TRIGGER refuse BEFORE DELETE ON b FOR EACH ROW EXECUTE FUNCTION refuse();
SET andon.maintain_at = commit;
\set SHOW_CONTEXT never
BEGIN;
DELETE FROM orders WHERE id = 1;
COMMIT;
SELECT count(*), pg_temp.differences('b') FROM b;
DROP TRIGGER refuse ON b;
DROP TRIGGER follow ON b;
-- two phases
SET andon.notify = off;
BEGIN;
UPDATE orders SET status = 'PREPARED' WHERE id = 1;
PREPARE TRANSACTION 'cm';
SELECT status FROM b WHERE id = 1;
COMMIT PREPARED 'cm';
SELECT status, pg_temp.differences('b') FROM b WHERE id = 1;
BEGIN;
UPDATE customers SET name = 'both' WHERE id = 1;
SAVEPOINT s;
UPDATE orders SET status = 'LOST' WHERE id = 1;
ROLLBACK TO s;
UPDATE orders SET id = 7 WHERE id = 2;
PREPARE TRANSACTION 'cm';
COMMIT PREPARED 'cm';
SELECT id, status, name, pg_temp.differences('b') FROM b ORDER BY id;
-- deferred triggers of a source, and of another table, that write sources while the transaction is being prepared
CREATE TABLE slips (LIKE orders);
CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE cm.customers SET name = NEW.status WHERE id = NEW.customer_id;
    INSERT INTO cm.orders VALUES (NEW.id + 500, 'AT ' || NEW.status, NEW.customer_id);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late();
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON slips DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION late();
BEGIN;
UPDATE orders SET status = 'PREPARE' WHERE id = 1;
SELECT count(*) FILTER (WHERE id > 500) AS late FROM orders;
PREPARE TRANSACTION 'cm';
COMMIT PREPARED 'cm';
SELECT id, status, name, pg_temp.differences('b') FROM b ORDER BY id;
BEGIN;
INSERT INTO slips VALUES (20, 'SLIP', 1);
PREPARE TRANSACTION 'cm';
COMMIT PREPARED 'cm';
SELECT id, status, name, pg_temp.differences('b') FROM b ORDER BY id;
SET andon.maintain_at = statement;
BEGIN;
UPDATE orders SET status = 'AGAIN' WHERE id = 7;
PREPARE TRANSACTION 'cm';
COMMIT PREPARED 'cm';
SELECT id, status, name, pg_temp.differences('b') FROM b ORDER BY id;
BEGIN;
INSERT INTO slips VALUES (30, 'SLIP AGAIN', 1);
PREPARE TRANSACTION 'cm';
COMMIT PREPARED 'cm';
SELECT id, status, name, pg_temp.differences('b') FROM b ORDER BY id;
DROP TRIGGER late ON orders;
DROP TABLE slips;
DELETE FROM orders WHERE id > 500;
SET andon.maintain_at = commit;
BEGIN;
TRUNCATE orders;
PREPARE TRANSACTION 'cm';
ROLLBACK PREPARED 'cm';
BEGIN;
UPDATE orders SET status = 'DROPPED' WHERE id = 1;
SELECT andon.drop_board('b');
PREPARE TRANSACTION 'cm';
ROLLBACK PREPARED 'cm';
SELECT id, status, pg_temp.differences('b') FROM b ORDER BY id;
RESET andon.notify;
-- cursors in savepoints, in both modes
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM orders ORDER BY id FOR UPDATE;
FETCH c;
SAVEPOINT s;
UPDATE orders SET status = 'LOST' WHERE CURRENT OF c;
ROLLBACK TO s;
FETCH c;
SAVEPOINT t;
UPDATE orders SET id = 70 WHERE CURRENT OF c;
RELEASE t;
SET LOCAL andon.maintain_at = statement;
FETCH c;
SAVEPOINT u;
DELETE FROM orders WHERE CURRENT OF c;
ROLLBACK TO u;
COMMIT;
SELECT id, status, pg_temp.differences('b') FROM b ORDER BY id;
-- DDL between what is collected and the commit
BEGIN;
UPDATE orders SET status = 'OLD NAME' WHERE id = 1;
UPDATE customers SET name = 'renamed';
ALTER TABLE b RENAME TO board;
ALTER TABLE orders RENAME COLUMN customer_id TO kunde;
ALTER TABLE board ADD COLUMN long boolean GENERATED ALWAYS AS (length(status) > 5) STORED;
COMMIT;
SELECT id, status, name, long, pg_temp.differences('board') FROM board ORDER BY id;
ALTER TABLE board DROP COLUMN long;
ALTER TABLE board RENAME TO b;
ALTER TABLE orders RENAME COLUMN kunde TO customer_id;
-- a board that is made and unmade with its savepoint
BEGIN;
SAVEPOINT s;
SELECT andon.create_board('cm.other', 'SELECT id, status FROM orders', '{id}', 'status');
UPDATE orders SET status = 'LOST' WHERE id = 1;
ROLLBACK TO s;
UPDATE orders SET status = 'FIRST' WHERE id = 1;
SELECT andon.create_board('cm.other', 'SELECT id, status FROM orders', '{id}', 'status');
UPDATE orders SET status = 'SECOND' WHERE id = 1;
COMMIT;
SELECT status, pg_temp.differences('b'), pg_temp.differences('other') FROM other WHERE id = 1;
SELECT andon.drop_board('other');
-- a deferred unique constraint: two rows of one key between statements, not at commit
CREATE TABLE pairs (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, status text NOT NULL);
INSERT INTO pairs VALUES (1, 'A'), (2, 'B');
SELECT andon.create_board('cm.pairs_board', 'SELECT id, status FROM cm.pairs', ARRAY['id'], 'status');
SET andon.maintain_at = statement;
BEGIN;
UPDATE pairs SET id = 2 WHERE status = 'A';
ROLLBACK;
SET andon.maintain_at = commit;
BEGIN;
UPDATE pairs SET id = 2 WHERE status = 'A';
UPDATE pairs SET id = 1 WHERE status = 'B';
COMMIT;
SELECT id, status, pg_temp.differences('pairs_board') FROM pairs_board ORDER BY id;
SELECT andon.drop_board('pairs_board');
-- TRUNCATE, and more keys than are kept singly, at commit
BEGIN;
INSERT INTO orders SELECT g, 'BULK', 1 FROM generate_series(1000, 1999) g;
TRUNCATE customers;
COMMIT;
SELECT count(*), count(name), pg_temp.differences('b') FROM b;
-- a board dropped with changes pending
BEGIN;
DELETE FROM orders WHERE id >= 1000;
SELECT andon.drop_board('b');
COMMIT;
RESET andon.maintain_at;
SET client_min_messages = warning;
DROP SCHEMA cm CASCADE;
