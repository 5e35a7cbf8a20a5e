--
-- counts() out of counters and the change log.
-- Guards: exact in every snapshot, before and after a fold, in the transaction that made
-- the board; no fold counts twice or forgets; check_board finds a wrong counter and repair_board mends it.
--
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
-- Is counts() what a count says, and was it told by the counters?
CREATE FUNCTION pg_temp.counted(board regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    status text := (SELECT quote_ident(b.status) FROM andon.boards b WHERE b.board = counted.board);
    differ bigint;
    folded bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM (SELECT status COLLATE "C" AS s, n FROM andon.counts(%1$L)) a
                    FULL JOIN (SELECT %2$s::text COLLATE "C" AS s, count(*) AS n FROM %3$s GROUP BY 1) b
                    ON a.s IS NOT DISTINCT FROM b.s AND a.n = b.n WHERE a.n IS NULL OR b.n IS NULL',
                   board, status, board) INTO differ;
    SELECT count(*) INTO folded FROM andon.counter c WHERE c.board = counted.board;
    RETURN CASE WHEN differ > 0 THEN differ || ' differ' WHEN folded = 0 THEN 'scanned' ELSE 'right' END;
EXCEPTION WHEN feature_not_supported THEN RETURN 'unsupported';
END $$;
\set ECHO all
SET client_min_messages = warning;
CREATE SCHEMA co;
SET search_path = co, public;
CREATE TABLE orders (id int PRIMARY KEY, status text);
INSERT INTO orders SELECT i, 'S' || i % 3 FROM generate_series(1, 9) i;
-- the transaction that makes the board goes on to change it
BEGIN;
UPDATE orders SET status = 'before' WHERE id = 1;
SELECT andon.create_board('co.b', 'SELECT id, status FROM orders WHERE status IS DISTINCT FROM ''CLOSED''', '{id}', 'status');
UPDATE orders SET status = 'after' WHERE id = 2;
INSERT INTO orders VALUES (10, NULL);
SAVEPOINT s;
DELETE FROM orders WHERE id < 5;
SELECT * FROM andon.counts('b');
ROLLBACK TO s;
SELECT * FROM andon.counts('b');
COMMIT;
SELECT * FROM andon.counts('b');
SELECT andon.maintain();
SELECT * FROM andon.counts('b');
SELECT statuses @> '{after,before,S0,S1,S2}', (SELECT sum(n) FROM unnest(counts) n) FROM andon.counter WHERE board = 'b'::regclass;
UPDATE orders SET status = 'CLOSED' WHERE id = 1;
UPDATE orders SET status = NULL WHERE id = 2;
SELECT pg_temp.counted('b');
SELECT andon.maintain();
SELECT andon.maintain();
SELECT pg_temp.counted('b');
DELETE FROM orders;
SELECT * FROM andon.counts('b');
SELECT andon.maintain();
SELECT * FROM andon.counts('b');
INSERT INTO orders SELECT i, 'S' || i % 3 FROM generate_series(1, 9) i;

-- an old snapshot keeps its counts over folds
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM andon.counts('b');
UPDATE orders SET status = 'own' WHERE id = 1;
SELECT * FROM andon.counts('b');
COMMIT;

-- a wrong counter is found and mended; and one of another cluster is not used
UPDATE andon.counter SET counts = '{5}', statuses = '{x}' WHERE board = 'b'::regclass;
SELECT problem, expected, actual FROM andon.check_board('b') ORDER BY expected;
SELECT andon.repair_board('b');
SELECT count(*) FROM andon.check_board('b');
BEGIN;
UPDATE orders SET status = 'mine' WHERE id = 1;
SELECT andon.repair_board('b');
UPDATE orders SET status = 'mine too' WHERE id = 2;
COMMIT;
SELECT count(*), pg_temp.counted('b') FROM andon.check_board('b');
UPDATE andon.counter SET epoch = 0, counts = '{5}', statuses = '{x}' WHERE board = 'b'::regclass;
SELECT pg_temp.counted('b');
SELECT andon.maintain();
SELECT pg_temp.counted('b'), (SELECT epoch <> 0 FROM andon.counter WHERE board = 'b'::regclass) AS anew;
-- nothing is told from a base that lacks what was dropped from the log
INSERT INTO andon.counter_retired VALUES ('9000000000');
UPDATE andon.counter SET counts = '{5}', statuses = '{x}' WHERE board = 'b'::regclass;
SELECT pg_temp.counted('b');
DELETE FROM andon.counter_retired;
SELECT andon.repair_board('b');

-- types: those whose texts say it all
CREATE TYPE step AS ENUM ('z', 'a');
CREATE DOMAIN code AS int;
CREATE TABLE t (id int PRIMARY KEY, c char(3), f bool, i int, d code, n name, v varchar(5) COLLATE "C", e step);
INSERT INTO t SELECT i, i % 3, i % 2 = 0, i % 12, i % 2, i % 2, 'v' || i % 2, CASE WHEN i % 2 = 0 THEN 'a' ELSE 'z' END::step FROM generate_series(1, 12) i;
SELECT andon.create_board('co.t_' || s, format('SELECT id, %I AS status FROM t', s), '{id}', 'status') FROM unnest('{c,f,i,d,n,v,e}'::text[]) s;
UPDATE t SET c = 'q', f = NOT f, i = i + 1, d = d + 1, n = 'n', v = 'w', e = 'z' WHERE id < 4;
DELETE FROM t WHERE id = 12;
SELECT b, pg_temp.counted(b) FROM unnest('{t_c,t_f,t_i,t_d,t_n,t_v,t_e}'::regclass[]) b;
SELECT andon.maintain();
UPDATE t SET c = NULL, f = NULL, i = NULL, d = NULL, n = NULL, v = NULL, e = NULL WHERE id > 9;
SELECT b, pg_temp.counted(b) FROM unnest('{t_c,t_f,t_i,t_d,t_n,t_v,t_e}'::regclass[]) b;
SELECT * FROM andon.counts('t_i');
SELECT * FROM andon.counts('t_f');
SELECT andon.maintain();
SELECT b, pg_temp.counted(b) FROM unnest('{t_c,t_f,t_i,t_d,t_n,t_v,t_e}'::regclass[]) b;
SELECT count(*) FROM andon.boards, andon.check_board(board);
SELECT count(*) FROM andon.counter;
SELECT andon.drop_board(board) FROM andon.boards;
SELECT count(*) FROM andon.counter;
DROP SCHEMA co CASCADE;
