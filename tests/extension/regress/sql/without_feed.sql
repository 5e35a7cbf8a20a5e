-- Without the library in shared_preload_libraries there is no feed. Guards: changes() and
-- feed_position() say so, and what to do, instead of showing nothing for ever.
CREATE TABLE orders_unfed (id int PRIMARY KEY, status text);
SELECT andon.create_board('public.unfed', 'SELECT id, status FROM orders_unfed', '{id}', 'status');
SELECT * FROM andon.changes('unfed', NULL, 10);
\echo :SQLSTATE
SELECT andon.feed_position();
\echo :SQLSTATE
SELECT andon.drop_board('unfed');
DROP TABLE orders_unfed;
