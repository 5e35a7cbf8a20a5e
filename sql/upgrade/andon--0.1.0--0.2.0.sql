\echo Use "ALTER EXTENSION andon UPDATE" to load this file. \quit

-- Written by hand, in the order of sql/modules: what the modules have and 0.1.0
-- had not. tests/extension/t/test_upgrade.py compares the outcome with a fresh
-- 0.2.0, down to privileges, comments and the order of columns.

-- Boards have no index on (status, andon_since) of their own any more: it cost
-- each change of a status, and nothing in 0.1.0 read it.

DO $$
DECLARE
    index regclass;
BEGIN
    FOR index IN
        SELECT i.indexrelid
        FROM @extschema@.board b
        JOIN pg_catalog.pg_index i ON i.indrelid = b.board
        JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
        JOIN pg_catalog.pg_attribute a ON a.attrelid = b.board AND a.attname = 'andon_since'
        WHERE i.indkey::pg_catalog.text = b.status || ' ' || a.attnum
          AND NOT i.indisunique AND i.indpred IS NULL AND c.reloptions IS NULL
    LOOP
        EXECUTE 'DROP INDEX ' || index;
    END LOOP;
END $$;

ALTER TABLE @extschema@.board ADD COLUMN state text NOT NULL DEFAULT 'ok';

COMMENT ON COLUMN @extschema@.board.state IS
    'ok; restoring: as a dump has it; unchecked: maintained since it was restored; broken: changes may be missing';

ALTER TABLE @extschema@.board ADD COLUMN transitions text[];

COMMENT ON COLUMN @extschema@.board.transitions IS 'allowed changes of status; NULL: all are';

ALTER TABLE @extschema@.board ADD COLUMN why text;

COMMENT ON COLUMN @extschema@.board.why IS 'what has broken it';

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

-- Event triggers, so that boards follow the DDL of their sources. They run as
-- whoever runs the DDL, with triggers off too (ALWAYS). The first two look up
-- names as the DDL has them, so they must not pin search_path; what they run
-- themselves is qualified throughout.

CREATE FUNCTION @extschema@.on_ddl_start() RETURNS event_trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'andon_on_ddl_start';

COMMENT ON FUNCTION @extschema@.on_ddl_start() IS
    'refuses DDL that cannot be followed, and makes room for triggers';

CREATE FUNCTION @extschema@.on_ddl_end() RETURNS event_trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'andon_on_ddl_end';

COMMENT ON FUNCTION @extschema@.on_ddl_end() IS
    'brings boards up to date with DDL of what they are made of';

CREATE FUNCTION @extschema@.on_drop() RETURNS event_trigger
LANGUAGE c SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_on_drop';

COMMENT ON FUNCTION @extschema@.on_drop() IS 'forgets boards whose table or definition is dropped';

CREATE FUNCTION @extschema@.on_catalog_change() RETURNS event_trigger
LANGUAGE c SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_on_catalog_change';

COMMENT ON FUNCTION @extschema@.on_catalog_change() IS
    'has the commit tell routers that what they know of the catalog may be out of date';

CREATE EVENT TRIGGER andon_ddl_start ON ddl_command_start
WHEN TAG IN ('ALTER SCHEMA', 'ALTER TABLE')
EXECUTE FUNCTION @extschema@.on_ddl_start();

CREATE EVENT TRIGGER andon_ddl_end ON ddl_command_end
WHEN TAG IN ('CREATE TABLE', 'CREATE FOREIGN TABLE', 'CREATE SCHEMA', 'ALTER TABLE', 'ALTER FOREIGN TABLE',
             'CREATE VIEW', 'CREATE FUNCTION', 'ALTER FUNCTION', 'ALTER ROUTINE', 'CREATE AGGREGATE', 'ALTER TYPE')
EXECUTE FUNCTION @extschema@.on_ddl_end();

CREATE EVENT TRIGGER andon_drop ON sql_drop
EXECUTE FUNCTION @extschema@.on_drop();

CREATE EVENT TRIGGER andon_catalog ON ddl_command_end
WHEN TAG IN ('ALTER AGGREGATE', 'ALTER DOMAIN', 'ALTER EXTENSION', 'ALTER FOREIGN TABLE', 'ALTER FUNCTION',
             'ALTER MATERIALIZED VIEW', 'ALTER OPERATOR', 'ALTER POLICY', 'ALTER ROUTINE', 'ALTER SEQUENCE',
             'ALTER TABLE', 'ALTER TYPE', 'ALTER VIEW', 'CREATE AGGREGATE', 'CREATE CAST', 'CREATE DOMAIN',
             'CREATE EXTENSION', 'CREATE FOREIGN TABLE', 'CREATE FUNCTION', 'CREATE MATERIALIZED VIEW',
             'CREATE OPERATOR', 'CREATE POLICY', 'CREATE RULE', 'CREATE SCHEMA', 'CREATE SEQUENCE', 'CREATE TABLE',
             'CREATE TABLE AS', 'CREATE TYPE', 'CREATE VIEW', 'IMPORT FOREIGN SCHEMA', 'SELECT INTO')
EXECUTE FUNCTION @extschema@.on_catalog_change();

ALTER EVENT TRIGGER andon_catalog ENABLE ALWAYS;
ALTER EVENT TRIGGER andon_ddl_start ENABLE ALWAYS;
ALTER EVENT TRIGGER andon_ddl_end ENABLE ALWAYS;
ALTER EVENT TRIGGER andon_drop ENABLE ALWAYS;

CREATE FUNCTION @extschema@.repair_board(board regclass) RETURNS bigint
LANGUAGE c VOLATILE STRICT SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_repair_board';

COMMENT ON FUNCTION @extschema@.repair_board(regclass) IS
    'recomputes the rows that check_board finds and returns the number of keys repaired';

DROP VIEW @extschema@.boards;

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

-- The change log: one row for each change of a board's row, written by the
-- library as the extension's owner (extension/maintain/change_log.c, which
-- knows the columns by position). Nobody else reads the table: trace(), dwell()
-- and the view transition show what the user may see of it.
--
-- xid means something only in the cluster whose system identifier is epoch.
-- key_hash is the hash of the key by its equality.

CREATE TABLE @extschema@.change (
    xid xid8 NOT NULL,
    epoch bigint NOT NULL,
    at timestamptz NOT NULL,
    version bigint NOT NULL,
    key_hash bigint NOT NULL,
    board regclass NOT NULL,
    op "char" NOT NULL,
    key jsonb NOT NULL,
    from_status text,
    to_status text,
    actor text NOT NULL,
    application text NOT NULL,
    traceparent text
) PARTITION BY RANGE (at);

COMMENT ON TABLE @extschema@.change IS
    'one row per change of a row of a board: op is i, u or d; partitions are made and dropped by maintain()';

-- Each partition has its own indexes: with indexes of the parent a dump could
-- not be restored, for ATTACH would make those that the dump makes too.
CREATE TABLE @extschema@.change_default PARTITION OF @extschema@.change DEFAULT;

CREATE INDEX change_default_xid ON @extschema@.change_default (xid);
CREATE INDEX change_default_key ON @extschema@.change_default (key_hash);

COMMENT ON TABLE @extschema@.change_default IS
    'changes of days for which maintain() has made no partition';

-- Under row-level security the log of a board is not shown: it has no policies.
CREATE VIEW @extschema@.transition WITH (security_barrier) AS
SELECT c.board, c.key, c.from_status, c.to_status, c.version, c.at,
       c.actor::name AS actor, c.application, c.traceparent
FROM @extschema@.change c
WHERE c.from_status IS DISTINCT FROM c.to_status
  AND pg_catalog.has_table_privilege(c.board, 'SELECT')
  AND NOT pg_catalog.row_security_active(c.board);

COMMENT ON VIEW @extschema@.transition IS
    'changes of status, of the boards that the current user may read';

SELECT pg_catalog.pg_extension_config_dump('@extschema@.change_default', '');

-- Reading the change log, and its care.

CREATE FUNCTION @extschema@.trace(
    board regclass, key jsonb,
    OUT at timestamptz, OUT from_status text, OUT to_status text, OUT dwell interval,
    OUT actor name, OUT application text, OUT traceparent text)
RETURNS SETOF record
LANGUAGE c STABLE STRICT SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_trace';

COMMENT ON FUNCTION @extschema@.trace(regclass, jsonb) IS
    'the way of one key through its statuses, and how long it was in each';

CREATE FUNCTION @extschema@.dwell(
    board regclass, since interval,
    OUT status text, OUT entered bigint, OUT p50 interval, OUT p95 interval, OUT longest interval)
RETURNS SETOF record
LANGUAGE c STABLE STRICT SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_dwell';

COMMENT ON FUNCTION @extschema@.dwell(regclass, interval) IS
    'how long keys stayed in each status that they entered within the last interval';

CREATE FUNCTION @extschema@.maintain() RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_maintain';

COMMENT ON FUNCTION @extschema@.maintain() IS
    'makes partitions of the change log ahead and drops old ones; to be run every day';

REVOKE EXECUTE ON FUNCTION @extschema@.maintain() FROM PUBLIC;

REVOKE ALL ON @extschema@.change, @extschema@.change_default, @extschema@.transition FROM PUBLIC;
GRANT SELECT ON @extschema@.transition TO PUBLIC;

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

-- How many rows of a board are in each status: what is folded here, and the
-- changes of the log that snapshot does not show yet. See
-- extension/maintain/counters.c, which knows the columns of counter by position.
-- Not dumped: transaction numbers mean nothing elsewhere; maintain() counts anew.

CREATE TABLE @extschema@.counter (
    board regclass PRIMARY KEY,
    epoch bigint NOT NULL,
    fold xid8 NOT NULL,
    snapshot pg_snapshot NOT NULL,
    statuses text[] NOT NULL,
    counts bigint[] NOT NULL
);

COMMENT ON TABLE @extschema@.counter IS
    'rows per status, as counted up to snapshot; later changes are in the log';

CREATE TABLE @extschema@.counter_retired (
    fold xid8 NOT NULL
);

COMMENT ON TABLE @extschema@.counter_retired IS
    'changes that were dropped from the log are in counters of this fold and later';

REVOKE ALL ON @extschema@.counter, @extschema@.counter_retired FROM PUBLIC;

-- What has been done for boards, and what the feed worker does: counted in shared
-- memory, if the library is preloaded. See extension/base/stats.h.

CREATE FUNCTION @extschema@.read_board_stats(
    board regclass,
    OUT inserted bigint, OUT updated bigint, OUT deleted bigint,
    OUT refreshed bigint, OUT fast bigint, OUT whole bigint,
    OUT lock_waits bigint, OUT lock_wait_time interval, OUT since timestamptz)
RETURNS record
LANGUAGE c VOLATILE STRICT SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_read_board_stats';

COMMENT ON FUNCTION @extschema@.read_board_stats(regclass) IS
    'for the view board_stats: NULLs if nothing is counted';

-- Of a board that he may read; who is in pg_read_all_stats sees all.
CREATE VIEW @extschema@.board_stats AS
SELECT b.board,
       s.since IS NOT NULL AS counted,
       s.inserted + s.updated + s.deleted AS changes,
       s.inserted, s.updated, s.deleted,
       s.refreshed, s.fast,
       pg_catalog.round(s.fast::pg_catalog.numeric
           / NULLIF(s.fast + s.refreshed, 0), 4)::pg_catalog.float8 AS fast_share,
       s.whole, s.lock_waits, s.lock_wait_time, s.since
FROM @extschema@.board b, LATERAL @extschema@.read_board_stats(b.board) s
WHERE pg_catalog.has_table_privilege(b.board, 'SELECT')
   OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE');

COMMENT ON VIEW @extschema@.board_stats IS
    'what maintenance has done per board; NULLs, and counted false, unless the library is preloaded';

CREATE FUNCTION @extschema@.read_feed_stats(
    OUT state text, OUT worker_pid int, OUT worker_started timestamptz,
    OUT "position" text, OUT tick_at timestamptz, OUT lsn pg_lsn, OUT safe_lsn pg_lsn, OUT lag interval,
    OUT ticks bigint, OUT changes bigint, OUT resyncs bigint, OUT notifications bigint,
    OUT since timestamptz)
RETURNS record
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_read_feed_stats';

COMMENT ON FUNCTION @extschema@.read_feed_stats() IS 'for the view feed_stats';

-- lag: for how long the oldest change that is not announced yet has been waiting.
CREATE VIEW @extschema@.feed_stats AS
SELECT f.state, f.worker_pid, f.worker_started, f."position", f.tick_at, f.lsn, f.safe_lsn, f.lag,
       f.ticks, f.changes, f.resyncs, f.notifications, f.since
FROM @extschema@.read_feed_stats() f;

COMMENT ON VIEW @extschema@.feed_stats IS
    'the feed worker of this database; state says if there is one, else all is NULL';

CREATE FUNCTION @extschema@.reset_stats(board regclass DEFAULT NULL) RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_reset_stats';

COMMENT ON FUNCTION @extschema@.reset_stats(regclass) IS
    'sets the counters of a board, or of all boards of this database, back to 0';

REVOKE EXECUTE ON FUNCTION @extschema@.reset_stats(regclass) FROM PUBLIC;

REVOKE ALL ON @extschema@.board_stats, @extschema@.feed_stats FROM PUBLIC;
GRANT SELECT ON @extschema@.board_stats, @extschema@.feed_stats TO PUBLIC;


-- Resolves the names of tables and functions in the options as the caller would, so
-- it must not pin search_path either.
CREATE FUNCTION @extschema@.alter_board(board regclass, options jsonb) RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT
AS 'MODULE_PATHNAME', 'andon_alter_board';

COMMENT ON FUNCTION @extschema@.alter_board(regclass, jsonb) IS
    'gives a board other options; those that are not named stay, null is the default';

-- Ticks of the feed: each is what became visible between two snapshots. Written
-- and read by the library (extension/maintain/tick_table.c, which knows the
-- columns by position); see extension/maintain/tick.c. Not dumped: transaction
-- numbers and WAL positions mean nothing elsewhere.

CREATE TABLE @extschema@.tick (
    epoch bigint,
    tick bigint,
    at timestamptz NOT NULL,
    snapshot pg_snapshot NOT NULL,
    lsn pg_lsn NOT NULL,
    safe_lsn pg_lsn NOT NULL,
    changes bigint NOT NULL,
    PRIMARY KEY (epoch, tick)
);

COMMENT ON TABLE @extschema@.tick IS
    'batches of the feed: each tells the changes that snapshot shows and that of the tick before did not';

CREATE TABLE @extschema@.feed_reset (
    board oid PRIMARY KEY,
    xid xid8 NOT NULL
);

COMMENT ON TABLE @extschema@.feed_reset IS
    'positions that do not show xid are too old for the board; for board 0, those that may not show all before it';

REVOKE ALL ON @extschema@.tick, @extschema@.feed_reset FROM PUBLIC;

-- The feed, for those who catch up or poll.

CREATE FUNCTION @extschema@.changes(
    board regclass, after text, max_rows int DEFAULT 1000,
    OUT pos text, OUT key jsonb, OUT op text, OUT from_status text, OUT to_status text,
    OUT version bigint, OUT at timestamptz)
RETURNS SETOF record
LANGUAGE c STABLE CALLED ON NULL INPUT SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_changes';

COMMENT ON FUNCTION @extschema@.changes(regclass, text, int) IS
    'what has changed behind a position of the feed, tick by tick, the last state per key; NULL: all that is kept';

CREATE FUNCTION @extschema@.feed_position() RETURNS text
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_feed_position';

COMMENT ON FUNCTION @extschema@.feed_position() IS
    'the last tick of the feed; read the board after it, then changes(board, position)';

-- How long an order may be in a status, and the alerts about those that have been
-- there longer. Written by the library as the extension's owner (maintain/sla.c,
-- workers/sla_watcher.c; board/board_sla.c knows the columns of sla by position).
-- Everybody reads what is about boards that he may read.

CREATE TABLE @extschema@.sla (
    board regclass,
    status text,
    max_dwell interval,
    severity text NOT NULL,
    swept timestamptz,
    PRIMARY KEY (board, status)
);

COMMENT ON TABLE @extschema@.sla IS 'how long an order may be in a status; see set_sla()';
COMMENT ON COLUMN @extschema@.sla.max_dwell IS
    'NULL: taken back, but some of its alerts are still open';
COMMENT ON COLUMN @extschema@.sla.swept IS
    'where the watcher goes on, if one round did not see all; NULL: from the longest stay on';

ALTER TABLE @extschema@.sla ENABLE ROW LEVEL SECURITY;

CREATE POLICY readers_of_the_board ON @extschema@.sla FOR SELECT
USING (pg_catalog.has_table_privilege(board, 'SELECT'));

CREATE TABLE @extschema@.alert (
    board regclass NOT NULL,
    key jsonb NOT NULL,
    status text NOT NULL,
    since timestamptz NOT NULL,
    severity text NOT NULL,
    max_dwell interval NOT NULL,
    opened timestamptz NOT NULL,
    closed timestamptz
);

-- One row per key and stay in a status.
CREATE UNIQUE INDEX alert_stay ON @extschema@.alert
    (board, status, since, pg_catalog.jsonb_hash_extended(key, 0));

-- What is open, in the order in which the board is looked through.
CREATE INDEX alert_open ON @extschema@.alert (board, status, since) WHERE closed IS NULL;

-- What is old.
CREATE INDEX alert_closed ON @extschema@.alert (closed) WHERE closed IS NOT NULL;

COMMENT ON TABLE @extschema@.alert IS
    'orders that were in a status for too long: one row per key and stay, open while closed is NULL';
COMMENT ON COLUMN @extschema@.alert.since IS 'when the order entered the status';

-- Under row-level security of a board its alerts are not shown: they have no policies of its rows.
ALTER TABLE @extschema@.alert ENABLE ROW LEVEL SECURITY;

CREATE POLICY readers_of_the_board ON @extschema@.alert FOR SELECT
USING (pg_catalog.has_table_privilege(board, 'SELECT')
       AND NOT pg_catalog.row_security_active(board));

SELECT pg_catalog.pg_extension_config_dump('@extschema@.sla', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.alert', '');

-- Deadlines.

-- NULL for max_dwell: no deadline any more.
CREATE FUNCTION @extschema@.set_sla(
    board regclass, status text, max_dwell interval, severity text DEFAULT 'warning')
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_set_sla';

COMMENT ON FUNCTION @extschema@.set_sla(regclass, text, interval, text) IS
    'says how long an order may be in a status; who is there longer is overdue, and an alert is opened';

CREATE FUNCTION @extschema@.list_overdue(
    OUT board regclass, OUT key jsonb, OUT status text, OUT since timestamptz,
    OUT dwell interval, OUT max_dwell interval, OUT severity text)
RETURNS SETOF record
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_list_overdue';

COMMENT ON FUNCTION @extschema@.list_overdue() IS 'for the view overdue: runs as the caller';

CREATE VIEW @extschema@.overdue AS
SELECT o.board, o.key, o.status, o.since, o.dwell, o.max_dwell, o.severity
FROM @extschema@.list_overdue() o;

COMMENT ON VIEW @extschema@.overdue IS
    'orders that are in their status for too long right now, of the boards that the current user may read';

REVOKE ALL ON @extschema@.sla, @extschema@.alert, @extschema@.overdue FROM PUBLIC;
GRANT SELECT ON @extschema@.sla, @extschema@.alert, @extschema@.overdue TO PUBLIC;
-- What the feed worker knows, from shared memory: VOLATILE, for it has no snapshot.

CREATE FUNCTION @extschema@.feed_safe_lsn() RETURNS pg_lsn
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_feed_safe_lsn';

COMMENT ON FUNCTION @extschema@.feed_safe_lsn() IS
    'every change committed up to here has been announced; NULL before the first tick';
