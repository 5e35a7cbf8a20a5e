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
