--
-- Keys of every kind, and values that are equal but not the same.
-- Guards: composite keys as tuples, not as a cross product; keys of text, numeric,
-- uuid, enum, domain, timestamp; rows without a key; 1.0 and 1.00; static sources.
--
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
CREATE SCHEMA ke;
SET search_path = ke;
CREATE TABLE lines (order_id int, line text, status text, qty int, PRIMARY KEY (order_id, line));
CREATE TABLE orders (id int PRIMARY KEY, name text);
CREATE TABLE rates (currency text PRIMARY KEY, rate numeric);
SELECT andon.create_board('ke.composite', $$
    SELECT l.order_id, l.line, l.status, l.qty, o.name FROM lines l LEFT JOIN orders o ON o.id = l.order_id
    $$, '{order_id,line}', 'status', 'qty DESC');
INSERT INTO orders VALUES (1, 'one'), (2, 'two');
INSERT INTO lines SELECT o, l, 'NEW', o * 10 FROM generate_series(1, 3) o, unnest('{a,b}'::text[]) l;
UPDATE lines SET status = 'CUT' WHERE (order_id, line) IN ((1, 'a'), (2, 'b'));
UPDATE orders SET name = upper(name) WHERE id = 2;
UPDATE lines SET line = 'c' WHERE order_id = 3 AND line = 'b';
SELECT order_id, line, status, name, andon_version, pg_temp.differences('composite') FROM composite ORDER BY 1, 2;
\d composite

-- rows without a key when the board is filled and computed anew, and where the key is of several columns
CREATE TABLE halves (a int, b int, status text);
INSERT INTO halves VALUES (1, 1, 'NEW'), (1, NULL, 'NEW'), (NULL, 1, 'NEW'), (NULL, NULL, 'NEW'), (NULL, NULL, 'NEW');
SELECT andon.create_board('ke.whole_keys', 'SELECT a, b, status FROM halves', '{a,b}', 'status');
SELECT a, b, pg_temp.differences('whole_keys') FROM whole_keys;
UPDATE halves SET status = 'CUT';
UPDATE halves SET b = 2 WHERE a = 1 AND b IS NULL;
UPDATE halves SET a = NULL WHERE b = 1;
SELECT andon.refresh_board('whole_keys'), andon.repair_board('whole_keys');
SELECT a, b, status, pg_temp.differences('whole_keys') FROM whole_keys;
SELECT andon.drop_board('whole_keys');

-- a key column may come from a view of a table that allows NULL: such rows are left out
CREATE TABLE loose (code numeric, status text, at timestamptz);
CREATE UNIQUE INDEX ON loose (code);
SELECT andon.create_board('ke.loose_board', 'SELECT code, status, at::date AS day FROM loose', '{code}', 'status');
SET timezone = 'UTC';
INSERT INTO loose VALUES (1.0, 'NEW', '2030-01-01 23:00+00'), (NULL, 'LOST', now()), (NULL, 'LOST', now());
SET timezone = 'Asia/Tokyo';
UPDATE loose SET code = 1.00 WHERE code = 1;
UPDATE loose SET status = 'CUT' WHERE code = 1;
RESET timezone;
SELECT code, status, day, andon_version, pg_temp.differences('loose_board') FROM loose_board;
UPDATE loose SET code = 2.5 WHERE status = 'LOST' AND ctid = (SELECT min(ctid) FROM loose WHERE status = 'LOST');
UPDATE loose SET code = NULL WHERE code = 1;
SELECT code, status, pg_temp.differences('loose_board') FROM loose_board ORDER BY 1;

CREATE TYPE kind AS ENUM ('a', 'b');
CREATE DOMAIN number AS text CHECK (VALUE ~ '^[A-Z]');
CREATE TABLE many (k1 uuid, k2 kind, k3 number, k4 timestamp, k5 bool, k6 "char", status text, PRIMARY KEY (k1, k2, k3, k4, k5, k6));
SELECT andon.create_board('ke.many_board', 'SELECT * FROM many', '{k1,k2,k3,k4,k5,k6}', 'status');
INSERT INTO many VALUES ('00000000-0000-0000-0000-000000000001', 'b', 'X"1', '2030-01-02 03:04:05.6', true, 'c', 'NEW');
UPDATE many SET status = 'CUT';
UPDATE many SET k2 = 'a';
SELECT k1, k2, k3, k4, k5, k6, status, pg_temp.differences('many_board') FROM many_board m;
SELECT key FROM andon.check_board('many_board');

-- an aggregate as status; a linked value that is text on one side and varchar on the other
CREATE TABLE tags (item varchar(10), tag text);
CREATE TABLE goods (id char(4) PRIMARY KEY, item text);
SELECT andon.create_board('ke.tagged', $$
    SELECT g.id, string_agg(t.tag, ',' ORDER BY t.tag) AS status FROM goods g JOIN tags t ON t.item = g.item GROUP BY g.id
    $$, '{id}', 'status');
INSERT INTO goods VALUES ('a', 'ring'), ('b', 'ring'), ('c', 'chain');
INSERT INTO tags VALUES ('ring', 'gold'), ('ring', 'new');
UPDATE tags SET item = 'chain' WHERE tag = 'new';
DELETE FROM tags WHERE tag = 'gold';
SELECT id, status, andon_version, pg_temp.differences('tagged') FROM tagged ORDER BY id;

-- static: not followed until refresh_board
SELECT andon.create_board('ke.priced', $$
    SELECT l.order_id, l.line, l.status, l.qty * r.rate AS price FROM lines l CROSS JOIN rates r WHERE r.currency = 'EUR'
    $$, '{order_id,line}', 'status', options => '{"static": ["rates"]}');
INSERT INTO rates VALUES ('EUR', 2), ('CHF', 3);
SELECT count(*) FROM priced;
UPDATE lines SET qty = 7 WHERE order_id = 1;
SELECT order_id, line, price FROM priced ORDER BY 1, 2;
SELECT count(*) FROM andon.check_board('priced');
SELECT andon.refresh_board('priced');
SELECT order_id, line, price, pg_temp.differences('priced') FROM priced ORDER BY 1, 2;
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'andon%' AND tgrelid = 'rates'::regclass;

-- a foreign table may be a source if it is static
CREATE EXTENSION file_fdw SCHEMA ke;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE far_rates (currency text, rate int) SERVER files OPTIONS (program 'echo EUR,2', format 'csv');
SELECT andon.create_board('ke.far_priced', $$
    SELECT l.order_id, l.line, l.status, r.rate FROM lines l LEFT JOIN far_rates r ON r.currency = 'EUR' WHERE l.order_id = 1
    $$, '{order_id,line}', 'status', options => '{"static": ["far_rates"]}');
ALTER FOREIGN TABLE far_rates OPTIONS (SET program 'echo EUR,3');
UPDATE lines SET status = 'FAR' WHERE order_id = 1 AND line = 'b';
SELECT line, status, rate FROM far_priced ORDER BY line;
SELECT andon.refresh_board('far_priced');
SELECT line, status, rate, pg_temp.differences('far_priced') FROM far_priced ORDER BY line;
SELECT andon.drop_board('far_priced');

SELECT andon.drop_board(board) FROM andon.boards WHERE board::text IN ('composite', 'loose_board', 'many_board', 'tagged', 'priced');
SET client_min_messages = warning;
DROP SCHEMA ke CASCADE;
