--
-- Somebody else's functions and operators in a schema of the board's own search_path,
-- with better matching arguments than PostgreSQL's.
-- Guards: definition, capture, mapping, refresh, check, repair, counts, explain, page,
-- trace, dwell and claim run none of them, whoever writes, whatever comes first in whose
-- search_path.
--
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
CREATE ROLE cs_owner;
CREATE ROLE cs_mallory;
CREATE SCHEMA cs;
CREATE SCHEMA open_house;
GRANT ALL ON SCHEMA cs TO cs_owner;
GRANT ALL ON SCHEMA open_house TO cs_mallory, cs_owner;
GRANT USAGE ON SCHEMA cs TO cs_mallory;
CREATE TABLE cs.customers (id int PRIMARY KEY, region text, name text);
CREATE TABLE cs.orders (id int PRIMARY KEY, customer_id int, region text, status text NOT NULL);
CREATE TABLE cs.items (order_id int, line int, kind text, price numeric, PRIMARY KEY (order_id, line));
ALTER TABLE cs.customers OWNER TO cs_owner;
ALTER TABLE cs.orders OWNER TO cs_owner;
ALTER TABLE cs.items OWNER TO cs_owner;
GRANT ALL ON cs.orders, cs.customers, cs.items TO cs_mallory;
INSERT INTO cs.customers SELECT g, 'r' || g % 3, 'c' || g FROM generate_series(1, 10) g;
INSERT INTO cs.orders SELECT g, 1 + g % 10, 'r' || (1 + g % 10) % 3, 'NEW' FROM generate_series(1, 400) g;
INSERT INTO cs.items SELECT g, l, 'k' || l % 2, g FROM generate_series(1, 400) g, generate_series(1, 2) l;
SET SESSION AUTHORIZATION cs_owner;
SET search_path = open_house, cs, pg_catalog;
SELECT andon.create_board('cs.b', $$
    SELECT o.id, o.status, c.name, (SELECT sum(i.price) FROM items i WHERE i.order_id = o.id) AS total
    FROM orders o LEFT JOIN customers c ON c.id = o.customer_id AND c.region = o.region
    WHERE o.status <> 'DONE' $$, '{id}', 'status', 'total DESC');
SELECT andon.create_board('cs.lines', $$
    SELECT order_id, line, kind, price, price > 100 AS dear FROM items $$, '{order_id,line}', 'kind');
-- a second board whose text says which schema it means by its order alone
SELECT andon.create_board('cs.kinds', $$
    SELECT i.kind, count(*) AS n, max(i.price) AS most, array_agg(i.order_id ORDER BY i.order_id, i.line) AS orders
    FROM items i GROUP BY i.kind $$, '{kind}', 'kind');
RESET SESSION AUTHORIZATION;

SET SESSION AUTHORIZATION cs_mallory;
SET search_path = open_house;
CREATE TABLE loot (who name, how text);
GRANT INSERT ON loot TO PUBLIC;
CREATE FUNCTION steal(how text) RETURNS void LANGUAGE sql AS $$ INSERT INTO open_house.loot VALUES (current_user, how) $$;
-- a function, or an operator, of this name for each of these types
CREATE PROCEDURE lay_snares() LANGUAGE plpgsql AS $$
DECLARE
    body text := 'BEGIN PERFORM open_house.steal(%L); RETURN NULL; END';
    t text;
    f text;
BEGIN
    FOREACH t IN ARRAY '{int4,int8,text,numeric,bool,name,oid,regclass,jsonb,record,tid,timestamptz}'::text[] LOOP
        FOREACH f IN ARRAY '{unnest,to_jsonb,max,count,text,int4,int8,numeric,jsonb,hashint4,hashtext,btint4cmp}'::text[] LOOP
            EXECUTE format('CREATE FUNCTION open_house.%I(%s) RETURNS int LANGUAGE plpgsql AS %L', f, t, format(body, f || t));
            CONTINUE WHEN t = 'record';
            EXECUTE format('CREATE FUNCTION open_house.%I(%s[]) RETURNS %s LANGUAGE plpgsql AS %L', f, t, t, format(body, f || t));
        END LOOP;
        EXECUTE format('CREATE FUNCTION open_house.snare(%s, %s) RETURNS bool LANGUAGE plpgsql AS %L', t, t, format(body, t));
        FOREACH f IN ARRAY '{=,<>,<,>,<=,>=,*<>,*=,-,||}'::text[] LOOP
            EXECUTE format('CREATE OPERATOR open_house.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = open_house.snare)', f, t, t);
        END LOOP;
    END LOOP;
    EXECUTE format('CREATE FUNCTION open_house.snare(int8, int4) RETURNS bool LANGUAGE plpgsql AS %L', format(body, 'int84'));
    CREATE FUNCTION open_house.snare(jsonb, text) RETURNS jsonb LANGUAGE plpgsql AS
        'BEGIN PERFORM open_house.steal(''minus''); RETURN $1; END';
    FOREACH f IN ARRAY '{=,<>,<,>,<=,>=,-}'::text[] LOOP
        EXECUTE format('CREATE OPERATOR open_house.%s (LEFTARG = int8, RIGHTARG = int4, FUNCTION = open_house.snare)', f);
    END LOOP;
    CREATE OPERATOR open_house.- (LEFTARG = jsonb, RIGHTARG = text, FUNCTION = open_house.snare);
    CREATE FUNCTION open_house.now() RETURNS timestamptz LANGUAGE plpgsql AS
        'BEGIN PERFORM open_house.steal(''now''); RETURN NULL; END';
    CREATE FUNCTION open_house.unnest(anycompatiblearray) RETURNS SETOF anycompatible LANGUAGE plpgsql AS
        'BEGIN PERFORM open_house.steal(''any''); RETURN; END';
    CREATE DOMAIN open_house.record AS pg_catalog.int4;
    CREATE DOMAIN open_house.int8 AS pg_catalog.text;
END $$;
RESET search_path;
CALL open_house.lay_snares();
-- they do catch who is careless
SET search_path = open_house, pg_catalog;
SELECT 1 = 1 AS caught;
SELECT pg_catalog.count(*) FROM loot;
TRUNCATE loot;

-- a writer who has them first, and one who has not
SET search_path = open_house, cs, pg_catalog;
UPDATE orders SET status = 'CUT' WHERE id OPERATOR(pg_catalog.=) 1;
RESET search_path;
RESET SESSION AUTHORIZATION;
UPDATE cs.orders SET status = 'SET' WHERE id < 5;
UPDATE cs.orders SET status = 'CUT';
UPDATE cs.customers SET name = name || '!' WHERE id = 3;
UPDATE cs.customers SET region = 'r9' WHERE id = 4;
UPDATE cs.items SET price = price + 1 WHERE order_id = 7;
UPDATE cs.items SET kind = 'k2', line = line + 2 WHERE order_id < 200;
DELETE FROM cs.orders WHERE id = 9;
INSERT INTO cs.orders VALUES (9, 1, 'r1', 'NEW'), (401, 2, 'r2', 'NEW');
TRUNCATE cs.items;
INSERT INTO cs.items VALUES (1, 1, 'k1', 5), (2, 1, 'k1', 500);
SET andon.maintain_at = 'commit';
UPDATE cs.orders SET status = 'SET', id = id + 1000 WHERE id > 100;
RESET andon.maintain_at;

-- the owner looks after his boards with them first
SET session_replication_role = replica;
UPDATE cs.b SET status = 'LIE' WHERE id < 50;
DELETE FROM cs.lines;
RESET session_replication_role;
SET SESSION AUTHORIZATION cs_owner;
SET search_path = open_house, pg_catalog;
SELECT pg_catalog.count(*) FROM andon.check_board('cs.b');
SELECT andon.repair_board('cs.b'), andon.repair_board('cs.lines'), andon.refresh_board('cs.kinds');
SELECT * FROM andon.counts('cs.b');
SELECT pg_catalog.count(*) FROM andon.explain_board('cs.b');
SELECT pg_catalog.count(*), pg_catalog.bool_or(cursor IS NULL) FROM andon.page('cs.b', '{SET,CUT}', NULL, 5);
SELECT item ->> 'order_id' AS "order" FROM andon.page('cs.lines', page_size => 5);
SELECT from_status, to_status FROM andon.trace('cs.b', '2');
SELECT status, entered OPERATOR(pg_catalog.>) 0 AS entered FROM andon.dwell('cs.b', '1 day');
SELECT andon.claim('cs.b', 'NEW', 'CUT', '{"region": "r5"}', 2) -> 0 ->> 'status' AS claimed;
SELECT board, state FROM andon.boards ORDER BY channel;
SELECT andon.create_board('cs.later', 'SELECT id, name FROM cs.customers', '{id}', 'name');
RESET search_path;
RESET SESSION AUTHORIZATION;
SELECT pg_temp.differences(board) FROM andon.boards WHERE definition::text LIKE 'cs.%' ORDER BY channel;
SELECT * FROM open_house.loot;
SET SESSION AUTHORIZATION cs_owner;
SET search_path = open_house, pg_catalog;
SELECT andon.drop_board('cs.b'), andon.drop_board('cs.lines'), andon.drop_board('cs.kinds'), andon.drop_board('cs.later');
RESET search_path;
RESET SESSION AUTHORIZATION;
SELECT * FROM open_house.loot;
-- what is not in C has its path pinned, what is in C looks up no name of ours by it; none is SECURITY DEFINER without
SELECT p.oid::regprocedure, prosecdef FROM pg_proc p JOIN pg_language l ON l.oid = prolang
WHERE pronamespace = 'andon'::regnamespace AND proconfig::text !~ 'search_path=pg_catalog' IS NOT FALSE AND (lanname <> 'c' OR prosecdef);
SET client_min_messages = warning;
DROP SCHEMA cs, open_house CASCADE;
DROP OWNED BY cs_owner, cs_mallory;
DROP ROLE cs_owner, cs_mallory;
