-- The board of the shop floor: every order not closed, one row per order.
--
-- Run as "maker". The query is what a dashboard would otherwise run for every
-- page it shows; from here on public.mes_orders is an indexed table that
-- follows each commit on the six tables below.

SELECT andon.create_board('public.mes_orders', $query$
	SELECT o.id, o.channel, o.status, o.priority, o.due_date, o.created_at,
		   c.name AS customer, p.name AS partner, w.name AS operator,
		   i.items, i.total, m.file_name AS model, m.size_bytes AS model_bytes
	FROM orders AS o
	JOIN customers AS c ON c.id = o.customer_id
	LEFT JOIN partners AS p ON p.id = o.partner_id
	LEFT JOIN operators AS w ON w.id = o.operator_id
	LEFT JOIN (SELECT order_id, count(*) AS items, sum(quantity * unit_price) AS total
			   FROM order_items
			   GROUP BY order_id) AS i ON i.order_id = o.id
	LEFT JOIN LATERAL (SELECT file_name, size_bytes
					   FROM order_models
					   WHERE order_id = o.id
					   ORDER BY uploaded_at DESC, id DESC
					   LIMIT 1) AS m ON true
	WHERE o.status <> 'CLOSED'
$query$, key => ARRAY['id'], status => 'status', order_by => 'priority DESC, due_date, id');

GRANT SELECT ON public.mes_orders TO mes, partner, crm, shop;
