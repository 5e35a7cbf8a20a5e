-- Trigger functions. PUBLIC may execute them: a restored dump creates the
-- triggers as the tables' owners. Where no board is concerned they do nothing.
-- They resolve no name, and a SET clause would be paid for with each row.

CREATE FUNCTION @extschema@.source_trigger() RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'andon_source_trigger';

COMMENT ON FUNCTION @extschema@.source_trigger() IS
    'on every source of a board: collects what changes and brings the board up to date';

CREATE FUNCTION @extschema@.board_guard() RETURNS trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'andon_board_guard';

COMMENT ON FUNCTION @extschema@.board_guard() IS 'on every board: refuses direct changes';

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
