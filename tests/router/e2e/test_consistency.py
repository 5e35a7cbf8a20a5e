"""What a session has written or seen, it never unsees.

Replay is paused on replicas, so that they are behind for certain; then what a
session reads, and where, is checked against what it wrote and read before.
The last classes are controls: without floors the same schedule shows old rows.
"""

import contextlib
import threading

from pgcluster import fetch
from programs import wait_until
from pgwire import Bind, CopyData, CopyDone, Execute, Parse, Query, Sync
from routercase import RouterTestCase


class ConsistencyCase(RouterTestCase):
    @classmethod
    def prepare(cls):
        super().prepare()
        cls.sql("CREATE TABLE c (id serial, v int)")
        cls.sql("CREATE FUNCTION add_one() RETURNS bigint LANGUAGE sql AS"
                " 'INSERT INTO c (v) VALUES (1); SELECT count(*) FROM c'")

    def setUp(self):
        self.sql("TRUNCATE c")
        self.cluster.wait_caught_up()
        self.addCleanup(self.cluster.wait_caught_up)
        self.addCleanup(self.cluster.resume_replay)

    def count(self, connection):
        """(rows of c, the node that counted them)"""
        return fetch(connection, "SELECT count(*), here() FROM c")[0]

    @contextlib.contextmanager
    def running_transaction(self):
        """Gives a function that writes, commits nothing and returns up to where it wrote: that is flushed by chance only."""
        with contextlib.closing(self.cluster.primary.connect(self.dbname, autocommit=False)) as connection:
            def write():
                fetch(connection, "INSERT INTO c (v) VALUES (0) RETURNING v")
                return fetch(connection, "SELECT pg_current_wal_insert_lsn()")[0][0]

            yield write

    def token(self, lsn):
        return self.sql("SELECT format('%%s:%%s:%%s', system_identifier, timeline_id, %s)"
                        " FROM pg_control_system(), pg_control_checkpoint()", [lsn])[0][0]

    def is_unflushed(self, lsn):
        return self.sql("SELECT pg_current_wal_flush_lsn() < %s::pg_lsn", [lsn])[0][0]


class ReadYourWrites(ConsistencyCase):
    router_options = {"consistency": "session", "replica_wait": "30ms"}

    def test_falls_back_to_the_primary(self):
        """Guards: with all replicas behind, a session reads its own write on the primary after replica_wait."""
        self.cluster.pause_replay()
        with self.client() as connection:
            for i in range(1, 4):
                fetch(connection, "INSERT INTO c (v) VALUES (1)")
                self.assertEqual(self.count(connection), (i, self.primary_name))

    def test_others_go_on_reading_replicas(self):
        """Guards: a session that wrote nothing reads on replicas, behind as they are."""
        self.cluster.pause_replay()
        with self.client() as writer, self.client() as reader:
            fetch(writer, "INSERT INTO c (v) VALUES (1)")
            count, node = self.count(reader)
            self.assertEqual(count, 0)
            self.assertIn(node, self.replica_names())

    def test_one_replica_behind(self):
        """Guards: of two replicas the one that has the write is read, whichever it is."""
        for behind in self.cluster.replicas:
            behind.pause_replay()
            ahead = [node for node in self.cluster.replicas if node is not behind][0]
            with self.client() as connection:
                fetch(connection, "TRUNCATE c")
                fetch(connection, "INSERT INTO c (v) VALUES (1)")
                wait_until(lambda: ahead.has_replayed(self.cluster.primary.lsn()), what="the other replica")
                wait_until(lambda: self.count(connection)[1] == ahead.name, what="reads on the one that has it")
                for _ in range(5):
                    count, node = self.count(connection)
                    self.assertEqual(count, 1)
                    self.assertNotEqual(node, behind.name)
            behind.resume_replay()
            self.cluster.wait_caught_up()

    def test_every_way_to_commit(self):
        """Guards: the floor rises however a session writes: each protocol, COPY, functions, DO, CALL, two phases."""
        self.sql("CREATE PROCEDURE put() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO c (v) VALUES (1); COMMIT; "
                 "INSERT INTO c (v) VALUES (2); ROLLBACK; END $$")
        wire = self.wire()
        wire.query("SELECT 1 FROM c")
        self.cluster.pause_replay()
        ways = [
            [Query("INSERT INTO c (v) VALUES (1)")],
            [Parse("", "INSERT INTO c (v) VALUES ($1)"), Bind("", "", 1), Execute(), Sync()],
            [Query("BEGIN"), Query("INSERT INTO c (v) VALUES (1)"), Query("COMMIT")],
            [Query("BEGIN; INSERT INTO c (v) VALUES (1); COMMIT")],
            [Query("WITH w AS (INSERT INTO c (v) VALUES (1) RETURNING v) SELECT * FROM w")],
            [Query("SELECT add_one()")],
            [Query("DO $$ BEGIN INSERT INTO c (v) VALUES (1); END $$")],
            [Query("CALL put()")],
            [Query("DO $$ BEGIN INSERT INTO c (v) VALUES (1); COMMIT; PERFORM 1/0; END $$")],
            [Query("INSERT INTO c (v) VALUES (1); SELECT 1")],
            [Query("BEGIN"), Query("INSERT INTO c (v) VALUES (1)"), Query("PREPARE TRANSACTION 'x'"),
             Query("COMMIT PREPARED 'x'")],
            [Query("BEGIN"), Query("INSERT INTO c (v) VALUES (1)"), Query("COMMIT AND CHAIN"), Query("ROLLBACK")],
            [Query("EXPLAIN ANALYZE INSERT INTO c (v) VALUES (1)")],
        ]
        for i, messages in enumerate(ways, 1):
            with self.subTest(messages):
                for message in messages[:-1] if messages[-1] != Sync() else []:
                    wire.ask(message)
                wire.ask(messages[-1]) if messages[-1] != Sync() else wire.ask(*messages)
                self.assertEqual(wire.query("SELECT count(*) FROM c")[1], "D %d" % i)
        wire.send(Query("COPY c (v) FROM STDIN"))
        wire.read("G")
        wire.send(CopyData(b"1\n"), CopyDone())
        wire.read()
        self.assertEqual(wire.query("SELECT count(*) FROM c")[1], "D %d" % (len(ways) + 1))

    def test_commit_lsn_cannot_be_switched_off(self):
        """Guards: a client cannot keep its commits' positions from the router, nor by its startup packet."""
        self.cluster.pause_replay()
        with self.client(options="-c andon.report_commit_lsn=off") as connection:
            for sql in ("SET andon.report_commit_lsn = off", "RESET andon.report_commit_lsn"):
                self.assertSqlstate("55P02", connection.cursor().execute, sql)
            fetch(connection, "INSERT INTO c (v) VALUES (1)")
            self.assertEqual(self.count(connection), (1, self.primary_name))

    def test_pipelined_write_and_read(self):
        """Guards: a read sent right behind a write, without waiting for its answer, sees it."""
        self.cluster.pause_replay()
        wire = self.wire()
        wire.send(Query("INSERT INTO c (v) VALUES (1)"), Query("SELECT count(*) FROM c"),
                  Parse("", "INSERT INTO c (v) VALUES (1)"), Bind("", ""), Execute(), Sync(),
                  Parse("", "SELECT count(*) FROM c"), Bind("", ""), Execute(), Sync())
        answers = [wire.read_words() for _ in range(4)]
        self.assertEqual((answers[1][1], answers[3][2]), ("D 1", "D 2"))

    def test_read_after_reading_on_the_primary(self):
        """Guards: what was read on the primary, in a transaction or by a hint, is not unseen on a replica."""
        self.cluster.pause_replay()
        self.sql("INSERT INTO c (v) VALUES (1)")
        for read in ("/* andon:primary */ SELECT count(*) FROM c", "BEGIN; SELECT count(*) FROM c; COMMIT",
                     "SELECT * FROM c FOR UPDATE"):
            with self.subTest(read), self.client() as connection:
                connection.cursor().execute(read)
                self.assertEqual(self.count(connection)[0], 1)

    def test_failed_and_rolled_back(self):
        """Guards: a session whose write came to nothing reads no worse than before, and goes on."""
        self.cluster.pause_replay()
        with self.client() as connection:
            for sql in ("INSERT INTO c (v) VALUES (1/0)", "BEGIN; INSERT INTO c (v) VALUES (1); ROLLBACK"):
                try:
                    connection.cursor().execute(sql)
                except Exception as error:
                    self.assertEqual(error.pgcode, "22012")
                self.assertEqual(self.count(connection)[0], 0)

    def test_floor_carried_over(self):
        """Guards: SHOW andon.floor in one session, SET andon.floor in another: the second sees what the first wrote."""
        self.cluster.pause_replay()
        with self.client() as writer, self.client() as reader:
            fetch(writer, "INSERT INTO c (v) VALUES (1)")
            floor = fetch(writer, "SHOW andon.floor")[0][0]
            self.assertEqual(floor, self.token(floor.split(":")[2]))
            self.assertNotEqual(floor, self.token("0/0"))
            fetch(reader, "SET andon.floor = '%s'" % floor)
            self.assertEqual(self.count(reader), (1, self.primary_name))
            for no_token in (floor.split(":")[2], "1" + floor):
                self.assertSqlstate("22023", fetch, reader, "SET andon.floor = '%s'" % no_token)
            error = self.assertSqlstate("22023", fetch, reader, "SET andon.floor = 'nonsense'")
            self.assertIn("nonsense", error.diag.message_detail)
            wait_until(lambda: self.router.events("unit_refused"), what="event unit_refused")
            self.assertNotIn("nonsense", self.router.log())  # values are the client's own

    def test_floor_covers_what_was_read(self):
        """Guards: a token covers the session's last read, on a replica or the primary, inside a transaction too."""
        ahead, behind = self.cluster.replicas
        behind.pause_replay()
        self.sql("INSERT INTO c (v) VALUES (1)")
        wait_until(lambda: ahead.value("SELECT count(*) FROM c", dbname=self.dbname) == 1, what="the row on one replica")
        with contextlib.ExitStack() as stack:
            sessions = [stack.enter_context(self.client()) for _ in range(4)]
            wait_until(lambda: self.count(sessions[0]) == (1, ahead.name), what="a read on the replica that has it")
            self.assert_carried(sessions[0], 1)
            self.cluster.pause_replay()
            for i in range(2, 4):
                self.sql("INSERT INTO c (v) VALUES (1)")
                self.assertEqual(fetch(sessions[i], "/* andon:primary */ SELECT count(*) FROM c"), [(i,)])
                if i == 2:
                    self.assert_carried(sessions[i], i)
                else:
                    fetch(sessions[i], "BEGIN")
                    self.assertEqual(fetch(sessions[i], "SELECT count(*) FROM c"), [(i,)])
                    self.assert_carried(sessions[i], i)
                    fetch(sessions[i], "COMMIT")

    def assert_carried(self, connection, count):
        """No session that takes its token over sees fewer rows."""
        floor = fetch(connection, "SHOW andon.floor")[0][0]
        for _ in range(4):
            with self.client() as other:
                fetch(other, "SET andon.floor = '%s'" % floor)
                self.assertGreaterEqual(self.count(other)[0], count)

    def test_writers_and_readers(self):
        """Guards: under load from many sessions, with a replica now and then paused, nobody misses a write of its own."""
        missed = []
        stop = threading.Event()

        def session(number):
            with self.client() as connection:
                cursor = connection.cursor()
                mine = 0
                while not stop.is_set():
                    cursor.execute("INSERT INTO c (v) VALUES (%s)", [number])
                    mine += 1
                    cursor.execute("SELECT count(*) FROM c WHERE v = %s", [number])
                    seen, = cursor.fetchone()
                    if seen != mine:
                        missed.append((number, mine, seen))

        threads = [threading.Thread(target=session, args=(100 + i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            for replica in self.cluster.replicas:
                before = self.sql("SELECT count(*) FROM c")[0][0]
                replica.pause_replay()
                wait_until(lambda: self.sql("SELECT count(*) FROM c")[0][0] > before + 50, what="fifty writes")
                replica.resume_replay()
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(missed, [])


class WaitsForReplica(ConsistencyCase):
    router_options = {"consistency": "session", "replica_wait": "60s"}

    def test_waits_then_reads_there(self):
        """Guards: within replica_wait a read waits for a replica to catch up, and is read there, not on the primary."""
        self.cluster.pause_replay()
        with self.client() as connection:
            fetch(connection, "INSERT INTO c (v) VALUES (1)")
            answer = []
            reader = threading.Thread(target=lambda: answer.append(self.count(connection)))
            reader.start()
            wait_until(lambda: any(row["state"] == "wait_replica" for row in self.router.show("CLIENTS")),
                       what="the read to wait")
            self.cluster.replicas[1].resume_replay()
            reader.join()
            self.assertEqual(answer, [(1, self.cluster.replicas[1].name)])

    def test_what_runs_on_the_primary_is_not_waited_for(self):
        """Guards: WAL of a running transaction is in nobody's floor: who read on the primary goes back to replicas."""
        with self.client() as connection, self.running_transaction() as write_more:
            fetch(connection, "/* andon:primary */ SELECT 1")
            self.count(connection)  # the primary was asked since the last commit
            for _ in range(20):
                fetch(connection, "/* andon:primary */ SELECT 1")
                written = write_more()
                node = self.count(connection)[1]
                if self.is_unflushed(written) and node in self.replica_names():
                    return
        self.fail("reads wait until a running transaction's WAL is flushed")

    def test_monotonic_between_replicas(self):
        """Guards: what was read on one replica is not unseen on the other, which is behind it."""
        ahead, behind = self.cluster.replicas
        behind.pause_replay()
        self.sql("INSERT INTO c (v) VALUES (1)")
        wait_until(lambda: ahead.value("SELECT count(*) FROM c", dbname=self.dbname) == 1, what="the row on one replica")
        for _ in range(8):
            with self.client() as connection:
                counts = []
                for _ in range(6):
                    count, node = self.count(connection)
                    counts.append(count)
                self.assertEqual(counts, sorted(counts))


class FloorNotFlushed(ConsistencyCase):
    router_options = {"consistency": "session", "replica_wait": "300ms"}

    def test_what_is_not_flushed_is_not_waited_for(self):
        """Guards: a floor that the primary leaves unflushed sends reads to the primary, and each need not wait anew."""
        def reads_at_once():
            return int(self.router.metric("andon_router_routes_total", reason="fallback_unflushed"))

        with self.client() as connection, self.running_transaction() as write_more:
            for _ in range(20):
                written = write_more()
                fetch(connection, "SET andon.floor = '%s'" % self.token(written))
                while reads_at_once() == 0 and self.is_unflushed(written):
                    node = self.count(connection)[1]
                    if self.is_unflushed(written):
                        self.assertEqual(node, self.primary_name)
                if reads_at_once() > 0:
                    return
        self.fail("each read waits until its floor is flushed")


class WithoutExtension(ReadYourWrites):
    """The same where the server does not report commit LSNs: the router asks for the position."""

    extension = False


class Global(ReadYourWrites):
    """The same, and one session's commit is every session's floor."""

    router_options = {"consistency": "global", "replica_wait": "30ms", "workers": "2"}

    def test_others_go_on_reading_replicas(self):
        """Guards: what one session has committed, all others read from then on, on any worker; tokens are one session's own."""
        with contextlib.ExitStack() as stack:
            readers = [stack.enter_context(self.client()) for _ in range(6)]
            writer = stack.enter_context(self.client())
            self.assertEqual({self.count(reader)[0] for reader in readers}, {0})
            fetch(readers[0], "SET andon.floor = '%s'" % self.token("FF/0"))
            self.assertIn(self.count(readers[1])[1], self.replica_names())
            for i in range(1, 6):
                self.cluster.pause_replay()
                fetch(writer, "INSERT INTO c (v) VALUES (1)")
                self.assertEqual({self.count(reader) for reader in readers}, {(i, self.primary_name)})
                self.cluster.resume_replay()
                wait_until(lambda: self.count(readers[1])[1] in self.replica_names(), what="reads to go to replicas again")


class ReloadToGlobal(ConsistencyCase):
    router_options = {"consistency": "session", "replica_wait": "30ms", "workers": "2"}

    def test_what_was_committed_before(self):
        """Guards: with consistency reloaded to global every session reads what another had committed just before."""
        with contextlib.ExitStack() as stack:
            readers = [stack.enter_context(self.client()) for _ in range(6)]
            self.assertEqual({self.count(reader)[0] for reader in readers}, {0})
            self.cluster.pause_replay()
            fetch(stack.enter_context(self.client()), "INSERT INTO c (v) VALUES (1)")
            self.router.options["consistency"] = "global"
            self.router.write_config()
            self.router.reload("configuration_reloaded")
            self.router.show("CLIENTS")     # asks every worker, which by then has the new configuration
            self.assertEqual({self.count(reader) for reader in readers}, {(1, self.primary_name)})


class Eventual(ConsistencyCase):
    router_options = {"consistency": "eventual", "replica_wait": "30ms"}

    def test_reads_may_be_old(self):
        """Control: without floors a session does not see its own write on a replica that is behind."""
        self.cluster.pause_replay()
        with self.client() as connection:
            fetch(connection, "INSERT INTO c (v) VALUES (1)")
            count, node = self.count(connection)
            self.assertEqual(count, 0)
            self.assertIn(node, self.replica_names())


class MaxLag(ConsistencyCase):
    router_options = {"consistency": "eventual", "max_replica_lag_bytes": "1kB"}

    def test_replica_far_behind_gets_no_reads(self):
        """Guards: a replica behind by more than max_replica_lag_bytes is not read, and is again when it has caught up."""
        behind = self.cluster.replicas[0]
        behind.pause_replay()
        self.sql("INSERT INTO c (v) SELECT generate_series(1, 1000)")

        def nodes():
            with self.client() as connection:
                return self.count(connection)[1]

        wait_until(lambda: behind.name not in {nodes() for _ in range(6)}, what="reads to avoid the replica")
        behind.resume_replay()
        wait_until(lambda: behind.name in {nodes() for _ in range(6)}, what="reads to come back")
