--
-- A board that was damaged behind the extension's back: by sessions without triggers,
-- with its guard disabled, by changes of its sources that nobody followed.
-- Guards: check_board names every kind of damage, repair_board mends what was found and
-- nothing else, counts the keys, announces them, and versions never go back.
--
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
CREATE TABLE rp_customers (id int PRIMARY KEY, name text);
CREATE TABLE rp_orders (id int PRIMARY KEY, customer_id int, status text NOT NULL, price numeric, due date);
INSERT INTO rp_customers VALUES (1, 'Ada'), (2, 'Bo');
INSERT INTO rp_orders SELECT g, 1 + g % 2, 'NEW', g, '2026-01-01' FROM generate_series(1, 8) g;
SELECT andon.create_board('public.rp', $$
    SELECT o.id, o.status, c.name, o.price, o.due FROM rp_orders o LEFT JOIN rp_customers c ON c.id = o.customer_id
    WHERE o.status <> 'DONE' $$, '{id}', 'status');
UPDATE rp_orders SET status = 'CUT' WHERE id = 1;
UPDATE rp_orders SET status = 'SET' WHERE id = 1;
SELECT andon.repair_board('rp');

-- 1 changed, 2 and 1's neighbour 3 gone, 99 invented, 4 differs in the image alone, 5 in NULL, 6 another key
SET session_replication_role = replica;
UPDATE rp SET status = 'LIE' WHERE id = 1;
DELETE FROM rp WHERE id IN (2, 3);
INSERT INTO rp SELECT 99, 'NEW', 'Eve', 1, NULL, now(), 1;
UPDATE rp SET price = 4.00 WHERE id = 4;
UPDATE rp SET due = NULL WHERE id = 5;
UPDATE rp SET id = 66 WHERE id = 6;
RESET session_replication_role;
SELECT key, problem, expected, actual - 'andon_since' AS actual FROM andon.check_board('rp');
SELECT andon_version AS was, andon_since AS since FROM rp WHERE id = 1 \gset
SELECT andon_since AS since_5 FROM rp WHERE id = 5 \gset

-- a savepoint takes a repair back; who does not own the board cannot repair it
BEGIN;
SAVEPOINT s;
SELECT andon.repair_board('rp');
ROLLBACK TO s;
SELECT count(*) FROM andon.check_board('rp');
COMMIT;
CREATE ROLE rp_other;
SET ROLE rp_other;
SELECT andon.repair_board('rp');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
DROP ROLE rp_other;
SELECT andon.repair_board('rp_orders');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.repair_board(NULL) IS NULL AS nothing;

-- the repair: announced like any change
LISTEN andon_rp;
\getenv builddir PG_ABS_BUILDDIR
\set got :builddir /results/repair.got
\set strip '|sed -n -f ' :srcdir '/payload.sed > ' :got
\o :strip
SELECT andon.repair_board('rp') AS repaired \gset
\o
\echo :repaired
\! sed 's/},{"key"/},\n  {"key"/g' results/repair.got
UNLISTEN *;
SELECT * FROM andon.check_board('rp');
SELECT pg_temp.differences('rp');
-- a row that comes back starts above every version there was, a mended one goes on; since moves with the status only
SELECT id, andon_version FROM rp WHERE id IN (2, 3, 6) ORDER BY id;
SELECT andon_version > :was AS goes_on, andon_since > :'since' AS moved FROM rp WHERE id = 1;
SELECT andon_since = :'since_5' AS stays FROM rp WHERE id = 5;
SELECT andon.repair_board('rp');
-- and the next ones that enter are not above it all
INSERT INTO rp_orders VALUES (9, 1, 'NEW', 9, NULL);
SELECT andon_version FROM rp WHERE id = 9;

-- the guard disabled by the owner; a board emptied
ALTER TABLE rp DISABLE TRIGGER andon_guard;
TRUNCATE rp;
ALTER TABLE rp ENABLE TRIGGER andon_guard;
SELECT problem, count(*) FROM andon.check_board('rp') GROUP BY problem;
SELECT andon.repair_board('rp');
SELECT pg_temp.differences('rp');

-- changes of the sources that nobody followed, by all of their ways to a key
SET session_replication_role = replica;
UPDATE rp_customers SET name = 'Ada L.' WHERE id = 1;
DELETE FROM rp_orders WHERE id = 8;
INSERT INTO rp_orders VALUES (10, 2, 'NEW', 10, NULL);
UPDATE rp_orders SET status = 'DONE' WHERE id = 7;
RESET session_replication_role;
SELECT key, problem FROM andon.check_board('rp');
SELECT andon.repair_board('rp');
SELECT pg_temp.differences('rp');

-- a row of the writer's own that is not drained yet is no damage, and is not lost
SET andon.maintain_at = 'commit';
BEGIN;
UPDATE rp_orders SET status = 'OWN' WHERE id = 2;
SELECT count(*) FROM andon.check_board('rp');
SELECT andon.repair_board('rp');
SELECT status FROM rp WHERE id = 2;
COMMIT;
RESET andon.maintain_at;
SELECT pg_temp.differences('rp');

-- at the other isolation levels; the repair sees what its transaction sees
SET session_replication_role = replica;
UPDATE rp SET name = 'X' WHERE id < 5;
RESET session_replication_role;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM rp;
SELECT andon.repair_board('rp');
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT count(*) FROM andon.check_board('rp');
SELECT andon.repair_board('rp');
COMMIT;

-- a definition that gives a key twice is the definition's fault
SET session_replication_role = replica;
ALTER TABLE rp_customers DROP CONSTRAINT rp_customers_pkey;
INSERT INTO rp_customers VALUES (2, 'Bo the second');
RESET session_replication_role;
SELECT key, problem, expected ->> 'name' AS expected FROM andon.check_board('rp') WHERE key = '{"id": 1}' ORDER BY 3;
SELECT andon.repair_board('rp');
\echo :LAST_ERROR_SQLSTATE
SET session_replication_role = replica;
DELETE FROM rp_customers WHERE name = 'Bo the second';
RESET session_replication_role;
SELECT andon.repair_board('rp');
SELECT andon.drop_board('rp');
DROP TABLE rp_orders, rp_customers;

-- keys of two columns, equal but not the same, with names to be quoted
CREATE TABLE "Rp Lines" ("Order" numeric, line text COLLATE "C", state text);
INSERT INTO "Rp Lines" VALUES (1.0, 'a', 'NEW'), (1, 'b', 'NEW'), (2, 'a', 'NEW');
SELECT andon.create_board('public."Rp Board"', 'SELECT "Order", line, state FROM "Rp Lines"', '{Order,line}', 'state');
SET session_replication_role = replica;
UPDATE "Rp Board" SET "Order" = 1.000 WHERE line = 'a' AND "Order" = 1;
DELETE FROM "Rp Board" WHERE "Order" = 2;
INSERT INTO "Rp Board" VALUES (2, 'b', 'NEW', now(), 7);
RESET session_replication_role;
SELECT key, problem FROM andon.check_board('"Rp Board"');
SELECT andon.repair_board('"Rp Board"');
SELECT "Order", line, state, andon_version FROM "Rp Board" ORDER BY 1, 2;
SELECT pg_temp.differences('"Rp Board"');
SELECT andon.drop_board('"Rp Board"');
DROP TABLE "Rp Lines";

-- more keys than are taken one by one
CREATE TABLE rp_many AS SELECT g AS id, 'NEW'::text AS status FROM generate_series(1, 10001) g;
SELECT andon.create_board('public.rp_all', 'SELECT id, status FROM rp_many', '{id}', 'status');
ALTER TABLE rp_all DISABLE TRIGGER ALL;
DELETE FROM rp_all;
ALTER TABLE rp_all ENABLE TRIGGER ALL;
SET andon.notify = off;
SELECT andon.repair_board('rp_all');
SELECT count(*), min(andon_version), max(andon_version) FROM rp_all;
SELECT pg_temp.differences('rp_all');
SELECT andon.drop_board('rp_all');
DROP TABLE rp_many;
