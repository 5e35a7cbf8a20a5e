-- The database of tests/router/unit/sql/facts_fixture.h, for real: the statements of
-- test_classify.c run in it, as far as they can run at all.
CREATE TABLE t (id int, a int, b int, c int, d int, e int, f text, aid int, abalance int);
CREATE TABLE u (id int, a int, b int, c int, d int);
CREATE TABLE orders (id int, a int, b int, c int, d int);
CREATE SEQUENCE ids;
CREATE UNLOGGED TABLE scratch (id int);
CREATE TABLE log (what text);
CREATE FUNCTION good(b int, c int DEFAULT 1, d int DEFAULT 1) RETURNS int STABLE LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION evil(int) RETURNS int VOLATILE LANGUAGE sql AS $$ INSERT INTO log VALUES ('evil'); SELECT 1 $$;
CREATE FUNCTION mixed(int) RETURNS int STABLE LANGUAGE sql AS 'SELECT 1';
CREATE SCHEMA other;
CREATE FUNCTION other.mixed(int) RETURNS int VOLATILE LANGUAGE sql AS 'SELECT public.evil(1)';
CREATE FUNCTION rowfn(t) RETURNS int VOLATILE LANGUAGE sql AS 'SELECT evil(1)';
CREATE FUNCTION evil_check(int) RETURNS bool VOLATILE LANGUAGE sql AS 'SELECT evil(1) = 1';
CREATE DOMAIN evil_domain AS int CHECK (evil_check(VALUE));
CREATE FUNCTION evil_both(int, int) RETURNS bool VOLATILE LANGUAGE sql AS 'SELECT evil(1) = 1';
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = evil_both);
CREATE VIEW v AS SELECT id, evil(a) FROM t;
CREATE VIEW other.v AS SELECT * FROM v;
CREATE FUNCTION refill() RETURNS void LANGUAGE sql AS $$	-- after TRUNCATE and its like
	INSERT INTO t SELECT i, i, i, i, i, i, 't' || i, i, i FROM generate_series(1, 5) i WHERE NOT EXISTS (SELECT FROM t);
	INSERT INTO u SELECT i, i, i, i, i FROM generate_series(1, 5) i WHERE NOT EXISTS (SELECT FROM u);
	INSERT INTO orders SELECT i, i, i, i, i FROM generate_series(1, 5) i WHERE NOT EXISTS (SELECT FROM orders) $$;
SELECT refill();
