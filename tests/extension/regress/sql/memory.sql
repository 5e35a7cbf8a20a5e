--
-- A backend's memory does not grow with the transactions it has run, nor with those of
-- one procedure that is still running.
--
SET synchronous_commit = off;
CREATE TABLE customers (id int PRIMARY KEY, name text);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, status text NOT NULL);
CREATE TABLE items (id int PRIMARY KEY, order_id int, price numeric);
INSERT INTO customers SELECT g, 'c' || g FROM generate_series(1, 50) g;
INSERT INTO orders SELECT g, 1 + g % 50, 'NEW' FROM generate_series(1, 200) g;
INSERT INTO items SELECT g, 1 + g % 200, g FROM generate_series(1, 400) g;
CREATE INDEX ON orders (customer_id);
CREATE INDEX ON items (order_id);
ANALYZE;
SELECT andon.create_board('public.b', $$
	SELECT o.id, o.status, c.name AS customer, count(*) AS items, sum(i.price) AS total
	FROM orders o JOIN customers c ON c.id = o.customer_id JOIN items i ON i.order_id = o.id
	WHERE o.status <> 'CLOSED' GROUP BY o.id, c.name $$, ARRAY['id'], 'status');

CREATE TABLE used (bytes numeric);
-- changes, links, rows that enter and leave, savepoints rolled back
CREATE PROCEDURE work(transactions int) LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. transactions LOOP
		CASE i % 4
			WHEN 0 THEN
				UPDATE orders SET status = CASE status WHEN 'CLOSED' THEN 'NEW' ELSE 'CLOSED' END
				WHERE id = 1 + i % 200;
			WHEN 1 THEN
				UPDATE customers SET name = 'c' || i WHERE id = 1 + i % 50;
			WHEN 2 THEN
				UPDATE items SET price = i WHERE id = 1 + i % 400;
			ELSE
				BEGIN
					UPDATE orders SET status = 'S' || i % 6 WHERE id = 1 + i % 200;
					IF i % 8 = 3 THEN
						RAISE 'rolled back';
					END IF;
				EXCEPTION WHEN raise_exception THEN
					NULL;
				END;
		END CASE;
		COMMIT;
		IF i IN (1000, transactions) THEN
			INSERT INTO used SELECT sum(used_bytes) FROM pg_backend_memory_contexts;
		END IF;
	END LOOP;
END $$;
CALL work(1000);
SELECT sum(used_bytes) AS before FROM pg_backend_memory_contexts \gset
CALL work(6000);
-- less than 20 bytes for a transaction
SELECT sum(used_bytes) - :before < 120000 AS stays FROM pg_backend_memory_contexts;
SELECT max(bytes) - min(bytes) < 120000 AS stays_within FROM used;
SELECT count(*) AS wrong FROM andon.check_board('b');
SELECT andon.drop_board('b');
DROP PROCEDURE work;
DROP TABLE customers, orders, items, used;
