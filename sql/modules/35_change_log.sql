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
