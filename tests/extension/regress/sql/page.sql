--
-- page(): keyset pages of a board in board order.
-- Guards: mixed directions and NULLS, every column of the order and every status in
-- turn, walked page by page against one ORDER BY over the whole; rows that come and go
-- between pages; the rows read are those shown; cursors that are not ours; rights.
--
CREATE SCHEMA pa;
SET search_path = pa;
CREATE TABLE orders (id int PRIMARY KEY, status text, priority int, due date, price numeric, at timestamptz);
INSERT INTO orders
SELECT i, (ARRAY['NEW', 'CUT', 'SET', 'POLISH', 'CHECK', 'SHIP', 'HOLD', 'Q 1', NULL])[i % 9 + 1],
       nullif(i % 4, 0), CASE WHEN i % 5 > 0 THEN date '2024-01-01' + i % 7 END, (i % 3) / 7.0,
       timestamptz '2024-03-31 00:30+00' + i % 6 * interval '30.123456 min'
FROM generate_series(1, 400) i;

-- Walks the board page by page and compares with one query; answers how many pages and
-- rows there were and what differed.
CREATE FUNCTION walk(board regclass, statuses text[], size int, sort text, OUT pages int, OUT n bigint, OUT wrong bigint)
LANGUAGE plpgsql AS $$
DECLARE
    after text;
    got int[] := '{}';
    page int[];
    expected int[];
BEGIN
    pages := 0;
    LOOP
        SELECT array_agg((item->>'id')::int ORDER BY o), (array_agg(cursor ORDER BY o DESC))[1]
        INTO page, after
        FROM andon.page(board, statuses, after, size) WITH ORDINALITY p (item, cursor, o);
        EXIT WHEN page IS NULL;
        got := got || page;
        pages := pages + 1;
        ASSERT after ~ '^[A-Za-z0-9_-]+$';
    END LOOP;
    EXECUTE format('SELECT array_agg(id ORDER BY %s) FROM %s WHERE $1 IS NULL OR status = ANY ($1)
                       OR status IS NULL AND array_position($1, NULL) IS NOT NULL', sort, board)
        INTO expected USING statuses;
    n := cardinality(got);
    SELECT count(*) INTO wrong FROM unnest(got, expected) u (g, e) WHERE g IS DISTINCT FROM e;
END $$;

SELECT andon.create_board('pa.b', 'SELECT * FROM orders', '{id}', 'status', 'priority DESC NULLS LAST, due NULLS FIRST, price DESC');
SELECT * FROM walk('b', '{NEW}', 7, 'priority DESC NULLS LAST, due NULLS FIRST, price DESC, id');
SELECT * FROM walk('b', '{CUT,SET,NEW,CUT}', 7, 'priority DESC NULLS LAST, due NULLS FIRST, price DESC, id');
SELECT * FROM walk('b', NULL, 11, 'priority DESC NULLS LAST, due NULLS FIRST, price DESC, id');
SELECT * FROM walk('b', NULL, 1, 'priority DESC NULLS LAST, due NULLS FIRST, price DESC, id');
SELECT * FROM walk('b', NULL, 1000, 'priority DESC NULLS LAST, due NULLS FIRST, price DESC, id');
SELECT * FROM walk('b', '{NULL,"Q 1",NONE}', 3, 'priority DESC NULLS LAST, due NULLS FIRST, price DESC, id');
SELECT * FROM walk('b', '{}', 3, 'id');
-- every form of one column of the order, the status in first, middle and last place
CREATE FUNCTION walk_order(sort text, OUT pages int, OUT n bigint, OUT wrong bigint) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM andon.create_board('pa.c', 'SELECT * FROM orders', '{id}', 'status', sort);
    SELECT w.* INTO pages, n, wrong FROM walk('pa.c', NULL, 13, sort || ', id') w;
    PERFORM andon.drop_board('pa.c');
END $$;
SELECT o, w.*
FROM unnest(ARRAY['due', 'due DESC', 'due NULLS FIRST', 'due DESC NULLS LAST', 'at DESC, price', 'status, due',
                  'due DESC, status DESC NULLS LAST', 'due, status NULLS FIRST, price DESC', 'id DESC', 'status DESC, id DESC']) o,
     LATERAL walk_order(o) w;
-- a key of two columns, no order; types whose text depends on settings
SELECT andon.create_board('pa.k', 'SELECT id, at, status, due - date ''2024-01-01'' AS days, at - timestamptz ''2024-01-01'' AS age FROM orders', '{at,id}', 'status', 'age');
SET timezone = 'Europe/Berlin';
SET datestyle = 'German';
SET intervalstyle = 'iso_8601';
SELECT * FROM walk('k', NULL, 9, 'age, at, id');
SELECT cursor AS c FROM andon.page('k', NULL, NULL, 6) OFFSET 5 \gset
SELECT item->'id' AS id FROM andon.page('k', NULL, :'c', 2);
RESET timezone;
RESET datestyle;
RESET intervalstyle;
SELECT item->'id' AS id FROM andon.page('k', NULL, :'c', 2);
-- an enum, and a status that does not exist in it
CREATE TYPE stage AS ENUM ('NEW', 'CUT', 'SET');
CREATE TABLE small (id int PRIMARY KEY, status stage);
INSERT INTO small VALUES (1, 'SET'), (2, 'NEW'), (3, 'CUT'), (4, NULL);
SELECT andon.create_board('pa.s', 'SELECT * FROM small', '{id}', 'status', 'status DESC');
SELECT item->'id' AS id, item->'status' AS status FROM andon.page('s');
SELECT item->'id' AS id FROM andon.page('s', '{CUT,NEW}');
SELECT item->'id' AS id FROM andon.page('s', '{BENT}');
\echo :LAST_ERROR_SQLSTATE
-- what the item is
SELECT item - 'andon_since' AS item FROM andon.page('s', '{CUT}');
-- columns that are named like our alias, or renamed after the board was made
CREATE TABLE odd (id int PRIMARY KEY, "b" text, "Ob ""x" int);
INSERT INTO odd SELECT i, 'NEW', -i FROM generate_series(1, 4) i;
SELECT andon.create_board('pa."o""o"', 'SELECT * FROM odd', '{id}', 'b', '"Ob ""x" DESC');
SELECT item->'id' AS id, cursor AS odd FROM andon.page('"o""o"', NULL, NULL, 1) \gset
SELECT item->'id' AS id FROM andon.page('"o""o"', NULL, :'odd');
ALTER TABLE "o""o" RENAME "Ob ""x" TO x;
SELECT item->'id' AS id, item->'x' AS x FROM andon.page('"o""o"', '{NEW}', :'odd');

-- the names of order_by are those of the definition's view
ALTER VIEW "o""o_definition" RENAME "Ob ""x" TO x;
SELECT * FROM andon.page('"o""o"');
\echo :LAST_ERROR_SQLSTATE

-- rows that come, go and move between two pages: what stays put is seen once
SELECT cursor AS c FROM andon.page('s', NULL, NULL, 2) OFFSET 1 \gset
INSERT INTO small VALUES (0, 'CUT'), (9, 'NEW'), (10, NULL);
DELETE FROM small WHERE id = 1;
SELECT item->'id' AS id, item->'status' AS status FROM andon.page('s', NULL, :'c');
-- the row of the cursor itself is gone
DELETE FROM small WHERE status = 'CUT';
SELECT item->'id' AS id, item->'status' AS status FROM andon.page('s', NULL, :'c');
-- inside a transaction its own changes are seen, under one snapshot
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE small SET status = 'CUT' WHERE id = 9;
SELECT item->'id' AS id, item->'status' AS status FROM andon.page('s', '{CUT,NEW}');
ROLLBACK;
-- several pages at once, of one board and of two
SELECT a.item->'id' AS a, b.item->'id' AS b, c.item->'id' AS c
FROM andon.page('s', NULL, NULL, 2) a, LATERAL andon.page('s', NULL, a.cursor, 1) b, LATERAL andon.page('b', '{NEW}', NULL, 1) c;

-- no more rows are read than are shown: nine ranges, a head each
CREATE TABLE many (id int PRIMARY KEY, status int, rank int);
INSERT INTO many SELECT i, i % 9, i % 100 FROM generate_series(1, 9000) i;
SELECT andon.create_board('pa.many_b', 'SELECT * FROM many', '{id}', 'status', 'rank DESC');
ANALYZE many_b;
-- rows and scans that a page costs; inside a transaction the counters only grow
CREATE FUNCTION counters(OUT scans bigint, OUT fetched bigint) LANGUAGE sql AS $$
    SELECT seq_scan, idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relid = 'pa.many_b'::regclass $$;
CREATE FUNCTION cost(statuses text[], size int, INOUT after text DEFAULT NULL, OUT n bigint, OUT scans bigint, OUT fetched bigint)
LANGUAGE plpgsql AS $$
DECLARE
    before record := counters();
BEGIN
    SELECT count(*), (array_agg(cursor ORDER BY o DESC))[1] INTO n, after
    FROM andon.page('pa.many_b', statuses, after, size) WITH ORDINALITY p (item, cursor, o);
    SELECT c.scans - before.scans, c.fetched - before.fetched INTO scans, fetched FROM counters() c;
END $$;
SELECT n, scans, fetched, after FROM cost('{4}', 30) \gset one_
SELECT :one_n AS n, :one_scans AS scans, :one_fetched AS fetched;
SELECT n, scans AS sequential, fetched FROM cost('{4}', 30, :'one_after');
SELECT n, scans AS sequential, fetched <= 9 * (30 / 9 + 1) + 30 AS few FROM cost('{0,1,2,3,4,5,6,7,8}', 30);

-- arguments
SELECT * FROM andon.page('b', NULL, NULL, 0);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM andon.page('b', NULL, NULL, 1001);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM andon.page('b', NULL, NULL, NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM andon.page(NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM andon.page('orders');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM andon.page('b', array_fill('x'::text, '{1001}'));
\echo :LAST_ERROR_SQLSTATE
SELECT andon.create_board('pa.wide', 'SELECT id, id AS status FROM many', '{id}', 'status');
SELECT * FROM andon.page('wide');
\echo :LAST_ERROR_SQLSTATE
SELECT item->'id' AS id FROM andon.page('wide', '{17,4}');

-- cursors of another board or order, cut, changed at any place, and made up
SELECT cursor AS c FROM andon.page('b', '{NEW}', NULL, 1) \gset
SELECT * FROM andon.page('many_b', NULL, :'c');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM andon.page('b', NULL, '');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM andon.page('b', NULL, '1'' OR true --');
\echo :LAST_ERROR_SQLSTATE
CREATE FUNCTION refused(c text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM andon.page('pa.b', NULL, c);
    RETURN false;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN true;
END $$;
SELECT count(*) FILTER (WHERE NOT refused(overlay(:'c' PLACING CASE WHEN substr(:'c', i, 1) = 'A' THEN 'B' ELSE 'A' END FROM i FOR 1))) AS changed_passed,
       count(*) FILTER (WHERE NOT refused(left(:'c', i - 1))) AS cut_passed,
       refused(:'c' || 'A') AS longer, refused(:'c') AS itself
FROM generate_series(1, length(:'c')) i;
-- a board of the same name and order takes it, as after a restore
SELECT andon.drop_board('b');
SELECT andon.create_board('pa.b', 'SELECT * FROM orders', '{id}', 'status', 'priority DESC NULLS LAST, due NULLS FIRST, price DESC');
SELECT refused(:'c') AS same_order_made_anew;
SELECT andon.drop_board('b');
SELECT andon.create_board('pa.b', 'SELECT * FROM orders', '{id}', 'status', 'priority DESC, due NULLS FIRST, price DESC');
SELECT refused(:'c') AS other_order;

-- the caller's rights: SELECT on the board, row-level security, nothing on the sources
CREATE ROLE pa_reader;
GRANT USAGE ON SCHEMA pa TO pa_reader;
SET ROLE pa_reader;
\set SHOW_CONTEXT never
SELECT * FROM andon.page('b');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
GRANT SELECT ON b TO pa_reader;
ALTER TABLE b ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON b FOR SELECT TO pa_reader USING (id % 10 = 0);
SELECT n, wrong FROM walk('b', NULL, 50, 'priority DESC, due NULLS FIRST, price DESC, id');
SET ROLE pa_reader;
SELECT n, wrong FROM walk('b', NULL, 5, 'priority DESC, due NULLS FIRST, price DESC, id');
SELECT count(*) FROM andon.page('b', '{NEW,CUT}');
RESET ROLE;
SELECT provolatile FROM pg_proc WHERE oid = 'andon.page'::regproc;
BEGIN READ ONLY;
SELECT count(*) FROM andon.page('b', '{NEW}');
COMMIT;
SET client_min_messages = warning;
DROP OWNED BY pa_reader;
DROP ROLE pa_reader;
SELECT count(andon.drop_board(board)) FROM andon.boards WHERE board::text !~ '\.';
DROP SCHEMA pa CASCADE;
