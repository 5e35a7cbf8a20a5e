-- Making, dropping and looking at boards.
--
-- create_board resolves the names in the query as the caller would, so it must not
-- pin search_path.

CREATE FUNCTION @extschema@.create_board(
    board text, query text, key text[], status text,
    order_by text DEFAULT NULL, options jsonb DEFAULT '{}')
RETURNS regclass
LANGUAGE c VOLATILE CALLED ON NULL INPUT
AS 'MODULE_PATHNAME', 'andon_create_board';

COMMENT ON FUNCTION @extschema@.create_board(text, text, text[], text, text, jsonb) IS
    'makes a board: a table that always equals the result of a query';

CREATE FUNCTION @extschema@.drop_board(board regclass) RETURNS void
LANGUAGE c VOLATILE STRICT SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_drop_board';

COMMENT ON FUNCTION @extschema@.drop_board(regclass) IS
    'drops a board, its definition and the triggers that no other board needs';

-- Resolves the names of tables and functions in the options as the caller would, so
-- it must not pin search_path either.
CREATE FUNCTION @extschema@.alter_board(board regclass, options jsonb) RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT
AS 'MODULE_PATHNAME', 'andon_alter_board';

COMMENT ON FUNCTION @extschema@.alter_board(regclass, jsonb) IS
    'gives a board other options; those that are not named stay, null is the default';

CREATE FUNCTION @extschema@.refresh_board(board regclass) RETURNS bigint
LANGUAGE c VOLATILE STRICT SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_refresh_board';

COMMENT ON FUNCTION @extschema@.refresh_board(regclass) IS
    'recomputes the whole board and returns the number of rows that had to change';

CREATE FUNCTION @extschema@.check_board(
    board regclass,
    OUT key jsonb, OUT problem text, OUT expected jsonb, OUT actual jsonb)
RETURNS SETOF record
LANGUAGE c STABLE STRICT SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_check_board';

COMMENT ON FUNCTION @extschema@.check_board(regclass) IS
    'rows in which the board differs from its definition: none, if all is well';

CREATE FUNCTION @extschema@.repair_board(board regclass) RETURNS bigint
LANGUAGE c VOLATILE STRICT SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_repair_board';

COMMENT ON FUNCTION @extschema@.repair_board(regclass) IS
    'recomputes the rows that check_board finds and returns the number of keys repaired';

CREATE FUNCTION @extschema@.explain_board(
    board regclass,
    OUT source regclass, OUT alias text, OUT path text, OUT dirty_sql text,
    OUT fast_columns text[], OUT note text)
RETURNS SETOF record
LANGUAGE c STABLE STRICT SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_explain_board';

COMMENT ON FUNCTION @extschema@.explain_board(regclass) IS
    'by which path a change of each source leads to keys of the board';

CREATE FUNCTION @extschema@.counts(board regclass, OUT status text, OUT n bigint)
RETURNS SETOF record
LANGUAGE c STABLE STRICT SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_counts';

COMMENT ON FUNCTION @extschema@.counts(regclass) IS 'how many rows are in each status';

CREATE FUNCTION @extschema@.page(
    board regclass, statuses text[] DEFAULT NULL, after text DEFAULT NULL,
    page_size int DEFAULT 50, OUT item jsonb, OUT cursor text)
RETURNS SETOF record
LANGUAGE c STABLE CALLED ON NULL INPUT ROWS 50 SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_page';

COMMENT ON FUNCTION @extschema@.page(regclass, text[], text, int) IS
    'rows in board order, behind the row that the cursor is of; one status, several, or all';

-- Runs as the caller; the rows it changes are those of the table that has the key,
-- whose triggers find the search_path that any UPDATE of the caller's would show them.
CREATE FUNCTION @extschema@.claim(
    board regclass, from_status text, to_status text,
    set jsonb DEFAULT '{}', n int DEFAULT 1)
RETURNS jsonb
LANGUAGE c VOLATILE CALLED ON NULL INPUT
AS 'MODULE_PATHNAME', 'andon_claim';

COMMENT ON FUNCTION @extschema@.claim(regclass, text, text, jsonb, int) IS
    'moves the next n orders of a status, in board order, to another, and returns their rows';

-- NULL or an empty array: everything is allowed again.
CREATE FUNCTION @extschema@.set_transitions(board regclass, allowed text[]) RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_set_transitions';

COMMENT ON FUNCTION @extschema@.set_transitions(regclass, text[]) IS
    'allows these changes of status only: {NEW>PAID,PAID>CUT,>NEW,CUT>}';

-- state: 'broken' if changes do not reach it, or may have been missed; else as andon.board has it. why: NULL if it is ok.
-- not_followed: what never reaches it, by its options.
CREATE VIEW @extschema@.boards AS
SELECT b.board,
       b.definition,
       b.query,
       (SELECT pg_catalog.array_agg(a.attname::text ORDER BY k.n)
        FROM pg_catalog.unnest(b.key) WITH ORDINALITY k (attnum, n)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = b.board AND a.attnum = k.attnum) AS key,
       (SELECT a.attname::text FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = b.board AND a.attnum = b.status) AS status,
       b.order_by,
       b.options,
       b.channel,
       (SELECT pg_catalog.array_agg(s.source ORDER BY s.source)
        FROM @extschema@.board_source s WHERE s.board = b.board) AS sources,
       CASE WHEN t.trouble IS NULL THEN b.state ELSE 'broken' END AS state,
       COALESCE(t.trouble, CASE b.state
           WHEN 'broken' THEN b.why
           WHEN 'restoring' THEN 'restored from a dump; its rows are the dump''s'
           WHEN 'unchecked' THEN 'restored from a dump and maintained since; '
               || 'andon.repair_board() compares it with its definition'
       END) AS why,
       b.transitions,
       f.not_followed
FROM @extschema@.board b,
     LATERAL (
        SELECT CASE
            WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = b.board) THEN
                'the board''s table has been dropped'
            WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = b.definition) THEN
                'the definition has been dropped; drop the board and create it again'
            ELSE COALESCE((
                SELECT 'its owner ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(o.relowner)) || ' may not read ' || r.relid
                    || ': whoever changes a source gets an error; GRANT SELECT ON ' || r.relid || ' TO '
                    || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(o.relowner))
                FROM pg_catalog.pg_class o,
                     (SELECT b.definition UNION ALL
                      SELECT s.source FROM @extschema@.board_source s WHERE s.board = b.board) r (relid)
                WHERE o.oid IN (b.board, b.definition)
                  AND NOT pg_catalog.has_table_privilege(o.relowner, r.relid::pg_catalog.oid, 'SELECT')
                ORDER BY o.oid = b.definition, r.relid::text LIMIT 1), (
                SELECT 'source ' || s.source || ' has no enabled trigger ' || n.name
                    || '; its changes are not followed'
                FROM @extschema@.board_source s,
                     (VALUES ('andon_capture'), ('andon_drain'), ('andon_truncate')) n (name)
                WHERE s.board = b.board AND NOT s.is_static
                  AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger g
                                  WHERE g.tgrelid = s.source AND g.tgname = n.name
                                    AND g.tgenabled IN ('O', 'A'))
                ORDER BY s.source, n.name LIMIT 1))
        END) t (trouble),
     LATERAL (
        SELECT pg_catalog.array_agg(x.what ORDER BY x.n, x.what)
        FROM (SELECT 1, 'changes of ' || s.source || ', which is static'
              FROM @extschema@.board_source s WHERE s.board = b.board AND s.is_static
              UNION ALL
              SELECT 2, 'logical replication and session_replication_role = replica (option enable_always)'
              WHERE b.options -> 'enable_always' IS DISTINCT FROM 'true'::pg_catalog.jsonb) x (n, what)) f (not_followed)
WHERE pg_catalog.has_table_privilege(b.board, 'SELECT') IS NOT FALSE;

COMMENT ON VIEW @extschema@.boards IS 'the boards that the current user may read';
