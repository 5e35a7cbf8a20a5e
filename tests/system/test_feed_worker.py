"""The feed worker's life: where there is one, what ends it, and that nothing is lost over its end.

FEED_KILLS=50 makes the rounds of kill -9 under load that many (3 by default).
"""

import contextlib
import json
import os
import sys
import threading
import unittest

import psycopg2
import psycopg2.errors

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "..", "dev")]

from board_fuzz import check_log  # noqa: E402
from programs import wait_until  # noqa: E402
from testcase import ClusterTestCase  # noqa: E402

SCHEMA = """
    CREATE TABLE orders (id int PRIMARY KEY, status text NOT NULL);
    INSERT INTO orders SELECT i, 'NEW' FROM generate_series(1, 50) i;
    SELECT andon.create_board('public.b', 'SELECT id, status FROM orders WHERE status <> ''CLOSED''', '{id}', 'status');
"""

PID = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'andon feed worker' AND datname = %s"


class Definition:
    """What check_log() wants to know."""
    key = ["id"]
    status = "status"


def lsn(text):
    high, low = text.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def epoch_of(position):
    return int(position.split("-")[0])


class FeedTestCase(ClusterTestCase):
    """Databases with a worker, and listeners in them."""

    def node(self):
        return self.cluster.primary

    def query(self, sql, dbname=None, params=None):
        return self.node().query(sql, params, dbname or self.dbname)

    def value(self, sql, dbname=None, params=None):
        return self.query(sql, dbname, params)[0][0]

    def worker_pid(self, dbname=None):
        rows = self.node().query(PID, [dbname or self.dbname])
        return rows[0][0] if rows else None

    def wait_worker(self, dbname=None, other_than=None):
        return wait_until(lambda: self.worker_pid(dbname) not in (None, other_than) and self.worker_pid(dbname),
                          what="a feed worker")

    def wait_no_worker(self, dbname=None):
        wait_until(lambda: self.worker_pid(dbname) is None, what="the feed worker to leave")

    def wait_tick(self, dbname=None):
        """The position of the feed, when all that was done so far has been told, new boards included."""
        self.wait_worker(dbname)
        now = self.value("SELECT pg_current_wal_flush_lsn()")
        wait_until(lambda: self.value("SELECT andon.feed_safe_lsn() >= %s::pg_lsn", dbname, [now]), what="a tick")
        return self.value("SELECT andon.feed_position()", dbname)

    def safe_lsn(self):
        return lsn(self.value("SELECT andon.feed_safe_lsn()"))

    @contextlib.contextmanager
    def listener(self, dbname=None, channel="andon_b"):
        connection = self.node().connect(dbname or self.dbname)
        try:
            connection.cursor().execute("LISTEN " + channel)
            yield Listener(connection)
        finally:
            connection.close()


class Listener:
    """What has been heard on a channel."""

    def __init__(self, connection):
        self.connection = connection
        self.payloads = []

    def listen(self):
        self.connection.poll()
        while self.connection.notifies:
            self.payloads.append(json.loads(self.connection.notifies.pop(0).payload))
        return self.payloads

    def changes(self):
        return [dict(change, pos=payload["pos"], lsn=payload.get("lsn"), safe_lsn=payload.get("safe_lsn"))
                for payload in self.listen() for change in payload.get("changes", [])]

    def wait_change(self, key, status):
        """The change of this order to this status, as soon as it is heard."""
        def find():
            return [change for change in self.changes() if change["key"] == {"id": key} and change["to"] == status]
        return wait_until(find, what="notification of order %s, %s" % (key, status))[-1]


class FeedWorker(FeedTestCase):
    """Where there is a worker, and what makes it leave and come back."""
    cluster_options = {"preload": True}

    @classmethod
    def prepare(cls):
        cls.sql(SCHEMA)

    def new_database(self, name):
        self.cluster.create_database(name)
        self.query(SCHEMA, name)
        self.addCleanup(self.query, "DROP DATABASE IF EXISTS " + name, "postgres")
        return name

    def test_changes_are_announced_by_the_worker(self):
        """Guards: one notification with position and LSNs, after the commit; nothing of what is rolled back."""
        self.wait_tick()
        with self.listener() as listener, self.direct(autocommit=False) as writer:
            cursor = writer.cursor()
            cursor.execute("UPDATE orders SET status = 'GONE' WHERE id = 1")
            writer.rollback()
            cursor.execute("UPDATE orders SET status = 'ONE' WHERE id = 2")
            cursor.execute("SAVEPOINT s")
            cursor.execute("UPDATE orders SET status = 'GONE' WHERE id = 3")
            cursor.execute("ROLLBACK TO s")
            cursor.execute("UPDATE orders SET status = 'TWO' WHERE id = 2")
            writer.commit()
            change = listener.wait_change(2, "TWO")
            self.assertEqual("NEW", change["from"])
            self.assertIsNotNone(change["pos"])
            self.assertEqual(["TWO"], [told["to"] for told in listener.changes()])
            cursor.execute("SELECT count(*) FROM andon.change WHERE to_status = 'GONE'")
            self.assertEqual((0,), cursor.fetchone())

    def test_it_rests_without_a_transaction(self):
        """Guards: a worker that holds back vacuum, or a lock, for as long as nothing happens."""
        self.wait_tick()
        pid = self.wait_worker()
        wait_until(lambda: self.query("SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'idle' AND"
                                      " backend_xmin IS NULL AND backend_xid IS NULL AND xact_start IS NULL",
                                      params=[pid]), what="the worker to rest")
        wait_until(lambda: not self.query("SELECT 1 FROM pg_locks WHERE pid = %s", params=[pid]), what="no locks")

    def test_safe_lsn_moves_while_boards_rest(self):
        """Guards: a watermark that stands still because nobody changes a board."""
        self.wait_tick()
        self.query("CREATE TABLE IF NOT EXISTS elsewhere (n int)")
        before = lsn(self.value("SELECT pg_current_wal_insert_lsn()"))
        self.query("INSERT INTO elsewhere SELECT generate_series(1, 1000)")
        wait_until(lambda: self.safe_lsn() > before, what="safe_lsn to move")
        self.assertLessEqual(self.safe_lsn(), lsn(self.value("SELECT pg_current_wal_insert_lsn()")))

    def test_create_drop_create_extension(self):
        """Guards: DROP EXTENSION waits for nobody, the worker leaves, and a new extension has a new epoch."""
        name = self.new_database("comes_and_goes")
        first = epoch_of(self.wait_tick(name))
        self.query("SELECT andon.drop_board('b')", name)
        self.query("DROP EXTENSION andon", name)
        self.wait_no_worker(name)
        self.query("DROP TABLE orders; CREATE EXTENSION andon", name)
        second = epoch_of(self.wait_tick(name))
        self.assertGreater(second, first)
        self.query("BEGIN; DROP EXTENSION andon; CREATE EXTENSION andon; COMMIT", name)
        wait_until(lambda: self.query("SELECT 1 FROM andon.tick", name), what="the first tick")
        self.assertGreater(epoch_of(self.wait_tick(name)), second)

    def test_a_rolled_back_extension_has_no_worker(self):
        """Guards: a worker where the extension never came to be."""
        self.cluster.create_database("never", extension=False)
        self.addCleanup(self.query, "DROP DATABASE never", "postgres")
        self.query("BEGIN; CREATE EXTENSION andon; ROLLBACK", "never")
        self.query("CREATE EXTENSION andon", "never")
        self.wait_tick("never")

    def test_statements_that_want_the_database_alone(self):
        """Guards: DROP DATABASE and the like fail as long as a worker is connected."""
        name = self.new_database("alone")
        self.wait_tick(name)
        self.query("CREATE DATABASE alone_copy TEMPLATE alone", "postgres")
        self.addCleanup(self.query, "DROP DATABASE IF EXISTS alone_copy", "postgres")
        self.wait_worker(name)
        self.query("ALTER DATABASE alone RENAME TO alone_renamed", "postgres")
        self.wait_worker("alone_renamed")
        with self.assertRaises(psycopg2.errors.DuplicateDatabase):
            self.query("ALTER DATABASE alone_renamed RENAME TO alone_copy", "postgres")
        self.wait_worker("alone_renamed")
        self.query("ALTER DATABASE alone_renamed RENAME TO alone", "postgres")
        self.wait_worker(name)
        with self.listener(name) as listener:
            self.query("UPDATE orders SET status = 'AFTER' WHERE id = 1", name)
            listener.wait_change(1, "AFTER")
        wait_until(lambda: not self.node().query("SELECT 1 FROM pg_stat_activity WHERE datname = 'alone' AND"
                                                 " backend_type = 'client backend'"), what="sessions to end")
        self.query("DROP DATABASE alone", "postgres")
        self.assertIsNone(self.worker_pid(name))

    def test_a_copy_has_a_feed_of_its_own(self):
        """Guards: a copied database that goes on with the positions of its template."""
        name = self.new_database("pattern")
        before = epoch_of(self.wait_tick(name))
        self.query("CREATE DATABASE pattern_copy TEMPLATE pattern", "postgres")
        self.addCleanup(self.query, "DROP DATABASE pattern_copy", "postgres")
        with self.listener("pattern_copy") as listener:
            self.query("UPDATE orders SET status = 'COPIED' WHERE id = 1", "pattern_copy")
            wait_until(lambda: any(epoch_of(payload["pos"]) > before for payload in listener.listen()),
                       what="the copy's feed")
        self.assertEqual(before, epoch_of(self.wait_tick(name)))

    def test_a_statement_that_is_killed_lets_go(self):
        """Guards: a session that dies while it holds a database keeps the worker away for ever."""
        name = self.new_database("killed")
        self.wait_tick(name)
        guest = self.node().connect(name)
        try:
            dropper = threading.Thread(target=self.drop_in_vain, args=(name,))
            dropper.start()
            self.wait_no_worker(name)
            find = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'DROP DATABASE killed'"
            wait_until(lambda: self.node().query(find), what="the DROP to be killed")
            dropper.join()
            self.wait_worker(name)
        finally:
            guest.close()

    def drop_in_vain(self, name):
        with contextlib.suppress(psycopg2.Error):
            self.query("DROP DATABASE " + name, "postgres")

    def test_databases_without_connections(self):
        """Guards: a worker where nobody may connect, or a launcher that tries again and again."""
        name = self.new_database("closed")
        self.wait_tick(name)
        self.query("ALTER DATABASE closed ALLOW_CONNECTIONS false", "postgres")
        self.wait_no_worker(name)
        with contextlib.closing(self.node().connect(autocommit=False)) as other:
            other.cursor().execute("ALTER DATABASE closed ALLOW_CONNECTIONS true")
            # nobody else sees that yet: whoever looked now would not look again
            self.wait_no_worker(name)
            other.commit()
        self.wait_worker(name)
        self.assertNotIn("not currently accepting connections", self.node().log())

    def test_databases_that_are_not_listed(self):
        """Guards: changes that nobody tells of where andon.databases leaves a database out."""
        name = self.new_database("unlisted")
        self.wait_tick(name)
        self.node().configure(**{"andon.databases": "postgres, other"}).reload()
        try:
            self.wait_no_worker(name)
            with self.listener(name) as listener:
                self.query("UPDATE orders SET status = 'ALONE' WHERE id = 1", name)
                self.assertIsNone(listener.wait_change(1, "ALONE")["pos"])
        finally:
            self.node().configure(**{"andon.databases": "*"}).reload()
        self.wait_worker(name)

    def test_boards_without_a_log_are_told_at_commit(self):
        """Guards: a board that keeps no log is never told of, for the worker reads the log."""
        self.wait_tick()
        self.query("""SELECT andon.create_board('public.silent', 'SELECT id, status FROM orders', '{id}', 'status',
                      NULL, '{"log": "off"}')""")
        self.addCleanup(self.query, "SELECT andon.drop_board('silent')")
        with self.listener(channel="andon_silent") as listener:
            self.query("UPDATE orders SET status = 'NOLOG' WHERE id = 7")
            self.assertIsNone(listener.wait_change(7, "NOLOG")["pos"])

    def test_transitions_only(self):
        """Guards: a board that logs transitions tells of transitions."""
        self.wait_tick()
        self.query("""ALTER TABLE orders ADD note text;
                      SELECT andon.create_board('public.steps', 'SELECT id, status, note FROM orders', '{id}', 'status',
                      NULL, '{"log": "transitions"}')""")
        self.addCleanup(self.query, "SELECT andon.drop_board('steps'); ALTER TABLE orders DROP note")
        with self.listener(channel="andon_steps") as listener:
            self.query("UPDATE orders SET note = 'x' WHERE id = 8")
            self.query("UPDATE orders SET status = 'STEP' WHERE id = 8")
            wait_until(lambda: any(payload.get("resync") for payload in listener.listen()) or listener.changes(),
                       what="a notification")
            self.query("UPDATE orders SET note = 'y' WHERE id = 8")
            self.query("UPDATE orders SET status = 'STEPPED' WHERE id = 8")
            listener.wait_change(8, "STEPPED")
            self.assertTrue(all(change["from"] != change["to"] for change in listener.changes()))

    def test_commits_that_do_not_wait_for_the_disk(self):
        """Guards: an lsn before the commit it tells of, or one that no replica can have yet."""
        self.wait_tick()
        with self.listener() as listener, self.direct(autocommit=False) as writer:
            cursor = writer.cursor()
            for n in range(20):
                status = "ASYNC%d" % n
                cursor.execute("SET LOCAL synchronous_commit = off")
                cursor.execute("UPDATE orders SET status = %s WHERE id = 10 RETURNING pg_current_wal_insert_lsn()", (status,))
                before_commit, = cursor.fetchone()
                writer.commit()
                told = listener.wait_change(10, status)
                self.assertGreater(lsn(told["lsn"]), lsn(before_commit))
                self.assertGreaterEqual(lsn(self.value("SELECT pg_current_wal_flush_lsn()")), lsn(told["lsn"]))
                self.assertGreaterEqual(lsn(told["lsn"]), lsn(told["safe_lsn"]))

    def test_parallel_workers(self):
        """Guards: a transaction with parallel workers that leaves its slot filled, or none."""
        self.wait_tick()
        with self.listener() as listener, self.direct(autocommit=False) as writer:
            cursor = writer.cursor()
            cursor.execute("CREATE TABLE wide AS SELECT generate_series(1, 50000) n")
            cursor.execute("SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0;"
                           " SET LOCAL min_parallel_table_scan_size = 0; SET LOCAL force_parallel_mode = on")
            cursor.execute("UPDATE orders SET status = 'WIDE' WHERE id = 9")
            cursor.execute("SELECT count(*), sum(n) FROM wide WHERE n % 3 = 0")
            cursor.execute("DROP TABLE wide")
            writer.commit()
            listener.wait_change(9, "WIDE")
        after = lsn(self.value("SELECT pg_current_wal_flush_lsn()"))
        wait_until(lambda: self.safe_lsn() >= after, what="safe_lsn to move on")

    def test_housekeeping(self):
        """Guards: partitions and counters that nobody looks after."""
        self.wait_tick()
        wait_until(lambda: self.value("SELECT count(*) FROM pg_inherits WHERE inhparent = 'andon.change'::regclass") > 1,
                   what="partitions ahead")

    def test_the_worker_crashes(self):
        """Guards: what was changed while there was no worker is told by the next, in the same epoch, once."""
        self.wait_tick()
        pid = self.wait_worker()
        epoch = epoch_of(self.value("SELECT andon.feed_position()"))
        with self.listener() as listener:
            for number in range(20):
                self.query("UPDATE orders SET status = 'C%d' WHERE id = 11" % number)
                if number == 10:
                    self.query("SELECT pg_terminate_backend(%s)", params=[pid])
            self.wait_worker(other_than=pid)
            listener.wait_change(11, "C19")
            told = listener.changes()
            self.assertEqual({epoch}, {epoch_of(change["pos"]) for change in told})
            versions = [change["version"] for change in told if change["key"] == {"id": 11}]
            self.assertEqual(sorted(set(versions)), versions)


class FeedSafeLsn(FeedTestCase):
    """safe_lsn never says more than what has been announced."""
    cluster_options = {"preload": True}

    @classmethod
    def prepare(cls):
        cls.sql(SCHEMA)

    def setUp(self):
        self.wait_tick()

    @contextlib.contextmanager
    def held_commits(self):
        """Commits wait for a standby that never comes."""
        self.node().configure(synchronous_standby_names="nobody").reload()
        try:
            yield
        finally:
            self.node().configure(synchronous_standby_names="").reload()

    def wait_held(self, query):
        wait_until(lambda: self.node().query(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE %s", [query + "%"]),
            what="a commit to be held")

    def other_change(self, listener, status):
        """A change of another order that is told, and what is said to be safe then."""
        with self.direct() as other:
            cursor = other.cursor()
            cursor.execute("SET synchronous_commit = local")
            cursor.execute("UPDATE orders SET status = %s WHERE id = 50", [status])
        told = lsn(listener.wait_change(50, status)["safe_lsn"])
        return max(told, self.safe_lsn())

    def test_a_commit_that_waits_for_its_standby(self):
        """Guards: its commit record lies behind others that are told long before it."""
        ended = []
        with self.listener() as listener, self.direct() as writer:
            thread = threading.Thread(target=self.update_and_tell, args=(writer, 1, "HELD", ended))
            with self.held_commits():
                thread.start()
                self.wait_held("UPDATE orders SET status = 'HELD'")
                safe = self.other_change(listener, "MEANWHILE")
                inserted = lsn(self.value("SELECT pg_current_wal_insert_lsn()"))
                self.assertNotIn("HELD", [change["to"] for change in listener.changes()])
            thread.join()
            self.assertLess(ended[0], inserted, "the schedule was not the one that is meant")
            self.assertLess(safe, ended[0])
            listener.wait_change(1, "HELD")
            wait_until(lambda: self.safe_lsn() >= ended[0], what="safe_lsn to move on")

    def update_and_tell(self, connection, key, status, ended):
        cursor = connection.cursor()
        cursor.execute("UPDATE orders SET status = '%s' WHERE id = %d" % (status, key))
        cursor.execute("SELECT andon.last_commit_lsn()")
        ended.append(lsn(cursor.fetchone()[0]))

    def prepare_change(self, key, status, name):
        """A prepared transaction; returns a position before it."""
        before = lsn(self.value("SELECT pg_current_wal_insert_lsn()"))
        with self.direct() as writer:
            cursor = writer.cursor()
            cursor.execute("BEGIN")
            cursor.execute("UPDATE orders SET status = %s WHERE id = %s", [status, key])
            cursor.execute("PREPARE TRANSACTION '%s'" % name)
        return before

    def test_prepared_transactions(self):
        """Guards: COMMIT PREPARED in another session, held between its record and its visibility, is told and not foreseen."""
        with self.listener() as listener, self.direct() as finisher:
            self.prepare_change(2, "PREPARED", "p")
            prepared = lsn(self.value("SELECT pg_current_wal_insert_lsn()"))
            self.assertLess(self.other_change(listener, "WHILE PREPARED"), prepared)
            thread = threading.Thread(target=finisher.cursor().execute, args=("COMMIT PREPARED 'p'",))
            with self.held_commits():
                thread.start()
                self.wait_held("COMMIT PREPARED")
                self.assertLess(self.other_change(listener, "WHILE COMMITTING"), prepared)
                self.assertNotIn("PREPARED", [change["to"] for change in listener.changes()])
            thread.join()
            listener.wait_change(2, "PREPARED")
            wait_until(lambda: self.safe_lsn() > prepared, what="safe_lsn to move on")

    def test_rollback_prepared(self):
        """Guards: a slot that stays for ever."""
        self.prepare_change(3, "UNDONE", "r")
        after = lsn(self.value("SELECT pg_current_wal_flush_lsn()"))
        self.assertLess(self.safe_lsn(), after)
        self.query("ROLLBACK PREPARED 'r'")
        wait_until(lambda: self.safe_lsn() >= after, what="safe_lsn to move on")

    def test_a_failed_prepare(self):
        """Guards: the slot of a PREPARE that was refused."""
        self.prepare_change(4, "FIRST", "twice")
        with self.assertRaises(psycopg2.errors.DuplicateObject):
            self.prepare_change(5, "SECOND", "twice")
        self.query("ROLLBACK PREPARED 'twice'")
        after = lsn(self.value("SELECT pg_current_wal_flush_lsn()"))
        wait_until(lambda: self.safe_lsn() >= after, what="safe_lsn to move on")

    def test_a_session_that_is_ended(self):
        """Guards: the slot of a backend that is terminated at its commit."""
        with self.listener() as listener, self.direct() as writer:
            thread = threading.Thread(target=self.update_until_ended, args=(writer, 6, "ENDED"))
            with self.held_commits():
                thread.start()
                self.wait_held("UPDATE orders SET status = 'ENDED'")
                self.query("SELECT pg_terminate_backend(%s)", params=[writer.info.backend_pid])
                thread.join()
            # it has committed, as the server tells such a client with a warning
            listener.wait_change(6, "ENDED")
            after = lsn(self.value("SELECT pg_current_wal_flush_lsn()"))
            wait_until(lambda: self.safe_lsn() >= after, what="safe_lsn to move on")

    def update_until_ended(self, connection, key, status):
        with contextlib.suppress(psycopg2.Error):
            connection.cursor().execute("UPDATE orders SET status = '%s' WHERE id = %d" % (status, key))


class FeedCrash(FeedTestCase):
    """The server's end: what had been committed is told, or readers are told to read again."""
    cluster_options = {"preload": True}

    @classmethod
    def prepare(cls):
        cls.sql(SCHEMA)

    def test_kill_9_under_load(self):
        """Guards: log, counters and board agree after a crash, and positions of before are not taken up again."""
        for _ in range(int(os.environ.get("FEED_KILLS", "3"))):
            before = self.wait_tick()
            stopping = threading.Event()
            writers = [threading.Thread(target=self.write, args=(first, stopping)) for first in (1, 11, 21, 31)]
            for writer in writers:
                writer.start()
            with self.listener() as listener:
                wait_until(lambda: len(listener.changes()) > 200, what="changes to be told")
                self.node().kill9()
                heard = listener.payloads
            stopping.set()
            for writer in writers:
                writer.join()
            self.node().start()
            self.assertGreater(epoch_of(self.wait_tick()), epoch_of(before))
            self.check_truth()
            self.assertEqual({epoch_of(before)}, {epoch_of(payload["pos"]) for payload in heard})
            self.check_heard(heard)

    def check_truth(self):
        """Log, counters and board."""
        with self.direct() as connection:
            self.assertEqual([], check_log(connection.cursor(), "b", Definition))
        self.assertEqual([], self.query("SELECT * FROM andon.check_board('b')"))
        counted = dict(self.query("SELECT status, n FROM andon.counts('b')"))
        self.assertEqual(dict(self.query("SELECT status, count(*) FROM b GROUP BY status")), counted)

    def check_heard(self, payloads):
        """Nothing was told that did not survive: a notification follows its commit to the disk."""
        logged = set(self.query("SELECT (key ->> 'id')::int, version FROM andon.change"))
        told = {(change["key"]["id"], change["version"])
                for payload in payloads for change in payload.get("changes", [])}
        self.assertEqual(set(), told - logged)

    def write(self, first, stopping):
        """Its own ten orders, in transactions of two changes, some rolled back, until the server is gone."""
        with contextlib.suppress(psycopg2.Error), self.direct(autocommit=False) as connection:
            cursor = connection.cursor()
            number = 0
            while not stopping.is_set():
                number += 1
                cursor.execute("UPDATE orders SET status = %s WHERE id = %s",
                               ("CLOSED" if number % 3 else "S%d" % number, first + number % 10))
                cursor.execute("UPDATE orders SET status = %s WHERE id = %s",
                               ("T%d" % (number % 5), first + (number + 3) % 10))
                if number % 7:
                    connection.commit()
                else:
                    connection.rollback()

    def test_restart(self):
        """Guards: a new epoch after a restart in good order; readers are told to read again."""
        before = self.wait_tick()
        self.node().restart()
        self.assertGreater(epoch_of(self.wait_tick()), epoch_of(before))

    def test_prepared_before_the_restart(self):
        """Guards: shared memory knows nothing of what was prepared before it was made."""
        self.wait_tick()
        with self.direct() as writer:
            cursor = writer.cursor()
            cursor.execute("BEGIN")
            cursor.execute("UPDATE orders SET status = 'SURVIVED' WHERE id = 41")
            cursor.execute("PREPARE TRANSACTION 'survivor'")
        prepared = lsn(self.value("SELECT pg_current_wal_insert_lsn()"))
        self.node().kill9()
        self.node().start()
        self.wait_worker()
        with self.listener() as listener:
            self.query("UPDATE orders SET status = 'LATER' WHERE id = 42")
            wait_until(lambda: any(payload.get("resync") or payload.get("changes") for payload in listener.listen()),
                       what="a notification")
            self.assertLess(self.safe_lsn(), prepared)
            self.query("COMMIT PREPARED 'survivor'")
            listener.wait_change(41, "SURVIVED")
        wait_until(lambda: self.safe_lsn() > prepared, what="safe_lsn to move on")


class FeedPromotion(FeedTestCase):
    """The feed goes where the primary goes."""
    cluster_options = {"preload": True, "replicas": 1}

    @classmethod
    def prepare(cls):
        cls.sql(SCHEMA)

    def test_promotion(self):
        """Guards: positions that two servers have given, and a promoted standby that tells nothing."""
        before = self.wait_tick()
        self.cluster.wait_caught_up()
        replica = self.cluster.replicas[0]
        self.assertEqual([], replica.query("SELECT 1 FROM pg_stat_activity WHERE backend_type LIKE 'andon%'"))
        with self.assertRaises(psycopg2.errors.ReadOnlySqlTransaction):
            replica.query("SELECT andon.feed_safe_lsn()", dbname=self.dbname)
        self.node().kill9()
        self.cluster.promote(replica)
        self.assertIs(replica, self.node())
        self.assertGreater(epoch_of(self.wait_tick()), epoch_of(before))
        with self.listener() as listener:
            self.query("UPDATE orders SET status = 'PROMOTED' WHERE id = 1")
            self.assertGreater(epoch_of(listener.wait_change(1, "PROMOTED")["pos"]), epoch_of(before))
        self.assertEqual([], self.query("SELECT * FROM andon.check_board('b')"))


if __name__ == "__main__":
    unittest.main()
