"""Servers die, freeze, come back and change their roles; what clients see of it.

Reads move to another node unseen. Nothing that may have had an effect is sent
twice: it ends with 08007, or 08006 inside a transaction, and the session goes
on. There is one primary or none.

Statements that have to be under way when something happens call stuck_on(),
which ends at once on every node but those named.
"""

import threading

from pgcluster import fetch
from programs import wait_until
from pgwire import Bind, Execute, Parse, Query, Sync
from routercase import RouterTestCase

STUCK = """
CREATE FUNCTION stuck_on(VARIADIC nodes text[]) RETURNS text STABLE LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('cluster_name') = ANY (nodes) THEN PERFORM pg_sleep(3600); END IF;
    RETURN current_setting('cluster_name');
END $$;
CREATE FUNCTION stuck_write(VARIADIC nodes text[]) RETURNS text VOLATILE LANGUAGE sql AS $$
    UPDATE t SET v = 'written' WHERE id = 1;
    SELECT stuck_on(VARIADIC nodes) $$;
CREATE FUNCTION stuck_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_sleep(3600); RETURN NULL; END $$;
CREATE TABLE slow_to_commit (id int);
CREATE CONSTRAINT TRIGGER c AFTER INSERT ON slow_to_commit DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION stuck_at_commit();
CREATE TABLE counter (n bigint);
INSERT INTO counter VALUES (0);
"""


class FailoverCase(RouterTestCase):
    cluster_options = {"replicas": 2}
    router_options = {"probe_interval": "20ms", "probe_timeout": "500ms", "replica_wait": "200ms"}

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.sql(STUCK)
        cls.cluster.wait_caught_up()

    def setUp(self):
        """All nodes run, stream, and are known to do so."""
        self.primary = self.cluster.primary
        self.south, self.east = self.cluster.replicas
        self.heal()

    def heal(self):
        for node in self.cluster.nodes:
            if node.process is not None and node.is_running():
                node.sigcont()
            else:
                node.start()
        self.cluster.wait_streaming()
        self.cluster.wait_caught_up()
        wait_until(lambda: all(row["state"] == "usable" for row in self.router.show("NODES")),
                   what="all nodes to be usable")
        wait_until(lambda: [row["node"] for row in self.router.show("NODES") if row["role"] == "primary"]
                   == [self.cluster.primary.name], what="the primary to be known")
        self.wait_reads_on_replicas(self.router)

    def state_of(self, node):
        return [row["state"] for row in self.router.show("NODES") if row["node"] == node.name][0]

    def wait_gone(self, node):
        wait_until(lambda: self.state_of(node) != "usable", what=node.name + " to be known as gone")

    def wire_on(self, node):
        """A session whose next read goes to that replica."""
        for _ in range(50):
            wire = self.wire()
            if wire.query("SELECT here()")[1] == "D " + node.name:
                return wire
            wire.close()
        self.fail("no session reads from %s" % node.name)

    def wait_stuck(self, node, text="stuck_"):
        """Waits until a statement with this text runs on the node."""
        wait_until(lambda: node.value("SELECT count(*) FROM pg_stat_activity WHERE state = 'active'"
                                      " AND wait_event = 'PgSleep' AND query LIKE %s",
                                      ["%" + text + "%"]) > 0, what="a statement to be under way")

    def send_stuck(self, wire, sql, node):
        wire.send(Query(sql))
        self.wait_stuck(node)

    def assertUsable(self, wire):
        self.assertEqual(wire.query("SELECT 1"), ["T", "D 1", "C SELECT 1", "Z I"])

    def read_error(self, wire):
        """The one ERROR of a unit that failed, as (sqlstate, status after it)."""
        replies = wire.read()
        self.assertEqual([reply.kind for reply in replies], ["E", "Z"], replies)
        self.assertEqual(replies[0].fields["S"], "ERROR")
        self.assertTrue(replies[0].fields.get("H"), replies[0].fields)
        return replies[0].fields["C"], replies[1].body.decode()


class Replica(FailoverCase):
    def test_killed_under_load(self):
        """Guards: clients that read all the time never notice that a replica dies and comes back."""
        stop, counts, errors = threading.Event(), {}, []

        def read(number):
            try:
                with self.client() as connection:
                    while not stop.is_set():
                        node = fetch(connection, "SELECT here()")[0][0]
                        counts[number, node] = counts.get((number, node), 0) + 1
            except Exception as error:      # noqa: BLE001
                errors.append(error)

        def total(node=None):
            return sum(count for (_, name), count in counts.copy().items() if node in (None, name))

        readers = [threading.Thread(target=read, args=(number,)) for number in range(6)]
        for reader in readers:
            reader.start()
        try:
            wait_until(lambda: errors or (total(self.south.name) > 50 and total(self.east.name) > 50), what="reads")
            self.south.kill9()
            self.wait_gone(self.south)
            before = total()
            wait_until(lambda: errors or total() > before + 200, what="reads after the kill")
            self.south.start()
            wait_until(lambda: self.state_of(self.south) == "usable", what="the replica to be back")
            wait_until(lambda: errors or self.router.value("SELECT here()", dbname=self.dbname) == self.south.name,
                       what="reads on it again")
            # the primary helps out only at the moment of the change, however long that took
            wait_until(lambda: errors or total(self.primary.name) < total() / 10, what="reads to have left the primary")
        finally:
            stop.set()
            for reader in readers:
                reader.join()
        self.assertEqual(errors, [])

    def test_killed_in_the_middle_of_reads(self):
        """Guards: a read whose answer had not begun is run again on another node, in every form of the protocol."""
        sql = "SELECT stuck_on('%s')" % self.south.name
        plain, extended, with_begin = (self.wire_on(self.south) for _ in range(3))
        plain.send(Query(sql))
        extended.send(Parse("s", "SELECT stuck_on($1)", 25), Bind("", "s", self.south.name), Execute(), Sync())
        self.assertEqual(with_begin.query("BEGIN READ ONLY"), ["C BEGIN", "Z T"])
        with_begin.send(Query(sql))
        wait_until(lambda: self.south.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == 3,
                   what="three reads to be under way")
        self.south.kill9()
        self.assertEqual(plain.read_words(), ["T", "D " + self.east.name, "C SELECT 1", "Z I"])
        self.assertEqual(extended.read_words(), ["1", "2", "D " + self.east.name, "C SELECT 1", "Z I"])
        self.assertEqual(with_begin.read_words(), ["T", "D " + self.east.name, "C SELECT 1", "Z T"])
        self.assertEqual(with_begin.query("COMMIT"), ["C COMMIT", "Z I"])
        self.assertEqual(extended.ask(Bind("", "s", "nowhere"), Execute(), Sync()),
                         ["2", "D " + self.east.name, "C SELECT 1", "Z I"])

    def test_killed_after_the_answer_began(self):
        """Guards: rows that were shown cannot be taken back: the read ends with 08006, the session goes on."""
        wire = self.wire_on(self.south)
        wire.send(Query("SELECT repeat('x', 1000), CASE WHEN i = 2000 THEN stuck_on('%s') END"
                        " FROM generate_series(1, 2000) i" % self.south.name))
        self.assertEqual(wire.read("D")[-1].kind, "D")
        self.wait_stuck(self.south)
        self.south.kill9()
        replies = wire.read()
        self.assertEqual([reply.word() for reply in replies[-2:]], ["E 08006", "Z I"])
        self.assertUsable(wire)

    def test_killed_inside_a_transaction(self):
        """Guards: a transaction on a replica is lost with it: 08006 once, then 25P02 until its end."""
        idle, busy = self.wire_on(self.south), self.wire_on(self.south)
        for wire in (idle, busy):
            self.assertEqual(wire.query("BEGIN READ ONLY"), ["C BEGIN", "Z T"])
            self.assertEqual(wire.query("SELECT here()")[1], "D " + self.south.name)
        self.send_stuck(busy, "SELECT stuck_on('%s')" % self.south.name, self.south)
        self.south.kill9()
        self.assertEqual(self.read_error(busy), ("08006", "E"))
        self.wait_gone(self.south)
        idle.send(Query("SELECT 1"))
        self.assertEqual(self.read_error(idle), ("08006", "E"))
        for wire in (idle, busy):
            self.assertEqual(wire.query("SELECT 1"), ["E 25P02", "Z E"])
            self.assertEqual(wire.query("ROLLBACK"), ["C ROLLBACK", "Z I"])
            self.assertEqual(wire.query("SELECT here()")[1], "D " + self.east.name)

    def test_both_killed(self):
        """Guards: without replicas reads go to the primary, and back when there is one."""
        wire = self.wire()
        self.south.kill9()
        self.east.kill9()
        for _ in range(5):
            self.assertEqual(wire.query("SELECT here()")[1], "D " + self.primary.name)
        self.east.start()
        wait_until(lambda: self.router.value("SELECT here()", dbname=self.dbname) == self.east.name,
                   what="reads on the replica")
        self.assertGreater(self.router.metric("andon_router_fallback_reads_total"), 0)

    def test_restarted(self):
        """Guards: a replica that restarts is asked only what it has replayed: own writes are seen all the time."""
        with self.client() as connection:
            for i in range(30):
                if i == 10:
                    self.south.stop("immediate")
                if i == 20:
                    self.south.start()
                fetch(connection, "UPDATE counter SET n = %s", [i])
                self.assertEqual(fetch(connection, "SELECT n FROM counter"), [(i,)])

    def test_frozen(self):
        """Guards: a replica that keeps its sockets and answers nothing is left alone; so is what hung on it."""
        begun = self.wire_on(self.south)
        held = self.wire_on(self.south)
        idle = self.wire_on(self.south)
        self.assertEqual(begun.query("BEGIN READ ONLY"), ["C BEGIN", "Z T"])
        self.assertEqual(begun.query("SELECT here()")[1], "D " + self.south.name)
        self.send_stuck(held, "SELECT stuck_on('%s')" % self.south.name, self.south)
        self.south.sigstop()
        begun.send(Query("SELECT 2"))
        idle.send(Query("SELECT here()"))
        for wire in (held, idle):
            words = wire.read_words()
            self.assertEqual(words[::2] + words[3:], ["T", "C SELECT 1", "Z I"])
            # what they read before is covered by all the primary has, and it may keep that to itself for a while
            self.assertIn(words[1], ["D " + self.east.name, "D " + self.primary.name])
        self.assertEqual(self.read_error(begun), ("08006", "E"))
        self.assertEqual(begun.query("ROLLBACK"), ["C ROLLBACK", "Z I"])
        self.assertNotEqual(self.state_of(self.south), "usable")
        self.south.sigcont()
        wait_until(lambda: self.router.value("SELECT here()", dbname=self.dbname) == self.south.name,
                   what="reads on the thawed replica")

    def test_backend_ended_by_an_administrator(self):
        """Guards: pg_terminate_backend of a read is hidden; of idle servers too."""
        terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '%s'" % self.dbname
        wire = self.wire_on(self.south)
        self.send_stuck(wire, "SELECT stuck_on('%s')" % self.south.name, self.south)
        self.south.query(terminate)
        self.assertEqual(wire.read_words(), ["T", "D " + self.east.name, "C SELECT 1", "Z I"])
        for node in self.cluster.nodes:
            node.query(terminate)
        for _ in range(3):
            self.assertUsable(wire)
            self.assertEqual(wire.query("UPDATE t SET v = v WHERE id = 2"), ["C UPDATE 1", "Z I"])


class Primary(FailoverCase):
    def test_killed_during_a_write(self):
        """Guards: a write whose fate is not known ends with 08007 and is never sent again; the session goes on."""
        plain, extended = self.wire(), self.wire()
        plain.send(Query("SELECT stuck_write('%s')" % self.primary.name))
        self.wait_stuck(self.primary)
        extended.send(Parse("", "SELECT id, stuck_on($1) FROM t WHERE id = 50 FOR UPDATE", 25),
                      Bind("", "", self.primary.name), Execute(), Sync())
        self.wait_stuck(self.primary, "FOR UPDATE")
        self.primary.kill9()
        self.assertEqual(self.read_error(plain), ("08007", "I"))
        self.assertEqual(extended.read_words()[-2:], ["E 08007", "Z I"])
        self.primary.start()
        for wire in (plain, extended):
            self.assertEqual(wire.query("UPDATE t SET v = v WHERE id = 3"), ["C UPDATE 1", "Z I"])
        self.assertEqual(self.sql("SELECT v FROM t WHERE id = 1"), [("v1",)], "it was not run again")

    def test_killed_during_a_commit(self):
        """Guards: a COMMIT in flight ends with 08007 and ends the transaction for the client."""
        wire = self.wire()
        for sql in ("BEGIN", "INSERT INTO slow_to_commit VALUES (1)"):
            self.assertEqual(wire.query(sql)[-1], "Z T")
        wire.send(Query("COMMIT"))
        self.wait_stuck(self.primary, "COMMIT")
        self.primary.kill9()
        self.assertEqual(self.read_error(wire), ("08007", "I"))
        self.primary.start()
        self.assertUsable(wire)

    def test_killed_inside_a_transaction(self):
        """Guards: the transaction is lost: 08006 once, 25P02 until its end; a lost COMMIT is never taken for one."""
        busy, idle, commits = self.wire(), self.wire(), self.wire()
        for wire, number in ((busy, 11), (idle, 12), (commits, 13)):
            self.assertEqual(wire.query("BEGIN"), ["C BEGIN", "Z T"])
            self.assertEqual(wire.query("UPDATE t SET v = 'lost' WHERE id = %d" % number)[-1], "Z T")
        busy.send(Query("SELECT stuck_write('%s')" % self.primary.name))
        self.wait_stuck(self.primary)
        self.primary.kill9()
        self.assertEqual(self.read_error(busy), ("08006", "E"))
        self.assertEqual(busy.query("SELECT 1"), ["E 25P02", "Z E"])
        self.assertEqual(busy.query("COMMIT"), ["C ROLLBACK", "Z I"], "the client has been told before")
        wait_until(lambda: [row["tx_status"] for row in self.router.show("CLIENTS")].count("E") == 2,
                   what="the loss to be noticed")
        idle.send(Query("UPDATE t SET v = 'lost' WHERE id = 12"))
        self.assertEqual(self.read_error(idle), ("08006", "E"))
        self.assertEqual(idle.query("SELECT 1"), ["E 25P02", "Z E"])
        self.assertEqual(idle.query("ROLLBACK"), ["C ROLLBACK", "Z I"])
        answer = commits.query("COMMIT")
        self.assertEqual(answer[0], "E 08006", "nobody has told this client yet that its writes are gone")
        self.assertEqual(answer[-1], "Z I")
        self.primary.start()
        for wire in (busy, idle, commits):
            self.assertUsable(wire)

    def test_killed_during_a_read_on_it(self):
        """Guards: a read on the primary ends with 08006, not 08007: it can be sent again."""
        wire = self.wire()
        wire.send(Query("/* andon:primary */ SELECT here(), stuck_on('%s')" % self.primary.name))
        self.wait_stuck(self.primary)
        self.primary.kill9()
        self.assertEqual(self.read_error(wire), ("08006", "I"))
        self.primary.start()
        self.assertUsable(wire)

    def test_none_for_a_while(self):
        """Guards: without a primary reads go on, logins are taken, writes wait and succeed when there is one."""
        old = self.wire()
        self.assertUsable(old)
        self.primary.kill9()
        self.wait_gone(self.primary)
        self.assertEqual(self.router.http("/ready")[0], 200)
        new = self.wire(application_name="new", TimeZone="Asia/Tokyo", work_mem="7MB")      # of a kind never seen
        self.assertEqual(new.parameters["TimeZone"], "Asia/Tokyo")
        for wire in (old, new):
            self.assertIn(wire.query("SELECT here()")[1], ("D " + self.south.name, "D " + self.east.name))
        old.send(Query("UPDATE t SET v = 'waited' WHERE id = 4"))
        new.send(Parse("", "UPDATE t SET v = $1 WHERE id = 5", 25), Bind("", "", "waited"), Execute(), Sync())
        begun = self.wire()
        self.assertEqual(begun.query("BEGIN"), ["C BEGIN", "Z T"])
        begun.send(Query("UPDATE t SET v = 'waited' WHERE id = 6"))
        wait_until(lambda: self.router.metric("andon_router_clients", state="wait_replica") == 3, what="three to wait")
        self.primary.start()
        self.assertEqual(old.read_words(), ["C UPDATE 1", "Z I"])
        self.assertEqual(new.read_words(), ["1", "2", "C UPDATE 1", "Z I"])
        self.assertEqual(begun.read_words(), ["C UPDATE 1", "Z T"])
        self.assertEqual(begun.query("COMMIT"), ["C COMMIT", "Z I"])
        self.assertEqual(self.sql("SELECT count(*) FROM t WHERE v = 'waited'"), [(3,)])

    def test_read_of_what_no_replica_has(self):
        """Guards: with the primary gone a session waits for what it wrote, where others read on: it is not shown less."""
        wire, other = self.wire(), self.wire()
        self.cluster.pause_replay()
        self.addCleanup(self.cluster.resume_replay)
        self.assertEqual(wire.query("UPDATE counter SET n = 4711"), ["C UPDATE 1", "Z I"])
        self.primary.kill9()
        self.wait_gone(self.primary)
        wire.send(Query("SELECT n FROM counter"))
        wait_until(lambda: self.router.metric("andon_router_clients", state="wait_replica") == 1, what="it to wait")
        self.assertUsable(other)
        self.primary.start()
        self.assertEqual(wire.read_words(), ["T", "D 4711", "C SELECT 1", "Z I"])

    def test_pinned_session(self):
        """Guards: a session whose state is gone with its server cannot go on: FATAL, not a silent change."""
        for pin in ("CREATE TEMPORARY TABLE mine (id int)", "LISTEN channel", "PREPARE p AS SELECT 1"):
            with self.subTest(pin):
                wire = self.wire()
                wire.query(pin)
                pid = self.sql("SELECT pid FROM pg_stat_activity WHERE query = %s", [pin])[0][0]
                self.sql("SELECT pg_terminate_backend(%s)", [pid])
                last = wire.read_end()[-1]
                self.assertEqual((last.kind, last.fields["S"], last.fields["C"]), ("E", "FATAL", "08006"))

    def test_backend_ended_by_an_administrator(self):
        """Guards: the server's last words reach the client of a write, as detail of 08007."""
        wire = self.wire()
        wire.send(Query("SELECT stuck_write('%s')" % self.primary.name))
        self.wait_stuck(self.primary)
        self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
        error, ready = wire.read()[-2:]
        self.assertEqual((error.word(), ready.word()), ("E 08007", "Z I"))
        self.assertIn("administrator command", error.fields["D"])


class NoPrimary(FailoverCase):
    router_options = dict(FailoverCase.router_options, query_wait_timeout="300ms")

    def test_patience_ends(self):
        """Guards: a write that no primary took in query_wait_timeout ends with 57P03; the session is kept."""
        plain, extended, begun = self.wire(), self.wire(), self.wire()
        self.primary.kill9()
        self.wait_gone(self.primary)
        plain.send(Query("UPDATE t SET v = 'x' WHERE id = 1"))
        extended.send(Parse("", "UPDATE t SET v = 'x' WHERE id = 1"), Bind("", ""), Execute(), Sync())
        self.assertEqual(begun.query("BEGIN"), ["C BEGIN", "Z T"])
        begun.send(Query("UPDATE t SET v = 'x' WHERE id = 1"))
        self.assertEqual(self.read_error(plain), ("57P03", "I"))
        self.assertEqual(self.read_error(extended), ("57P03", "I"))
        self.assertEqual(self.read_error(begun), ("57P03", "E"))
        self.assertEqual(begun.query("SELECT 1"), ["E 25P02", "Z E"])
        self.assertEqual(begun.query("ROLLBACK"), ["C ROLLBACK", "Z I"])
        for wire in (plain, extended, begun):
            self.assertUsable(wire)
        self.primary.start()
        wait_until(lambda: self.state_of(self.primary) == "usable", what="the primary to be back")
        for wire in (plain, extended, begun):
            self.assertEqual(wire.query("UPDATE t SET v = 'y' WHERE id = 1"), ["C UPDATE 1", "Z I"])


class Promotion(FailoverCase):
    """Each test leaves another node as the primary."""

    cluster_options = {"replicas": 2, "name": "andon-promotion"}

    def setUp(self):
        super().setUp()
        self.addCleanup(self.rejoin, self.primary)

    def rejoin(self, old):
        """The node that was the primary becomes a replica of the one that is; so does any that lost its way."""
        if old is self.cluster.primary:
            return
        for node in self.cluster.replicas:
            if node is old or not self.follows(node):
                node.kill9()
                node.rebuild_from(self.cluster.primary)

    def follows(self, node):
        streams = "SELECT count(*) FROM pg_stat_wal_receiver"
        return node.is_running() and node.is_standby() and node.value(streams) == 1

    def promote(self, node):
        """node becomes the primary, the old one is gone or frozen; the router knows."""
        node.promote()
        self.cluster.nodes.remove(node)
        self.cluster.nodes.insert(0, node)
        for other in (self.south, self.east):
            if other is not node:
                other.follow(node)
        wait_until(lambda: [row["node"] for row in self.router.show("NODES") if row["role"] == "primary" and
                            row["state"] == "usable"] == [node.name], what=node.name + " to be known as the primary")

    def test_killed_and_replaced(self):
        """Guards: writes go on at the new primary, sessions keep what they wrote, reads never go back."""
        wires = [self.wire() for _ in range(4)]
        for wire in wires:
            self.assertEqual(wire.query("UPDATE counter SET n = n + 1")[0], "C UPDATE 1")
        seen = [int(wire.query("SELECT n FROM counter")[1][2:]) for wire in wires]
        self.cluster.wait_caught_up()
        before = self.sql("SELECT n FROM counter")[0][0]
        self.primary.kill9()
        waiting = wires[0]
        waiting.send(Query("UPDATE counter SET n = n + 1"))
        self.promote(self.south)
        self.assertEqual(waiting.read_words(), ["C UPDATE 1", "Z I"])
        for n, wire in enumerate(wires):
            now = int(wire.query("SELECT n FROM counter")[1][2:])
            self.assertGreaterEqual(now, seen[n])
            self.assertEqual(wire.query("UPDATE counter SET n = n + 1")[0], "C UPDATE 1")
            self.assertGreater(int(wire.query("SELECT n FROM counter")[1][2:]), now)
        self.assertEqual(self.sql("SELECT n FROM counter"), [(before + len(wires) + 1,)])
        self.assertEqual(wires[0].query("/* andon:primary */ SELECT here()")[1], "D " + self.south.name)
        self.assertEqual(self.router.metric("andon_router_lost_floors_total"), 0)

    def test_old_primary_comes_back(self):
        """Guards: there are never two primaries: the one the cluster has left behind gets nothing."""
        self.cluster.wait_caught_up()
        self.primary.kill9()
        self.promote(self.south)
        self.primary.start()
        wait_until(lambda: self.router.events("node_refused"), what="event node_refused")
        wait_until(lambda: "old primary" in self.state_of(self.primary), what="it to be told apart")
        for _ in range(20):
            with self.client() as connection:
                self.assertEqual(fetch(connection, "UPDATE t SET v = here() WHERE id = 7 RETURNING v"),
                                 [(self.south.name,)])
                self.assertNotEqual(fetch(connection, "SELECT here()"), [(self.primary.name,)])
        self.assertEqual([row["node"] for row in self.router.show("NODES")
                          if row["role"] == "primary" and row["state"] == "usable"], [self.south.name])

    def test_frozen_and_replaced(self):
        """Guards: a primary that freezes, is replaced and thaws gets nothing, nor does what was open there go on."""
        writing, begun = self.wire(), self.wire()
        self.assertEqual(begun.query("BEGIN"), ["C BEGIN", "Z T"])
        self.assertEqual(begun.query("UPDATE t SET v = 'lost' WHERE id = 8")[-1], "Z T")
        writing.send(Query("SELECT stuck_write('%s')" % self.primary.name))
        self.wait_stuck(self.primary)
        self.cluster.wait_caught_up()
        self.primary.sigstop()
        self.promote(self.south)
        self.assertEqual(self.read_error(writing), ("08007", "I"))
        self.assertEqual(writing.query("UPDATE t SET v = here() WHERE id = 9 RETURNING v")[1], "D " + self.south.name)
        begun.send(Query("UPDATE t SET v = 'lost' WHERE id = 10"))
        self.assertEqual(self.read_error(begun), ("08006", "E"))
        self.assertEqual(begun.query("ROLLBACK"), ["C ROLLBACK", "Z I"])
        self.primary.sigcont()
        wait_until(lambda: "old primary" in self.state_of(self.primary), what="it to be told apart")
        self.assertEqual(begun.query("UPDATE t SET v = here() WHERE id = 10 RETURNING v")[1], "D " + self.south.name)
        self.assertEqual(self.sql("SELECT count(*) FROM t WHERE v IN ('lost', 'written')"), [(0,)])

    def test_lost_write_is_counted(self):
        """Guards: a write no survivor has is gone: who made it is not kept waiting for it, and it is reported, also to
        a session that comes back when the new primary is far beyond it."""
        wire, late = self.wire(), self.wire()
        self.cluster.wait_caught_up()
        lost_before = self.router.metric("andon_router_lost_floors_total")
        for replica in (self.south, self.east):
            replica.configure(primary_conninfo="").reload()
        wait_until(lambda: self.primary.value("SELECT count(*) FROM pg_stat_replication") == 0, what="no streaming")
        self.assertEqual(late.query("UPDATE t SET v = 'acknowledged' WHERE id = 10")[-1], "Z I")
        for _ in range(50):         # further than the new primary's own first records
            self.assertEqual(wire.query("UPDATE t SET v = 'acknowledged' WHERE id > 10")[-1], "Z I")
        self.primary.kill9()
        self.promote(self.south)
        self.assertEqual(wire.query("SELECT count(*) FROM t WHERE v = 'acknowledged'")[1], "D 0")
        self.assertEqual(wire.query("SELECT here()")[-1], "Z I")
        self.assertEqual(self.router.metric("andon_router_lost_floors_total"), lost_before + 1)
        told = self.router.events("floor_beyond_new_primary")
        self.assertIn("may be lost", told[-1]["meaning"])
        self.assertGreater(told[-1]["bytes_lost"], 0)
        for _ in range(100):
            self.sql("UPDATE t SET v = 'later' WHERE id > 10")
        self.assertEqual(late.query("SELECT count(*) FROM t WHERE v = 'acknowledged'")[1], "D 0")
        self.assertEqual(self.router.metric("andon_router_lost_floors_total"), lost_before + 2)

    def test_planned_switch(self):
        """Guards: a clean stop and a promotion lose nothing and fail nothing that was not under way."""
        wires = [self.wire() for _ in range(3)]
        for wire in wires:
            self.assertEqual(wire.query("UPDATE counter SET n = n + 1")[0], "C UPDATE 1")
        before = self.sql("SELECT n FROM counter")[0][0]
        self.cluster.wait_caught_up()
        self.primary.stop("fast")
        for wire in wires:
            wire.send(Query("UPDATE counter SET n = n + 1"))
        self.promote(self.east)
        self.assertEqual([wire.read_words() for wire in wires], [["C UPDATE 1", "Z I"]] * 3)
        self.assertEqual([wire.query("SELECT n FROM counter")[1] for wire in wires], ["D %d" % (before + 3)] * 3)


class SessionPooling(FailoverCase):
    router_options = dict(FailoverCase.router_options, pool_mode="session", consistency="primary")

    def test_server_lost(self):
        """Guards: in session pooling the server is the session: FATAL 08006, and a new connection works."""
        idle, busy = self.wire(), self.wire()
        self.assertUsable(idle)
        self.assertUsable(busy)
        busy.send(Query("SELECT stuck_on('%s')" % self.primary.name))
        self.wait_stuck(self.primary)
        self.primary.kill9()
        for wire in (idle, busy):
            last = wire.read_end()[-1]
            self.assertEqual((last.kind, last.fields["S"], last.fields["C"]), ("E", "FATAL", "08006"))
        self.primary.start()
        self.assertUsable(self.wire())

    @classmethod
    def wait_reads_on_replicas(cls, router, user="postgres"):
        """None go there."""
