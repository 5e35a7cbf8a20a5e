"""The console's commands that change something, and who may use which.

The gate is tried with every command there is, which the router itself tells
(SHOW HELP), by an administrator, a user for statistics and one who is neither
any more, in both protocols. PAUSE and its kin are tried as operators use them.
"""

import contextlib

import psycopg2

from programs import wait_until
from pgwire import Bind, Describe, Execute, Parse, Query, StartupMessage, Sync
from routercase import RouterTestCase

ARGUMENTS = {"": "", "[DATABASE]": "%(dbname)s", "DATABASE": "%(dbname)s", "ID": "1", "OPTION = VALUE": "log_level = 'info'",
             "ROUTE [DATABASE [USER [APPLICATION]]] 'STATEMENT'": "ROUTE %(dbname)s 'SELECT 1'"}


class ConsoleTestCase(RouterTestCase):
    cluster_options = {"replicas": 1}
    router_options = {"admin_users": "postgres, boss", "stats_users": "watcher", "consistency": "primary"}

    def console(self, router=None, user="postgres"):
        return self.wire(router, dbname="andon", user=user)

    def command(self, text, router=None):
        """Runs one command in a session of its own; fails if it does."""
        with contextlib.closing(self.console(router)) as console:
            words = console.query(text)
        self.assertEqual(words[-1], "Z I")
        self.assertFalse([word for word in words if word.startswith("E ")], "%s: %s" % (text, words))

    def tearDown(self):
        with contextlib.closing(self.console()) as console:
            console.query("RESUME")     # also after a test that failed
        super().tearDown()

    def wait_state(self, application, *states):
        def has_state():
            rows = [row for row in self.router.show("CLIENTS") if row["application_name"] == application]
            return rows and rows[0]["state"] in states

        wait_until(has_state, what="%s to be %s" % (application, states))

    def database_row(self):
        return [row for row in self.router.show("DATABASES") if row["name"] == self.dbname][0]


class Gate(ConsoleTestCase):
    @classmethod
    def prepare(cls):
        super().prepare()
        for user in ("boss", "watcher", "fallen"):
            cls.cluster.create_user(user)

    def commands(self):
        """(text, who may use it) of every command there is."""
        rows = self.router.show("HELP")
        self.assertGreater(len(rows), 30)
        return [("%s %s" % (row["command"], ARGUMENTS[row["argument"]] % {"dbname": self.dbname}), row["allowed_to"])
                for row in rows]

    def both_protocols(self, wire, text):
        """The words of the answer, in the simple and in the extended protocol."""
        yield wire.query(text)
        yield wire.ask(Parse("", text), Bind("", ""), Describe("P"), Execute(), Sync())

    def assertRuns(self, words):
        self.assertEqual(words[-1], "Z I")
        errors = [word for word in words if word.startswith("E ")]
        # what is so already, and who is not there, are no matter of permission
        self.assertIn(errors, ([], ["E 55000"], ["E 42704"]), words)

    def test_an_administrator_may_use_all(self):
        """Guards: every command runs for a user of admin_users."""
        wire = self.console(user="boss")
        for text, _ in self.commands():
            with self.subTest(text):
                if text.startswith("SHUTDOWN"):
                    for extended in (False, True):
                        router = self.start_router({"admin_users": "boss", "workers": 1})
                        last = self.console(router, user="boss")
                        messages = [Parse("", text), Bind("", ""), Execute(), Sync()] if extended else [Query(text)]
                        self.assertRuns(last.ask(*messages))
                        self.assertEqual(router.wait_end(), 0)
                    continue
                for words in self.both_protocols(wire, text):
                    self.assertRuns(words)
        self.command("RESUME")
        self.assertAlive()

    def test_a_user_for_statistics_may_look(self):
        """Guards: what only looks runs for a user of stats_users, with the same columns; nothing else does."""
        watcher, boss = self.console(user="watcher"), self.console(user="boss")
        for text, allowed_to in self.commands():
            with self.subTest(text):
                looks = text.startswith(("SHOW ", "EXPLAIN "))
                self.assertEqual("stats_users" in allowed_to, looks)
                for words in self.both_protocols(watcher, text):
                    if looks:
                        self.assertRuns(words)
                    else:
                        self.assertIn("E 42501", words)
                if looks:
                    watcher.send(Query(text))
                    boss.send(Query(text))
                    columns = [reply.body for wire in (watcher, boss) for reply in wire.read() if reply.kind == "T"]
                    self.assertEqual(columns[0], columns[1])
        self.assertAlive()

    def test_others_may_use_nothing(self):
        """Guards: who is in neither list does not get in, and who is no longer in one is refused every command."""
        with self.assertRaises(psycopg2.OperationalError) as caught:
            self.router.connect("andon", user="fallen")
        self.assertIn("admin console", str(caught.exception))
        commands = self.commands()
        self.command("SET admin_users = 'postgres, boss, fallen'")
        wire = self.console(user="fallen")
        self.assertEqual(wire.query("SHOW VERSION")[-1], "Z I")
        self.command("RELOAD")
        for text, _ in commands + [("SUSPEND", ""), ("SHOW FDS", ""), ("SELECT 1", ""), ("SET client_encoding = 'UTF8'", "")]:
            with self.subTest(text):
                for words in self.both_protocols(wire, text):
                    self.assertIn("E 42501", words)
        self.assertAlive()


class Pause(ConsoleTestCase):
    def busy(self, **options):
        """A client in a transaction that has written."""
        wire = self.wire(**options)
        wire.query("BEGIN")
        self.assertEqual(wire.query("UPDATE t SET v = v WHERE id = 1")[-1], "Z T")
        return wire

    def test_waits_and_resumes(self):
        """Guards: PAUSE answers when the last transaction has ended; until RESUME queries and logins wait, and none fails."""
        busy, idle = self.busy(), self.wire(application_name="idle one")
        idle.query("SELECT 1")
        console = self.console()
        console.send(Query("PAUSE"))
        wait_until(lambda: self.database_row()["paused"] == "1", what="PAUSE to begin")
        idle.send(Query("SELECT 2"))
        self.wait_state("idle one", "wait_server")
        self.assertEqual(busy.query("SELECT 3")[-1], "Z T")
        self.assertEqual(self.router.show("STATE")[1], {"key": "paused", "value": "yes"})
        busy.send(Query("COMMIT"))
        self.assertEqual(busy.read_words(), ["C COMMIT", "Z I"])
        self.assertEqual(console.read_words(), ["C PAUSE", "Z I"])
        self.assertEqual(self.router.show("SERVERS"), [])
        self.assertEqual(console.query("PAUSE")[0], "E 55000")
        console.close()             # it holds on
        self.wait_state("idle one", "wait_server")
        self.command("RESUME")
        self.assertEqual(idle.read_words()[-1], "Z I")
        self.assertAlive()

    def test_over_a_restart(self):
        """Guards: between PAUSE and RESUME a server can be restarted, and no client sees an error."""
        wires = [self.wire(application_name="survivor") for _ in range(4)]
        for wire in wires:
            wire.query("SELECT 1")
        self.command("PAUSE")
        for wire in wires:
            wire.send(Query("SELECT 42"))
        self.cluster.primary.restart()
        self.command("RESUME")
        for wire in wires:
            self.assertEqual(wire.read_words(), ["T", "D 42", "C SELECT 1", "Z I"])

    def test_a_pinned_client(self):
        """Guards: PAUSE waits for a pinned client, whose reason is shown, and is done when it has gone."""
        pinned = self.wire(application_name="pinned one")
        pinned.query("CREATE TEMP TABLE mine (i int)")
        self.assertTrue(self.show_client(application_name="pinned one")["pin_reason"])
        console = self.console()
        console.send(Query("PAUSE"))
        wait_until(lambda: self.database_row()["paused"] == "1", what="PAUSE to begin")
        self.assertEqual(pinned.query("INSERT INTO mine VALUES (1)")[-1], "Z I")
        wait_until(lambda: len(self.router.show("SERVERS")) == 1, what="the others to be closed")
        pinned.close()
        self.assertEqual(console.read_words(), ["C PAUSE", "Z I"])

    def test_a_console_that_does_not_wait(self):
        """Guards: when the session that sent PAUSE ends, or cancels it, before the answer, all goes on."""
        busy, other = self.busy(), self.wire()
        for leave in ("close", "cancel"):
            with self.subTest(leave):
                console = self.console()
                console.send(Query("PAUSE"))
                wait_until(lambda: self.database_row()["paused"] == "1", what="PAUSE to begin")
                if leave == "close":
                    console.close()
                else:
                    console.cancel()
                    self.assertEqual(console.read_words(), ["E 57014", "Z I"])
                wait_until(lambda: self.database_row()["paused"] == "0", what="PAUSE to be taken back")
                self.assertEqual(other.query("SELECT 1")[-1], "Z I")
        self.assertEqual(busy.query("ROLLBACK")[-1], "Z I")

    def test_one_database(self):
        """Guards: PAUSE of a database leaves others alone."""
        self.command("PAUSE %s" % self.dbname)
        self.assertEqual(self.router.value("SELECT 1", dbname="postgres"), 1)
        self.assertEqual(self.database_row()["paused"], "1")
        self.assertEqual(self.console().query("PAUSE nosuch\"db")[0], "E 42601")
        self.command("RESUME %s" % self.dbname)
        self.assertAlive()

    def test_waiting_has_an_end(self):
        """Guards: a query that waits longer than query_wait_timeout is told that the database is paused; its session goes on."""
        wire = self.wire()
        wire.query("SELECT 1")
        self.command("SET query_wait_timeout = '100ms'")
        self.command("PAUSE")
        wire.send(Query("SELECT 1"))
        error = wire.read()[0]
        self.assertEqual(error.word(), "E 57P03")
        self.assertIn("is paused", error.fields["D"])
        self.command("RESUME")
        self.command("RELOAD")
        self.assertEqual(wire.query("SELECT 1")[-1], "Z I")


class Servers(ConsoleTestCase):
    def backend(self, wire):
        return wire.query("SELECT pg_backend_pid()")[1]

    def test_reconnect(self):
        """Guards: RECONNECT replaces a server when it is given back, not before; WAIT_CLOSE waits for that."""
        wire = self.wire()
        wire.query("BEGIN")
        first = self.backend(wire)
        self.command("RECONNECT %s" % self.dbname)
        self.assertEqual(self.backend(wire), first)
        console = self.console()
        console.send(Query("WAIT_CLOSE"))
        self.assertEqual(wire.query("SELECT 1")[-1], "Z T")
        wire.query("COMMIT")
        self.assertEqual(console.read_words(), ["C WAIT_CLOSE", "Z I"])
        self.assertNotEqual(self.backend(wire), first)

    def test_fast_close(self):
        """Guards: with server_fast_close RECONNECT ends who keeps its server, pinned or in session pooling, once its
        transaction is over; who gives it back after each transaction keeps its session."""
        self.command("SET server_fast_close = 'on'")
        keeper, pinned, free = self.wire(), self.wire(), self.wire()
        free.query("SELECT 1")
        pinned.query("CREATE TEMPORARY TABLE mine (id int)")
        self.command("SET pool_mode = 'session'")
        keeper.query("BEGIN")
        first = self.backend(keeper)
        self.command("RECONNECT")
        self.assertEqual([reply.word() for reply in pinned.read_end()], ["E 57P01"])
        self.assertEqual(self.backend(keeper), first)
        keeper.send(Query("COMMIT"))
        self.assertEqual([reply.word() for reply in keeper.read_end()], ["C COMMIT", "Z I", "E 57P01"])
        self.assertEqual(free.query("SELECT 1")[-1], "Z I")
        self.command("RELOAD")

    def test_kill(self):
        """Guards: KILL ends the clients of a database, idle or busy, with 57P01, and new ones wait for RESUME."""
        busy, idle = self.wire(), self.wire()
        other = self.wire(dbname="postgres")
        busy.query("BEGIN")
        busy.query("UPDATE t SET v = 'killed' WHERE id = 2")
        self.command("KILL %s" % self.dbname)
        for wire in (busy, idle):
            self.assertEqual([reply.word() for reply in wire.read_end()], ["E 57P01"])
        self.assertEqual(other.query("SELECT 1")[-1], "Z I")
        self.assertEqual(self.database_row()["paused"], "1")
        late = self.wire(startup=False)
        late.send(StartupMessage(user="postgres", database=self.dbname, application_name="late one"),
                  Query("SELECT v FROM t WHERE id = 2"))
        self.wait_state("late one", "welcome", "wait_server")   # its worker may know what servers say at login
        self.command("RESUME %s" % self.dbname)
        self.assertEqual(late.read()[-1].word(), "Z I")
        self.assertEqual(late.read_words(), ["T", "D v2", "C SELECT 1", "Z I"])

    def test_kill_client(self):
        """Guards: KILL_CLIENT ends one client, of any worker, and no other."""
        wires = {name: self.wire(application_name=name) for name in ("one", "two", "three", "four")}
        for name in ("two", "three"):
            self.command("KILL_CLIENT %s" % self.show_client(application_name=name)["id"])
            self.assertEqual([reply.word() for reply in wires[name].read_end()], ["E 57P01"])
        for name in ("one", "four"):
            self.assertEqual(wires[name].query("SELECT 1")[-1], "Z I")
        ids = [row["id"] for row in self.router.show("CLIENTS")]
        self.assertEqual(len(ids), len(set(ids)))

    def test_disable(self):
        """Guards: DISABLE refuses new clients and leaves those that are there; ENABLE takes them again."""
        there = self.wire()
        self.command("DISABLE %s" % self.dbname)
        self.assertEqual(self.database_row()["disabled"], "1")
        for _ in range(4):
            with self.assertRaises(psycopg2.OperationalError) as caught:
                self.router.connect(self.dbname)
            self.assertIn("is disabled", str(caught.exception))
        self.assertEqual(there.query("SELECT 1")[-1], "Z I")
        self.assertEqual(self.router.value("SELECT 1", dbname="postgres"), 1)
        self.command("ENABLE %s" % self.dbname)
        self.assertAlive()

    def test_set(self):
        """Guards: SET holds in every worker at once, until RELOAD; what is wrong or needs a restart changes nothing."""
        def value(of, console):
            console.send(Query("SHOW CONFIG"))
            for reply in console.read():
                if reply.kind == "D" and reply.columns[0] == of:
                    return reply.columns[1]

        self.command("SET query_timeout = '150ms'")
        for _ in range(4):          # some of them in the other worker
            with contextlib.closing(self.wire()) as wire, contextlib.closing(self.console()) as console:
                self.assertEqual(value("query_timeout", console), "150ms")
                self.assertIn("E 57014", wire.query("SELECT pg_sleep(30)"))
        for text, expected in (("SET query_timeout = soon", "E F0000"), ("SET nosuch = 1", "E F0000"),
                               ("SET listen_port = 1", "E F0000"), ("SET auth_type = hba", "E F0000")):
            with self.subTest(text), contextlib.closing(self.console()) as console:
                self.assertEqual(console.query(text), [expected, "Z I"])
                self.assertEqual(value("query_timeout", console), "150ms")
        self.command("RELOAD")
        with contextlib.closing(self.console()) as console:
            self.assertEqual(value("query_timeout", console), "0")
        self.assertAlive()


class OwnRouter(ConsoleTestCase):
    def test_settings_of_a_database(self):
        """Guards: SHOW DATABASES tells what a line of [databases] says, and what holds where it says nothing."""
        router = self.start_router({"default_pool_size": 7}, {"databases": {"mine": "dbname=%s pool_size=3 pool_mode=session" % self.dbname,
                                                                             "*": ""}})
        rows = {row["name"]: row for row in router.show("DATABASES")}
        self.assertEqual((rows["mine"]["database"], rows["mine"]["pool_size"], rows["mine"]["pool_mode"]),
                         (self.dbname, "3", "session"))
        self.assertEqual((rows["*"]["pool_size"], rows["*"]["pool_mode"]), ("7", "transaction"))

    def test_wait_for_clients(self):
        """Guards: SHUTDOWN WAIT_FOR_CLIENTS takes no new clients, leaves the others alone, and ends with the last."""
        router = self.start_router()
        wires = [self.wire(router), self.wire(router)]
        console = self.console(router)
        self.assertEqual(console.query("SHUTDOWN WAIT_FOR_CLIENTS"), ["C SHUTDOWN", "Z I"])

        def is_refused():
            try:
                router.connect(self.dbname).close()
                return False
            except psycopg2.OperationalError:
                return True

        wait_until(is_refused, what="new clients to be refused")
        for wire in wires:
            self.assertEqual(wire.query("SELECT 1")[-1], "Z I")
            self.assertEqual(router.process.poll(), None)
            wire.close()
        self.assertEqual(router.wait_end(), 0)
