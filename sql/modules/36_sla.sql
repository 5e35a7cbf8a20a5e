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
