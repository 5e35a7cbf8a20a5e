--
-- What is announced about alerts, as contract/payloads promises.
-- Guards: one notification per board and round, in the form of the golden files but for
-- the position and the time of the round; parts below 8000 bytes; when they are too many,
-- or one is too long, a request to read andon.alert; nothing with andon.notify = off.
--
-- who cares for the log beside us is none of this test's business
SET client_min_messages = warning;
CREATE TABLE public.ap (id text PRIMARY KEY, status text);
CREATE TABLE public.ap_orders (id int PRIMARY KEY, status text);
SELECT andon.create_board('public.mes_orders', 'SELECT id, status FROM ap_orders', '{id}', 'status');
SELECT andon.create_board('public.ap_board', 'SELECT id, status FROM ap', '{id}', 'status');
SELECT andon.set_sla('mes_orders', 'CUT', '4 hours');
SELECT andon.set_sla('ap_board', 'NEW', '1 microsecond', 'say "now"');
LISTEN andon_alert;
-- psql prints notifications with a process number, so they go through a filter
\getenv srcdir PG_ABS_SRCDIR
\getenv builddir PG_ABS_BUILDDIR
\set got :builddir /results/alerts_payload.got
\set strip '|sed -n -f ' :srcdir '/alert_payload.sed > ' :got
\set golden :srcdir /../../../contract/payloads
INSERT INTO ap_orders VALUES (17, 'CUT');
-- in the past: the guard stands aside for replication
SET session_replication_role = replica;
UPDATE mes_orders SET andon_since = '2026-01-02 03:04:05.678901+00';
RESET session_replication_role;

\o :strip
SET timezone = 'Asia/Kolkata';
SELECT andon.maintain();
\o
\set payload `cat :got`
\set expected `cat :golden/alert_opened.json`
SELECT :'payload' = :'expected' AS opened_as_promised;
-- nothing new, nothing to tell
\o :strip
SELECT andon.maintain();
\o
\! cat results/alerts_payload.got
UPDATE ap_orders SET status = 'DONE';
\o :strip
SELECT andon.maintain();
\o
\set payload `cat :got`
\set expected `cat :golden/alert_closed.json`
SELECT :'payload' = :'expected' AS closed_as_promised;
RESET timezone;

-- another deadline of the same alerts
INSERT INTO ap VALUES ('a', 'NEW');
\o :strip
SELECT andon.maintain();
SELECT andon.set_sla('ap_board', 'NEW', '10 microseconds', 'info');
SELECT andon.maintain();
\o
\! sed 's/"since":"[^"]*"/"since":T/g' results/alerts_payload.got

-- parts
INSERT INTO ap SELECT i, 'NEW' FROM generate_series(1, 110) i;
\o :strip
SELECT andon.maintain();
\o
\! sed 's/"alerts":.*//' results/alerts_payload.got
\! awk '{ if (length($0) > 7999) print "too long"; n += gsub(/"opened"/, "") } END { print n, "opened" }' results/alerts_payload.got
-- too many, and too long
UPDATE ap SET status = 'CUT';
\o :strip
SELECT andon.maintain();
\o
INSERT INTO ap SELECT 'n' || i, 'NEW' FROM generate_series(1, 1001) i;
UPDATE ap_orders SET status = 'CUT';
SET session_replication_role = replica;
UPDATE mes_orders SET andon_since = '2026-01-02 03:04:05.678901+00';
RESET session_replication_role;
\o :strip
SELECT andon.maintain();
\o
\! sed 's/"since":"[^"]*"/"since":T/g' results/alerts_payload.got
SELECT andon.set_sla('mes_orders', 'CUT', NULL);
DELETE FROM ap;
SET andon.notify = off;
\o :strip
SELECT andon.maintain();
\o
\! cat results/alerts_payload.got
RESET andon.notify;
INSERT INTO ap VALUES (repeat(chr(1), 1500), 'NEW');
\o :strip
SELECT andon.maintain();
\o
\! sed 's/public.ap_board/public.mes_orders/' results/alerts_payload.got > results/alerts_payload.renamed
\set renamed :builddir /results/alerts_payload.renamed
\set payload `cat :renamed`
\set expected `cat :golden/alert_resync.json`
SELECT :'payload' = :'expected' AS resync_as_promised;
SELECT count(*) FROM andon.alert WHERE closed IS NULL;

UNLISTEN *;
SELECT andon.drop_board('mes_orders');
SELECT andon.drop_board('ap_board');
DROP TABLE ap, ap_orders;
