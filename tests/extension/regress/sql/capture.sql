--
-- Every kind of statement that changes a source is followed.
-- Guards: INSERT, UPDATE, DELETE, COPY, MERGE, ON CONFLICT, TRUNCATE, FK cascades,
-- writable CTEs, rows moved between keys, changed keys, BEFORE and AFTER triggers
-- that write again, exceptions, procedures that commit, cursors.
--
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
CREATE SCHEMA ca;
SET search_path = ca;
CREATE TABLE customers (id int PRIMARY KEY, name text);
CREATE TABLE orders (
    id int PRIMARY KEY, status text NOT NULL, note text,
    customer_id int REFERENCES customers ON UPDATE CASCADE ON DELETE SET NULL);
CREATE TABLE items (
    id int PRIMARY KEY, price int,
    order_id int REFERENCES orders ON UPDATE CASCADE ON DELETE CASCADE);
CREATE INDEX ON orders (customer_id);
CREATE INDEX ON items (order_id);
SELECT andon.create_board('ca.b', $$
    SELECT o.id, o.status, c.name, count(i.id) AS n, sum(i.price) AS total
    FROM orders o LEFT JOIN customers c ON c.id = o.customer_id LEFT JOIN items i ON i.order_id = o.id
    WHERE o.status <> 'CLOSED' GROUP BY o.id, c.id $$, '{id}', 'status');
CREATE VIEW shown AS SELECT id, status, name, n, total, andon_version AS v, pg_temp.differences('ca.b') AS diff FROM b ORDER BY id;

INSERT INTO customers VALUES (1, 'Ada'), (2, 'Bo');
INSERT INTO orders VALUES (1, 'NEW', '', 1), (2, 'NEW', '', 2), (3, 'CLOSED', '', 1);
INSERT INTO items VALUES (1, 10, 1), (2, 20, 1), (3, 30, 2);
TABLE shown;

-- a column the definition does not use: the row is not touched
UPDATE orders SET note = 'x';
-- an update that changes nothing
UPDATE orders SET status = status;
TABLE shown;

UPDATE orders SET status = 'CUT' WHERE id = 1;
UPDATE customers SET name = name || '!';
UPDATE items SET order_id = 3 - order_id;
TABLE shown;
DELETE FROM items WHERE id = 1;
UPDATE orders SET status = 'NEW' WHERE id = 3;
UPDATE orders SET status = 'CLOSED' WHERE id = 2;
TABLE shown;
DELETE FROM orders WHERE id = 2;
TABLE shown;

-- cascades of every kind
UPDATE orders SET id = 11 WHERE id = 1;
UPDATE customers SET id = 21 WHERE id = 1;
TABLE shown;
DELETE FROM customers WHERE id = 21;
TABLE shown;
DELETE FROM orders WHERE id = 11;
TABLE shown;
SELECT count(*) FROM items;

-- COPY, ON CONFLICT, MERGE, writable CTEs
COPY customers FROM stdin;
1	Cy
\.
COPY orders FROM stdin;
1	NEW		1
2	NEW		2
\.
INSERT INTO orders VALUES (1, 'CUT'), (4, 'NEW') ON CONFLICT (id) DO UPDATE SET status = excluded.status;
INSERT INTO orders VALUES (1, 'LOST') ON CONFLICT DO NOTHING;
TABLE shown;
MERGE INTO items i USING (VALUES (1, 5), (2, 6), (3, 7)) v (id, price) ON i.id = v.id
    WHEN MATCHED THEN UPDATE SET price = v.price WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.price, 1);
MERGE INTO orders o USING (VALUES (1), (2), (5)) v (id) ON o.id = v.id
    WHEN MATCHED AND o.id = 2 THEN DELETE
    WHEN MATCHED THEN UPDATE SET status = 'MERGED' WHEN NOT MATCHED THEN INSERT VALUES (v.id, 'NEW', '', 2);
TABLE shown;
WITH x AS (UPDATE customers SET name = 'Di' WHERE id = 1 RETURNING id),
     y AS (INSERT INTO items SELECT 100 + id, id, id FROM orders WHERE id IN (1, 5)),
     z AS (DELETE FROM orders WHERE id = 4)
UPDATE orders SET status = 'CTE', customer_id = 1 WHERE id = 3;
TABLE shown;

-- TRUNCATE
TRUNCATE items;
TABLE shown;
INSERT INTO items VALUES (1, 1, 1);
TRUNCATE orders CASCADE;
SELECT count(*), pg_temp.differences('b') FROM b;

-- savepoints and exceptions
INSERT INTO orders VALUES (1, 'NEW', '', 1), (2, 'NEW', '', 2);
BEGIN;
UPDATE orders SET status = 'A' WHERE id = 1;
SAVEPOINT s;
UPDATE orders SET status = 'B';
SAVEPOINT t;
INSERT INTO orders VALUES (3, 'C');
RELEASE t;
SELECT id, status FROM b ORDER BY id;
ROLLBACK TO s;
SELECT id, status FROM b ORDER BY id;
INSERT INTO items VALUES (1, 9, 2);
ROLLBACK TO s;
COMMIT;
TABLE shown;
DO $$
BEGIN
    FOR i IN 1..3 LOOP
        BEGIN
            INSERT INTO orders VALUES (10 + i, 'DO');
            UPDATE orders SET status = 'DO' WHERE id = 2;
            PERFORM 1 / (i - 2);
        EXCEPTION WHEN division_by_zero THEN
            INSERT INTO orders VALUES (20 + i, 'CAUGHT');
        END;
    END LOOP;
END $$;
TABLE shown;

-- a procedure that commits and rolls back
CREATE PROCEDURE p() LANGUAGE plpgsql AS $$
BEGIN
    UPDATE ca.orders SET status = 'P1' WHERE id = 1; COMMIT;
    UPDATE ca.orders SET status = 'P2' WHERE id = 1; ROLLBACK;
    UPDATE ca.orders SET status = 'P3' WHERE id = 2;
END $$;
CALL p();
TABLE shown;

-- WHERE CURRENT OF
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM orders WHERE id = 1 FOR UPDATE;
FETCH c;
UPDATE orders SET status = 'CURSOR' WHERE CURRENT OF c;
COMMIT;
TABLE shown;

-- triggers: one changes the row on its way in, one writes the same row again and another source
CREATE FUNCTION before() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.status := lower(NEW.status); RETURN NEW; END $$;
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status = 'again' THEN
        UPDATE ca.orders SET status = 'once more', id = id + 500 WHERE id = NEW.id;
        INSERT INTO ca.items VALUES (NEW.id, 77, NEW.id + 500);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER a_before BEFORE INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION before();
CREATE TRIGGER a_again AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION again();
CREATE TRIGGER z_again AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION again();
UPDATE orders SET status = 'AGAIN' WHERE id = 1;
INSERT INTO orders VALUES (30, 'AGAIN');
TABLE shown;

-- deferred constraint triggers that write at commit
CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN UPDATE ca.orders SET status = 'late' WHERE id = 2; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON items DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION late();
INSERT INTO items VALUES (900, 1, 2);
SELECT id, status, n, diff FROM shown WHERE id = 2;

-- many rows in one statement: past the bound of single locks, and past the bound of single keys
INSERT INTO orders SELECT g, 'BULK', '', 1 FROM generate_series(1000, 2999) g;
UPDATE orders SET id = -id WHERE id >= 1000 AND id % 2 = 1;
SELECT count(*), pg_temp.differences('b') FROM b;
UPDATE customers SET name = 'Ed' WHERE id = 1;
SELECT name, count(*), pg_temp.differences('b') FROM b WHERE status = 'bulk' GROUP BY name;
INSERT INTO orders SELECT g, 'BULK', '', 1 FROM generate_series(10000, 110999) g;
SELECT count(*), pg_temp.differences('b') FROM b;
DELETE FROM orders WHERE abs(id) >= 1000;
SELECT count(*), pg_temp.differences('b') FROM b;

DROP VIEW shown;
SELECT andon.drop_board('b');
SET client_min_messages = warning;
DROP SCHEMA ca CASCADE;
