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
    'refuses DDL that cannot be followed, and makes room for triggers';

CREATE FUNCTION @extschema@.on_ddl_end() RETURNS event_trigger
LANGUAGE c
AS 'MODULE_PATHNAME', 'andon_on_ddl_end';

COMMENT ON FUNCTION @extschema@.on_ddl_end() IS
    'brings boards up to date with DDL of what they are made of';

CREATE FUNCTION @extschema@.on_drop() RETURNS event_trigger
LANGUAGE c SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_on_drop';

COMMENT ON FUNCTION @extschema@.on_drop() IS 'forgets boards whose table or definition is dropped';

CREATE FUNCTION @extschema@.on_catalog_change() RETURNS event_trigger
LANGUAGE c SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'andon_on_catalog_change';

COMMENT ON FUNCTION @extschema@.on_catalog_change() IS
    'has the commit tell routers that what they know of the catalog may be out of date';

CREATE EVENT TRIGGER andon_ddl_start ON ddl_command_start
WHEN TAG IN ('ALTER SCHEMA', 'ALTER TABLE')
EXECUTE FUNCTION @extschema@.on_ddl_start();

CREATE EVENT TRIGGER andon_ddl_end ON ddl_command_end
WHEN TAG IN ('CREATE TABLE', 'CREATE FOREIGN TABLE', 'CREATE SCHEMA', 'ALTER TABLE', 'ALTER FOREIGN TABLE',
             'CREATE VIEW', 'CREATE FUNCTION', 'ALTER FUNCTION', 'ALTER ROUTINE', 'CREATE AGGREGATE', 'ALTER TYPE')
EXECUTE FUNCTION @extschema@.on_ddl_end();

CREATE EVENT TRIGGER andon_drop ON sql_drop
EXECUTE FUNCTION @extschema@.on_drop();

CREATE EVENT TRIGGER andon_catalog ON ddl_command_end
WHEN TAG IN ('ALTER AGGREGATE', 'ALTER DOMAIN', 'ALTER EXTENSION', 'ALTER FOREIGN TABLE', 'ALTER FUNCTION',
             'ALTER MATERIALIZED VIEW', 'ALTER OPERATOR', 'ALTER POLICY', 'ALTER ROUTINE', 'ALTER SEQUENCE',
             'ALTER TABLE', 'ALTER TYPE', 'ALTER VIEW', 'CREATE AGGREGATE', 'CREATE CAST', 'CREATE DOMAIN',
             'CREATE EXTENSION', 'CREATE FOREIGN TABLE', 'CREATE FUNCTION', 'CREATE MATERIALIZED VIEW',
             'CREATE OPERATOR', 'CREATE POLICY', 'CREATE RULE', 'CREATE SCHEMA', 'CREATE SEQUENCE', 'CREATE TABLE',
             'CREATE TABLE AS', 'CREATE TYPE', 'CREATE VIEW', 'IMPORT FOREIGN SCHEMA', 'SELECT INTO')
EXECUTE FUNCTION @extschema@.on_catalog_change();

ALTER EVENT TRIGGER andon_catalog ENABLE ALWAYS;
ALTER EVENT TRIGGER andon_ddl_start ENABLE ALWAYS;
ALTER EVENT TRIGGER andon_ddl_end ENABLE ALWAYS;
ALTER EVENT TRIGGER andon_drop ENABLE ALWAYS;
