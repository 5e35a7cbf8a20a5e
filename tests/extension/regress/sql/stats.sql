--
-- board_stats and feed_stats without the library preloaded: the views say that nothing is counted.
-- Guards: monitoring gets rows, not errors; who may not read a board does not see it,
-- who reads all statistics does; reset_stats() is not for everybody.
-- (What is counted: tests/extension/t/test_stats.py, on a server that preloads it.)
--
CREATE ROLE st_reader;
CREATE ROLE st_monitor;
GRANT pg_read_all_stats TO st_monitor;
CREATE TABLE public.st (id int PRIMARY KEY, status text);
SELECT andon.create_board('public.st_board', 'SELECT id, status FROM public.st', '{id}', 'status');
INSERT INTO public.st VALUES (1, 'NEW');
SELECT * FROM andon.board_stats;
SELECT * FROM andon.feed_stats;
SELECT andon.reset_stats();
\echo :LAST_ERROR_SQLSTATE

SET ROLE st_reader;
SELECT count(*) FROM andon.board_stats;
SELECT state FROM andon.feed_stats;
SELECT andon.reset_stats('public.st_board');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE;
GRANT SELECT ON public.st_board TO st_reader;
SET ROLE st_reader;
SELECT board, counted FROM andon.board_stats;
SET ROLE st_monitor;
SELECT board, counted FROM andon.board_stats;
RESET ROLE;

SELECT andon.drop_board('public.st_board');
DROP TABLE public.st;
DROP ROLE st_reader;
DROP ROLE st_monitor;
