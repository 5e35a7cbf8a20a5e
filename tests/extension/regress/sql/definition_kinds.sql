--
-- Every kind of definition that boards promise to follow.
--
-- Guards: the list in docs/limits.md ("Definitions may use ..."). For each
-- line of it a board is made, each of its sources is changed at random (the
-- seed is fixed), a statement at a time and then several to a transaction with
-- the drain at commit, and each time the board must equal its definition, by
-- check_board() and by EXCEPT ALL both ways.
--
\set VERBOSITY terse
\set QUIET on
SET client_min_messages = error;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set file :srcdir /oracle.inc
\i :file
\set ECHO all
CREATE SCHEMA dk;
SET search_path = dk, public;
CREATE EXTENSION IF NOT EXISTS citext SCHEMA public;

CREATE TYPE stage AS ENUM ('new', 'cut', 'set', 'done');
CREATE TYPE place AS (shelf int, box text);
CREATE DOMAIN order_no AS int CHECK (VALUE >= 0);
CREATE TABLE regions (id int PRIMARY KEY, name text);
CREATE TABLE customers (id int PRIMARY KEY, name text, region_id int, tags text[], doc jsonb);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, parent_id int, status text NOT NULL, code text,
                     amount numeric, due date, during int4range, spot place,
                     fl boolean, double_amount numeric GENERATED ALWAYS AS (amount * 2) STORED);
CREATE TABLE items (order_id int, line int, product_id int, qty int, price numeric, PRIMARY KEY (order_id, line));
CREATE TABLE products (id int PRIMARY KEY, name text, price numeric);
CREATE TABLE archive (id int PRIMARY KEY, customer_id int, status text NOT NULL, code text);
CREATE TABLE drafts (id int, x int, status text NOT NULL);
CREATE TABLE rates (product_id int, rate numeric);
CREATE TABLE needed (order_id int NOT NULL, what text);
CREATE TABLE "Länder & ""Orte""" ("Id" int PRIMARY KEY, "select" text);
CREATE TABLE events (order_id int, at int, kind text, n int) PARTITION BY RANGE (at);
CREATE TABLE events_low PARTITION OF events FOR VALUES FROM (0) TO (8) PARTITION BY LIST (kind);
CREATE TABLE events_low_a PARTITION OF events_low FOR VALUES IN ('a');
-- another order of columns, and a dropped one
CREATE TABLE events_low_rest (gone text, kind text, n int, at int, order_id int);
ALTER TABLE events_low_rest DROP gone;
ALTER TABLE events_low ATTACH PARTITION events_low_rest DEFAULT;
CREATE TABLE events_high PARTITION OF events DEFAULT;
CREATE TABLE notes (order_id int, t text);
CREATE TABLE urgent_notes (until int) INHERITS (notes);
CREATE VIEW known AS SELECT c.id, c.name, r.name AS region FROM customers c LEFT JOIN regions r ON r.id = c.region_id;
CREATE VIEW counted AS SELECT order_id, count(*) AS n, sum(qty) AS qty FROM items GROUP BY order_id;
CREATE VIEW summary AS SELECT o.id, k.region, c.n FROM orders o LEFT JOIN known k ON k.id = o.customer_id LEFT JOIN counted c ON c.order_id = o.id;
CREATE TABLE by_type (k_text text, k_citext citext, k_numeric numeric, k_uuid uuid, k_stage stage, k_no order_no, status text NOT NULL, n int);
CREATE TABLE by_type_more (k_text text, k_citext citext, k_numeric numeric, k_uuid uuid, k_stage stage, k_no order_no, n int);

CREATE PROCEDURE fill() LANGUAGE sql SET search_path = dk, public AS $$
    TRUNCATE regions, customers, orders, items, products, archive, drafts, rates, needed, "Länder & ""Orte""", events,
             notes, by_type, by_type_more;
    INSERT INTO regions SELECT i, 'r' || i FROM generate_series(1, 4) i;
    INSERT INTO customers SELECT i, 'c' || i, i % 5, ARRAY['t' || i % 3], jsonb_build_object('vip', i % 2) FROM generate_series(1, 8) i;
    INSERT INTO orders SELECT i, i % 9, nullif(i % 6, 0), (enum_range(NULL::stage))[1 + i % 4], 'o' || i % 7, i * 1.5,
                              '2026-01-01'::date + i, int4range(i, i + 3), ROW(i % 4, 'b' || i)::place, i % 3 = 0
      FROM generate_series(1, 12) i;
    INSERT INTO products SELECT i, 'p' || i, i * 10 FROM generate_series(1, 6) i;
    INSERT INTO items SELECT o, l, (o + l) % 7, o * l % 5, l FROM generate_series(1, 14) o, generate_series(1, 3) l WHERE (o + l) % 4 > 0;
    INSERT INTO archive SELECT i, i % 9, 'old', 'o' || i % 7 FROM generate_series(8, 16) i;
    INSERT INTO drafts SELECT i % 15, i % 5, 'draft' FROM generate_series(1, 20) i;
    INSERT INTO rates SELECT i, i / 10.0 FROM generate_series(1, 6) i;
    INSERT INTO needed SELECT i, 'w' || i % 3 FROM generate_series(1, 12, 3) i;
    INSERT INTO "Länder & ""Orte""" SELECT i, 'l' || i FROM generate_series(1, 5) i;
    INSERT INTO events SELECT i % 13, i % 12, chr(97 + i % 3), i FROM generate_series(1, 30) i;
    INSERT INTO notes SELECT i % 14, 'n' || i % 4 FROM generate_series(1, 10) i;
    INSERT INTO urgent_notes SELECT i % 14, 'u' || i % 4, i FROM generate_series(1, 10) i;
    INSERT INTO by_type SELECT 't' || i, chr(64 + i), i, ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid,
                               (enum_range(NULL::stage))[i], i, 'new', i FROM generate_series(1, 4) i;
    INSERT INTO by_type_more SELECT 't' || i % 5, chr(96 + i % 5), ((i % 5) || '.00')::numeric, ('00000000-0000-0000-0000-' || lpad((i % 5)::text, 12, '0'))::uuid,
                                    (enum_range(NULL::stage))[i % 5], i % 5, i FROM generate_series(1, 12) i;
$$;

-- Changes: # stands for a number from 0 to 14, another one each time, ? for a word.
CREATE TABLE changes (source text, change text);
INSERT INTO changes VALUES
    ('regions', 'UPDATE regions SET name = ? WHERE id = #'), ('regions', 'DELETE FROM regions WHERE id = #'),
    ('regions', 'INSERT INTO regions VALUES (# % 5, ?)'), ('regions', 'UPDATE regions SET id = # WHERE id = #'),
    ('customers', 'UPDATE customers SET name = ? WHERE id IN (#, #)'), ('customers', 'UPDATE customers SET region_id = # % 5 WHERE id = #'),
    ('customers', 'DELETE FROM customers WHERE id = #'), ('customers', 'INSERT INTO customers VALUES (#, ?, # % 5, ARRAY[?], ''{"vip": #}'')'),
    ('customers', 'UPDATE customers SET id = # WHERE id = #'), ('customers', 'UPDATE customers SET tags = tags || ARRAY[?], doc = doc || ''{"x": #}'' WHERE id % 3 = # % 3'),
    ('orders', 'UPDATE orders SET status = ? WHERE id IN (#, #, #)'), ('orders', 'UPDATE orders SET customer_id = # WHERE id IN (#, #)'),
    ('orders', 'UPDATE orders SET parent_id = nullif(#, 0) WHERE id = #'), ('orders', 'UPDATE orders SET id = # WHERE id = #'),
    ('orders', 'DELETE FROM orders WHERE id IN (#, #)'), ('orders', 'UPDATE orders SET amount = amount + #, fl = NOT fl WHERE id % 4 = # % 4'),
    ('orders', 'INSERT INTO orders VALUES (#, #, #, ?, ?, #, ''2026-02-01'', int4range(1, 2 + #), (#, ?))'),
    ('orders', 'INSERT INTO orders (id, customer_id, status, code) SELECT i, # % 9, ?, ? FROM generate_series(#, 14, 4) i ON CONFLICT (id) DO UPDATE SET code = ?, spot = (#, ?)'),
    ('orders', 'UPDATE orders SET due = due + #, during = int4range(lower(during), upper(during) + #), spot.box = ? WHERE id = #'),
    ('items', 'UPDATE items SET qty = qty + # WHERE product_id = # % 7'), ('items', 'UPDATE items SET order_id = # WHERE order_id = # AND line = 1'),
    ('items', 'DELETE FROM items WHERE order_id = #'), ('items', 'INSERT INTO items VALUES (#, # % 5, # % 7, #, #)'),
    ('items', 'UPDATE items SET product_id = # % 7, price = # WHERE order_id IN (#, #)'), ('items', 'INSERT INTO items SELECT o, 7, # % 7, NULL, # FROM generate_series(#, 14, 3) o ON CONFLICT DO NOTHING'),
    ('products', 'UPDATE products SET price = price + #, name = ? WHERE id = # % 7'), ('products', 'DELETE FROM products WHERE id = # % 7'),
    ('products', 'INSERT INTO products VALUES (# % 7, ?, #)'),
    ('archive', 'UPDATE archive SET status = ?, code = ? WHERE id IN (#, #)'), ('archive', 'UPDATE archive SET id = # WHERE id = #'),
    ('archive', 'DELETE FROM archive WHERE id % 5 = # % 5'), ('archive', 'INSERT INTO archive VALUES (#, #, ?, ?)'),
    ('archive', 'UPDATE archive SET customer_id = # WHERE id = #'),
    ('drafts', 'UPDATE drafts SET status = ? WHERE id = #'), ('drafts', 'UPDATE drafts SET id = #, x = # % 5 WHERE id = #'),
    ('drafts', 'DELETE FROM drafts WHERE x = # % 5 AND id > #'), ('drafts', 'INSERT INTO drafts VALUES (nullif(#, 3), # % 5, ?), (#, # % 5, ?)'),
    ('rates', 'UPDATE rates SET rate = rate + # WHERE product_id = #'), ('rates', 'UPDATE rates SET rate = # * 3 WHERE product_id = #'),
    ('needed', 'UPDATE needed SET order_id = #, what = ? WHERE order_id = #'), ('needed', 'DELETE FROM needed WHERE order_id = #'),
    ('needed', 'INSERT INTO needed VALUES (#, ?), (#, ?)'),
    ('"Länder & ""Orte"""', 'UPDATE "Länder & ""Orte""" SET "select" = ? WHERE "Id" = # % 6'),
    ('"Länder & ""Orte"""', 'DELETE FROM "Länder & ""Orte""" WHERE "Id" = # % 6'),
    ('"Länder & ""Orte"""', 'INSERT INTO "Länder & ""Orte""" VALUES (# % 6, ?)'),
    ('events', 'INSERT INTO events VALUES (#, #, chr(97 + # % 3), #), (#, #, chr(97 + # % 3), #)'), ('events', 'UPDATE events SET at = # WHERE order_id = #'),
    ('events', 'UPDATE events SET kind = chr(97 + # % 3), n = # WHERE at = #'), ('events', 'UPDATE events_low SET order_id = # WHERE order_id = #'),
    ('events', 'DELETE FROM events_low_rest WHERE order_id = #'), ('events', 'UPDATE events_high SET n = # WHERE order_id % 4 = # % 4'),
    ('notes', 'UPDATE notes SET t = ? WHERE order_id = #'), ('notes', 'INSERT INTO urgent_notes VALUES (#, ?, #)'), ('notes', 'INSERT INTO notes VALUES (#, ?)'),
    ('notes', 'UPDATE urgent_notes SET order_id = # WHERE order_id = #'), ('notes', 'DELETE FROM notes WHERE order_id IN (#, #)'), ('notes', 'DELETE FROM ONLY notes WHERE order_id = #'),
    ('by_type', 'UPDATE by_type SET status = ? WHERE n = # % 6'), ('by_type', 'DELETE FROM by_type WHERE n = # % 6'),
    ('by_type', 'UPDATE by_type SET k_citext = upper(k_citext::text), k_numeric = k_numeric::numeric(8, 3) WHERE n = # % 6'),
    ('by_type', 'INSERT INTO by_type SELECT ''t'' || i, chr(64 + i), i + 0.0, (''00000000-0000-0000-0000-'' || lpad(i::text, 12, ''0''))::uuid, (enum_range(NULL::stage))[i], i, ?, i FROM (SELECT # % 6 AS i) i WHERE NOT EXISTS (SELECT FROM by_type WHERE n = i)'),
    ('by_type_more', 'UPDATE by_type_more SET n = # WHERE k_no = # % 5'), ('by_type_more', 'DELETE FROM by_type_more WHERE n = #'),
    ('by_type_more', 'UPDATE by_type_more SET k_text = ''t'' || # % 5, k_citext = chr(96 + # % 5), k_numeric = # % 5 WHERE n = #'),
    ('by_type_more', 'UPDATE by_type_more SET k_uuid = (''00000000-0000-0000-0000-'' || lpad((# % 5)::text, 12, ''0''))::uuid, k_stage = (enum_range(NULL::stage))[# % 5], k_no = # % 5 WHERE n = #'),
    ('by_type_more', 'INSERT INTO by_type_more SELECT ''t'' || i, chr(64 + i), i, (''00000000-0000-0000-0000-'' || lpad(i::text, 12, ''0''))::uuid, (enum_range(NULL::stage))[i], i, # FROM generate_series(# % 4, 5, 2) i');
-- where a part is a source by itself
INSERT INTO changes SELECT part, change FROM changes, unnest(ARRAY['events_low', 'events_high', 'urgent_notes']) part
    WHERE change ~ part OR (part ~ '^events' AND change ~ 'events ');

-- Makes one of the changes that concern these sources. Keys that are there
-- already or two rows for one key are part of the game: nothing is changed then.
CREATE FUNCTION change_something(sources text[]) RETURNS text LANGUAGE plpgsql SET search_path = dk, public AS $$
DECLARE
    template text := (SELECT change FROM changes WHERE source = ANY (sources) ORDER BY random() LIMIT 1);
    made text := '';
    piece text;
BEGIN
    FOREACH piece IN ARRAY regexp_split_to_array(template, '(?<=[#?])') LOOP
        made := made || CASE right(piece, 1)
            WHEN '#' THEN left(piece, -1) || floor(random() * 15)::int
            WHEN '?' THEN left(piece, -1) || quote_literal((ARRAY['new', 'cut', 'set', 'done', 'o1', 'o2'])[1 + floor(random() * 6)])
            ELSE piece END;
    END LOOP;
    EXECUTE made;
    RETURN made;
EXCEPTION WHEN unique_violation OR cardinality_violation THEN
    RETURN NULL;
END $$;

-- The oracle's EXCEPT ALL both ways, as one query made once: it is run often.
CREATE FUNCTION comparison(board regclass) RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT (SELECT count(*) FROM (SELECT %1$s FROM %2$s WHERE %4$s EXCEPT ALL SELECT %1$s FROM %3$s) a)'
                  ' + (SELECT count(*) FROM (SELECT %1$s FROM %3$s EXCEPT ALL SELECT %1$s FROM %2$s WHERE %4$s) b)',
                  (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = b.definition AND attnum > 0),
                  b.definition, b.board, (SELECT string_agg(quote_ident(k) || ' IS NOT NULL', ' AND ') FROM unnest(b.key) k))
      FROM andon.boards b WHERE b.board = comparison.board
$$;

CREATE FUNCTION content(board regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    EXECUTE format('SELECT md5(string_agg(whole::text, '','' ORDER BY whole::text COLLATE "C")) FROM %s whole', board) INTO found;
    RETURN found;
END $$;

-- At least 12 changes, and more until each source has moved the board, and all of them four
-- times: a source that moves nothing shows nothing.
CREATE FUNCTION pg_temp.play(kind text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    sources text[] := (SELECT array_agg(DISTINCT source::text) FROM andon.explain_board('dk.b') WHERE path IS NOT NULL);
    unmoved text[] := sources;
    source text;
    made text;
    before text;
    after text := dk.content('dk.b');
    moved int := 0;
    compare text := dk.comparison('dk.b');
    wrong bigint;
BEGIN
    FOR i IN 1 .. 300 LOOP
        EXIT WHEN i > 12 AND moved >= 4 AND unmoved = '{}';
        source := (SELECT c.source FROM dk.changes c WHERE c.source = ANY (CASE WHEN i <= 12 OR i % 3 = 0 OR unmoved = '{}' THEN sources ELSE unmoved END)
                   ORDER BY random() LIMIT 1);
        IF i % 100 = 0 THEN     -- out of a corner, such as no orders at all
            CALL dk.fill();
            after := dk.content('dk.b');
        END IF;
        before := after;
        made := dk.change_something(ARRAY[source]);
        after := dk.content('dk.b');
        IF before IS DISTINCT FROM after THEN
            moved := moved + 1;
            unmoved := array_remove(unmoved, source);
        END IF;
        EXECUTE compare INTO wrong;
        IF wrong > 0 THEN
            RETURN NEXT kind || ' differs after: ' || made;
        END IF;
    END LOOP;
    IF pg_temp.differences('dk.b') > 0 THEN
        RETURN NEXT kind || ' differs at the end';
    END IF;
    IF moved < 4 THEN
        RETURN NEXT kind || ' was hardly moved: ' || moved;
    END IF;
    IF unmoved <> '{}' THEN
        RETURN NEXT kind || ' was never moved by ' || array_to_string(unmoved, ', ');
    END IF;
END $$;

CREATE PROCEDURE play_transactions(kind text, n int) LANGUAGE plpgsql AS $$
DECLARE
    sources text[] := (SELECT array_agg(DISTINCT source::text) FROM andon.explain_board('dk.b') WHERE path IS NOT NULL);
    made text;
BEGIN
    COMMIT;
    FOR i IN 1 .. n LOOP
        SET LOCAL andon.maintain_at = 'commit';
        made := concat_ws('; ', dk.change_something(sources), dk.change_something(sources), dk.change_something(sources));
        COMMIT;
        IF pg_temp.differences('dk.b') > 0 THEN
            RAISE INFO '% differs after transaction: %', kind, made;
        END IF;
        COMMIT;
    END LOOP;
END $$;

CREATE PROCEDURE try(kind text, query text, key text[] DEFAULT '{id}', options jsonb DEFAULT '{}') LANGUAGE plpgsql AS $$
DECLARE
    message text; detail text; line text; ok boolean := true;
BEGIN
    PERFORM setseed(0.5);
    CALL dk.fill();
    BEGIN
        PERFORM andon.create_board('dk.b', query, key, 'status', options => options);
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
        RAISE INFO '% is refused: % %', kind, message, detail;
        RETURN;
    END;
    FOR line IN SELECT * FROM pg_temp.play(kind) LOOP
        RAISE INFO '%', line;
        ok := false;
    END LOOP;
    CALL dk.play_transactions(kind, 4);
    RAISE INFO '% %', kind, CASE WHEN ok THEN 'is followed' ELSE 'IS NOT' END;
    PERFORM andon.drop_board('dk.b');
    COMMIT;
END $$;

-- joins
CALL try('inner join', 'SELECT o.id, o.status, c.name FROM orders o JOIN customers c ON c.id = o.customer_id');
CALL try('left join', 'SELECT o.id, o.status, c.name FROM orders o LEFT JOIN customers c ON c.id = o.customer_id AND c.name <> ''cut''');
CALL try('right join', 'SELECT o.id, o.status, c.name FROM customers c RIGHT JOIN orders o ON c.id = o.customer_id WHERE o.status <> ''done''');
CALL try('left join, WHERE on the nullable side', 'SELECT o.id, o.status FROM orders o LEFT JOIN customers c ON c.id = o.customer_id WHERE c.id IS NULL OR c.name = ''new''');
CALL try('full join using', 'SELECT id, coalesce(o.status, a.status) AS status, o.amount, a.code FROM orders o FULL JOIN archive a USING (id)');
CALL try('full join on', 'SELECT coalesce(o.id, a.id) AS id, coalesce(o.status, a.status) AS status, o.amount, a.code FROM orders o FULL JOIN archive a ON o.id = a.id');
CALL try('full join, operands the other way round', 'SELECT coalesce(a.id, o.id) AS id, coalesce(o.status, a.status) AS status, o.amount, a.code FROM orders o FULL JOIN archive a ON o.id = a.id');
CALL try('full join of three', 'SELECT id, coalesce(o.status, a.status, n.what) AS status, o.amount, a.code FROM orders o FULL JOIN archive a USING (id) FULL JOIN (SELECT order_id AS id, min(what) AS what FROM needed GROUP BY 1) n USING (id)');
CALL try('full join, each side its own key', 'SELECT coalesce(o.id, a.id) AS id, min(coalesce(o.status, a.status)) AS status, count(a.id) AS n FROM orders o FULL JOIN archive a ON o.code = a.code GROUP BY coalesce(o.id, a.id)');
CALL try('full join, then left joins', 'SELECT coalesce(o.id, a.id) AS id, coalesce(o.status, a.status) AS status, c.name, i.n FROM orders o FULL JOIN archive a USING (id) LEFT JOIN customers c ON c.id = o.customer_id LEFT JOIN counted i ON i.order_id = coalesce(o.id, a.id)');
CALL try('full join, then an inner join of one side', 'SELECT f.id, coalesce(o.status, a.status) AS status, c.name FROM orders o FULL JOIN archive a USING (id) AS f JOIN customers c ON c.id = a.customer_id');
CALL try('full join of grouped subqueries', 'SELECT id, coalesce(d.status, i.status) AS status, d.n AS dn, i.n FROM (SELECT id, min(status) AS status, count(*) AS n FROM drafts GROUP BY id) d FULL JOIN (SELECT order_id AS id, ''item'' AS status, sum(qty) AS n FROM items GROUP BY order_id) i USING (id)');
CALL try('full join, composite key', 'SELECT order_id, line, coalesce(x.what, ''none'') AS status, i.qty FROM items i FULL JOIN (SELECT order_id, 1 AS one, id AS line, min(n.what) AS what FROM needed n JOIN products p ON p.id < 4 AND p.id = n.order_id GROUP BY 1, 3) x USING (order_id, line)', '{order_id,line}');
CALL try('full join in a subquery', 'SELECT o.id, o.status, f.n FROM orders o LEFT JOIN (SELECT order_id, coalesce(x.qty, 0) + coalesce(c.n, 0) AS n FROM (SELECT order_id, max(n) AS n FROM events GROUP BY 1) c FULL JOIN counted x USING (order_id)) f ON f.order_id = o.id');
CALL try('coalesce of two columns as the key', 'SELECT coalesce(o.parent_id, o.id) AS id, max(o.status) AS status, count(*) FROM orders o GROUP BY coalesce(o.parent_id, o.id)');
CALL try('self-join', 'SELECT o.id, o.status, p.status AS ps, g.code AS gc FROM orders o LEFT JOIN orders p ON p.id = o.parent_id LEFT JOIN orders g ON g.id = p.parent_id');
CALL try('three hops', 'SELECT o.id, o.status, r.name FROM orders o JOIN customers c ON c.id = o.customer_id JOIN regions r ON r.id = c.region_id');
CALL try('three hops, grouped', 'SELECT o.id, o.status, sum(i.qty * p.price * t.rate) AS total FROM orders o LEFT JOIN items i ON i.order_id = o.id LEFT JOIN products p ON p.id = i.product_id LEFT JOIN rates t ON t.product_id = p.id GROUP BY o.id');
CALL try('join of joins', 'SELECT o.id, o.status, count(p.id) AS n FROM orders o LEFT JOIN (items i JOIN products p ON p.id = i.product_id) ON i.order_id = o.id GROUP BY o.id');
CALL try('using and natural', 'SELECT o.id, o.status, count(x.what) AS n FROM orders o LEFT JOIN (items JOIN needed USING (order_id)) AS x ON x.order_id = o.id GROUP BY o.id');

CALL try('a link of two columns', 'SELECT o.id, o.status, count(a.code) AS n, c.name FROM orders o LEFT JOIN archive a ON a.code = o.code AND a.customer_id = o.customer_id LEFT JOIN customers c ON c.id = coalesce(o.customer_id, o.parent_id) GROUP BY o.id, c.id');
CALL try('by way of the table itself', 'SELECT o.id, o.status, (SELECT count(*) FROM orders p JOIN orders q ON q.parent_id = p.parent_id JOIN customers c ON c.id = q.customer_id WHERE p.id = o.parent_id AND c.name = ''new'') AS n, (SELECT string_agg(p.status, '','' ORDER BY p.id) FROM orders p WHERE p.parent_id = o.id) AS kids FROM orders o WHERE NOT EXISTS (SELECT FROM orders p WHERE p.customer_id = o.customer_id AND p.id > o.id)');

-- keys
CALL try('composite key', 'SELECT i.order_id, i.line, o.status, i.qty FROM items i JOIN orders o ON o.id = i.order_id', '{order_id,line}');
CALL try('text key', 'SELECT t.k_text AS k, t.status, (SELECT sum(n) FROM by_type_more m WHERE m.k_text = t.k_text) AS n FROM by_type t', '{k}');
CALL try('citext key', 'SELECT t.k_citext AS k, t.status, (SELECT sum(n) FROM by_type_more m WHERE m.k_citext = t.k_citext) AS n FROM by_type t', '{k}');
CALL try('numeric key', 'SELECT t.k_numeric AS k, t.status, m.n FROM by_type t LEFT JOIN (SELECT k_numeric, sum(n) AS n FROM by_type_more GROUP BY 1) m ON m.k_numeric = t.k_numeric', '{k}');
CALL try('uuid key', 'SELECT t.k_uuid AS k, t.status, sum(m.n) AS n FROM by_type t LEFT JOIN by_type_more m ON m.k_uuid = t.k_uuid GROUP BY t.k_uuid, t.status', '{k}');
CALL try('enum key', 'SELECT t.k_stage AS k, t.status, sum(m.n) AS n FROM by_type t LEFT JOIN by_type_more m ON m.k_stage = t.k_stage GROUP BY t.k_stage, t.status', '{k}');
CALL try('domain key', 'SELECT t.k_no AS k, t.status, sum(m.n) AS n FROM by_type t LEFT JOIN by_type_more m ON m.k_no = t.k_no GROUP BY t.k_no, t.status', '{k}');
CALL try('composite key of several types', 'SELECT t.k_citext, t.k_numeric, t.k_stage, t.status, sum(m.n) AS n FROM by_type t LEFT JOIN by_type_more m USING (k_citext, k_numeric, k_stage) GROUP BY 1, 2, 3, 4', '{k_citext,k_numeric,k_stage}');
CALL try('odd identifiers', 'SELECT o.id AS "Schlüssel ""№""", o.status, l."select" AS "WHERE" FROM orders o LEFT JOIN "Länder & ""Orte""" l ON l."Id" = o.customer_id', '{"Schlüssel \"№\""}');

-- aggregates
CALL try('plain aggregates', 'SELECT o.id, o.status, count(*) AS c, count(qty) AS cq, sum(qty) AS s, avg(qty) AS a, min(qty) AS mi, max(price) AS ma, bool_and(qty > 1) AS ba, bool_or(qty > 1) AS bo, every(qty > 0) AS e, bit_and(qty) AS bia, bit_or(qty) AS bio, bit_xor(qty) AS bix, any_qty.v FROM orders o LEFT JOIN items i ON i.order_id = o.id LEFT JOIN LATERAL (SELECT max(line) AS v FROM items WHERE order_id = o.id) any_qty ON true GROUP BY o.id, any_qty.v');
CALL try('collecting aggregates', 'SELECT o.id, o.status, array_agg(qty ORDER BY line) AS a, string_agg(qty::text, '','' ORDER BY line DESC) AS s, jsonb_agg(price ORDER BY line) AS j, jsonb_object_agg(line, qty) FILTER (WHERE line IS NOT NULL) AS o, range_agg(int4range(line, line + 1)) AS r, xmlagg(xmlelement(name x, qty) ORDER BY line)::text AS x FROM orders o LEFT JOIN items i ON i.order_id = o.id GROUP BY o.id');
CALL try('statistical aggregates', 'SELECT o.id, o.status, stddev(qty)::numeric(12, 4) AS sd, var_pop(qty)::numeric(12, 4) AS v, corr(qty, line)::numeric(12, 4) AS c, regr_slope(qty, line)::numeric(12, 4) AS r FROM orders o LEFT JOIN items i ON i.order_id = o.id GROUP BY o.id');
CALL try('ordered-set aggregates', 'SELECT o.id, o.status, percentile_cont(0.5) WITHIN GROUP (ORDER BY qty) AS p, percentile_disc(0.5) WITHIN GROUP (ORDER BY price) AS d, mode() WITHIN GROUP (ORDER BY product_id) AS m, rank(3) WITHIN GROUP (ORDER BY qty) AS r FROM orders o LEFT JOIN items i ON i.order_id = o.id GROUP BY o.id');
CALL try('the other aggregates', 'SELECT o.id, o.status, json_agg(qty ORDER BY line)::text AS j, json_object_agg(line, qty ORDER BY line) FILTER (WHERE line IS NOT NULL)::text AS jo, range_intersect_agg(int4range(0, line)) AS ri, stddev_pop(qty)::numeric(12, 4) AS sp, variance(qty)::numeric(12, 4) AS v, covar_pop(qty, line)::numeric(12, 4) AS cp, covar_samp(qty, line)::numeric(12, 4) AS cs, regr_count(qty, line) AS rc, regr_r2(qty, line)::numeric(12, 4) AS r2, regr_intercept(qty, line)::numeric(12, 4) AS ri2, regr_avgx(qty, line)::numeric(12, 4) AS rx, regr_sxy(qty, line)::numeric(12, 4) AS sxy, dense_rank(3) WITHIN GROUP (ORDER BY qty) AS dr, percent_rank(3) WITHIN GROUP (ORDER BY qty)::numeric(12, 4) AS pr, cume_dist(3) WITHIN GROUP (ORDER BY qty)::numeric(12, 4) AS cd, percentile_disc(ARRAY[0.2, 0.8]) WITHIN GROUP (ORDER BY price) AS pd FROM orders o LEFT JOIN items i ON i.order_id = o.id GROUP BY o.id');
CALL try('more aggregates', 'SELECT o.id, o.status, regr_avgy(qty, line)::numeric(12, 4) AS ry, regr_sxx(qty, line)::numeric(12, 4) AS sxx, regr_syy(qty, line)::numeric(12, 4) AS syy, stddev_samp(qty)::numeric(12, 4) AS ss, var_samp(qty)::numeric(12, 4) AS vs, array_agg(ARRAY[line, qty] ORDER BY line) AS aa, string_agg(int4send(qty), ''\x00'' ORDER BY line) AS b, range_agg(int4multirange(int4range(line, line + 1), int4range(5, 5 + qty))) AS ra, range_intersect_agg(int4multirange(int4range(0, line + 1), int4range(7, 9))) AS ri FROM orders o LEFT JOIN items i ON i.order_id = o.id AND i.qty >= 0 GROUP BY o.id');
CALL try('aggregates that PostgreSQL 16 brought', CASE WHEN current_setting('server_version_num')::int < 160000
    THEN 'SELECT o.id, o.status, max(c.name) AS n, jsonb_agg(qty ORDER BY line) AS a, jsonb_object_agg(line, qty) FILTER (WHERE line IS NOT NULL) AS jo FROM orders o LEFT JOIN customers c ON c.id = o.customer_id LEFT JOIN items i ON i.order_id = o.id GROUP BY o.id'
    ELSE 'SELECT o.id, o.status, any_value(c.name) AS n, json_arrayagg(qty ORDER BY line NULL ON NULL RETURNING jsonb) AS a, json_objectagg(line VALUE qty RETURNING jsonb) FILTER (WHERE line IS NOT NULL) AS jo FROM orders o LEFT JOIN customers c ON c.id = o.customer_id LEFT JOIN items i ON i.order_id = o.id GROUP BY o.id' END);
CALL try('FILTER, DISTINCT and ORDER BY', 'SELECT o.id, o.status, count(*) FILTER (WHERE qty > 2) AS f, count(DISTINCT product_id) AS d, array_agg(DISTINCT product_id ORDER BY product_id DESC) AS a, sum(DISTINCT qty) FILTER (WHERE line < 3) AS s FROM orders o LEFT JOIN items i ON i.order_id = o.id GROUP BY o.id');
CALL try('HAVING', 'SELECT o.id, o.status, count(*) AS n FROM orders o JOIN items i ON i.order_id = o.id GROUP BY o.id HAVING sum(qty) > 5 AND bool_or(line < 3)');

-- expressions
CALL try('CASE', 'SELECT o.id, CASE WHEN o.status = ''done'' THEN ''closed'' WHEN c.name = ''new'' THEN ''fresh'' ELSE o.status END AS status, CASE o.fl WHEN true THEN c.name END AS n FROM orders o LEFT JOIN customers c ON c.id = o.customer_id');
CALL try('expressions', 'SELECT o.id, upper(o.status) AS status, coalesce(amount, 0) * 2 + 1 AS a, due - ''2026-01-01''::date AS d, to_char(due, ''DD Month'') AS c, code ~ ''1$'' AS re, greatest(amount, 5) AS g, nullif(code, ''o1'') AS nu, amount IN (1, 2, 3) AS isin, amount BETWEEN 2 AND 8 AS b, (id, code) < (5, ''o3'') AS row_less FROM orders o');
CALL try('scalar subquery', 'SELECT o.id, o.status, (SELECT name FROM customers c WHERE c.id = o.customer_id) AS name, (SELECT count(*) FROM items i JOIN products p ON p.id = i.product_id WHERE i.order_id = o.id AND p.price > 20) AS n FROM orders o');
CALL try('scalar subquery in WHERE', 'SELECT o.id, o.status FROM orders o WHERE (SELECT sum(qty) FROM items i WHERE i.order_id = o.id) > 3');
CALL try('EXISTS', 'SELECT o.id, o.status, EXISTS (SELECT FROM needed n WHERE n.order_id = o.id) AS needed FROM orders o WHERE EXISTS (SELECT FROM items i JOIN products p ON p.id = i.product_id WHERE i.order_id = o.id AND p.price > 15)');
CALL try('NOT EXISTS', 'SELECT o.id, o.status FROM orders o WHERE NOT EXISTS (SELECT FROM needed n WHERE n.order_id = o.id) OR NOT EXISTS (SELECT FROM customers c WHERE c.id = o.customer_id AND NOT EXISTS (SELECT FROM regions r WHERE r.id = c.region_id))');
CALL try('IN', 'SELECT o.id, o.status FROM orders o WHERE o.id IN (SELECT order_id FROM items WHERE qty > 2) AND o.customer_id = ANY (SELECT id FROM customers WHERE name <> ''cut'')');
CALL try('NOT IN and IN as a value, NOT NULL both', 'SELECT o.id, o.status, o.id IN (SELECT order_id FROM needed) AS v FROM orders o WHERE o.id NOT IN (SELECT id FROM archive WHERE status = ''new'')');
CALL try('conditions of an outer level', 'SELECT o.id, o.status, (SELECT sum((SELECT max(c.region_id) FROM customers c WHERE c.id = o.customer_id) + i.qty) FROM items i WHERE i.order_id = o.id) AS v FROM orders o WHERE o.code = ANY (ARRAY(SELECT n.what FROM needed n WHERE n.order_id = o.id)) IS NOT TRUE');
CALL try('NOT IN and ALL tied inside', 'SELECT o.id, o.status FROM orders o WHERE o.code NOT IN (SELECT n.what FROM needed n WHERE n.order_id = o.id) AND o.customer_id >= ALL (SELECT i.qty FROM items i WHERE i.order_id = o.id)');
CALL try('ARRAY of a subquery', 'SELECT o.id, o.status, ARRAY(SELECT p.name FROM items i JOIN products p ON p.id = i.product_id WHERE i.order_id = o.id ORDER BY i.line) AS p FROM orders o');
CALL try('row comparison with a subquery', 'SELECT i.order_id, i.line, ''x''::text AS status FROM items i WHERE (i.order_id, i.line) IN (SELECT order_id, length(what) FROM needed)', '{order_id,line}');

-- subqueries
CALL try('CTE', 'WITH t AS (SELECT order_id, sum(qty) AS q FROM items GROUP BY order_id), u AS (SELECT t.order_id, t.q, n.what FROM t JOIN needed n USING (order_id)) SELECT o.id, o.status, t.q, (SELECT min(what) FROM u WHERE u.order_id = o.id) AS w FROM orders o LEFT JOIN t ON t.order_id = o.id');
CALL try('materialized CTE', 'WITH t AS MATERIALIZED (SELECT order_id, sum(qty) AS q FROM items GROUP BY order_id) SELECT o.id, o.status, t.q FROM orders o LEFT JOIN t ON t.order_id = o.id');
CALL try('CTE not materialized, used twice', 'WITH t AS NOT MATERIALIZED (SELECT order_id, sum(qty) AS q, count(*) AS n FROM items GROUP BY order_id) SELECT o.id, o.status, t.q, p.n FROM orders o LEFT JOIN t ON t.order_id = o.id LEFT JOIN t p ON p.order_id = o.parent_id');
CALL try('LATERAL with LIMIT 1', 'SELECT o.id, o.status, l.n, l.kind FROM orders o LEFT JOIN LATERAL (SELECT n, kind FROM events e WHERE e.order_id = o.id ORDER BY at DESC, n DESC, kind LIMIT 1) l ON true');
CALL try('LATERAL over two tables with LIMIT 1', 'SELECT o.id, o.status, l.* FROM orders o CROSS JOIN LATERAL (SELECT p.name, p.price FROM items i JOIN products p ON p.id = i.product_id WHERE i.order_id = o.id ORDER BY p.price DESC, p.id LIMIT 1) l');
CALL try('LATERAL in LATERAL, WITH TIES', 'SELECT o.id, o.status, l.m, l.pn, (SELECT array_agg(n ORDER BY n) FROM (SELECT n FROM events e WHERE e.order_id = o.id ORDER BY at DESC FETCH FIRST 1 ROW WITH TIES) t) AS a FROM orders o LEFT JOIN LATERAL (SELECT max(i.qty) AS m, min(p.pn) AS pn FROM items i LEFT JOIN LATERAL (SELECT p.name || o.status AS pn FROM products p WHERE p.id = i.product_id ORDER BY p.price DESC LIMIT 1) p ON true WHERE i.order_id = o.id) l ON true');
CALL try('DISTINCT ON the key', 'SELECT DISTINCT ON (o.id) o.id, o.status, e.n FROM orders o LEFT JOIN events e ON e.order_id = o.id ORDER BY o.id, e.at DESC, e.n, e.kind');
CALL try('DISTINCT ON in a subquery', 'SELECT o.id, o.status, e.n FROM orders o LEFT JOIN (SELECT DISTINCT ON (order_id) order_id, n FROM events ORDER BY order_id, at DESC, n, kind) e ON e.order_id = o.id');
CALL try('DISTINCT', 'SELECT DISTINCT e.order_id AS id, o.status FROM events e JOIN orders o ON o.id = e.order_id');
CALL try('windows by the key', 'SELECT order_id AS id, before, place, total, r, h, f, ''x''::text AS status FROM (SELECT order_id, coalesce(lag(qty) OVER w, 0) AS before, row_number() OVER w AS place, sum(qty) OVER (PARTITION BY order_id) AS total, rank() OVER (PARTITION BY order_id ORDER BY qty DESC) AS r, ntile(2) OVER w AS h, first_value(line) OVER (w ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS f FROM items WINDOW w AS (PARTITION BY order_id ORDER BY line)) x WHERE place = 2');
CALL try('a row chosen by a window', 'SELECT id, status, n FROM (SELECT o.id, o.status, e.n, row_number() OVER (PARTITION BY o.id ORDER BY e.at, e.n, e.kind) AS place FROM orders o LEFT JOIN events e ON e.order_id = o.id) x WHERE place = 1');
CALL try('functions in FROM over linked columns', 'SELECT o.id, o.status, count(g) AS n, max(ord) AS m, string_agg(k || v, '','' ORDER BY k) AS s FROM orders o LEFT JOIN customers c ON c.id = o.customer_id LEFT JOIN LATERAL ROWS FROM (unnest(c.tags), generate_series(1, 2)) WITH ORDINALITY g (t, n, ord) ON true LEFT JOIN LATERAL jsonb_each_text(c.doc) AS x (k, v) ON true GROUP BY o.id');
CALL try('function in FROM', 'SELECT o.id, o.status, count(g) AS n, max(g) AS m FROM orders o LEFT JOIN LATERAL generate_series(1, least(o.customer_id, 4)) g ON true GROUP BY o.id');
CALL try('VALUES', 'SELECT o.id, v.label AS status FROM orders o JOIN (VALUES (''new'', ''N''), (''cut'', ''C''), (''set'', ''S'')) v (s, label) ON v.s = o.status');

-- set operations
CALL try('UNION ALL', 'SELECT id, status, code FROM orders WHERE id <= 9 UNION ALL SELECT id, status, code FROM archive WHERE id > 9');
CALL try('UNION ALL of joins', 'SELECT o.id, o.status, c.name FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.id <= 9 UNION ALL SELECT a.id, a.status, r.region FROM archive a LEFT JOIN known r ON r.id = a.customer_id WHERE a.id > 9');
CALL try('UNION', 'SELECT id, min(status) AS status FROM (SELECT id, status FROM drafts UNION SELECT id, status FROM archive) u GROUP BY id');
CALL try('UNION ALL of three, grouped', 'SELECT u.id, max(u.status) AS status, count(*) AS n, sum(u.q) AS q FROM (SELECT id, status, 1 AS q FROM orders UNION ALL (SELECT id, status, x FROM drafts UNION ALL SELECT order_id, what, 0 FROM needed)) u GROUP BY u.id');
CALL try('UNION ALL joined by the key', 'SELECT o.id, o.status, u.n FROM orders o LEFT JOIN (SELECT order_id, count(*) AS n FROM (SELECT order_id, n FROM events UNION ALL SELECT order_id, qty FROM items) e GROUP BY order_id) u ON u.order_id = o.id');
CALL try('UNION ALL on the way to the key', 'SELECT u.id, u.status, c.name, r.name AS region FROM (SELECT id, status, customer_id FROM orders WHERE id < 9 UNION ALL SELECT id, status, customer_id FROM archive WHERE id >= 9) u JOIN customers c ON c.id = u.customer_id LEFT JOIN regions r ON r.id = c.region_id');
CALL try('UNION ALL in LATERAL', 'SELECT o.id, o.status, l.n FROM orders o LEFT JOIN LATERAL (SELECT n FROM events e WHERE e.order_id = o.id UNION ALL SELECT qty FROM items i WHERE i.order_id = o.id ORDER BY 1 DESC NULLS LAST LIMIT 1) l ON true');
CALL try('UNION ALL in EXISTS and IN', 'SELECT o.id, o.status, EXISTS (SELECT 1 FROM needed n WHERE n.order_id = o.id UNION ALL SELECT 2 FROM drafts d WHERE d.id = o.id) AS e FROM orders o WHERE o.id IN (SELECT order_id FROM items WHERE qty > 1 UNION SELECT id FROM archive)');
CALL try('INTERSECT', 'SELECT i.id, max(o.status) AS status FROM (SELECT id FROM drafts INTERSECT SELECT order_id FROM items) i LEFT JOIN orders o ON o.id = i.id GROUP BY i.id');
CALL try('UNION ALL under a view and a CTE', 'WITH everything AS (SELECT order_id, t FROM notes UNION ALL SELECT order_id, what FROM needed) SELECT s.id, coalesce(s.region, ''none'') AS status, s.n, string_agg(e.t, '','' ORDER BY e.t) AS t FROM summary s LEFT JOIN everything e ON e.order_id = s.id GROUP BY s.id, s.region, s.n');
CALL try('UNION ALL of composite keys', 'SELECT order_id, line, ''item'' AS status, qty FROM items WHERE line < 5 UNION ALL SELECT order_id, at, kind, count(*)::int FROM events WHERE at > 5 AND kind = ''a'' GROUP BY 1, 2, 3', '{order_id,line}');

-- sources
CALL try('view', 'SELECT o.id, o.status, k.name, k.region FROM orders o LEFT JOIN known k ON k.id = o.customer_id');
CALL try('nested views', 'SELECT s.id, coalesce(s.region, ''none'') AS status, s.n FROM summary s');
CALL try('partitions of several levels', 'SELECT order_id AS id, max(kind) AS status, count(*) AS n, sum(n) AS s FROM events GROUP BY order_id');
CALL try('inheritance children', 'SELECT o.id, o.status, array_agg(t ORDER BY t) AS t FROM orders o LEFT JOIN notes n ON n.order_id = o.id GROUP BY o.id');
CALL try('a whole and its parts', 'SELECT o.id, o.status, (SELECT count(*) FROM events e WHERE e.order_id = o.id) AS a, (SELECT count(*) FROM events_high h WHERE h.order_id = o.id) AS b, (SELECT count(*) FROM events_low l WHERE l.order_id = o.id) AS c, (SELECT count(*) FROM urgent_notes n WHERE n.order_id = o.id) AS d, (SELECT count(*) FROM notes n WHERE n.order_id = o.id) AS e FROM orders o');
CALL try('ONLY the parent', 'SELECT o.id, o.status, array_agg(t ORDER BY t) AS t FROM orders o LEFT JOIN ONLY notes n ON n.order_id = o.id GROUP BY o.id');
CALL try('generated column', 'SELECT id, status, double_amount FROM orders WHERE double_amount > 8');
CALL try('generated columns as key and link', 'SELECT o.double_amount AS id, min(o.status) AS status, count(t.rate) AS n FROM orders o LEFT JOIN rates t ON t.rate = o.double_amount GROUP BY o.double_amount');
CALL try('whole rows', 'SELECT o.id, o.status, o AS r, to_jsonb(c) AS c, (c).name AS n FROM orders o LEFT JOIN customers c ON c.id = o.customer_id');
CALL try('whole row of a join', 'SELECT o.id, o.status, count(x) AS n, min(x::text) AS x FROM orders o JOIN (items i JOIN products p ON p.id = i.product_id) AS x (order_id) ON x.order_id = o.id GROUP BY o.id');
CALL try('jsonb, array, range and composite columns', 'SELECT o.id, o.status, c.tags, c.doc, c.doc ->> ''vip'' AS vip, c.tags[1] AS tag, o.during, upper(o.during) AS u, o.spot, (o.spot).box FROM orders o LEFT JOIN customers c ON c.id = o.customer_id WHERE NOT o.during @> 100 OR o.during IS NULL');
CALL try('static source', 'SELECT o.id, o.status, sum(i.qty * r.rate) AS total, (SELECT max(rate) FROM rates) AS m FROM orders o LEFT JOIN items i ON i.order_id = o.id LEFT JOIN rates r ON r.product_id = i.product_id GROUP BY o.id', options => '{"static": ["dk.rates"]}');
CALL try('columns with the names of our own aliases', 'SELECT id AS b, status, customer_id AS d, parent_id AS k, code AS s, amount AS h, due AS v FROM orders', '{b,k}');

-- columns without an equality, which EXCEPT cannot compare: by their texts
CALL fill();
CREATE TABLE odd (id int PRIMARY KEY, status text, j json, x xml, p point, l line);
SELECT andon.create_board('dk.b', 'SELECT o.*, (SELECT json_agg(i.qty ORDER BY i.line) FROM dk.items i WHERE i.order_id = o.id) AS js FROM dk.odd o', '{id}', 'status');
INSERT INTO odd VALUES (1, 'new', '{"a":1}', '<a/>', '(0,0)', '{1,2,3}'), (2, 'new', NULL, NULL, NULL, NULL);
UPDATE odd SET j = '{"a": 1}', p = '(0,1)' WHERE id = 1;
UPDATE items SET qty = 9 WHERE order_id = 2;
SELECT id, j, x, p, l, js FROM b ORDER BY id;
SELECT (b.id, b.status, b.j, b.x, b.p, b.l, b.js)::text = d::text AS same FROM b JOIN b_definition d USING (id);
SELECT count(*) FROM andon.check_board('dk.b');
SET session_replication_role = replica;
UPDATE b SET p = '(5,5)' WHERE id = 1;
RESET session_replication_role;
SELECT key, problem FROM andon.check_board('dk.b');
SELECT andon.repair_board('dk.b');
SELECT andon.drop_board('dk.b');

-- ... which a problem's key and rows are told by, too
SELECT andon.create_board('dk.b', 'SELECT id AS k, status, customer_id AS d, parent_id AS b FROM dk.orders WHERE id < 3', '{k}', 'status');
ALTER TABLE dk.orders DISABLE TRIGGER USER;
UPDATE dk.orders SET customer_id = 77 WHERE id = 1;
SELECT key, problem, expected, actual - 'andon_since' AS actual FROM andon.check_board('dk.b');
SELECT andon.drop_board('dk.b');

DROP SCHEMA dk CASCADE;
