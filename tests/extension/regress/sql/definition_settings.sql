--
-- Settings that decide what a definition says, and what maintenance may not do.
-- Guards: each setting that is recorded with a board, by an expression that reads it and a
-- writer (and a check) with another value; what runs in the owner's name runs under
-- SECURITY_RESTRICTED_OPERATION; locks that are not those of users' advisory functions.
--
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
CREATE SCHEMA se;
SET search_path = se;
CREATE TABLE orders (id int PRIMARY KEY, status text NOT NULL, due timestamptz, day date, span interval, f float8,
    b bytea, words text, price money, list text, doc text, plain text);
CREATE PROCEDURE creation_settings() LANGUAGE plpgsql AS $$
BEGIN
    SET TimeZone = 'Europe/Zurich';
    SET DateStyle = 'German';
    SET IntervalStyle = 'postgres_verbose';
    SET extra_float_digits = 0;
    SET bytea_output = 'escape';
    SET default_text_search_config = 'pg_catalog.english';
    SET lc_monetary = 'C';
    SET xmloption = 'document';
    SET xmlbinary = 'hex';
    SET array_nulls = off;
    SET timezone_abbreviations = 'Australia';
    SET quote_all_identifiers = on;
END $$;
CALL creation_settings();
SELECT andon.create_board('se.b', $$
    SELECT id, status, due::text AS due, due::date AS due_day, day::text AS day, list::date AS read_day, span::text AS span,
           f::text AS f, b::text AS b, to_tsvector(words) AS words, price::text AS price,
           ('{' || words || ',NULL}')::text[] AS many, (words || ' EST')::timetz::text AS abbreviated,
           doc::xml::text AS doc, xmlelement(name x, b)::text AS x, format('%I', plain) AS formatted
    FROM orders $$, '{id}', 'status');
-- a definition that PostgreSQL calls immutable throughout
SELECT andon.create_board('se.quoted', 'SELECT id, status, quote_ident(plain) AS plain FROM orders', '{id}', 'status');
SELECT name, setting FROM pg_settings WHERE name IN ('array_nulls', 'bytea_output', 'DateStyle', 'quote_all_identifiers') ORDER BY 1;
CREATE PROCEDURE other_settings() LANGUAGE plpgsql AS $$
BEGIN
    SET TimeZone = 'Asia/Tokyo';
    SET DateStyle = 'SQL, MDY';
    SET IntervalStyle = 'iso_8601';
    SET extra_float_digits = 3;
    SET bytea_output = 'hex';
    SET default_text_search_config = 'pg_catalog.simple';
    SET lc_monetary = 'C.UTF-8';
    SET xmloption = 'content';
    SET xmlbinary = 'base64';
    SET array_nulls = on;
    SET timezone_abbreviations = 'Default';
    SET quote_all_identifiers = off;
    SET search_path = pg_catalog;
END $$;
INSERT INTO orders VALUES (1, 'NEW', '2026-03-01 23:30+00', '02.01.2026', '1 day 2 hours', 1.0 / 3, '\x01ff', '10:00', 12.5, '02.01.2026', '<a/>', 'a');
CALL other_settings();
INSERT INTO se.orders SELECT 2, 'NEW', due, day, span, f, b, words, price, list, doc, plain FROM se.orders;
UPDATE se.orders SET words = '11:00', plain = 'b' WHERE id = 2;
UPDATE se.orders SET words = '10:00', plain = 'a' WHERE id = 2;
-- who wrote which row does not show
SELECT count(*) AS rows, count(DISTINCT to_jsonb(r) - ARRAY['id', 'andon_since', 'andon_version']) AS kinds FROM se.b r;
SELECT due, due_day = '2026-03-02' AS due_day, day, read_day = '2026-01-02' AS read_day, span, f, b, words, many, abbreviated, x, formatted
FROM se.b WHERE id = 2;
SELECT id, plain FROM se.quoted ORDER BY id;
-- nor who checks and refreshes
SELECT count(*) FROM andon.check_board('se.b');
SELECT count(*) FROM andon.check_board('se.quoted');
SELECT andon.refresh_board('se.b'), andon.refresh_board('se.quoted');
SELECT current_setting('DateStyle') AS still_the_writers;
-- by EXCEPT ALL too, if the definition is read with the settings it was made with
SELECT pg_temp.differences('se.b') > 0 AS reads_otherwise;
CALL se.creation_settings();
SELECT pg_temp.differences('se.b') AS b, pg_temp.differences('se.quoted') AS quoted;
RESET ALL;
SET search_path = se;
SELECT andon.drop_board('b'), andon.drop_board('quoted');

-- a trigger of the owner's on the board, run by somebody else's statement
CREATE ROLE se_owner;
GRANT ALL ON SCHEMA se TO se_owner;
GRANT SELECT, TRIGGER ON orders TO se_owner;
SET ROLE se_owner;
SELECT andon.create_board('se.b', 'SELECT id, status FROM orders', '{id}', 'status');
CREATE FUNCTION snare() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE NEW.status;
    RETURN NULL;
END $$;
CREATE TRIGGER snare AFTER UPDATE ON b FOR EACH ROW EXECUTE FUNCTION snare();
RESET ROLE;
\set VERBOSITY terse
UPDATE orders SET status = 'SET ROLE postgres' WHERE id = 1;
UPDATE orders SET status = 'SET SESSION AUTHORIZATION DEFAULT' WHERE id = 1;
UPDATE orders SET status = 'CREATE TEMP TABLE scratch (a int)' WHERE id = 1;
UPDATE orders SET status = 'DECLARE c CURSOR WITH HOLD FOR SELECT 1' WHERE id = 1;
UPDATE orders SET status = 'DELETE FROM orders' WHERE id = 1;
\set VERBOSITY default
SELECT count(*) AS orders, pg_temp.differences('b') FROM orders;
DROP TRIGGER snare ON b;

-- advisory locks are two spaces of their users (objsubid 1 and 2), ours is another
BEGIN;
SELECT pg_advisory_xact_lock(1);
UPDATE orders SET status = 'LOCKED' WHERE id = 1;
SELECT objsubid IN (1, 2) AS users, count(*) > 0 AS some FROM pg_locks
WHERE locktype = 'advisory' AND pid = pg_backend_pid() GROUP BY 1 ORDER BY 1;
SELECT pg_advisory_unlock_all();
COMMIT;

SELECT andon.drop_board('b');
SET client_min_messages = warning;
DROP SCHEMA se CASCADE;
DROP OWNED BY se_owner;
DROP ROLE se_owner;
