"""The feed against writers: consumers that page, miss notifications, read replicas and live through crashes.

Ticks are made by a session as fast as it can, and once by the worker. What a consumer must have
seen is worked out from the change log and the ticks' snapshots by SQL of its own.
"""

import json
import os
import random
import select
import sys
import threading
import unittest

import psycopg2

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "..", "dev")]

from programs import sanitizer, wait_until  # noqa: E402
from testcase import ClusterTestCase  # noqa: E402

WRITERS = 16
KEYS = 200
COMMITS = 1500
WAIT_SECS = 120
POSITION_TOO_OLD = "55N01"
SETTINGS = {"shared_preload_libraries": "andon", "andon.databases": "", "andon.notify": "off",
            "max_prepared_transactions": 20}
SCHEMA = """
    CREATE FUNCTION tick(epoch bigint) RETURNS text LANGUAGE c AS 'andon', 'andon_tick_by_hand';
    CREATE TABLE orders (id int PRIMARY KEY, status text NOT NULL, note text);
    INSERT INTO orders SELECT i, 'NEW' FROM generate_series(1, %d) i;
    SELECT andon.create_board('public.b', 'SELECT id, status, note FROM orders WHERE status <> ''CLOSED''', '{id}', 'status');
""" % KEYS

# Each change of the log in the first tick that shows its transaction, the last state per key and tick.
EXPECTED = """
    WITH told AS (
        SELECT c.*, (SELECT min(t.tick) FROM andon.tick t WHERE pg_visible_in_snapshot(c.xid, t.snapshot)) AS tick
        FROM andon.change c),
    ends AS (
        SELECT DISTINCT tick, key,
               first_value(op) OVER w AS first_op, last_value(op) OVER w AS last_op,
               first_value(from_status) OVER w AS from_status, last_value(to_status) OVER w AS to_status,
               last_value(version) OVER w AS version
        FROM told WHERE tick > %s
        WINDOW w AS (PARTITION BY tick, key ORDER BY version ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING))
    SELECT tick, (key->>'id')::int, CASE WHEN last_op = 'd' THEN 'delete' WHEN first_op = 'i' THEN 'insert' ELSE 'update' END,
           from_status, to_status, version
    FROM ends WHERE NOT (first_op = 'i' AND last_op = 'd') ORDER BY 1, 2
"""


def tick_of(position):
    return int(position.split("-")[1])


class Stage:
    """Threads that work until they are stopped; the first failure is kept."""

    def __init__(self):
        self.stopping = threading.Event()
        self.failures = []
        self.threads = []

    def start(self, work, *args):
        thread = threading.Thread(target=self._run, args=(work,) + args)
        self.threads.append(thread)
        thread.start()
        return thread

    def _run(self, work, *args):
        try:
            work(*args)
        except Exception as error:      # shown by the test
            self.failures.append("%s: %r" % (work.__name__, error))
            self.stopping.set()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


class ChangesCase(ClusterTestCase):
    @classmethod
    def prepare(cls):
        cls.sql(SCHEMA)
        cls.sql("SELECT tick(1)")

    def setUp(self):
        self.stage = Stage()
        self.addCleanup(self.stage.stop)
        self.commits = 0
        self.ticks = 0

    def make_ticks(self, stage, epoch):
        with self.direct() as connection:
            cursor = connection.cursor()
            cursor.execute("SET synchronous_commit = off")
            while not stage.stopping.is_set():
                cursor.execute("SELECT tick(%s)", (epoch,))
                self.ticks += 1

    def write(self, stage, seed):
        """Short and long transactions, savepoints, rollbacks, prepared ones, on keys shared by all."""
        rnd = random.Random(seed)
        with self.direct(autocommit=False) as connection:
            cursor = connection.cursor()
            while not stage.stopping.is_set():
                try:
                    self.transact(stage, connection, cursor, rnd, seed)
                except psycopg2.errors.DeadlockDetected:
                    connection.rollback()

    def transact(self, stage, connection, cursor, rnd, seed):
        kind = rnd.choice(("short", "short", "several", "long", "savepoint", "rollback", "rollback", "prepared"))
        for key in sorted(rnd.sample(range(1, KEYS + 1), 1 if kind == "short" else 4)):
            self.change(cursor, rnd, key)
        if kind == "long":
            ticks = self.ticks + 30
            while self.ticks < ticks and not stage.stopping.wait(0.001):
                pass
        if kind == "savepoint":
            cursor.execute("SAVEPOINT s")
            self.change(cursor, rnd, rnd.randint(1, KEYS))
            cursor.execute(rnd.choice(("ROLLBACK TO s", "RELEASE s")))
        if kind == "rollback":
            connection.rollback()
            return
        if kind == "prepared":
            cursor.execute("PREPARE TRANSACTION 'w%d'" % seed)
            connection.rollback()
            connection.autocommit = True
            cursor.execute(rnd.choice(("COMMIT PREPARED 'w%d'", "ROLLBACK PREPARED 'w%d'")) % seed)
            connection.autocommit = False
        else:
            connection.commit()
        self.commits += 1

    def change(self, cursor, rnd, key):
        status = rnd.choice(("NEW", "CUT", "SET", "DONE", "CLOSED"))
        what = rnd.random()
        if what < 0.1:
            cursor.execute("DELETE FROM orders WHERE id = %s", (key,))
        elif what < 0.3:
            cursor.execute("UPDATE orders SET note = %s WHERE id = %s", (str(what), key))
        else:
            cursor.execute("INSERT INTO orders VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET status = EXCLUDED.status",
                           (key, status))


class Changes(ChangesCase):
    cluster_options = {"replicas": 1, "settings": SETTINGS}

    def test_exactly_once(self):
        """Guards: whoever pages changes() sees each change once, in whatever pages, on the primary and on a replica,
        whatever notifications he misses; notifications tell the same; who reads upon one finds what it told."""
        self.cluster.wait_caught_up()
        start = self.sql("SELECT andon.feed_position()")[0][0]
        final = []
        paged, replicated, careless, notified = [], [], [], []
        listening = threading.Barrier(3, timeout=WAIT_SECS)
        consumers = [self.stage.start(self.page, self.cluster.primary, start, 3, paged, final),
                     self.stage.start(self.page, self.cluster.replicas[0], start, 5, replicated, final),
                     self.stage.start(self.catch_up, start, careless, final, listening),
                     self.stage.start(self.listen, notified, final, listening)]
        listening.wait()
        work, ticker = Stage(), Stage()
        self.addCleanup(ticker.stop)
        self.addCleanup(work.stop)
        self.start_ticks(ticker)
        for number in range(WRITERS):
            work.start(self.write, work, number)
        wait_until(lambda: self.commits >= COMMITS or self.failures(work, ticker), WAIT_SECS, "commits")
        work.stop()
        ticker.stop()
        self.assertEqual([], self.failures(work, ticker))
        final.append(self.last_tick())
        for consumer in consumers:
            consumer.join()
        self.assertEqual([], self.failures(work, ticker))

        expected = self.sql(EXPECTED, (tick_of(start),))
        self.assertGreater(len(expected), COMMITS // 2)
        self.assertGreater(len({row[0] for row in expected}), 20, "hardly any tick had something to tell")
        self.assertEqual([], self.sql("SELECT xid FROM andon.change c WHERE NOT EXISTS ("
                                      "SELECT FROM andon.tick t WHERE pg_visible_in_snapshot(c.xid, t.snapshot))"))
        for name, seen in (("paged", paged), ("replicated", replicated), ("careless", careless)):
            self.assertEqual(expected, [(tick_of(row[0]),) + row[1:] for row in seen], name)
        self.assertEqual(expected, sorted(notified))
        self.assert_gives_the_board(paged)

    def start_ticks(self, stage):
        stage.start(self.make_ticks, stage, 1)

    def last_tick(self):
        """Of a feed in which everything has been told."""
        self.sql("SELECT tick(1)")
        return self.sql("SELECT andon.feed_position()")[0][0]

    def failures(self, *stages):
        return self.stage.failures + [failure for stage in stages for failure in stage.failures]

    def assert_gives_the_board(self, seen):
        """Replayed on what was there at the start."""
        board = {number: ("NEW", 1) for number in range(1, KEYS + 1)}
        for _, key, op, from_status, to_status, version in seen:
            self.assertEqual(from_status, board.get(key, (None,))[0])
            board.pop(key, None)
            if op != "delete":
                board[key] = (to_status, version)
        self.assertEqual(sorted(self.sql("SELECT id, status, andon_version FROM b")),
                         sorted((key,) + row for key, row in board.items()))

    def page(self, node, position, size, seen, final):
        """Reads page after page; done when the feed has come to its end."""
        with self.direct(node) as connection:
            cursor = connection.cursor()
            while True:
                is_final = bool(final)
                if is_final:
                    wait_until(lambda: self.has_position(cursor, final[0]), WAIT_SECS, "the last tick")
                cursor.execute("SELECT pos, (key->>'id')::int, op, from_status, to_status, version"
                               " FROM andon.changes('b', %s, %s)", (position, size))
                rows = cursor.fetchall()
                self.assertLessEqual(len(rows), size)
                seen.extend(rows)
                if rows:
                    position = rows[-1][0]
                elif is_final or self.stage.failures:
                    return

    def has_position(self, cursor, position):
        cursor.execute("SELECT andon.feed_position()")
        return tick_of(cursor.fetchone()[0]) >= tick_of(position)

    def notifications(self, connection, final):
        """Payloads as they come, until all of the feed's end have."""
        while True:
            is_final = bool(final)
            if is_final:
                # what was sent before a query comes before its answer
                connection.cursor().execute("SELECT 1")
            else:
                select.select([connection], [], [], 0.02)
            connection.poll()
            while connection.notifies:
                yield json.loads(connection.notifies.pop(0).payload)
            if is_final or self.stage.failures:
                return

    def catch_up(self, position, seen, final, listening):
        """Is not told of most notifications; whenever it is, it reads on from where it was."""
        rnd = random.Random(7)
        with self.direct() as connection, self.direct() as reader:
            connection.cursor().execute("LISTEN andon_b")
            listening.wait()
            cursor = reader.cursor()
            for payload in self.notifications(connection, final):
                if rnd.random() < 0.8:
                    continue
                cursor.execute("SELECT pos, (key->>'id')::int, op, from_status, to_status, version"
                               " FROM andon.changes('b', %s, 100000)", (position,))
                rows = cursor.fetchall()
                seen.extend(rows)
                position = max(position, payload["pos"], *(row[0] for row in rows), key=self.place)
            self.page(self.cluster.primary, position, 1000, seen, final)

    @staticmethod
    def place(position):
        """A tick's position lies behind all of its changes."""
        parts = [int(part) for part in position.split("-")]
        return parts[:2] + [parts[2] if len(parts) > 2 else sys.maxsize]

    def listen(self, told, final, listening):
        """Reads the board upon each notification and finds at least what it told."""
        with self.direct() as connection, self.direct() as reader:
            connection.cursor().execute("LISTEN andon_b")
            listening.wait()
            cursor = reader.cursor()
            for payload in self.notifications(connection, final):
                self.assertEqual(("public.b", 1), (payload["board"], payload["v"]))
                cursor.execute("SELECT %s::pg_lsn >= %s::pg_lsn AND pg_current_wal_flush_lsn() >= %s::pg_lsn",
                               (payload["lsn"], payload["safe_lsn"], payload["lsn"]))
                self.assertTrue(cursor.fetchone()[0], payload)
                for change in payload["changes"]:
                    key = change["key"]["id"]
                    told.append((tick_of(payload["pos"]), key, change["op"], change["from"], change["to"], change["version"]))
                    cursor.execute("SELECT coalesce((SELECT andon_version FROM b WHERE id = %s),"
                                   " (SELECT max(version) FROM andon.change WHERE key = %s AND op = 'd')) >= %s",
                                   (key, json.dumps(change["key"]), change["version"]))
                    self.assertTrue(cursor.fetchone()[0], change)


class ChangesByWorker(Changes):
    """The same, told by the worker."""
    cluster_options = {"replicas": 1, "settings": {"shared_preload_libraries": "andon", "max_prepared_transactions": 20}}

    @classmethod
    def prepare(cls):
        cls.sql(SCHEMA)
        wait_until(lambda: cls.sql("SELECT count(*) FROM andon.feed_reset r WHERE pg_visible_in_snapshot(r.xid,"
                                   " (SELECT snapshot FROM andon.tick ORDER BY epoch DESC, tick DESC LIMIT 1))")[0][0] == 1,
                   WAIT_SECS, "the worker to know the board")

    def start_ticks(self, stage):
        stage.start(self.count_time, stage)

    def count_time(self, stage):
        """A long transaction lasts for some of these."""
        while not stage.stopping.wait(0.003):
            self.ticks += 1

    def last_tick(self):
        wait_until(lambda: self.sql("SELECT bool_and(pg_visible_in_snapshot(c.xid, t.snapshot)) FROM andon.change c,"
                                    " (SELECT snapshot FROM andon.tick ORDER BY epoch DESC, tick DESC LIMIT 1) t")[0][0],
                   WAIT_SECS, "everything to be told")
        return self.sql("SELECT andon.feed_position()")[0][0]


class ChangesOnReplica(ChangesCase):
    cluster_options = Changes.cluster_options

    def test_ahead_of_a_replica(self):
        """Guards: a replica that has not replayed a position yet shows nothing, and no error; later it goes on from there."""
        replica = self.cluster.replicas[0]
        # and what the position lies behind, of the board itself, is no reason either
        self.sql("SELECT andon.alter_board('b', '{\"log\": \"off\"}')")
        self.sql("SELECT andon.alter_board('b', '{\"log\": \"all\"}')")
        self.cluster.wait_caught_up()
        replica.pause_replay()
        try:
            self.sql("UPDATE orders SET status = 'AHEAD' WHERE id = (SELECT min(id) FROM b)")
            self.sql("SELECT tick(1)")
            position = self.sql("SELECT andon.feed_position()")[0][0]
            self.assertEqual([], replica.query("SELECT pos FROM andon.changes('b', %s, 10)", (position,), self.dbname))
            self.assertNotEqual(position, replica.query("SELECT andon.feed_position()", None, self.dbname)[0][0])
        finally:
            replica.resume_replay()
        self.sql("UPDATE orders SET status = 'LATER' WHERE id = (SELECT min(id) FROM b)")
        self.sql("SELECT tick(1)")
        self.cluster.wait_caught_up()
        self.assertEqual([("LATER",)], replica.query("SELECT to_status FROM andon.changes('b', %s, 10)", (position,), self.dbname))


class ChangesCrash(ChangesCase):
    cluster_options = {"settings": dict(SETTINGS, fsync="on")}

    def test_kill_9(self):
        """Guards: across a crash that may lose ticks a consumer gets each change at least once, or is told to read the board again."""
        self.board, self.position, self.resyncs = {}, None, 0
        self.read_board()
        for epoch in (2, 3, 4):
            self.commits = 0
            self.stage = Stage()
            self.addCleanup(self.stage.stop)
            self.stage.start(self.until_gone, self.make_ticks, self.stage, epoch)
            for number in range(6):
                self.stage.start(self.until_gone, self.write, self.stage, number)
            wait_until(lambda: self.sql("SELECT max(epoch) FROM andon.tick")[0][0] == epoch, WAIT_SECS, "the epoch")
            while self.commits < 200 and not self.stage.failures:
                self.follow()
            self.cluster.primary.kill9()
            self.stage.stop()
            self.assertEqual([], self.stage.failures)
            self.cluster.primary.start()
            for gid, in self.sql("SELECT gid FROM pg_prepared_xacts"):
                self.sql("COMMIT PREPARED '%s'" % gid)
        self.sql("SELECT tick(5)")
        self.follow()
        self.sql("UPDATE orders SET status = 'LAST'")
        self.sql("SELECT tick(5)")
        self.follow()
        self.assertEqual(sorted(self.sql("SELECT id, status, andon_version FROM b")),
                         sorted((key,) + row for key, row in self.board.items()))
        self.assertGreaterEqual(self.resyncs, 4)

    def until_gone(self, work, *args):
        try:
            work(*args)
        except psycopg2.Error as error:
            if error.pgcode is not None and not error.pgcode.startswith("57"):
                raise

    def read_board(self):
        """The position first: what changes meanwhile comes again."""
        self.position = self.sql("SELECT andon.feed_position()")[0][0]
        self.board = {row[0]: row[1:] for row in self.sql("SELECT id, status, andon_version FROM b")}

    def follow(self):
        """Pages to the end; a version that it has already is passed over."""
        while True:
            try:
                rows = self.sql("SELECT pos, (key->>'id')::int, op, to_status, version FROM andon.changes('b', %s, 50)",
                                (self.position,))
            except psycopg2.Error as error:
                self.assertEqual(POSITION_TOO_OLD, error.pgcode, error)
                self.resyncs += 1
                self.read_board()
                continue
            for position, key, op, status, version in rows:
                self.position = position
                if version <= self.board.get(key, (None, 0))[1]:
                    continue
                self.board.pop(key, None)
                if op != "delete":
                    self.board[key] = (status, version)
            if not rows:
                return


class ChangesInBulk(ChangesCase):
    cluster_options = {"settings": SETTINGS}
    ROWS = 100000
    MOST_BYTES = 16 << 20

    def test_a_statement_that_changes_very_many(self):
        """Guards: few notifications and bounded memory, for the tick and for who reads it; each change is there to be read."""
        self.sql("INSERT INTO orders SELECT i, 'NEW' FROM generate_series(%d + 1, %d) i" % (KEYS, self.ROWS))
        self.sql("SELECT tick(1)")
        self.sql("UPDATE orders SET status = 'CUT'")
        with self.direct() as connection:
            cursor = connection.cursor()
            self.stage.start(self.watch_memory, connection.info.backend_pid)
            cursor.execute("SET work_mem = '4MB'")
            cursor.execute("SELECT tick(1)")
            self.assertEqual("1-3: %d changes, 1 notifications, resync" % self.ROWS, cursor.fetchone()[0])
            cursor.execute("SELECT count(*), count(DISTINCT key), min(to_status), max(to_status), max(pos COLLATE \"C\")"
                           " FROM andon.changes('b', '1-2', %s)", (self.ROWS + 1,))
            self.assertEqual((self.ROWS, self.ROWS, "CUT", "CUT", "1-3-99999"), cursor.fetchone())
            cursor.execute("SELECT pos, key FROM andon.changes('b', '1-3-70000', 1)")
            self.assertEqual(("1-3-70001", {"id": 70001}), cursor.fetchone())
        self.stage.stop()
        self.assertEqual([], self.stage.failures)
        if not sanitizer():         # it keeps what is freed
            self.assertLess(self.most_bytes - self.first_bytes, self.MOST_BYTES)

    def watch_memory(self, pid):
        """The greatest private memory of the backend."""
        self.first_bytes = self.most_bytes = self.private_bytes(pid)
        while not self.stage.stopping.wait(0.002):
            self.most_bytes = max(self.most_bytes, self.private_bytes(pid))

    def private_bytes(self, pid):
        try:
            with open("/proc/%d/status" % pid) as file:
                return next(int(line.split()[1]) << 10 for line in file if line.startswith("RssAnon:"))
        except (FileNotFoundError, StopIteration):
            return 0


if __name__ == "__main__":
    unittest.main()
