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
