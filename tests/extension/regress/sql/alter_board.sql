--
-- Other options for a board that is there.
-- Guards: options that are not named stay; the board is true after each change, also where
-- a table was static or replication was not followed before; triggers come and go with the
-- boards that need them; counters begin when the log does; what cannot be is refused and
-- leaves nothing behind; only the owner may.
--
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
\set SHOW_CONTEXT never
CREATE SCHEMA ab;
SET search_path = ab;
CREATE TABLE orders (id int PRIMARY KEY, status text NOT NULL, rate_id int);
CREATE TABLE rates (id int PRIMARY KEY, rate numeric);
CREATE TABLE loose (rate numeric);
INSERT INTO rates VALUES (1, 2.5);
INSERT INTO loose VALUES (7);
INSERT INTO orders VALUES (1, 'NEW', 1), (2, 'CUT', 1);
CREATE FUNCTION label(text) RETURNS text STABLE LANGUAGE sql RETURN 'is ' || $1;
SELECT andon.create_board('ab.b', $$
    SELECT o.id, o.status, r.rate, label(o.status) AS label, (SELECT max(rate) FROM loose) AS top
    FROM orders o LEFT JOIN rates r ON r.id = o.rate_id $$, '{id}', 'status',
    options => '{"static": ["rates", "loose"], "trusted": ["label"]}');
CREATE VIEW options AS SELECT options, channel, not_followed FROM andon.boards WHERE board = 'b'::regclass;
CREATE VIEW triggers AS SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger
    WHERE tgrelid IN ('orders'::regclass, 'rates'::regclass) AND NOT tgisinternal ORDER BY tgrelid::regclass::text, tgname;
TABLE options;

-- what is no option, and no argument
SELECT andon.alter_board('b', NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT andon.alter_board(NULL, '{}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.alter_board('b', '[]');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.alter_board('b', '{"logg": "off"}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.alter_board('b', '{"order_by": "id"}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.alter_board('b', '{"log": "some"}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.alter_board('b', '{"enable_always": 1}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.alter_board('b', '{"static": ["nowhere"]}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.alter_board('orders', '{"log": "off"}');
\echo :LAST_ERROR_SQLSTATE
BEGIN READ ONLY;
SELECT andon.alter_board('b', '{}');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
SELECT andon.alter_board('b', '{}');
TABLE options;

-- the channel
SELECT andon.create_board('ab.other', 'SELECT id, status FROM orders', '{id}', 'status');
SELECT andon.alter_board('b', '{"channel": "andon_other"}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.alter_board('b', '{"channel": "andon_alert"}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.alter_board('b', '{"channel": ""}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.alter_board('b', '{"channel": "floor"}');
SELECT andon.alter_board('b', '{"channel": "floor"}');
TABLE options;
SELECT andon.alter_board('b', '{"channel": null}');
TABLE options;
SELECT andon.drop_board('other');

-- the log: counters go with it and come with it
CREATE VIEW log AS SELECT key, op, from_status, to_status FROM andon.change WHERE board = 'b'::regclass ORDER BY version, key;
UPDATE orders SET status = 'SET' WHERE id = 2;
SELECT andon.alter_board('b', '{"log": "off"}');
UPDATE orders SET status = 'CUT' WHERE id = 2;
INSERT INTO orders VALUES (3, 'NEW', NULL);
SELECT count(*) FROM andon.counter WHERE board = 'b'::regclass;
SELECT * FROM andon.counts('b') ORDER BY 1;
TABLE log;
BEGIN;
INSERT INTO orders VALUES (4, 'NEW', NULL);
SELECT andon.alter_board('b', '{"log": "transitions"}');
UPDATE orders SET status = 'CUT' WHERE id = 4;
UPDATE orders SET rate_id = 1 WHERE id = 4;
COMMIT;
SELECT count(*) FROM andon.counter WHERE board = 'b'::regclass;
SELECT * FROM andon.counts('b') ORDER BY 1;
TABLE log;
SELECT pg_temp.differences('b');
-- a transaction that may see an old state does not count; maintain() does
SELECT andon.alter_board('b', '{"log": "off"}');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT andon.alter_board('b', '{"log": "all"}');
UPDATE orders SET status = 'SET' WHERE id = 4;
COMMIT;
SELECT count(*) FROM andon.counter WHERE board = 'b'::regclass;
SELECT * FROM andon.counts('b') ORDER BY 1;
SELECT andon.maintain();
UPDATE orders SET status = 'CUT' WHERE id = 4;
SELECT count(*) FROM andon.counter WHERE board = 'b'::regclass;
SELECT * FROM andon.counts('b') ORDER BY 1;
SELECT pg_temp.differences('b');
-- what waits for the commit is logged as it was decided then
BEGIN;
SET LOCAL andon.maintain_at = 'commit';
DELETE FROM orders WHERE id = 4;
SELECT andon.alter_board('b', '{"log": "off"}');
SELECT op, to_status FROM andon.change WHERE board = 'b'::regclass ORDER BY version DESC LIMIT 1;
ROLLBACK;

-- a table that was static: its changes were not followed
UPDATE rates SET rate = 3;
SELECT rate FROM b WHERE id = 1;
TABLE triggers;
SELECT andon.alter_board('b', '{"static": "loose"}');
SELECT rate FROM b WHERE id = 1;
TABLE options;
TABLE triggers;
UPDATE rates SET rate = 4;
SELECT rate FROM b WHERE id = 1;
SELECT pg_temp.differences('b');
-- one that has no path to the key stays static
SELECT andon.alter_board('b', '{"static": null}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.alter_board('b', '{"static": ["loose", "orders"]}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.alter_board('b', '{"static": ["loose", "pg_class"]}');
\echo :LAST_ERROR_SQLSTATE
TABLE options;
-- static again, by a name of the caller's search_path; a trigger that another board needs stays
SELECT andon.create_board('ab.other', 'SELECT id, rate FROM rates', '{id}', 'rate');
SELECT andon.alter_board('b', '{"static": ["loose", "rates"]}');
UPDATE rates SET rate = 5;
SELECT (SELECT rate FROM b WHERE id = 1), (SELECT rate FROM other WHERE id = 1);
SELECT andon.drop_board('other');
TABLE triggers;
SELECT andon.alter_board('b', '{"static": ["loose"]}');
SELECT andon.alter_board('b', '{"static": ["loose", "rates"]}');
TABLE triggers;
SELECT andon.alter_board('b', '{"static": ["loose"]}');

-- functions: what the definition uses must be trusted
SELECT andon.alter_board('b', '{"trusted": null}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.alter_board('b', '{"trusted": ["label(text)", "pg_catalog.version"]}');
SELECT andon.alter_board('b', '{"trusted": ["nothing"]}');
\echo :LAST_ERROR_SQLSTATE
UPDATE orders SET status = 'SET' WHERE id = 1;
SELECT pg_temp.differences('b');

-- replication: what it did before is caught up with
SET session_replication_role = replica;
UPDATE orders SET status = 'CUT' WHERE id = 1;
RESET session_replication_role;
SELECT status FROM b WHERE id = 1;
SELECT andon.alter_board('b', '{"enable_always": true}');
SELECT status FROM b WHERE id = 1;
TABLE options;
TABLE triggers;
SET session_replication_role = replica;
UPDATE orders SET status = 'SET' WHERE id = 1;
UPDATE rates SET rate = 6;
RESET session_replication_role;
SELECT pg_temp.differences('b');
SELECT andon.alter_board('b', '{"enable_always": false}');
TABLE triggers;
SELECT andon.alter_board('b', '{"enable_always": true}');
SELECT andon.alter_board('b', '{"enable_always": null, "log": null, "trusted": "label"}');
TABLE options;
SELECT DISTINCT tgenabled FROM triggers;
-- triggers that are off: the board is true now, and says that it will not stay so
ALTER TABLE rates DISABLE TRIGGER andon_drain;
SELECT andon.alter_board('b', '{"enable_always": true}');
SELECT state, why FROM andon.boards WHERE board = 'b'::regclass;
ALTER TABLE rates ENABLE ALWAYS TRIGGER andon_drain;
SELECT andon.refresh_board('b');
SELECT state FROM andon.boards WHERE board = 'b'::regclass;
SELECT pg_temp.differences('b');

-- all or nothing, and a savepoint
BEGIN;
SAVEPOINT s;
SELECT andon.alter_board('b', '{"enable_always": false, "static": ["loose", "rates"], "channel": "gone", "log": "off"}');
SELECT count(*) FROM triggers;
ROLLBACK TO s;
UPDATE rates SET rate = 7;
COMMIT;
TABLE options;
SELECT DISTINCT tgenabled FROM triggers;
SELECT pg_temp.differences('b');

-- only the owner, with the rights that create_board asks for
CREATE ROLE ab_owner;
CREATE ROLE ab_other;
GRANT ALL ON SCHEMA ab TO ab_owner, ab_other;
GRANT SELECT, TRIGGER ON orders TO ab_owner;
GRANT SELECT ON rates TO ab_owner;
SET ROLE ab_owner;
SELECT andon.create_board('ab.mine', 'SELECT o.id, o.status, r.rate FROM orders o JOIN rates r ON r.id = o.rate_id', '{id}', 'status',
    options => '{"static": ["rates"]}');
SELECT andon.alter_board('ab.mine', '{"static": []}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.alter_board('ab.mine', '{"enable_always": true}');
\echo :LAST_ERROR_SQLSTATE
SELECT andon.alter_board('ab.mine', '{"log": "off"}');
SET ROLE ab_other;
SELECT andon.alter_board('ab.mine', '{"log": "all"}');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
-- a superuser for him: it is the owner's rights that count
SELECT andon.alter_board('ab.mine', '{"static": []}');
\echo :LAST_ERROR_SQLSTATE
GRANT TRIGGER ON rates TO ab_owner;
SELECT andon.alter_board('ab.mine', '{"static": []}');
UPDATE rates SET rate = 8;
SELECT pg_temp.differences('mine');
SELECT options, sources FROM andon.boards WHERE board = 'mine'::regclass;

DROP VIEW options, triggers, log;
SET client_min_messages = warning;
SELECT andon.drop_board('b'), andon.drop_board('mine');
DROP SCHEMA ab CASCADE;
DROP ROLE ab_owner, ab_other;
