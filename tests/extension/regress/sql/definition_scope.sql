--
-- Links count only where they are sure to hold.
--
-- Guards: an equality is used for an alias only if it is true whenever a row
-- of that alias contributes.  Taken for the whole query, each definition below
-- would lead to a wrong key and a board that silently differs.
--
\set VERBOSITY terse
CREATE SCHEMA ds;
SET search_path = ds;
CREATE TABLE o (id int PRIMARY KEY, parent int, status text NOT NULL, g int);
CREATE TABLE vip (id int PRIMARY KEY, level int);
CREATE TABLE notes (oid int, t text);
CREATE TABLE m (id int PRIMARY KEY, oid int, path text, up int);
INSERT INTO o SELECT i, i / 2, 'NEW', i % 3 FROM generate_series(1, 8) i;
INSERT INTO vip VALUES (1, 1), (4, 2);
INSERT INTO notes VALUES (1, 'a'), (2, 'b');
INSERT INTO m SELECT i, i % 8 + 1, 'm' || i, i FROM generate_series(1, 10) i;

-- The oracle, independent of our own check.
CREATE PROCEDURE compare() LANGUAGE plpgsql AS $$
DECLARE
	cols text;
	n bigint;
BEGIN
	SELECT string_agg(quote_ident(attname), ', ') INTO cols
	  FROM pg_attribute WHERE attrelid = 'ds.b_definition'::regclass AND attnum > 0;
	EXECUTE format('SELECT (SELECT count(*) FROM (SELECT %1$s FROM ds.b_definition EXCEPT ALL SELECT %1$s FROM ds.b) x)
						 + (SELECT count(*) FROM (SELECT %1$s FROM ds.b EXCEPT ALL SELECT %1$s FROM ds.b_definition) y)', cols) INTO n;
	RAISE INFO 'rows that differ: %', n;
END $$;

-- "o.parent = o.id" holds where v has a row, not where n has one: a note
-- belongs to the orders whose *parent* it names.
SELECT andon.create_board('ds.b', $$
	SELECT o.id, o.status, v.level, string_agg(n.t, ',' ORDER BY n.t) AS notes
	  FROM o LEFT JOIN vip v ON v.id = o.id AND o.parent = o.id LEFT JOIN notes n ON n.oid = o.parent
	 GROUP BY o.id, v.level$$, '{id}', 'status');
SELECT alias, path FROM andon.explain_board('b');
INSERT INTO notes VALUES (1, 'c'), (4, 'd');
UPDATE notes SET oid = 3 WHERE t = 'b';
DELETE FROM notes WHERE t = 'a';
UPDATE o SET parent = 4 WHERE id = 4;
UPDATE vip SET level = 9;
SELECT id, level, notes FROM b ORDER BY id;
CALL compare();
SELECT andon.drop_board('b');

-- The ON of an outer join says nothing about the side that is kept: here n's
-- row stays where v has none, so "v.id = o.parent" must not carry it to o.
SELECT andon.create_board('ds.b', $$
	SELECT o.id, o.status, v.level, n.t
	  FROM o JOIN notes n ON n.t = 'c' LEFT JOIN vip v ON v.id = o.id AND v.id = n.oid$$, '{id}', 'status');

-- ... but where WHERE needs v's row, it does.
SELECT andon.create_board('ds.b', $$
	SELECT o.id, o.status, v.level, n.t
	  FROM o JOIN notes n ON n.t = 'c' LEFT JOIN vip v ON v.id = o.id AND v.id = n.oid
	 WHERE v.level = n.oid$$, '{id}', 'status');
SELECT alias, path FROM andon.explain_board('b');
SELECT id, level, t FROM b ORDER BY id;
UPDATE vip SET level = 1 WHERE id = 1;
SELECT id, level, t FROM b ORDER BY id;
UPDATE notes SET oid = 4 WHERE t = 'c';
UPDATE vip SET level = 4 WHERE id = 4;
SELECT id, level, t FROM b ORDER BY id;
CALL compare();
SELECT andon.drop_board('b');

-- nothing under OR, NOT or CASE
SELECT andon.create_board('ds.b', $$
	SELECT o.id, o.status FROM o WHERE EXISTS (SELECT FROM notes n WHERE n.oid = o.id OR n.t = 'all')$$, '{id}', 'status');
SELECT andon.create_board('ds.b', $$
	SELECT o.id, o.status FROM o WHERE EXISTS (SELECT FROM notes n WHERE NOT (n.oid <> o.id))$$, '{id}', 'status');
SELECT andon.create_board('ds.b', $$
	SELECT o.id, o.status FROM o WHERE EXISTS (SELECT FROM notes n WHERE CASE WHEN n.t = 'x' THEN true ELSE n.oid = o.id END)$$, '{id}', 'status');

-- A sublink's condition is its own: it says nothing about a neighbour.
SELECT andon.create_board('ds.b', $$
	SELECT o.id, o.status, n.t FROM o JOIN notes n ON n.t = 'c'
	 WHERE NOT EXISTS (SELECT FROM vip v WHERE v.id = o.id AND n.oid = o.id)$$, '{id}', 'status');

-- A subquery that aggregates without GROUP BY has a row also where FROM has none.
SELECT andon.create_board('ds.b', $$
	SELECT o.id, o.status, n.t, s.c
	  FROM o, notes n, LATERAL (SELECT count(*) AS c FROM m WHERE m.oid = o.id AND m.up = n.oid) s
	 WHERE n.t = 'c'$$, '{id}', 'status');

-- Choosing rows: a condition outside does not tell which rows it chose from.
SELECT andon.create_board('ds.b', $$
	SELECT o.id, o.status, l.path FROM o LEFT JOIN (SELECT oid, path FROM m ORDER BY up DESC LIMIT 3) l ON l.oid = o.id$$, '{id}', 'status');
SELECT andon.create_board('ds.b', $$
	SELECT o.id, o.status, l.path FROM o LEFT JOIN (SELECT DISTINCT ON (path) path, oid FROM m ORDER BY path, up) l ON l.oid = o.id$$, '{id}', 'status');
SELECT andon.create_board('ds.b', $$
	SELECT o.id, o.status, l.n FROM o LEFT JOIN (SELECT oid, row_number() OVER (ORDER BY up) AS n FROM m) l ON l.oid = o.id$$, '{id}', 'status');
SELECT andon.create_board('ds.b', $$
	SELECT o.id, o.status, l.n FROM o LEFT JOIN (SELECT max(oid) AS oid, count(*) AS n FROM m GROUP BY up) l ON l.oid = o.id$$, '{id}', 'status');
SELECT andon.create_board('ds.b', $$
	SELECT id, status, count(*) OVER (PARTITION BY g) AS n FROM o$$, '{id}', 'status');
-- inside the subquery it does
SELECT andon.create_board('ds.b', $$
	SELECT o.id, o.status, l.path, l.n
	  FROM o LEFT JOIN LATERAL (SELECT path, row_number() OVER (ORDER BY path) AS n FROM m WHERE m.oid = o.id ORDER BY up DESC LIMIT 1) l ON true$$, '{id}', 'status');
INSERT INTO m VALUES (11, 3, 'latest', 100), (12, 3, 'a', 1);
UPDATE m SET oid = 5 WHERE path = 'm4';
DELETE FROM m WHERE path = 'm7';
CALL compare();
SELECT andon.drop_board('b');

-- NOT IN, ALL and IN as a value: one NULL changes the answer for every row.
SELECT andon.create_board('ds.b', $$SELECT id, status FROM o WHERE id NOT IN (SELECT oid FROM notes)$$, '{id}', 'status');
SELECT andon.create_board('ds.b', $$SELECT id, status FROM o WHERE id <> ALL (SELECT oid FROM notes)$$, '{id}', 'status');
SELECT andon.create_board('ds.b', $$SELECT id, status, id IN (SELECT oid FROM notes) AS noted FROM o$$, '{id}', 'status');
SELECT andon.create_board('ds.b', $$SELECT id, status FROM o WHERE parent NOT IN (SELECT id FROM vip)$$, '{id}', 'status');
SELECT andon.create_board('ds.b', $$SELECT o.id, o.status FROM o LEFT JOIN vip v ON v.id = o.g WHERE v.id NOT IN (SELECT id FROM m)$$, '{id}', 'status');
SELECT andon.create_board('ds.b', $$SELECT id, status FROM o WHERE id NOT IN (SELECT v.id FROM m LEFT JOIN vip v ON v.id = m.oid)$$, '{id}', 'status');
-- tied by a condition inside, a NULL changes only its own order
SELECT andon.create_board('ds.b', $$SELECT id, status FROM o WHERE g NOT IN (SELECT up FROM m WHERE m.oid = o.id)$$, '{id}', 'status');
INSERT INTO m VALUES (13, 6, 'n', NULL);
SELECT id FROM b ORDER BY id;
CALL compare();
SELECT andon.drop_board('b');
-- NOT NULL on both sides
ALTER TABLE notes ALTER oid SET NOT NULL;
SELECT andon.create_board('ds.b', $$SELECT id, status, id IN (SELECT oid FROM notes) AS noted FROM o WHERE id <> ALL (SELECT id FROM vip)$$, '{id}', 'status');
INSERT INTO notes VALUES (5, 'x');
DELETE FROM vip;
SELECT id, noted FROM b ORDER BY id;
CALL compare();
SELECT andon.drop_board('b');

SET client_min_messages = warning;
DROP SCHEMA ds CASCADE;
