--
-- Keys and links of every kind of type, and columns compared as another type.
--
-- Guards: equal values need not be the same bytes (citext, numeric, char), a
-- link may compare two types, and equalities of different meaning must not be
-- chained ('a' = 'A' as citext, not as text).
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE SCHEMA dt;
SET search_path = dt, public;
CREATE EXTENSION IF NOT EXISTS citext SCHEMA public;
CREATE TYPE stage AS ENUM ('one', 'two', 'three');
CREATE DOMAIN order_no AS int CHECK (VALUE > 0);
CREATE DOMAIN short AS varchar(10);

CREATE FUNCTION difference(key text) RETURNS bigint LANGUAGE plpgsql SET search_path = dt, public AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('SELECT (SELECT count(*) FROM (SELECT k::text, d::text, status FROM b_definition WHERE k IS NOT NULL EXCEPT ALL SELECT k::text, d::text, status FROM b) a)
						 + (SELECT count(*) FROM (SELECT k::text, d::text, status FROM b EXCEPT ALL SELECT k::text, d::text, status FROM b_definition WHERE k IS NOT NULL) c)') INTO n;
	RETURN n;
END $$;

-- A key table of key type and a detail table of link type; the details'
-- changes must find the keys.
CREATE PROCEDURE try_types(keytype text, linktype text, keys text[], links text[], link text DEFAULT 'd.k = h.k') LANGUAGE plpgsql
SET search_path = dt, public AS $$
DECLARE
	line record;
	differed text := '';
	change text;
BEGIN
	EXECUTE format('CREATE TABLE head (k %s PRIMARY KEY, status text NOT NULL)', keytype);
	EXECUTE format('CREATE TABLE detail (id int PRIMARY KEY, k %s, d int)', linktype);
	EXECUTE format('INSERT INTO head SELECT k::%s, ''NEW'' FROM unnest($1) k', keytype) USING keys;
	EXECUTE format('INSERT INTO detail SELECT i, k::%s, i FROM unnest($1) WITH ORDINALITY u(k, i)', linktype) USING links;
	PERFORM andon.create_board('dt.b', 'SELECT h.k, h.status, s.d FROM head h LEFT JOIN LATERAL (SELECT sum(d) AS d FROM detail d WHERE ' || link || ') s ON true', '{k}', 'status');
	FOR line IN SELECT path, note FROM andon.explain_board('b') WHERE alias = 'd' LOOP
		RAISE INFO '% / %: %', keytype, linktype, concat_ws('  -- ', line.path, line.note);
	END LOOP;
	FOREACH change IN ARRAY ARRAY['UPDATE detail SET d = d + 100', 'DELETE FROM detail WHERE id = 1',
		'UPDATE detail SET k = (SELECT k FROM detail WHERE id = 2) WHERE id > 2', 'UPDATE head SET status = ''CUT''',
		'DELETE FROM head WHERE k = (SELECT k FROM head ORDER BY k DESC LIMIT 1)', 'UPDATE detail SET d = d + 1'] LOOP
		EXECUTE change;
		IF difference('k') > 0 THEN
			differed := differed || E'\n  differs after: ' || change;
		END IF;
	END LOOP;
	RAISE INFO '  followed to % %', (SELECT string_agg(concat_ws('=', k, d), ' ' ORDER BY k) FROM b), differed;
	PERFORM andon.drop_board('b');
	DROP TABLE head, detail;
EXCEPTION WHEN feature_not_supported THEN
	RAISE INFO '% / %: %', keytype, linktype, SQLERRM;
	DROP TABLE IF EXISTS head, detail;
END $$;

CALL try_types('int', 'int', '{1,2,3}', '{1,1,2,9}');
CALL try_types('int', 'bigint', '{1,2,3}', '{1,1,2,9999999999}');
CALL try_types('bigint', 'smallint', '{1,2,9999999999}', '{1,1,2}');
CALL try_types('order_no', 'int', '{1,2,3}', '{1,1,2,9}');
CALL try_types('int', 'order_no', '{1,2,3}', '{1,1,2,9}');
CALL try_types('text', 'varchar(5)', '{a,b,c}', '{a,a,b}');
CALL try_types('varchar(5)', 'text', '{a,b,c}', '{a,a,b,too long}');
CALL try_types('short', 'short', '{a,b,c}', '{a,a,b}');
CALL try_types('char(5)', 'char(3)', '{a,b,c}', '{a,"a  ",b}');
CALL try_types('text COLLATE "C"', 'text', '{a,B,c}', '{a,a,B}');
CALL try_types('citext', 'citext', '{A,b,c}', '{a,A,B}');
CALL try_types('citext', 'text', '{A,b,c}', '{a,A,b}');
CALL try_types('text', 'citext', '{A,a,c}', '{a,A,C}');
CALL try_types('text', 'citext', '{A,a,c}', '{a,A,C}', 'd.k = h.k::citext');
CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CALL try_types('text COLLATE caseless', 'text COLLATE caseless', '{A,b,c}', '{a,A,B}');
CALL try_types('text COLLATE caseless', 'text', '{A,b,c}', '{a,A,B}');
CALL try_types('numeric', 'numeric', '{1.0,2,3}', '{1,1.00,2.000}');
CALL try_types('uuid', 'uuid', '{00000000-0000-0000-0000-000000000001,00000000-0000-0000-0000-000000000002}', '{00000000-0000-0000-0000-000000000001,00000000-0000-0000-0000-000000000002}');
CALL try_types('stage', 'stage', '{one,two,three}', '{one,one,two}');
CALL try_types('date', 'date', '{2026-01-01,2026-01-02}', '{2026-01-01,2026-01-02}');
CALL try_types('timestamptz', 'timestamptz', '{2026-01-01 00:00+0,2026-01-02 00:00+0}', '{2026-01-01 01:00+1,2026-01-02 00:00+0}');
CALL try_types('inet', 'inet', '{10.0.0.1,10.0.0.2}', '{10.0.0.1,10.0.0.2}');
CALL try_types('jsonb', 'jsonb', '{1,2}', '{1,2}');
-- compared by a function's result: no link
CALL try_types('int', 'text', '{1,2,3}', '{1,1,2}', 'd.k::int = h.k');
CALL try_types('text', 'text', '{a,b,c}', '{A,a,b}', 'lower(d.k) = h.k');

-- citext groups 'a' and 'A' and shows one of them: equality of text does not
-- chain through such a group
CREATE TABLE head (k text PRIMARY KEY, status text NOT NULL);
CREATE TABLE detail (k citext, d int);
SELECT andon.create_board('dt.b', $$
	SELECT h.k, h.status, s.d FROM head h LEFT JOIN (SELECT k, sum(d) AS d FROM detail GROUP BY k) s ON s.k::text = h.k$$, '{k}', 'status');

DROP SCHEMA dt CASCADE;
