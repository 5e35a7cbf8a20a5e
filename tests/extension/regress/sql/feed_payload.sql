-- What a tick announces, byte for byte as contract/payloads promises but for positions
-- in the WAL. Guards: the last state per key and tick, parts below 8000 bytes, resync when
-- it is too much and when the board is new; nothing of what was rolled back.
SET andon.notify = 'off';
CREATE FUNCTION tick(epoch bigint) RETURNS text LANGUAGE c AS 'andon', 'andon_tick_by_hand';
DELETE FROM andon.tick;
CREATE TABLE orders (id int PRIMARY KEY, status text);
SELECT andon.create_board('public.mes_orders', 'SELECT id, status FROM orders', '{id}', 'status');
SELECT tick(3);
UPDATE andon.tick SET tick = 479;
LISTEN andon_mes_orders;
\getenv srcdir PG_ABS_SRCDIR
\getenv builddir PG_ABS_BUILDDIR
\set got :builddir /results/feed_payload.got
\set strip '|sed -f ' :srcdir '/feed_payload.sed > ' :got
\set golden :srcdir /../../../contract/payloads

INSERT INTO orders VALUES (17, 'ENTERED');
UPDATE orders SET status = 'PAID';
UPDATE orders SET status = 'NEW';
\o :strip
SELECT tick(3);
UPDATE orders SET status = 'CUT';
SELECT tick(3);
\o
\set payload `sed -n 2p :got`
\set expected `cat :golden/tick_update.json`
SELECT :'payload' = :'expected' AS update_as_promised;

-- a change too many for one tick
DELETE FROM orders;
INSERT INTO orders SELECT i, 'NEW' FROM generate_series(1, 1001) i;
DELETE FROM andon.tick WHERE tick < 481;
UPDATE andon.tick SET tick = 480;
\o :strip
SELECT tick(3);
\o
\set payload `cat :got`
\set expected `cat :golden/tick_resync.json`
SELECT :'payload' = :'expected' AS resync_as_promised;

-- as many as are told, in parts: each key in one of them
SELECT tick(3);
UPDATE orders SET status = 'S' || id WHERE id < 1001;
\o :strip
SELECT tick(3);
\o
\setenv GOT :got
CREATE TEMP TABLE line AS SELECT '' AS line LIMIT 0;
\copy line FROM PROGRAM 'cat "$GOT"' WITH (FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02')
SELECT count(*) BETWEEN 2 AND 20 AS few, max(octet_length(line)) < 8000 AS short,
       bool_and((line::jsonb->>'of')::int = (SELECT count(*) FROM line)) AS counted,
       count(DISTINCT line::jsonb->>'part') = count(*) AS numbered,
       count(DISTINCT line::jsonb->>'pos') AS positions,
       min((line::jsonb->>'part')::int) AS first
FROM line;
SELECT count(*), count(DISTINCT c->'key'), min(c->>'op') AS op,
       bool_and(c->>'to' = 'S' || (c->'key'->>'id') AND c->>'from' = 'NEW' AND c->>'version' = CASE c->>'key' WHEN '{"id": 17}' THEN '7' ELSE '2' END) AS right
FROM line, jsonb_array_elements(line::jsonb->'changes') c;
-- in the order of changes()
SELECT bool_and(t.key = c.key) AS same_order
FROM (SELECT row_number() OVER (ORDER BY (line::jsonb->>'part')::int, o) AS n, c->'key' AS key
      FROM line, jsonb_array_elements(line::jsonb->'changes') WITH ORDINALITY x (c, o)) t
JOIN (SELECT split_part(pos, '-', 3)::int AS n, key FROM andon.changes('mes_orders', '3-481', 2000)) c USING (n);

-- nothing is told of what was rolled back, nor of what entered and left; a board that is new is told
BEGIN;
UPDATE orders SET status = 'X' WHERE id = 1;
ROLLBACK;
SELECT tick(3);
INSERT INTO orders VALUES (2000, 'NEW');
DELETE FROM orders WHERE id = 2000;
SELECT tick(3);
SELECT andon.create_board('public.other', 'SELECT id, status FROM orders', '{id}', 'status');
SELECT tick(3);
-- and so is one whose log has not always been what it is
SELECT andon.alter_board('other', '{"log": "transitions"}');
SELECT tick(3);

-- keys of several columns, with all that JSON must escape
CREATE TABLE parts (a text, b int, status text, PRIMARY KEY (a, b));
SELECT andon.create_board('public.parts_board', 'SELECT a, b, status FROM parts', '{a,b}', 'status');
SELECT tick(3);
LISTEN andon_parts_board;
INSERT INTO parts VALUES (E'a "b" \\ : , c', 1, E'x "y" \\ z');
\o :strip
SELECT tick(3);
\o
\set payload `cat :got`
SELECT :'payload'::jsonb -> 'changes' AS changes, :'payload' LIKE '%"key":{"a":"a \\"b\\" \\\\ : , c","b":1},"op"%' AS compact;
-- a change that fits nowhere
INSERT INTO parts VALUES (repeat('x', 2000), 1, repeat('y', 8000));
\o :strip
SELECT tick(3);
\o
\set payload `cat :got`
SELECT :'payload'::jsonb -> 'resync' AS resync;
SELECT octet_length(to_status) FROM andon.changes('parts_board', split_part(andon.feed_position(), '-', 1) || '-' ||
    (split_part(andon.feed_position(), '-', 2)::int - 1), 10);

UNLISTEN *;
SELECT andon.drop_board(board) FROM andon.boards;
DROP TABLE orders, parts;
DROP FUNCTION tick;
