-- Commit LSN and version.
--
-- enable_commit_lsn and last_commit_lsn are about the session's own server
-- process: VOLATILE, so that nothing runs them elsewhere.

CREATE FUNCTION @extschema@.enable_commit_lsn() RETURNS text
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'andon_enable_commit_lsn';

COMMENT ON FUNCTION @extschema@.enable_commit_lsn() IS
    'turns andon.report_commit_lsn on for the session and reports once';

CREATE FUNCTION @extschema@.last_commit_lsn() RETURNS pg_lsn
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'andon_last_commit_lsn';

COMMENT ON FUNCTION @extschema@.last_commit_lsn() IS
    'where the session''s last commit ended in the WAL; NULL if it has made none';

CREATE FUNCTION @extschema@.version() RETURNS text
LANGUAGE c IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'andon_version';
