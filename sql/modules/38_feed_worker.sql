-- What the feed worker knows, from shared memory: VOLATILE, for it has no snapshot.

CREATE FUNCTION @extschema@.feed_safe_lsn() RETURNS pg_lsn
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_feed_safe_lsn';

COMMENT ON FUNCTION @extschema@.feed_safe_lsn() IS
    'every change committed up to here has been announced; NULL before the first tick';
