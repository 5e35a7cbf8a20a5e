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

-- Event triggers, so that boards follow the DDL of their sources. They run as
-- whoever runs the DDL, with triggers off too (ALWAYS). The first two look up
-- names as the DDL has them, so they must not pin search_path; what they run
-- themselves is qualified throughout.

CREATE FUNCTION @extschema@.on_ddl_start() RETURNS event_trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'andon_on_ddl_start';

COMMENT ON FUNCTION @extschema@.on_ddl_start() IS
    'refuses DDL of sources that cannot be followed, and makes room for triggers';

CREATE FUNCTION @extschema@.on_ddl_end() RETURNS event_trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'andon_on_ddl_end';

COMMENT ON FUNCTION @extschema@.on_ddl_end() IS
    'brings boards up to date with DDL of what they are made of';

CREATE FUNCTION @extschema@.on_drop() RETURNS event_trigger
LANGUAGE c SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_on_drop';

COMMENT ON FUNCTION @extschema@.on_drop() IS 'forgets boards whose table or definition is dropped';

CREATE EVENT TRIGGER andon_ddl_start ON ddl_command_start
WHEN TAG IN ('ALTER TABLE')
EXECUTE FUNCTION @extschema@.on_ddl_start();

CREATE EVENT TRIGGER andon_ddl_end ON ddl_command_end
WHEN TAG IN ('CREATE TABLE', 'CREATE FOREIGN TABLE', 'CREATE SCHEMA', 'ALTER TABLE', 'ALTER FOREIGN TABLE',
             'CREATE VIEW', 'CREATE FUNCTION', 'ALTER FUNCTION', 'ALTER ROUTINE', 'CREATE AGGREGATE', 'ALTER TYPE')
EXECUTE FUNCTION @extschema@.on_ddl_end();

CREATE EVENT TRIGGER andon_drop ON sql_drop
EXECUTE FUNCTION @extschema@.on_drop();

ALTER EVENT TRIGGER andon_ddl_start ENABLE ALWAYS;
ALTER EVENT TRIGGER andon_ddl_end ENABLE ALWAYS;
ALTER EVENT TRIGGER andon_drop ENABLE ALWAYS;
