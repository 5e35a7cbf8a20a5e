"""More is asked than can be done: who waits, who is told what, and what is left afterwards."""

import threading

from programs import sanitizer, wait_until
from pgwire import Bind, Execute, Parse, Query, Sync
from routercase import RouterTestCase


class Overload(RouterTestCase):
    cluster_options = {"replicas": 1}
    router_options = {"default_pool_size": 2, "query_wait_timeout": "400ms", "workers": 2}

    def hold_all_servers(self):
        holders = [self.wire() for _ in range(2)]
        for wire in holders:
            wire.query("BEGIN")
            self.assertEqual(wire.query("INSERT INTO t VALUES (%d)" % (8000 + holders.index(wire)))[-1], "Z T")
        return holders

    def test_no_server_in_time(self):
        """Guards: 57P03 after query_wait_timeout, the session is kept, its next try succeeds; reads go on elsewhere."""
        holders = self.hold_all_servers()
        wire = self.wire()
        for messages in ([Query("INSERT INTO t VALUES (8100)")],
                         [Parse("", "INSERT INTO t VALUES (8100)"), Bind("", ""), Execute(), Sync()]):
            self.assertEqual(wire.ask(*messages), ["E 57P03", "Z I"])
            self.assertEqual(wire.query("SELECT 1"), ["T", "D 1", "C SELECT 1", "Z I"])
        wire.query("BEGIN")
        self.assertEqual(wire.query("INSERT INTO t VALUES (8100)"), ["E 57P03", "Z E"])
        self.assertEqual(wire.query("SELECT 1"), ["E 25P02", "Z E"])
        self.assertEqual(wire.query("COMMIT"), ["C ROLLBACK", "Z I"])
        for holder in holders:
            holder.query("ROLLBACK")
        self.assertEqual(wire.query("INSERT INTO t VALUES (8100)"), ["C INSERT 0 1", "Z I"])

    def test_queue(self):
        """Guards: many clients on few servers all get their turn, on whatever worker they are."""
        self.router.options["query_wait_timeout"] = "60s"
        self.router.reload("configuration_reloaded")
        self.addCleanup(self.back_to_short_patience)
        failures = []

        def client(number):
            wire = self.wire()
            for i in range(10):
                for sql in ("INSERT INTO t VALUES (%d)" % (9000 + number * 10 + i), "SELECT 1"):
                    words = wire.query(sql)
                    if words[-2][0] != "C":
                        failures.append(words)

        threads = [threading.Thread(target=client, args=(number,)) for number in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(self.sql("SELECT count(*) FROM t WHERE id >= 9000"), [(300,)])
        self.assertLessEqual(len([row for row in self.router.show("SERVERS") if row["node"] == self.primary_name]), 2)

    def back_to_short_patience(self):
        self.router.options["query_wait_timeout"] = "400ms"
        self.router.reload("configuration_reloaded")

    def test_prepare_while_the_primary_is_full(self):
        """Guards: behind a deferred BEGIN a write can be prepared while all the primary's servers are held.

        pgbench -M prepared waits for that answer with all its clients, those who
        hold the servers too: it waited until query_wait_timeout.
        """
        holders = self.hold_all_servers()
        wire = self.wire()
        wire.query("BEGIN")
        self.assertEqual(wire.ask(Parse("put", "INSERT INTO t VALUES (8150)"), Sync()), ["1", "Z T"])
        for holder in holders:
            holder.query("ROLLBACK")
        self.assertEqual(wire.ask(Bind("", "put"), Execute(), Sync()), ["2", "C INSERT 0 1", "Z T"])
        self.assertEqual(wire.query("ROLLBACK"), ["C ROLLBACK", "Z I"])

    def test_waiting_client_leaves(self):
        """Guards: who leaves the queue is not served, and the next in it is."""
        holders = self.hold_all_servers()
        leaving, staying = self.wire(), self.wire()
        leaving.send(Query("INSERT INTO t VALUES (8200)"))
        leaving.close()
        staying.send(Query("INSERT INTO t VALUES (8201)"))
        for holder in holders:
            holder.query("ROLLBACK")
        self.assertIn(staying.read_words(), (["C INSERT 0 1", "Z I"], ["E 57P03", "Z I"]))
        wait_until(lambda: all(row["state"] == "idle" for row in self.router.show("SERVERS")), what="idle servers")
        self.assertEqual(self.wire().query("SELECT count(*) FROM t WHERE id = 8200")[1], "D 0")

    def test_long_unit_waits_too(self):
        """Guards: a statement too long to be kept, refused for want of a server, is skipped whole."""
        holders = self.hold_all_servers()
        wire = self.wire()
        self.assertEqual(wire.query("SELECT length('%s')" % ("x" * 300000)), ["E 57P03", "Z I"])
        self.assertEqual(wire.ask(Parse("", "SELECT length($1)"), Bind("", "", "x" * 300000), Execute(), Sync())[-2:],
                         ["E 57P03", "Z I"])
        for holder in holders:
            holder.query("ROLLBACK")
        self.assertEqual(wire.query("SELECT length('%s')" % ("x" * 300000)), ["T", "D 300000", "C SELECT 1", "Z I"])

    def test_server_refuses_more(self):
        """Guards: a node that is full says so to the client, and the router tries again when there is room."""
        self.sql("ALTER DATABASE %s CONNECTION LIMIT 0" % self.dbname)
        self.sql("CREATE ROLE ordinary LOGIN")
        self.cluster.wait_caught_up()
        self.router.users["ordinary"] = ""
        try:
            with self.assertRaises(Exception) as caught:
                self.router.connect(self.dbname, user="ordinary")
            self.assertIn("too many connections for database", str(caught.exception))
        finally:
            self.sql("ALTER DATABASE %s CONNECTION LIMIT -1" % self.dbname)

        def comes_in():
            try:
                self.router.connect(self.dbname, user="ordinary").close()
                return True
            except Exception as error:
                self.assertIn("too many connections", str(error))

        wait_until(comes_in, what="room on the node")


class ReplicasBehind(RouterTestCase):
    router_options = {"replica_wait": "10ms", "max_fallback_reads": "1", "workers": "2"}

    def test_fallback_is_capped(self):
        """Guards: reads for which no replica is good share one place on the primary; writes do not wait for it."""
        self.cluster.pause_replay()
        self.addCleanup(self.cluster.resume_replay)
        wires = [self.wire() for _ in range(3)]
        for number, wire in enumerate(wires):   # each has written: no replica has it
            self.assertEqual(wire.query("INSERT INTO t VALUES (%d)" % (9000 + number))[-1], "Z I")
        wires[0].send(Query("SELECT here() FROM pg_sleep(600)"))
        wait_until(lambda: self.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == [(1,)],
                   what="the long read to run on the primary")
        wires[1].send(Query("SELECT here()"))
        wait_until(lambda: "wait_replica" in [row["state"] for row in self.router.show("CLIENTS")],
                   what="the other read to wait")
        self.assertEqual(wires[2].query("UPDATE t SET v = 'y' WHERE id = 1"), ["C UPDATE 1", "Z I"])
        wires[0].cancel()
        self.assertEqual(wires[0].read_words()[-2:], ["E 57014", "Z I"])
        self.assertEqual(wires[1].read_words()[1], "D " + self.primary_name)
        wires[0].send(Query("SELECT here() FROM pg_sleep(600)"))
        wait_until(lambda: self.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == [(1,)],
                   what="the long read to run again")
        wires[1].send(Query("SELECT here()"))
        wait_until(lambda: "wait_replica" in [row["state"] for row in self.router.show("CLIENTS")],
                   what="the other read to wait again")
        self.cluster.resume_replay()
        self.assertIn(wires[1].read_words()[1][2:], self.replica_names())
        wires[0].cancel()
        self.assertEqual(wires[0].read_words()[-2:], ["E 57014", "Z I"])


class OneServer(RouterTestCase):
    cluster_options = {"replicas": 1}
    router_options = {"default_pool_size": 1, "workers": 1}

    def waiting(self, state="wait_server"):
        return self.router.metric("andon_router_clients", state=state)

    def test_first_come_first_served(self):
        """Guards: statements run in the order in which they came."""
        self.sql("CREATE TABLE turns (turn serial, client int)")
        self.cluster.wait_caught_up()
        holder = self.wire()
        holder.query("BEGIN")
        self.assertEqual(holder.query("INSERT INTO t VALUES (8400)")[-1], "Z T")
        wires = [self.wire() for _ in range(8)]
        order = [3, 1, 6, 0, 7, 2, 5, 4]
        for place, client in enumerate(order, 1):
            wires[client].send(Query("INSERT INTO turns (client) VALUES (%d)" % client))
            wait_until(lambda: self.waiting() == place, what="it to wait")
        row = [row for row in self.router.show("POOLS") if row["node"] == self.primary_name and
               row["database"] == self.dbname][0]
        self.assertEqual((row["cl_waiting"], row["sv_active"]), ("8", "1"))
        self.assertEqual(holder.query("ROLLBACK"), ["C ROLLBACK", "Z I"])
        self.assertEqual([wire.read_words() for wire in wires], [["C INSERT 0 1", "Z I"]] * 8)
        self.assertEqual([client for client, in self.sql("SELECT client FROM turns ORDER BY turn")], order)

    def test_nobody_is_passed_over(self):
        """Guards: a client that asks again and again does not keep the one server from another that waits."""
        greedy, patient = self.wire(), self.wire()
        holder = self.wire()
        holder.query("BEGIN")
        holder.query("INSERT INTO t VALUES (8401)")
        patient.send(Query("UPDATE t SET v = 'patient' WHERE id = 84"))
        wait_until(lambda: self.waiting() == 1, what="it to wait")
        for _ in range(200):
            greedy.send(Query("UPDATE t SET v = v || '.' WHERE id = 84 AND v <> 'patient'"))
        holder.query("ROLLBACK")
        self.assertEqual(patient.read_words(), ["C UPDATE 1", "Z I"])
        answers = [greedy.read_words()[0] for _ in range(200)]
        self.assertEqual(answers.count("C UPDATE 1"), 0, "the one that waited was first")

    def test_pinned_clients_hold_their_servers(self):
        """Guards: what pinned sessions keep is told by SHOW, and given to the next when they leave."""
        pinned, waiting = self.wire(), self.wire()
        self.assertEqual(pinned.query("CREATE TEMPORARY TABLE mine (a int)")[-1], "Z I")
        waiting.send(Query("UPDATE t SET v = v WHERE id = 85"))
        wait_until(lambda: self.waiting() == 1, what="it to wait")
        self.assertEqual(self.show_client(state="idle", node=self.primary_name)["pin_reason"], "temporary table")
        self.assertEqual(self.router.metric("andon_router_clients_pinned"), 1)
        pinned.close()
        self.assertEqual(waiting.read_words(), ["C UPDATE 1", "Z I"])


class ManyClients(RouterTestCase):
    cluster_options = {"replicas": 1}
    router_options = {"default_pool_size": 5, "max_client_conn": 500}

    def test_idle_clients(self):
        """Guards: hundreds of clients that mostly do nothing cost little memory, no servers, and all still work."""
        wires = [self.wire() for _ in range(20)]
        for wire in wires:
            self.assertEqual(wire.query("UPDATE t SET v = v WHERE id = 1"), ["C UPDATE 1", "Z I"])
        before = self.router.resident_bytes()
        wires += [self.wire() for _ in range(280)]
        for _ in range(2):
            for wire in wires:
                wire.send(Query("SELECT 1"), Parse("", "UPDATE t SET v = v WHERE id = $1"), Bind("", "", 1), Execute(),
                          Sync())
            for wire in wires:
                self.assertEqual(wire.read_words(), ["T", "D 1", "C SELECT 1", "Z I"])
                self.assertEqual(wire.read_words(), ["1", "2", "C UPDATE 1", "Z I"])
        if not sanitizer():
            self.assertLess(self.router.resident_bytes() - before, 280 * 64 * 1024)
        self.assertEqual(len([row for row in self.router.show("CLIENTS") if row["database"] == self.dbname]), 300)
        for node in self.cluster.nodes:
            servers = [row for row in self.router.show("SERVERS") if row["node"] == node.name and
                       row["database"] == self.dbname]
            self.assertLessEqual(len(servers), 5)
        for wire in wires:
            wire.close()
        wait_until(lambda: self.router.metric("andon_router_clients", state="idle") == 0, what="all to be gone")


class TimeLimits(RouterTestCase):
    cluster_options = {"replicas": 1}
    router_options = {"query_timeout": "300ms", "idle_transaction_timeout": "400ms"}

    def test_query_timeout(self):
        """Guards: a query over query_timeout ends with 57014 on either kind of node; the session goes on."""
        wire = self.wire()
        for sql in ("SELECT pg_sleep(100)", "/* andon:primary */ SELECT pg_sleep(100)"):
            self.assertEqual(wire.query(sql)[-2:], ["E 57014", "Z I"])
            self.assertEqual(wire.query("SELECT 1"), ["T", "D 1", "C SELECT 1", "Z I"])
        wire.query("BEGIN")
        wire.query("INSERT INTO t VALUES (8300)")
        self.assertEqual(wire.query("SELECT pg_sleep(100)")[-2:], ["E 57014", "Z E"])
        self.assertEqual(wire.query("ROLLBACK"), ["C ROLLBACK", "Z I"])

    def test_idle_transaction_timeout(self):
        """Guards: who leaves a transaction idle is told 25P03 and its locks are free; who is idle outside is left alone."""
        outside, deferred, inside = self.wire(), self.wire(), self.wire()
        outside.query("SELECT 1")
        deferred.query("BEGIN")
        inside.query("BEGIN")
        inside.query("LOCK TABLE t")
        self.assertEqual([reply.word() for reply in inside.read_end()], ["E 25P03"])
        self.assertEqual([reply.word() for reply in deferred.read_end()], ["E 25P03"])
        wait_until(lambda: self.sql("SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock'"
                                    " AND relation = 't'::regclass") == [(0,)], what="the lock to be free")
        self.assertEqual(outside.query("SELECT 1"), ["T", "D 1", "C SELECT 1", "Z I"])
