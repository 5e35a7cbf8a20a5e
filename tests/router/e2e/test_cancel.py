"""Cancelling: the right statement, wherever it is, and never anybody else's."""

import os
import signal
import struct
import threading

from programs import wait_until
from pgwire import Bind, CANCEL_REQUEST, Execute, Parse, Query, Sync, Wire
from routercase import RouterTestCase


class Cancel(RouterTestCase):
    cluster_options = {"replicas": 1}
    router_options = {"workers": 3, "default_pool_size": 3}

    def wait_running(self, what, count=1):
        def running():
            return sum(node.value("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE %s"
                                  " AND pid <> pg_backend_pid()", ["%" + what + "%"]) for node in self.cluster.nodes)
        wait_until(lambda: running() == count, what="%d of %s to run" % (count, what))

    def send_cancel(self, key):
        with Wire(self.router.port, startup=False) as wire:
            wire.send(struct.pack("!ii", 8 + len(key), CANCEL_REQUEST) + key)
            return wire.read_end()

    def test_running_query(self):
        """Guards: a query that runs, on a replica and on the primary, ends with 57014; the session goes on."""
        for sql in ("SELECT pg_sleep(100) FROM t", "SELECT pg_sleep(100)", "INSERT INTO t SELECT 1 FROM pg_sleep(100)"):
            with self.subTest(sql):
                wire = self.wire()
                wire.send(Query(sql))
                self.wait_running("pg_sleep(100)")
                wire.cancel()
                self.assertEqual(wire.read_words()[-2:], ["E 57014", "Z I"])
                self.assertEqual(wire.query("SELECT 1"), ["T", "D 1", "C SELECT 1", "Z I"])

    def test_in_a_transaction(self):
        """Guards: a cancelled statement fails its transaction, as in PostgreSQL."""
        wire = self.wire()
        wire.query("BEGIN")
        wire.query("INSERT INTO t VALUES (2000)")
        wire.send(Query("SELECT pg_sleep(100)"))
        self.wait_running("pg_sleep(100)")
        wire.cancel()
        self.assertEqual(wire.read_words()[-2:], ["E 57014", "Z E"])
        self.assertEqual(wire.query("SELECT 1"), ["E 25P02", "Z E"])
        self.assertEqual(wire.query("COMMIT"), ["C ROLLBACK", "Z I"])

    def test_in_a_pipeline(self):
        """Guards: of a pipeline, the statement that runs fails and the rest of its unit is skipped; the next unit runs."""
        wire = self.wire()
        wire.send(Parse("", "SELECT pg_sleep(100)"), Bind("", ""), Execute(), Parse("", "SELECT 1"), Bind("", ""),
                  Execute(), Sync(), Query("SELECT 2"))
        self.wait_running("pg_sleep(100)")
        wire.cancel()
        self.assertEqual(wire.read_words(), ["1", "2", "E 57014", "Z I"])
        self.assertEqual(wire.read_words(), ["T", "D 2", "C SELECT 1", "Z I"])

    def test_every_client_its_own(self):
        """Guards: with clients on all workers, a cancel hits the one statement whose key was sent."""
        wires = [self.wire() for _ in range(6)]
        for i, wire in enumerate(wires):
            # three servers on each node: half of them write
            wire.send(Query("INSERT INTO t SELECT -1, 'number %d' FROM pg_sleep(100)" % i if i % 2 == 0 else
                            "/* andon:replica */ SELECT 'number %d', count(*) FROM generate_series(1, 100000000000)" % i))
        self.wait_running("number ", 6)
        for i in (3, 0, 5, 2, 1, 4):
            self.wait_running("number %d" % i)
            wires[i].cancel()
            self.assertEqual(wires[i].read_words()[-2:], ["E 57014", "Z I"])
        for wire in wires:
            self.assertEqual(wire.query("SELECT 1")[1], "D 1")

    def test_while_waiting_for_a_server(self):
        """Guards: a statement that waits in the queue is cancelled there, at once, and never runs."""
        holders = [self.wire() for _ in range(3)]
        for wire in holders:
            wire.query("BEGIN")
            wire.query("INSERT INTO t VALUES (%d)" % (2100 + holders.index(wire)))
        waiting = self.wire()
        waiting.send(Query("INSERT INTO t VALUES (2200)"))
        wait_until(lambda: any(row["state"] == "wait_server" or "wait" in row["state"]
                               for row in self.router.show("CLIENTS")), what="a client to wait")
        waiting.cancel()
        self.assertEqual(waiting.read_words(), ["E 57014", "Z I"])
        for wire in holders:
            wire.query("ROLLBACK")
        self.assertEqual(waiting.query("SELECT count(*) FROM t WHERE id = 2200")[1], "D 0")

    def test_idle_session(self):
        """Guards: a cancel that comes when nothing runs does nothing, now or to the next statement."""
        wire = self.wire()
        for state in ("I", "T"):
            for _ in range(5):
                wire.cancel()
                self.assertEqual(wire.query("SELECT 1"), ["T", "D 1", "C SELECT 1", "Z " + state])
            wire.query("BEGIN")
        wire.query("INSERT INTO t VALUES (2300)")
        wire.cancel()
        self.assertEqual(wire.query("COMMIT"), ["C COMMIT", "Z I"])

    def test_wrong_keys(self):
        """Guards: keys that are wrong, old or of nobody are not answered and hit nobody."""
        wire = self.wire()
        gone = self.wire()
        gone.close()
        wire.send(Query("SELECT 'untouched', pg_sleep(100)"))
        self.wait_running("untouched")
        pid, = struct.unpack("!I", wire.key[:4])
        for key in (gone.key, wire.key[:4] + os.urandom(4), os.urandom(4) + wire.key[4:],
                    struct.pack("!I", pid ^ 1) + wire.key[4:], struct.pack("!I", pid | 0xff) + wire.key[4:],
                    b"\0" * 8, b"\xff" * 8):
            self.assertEqual(self.send_cancel(key), [])
        self.wait_running("untouched")
        self.send_cancel(wire.key)
        self.assertEqual(wire.read_words()[-2:], ["E 57014", "Z I"])

    def test_guessing(self):
        """Guards: who tries secrets at one session is counted, keeps nobody beside him from cancelling, and is answered alike."""
        guessed, neighbour = self.wire(), self.wire()
        for wire in (guessed, neighbour):
            wire.send(Query("INSERT INTO t SELECT -1, 'guess' FROM pg_sleep(100)"))
        self.wait_running("'guess'", 2)
        before = self.router.metrics()
        for i in range(300):
            self.assertEqual(self.send_cancel(guessed.key[:4] + struct.pack("!I", i)), [])
        self.wait_running("'guess'", 2)
        neighbour.cancel()
        self.assertEqual(neighbour.read_words()[-2:], ["E 57014", "Z I"])
        after = self.router.metrics()
        for what, count in (("requests", 301), ("guesses", 300)):
            name = "andon_router_cancel_%s_total" % what, ()
            self.assertEqual(after[name] - before[name], count)
        guessed.close()

    def test_shown_in_pools(self):
        """Guards: SHOW POOLS tells of requests on their way, and of servers they are for until these are gone;
        of idle ones, those to be checked before use are told apart."""
        router = self.start_router({"server_connect_timeout": "10min", "server_check_delay": "0", "workers": 1})
        columns = ("cl_active", "sv_active", "sv_active_cancel", "sv_being_canceled", "sv_idle", "sv_used")

        def wait_pool(*counts):
            wait_until(lambda: [tuple(int(row[column]) for column in columns) for row in router.show("POOLS")
                                if (row["database"], row["node"]) == (self.dbname, self.primary_name)] == [counts],
                       what="%s to be %s" % (columns, counts))

        wire = self.wire(router)
        wire.send(Query("INSERT INTO t SELECT -1, 'shown' FROM pg_sleep(100)"))
        self.wait_running("'shown'")
        wait_pool(1, 1, 0, 0, 0, 0)
        postmaster = self.cluster.primary
        postmaster.signal(signal.SIGSTOP)       # it takes no new connection; those it has go on
        try:
            wire.cancel()
            wait_pool(1, 0, 1, 1, 0, 0)
            wire.close()
            wait_pool(0, 0, 1, 0, 0, 0)
        finally:
            postmaster.signal(signal.SIGCONT)
        wait_pool(0, 0, 0, 0, 0, 0)
        self.wire(router).query("INSERT INTO t VALUES (2400)")
        wait_pool(0, 0, 0, 0, 0, 1)

    def test_storm(self):
        """Guards: servers that go from hand to hand under a storm of late cancels: each error goes to its sender."""
        stop = threading.Event()
        victims = []
        hits = []
        errors = []

        def cancelled():
            wire = self.wire()
            victims.append(wire)
            while not stop.is_set():
                words = wire.query("SELECT count(*) FROM generate_series(1, 2000)")
                if "E 57014" in words:
                    hits.append(words)
                if words[-1] != "Z I":
                    errors.append(words)

        def innocent():
            wire = self.wire()
            while not stop.is_set():
                words = wire.query("SELECT count(*) FROM generate_series(1, 2000)")
                if words != ["T", "D 2000", "C SELECT 1", "Z I"]:
                    errors.append(words)

        threads = [threading.Thread(target=target) for target in (cancelled, innocent, innocent, innocent)]
        for thread in threads:
            thread.start()
        wait_until(lambda: victims, what="the first client")
        for _ in range(200):
            victims[0].cancel()
        try:
            wait_until(lambda: hits or victims[0].cancel(), what="a cancel to hit", interval=0)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(errors, [])
        wait_until(lambda: all(row["state"] == "idle" for row in self.router.show("SERVERS")), what="idle servers")

    def test_psycopg2(self):
        """Guards: the driver's own cancel, from another thread."""
        with self.client() as connection:
            with self.assertRaises(Exception) as caught:
                canceller = threading.Thread(target=lambda: (self.wait_running("pg_sleep(99)"), connection.cancel()))
                canceller.start()
                connection.cursor().execute("SELECT pg_sleep(99)")
            canceller.join()
            self.assertEqual(caught.exception.pgcode, "57014")
            cursor = connection.cursor()
            cursor.execute("SELECT 1")
            self.assertEqual(cursor.fetchone(), (1,))
