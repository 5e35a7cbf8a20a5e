-- Ticks of the feed: each is what became visible between two snapshots. Written
-- and read by the library (extension/maintain/tick_table.c, which knows the
-- columns by position); see extension/maintain/tick.c. Not dumped: transaction
-- numbers and WAL positions mean nothing elsewhere.

CREATE TABLE @extschema@.tick (
    epoch bigint,
    tick bigint,
    at timestamptz NOT NULL,
    snapshot pg_snapshot NOT NULL,
    lsn pg_lsn NOT NULL,
    safe_lsn pg_lsn NOT NULL,
    changes bigint NOT NULL,
    PRIMARY KEY (epoch, tick)
);

COMMENT ON TABLE @extschema@.tick IS
    'batches of the feed: each tells the changes that snapshot shows and that of the tick before did not';

CREATE TABLE @extschema@.feed_reset (
    board oid PRIMARY KEY,
    xid xid8 NOT NULL
);

COMMENT ON TABLE @extschema@.feed_reset IS
    'positions that do not show xid are too old for the board; for board 0, those that may not show all before it';
