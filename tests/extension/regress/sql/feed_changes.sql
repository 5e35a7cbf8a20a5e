-- The feed read back: what changes() shows of each tick, and from which positions
-- it goes on. No worker runs here, ticks are made by hand. Guards: the last state per
-- key and tick in a fixed order, pages of any size, positions that are of no use.
SET andon.notify = 'off';
CREATE FUNCTION tick(epoch bigint) RETURNS text LANGUAGE c AS 'andon', 'andon_tick_by_hand';
DELETE FROM andon.tick;
CREATE TABLE orders (id int PRIMARY KEY, status text, note text);
INSERT INTO orders VALUES (1, 'NEW'), (2, 'NEW'), (3, 'CLOSED'), (4, 'NEW');
SELECT andon.create_board('public.b', $$ SELECT id, status, note FROM orders WHERE status <> 'CLOSED' $$, '{id}', 'status');

-- before the first tick
SELECT * FROM andon.changes('b', NULL, 10);
SELECT andon.feed_position();

SELECT tick(7);
SELECT andon.feed_position();
-- a tick that has nothing to tell is none
SELECT tick(7);
SELECT * FROM andon.changes('b', NULL, 10);
SELECT * FROM andon.changes('b', '7-1', 10);

-- the last state per key: from of the first, to and version of the last
CREATE VIEW changes AS
SELECT pos, key, op, from_status, to_status, version FROM andon.changes('b', '7-1', 100);
UPDATE orders SET status = 'CUT' WHERE id = 1;
UPDATE orders SET status = 'SET' WHERE id = 1;
UPDATE orders SET note = 'x' WHERE id = 2;
DELETE FROM orders WHERE id = 4;
INSERT INTO orders VALUES (5, 'NEW');
UPDATE orders SET status = 'CUT' WHERE id = 5;
-- enters and leaves again; leaves and enters again
INSERT INTO orders VALUES (6, 'NEW');
DELETE FROM orders WHERE id = 6;
UPDATE orders SET status = 'CLOSED' WHERE id = 2;
UPDATE orders SET status = 'NEW' WHERE id = 2;
SELECT tick(7);
SELECT * FROM changes;
SELECT bool_and(c.at = l.at) FROM andon.changes('b', '7-1') c JOIN andon.change l USING (key, version);

-- in several ticks
UPDATE orders SET status = 'DONE' WHERE id = 1;
SELECT tick(7);
UPDATE orders SET status = 'CLOSED' WHERE id = 1;
INSERT INTO orders SELECT i, NULL FROM generate_series(10, 12) i;
UPDATE orders SET status = 'NEW' WHERE id > 9;
SELECT tick(7);
SELECT * FROM changes;
SELECT pos FROM andon.changes('b', '7-2', 10);
SELECT pos FROM andon.changes('b', '7-2-3', 10);
SELECT pos FROM andon.changes('b', '7-4-4', 10);
SELECT pos FROM andon.changes('b', '7-4', 10);
SELECT count(*) FROM andon.changes('b', NULL);

-- pages of any size give the same
CREATE FUNCTION paged(page int, OUT pos text, OUT key jsonb) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
    last text := '7-1';
    n int;
BEGIN
    LOOP
        n := 0;
        FOR pos, key IN SELECT c.pos, c.key FROM andon.changes('b', last, page) c LOOP
            n := n + 1;
            last := pos;
            RETURN NEXT;
        END LOOP;
        EXIT WHEN n = 0;
        IF n > page THEN RAISE 'a page of % has % rows', page, n; END IF;
    END LOOP;
END $$;
SELECT page, (SELECT count(*) FROM (TABLE changes) c JOIN paged(page) USING (pos, key)) AS same,
       (SELECT count(*) FROM paged(page)) AS shown
FROM generate_series(1, 9) page;

-- many ticks at once, more than are looked at together
DO $$
BEGIN
    FOR i IN 1..60 LOOP
        UPDATE orders SET status = 'S' || i WHERE id = 10 + i % 2;
        COMMIT;
        PERFORM tick(7);
        COMMIT;
    END LOOP;
END $$;
SELECT min(pos), max(to_status), count(*) FROM andon.changes('b', '7-4', 1000);
SELECT pos, key, from_status, to_status FROM andon.changes('b', '7-40', 3);
SELECT count(*), count(DISTINCT pos) FROM paged(7);

-- a change that is rolled back, and one of a subtransaction
BEGIN;
UPDATE orders SET status = 'A' WHERE id = 10;
SAVEPOINT s;
UPDATE orders SET status = 'B' WHERE id = 10;
UPDATE orders SET status = 'B' WHERE id = 11;
ROLLBACK TO s;
SAVEPOINT s;
UPDATE orders SET status = 'C' WHERE id = 12;
RELEASE s;
COMMIT;
BEGIN;
UPDATE orders SET status = 'D';
ROLLBACK;
SELECT tick(7);
SELECT pos, key, from_status, to_status FROM andon.changes('b', '7-64', 10);

-- no position, and one that is of no use any more; HINT and code tell what to do
SELECT * FROM andon.changes('b', '', 10);
SELECT * FROM andon.changes('b', '7', 10);
SELECT * FROM andon.changes('b', '7-1x', 10);
SELECT * FROM andon.changes('b', '7-01', 10);
SELECT * FROM andon.changes('b', '-7-1', 10);
SELECT * FROM andon.changes('b', '7-1-1-1', 10);
SELECT * FROM andon.changes('b', '7-99999999999999999999', 10);
SELECT * FROM andon.changes('b', '7-1', 0);
SELECT * FROM andon.changes('b', '7-1', NULL);
SELECT * FROM andon.changes(NULL, '7-1', 10);
SELECT * FROM andon.changes('b', '6-1', 10);
\echo :SQLSTATE
SELECT * FROM andon.changes('b', '7-66', 10);
SELECT * FROM andon.changes('b', '8-1', 10);
-- another epoch
SELECT tick(9);
SELECT * FROM andon.changes('b', '7-65', 10);
SELECT * FROM andon.changes('b', NULL, 10);
UPDATE orders SET status = 'E' WHERE id = 10;
SELECT tick(9);
SELECT pos, key, to_status FROM andon.changes('b', '9-1', 10);
SELECT tick(8);

-- a board that is made anew: nobody has followed it from before
DROP VIEW changes;
SELECT andon.drop_board('b');
SELECT andon.create_board('public.b', $$ SELECT id, status, note FROM orders $$, '{id}', 'status');
SELECT * FROM andon.changes('b', '9-2', 10);
SELECT tick(9);
SELECT * FROM andon.changes('b', '9-2', 10);
SELECT * FROM andon.changes('b', '9-3', 10);
SELECT count(*) FROM andon.feed_reset;

-- retention: ticks go with the log, never the last one
UPDATE orders SET status = 'F' WHERE id = 10;
SELECT tick(9);
UPDATE andon.tick SET at = at - interval '40 days' WHERE tick < 4;
SELECT andon.maintain();
SELECT epoch, tick FROM andon.tick;
SELECT * FROM andon.changes('b', '9-3', 10);
SELECT * FROM andon.changes('b', '9-4', 10);
-- what is dropped from the log before it was told
UPDATE orders SET status = 'G' WHERE id = 10;
UPDATE andon.change SET at = at - interval '40 days' WHERE to_status = 'G';
SELECT andon.maintain();
SELECT count(*) FROM andon.change WHERE to_status = 'G';
SELECT * FROM andon.changes('b', '9-4', 10);
SELECT tick(9);
SELECT pos, key, to_status FROM andon.changes('b', '9-5', 10);
SELECT tick(9);
UPDATE andon.tick SET at = at - interval '40 days';
SELECT andon.maintain();
SELECT epoch, tick FROM andon.tick;

-- boards whose log has not all changes
SELECT andon.create_board('public.t', 'SELECT id, status FROM orders', '{id}', 'status', NULL, '{"log": "transitions"}');
SELECT andon.create_board('public.n', 'SELECT id, status FROM orders', '{id}', 'status', NULL, '{"log": "off"}');
SELECT * FROM andon.changes('t', NULL, 10);
SELECT * FROM andon.changes('n', NULL, 10);
SELECT * FROM andon.changes('orders', NULL, 10);

-- who may not read the board is shown nothing; everybody may ask for the position
CREATE ROLE feed_reader;
SET ROLE feed_reader;
SELECT * FROM andon.changes('b', '9-5', 10);
SELECT andon.feed_position();
SELECT * FROM andon.tick;
SELECT * FROM andon.feed_reset;
RESET ROLE;
GRANT SELECT ON b TO feed_reader;
UPDATE orders SET status = 'H' WHERE id = 10;
SELECT tick(9);
SET ROLE feed_reader;
SELECT pos, key, to_status FROM andon.changes('b', '9-5', 10);
RESET ROLE;
ALTER TABLE b ENABLE ROW LEVEL SECURITY;
SET ROLE feed_reader;
SELECT * FROM andon.changes('b', '9-5', 10);
RESET ROLE;
REVOKE ALL ON b FROM feed_reader;
DROP ROLE feed_reader;

SELECT andon.drop_board(board) FROM andon.boards;
SELECT count(*) FROM andon.feed_reset WHERE board <> 0;
DROP TABLE orders;
DROP FUNCTION tick, paged;
