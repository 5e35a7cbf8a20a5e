-- How many rows of a board are in each status: what is folded here, and the
-- changes of the log that snapshot does not show yet. See
-- extension/maintain/counters.c, which knows the columns of counter by position.
-- Not dumped: transaction numbers mean nothing elsewhere; maintain() counts anew.

CREATE TABLE @extschema@.counter (
    board regclass PRIMARY KEY,
    epoch bigint NOT NULL,
    fold xid8 NOT NULL,
    snapshot pg_snapshot NOT NULL,
    statuses text[] NOT NULL,
    counts bigint[] NOT NULL
);

COMMENT ON TABLE @extschema@.counter IS
    'rows per status, as counted up to snapshot; later changes are in the log';

CREATE TABLE @extschema@.counter_retired (
    fold xid8 NOT NULL
);

COMMENT ON TABLE @extschema@.counter_retired IS
    'changes that were dropped from the log are in counters of this fold and later';
