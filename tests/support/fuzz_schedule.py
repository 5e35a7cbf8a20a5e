"""Random concurrent schedules, and the runner that plays them.

A schedule is data: for each session a list of transactions, each a list of SQL
texts, and the order in which sessions take steps. In one step one session, or
several at once, get their next text; then the runner waits until each of them
has answered or waits for a lock of another (as isolationtester does). So two
transactions are caught between any two of their statements, and statements
sent at once race inside the server; a schedule played again goes the same way
but for those races, and can be printed, cut down and read.

A transaction that fails by serialization or deadlock is tried again, twice at
most. If its failing statement was under a savepoint, it goes on from there.

Some transactions look at the boards before they commit (CHECK): what one
snapshot shows of a board and of its sources must agree at any time, not only
when all is quiet. TRUNCATE is the exception, older snapshots see its result
too soon, and so are changes that wait for the commit.
"""

import itertools
import select
import time

import psycopg2
from psycopg2 import errors
from psycopg2 import extensions as pg

STUCK_SECS = 60
ATTEMPTS = 3

RETRIED = (errors.SerializationFailure, errors.DeadlockDetected)

# Other errors that random statements may meet: keys that are there already,
# two rows for one row of a MERGE or for one key of a board, foreign keys, a
# row for another partition, a row written again by a trigger of the statement.
EXPECTED = (errors.UniqueViolation, errors.CardinalityViolation, errors.ForeignKeyViolation,
            errors.CheckViolation, errors.TriggeredDataChangeViolation)


# Answers with a text if some board is not its definition's result.
CHECK = "SELECT fuzz.wrong()"


class Inconsistent(Exception):
    """CHECK saw a wrong board inside a transaction."""


class Stuck(Exception):
    """Sessions neither answered nor waited for each other."""


class ServerGone(Exception):
    """A backend ended its connection."""


# ---------------------------------------------------------------- statements
class StatementMaker:
    def __init__(self, rnd, schema, server_version):
        self.rnd = rnd
        self.schema = schema
        self.kinds = ((self.update_plain,) * 4 + (self.update_link,) * 4 + (self.update_key,) * 2 +
                      (self.update_many,) * 2 + (self.insert,) * 3 + (self.upsert,) * 2 + (self.delete,) * 2 +
                      (self.delete_many, self.insert_many, self.writable_cte, self.caught_exception))
        if server_version >= 150000:
            self.kinds += (self.merge,)

    def make(self):
        table = self.rnd.choice(self.schema.tables)
        if self.rnd.random() < 0.008:
            return "TRUNCATE %s CASCADE" % table.name
        return self.rnd.choice(self.kinds)(table)

    def set_clause(self, table, columns):
        return ", ".join("%s = %s" % (column, table.value(self.rnd, column)) for column in columns)

    def target(self, table):
        """The table, seldom one of its partitions."""
        return self.rnd.choice(table.writable) if self.rnd.random() < 0.3 else table.name

    def update_plain(self, table):
        columns = self.rnd.choice((("s",), ("n",), ("n", "s")))
        return "UPDATE %s SET %s WHERE %s" % (
            self.target(table), self.set_clause(table, columns), table.where_key(self.rnd))

    def update_link(self, table):
        columns = self.rnd.choice((("a",), ("b",), ("a", "b"), ("a", "n")))
        return "UPDATE %s SET %s WHERE %s" % (
            self.target(table), self.set_clause(table, columns), table.where_key(self.rnd))

    def update_key(self, table):
        return "UPDATE %s SET %s WHERE %s" % (
            table.name, self.set_clause(table, self.rnd.choice((("id",), ("id", "a"), table.key))),
            table.where_key(self.rnd))

    def update_many(self, table):
        column = self.rnd.choice("ab")
        return self.rnd.choice((
            "UPDATE %s SET %s WHERE %s = %s" % (table.name, self.set_clause(table, (column,)), column,
                                                table.value(self.rnd, column)),
            "UPDATE %s SET a = b, b = a WHERE n > 1" % table.name,
            "UPDATE %s SET n = (n + 1) %% 4" % table.name,
            "UPDATE %s SET %s" % (table.name, self.set_clause(table, ("s",)))))

    def values(self, table, count=1):
        return ", ".join("(%s)" % ", ".join(table.row(self.rnd)) for _ in range(count))

    def insert(self, table):
        return "INSERT INTO %s VALUES %s" % (table.name, self.values(table)) + self.rnd.choice((
            "", " ON CONFLICT DO NOTHING", " ON CONFLICT DO NOTHING"))

    def insert_many(self, table):
        return "INSERT INTO %s VALUES %s ON CONFLICT DO NOTHING" % (table.name, self.values(table, 3))

    def upsert(self, table):
        column = self.rnd.choice("abns")
        return "INSERT INTO %s VALUES %s ON CONFLICT (%s) DO UPDATE SET %s = excluded.%s" % (
            table.name, self.values(table), ", ".join(table.key), column, column)

    def delete(self, table):
        return "DELETE FROM %s WHERE %s" % (self.target(table), table.where_key(self.rnd))

    def delete_many(self, table):
        column = self.rnd.choice(("a", "b", "s"))
        return "DELETE FROM %s WHERE %s = %s" % (table.name, column, table.value(self.rnd, column))

    def merge(self, table):
        names = ", ".join(table.columns)
        rows = ", ".join("(%s)" % ", ".join(
            "%s::%s" % (value, table.types[column].partition(" COLLATE")[0])
            for column, value in zip(table.columns, table.row(self.rnd))) for _ in range(2))
        return ("MERGE INTO %s t USING (VALUES %s) AS v (%s) ON %s WHEN MATCHED AND t.n > 1 THEN DELETE"
                " WHEN MATCHED THEN UPDATE SET a = v.a, n = v.n WHEN NOT MATCHED THEN INSERT VALUES (%s)" % (
                    table.name, rows, names, " AND ".join("t.%s = v.%s" % (k, k) for k in table.key),
                    ", ".join("v." + column for column in table.columns)))

    def writable_cte(self, table):
        first, second = self.rnd.choice(self.schema.tables), self.rnd.choice(self.schema.tables)
        return "WITH w1 AS (%s RETURNING 1), w2 AS (%s RETURNING 1) %s" % (
            self.rnd.choice((self.update_plain, self.update_link, self.insert))(first),
            self.rnd.choice((self.update_link, self.delete, self.upsert))(second),
            self.rnd.choice((self.update_plain, self.update_link, self.delete))(table))

    def caught_exception(self, table):
        other = self.rnd.choice(self.schema.tables)
        return "DO $do$ BEGIN %s; RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN %s; END $do$" % (
            self.update_link(table), self.update_plain(other))


# ---------------------------------------------------------------- schedules
class Schedule:
    """scripts[session][transaction] is a list of SQL texts; order, of lists of sessions."""

    def __init__(self, scripts, order):
        self.scripts = scripts
        self.order = order

    def __str__(self):
        lines = []
        for number, script in enumerate(self.scripts):
            lines.append("-- session %d" % number)
            lines += ["%s;" % text for transaction in script for text in transaction]
        lines.append("-- order: %s" % " ".join("+".join(map(str, step)) for step in self.order))
        return "\n".join(lines)

    def transactions(self):
        return [(session, number) for session, script in enumerate(self.scripts) for number in range(len(script))]

    def without(self, dropped):
        """The schedule without some (session, transaction) pairs."""
        return Schedule([[transaction for number, transaction in enumerate(script)
                          if (session, number) not in dropped]
                         for session, script in enumerate(self.scripts)], self.order)


LEVELS = ("READ COMMITTED",) * 4 + ("REPEATABLE READ", "SERIALIZABLE")
AT_COMMIT = "; SET LOCAL andon.maintain_at = 'commit'"
AT_STATEMENT = "SET LOCAL andon.maintain_at = 'statement'; "


def make_transaction(rnd, statements):
    level = rnd.choice(LEVELS)
    begin = "BEGIN ISOLATION LEVEL %s" % level
    if rnd.random() < 0.35:
        begin += AT_COMMIT
    if level != "READ COMMITTED" and rnd.random() < 0.5:
        begin += "; SELECT FROM %s LIMIT 1" % rnd.choice(statements.schema.tables).name
    texts = [begin]
    for _ in range(rnd.choice((1, 1, 1, 2, 2, 3))):
        if rnd.random() < 0.15:
            # what was put off until the commit may be done, and undone, under the savepoint
            texts += ["SAVEPOINT s", rnd.choice(("", AT_STATEMENT)) + statements.make(),
                      "ROLLBACK TO SAVEPOINT s" if rnd.random() < 0.6 else "RELEASE SAVEPOINT s"]
        else:
            texts.append(statements.make())
    texts.append("ROLLBACK" if rnd.random() < 0.08 else "COMMIT")
    return texts


def make_schedule(rnd, schema, sessions, server_version, transactions=3):
    statements = StatementMaker(rnd, schema, server_version)
    scripts = [[make_transaction(rnd, statements) for _ in range(transactions)] for _ in range(sessions)]
    if not any("TRUNCATE" in text for script in scripts for texts in script for text in texts):
        for texts in itertools.chain.from_iterable(scripts):
            if AT_COMMIT not in texts[0] and rnd.random() < 0.3:
                texts.insert(len(texts) - 1, CHECK)
    steps = sum(len(texts) for script in scripts for texts in script)
    widths = (1, 1, 1, 1, 2, 2, 3, sessions)
    order = [sorted(rnd.sample(range(sessions), min(rnd.choice(widths), sessions))) for _ in range(steps)]
    return Schedule(scripts, order)


# ---------------------------------------------------------------- the runner
class Session:
    """One connection and its place in its script."""

    def __init__(self, dsn, options):
        self.connection = psycopg2.connect(dsn, async_=1)
        self.busy = True
        self.wait()
        self.cursor = self.connection.cursor()
        self.pid = self.connection.info.backend_pid
        for option in options:
            self.execute(option)
            self.wait()
        self.begin([])

    def begin(self, script):
        self.script = script
        self.transaction = 0
        self.place = 0
        self.attempt = 1

    @property
    def is_done(self):
        return not self.busy and self.transaction >= len(self.script)

    def execute(self, text):
        self.busy = True
        self.wants_to_write = False
        self.cursor.execute(text)

    def send_next(self):
        self.execute(self.script[self.transaction][self.place])

    def poll(self):
        """True if the server has answered; raises what it answered."""
        try:
            state = self.connection.poll()
        except psycopg2.Error as error:
            self.busy = False
            if self.connection.closed or error.pgcode is None:
                raise ServerGone(str(error))
            raise
        self.busy = state != pg.POLL_OK
        self.wants_to_write = state == pg.POLL_WRITE
        return not self.busy

    def wait(self):
        while not self.poll():
            wanted = [self.connection]
            select.select([] if self.wants_to_write else wanted, wanted if self.wants_to_write else [], [], STUCK_SECS)

    def advance(self, counts):
        """The statement succeeded."""
        texts = self.script[self.transaction]
        if texts[self.place] == CHECK:
            self.check(counts)
        if self.place == len(texts) - 1:
            counts.add("committed" if texts[self.place] == "COMMIT" else "rolled_back")
            self.next_transaction()
        else:
            self.place += 1

    def check(self, counts):
        wrong = self.cursor.fetchone()[0]
        if wrong is not None:
            raise Inconsistent("seen inside a transaction: %s" % wrong)
        counts.add("checked_inside")

    def next_transaction(self):
        self.transaction += 1
        self.place = 0
        self.attempt = 1

    def fail(self, error, counts):
        """The statement failed: on from its savepoint, or again, or with the next transaction."""
        if not isinstance(error, RETRIED + EXPECTED):
            raise error
        counts.add(type(error).__name__)
        texts = self.script[self.transaction]
        following = texts[self.place + 1:self.place + 2]
        if following and following[0].startswith("ROLLBACK TO"):
            self.place += 1
            return
        self.execute("ROLLBACK")
        self.wait()
        if isinstance(error, RETRIED) and self.attempt < ATTEMPTS:
            self.attempt += 1
            self.place = 0
        else:
            counts.add("given_up")
            self.next_transaction()

    def reset(self):
        """Back to idle after a round that broke off."""
        if self.busy:
            self.connection.cancel()
            try:
                self.wait()
            except psycopg2.Error:
                pass
        self.execute("ROLLBACK")
        self.wait()
        self.begin([])


class Runner:
    """Sessions on one database; control is a connection that only looks on."""

    def __init__(self, dsn, sessions, options=()):
        self.control = psycopg2.connect(dsn)
        self.control.autocommit = True
        self.sessions = [Session(dsn, options) for _ in range(sessions)]
        self.pids = [session.pid for session in self.sessions]

    def close(self):
        for session in self.sessions:
            session.connection.close()
        self.control.close()

    def play(self, schedule, counts):
        """Plays a schedule to its end, when no session is in a transaction any more."""
        for session, script in zip(self.sessions, schedule.scripts):
            session.begin(script)
        try:
            for step in schedule.order:
                self.step([self.sessions[number] for number in step], counts)
            while not all(session.is_done for session in self.sessions):
                self.step(self.sessions, counts)
        except (psycopg2.Error, Inconsistent, Stuck):
            for session in self.sessions:
                session.reset()
            raise

    def step(self, sessions, counts):
        ready = [session for session in sessions if not session.busy and not session.is_done]
        for session in ready:
            session.send_next()
        if ready or sessions is self.sessions:
            self.settle(counts, wait_for_any=not ready)

    def settle(self, counts, wait_for_any=False):
        """Waits until each session has answered or waits for a lock that another holds."""
        deadline = time.monotonic() + STUCK_SECS
        while True:
            busy = [session for session in self.sessions if session.busy]
            if not busy:
                return
            answered, flushed, _ = select.select([s.connection for s in busy],
                                                 [s.connection for s in busy if s.wants_to_write], [],
                                                 1 if wait_for_any else 0.002)
            answered += flushed
            if answered:
                wait_for_any = False
                for session in busy:
                    if session.connection in answered:
                        self.hear(session, counts)
            elif not wait_for_any and self.all_blocked(busy):
                return
            if time.monotonic() > deadline:
                raise Stuck("no answer within %d s: %s" % (
                    STUCK_SECS, [s.script[s.transaction][s.place] for s in busy]))

    @staticmethod
    def hear(session, counts):
        try:
            if session.poll():
                session.advance(counts)
        except psycopg2.Error as error:
            session.fail(error, counts)

    def all_blocked(self, sessions):
        with self.control.cursor() as cursor:
            cursor.execute("SELECT bool_and(pg_catalog.pg_isolation_test_session_is_blocked(pid, %s))"
                           " FROM unnest(%s) pid", (self.pids, [session.pid for session in sessions]))
            return cursor.fetchone()[0]
