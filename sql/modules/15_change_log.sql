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
