\echo Use "ALTER EXTENSION andon UPDATE" to load this file. \quit

-- Written by hand, in the order of sql/modules: what the modules have and 0.1.0
-- had not. tests/extension/t/test_upgrade.py compares the outcome with a fresh
-- 0.2.0, down to privileges, comments and the order of columns.

ALTER TABLE @extschema@.board ADD COLUMN state text NOT NULL DEFAULT 'ok';

COMMENT ON COLUMN @extschema@.board.state IS
    'ok; restoring: as a dump has it; unchecked: maintained since it was restored';

-- The extension writes its tables below SQL: what fires these is a restore.

CREATE FUNCTION @extschema@.catalog_trigger() RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'andon_catalog_trigger';

COMMENT ON FUNCTION @extschema@.catalog_trigger() IS
    'on the tables board and board_source: notes that a dump is restored';

CREATE TRIGGER restored BEFORE INSERT OR UPDATE OR DELETE ON @extschema@.board
FOR EACH ROW EXECUTE FUNCTION @extschema@.catalog_trigger();

CREATE TRIGGER restored BEFORE INSERT OR UPDATE OR DELETE ON @extschema@.board_source
FOR EACH ROW EXECUTE FUNCTION @extschema@.catalog_trigger();

CREATE FUNCTION @extschema@.repair_board(board regclass) RETURNS bigint
LANGUAGE c VOLATILE STRICT SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_repair_board';

COMMENT ON FUNCTION @extschema@.repair_board(regclass) IS
    'recomputes the rows that check_board finds and returns the number of keys repaired';

DROP VIEW @extschema@.boards;

-- why: what is wrong as far as the catalogs show it, NULL if nothing is.
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
           WHEN 'restoring' THEN 'restored from a dump; its rows are the dump''s'
           WHEN 'unchecked' THEN 'restored from a dump and maintained since; '
               || 'andon.repair_board() compares it with its definition'
       END) AS why
FROM @extschema@.board b,
     LATERAL (
        SELECT CASE
            WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = b.board) THEN
                'the board''s table has been dropped'
            WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = b.definition) THEN
                'the definition has been dropped; drop the board and create it again'
            ELSE (
                SELECT 'source ' || s.source || ' has no enabled trigger ' || n.name
                    || '; its changes are not followed'
                FROM @extschema@.board_source s,
                     (VALUES ('andon_capture'), ('andon_drain'), ('andon_truncate')) n (name)
                WHERE s.board = b.board AND NOT s.is_static
                  AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger g
                                  WHERE g.tgrelid = s.source AND g.tgname = n.name
                                    AND g.tgenabled IN ('O', 'A'))
                ORDER BY s.source, n.name LIMIT 1)
        END) t (trouble)
WHERE pg_catalog.has_table_privilege(b.board, 'SELECT') IS NOT FALSE;

COMMENT ON VIEW @extschema@.boards IS 'the boards that the current user may read';

REVOKE ALL ON @extschema@.boards FROM PUBLIC;
GRANT SELECT ON @extschema@.boards TO PUBLIC;

CREATE FUNCTION @extschema@.page(
    board regclass, statuses text[] DEFAULT NULL, after text DEFAULT NULL,
    page_size int DEFAULT 50, OUT item jsonb, OUT cursor text)
RETURNS SETOF record
LANGUAGE c STABLE CALLED ON NULL INPUT ROWS 50 SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_page';

COMMENT ON FUNCTION @extschema@.page(regclass, text[], text, int) IS
    'rows in board order, behind the row that the cursor is of; one status, several, or all';
