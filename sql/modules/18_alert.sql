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
