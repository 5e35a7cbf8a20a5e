-- What shops, CRMs and MES send: dashboards, forms, queues, the SQL that Hibernate, Django,
-- ActiveRecord, Prisma, Entity Framework and SQLAlchemy write, BI tools and psql's \d. A blank line ends a
-- statement; "-- params: [...]" gives the values of $1 ..., as JSON. What is not marked, and can run on a
-- replica, must be sent to one; "-- primary" marks what stays on the primary for a reason it has.

select this_.id as id1_3_0_, this_.customer_id as customer2_3_0_, this_.status as status3_3_0_ from orders this_ where this_.customer_id=$1 order by this_.id asc limit $2
-- params: [7, 10]

select o1_0.id, o1_0.price, c1_0.id, c1_0.name from orders o1_0 left join customers c1_0 on c1_0.id=o1_0.customer_id where o1_0.status=$1::order_status and o1_0.price > $2 fetch first $3 rows only
-- params: ["STARTED", 100, 5]

select count(o1_0.id) from orders o1_0 where o1_0.due between $1 and $2
-- params: ["2026-01-01", "2026-03-01"]

select o1_0.id, o1_0.status from orders o1_0 where o1_0.id=$1 for no key update
-- params: [3]

select nextval('invoice_numbers')

insert into audit (what) values ($1)
-- params: ["hibernate"]

update orders set priority=$1 where id=$2
-- params: [3, 5]

delete from audit where what=$1
-- params: ["nothing"]

SELECT "orders"."id", "orders"."status", "customers"."id", "customers"."name" FROM "orders" INNER JOIN "customers" ON ("orders"."customer_id" = "customers"."id") WHERE ("orders"."price" >= 100.00 AND NOT ("orders"."status" = 'CLOSED' AND "orders"."status" IS NOT NULL)) ORDER BY "orders"."created_at" DESC LIMIT 21

SELECT COUNT(*) AS "__count" FROM "orders" WHERE "orders"."created_at" >= '2026-01-02T00:00:00+00:00'::timestamptz

SELECT (1) AS "a" FROM "customers" WHERE UPPER("customers"."name"::text) LIKE UPPER('%omer 1%') LIMIT 1

SELECT DATE_TRUNC('day', "orders"."created_at" AT TIME ZONE 'Europe/Berlin') AS "day", SUM("orders"."price") AS "total" FROM "orders" GROUP BY 1 ORDER BY 1

SELECT "customers"."id", COUNT("orders"."id") FILTER (WHERE "orders"."status" = 'SHIPPED') AS "n" FROM "customers" LEFT OUTER JOIN "orders" ON ("customers"."id" = "orders"."customer_id") GROUP BY "customers"."id" HAVING COUNT("orders"."id") > 1

INSERT INTO "audit" ("what") VALUES ('django') RETURNING "audit"."at"

SELECT "jobs"."id" FROM "jobs" WHERE "jobs"."state" = 'queued' ORDER BY "jobs"."id" LIMIT 1 FOR UPDATE SKIP LOCKED

UPDATE jobs SET state = 'running', locked_by = 7 WHERE id = (SELECT id FROM jobs WHERE state = 'queued' ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1) RETURNING *

SELECT pg_try_advisory_lock(42)

SELECT pg_advisory_xact_lock(hashtext('orders'))

SELECT "orders".* FROM "orders" WHERE "orders"."customer_id" IN ($1, $2, $3) /*application:Shop,controller:orders,action:index*/
-- params: [1, 2, 3]

SELECT DISTINCT "customers".*, orders.created_at AS alias_0 FROM "customers" INNER JOIN "orders" ON "orders"."customer_id" = "customers"."id" ORDER BY orders.created_at DESC LIMIT $1 OFFSET $2
-- params: [10, 0]

SELECT 1 AS one FROM "customers" WHERE "customers"."email" = $1 LIMIT $2
-- params: ["c1@example.com", 1]

SELECT "public"."orders"."id", "public"."orders"."price" FROM "public"."orders" WHERE ("public"."orders"."id" = $1 AND 1=1) LIMIT $2 OFFSET $3
-- params: [1, 1, 0]

SELECT "t0"."id", COALESCE("t1"."_aggr_count", 0) AS "_aggr_count" FROM "public"."customers" AS "t0" LEFT JOIN (SELECT "public"."orders"."customer_id", COUNT(*) AS "_aggr_count" FROM "public"."orders" WHERE 1=1 GROUP BY "public"."orders"."customer_id") AS "t1" ON ("t0"."id" = "t1"."customer_id") WHERE 1=1

SELECT COALESCE(JSONB_AGG("__prisma_data__"), '[]') FROM (SELECT JSONB_BUILD_OBJECT('id', "t1"."id", 'items', (SELECT JSONB_AGG(i.article) FROM order_items i WHERE i.order_id = t1.id)) AS "__prisma_data__" FROM (SELECT * FROM orders ORDER BY id LIMIT 5) AS "t1") AS "t2"

SELECT o."id", o."price", CASE WHEN o."price" > 100.0 THEN TRUE ELSE FALSE END AS "Big" FROM "orders" AS o WHERE EXISTS (SELECT 1 FROM "order_items" AS i WHERE o."id" = i."order_id" AND i."quantity" > 2) ORDER BY o."id" LIMIT 10

SELECT o.id FROM orders AS o WHERE o.id = ANY ($1) AND date_part('year', o.created_at AT TIME ZONE 'UTC')::int = 2026
-- params: ["{1,2,3}"]

SELECT anon_1.id, anon_1.rank FROM (SELECT orders.id AS id, rank() OVER (PARTITION BY orders.customer_id ORDER BY orders.price DESC) AS rank FROM orders) AS anon_1 WHERE anon_1.rank <= 2

WITH RECURSIVE days(d) AS (SELECT date '2026-01-01' UNION ALL SELECT d + 1 FROM days WHERE d < date '2026-01-31') SELECT d, count(orders.id) FROM days LEFT OUTER JOIN orders ON orders.due = d GROUP BY d ORDER BY d

SELECT customers.name FROM customers WHERE customers.tags @> ARRAY['t1'] AND customers.tags && '{t1,t2}' AND 't1' = ANY (customers.tags)

SELECT profile ->> 'vip', profile #>> '{n}', profile -> 'n', profile @> '{"vip": true}', profile ? 'vip', jsonb_path_exists(profile, '$.n ? (@ > 3)') FROM customers LIMIT 5

SELECT id, (home).city, (customers.home).zip FROM customers WHERE (home).city = 'City 1'

SELECT name FROM customers WHERE search @@ plainto_tsquery('simple', 'customer') ORDER BY ts_rank(search, plainto_tsquery('simple', 'customer')) DESC LIMIT 3

SELECT c.customer_label FROM customers c LIMIT 2

SELECT customer_label(customers) FROM customers LIMIT 2

SELECT * FROM open_orders WHERE priority > 5 ORDER BY due LIMIT 20

SELECT o.id, t.total, order_total(o.id), discounted(t.total, 0.1) FROM orders o JOIN order_totals t ON t.order_id = o.id WHERE o.id < 10

SELECT * FROM overdue(3) ORDER BY id LIMIT 5

SELECT * FROM overdue() AS late(id) WHERE late.id < 50

SELECT * FROM sales

REFRESH MATERIALIZED VIEW sales

SELECT * FROM audited_orders LIMIT 1

SELECT record_view(id) FROM orders WHERE id = 1

SELECT 'a' =?= 'b'

SELECT next_invoice()

CALL close_orders()

SELECT trust_me()

SELECT product(discount) FROM partners

SELECT * FROM notes ORDER BY id

INSERT INTO notes (id, body) VALUES (1000, 'mine') ON CONFLICT (id) DO UPDATE SET body = excluded.body

SELECT count(*) FROM carts
-- primary: an unlogged table is empty on replicas

SELECT machine, avg(reading), max(at), percentile_cont(0.95) WITHIN GROUP (ORDER BY reading) FROM machine_events WHERE at >= '2025-12-15' GROUP BY machine ORDER BY machine

SELECT date_bin('1 hour', at, '2026-01-01') AS bucket, count(*), stddev(reading) FROM machine_events WHERE at BETWEEN $1 AND $2 GROUP BY bucket ORDER BY bucket
-- params: ["2025-12-20", "2026-01-10"]

SELECT machine, lag(reading) OVER w, first_value(at) OVER w, ntile(4) OVER w FROM machine_events WINDOW w AS (PARTITION BY machine ORDER BY at ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) LIMIT 10

SELECT encode(raw, 'hex'), md5(raw), length(raw) FROM machine_events LIMIT 1

SELECT id FROM operators WHERE shift @> timestamptz '2026-01-15' AND skills && ARRAY[1, 2] AND upper(shift) > lower(shift)

SELECT status, count(*) FROM orders GROUP BY ROLLUP (status)

SELECT x.id, x.n FROM customers c CROSS JOIN LATERAL (SELECT o.id, count(*) OVER () AS n FROM orders o WHERE o.customer_id = c.id ORDER BY o.id DESC LIMIT 1) x

SELECT string_agg(name, ', ' ORDER BY name), array_agg(DISTINCT id), json_agg(partners), bool_and(discount > 0) FROM partners

SELECT id, status::text, status > 'SUBMITTED', enum_range(NULL::order_status) FROM orders WHERE status IN ('SHIPPED', 'CLOSED') LIMIT 3

SELECT (id, status) FROM orders WHERE (id, priority) > (5, 1) ORDER BY id LIMIT 3

SELECT * FROM orders WHERE (customer_id, operator_id) IN (SELECT c.id, p.id FROM customers c, operators p) LIMIT 3

SELECT to_char(created_at, 'YYYY-MM-DD'), age(created_at), extract(dow FROM due), make_interval(days => 3), justify_days(interval '40 days') FROM orders LIMIT 2

SELECT 'x'::email, '{"a": 1}'::jsonb || '{"b": 2}', int4range(1, 5) * int4range(3, 9), '192.168.0.1'::inet << '192.168.0.0/16', point(1, 2) <-> point(3, 4)

SELECT regexp_replace(name, '[0-9]+', '#'), split_part(email, '@', 2), initcap(name), lpad(id::text, 5, '0'), format('%s-%s', id, name) FROM customers LIMIT 2

SELECT generate_series(1, 3), unnest(ARRAY[1, 2]), regexp_split_to_table('a,b', ',')

SELECT * FROM jsonb_to_recordset('[{"a": 1, "b": "x"}]') AS r(a int, b text)

SELECT * FROM json_each_text('{"a": 1}') WITH ORDINALITY AS e(k, v, n)

SELECT now(), current_date, current_user, session_user, current_schema, version(), random() < 2, gen_random_uuid() IS NOT NULL

SELECT * FROM orders TABLESAMPLE SYSTEM (100) LIMIT 1

TABLE partners

VALUES (1, 'one'), (2, 'two')

SELECT NULL

EXPLAIN SELECT * FROM orders WHERE id = 1

EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF) SELECT count(*) FROM orders

EXPLAIN (ANALYZE) UPDATE orders SET priority = 1 WHERE id = 1

COPY (SELECT * FROM partners ORDER BY id) TO STDOUT WITH (FORMAT csv, HEADER)

COPY partners TO STDOUT

COPY audit (what) FROM STDIN

MERGE INTO jobs j USING (VALUES (1)) AS v(id) ON j.id = v.id WHEN MATCHED THEN UPDATE SET state = 'done'

WITH moved AS (UPDATE jobs SET state = 'moved' WHERE id = 2 RETURNING id) SELECT count(*) FROM moved

WITH top AS MATERIALIZED (SELECT * FROM orders ORDER BY price DESC LIMIT 5), c AS (SELECT * FROM customers) SELECT top.id, c.name FROM top JOIN c ON c.id = top.customer_id

SELECT 1; SELECT 2

BEGIN; SELECT count(*) FROM orders; COMMIT

SELECT set_config('app.tenant', 'somebody', true)

SET LOCAL work_mem = '8MB'

LOCK TABLE jobs IN SHARE MODE

TRUNCATE carts

NOTIFY orders, 'changed'

SELECT pg_notify('orders', 'changed')

CREATE TEMP TABLE picked AS SELECT id FROM orders LIMIT 1

CREATE TABLE made_here (a int)

DROP TABLE IF EXISTS made_here

PREPARE p AS SELECT 1

DO $$ BEGIN PERFORM record_view(2); END $$

SELECT lo_create(0)

SELECT txid_current()

SELECT currval('invoice_numbers')

SELECT last_value FROM invoice_numbers
-- primary: replicas see a sequence ahead of the primary

SELECT pg_is_in_recovery()
-- primary: about the node

SELECT count(*) FROM pg_stat_activity
-- primary: about the node

SHOW server_version
-- primary: about the node

SELECT current_setting('server_version_num')::int
-- primary: about the node

SELECT pg_size_pretty(pg_total_relation_size('orders'))
-- primary: about the node

SELECT n.nspname as "Schema", c.relname as "Name", CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' END as "Type", pg_catalog.pg_get_userbyid(c.relowner) as "Owner" FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam WHERE c.relkind IN ('r','p','') AND n.nspname <> 'pg_catalog' AND n.nspname !~ '^pg_toast' AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1,2

SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid, true) FROM pg_catalog.pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef), a.attnotnull FROM pg_catalog.pg_attribute a WHERE a.attrelid = 'orders'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum

SELECT c2.relname, i.indisprimary, pg_catalog.pg_get_indexdef(i.indexrelid, 0, true), pg_catalog.pg_get_constraintdef(con.oid, true) FROM pg_catalog.pg_class c, pg_catalog.pg_class c2, pg_catalog.pg_index i LEFT JOIN pg_catalog.pg_constraint con ON (conrelid = i.indrelid AND conindid = i.indexrelid AND contype IN ('p','u','x')) WHERE c.oid = 'orders'::regclass AND c.oid = i.indrelid AND i.indexrelid = c2.oid

SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2

SELECT t.oid, typname, typarray FROM pg_type t JOIN pg_namespace ns ON typnamespace = ns.oid WHERE typname = 'hstore'

SELECT typinput = 'pg_catalog.array_in'::regproc AS is_array, typtype, typname, pg_type.oid FROM pg_catalog.pg_type LEFT JOIN (SELECT ns.oid AS nspoid, ns.nspname, r.r FROM pg_namespace AS ns JOIN (SELECT s.r, (current_schemas(false))[s.r] AS nspname FROM generate_series(1, array_upper(current_schemas(false), 1)) AS s(r)) AS r USING (nspname)) AS sp ON sp.nspoid = typnamespace WHERE pg_type.oid = 23 ORDER BY sp.r, pg_type.oid DESC

SELECT 1/0

SELECT * FROM nowhere

SELECT nothing FROM orders

SELECT id FROM orders WHERE price > 'many'

SELEC 1
