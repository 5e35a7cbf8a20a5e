-- Reports on the Northwind sample database.

SELECT c.company_name, count(o.order_id) AS orders, sum(d.unit_price * d.quantity * (1 - d.discount)) AS revenue FROM customers c JOIN orders o USING (customer_id) JOIN order_details d USING (order_id) GROUP BY c.company_name ORDER BY revenue DESC LIMIT 10

SELECT p.product_name, p.units_in_stock FROM products p WHERE p.discontinued = 0 AND p.units_in_stock < p.reorder_level ORDER BY 1

SELECT e.first_name || ' ' || e.last_name AS employee, m.last_name AS manager FROM employees e LEFT JOIN employees m ON m.employee_id = e.reports_to

WITH RECURSIVE chain AS (SELECT employee_id, reports_to, 1 AS depth FROM employees WHERE reports_to IS NULL UNION ALL SELECT e.employee_id, e.reports_to, c.depth + 1 FROM employees e JOIN chain c ON e.reports_to = c.employee_id) SELECT depth, count(*) FROM chain GROUP BY depth ORDER BY depth

SELECT extract(year FROM order_date) AS year, extract(quarter FROM order_date) AS quarter, sum(freight), rank() OVER (ORDER BY sum(freight) DESC) FROM orders GROUP BY 1, 2 ORDER BY 1, 2

SELECT category_name, string_agg(product_name, ', ' ORDER BY product_name) FROM categories NATURAL JOIN products GROUP BY category_name

SELECT s.company_name FROM suppliers s WHERE NOT EXISTS (SELECT 1 FROM products p WHERE p.supplier_id = s.supplier_id AND p.unit_price > 50)

SELECT ship_country, avg(shipped_date - order_date)::numeric(6,2) AS days FROM orders WHERE shipped_date IS NOT NULL GROUP BY CUBE (ship_country) ORDER BY days DESC NULLS LAST

SELECT DISTINCT ON (customer_id) customer_id, order_id, order_date FROM orders ORDER BY customer_id, order_date DESC

SELECT * FROM orders WHERE order_id = $1
-- params: [10248]

INSERT INTO shippers VALUES (99, 'Andon Express', '555')

UPDATE products SET unit_price = unit_price * 1.01 WHERE product_id = 1

DELETE FROM shippers WHERE shipper_id = 99

SELECT * FROM products WHERE product_id = 1 FOR UPDATE
