--
-- What is announced at commit, byte for byte as contract/payloads promises.
-- Guards: one notification per transaction and board, the last state per key, nothing
-- for what was rolled back, parts below 8000 bytes, resync when it is too much.
--
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
CREATE TABLE public.po (id int PRIMARY KEY, status text);
SELECT andon.create_board('public.mes_orders', 'SELECT id, status FROM po', '{id}', 'status');
LISTEN andon_mes_orders;
-- psql prints notifications with a process number, so they go through a filter
\getenv builddir PG_ABS_BUILDDIR
\set got :builddir /results/payload.got
\set strip '|sed -n -f ' :srcdir '/payload.sed > ' :got
\set golden :srcdir /../../../contract/payloads

\o :strip
INSERT INTO po VALUES (17, 'NEW');
\o
\set payload `cat :got`
\set expected `cat :golden/insert.json`
SELECT :'payload' = :'expected' AS insert_as_promised;
\o :strip
UPDATE po SET status = 'CUT';
\o
\set payload `cat :got`
\set expected `cat :golden/update.json`
SELECT :'payload' = :'expected' AS update_as_promised;
\o :strip
DELETE FROM po;
\o
\set payload `cat :got`
\set expected `cat :golden/delete.json`
SELECT :'payload' = :'expected' AS delete_as_promised;

-- coalesced: first status, last status, last version; entered and left: nothing
\o :strip
BEGIN;
INSERT INTO po VALUES (1, 'A'), (2, 'A'), (3, 'A');
UPDATE po SET status = 'B';
DELETE FROM po WHERE id = 2;
SAVEPOINT s;
UPDATE po SET status = 'LOST';
INSERT INTO po VALUES (9, 'LOST');
ROLLBACK TO s;
SAVEPOINT t;
UPDATE po SET status = 'C' WHERE id = 3;
RELEASE t;
COMMIT;
\o
\! cat results/payload.got
\o :strip
BEGIN;
DELETE FROM po WHERE id = 1;
INSERT INTO po VALUES (1, 'D');
UPDATE po SET id = 4 WHERE id = 3;
COMMIT;
BEGIN;
UPDATE po SET status = 'LOST';
ROLLBACK;
UPDATE po SET status = status;
\o
\! cat results/payload.got

-- a NULL status, and text that needs quoting
\o :strip
UPDATE po SET status = NULL WHERE id = 1;
UPDATE po SET status = E'a"b\\c\nd\u00e9' WHERE id = 1;
\o
\! cat results/payload.got

-- parts
\o :strip
INSERT INTO po SELECT g, 'NEW' FROM generate_series(101, 400) g;
\o
\! cut -c 1-140 results/payload.got
\! awk 'length($0) > 7999' results/payload.got | wc -l
\! grep -o '"id":' results/payload.got | wc -l

-- too many, or one too long: read the board again
\o :strip
INSERT INTO po SELECT g, 'NEW' FROM generate_series(1001, 2001) g;
\o
\set payload `cat :got`
\set expected `cat :golden/resync.json`
SELECT :'payload' = :'expected' AS resync_as_promised;
\o :strip
UPDATE po SET status = repeat('x', 9000) WHERE id = 1;
BEGIN;
SAVEPOINT s;
UPDATE po SET status = 'LOST' WHERE id > 1000;
ROLLBACK TO s;
UPDATE po SET status = 'KEPT' WHERE id = 4;
COMMIT;
\o
\! cat results/payload.got

-- off; a channel of one's own; the filling of a new board is not announced
SET andon.notify = off;
\o :strip
UPDATE po SET status = 'SILENT' WHERE id = 1;
\o
RESET andon.notify;
\! cat results/payload.got
LISTEN mine;
\o :strip
SELECT andon.create_board('public.other', 'SELECT id, status FROM po WHERE id < 10', '{id}', 'status', options => '{"channel": "mine"}');
UPDATE po SET status = 'BOTH' WHERE id = 1;
\o
\! sort results/payload.got
-- a transaction that has to announce cannot be prepared
BEGIN;
UPDATE po SET status = 'P' WHERE id = 1;
PREPARE TRANSACTION 'p';
SELECT andon.drop_board('other'), andon.drop_board('mes_orders');
DROP TABLE po;
