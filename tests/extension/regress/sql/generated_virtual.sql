--
-- Virtual generated columns, which PostgreSQL 18 has: computed when they are read, in no stored row.
-- Guards: a change of a column that a virtual one is computed from is a change of both, however the
-- definition uses them, and never applied without the definition; keys and links cannot be virtual;
-- another expression computes the board anew, and its columns are followed from then on.
--
SELECT current_setting('server_version_num')::int < 180000 AS skip \gset
\if :skip
\quit
\endif
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
\set VERBOSITY default
CREATE SCHEMA gv;
SET search_path = gv;
CREATE TABLE u (id int PRIMARY KEY, a int, b int, v int GENERATED ALWAYS AS (a * 10));
CREATE TABLE t (id int PRIMARY KEY, status text NOT NULL, a int, b int, u_id int, v int GENERATED ALWAYS AS (a * 2),
                w int GENERATED ALWAYS AS (u_id), level text GENERATED ALWAYS AS (CASE WHEN a > 3 THEN 'high' ELSE 'low' END));
CREATE TABLE items (t_id int, qty int, price int, total int GENERATED ALWAYS AS (qty * price));
CREATE VIEW seen AS SELECT id, status, v FROM t;
INSERT INTO u SELECT i, i, i FROM generate_series(1, 4) i;
INSERT INTO t SELECT i, 'new', i, i, i FROM generate_series(1, 4) i;
INSERT INTO items SELECT 1 + i % 4, i, 1 FROM generate_series(1, 8) i;

SELECT andon.create_board('gv.' || board, definition, '{id}', 'status') FROM (VALUES
    ('shown', 'SELECT id, status, v FROM t'),
    ('beside', 'SELECT id, status, a, v FROM t'),
    ('chosen', 'SELECT id, status, a, b FROM t WHERE v > 3 AND b < 100'),
    ('sorted', 'SELECT id, status, a FROM t ORDER BY v'),
    ('joined', 'SELECT t.id, t.status, t.a, u.v FROM t JOIN u ON u.id = t.u_id'),
    ('matched', 'SELECT t.id, t.status, t.a, u.v FROM t LEFT JOIN u ON u.id = t.u_id AND u.v > t.v'),
    ('grouped', 'SELECT t.id, min(t.status) AS status, t.v, count(*) AS n FROM t JOIN u ON u.id = t.u_id GROUP BY t.id, t.v, u.v'),
    ('summed', 'SELECT t.id, t.status, sum(i.total) AS total FROM t LEFT JOIN items i ON i.t_id = t.id GROUP BY t.id'),
    ('existing', 'SELECT t.id, t.status FROM t WHERE EXISTS (SELECT FROM items i WHERE i.t_id = t.id AND i.total > t.v)'),
    ('viewed', 'SELECT id, status, v FROM seen'),
    ('stated', 'SELECT id, level AS status FROM t'),
    ('whole', 'SELECT t.id, t.status, t AS r, to_jsonb(u) AS u FROM t JOIN u ON u.id = t.u_id')) d (board, definition);
SELECT board, string_agg(e.fast_columns::text, ' ') AS fast
FROM andon.boards, andon.explain_board(board) e GROUP BY board ORDER BY board::text COLLATE "C";

-- the boards that a change has moved, and those that it has made wrong
CREATE FUNCTION state() RETURNS TABLE (board regclass, state text) LANGUAGE plpgsql AS $$
BEGIN
    FOR board IN SELECT b.board FROM andon.boards b LOOP
        EXECUTE format('SELECT concat(count(*), '' '', sum(andon_version)) FROM %s', board) INTO state;
        RETURN NEXT;
    END LOOP;
END $$;
CREATE FUNCTION change(statement text, OUT moved text, OUT wrong text) LANGUAGE plpgsql AS $$
DECLARE
    before jsonb := (SELECT jsonb_object_agg(board, s.state) FROM state() s);
BEGIN
    EXECUTE statement;
    SELECT string_agg(board::text, ' ' ORDER BY board::text COLLATE "C"),
           string_agg(board::text, ' ' ORDER BY board::text COLLATE "C") FILTER (WHERE pg_temp.differences(board) > 0)
      INTO moved, wrong FROM state() s WHERE before ->> board::text <> s.state OR pg_temp.differences(board) > 0;
END $$;

CREATE VIEW wrong AS SELECT board FROM andon.boards WHERE pg_temp.differences(board) > 0;

-- each column that a virtual one is computed from
SELECT * FROM change('UPDATE t SET a = a + 1 WHERE id < 3');
SELECT * FROM change('UPDATE t SET a = 0 WHERE id = 2');
SELECT * FROM change('UPDATE t SET a = NULL WHERE id = 3');
SELECT * FROM change('UPDATE u SET a = a + 3 WHERE id < 3');
SELECT * FROM change('UPDATE items SET price = 3 WHERE t_id = 1');
SELECT * FROM change('UPDATE items SET qty = NULL WHERE t_id = 2');
-- with a fast column, and from one key to another
SELECT * FROM change('UPDATE t SET status = ''done'', a = 5 WHERE id = 3');
SELECT * FROM change('UPDATE t SET id = id + 10, a = a + 1, u_id = 5 - u_id');
SELECT * FROM change('INSERT INTO t VALUES (1, ''new'', 1, 1, 1), (2, ''new'', 2, 2, 2)');
SELECT * FROM change('DELETE FROM t WHERE v > 6');
-- the others
SELECT * FROM change('UPDATE t SET b = b + 1');
SELECT * FROM change('UPDATE u SET b = b + 1');
SELECT id, status, v FROM shown ORDER BY id;

-- another expression: the values change at once, and other columns count
SELECT * FROM change('ALTER TABLE t ALTER COLUMN v SET EXPRESSION AS (b * 3)');
SELECT * FROM change('UPDATE t SET b = b + 1');
SELECT * FROM change('UPDATE t SET a = a + 1');
SELECT * FROM change('ALTER TABLE u ALTER COLUMN v SET EXPRESSION AS (b + 100)');
SELECT * FROM change('UPDATE u SET b = b + 1');
SELECT * FROM change('ALTER TABLE items ALTER COLUMN total SET EXPRESSION AS (price)');
SELECT * FROM change('UPDATE items SET price = price + 5');
SET andon.maintain_at = 'commit';
BEGIN;
UPDATE t SET b = b + 1;
SAVEPOINT a;
ALTER TABLE t ALTER COLUMN v SET EXPRESSION AS (a + b);
UPDATE t SET a = a + 1;
ROLLBACK TO a;
UPDATE t SET a = a + 2, b = b - 1;
COMMIT;
TABLE wrong;
BEGIN;
UPDATE t SET b = b + 1;
ALTER TABLE t ALTER COLUMN v SET EXPRESSION AS (a + b);
UPDATE t SET a = a + 1;
COMMIT;
TABLE wrong;
RESET andon.maintain_at;
-- a column that comes shows in whole rows
SELECT * FROM change('ALTER TABLE u ADD COLUMN late int GENERATED ALWAYS AS (a - b)');
SELECT * FROM change('UPDATE u SET a = a + 1');

-- parts may have expressions of their own; the table that a definition names decides
CREATE TABLE p (id int, status text, k int, a int, b int, v int GENERATED ALWAYS AS (a * 2), s int GENERATED ALWAYS AS (a * 2) STORED,
                PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE p1 PARTITION OF p (v GENERATED ALWAYS AS (b * 5)) FOR VALUES IN (1);
CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2);
INSERT INTO p VALUES (1, 'new', 1, 1, 1), (2, 'new', 2, 2, 2);
SELECT andon.create_board('gv.of_p', 'SELECT id, status, v, s FROM p', '{id}', 'status');
SELECT andon.create_board('gv.of_p1', 'SELECT id, status, v, s FROM p1', '{id}', 'status');
SELECT 'p' AS named, id, v FROM of_p UNION ALL SELECT 'p1', id, v FROM of_p1 ORDER BY 1, 2;
SELECT * FROM change('UPDATE p1 SET a = a + 1');
SELECT * FROM change('UPDATE p1 SET b = b + 1');
-- and a command for the whole goes down to them
SELECT * FROM change('ALTER TABLE p ALTER COLUMN v SET EXPRESSION AS (a * 10 + b)');
SELECT * FROM change('ALTER TABLE p ALTER COLUMN s SET EXPRESSION AS (a * 10 + b)');
SELECT * FROM change('ALTER TABLE p1 ALTER COLUMN v SET EXPRESSION AS (a - b)');
SELECT * FROM change('UPDATE p1 SET a = a + 1');
SELECT * FROM change('UPDATE p1 SET b = b + 1');

-- of the board itself: its owner may add them, and conditions for them
ALTER TABLE beside ADD COLUMN twice int GENERATED ALWAYS AS (a * 2) NOT NULL;
SELECT * FROM change('UPDATE t SET a = 7 WHERE id = 1');
SELECT * FROM change('INSERT INTO t VALUES (20, ''new'', 2, 2, 2)');
SELECT id, a, twice, item -> 'twice' AS page FROM beside JOIN andon.page('beside') ON (item ->> 'id')::int = id ORDER BY id;
\set VERBOSITY terse
UPDATE t SET a = NULL WHERE id = 1;
ALTER TABLE beside ADD CHECK (twice < 50);
UPDATE t SET a = 25 WHERE id = 1;
\set VERBOSITY default
SELECT * FROM change('UPDATE t SET a = 24 WHERE id = 1');

-- no stored row has a value to be a key or a link, or to be set
SELECT andon.create_board('gv.no', 'SELECT v, status FROM t', '{v}', 'status');
SELECT andon.create_board('gv.no', 'SELECT u.v, min(t.status) AS status FROM t JOIN u USING (v) GROUP BY u.v', '{v}', 'status');
SELECT andon.create_board('gv.no', 'SELECT t.id, t.status, u.a FROM t JOIN u ON u.id = t.w', '{id}', 'status');
SELECT andon.create_board('gv.no', 'SELECT t.id, t.status FROM t WHERE t.w IN (SELECT u.id FROM u)', '{id}', 'status');
SELECT andon.create_board('gv.no', 'SELECT t.id, t.status, x.n FROM t JOIN (SELECT i.total, count(*) AS n FROM items i GROUP BY i.total) x ON x.total = t.id', '{id}', 'status');
SELECT * FROM andon.claim('stated', 'low', 'high');
-- where another column ties the table they are conditions as others
SELECT andon.create_board('gv.tied', 'SELECT t.id, t.status, u.a FROM t JOIN u ON u.id = t.u_id AND u.v = t.w', '{id}', 'status');
SELECT * FROM change('UPDATE u SET b = -99 WHERE id = 1');
SELECT * FROM change('UPDATE t SET u_id = 1');

SET client_min_messages = warning;
DROP SCHEMA gv CASCADE;
