--
-- Every way to change rows of a source, on plain tables: what capture.sql begins, in depth.
-- Guards: MERGE and ON CONFLICT over several keys, writable CTEs that touch several sources
-- at once, rows that move between keys in one statement, changed keys, cascades of every
-- action on delete and on update, triggers that change or repeat a change, constraints
-- and triggers that wait for the commit, cursors, prepared statements across DDL,
-- parallel plans.
--
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
CREATE SCHEMA cc;
SET search_path = cc;
CREATE TABLE customers (id int PRIMARY KEY, name text);
CREATE TABLE orders (id int PRIMARY KEY, status text DEFAULT 'NEW', customer_id int DEFAULT 1);
CREATE TABLE items (id int PRIMARY KEY, order_id int, price int);
SELECT andon.create_board('cc.b', $$
    SELECT o.id, o.status, c.name, count(i.id) AS n, sum(i.price) AS total
    FROM orders o LEFT JOIN customers c ON c.id = o.customer_id LEFT JOIN items i ON i.order_id = o.id
    WHERE o.status <> 'GONE' GROUP BY o.id, c.id $$, '{id}', 'status');
CREATE VIEW shown AS SELECT id, status, name, n, total, pg_temp.differences('b') AS diff FROM b ORDER BY id;
INSERT INTO customers VALUES (1, 'Ada'), (2, 'Bo'), (3, 'Cy');
INSERT INTO orders VALUES (1, 'NEW', 1), (2, 'NEW', 2), (3, 'NEW', 3);
INSERT INTO items VALUES (1, 1, 10), (2, 1, 20), (3, 2, 30), (4, 3, 40);

-- rows that move between keys, in a ring and all at once
UPDATE items SET order_id = order_id % 3 + 1;
TABLE shown;
UPDATE items SET order_id = CASE id WHEN 1 THEN NULL WHEN 2 THEN 99 ELSE 1 END;
TABLE shown;
-- keys that change places, over a key that is free
UPDATE orders SET id = -id;
UPDATE orders SET id = CASE id WHEN -1 THEN 3 WHEN -3 THEN 1 ELSE 2 END;
TABLE shown;
-- customers that change places: links, not keys
UPDATE customers SET id = -id;
UPDATE customers SET id = id + 4;
TABLE shown;

-- MERGE that inserts, updates, deletes and leaves alone, over two keys of each kind
MERGE INTO items t USING (VALUES (2, 1, 1), (3, 2, 2), (4, 2, -1), (5, 3, 5), (6, 3, 6)) s (id, order_id, price) ON t.id = s.id
    WHEN MATCHED AND s.price < 0 THEN DELETE
    WHEN MATCHED AND s.id = 3 THEN DO NOTHING
    WHEN MATCHED THEN UPDATE SET order_id = s.order_id, price = s.price
    WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.order_id, s.price);
TABLE shown;
-- ON CONFLICT that moves the row to another key, and one that does nothing for some
INSERT INTO items VALUES (2, 3, 7), (7, 1, 7) ON CONFLICT (id) DO UPDATE SET order_id = excluded.order_id, price = excluded.price;
INSERT INTO items VALUES (2, 1, 1000), (8, 1, 8) ON CONFLICT DO NOTHING;
INSERT INTO orders VALUES (3, 'NEW', 2), (4, 'NEW', 1) ON CONFLICT (id) DO UPDATE SET status = 'AGAIN' WHERE orders.status = 'never';
TABLE shown;

-- writable CTEs: several sources, one of them twice, one statement trigger each
WITH gone AS (DELETE FROM items WHERE price > 7 RETURNING order_id),
     renamed AS (UPDATE customers SET name = name || '+' RETURNING id),
     made AS (INSERT INTO orders SELECT 10 + id, 'CTE', id FROM renamed RETURNING id),
     filled AS (INSERT INTO items SELECT 100 + id, id, id FROM made RETURNING id),
     closed AS (UPDATE orders SET status = 'GONE' WHERE id = 2 RETURNING id)
INSERT INTO items SELECT 200 + id, 1, 1 FROM closed;
TABLE shown;
-- COPY into several keys, and one that fails at its last row
COPY items FROM stdin;
301	1	1
302	11	2
303	12	3
\.
\set VERBOSITY terse
COPY items FROM stdin;
401	1	1
301	1	1
\.
\set VERBOSITY default
TABLE shown;
DELETE FROM orders WHERE id > 10;
DELETE FROM items WHERE id > 100;

-- cascades: what a foreign key does to the other table is followed
CREATE FUNCTION cascade_with(action text) RETURNS TABLE (step text, id int, status text, name text, n bigint, total bigint, diff bigint)
LANGUAGE plpgsql AS $$
BEGIN
    ALTER TABLE cc.orders DROP CONSTRAINT IF EXISTS o, ADD CONSTRAINT o FOREIGN KEY (customer_id) REFERENCES cc.customers;
    EXECUTE format('ALTER TABLE cc.orders DROP CONSTRAINT o, ADD CONSTRAINT o FOREIGN KEY (customer_id) REFERENCES cc.customers
                    ON UPDATE %1$s ON DELETE %1$s', action);
    BEGIN
        UPDATE cc.customers c SET id = 30 WHERE c.id = 3;
        RETURN QUERY SELECT 'update', s.* FROM cc.shown s;
    EXCEPTION WHEN foreign_key_violation OR restrict_violation THEN
        RETURN QUERY SELECT 'update refused', s.* FROM cc.shown s WHERE s.diff <> 0;
    END;
    BEGIN
        DELETE FROM cc.customers c WHERE c.id IN (2, 30);
        RETURN QUERY SELECT 'delete', s.* FROM cc.shown s;
    EXCEPTION WHEN foreign_key_violation OR restrict_violation THEN
        RETURN QUERY SELECT 'delete refused', s.* FROM cc.shown s WHERE s.diff <> 0;
    END;
END $$;
DELETE FROM items WHERE order_id IS NULL OR order_id = 99;
BEGIN; SELECT * FROM cascade_with('CASCADE'); ROLLBACK;
BEGIN; SELECT * FROM cascade_with('SET NULL'); ROLLBACK;
BEGIN; SELECT * FROM cascade_with('SET DEFAULT'); ROLLBACK;
BEGIN; SELECT * FROM cascade_with('RESTRICT'); TABLE shown; ROLLBACK;
BEGIN; SELECT * FROM cascade_with('NO ACTION'); TABLE shown; ROLLBACK;
-- two levels, and the same table
BEGIN;
ALTER TABLE items ADD FOREIGN KEY (order_id) REFERENCES orders ON DELETE CASCADE ON UPDATE CASCADE;
SELECT step, id, n, total, diff FROM cascade_with('CASCADE');
UPDATE orders SET id = 100 WHERE id = 1;
TABLE shown;
TRUNCATE customers CASCADE;
TABLE shown;
ROLLBACK;
TABLE shown;

-- a table that refers to itself, on a board that joins it to itself, and to a partitioned one
CREATE TABLE lots (part int, no int, name text, PRIMARY KEY (part, no)) PARTITION BY LIST (part);
CREATE TABLE lots_1 PARTITION OF lots FOR VALUES IN (1);
CREATE TABLE lots_rest PARTITION OF lots DEFAULT;
CREATE TABLE tasks (id int PRIMARY KEY, parent int REFERENCES tasks ON DELETE CASCADE ON UPDATE CASCADE, status text, part int, no int,
    FOREIGN KEY (part, no) REFERENCES lots ON DELETE SET NULL (no) ON UPDATE CASCADE);
SELECT andon.create_board('cc.tree', $$
    SELECT t.id, t.status, p.status AS above, g.id AS root, l.name AS lot, t.part, (SELECT count(*) FROM tasks c WHERE c.parent = t.id) AS below
    FROM tasks t LEFT JOIN tasks p ON p.id = t.parent LEFT JOIN tasks g ON g.id = p.parent
    LEFT JOIN lots l ON l.part = t.part AND l.no = t.no $$, '{id}', 'status');
CREATE VIEW shown_tree AS SELECT *, pg_temp.differences('tree') AS diff FROM
    (SELECT id, status, above, root, lot, part, below FROM tree ORDER BY id) t;
CREATE FUNCTION cut_tree() RETURNS TABLE (step text, task shown_tree) LANGUAGE plpgsql AS $$
BEGIN
    FOREACH step IN ARRAY ARRAY['UPDATE cc.tasks SET id = id + 100, status = lower(status) WHERE parent IS NULL',
        'UPDATE cc.lots SET part = part + 2', 'DELETE FROM cc.lots WHERE part = 3', 'UPDATE cc.tasks SET parent = 104 WHERE id = 2',
        'UPDATE cc.tasks SET id = id + 1000 WHERE id IN (104, 3)', 'DELETE FROM cc.tasks WHERE id = 1104'] LOOP
        EXECUTE step;
        RETURN QUERY SELECT step, t FROM cc.shown_tree t WHERE current_setting('andon.maintain_at') = 'statement';
    END LOOP;
END $$;
CREATE PROCEDURE plant() LANGUAGE sql AS $$
    TRUNCATE cc.lots, cc.tasks;
    INSERT INTO cc.lots VALUES (1, 1, 'one'), (2, 1, 'two');
    INSERT INTO cc.tasks VALUES (1, NULL, 'ROOT', 1, 1), (2, 1, 'BRANCH', 2, 1), (3, 2, 'LEAF', 1, 1), (4, NULL, 'OTHER', NULL, NULL), (5, 1, 'ALONE', 2, 1);
$$;
CALL plant();
SELECT * FROM cut_tree();
CALL plant();
SET andon.maintain_at = commit;
SELECT * FROM cut_tree();
RESET andon.maintain_at;
TABLE shown_tree;
DROP FUNCTION cut_tree;
DROP VIEW shown_tree;
SELECT andon.drop_board('tree');

-- constraints that wait: what is checked at commit fails there, and takes the board along
ALTER TABLE orders ADD CONSTRAINT o FOREIGN KEY (customer_id) REFERENCES customers DEFERRABLE INITIALLY DEFERRED;
BEGIN;
INSERT INTO orders VALUES (5, 'EARLY', 5);
INSERT INTO customers VALUES (5, 'late');
COMMIT;
BEGIN;
INSERT INTO orders VALUES (6, 'LOST', 6);
SELECT id, name FROM b WHERE id = 6;
COMMIT;
TABLE shown;
-- a unique key that waits: it is double for a while
CREATE TABLE late (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, status text);
INSERT INTO late VALUES (1, 'one'), (2, 'two');
SELECT andon.create_board('cc.late_board', 'SELECT id, status FROM late', '{id}', 'status');
BEGIN;
UPDATE late SET id = 2 WHERE id = 1;
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
SET andon.maintain_at = commit;
BEGIN;
UPDATE late SET id = 2 WHERE status = 'one';
UPDATE late SET id = 1 WHERE status = 'two';
COMMIT;
RESET andon.maintain_at;
UPDATE late SET id = 3 - id;
SELECT id, status, pg_temp.differences('late_board') FROM late_board ORDER BY id;
SELECT andon.drop_board('late_board');
-- a deferred trigger that writes sources at commit, which queues another
CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.price > 0 THEN
        UPDATE cc.customers SET name = name || '*' WHERE id = 1;
        INSERT INTO cc.items VALUES (NEW.id + 1, NEW.order_id, NEW.price - 1);
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON items DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.id >= 500) EXECUTE FUNCTION at_commit();
INSERT INTO items VALUES (500, 1, 2);
TABLE shown;
SET andon.maintain_at = commit;
INSERT INTO items VALUES (600, 3, 2);
RESET andon.maintain_at;
TABLE shown;
BEGIN;
INSERT INTO items VALUES (700, 1, 1);
SET CONSTRAINTS ALL IMMEDIATE;
SELECT name, n, diff FROM shown WHERE id = 1;
ROLLBACK;
DROP TRIGGER at_commit ON items;

-- triggers of the table: one turns an update into a delete and an insert, one skips, one rewrites the key
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status = 'SKIP' THEN RETURN NULL; END IF;
    IF NEW.status = 'MOVE' THEN NEW.id := NEW.id + 1000; END IF;
    IF NEW.status = 'LINK' THEN NEW.customer_id := 2; END IF;
    IF NEW.status = 'OTHER' THEN UPDATE cc.orders SET status = 'SIDE' WHERE id <> NEW.id; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER meddle BEFORE INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION meddle();
UPDATE orders SET status = 'SKIP' WHERE id = 1;
UPDATE orders SET status = 'MOVE' WHERE id = 1;
UPDATE orders SET status = 'LINK' WHERE id = 3;
INSERT INTO orders VALUES (8, 'SKIP'), (9, 'MOVE'), (7, 'LINK');
TABLE shown;
UPDATE orders SET status = 'OTHER' WHERE id = 3;
TABLE shown;
DROP TRIGGER meddle ON orders;
-- views one writes through, rules, and a function that returns a set
CREATE VIEW doorway AS SELECT id, status FROM orders WHERE status <> 'HIDDEN';
INSERT INTO doorway VALUES (20, 'VIEW');
UPDATE doorway SET status = 'HIDDEN' WHERE id = 20;
CREATE RULE swap AS ON DELETE TO doorway DO INSTEAD UPDATE orders SET status = 'RULE' WHERE id = OLD.id;
DELETE FROM doorway WHERE id = 3;
CREATE FUNCTION take() RETURNS SETOF int LANGUAGE sql AS $$ UPDATE cc.orders SET status = 'TAKEN' WHERE id = 20 RETURNING id $$;
SELECT take(), (SELECT status FROM b WHERE id = 20) AS before_the_end;
TABLE shown;

-- cursors: one that sees the board as it was, one that moves with its updates
BEGIN;
DECLARE old CURSOR FOR SELECT id, status FROM b ORDER BY id;
DECLARE c CURSOR FOR SELECT id FROM orders ORDER BY id FOR UPDATE;
FETCH c;
UPDATE orders SET status = 'FIRST' WHERE CURRENT OF c;
FETCH c;
DELETE FROM orders WHERE CURRENT OF c;
FETCH 2 FROM old;
COMMIT;
TABLE shown;

-- prepared statements, across DDL of the source, the board and the definition
PREPARE change (int, text) AS UPDATE orders SET status = $2 WHERE id = $1;
PREPARE look AS SELECT id, status, name FROM b ORDER BY id;
EXECUTE change (1001, 'P1');
ALTER TABLE orders ADD COLUMN extra int DEFAULT 1;
EXECUTE change (1001, 'P2');
EXECUTE look;
ALTER TABLE orders RENAME COLUMN customer_id TO kunde;
EXECUTE change (1001, 'P3');
CREATE INDEX ON items (order_id);
EXECUTE change (1001, 'P4');
SELECT andon.create_board('cc.other', 'SELECT id, status FROM orders', '{id}', 'status');
EXECUTE change (1001, 'P5');
SELECT id, status, pg_temp.differences('other') FROM other WHERE id = 1001;
SELECT andon.drop_board('other');
EXECUTE change (1001, 'P6');
EXECUTE look;
TABLE shown;

-- parallel plans: in the definition's query when the whole board is computed, and in a writer's
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SELECT set_config(name, 'on', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
ALTER TABLE orders SET (parallel_workers = 2);
ALTER TABLE items SET (parallel_workers = 2);
SELECT andon.refresh_board('b');
UPDATE orders SET status = 'PAR' WHERE id IN (SELECT order_id FROM items WHERE price > 0);
INSERT INTO items SELECT 5000 + o.id, o.id, o.id FROM orders o WHERE o.id > 0;
UPDATE customers SET name = 'par ' || name;
TRUNCATE items;
CREATE TABLE copy_of AS SELECT * FROM b;
SELECT count(*) FROM andon.check_board('b');
SELECT set_config(name, 'off', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
TABLE shown;

DROP VIEW shown, doorway;
DROP FUNCTION cascade_with;
SELECT andon.drop_board('b');
SET client_min_messages = warning;
DROP SCHEMA cc CASCADE;
