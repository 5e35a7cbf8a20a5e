"""Plays fuzz_schedule.Schedules over several sessions of one database.

In one step of a schedule one session, or several at once, get their next text;
then the runner waits until each of them has answered or waits for a lock of
another (as isolationtester does). So two transactions are caught between any
two of their statements, and statements sent at once race inside the server; a
schedule played again goes the same way but for those races.

A transaction that fails by serialization or deadlock is tried again, twice at
most. If its failing statement was under a savepoint, it goes on from there.
"""

import select
import time

import psycopg2
from psycopg2 import errors
from psycopg2 import extensions as pg

from fuzz_ddl import MENDERS
from fuzz_schedule import CHECK, CLAIM

STUCK_SECS = 60
ATTEMPTS = 3

RETRIED = (errors.SerializationFailure, errors.DeadlockDetected)

# Other errors that random statements may meet: keys that are there already,
# two rows for one row of a MERGE or for one key of a board, foreign keys, a
# row for another partition, a row written again by a trigger of the statement,
# a TRUNCATE while deferred triggers wait, a lock table that is full (board_fuzz
# keeps it small).
EXPECTED = (errors.UniqueViolation, errors.CardinalityViolation, errors.ForeignKeyViolation,
            errors.CheckViolation, errors.TriggeredDataChangeViolation, errors.RestrictViolation,
            errors.ObjectInUse, errors.OutOfMemory)


# A BEFORE trigger and a row sent to the wrong partition (PostgreSQL's own limit);
# a claim where the board's key is not a key of the table by itself; a column
# with a default for a table of which a board has a column of whole rows.
NOT_SUPPORTED = ("moving row to another partition", "cannot be claimed", "uses its row type")


def is_expected(error):
    return isinstance(error, RETRIED + EXPECTED) or (
        isinstance(error, errors.FeatureNotSupported) and any(text in str(error) for text in NOT_SUPPORTED))


class Inconsistent(Exception):
    """A wrong board was seen inside a transaction."""


class Stuck(Exception):
    """Sessions neither answered nor waited for each other."""


class ServerGone(Exception):
    """A backend ended its connection."""


# Who holds a lock by a prepared transaction is no backend.
PREPARED = 0

MENDER_WORDS = tuple(text.partition("%")[0] for text in MENDERS)
DDL_WORDS = ("ALTER ", "CREATE ", "DROP ")
CLAIM_WORDS = CLAIM.partition("%")[0]


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
        text = texts[self.place]
        if text == CHECK or text.startswith(MENDER_WORDS):
            self.check(text, counts)
        elif text.startswith(DDL_WORDS):
            counts.add("ddl")
        elif text.startswith(CLAIM_WORDS):
            counts["claimed"] += len(self.cursor.fetchone()[0])
        if self.place == len(texts) - 1:
            counts.add("rolled_back" if text.startswith("ROLLBACK") else "committed")
            if text.startswith("COMMIT PREPARED"):
                counts.add("prepared")
            self.next_transaction()
        else:
            self.place += 1

    def check(self, text, counts):
        wrong = self.cursor.fetchone()[0]
        if wrong:
            raise Inconsistent("seen inside a transaction: %s: %s" % (text, wrong))
        counts.add("checked_inside")

    def next_transaction(self):
        self.transaction += 1
        self.place = 0
        self.attempt = 1

    def fail(self, error, counts):
        """The statement failed: on from its savepoint, or again, or with the next transaction."""
        if not is_expected(error):
            raise error
        counts.add("failed_" + error.pgcode)
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

    def wait_out(self):
        """False if the answer is an error."""
        try:
            self.wait()
        except psycopg2.Error:
            return False
        return True

    def reset(self):
        """Back to idle after a round that broke off."""
        if self.busy:
            self.connection.cancel()
            self.wait_out()
        self.execute("ROLLBACK")
        if not self.wait_out():     # what was cancelled was this
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
            for steps, ended in schedule.segments():
                for step in steps:
                    # who is through already, for he failed, waits for the others
                    self.step([self.sessions[number] for number in step
                               if self.sessions[number].transaction < ended[number]], counts)
                self.catch_up(ended, counts)
        except (psycopg2.Error, Inconsistent, Stuck):
            self.reset()
            raise

    def catch_up(self, ended, counts):
        """Until each session has ended that many transactions."""
        while True:
            behind = [session for session, number in zip(self.sessions, ended)
                      if session.busy or session.transaction < number]
            if not behind:
                return
            self.step(behind, counts, must_go_on=True)

    def reset(self):
        """Back to idle sessions."""
        self.forget_prepared()      # some may wait for one of them
        for session in self.sessions:
            session.reset()
        self.forget_prepared()

    def forget_prepared(self):
        with self.control.cursor() as cursor:
            cursor.execute("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()")
            for gid, in cursor.fetchall():
                cursor.execute("ROLLBACK PREPARED %s", (gid,))

    def step(self, sessions, counts, must_go_on=False):
        ready = [session for session in sessions if not session.busy and not session.is_done]
        for session in ready:
            session.send_next()
        if ready or must_go_on:
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
                           " FROM unnest(%s) pid", (self.pids + [PREPARED], [session.pid for session in sessions]))
            return cursor.fetchone()[0]
