"""Where a statement ran, and what it did: asked of the nodes, not of the router.

    Probe     runs a statement on one node itself, inside a transaction that is
              rolled back, and tells how it ended and what it would have left:
              a transaction id, locks, settings, prepared statements, a moved
              sequence.
    Witnesses tell where a statement that went through the router came to:
              pg_stat_statements of each node has what succeeded, its log what
              failed.

For tests/system/routing_oracle.py. One statement at a time: nobody else may use
the database as ROLE meanwhile.
"""

import os
import re

from pgwire import Bind, CopyDone, Describe, Execute, Parse, Query, Sync, Wire

ROLE = "oracle"
NOT_IN_TRANSACTIONS = "25001"
STATEMENT_TIMEOUT = "1s"
SETTINGS = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track": "all",
            "compute_query_id": "on", "log_error_verbosity": "verbose", "track_activity_query_size": 65536}

# What the router sends of itself, between and behind the statements of clients.
OF_THE_ROUTER = re.compile(r"SELECT pg_catalog\.pg_current_wal_insert_lsn\(\)|SELECT andon\.enable_commit_lsn|DISCARD ALL"
                           r"|SELECT pg_catalog\.set_config|RESET ALL")

STATE = """SELECT pg_current_xact_id_if_assigned() IS NOT NULL,
 (SELECT string_agg(DISTINCT locktype || ' ' || mode, ',') FROM pg_locks WHERE pid = pg_backend_pid()
   AND (locktype = 'advisory' OR locktype = 'relation' AND mode <> 'AccessShareLock'
     AND relation NOT IN (SELECT seqrelid FROM pg_sequence))),
 (SELECT md5(string_agg(name || '=' || setting, ',' ORDER BY name)) FROM pg_settings),
 (SELECT count(*) FROM pg_prepared_statements WHERE from_sql) + (SELECT count(*) FROM pg_cursors WHERE is_holdable),
 (SELECT string_agg(sequencename || COALESCE(last_value, 0), ',' ORDER BY schemaname, sequencename) FROM pg_sequences)"""
STATE_WORDS = ("a transaction id", "locks", "settings", "prepared statements or cursors", "a sequence")


class Statement:
    """A statement of a corpus. params: values of $1 ..., or None; is_kept: marked to stay on the primary."""

    def __init__(self, sql, params=None, is_kept=False):
        self.sql = sql
        self.params = params
        self.is_kept = is_kept

    @property
    def has_parameters(self):
        return self.params is not None or re.search(r"\$\d", self.sql) is not None

    def messages(self, extended):
        if not extended:
            return [Query(self.sql)]
        return [Parse("", self.sql), Bind("", "", *(self.params or [])), Describe("P"), Execute(), Sync()]


class Outcome:
    """How a statement ended: "ok" or a SQLSTATE, and the rows it gave."""

    def __init__(self, replies):
        errors = [reply.fields["C"] for reply in replies if reply.kind == "E"]
        self.ended = errors[0] if errors else "ok"
        self.rows = [reply.body for reply in replies if reply.kind in "Dd"]
        self.tx_status = replies[-1].body.decode()

    def __eq__(self, other):
        return (self.ended, sorted(self.rows)) == (other.ended, sorted(other.rows))


def run(wire, statement, extended):
    """Runs it to ReadyForQuery; COPY FROM STDIN gets no data. CopyDone and not CopyFail: that is no error of ours."""
    replies = []
    wire.send(*statement.messages(extended))
    while not replies or replies[-1].kind != "Z":
        replies += wire.read(until="ZG")
        if replies[-1].kind == "G":
            wire.send(CopyDone(), *([Sync()] if extended else []))
    return Outcome(replies)


class Probe:
    """Statements run straight on one node, without a trace left there."""

    def __init__(self, node, dbname):
        self.node = node
        self.dbname = dbname
        self.wire = Wire(node.port, dbname, user=ROLE)

    def run(self, statement):
        """(outcome, the words of what it would have left)"""
        self.wire.query("BEGIN")
        before = self._state()
        self.wire.query("SET LOCAL statement_timeout = '%s'" % STATEMENT_TIMEOUT)
        outcome = run(self.wire, statement, statement.has_parameters)
        effects = set()
        if outcome.tx_status == "T":
            after = self._state()
            effects = {word for word, old, new in zip(STATE_WORDS, before, after) if old != new}
        elif outcome.tx_status == "I" or outcome.ended == NOT_IN_TRANSACTIONS:
            effects = {"what cannot be rolled back"}
        self.wire.query("ROLLBACK")
        self.wire.query("DISCARD ALL")
        return outcome, effects

    def _state(self):
        self.wire.send(Query("SET LOCAL statement_timeout = 0; " + STATE))
        return next(reply.columns for reply in self.wire.read() if reply.kind == "D")

    def close(self):
        self.wire.close()


class Witness:
    """What one node says it has run for ROLE since reset()."""

    def __init__(self, node, dbname):
        self.node = node
        self.dbname = dbname
        self.connection = node.connect()
        self.log_end = 0
        self.errors = re.compile(r" %s@%s .*?(?:ERROR|FATAL):  (\w{5}): " % (ROLE, re.escape(dbname)))

    def reset(self):
        self.query("SELECT pg_stat_statements_reset()")
        self.log_end = os.path.getsize(self.node.log_path)

    def ask(self):
        """(how many statements succeeded here, SQLSTATEs of those that failed)"""
        rows = self.query("SELECT query FROM pg_stat_statements WHERE toplevel AND userid = %s::regrole"
                           " AND dbid = (SELECT oid FROM pg_database WHERE datname = %s)", (ROLE, self.dbname))
        with open(self.node.log_path, errors="replace") as log:
            log.seek(self.log_end)
            errors = self.errors.findall(log.read())
        return sum(not OF_THE_ROUTER.match(row[0]) for row in rows), errors

    def value(self, sql, params=None):
        return self.query(sql, params)[0][0]

    def query(self, sql, params=None):
        with self.connection.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall()

    def close(self):
        self.connection.close()
