-- Catalog tables. They belong to the extension's owner; boards' owners reach
-- them through the functions and views only. The C code knows the columns by
-- position (extension/board/board.c, extension/maintain/board_writer.c).

CREATE TABLE @extschema@.board (
    board regclass PRIMARY KEY,
    definition regclass NOT NULL,
    query text NOT NULL,
    key int2[] NOT NULL,
    status int2 NOT NULL,
    order_by text,
    options jsonb NOT NULL,
    channel text NOT NULL UNIQUE,
    settings text[] NOT NULL,
    trusted text[] NOT NULL,
    state text NOT NULL DEFAULT 'ok',
    transitions text[],
    why text
);

COMMENT ON TABLE @extschema@.board IS 'one row per board; see the view boards';
COMMENT ON COLUMN @extschema@.board.key IS 'positions of the key columns';
COMMENT ON COLUMN @extschema@.board.settings IS 'settings the definition is evaluated under';
COMMENT ON COLUMN @extschema@.board.trusted IS 'functions taken as immutable';
COMMENT ON COLUMN @extschema@.board.state IS
    'ok; restoring: as a dump has it; unchecked: maintained since it was restored; broken: changes may be missing';
COMMENT ON COLUMN @extschema@.board.transitions IS 'allowed changes of status; NULL: all are';
COMMENT ON COLUMN @extschema@.board.why IS 'what has broken it';

CREATE TABLE @extschema@.board_source (
    board regclass,
    source regclass,
    is_static boolean NOT NULL,
    PRIMARY KEY (board, source)
);

CREATE INDEX ON @extschema@.board_source (source);

COMMENT ON TABLE @extschema@.board_source IS 'tables that boards are made of';

CREATE TABLE @extschema@.departed (
    board regclass,
    key_hash bigint,
    version bigint NOT NULL,
    PRIMARY KEY (board, key_hash)
);

COMMENT ON TABLE @extschema@.departed IS
    'last version of keys that left a board, from which a key that returns goes on';

SELECT pg_catalog.pg_extension_config_dump('@extschema@.board', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.board_source', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.departed', '');
