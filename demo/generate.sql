-- Fills the jewellery maker's tables with :orders orders, most of them closed.
--
-- Run as "maker" after schema.sql, with psql -v orders=50000. Set-based, so
-- seconds even for millions; the same count gives the same rows every time,
-- apart from the dates, which are counted back from today. The data is skewed
-- as real data is: a few customers and partners bring much of the work, an
-- order is young when it is still open, and the shop floor has its queues.

\set ON_ERROR_STOP on
BEGIN;

-- draw(k, salt): an even draw from [0, 1), the same for the same arguments.
CREATE FUNCTION pg_temp.draw(k bigint, salt int) RETURNS float8
LANGUAGE sql IMMUTABLE AS $$
	SELECT (hashint8extended(k, salt) & 1073741823) / 1073741824.0
$$;

INSERT INTO customers (id, name, email, city, since)
SELECT k,
	   (ARRAY['Ada','Bruno','Clara','Dario','Elif','Farid','Greta','Hugo','Ines','Jonas','Kira',
			  'Luca','Mara','Nils','Olga','Pavel','Rosa','Sven','Tilda','Yara'])
		   [1 + floor(20 * pg_temp.draw(k, 1))::int] || ' ' ||
	   (ARRAY['Adler','Berg','Costa','Dietz','Egger','Fabbri','Gold','Haas','Ivanov','Jansen','Keller',
			  'Lang','Moser','Novak','Ortiz','Perl','Rossi','Silber','Thal','Weiss'])
		   [1 + floor(20 * pg_temp.draw(k, 2))::int],
	   'customer' || k || '@example.com',
	   (ARRAY['Pforzheim','Valenza','Antwerp','Birmingham','Idar-Oberstein','Arezzo','Prague'])
		   [1 + floor(7 * pg_temp.draw(k, 3) ^ 2)::int],
	   current_date - 30 - floor(3000 * pg_temp.draw(k, 4))::int
FROM generate_series(1, greatest(20, :orders / 8)) AS k;

INSERT INTO partners (id, name, discount)
SELECT k, 'Partner ' || chr(64 + 1 + (k::int - 1) / 26) || chr(64 + 1 + (k::int - 1) % 26),
	   round((0.20 * pg_temp.draw(k, 5))::numeric, 3)
FROM generate_series(1, 40) AS k;

INSERT INTO operators (id, name, bench)
SELECT k, 'Operator ' || to_char(k, 'FM00'), k
FROM generate_series(1, 24) AS k;

-- One order in twelve is open. Its status follows the drawn place in the
-- queue: the shop floor holds more orders than the office.
CREATE TEMPORARY TABLE drawn ON COMMIT DROP AS
SELECT k AS id,
	   pg_temp.draw(k, 10) AS d_channel,
	   k > :orders - :orders / 12 AS is_open,
	   pg_temp.draw(k, 11) AS d_status,
	   pg_temp.draw(k, 12) AS d_priority,
	   -- closed orders are spread over three years, open ones over three weeks
	   CASE WHEN k > :orders - :orders / 12
			THEN now() - interval '1 second' * (60 + 1814400.0 * (:orders - k) / greatest(1, :orders / 12))
			ELSE now() - interval '21 days' - interval '1 second' * (94608000.0 * (:orders - k) / :orders)
	   END AS created_at
FROM generate_series(1, :orders) AS k;

-- One to eight items, most orders have one or two.
CREATE TEMPORARY TABLE drawn_items ON COMMIT DROP AS
SELECT d.id AS order_id, n,
	   (ARRAY['ring','ring','ring','pendant','earrings','bracelet','brooch','cufflinks'])
		   [1 + floor(8 * pg_temp.draw(d.id * 8 + n, 20))::int] AS article,
	   (ARRAY['silver','silver','gold 585','gold 585','gold 750','platinum'])
		   [1 + floor(6 * pg_temp.draw(d.id * 8 + n, 21))::int] AS metal,
	   1 + floor(4 * pg_temp.draw(d.id * 8 + n, 22) ^ 4)::int AS quantity,
	   round((40 + 1960 * pg_temp.draw(d.id * 8 + n, 23) ^ 3)::numeric, 2) AS unit_price
FROM drawn AS d,
	 generate_series(1, 1 + floor(8 * pg_temp.draw(d.id, 19) ^ 2)::int) AS n;

INSERT INTO orders (id, channel, customer_id, partner_id, operator_id, priority,
					status, price, due_date, created_at, updated_at)
SELECT d.id, d.channel,
	   1 + floor(greatest(20, :orders / 8) * pg_temp.draw(d.id, 13) ^ 3)::bigint,
	   p.id,
	   CASE WHEN d.step >= 6 THEN 1 + floor(24 * pg_temp.draw(d.id, 15))::bigint END,
	   CASE WHEN d.d_priority < 0.80 THEN 0 WHEN d.d_priority < 0.95 THEN 3 ELSE 9 END,
	   (ARRAY['INITIATED','FILE_UPLOADED','SUBMITTED','PRICE_CALCULATED','MANUFACTURING_APPROVED',
			  'MANUFACTURING_STARTED','MANUFACTURING_COMPLETED','PACKAGING','SHIPPED','CLOSED'])[d.step],
	   CASE WHEN d.step >= 4 THEN round(t.total * (1 - coalesce(p.discount, 0)), 2) END,
	   d.created_at::date + 7 + floor(35 * pg_temp.draw(d.id, 16))::int,
	   d.created_at,
	   least(now(), d.created_at + interval '9 days' * pg_temp.draw(d.id, 17))
FROM (SELECT *,
			 CASE WHEN d_channel < 0.45 THEN 'shop' WHEN d_channel < 0.70 THEN 'crm' ELSE 'api' END AS channel,
			 CASE WHEN NOT is_open THEN 10
				  WHEN d_status < 0.05 THEN 1 WHEN d_status < 0.10 THEN 2
				  WHEN d_status < 0.17 THEN 3 WHEN d_status < 0.27 THEN 4
				  WHEN d_status < 0.47 THEN 5 WHEN d_status < 0.67 THEN 6
				  WHEN d_status < 0.80 THEN 7 WHEN d_status < 0.90 THEN 8
				  ELSE 9 END AS step
	  FROM drawn) AS d
JOIN (SELECT order_id, sum(quantity * unit_price) AS total
	  FROM drawn_items
	  GROUP BY order_id) AS t ON t.order_id = d.id
LEFT JOIN partners AS p
	   ON d.channel = 'api' AND p.id = 1 + floor(40 * pg_temp.draw(d.id, 14) ^ 2)::bigint
ORDER BY d.id;

INSERT INTO order_items (order_id, article, metal, quantity, unit_price)
SELECT order_id, article, metal, quantity, unit_price
FROM drawn_items
ORDER BY order_id, n;

-- Models from FILE_UPLOADED on: one order in three was corrected once or more.
INSERT INTO order_models (order_id, file_name, size_bytes, uploaded_at)
SELECT o.id, 'order-' || o.id || '-v' || n || '.stl',
	   20000 + floor(80000000 * pg_temp.draw(o.id * 4 + n, 25) ^ 4)::bigint,
	   o.created_at + interval '5 minutes' * n
FROM orders AS o,
	 generate_series(1, 1 + floor(3 * pg_temp.draw(o.id, 24) ^ 2)::int) AS n
WHERE o.status <> 'INITIATED'
ORDER BY o.id, n;

SELECT setval(pg_get_serial_sequence('customers', 'id'), max(id)) FROM customers \g /dev/null
SELECT setval(pg_get_serial_sequence('partners', 'id'), max(id)) FROM partners \g /dev/null
SELECT setval(pg_get_serial_sequence('operators', 'id'), max(id)) FROM operators \g /dev/null
SELECT setval(pg_get_serial_sequence('orders', 'id'), max(id)) FROM orders \g /dev/null

CREATE INDEX ON orders (customer_id);
CREATE INDEX ON orders (partner_id);
CREATE INDEX ON orders (operator_id);
CREATE INDEX ON orders (status);
CREATE INDEX ON order_items (order_id);
CREATE INDEX ON order_models (order_id, uploaded_at);

COMMIT;

VACUUM (ANALYZE) customers, partners, operators, orders, order_items, order_models;
