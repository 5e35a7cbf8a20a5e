"""What a session leaves on its server, and what follows it to the next one.

In transaction pooling a client's settings go with it from server to server;
state that cannot go (temporary tables, cursors, locks) keeps the client on its
server; nothing of either is ever seen by another client.
"""

import select

import psycopg2

from pgcluster import fetch
from programs import wait_until
from pgwire import Bind, Describe, Execute, Parse, Query, StartupMessage, Sync
from routercase import RouterTestCase


class SessionState(RouterTestCase):
    router_options = {"default_pool_size": 2, "workers": 2, "replica_wait": "20s"}

    def value(self, wire, sql):
        words = wire.query(sql)
        return words[1][2:] if words[0] == "T" else words[0]

    def pin_reason(self, name):
        return self.show_client(application_name=name)["pin_reason"]

    def assertNothingLeft(self, sql, expected):
        """Whatever server new clients get, sql says the same."""
        for _ in range(6):
            self.assertEqual(self.value(self.wire(), "/* andon:primary */ " + sql), expected)
            self.assertEqual(self.value(self.wire(), "/* andon:replica */ " + sql), expected)

    def test_set_follows_the_session(self):
        """Guards: settings are the session's on every server, and nobody else's."""
        wire = self.wire(application_name="follows")
        self.assertEqual(wire.query("SET work_mem = '7MB'"), ["C SET", "Z I"])
        wire.query("SET TIME ZONE 'Asia/Tokyo'")
        for _ in range(3):
            self.assertEqual(self.value(wire, "/* andon:replica */ SHOW work_mem"), "7MB")
            self.assertEqual(self.value(wire, "SHOW TimeZone"), "Asia/Tokyo")
            self.assertEqual(self.value(self.wire(), "SHOW work_mem"), "4MB")
            self.assertEqual(self.value(self.wire(), "/* andon:replica */ SHOW work_mem"), "4MB")
        self.assertIsNone(self.pin_reason("follows"))
        wire.query("RESET work_mem")
        self.assertEqual(self.value(wire, "/* andon:replica */ SHOW work_mem"), "4MB")
        wire.query("RESET ALL")
        self.assertEqual(self.value(wire, "SHOW TimeZone"), "UTC")

    def test_set_rolls_back(self):
        """Guards: SET inside a transaction that fails never was; one that commits stays."""
        wire = self.wire()
        for end, expected in (("ROLLBACK", "4MB"), ("COMMIT", "8MB")):
            wire.query("BEGIN")
            wire.query("INSERT INTO t VALUES (4000) ON CONFLICT DO NOTHING")
            wire.query("SET work_mem = '8MB'")
            self.assertEqual(self.value(wire, "SHOW work_mem"), "8MB")
            wire.query(end)
            self.assertEqual(self.value(wire, "SHOW work_mem"), expected)
            self.assertEqual(self.value(wire, "/* andon:replica */ SHOW work_mem"), expected)
        wire.query("BEGIN")
        wire.query("SET work_mem = '9MB'")
        wire.query("SELECT 1/0")
        wire.query("COMMIT")
        self.assertEqual(self.value(wire, "/* andon:replica */ SHOW work_mem"), "8MB")
        wire.query("BEGIN")
        wire.query("SET work_mem = '9MB'")
        wire.query("SAVEPOINT a")
        wire.query("SET work_mem = '10MB'")
        wire.query("ROLLBACK TO a")
        self.assertEqual(self.value(wire, "SHOW work_mem"), "9MB")
        wire.query("COMMIT")
        self.assertEqual(self.value(wire, "/* andon:primary */ SHOW work_mem"), "9MB")

    def test_set_local(self):
        """Guards: SET LOCAL ends with its transaction, also as its first statement."""
        wire = self.wire()
        wire.query("BEGIN")
        self.assertEqual(wire.query("SET LOCAL work_mem = '11MB'"), ["C SET", "Z T"])
        self.assertEqual(self.value(wire, "SHOW work_mem"), "11MB")
        wire.query("COMMIT")
        self.assertEqual(self.value(wire, "SHOW work_mem"), "4MB")

    def test_wrong_set(self):
        """Guards: a SET that fails changes nothing, here and in what follows."""
        wire = self.wire()
        self.assertEqual(wire.query("SET work_mem = 'much'"), ["E 22023", "Z I"])
        self.assertEqual(wire.query("SET no_such_setting = 1"), ["E 42704", "Z I"])
        self.assertEqual(self.value(wire, "/* andon:replica */ SHOW work_mem"), "4MB")

    def test_setting_that_cannot_follow(self):
        """Guards: a setting outside the list keeps the session on its server, and is gone for the next client."""
        wire = self.wire(application_name="pins")
        self.assertEqual(wire.query("SET idle_session_timeout = '1h'"), ["C SET", "Z I"])
        self.assertIsNotNone(self.pin_reason("pins"))
        for _ in range(3):
            self.assertEqual(self.value(wire, "SHOW idle_session_timeout"), "1h")
        self.assertEqual(self.value(wire, "SELECT here()"), self.primary_name)
        wire.close()
        self.assertNothingLeft("SHOW idle_session_timeout", "0")

    def test_any_setting_follows(self):
        """Guards: settings of planner, libraries and applications go along; RESET and the next client find none of it."""
        wire = self.wire(application_name="any")
        for name, value, default in (("geqo_seed", "0.5", "0"), ("my.own", "a 'b\\", ""), ("row_security", "off", "on")):
            with self.subTest(name):
                quoted = value.replace("'", "''")
                self.assertEqual(wire.query("SET %s = '%s'" % (name, quoted)), ["C SET", "Z I"])
                for prefix in ("/* andon:primary */ ", "/* andon:replica */ "):
                    self.assertEqual(self.value(wire, prefix + "SHOW " + name), value)
                self.assertIsNone(self.pin_reason("any"))
                other = self.value(self.wire(), "SELECT current_setting('%s', true)" % name)
                self.assertIn(other, (default, "NULL", ""))
                wire.query("RESET " + name)
                self.assertEqual(self.value(wire, "/* andon:replica */ SHOW " + name), default)

    def test_set_config_follows(self):
        """Guards: SELECT set_config() is SET by another name, in either protocol, and rolls back as it does."""
        wire = self.wire(application_name="config")
        self.assertEqual(self.value(wire, "SELECT pg_catalog.set_config('search_path', 'a, \"B\"', false)"), 'a, "B"')
        self.assertEqual(self.value(wire, "/* andon:replica */ SHOW search_path"), 'a, "B"')
        wire.query("BEGIN")
        wire.ask(Parse("", "SELECT set_config('search_path', '', false)"), Bind("", ""), Execute(), Sync())
        self.assertEqual(self.value(wire, "SHOW search_path"), "")
        wire.query("ROLLBACK")
        self.assertEqual(self.value(wire, "/* andon:replica */ SHOW search_path"), 'a, "B"')
        self.assertIsNone(self.pin_reason("config"))

    def test_reset_all_among_others(self):
        """Guards: what a driver's pool sends to reset a session resets it, and pins nothing; not if something in it fails."""
        reset = "SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;"
        with self.client(options="-c TimeZone=Asia/Tokyo") as connection:
            cursor = connection.cursor()

            def settings():
                cursor.execute("SELECT current_setting('TimeZone'), current_setting('app.x', true)")
                return cursor.fetchone()

            for after in (reset, "SELECT 1/0;" + reset, reset + "SELECT 1/0"):
                cursor.execute("SET TimeZone = 'UTC'; ")
                cursor.execute("SET app.x = 'mine'")
                try:
                    cursor.execute(after)
                    self.assertEqual(settings()[0], "Asia/Tokyo")
                    self.assertIn(settings()[1], ("", None))
                except psycopg2.errors.DivisionByZero:
                    self.assertEqual(settings(), ("UTC", "mine"))
                self.assertEqual([row["pin_reason"] for row in self.router.show("CLIENTS")
                                  if row["database"] == self.dbname], [None])

    def test_savepoints(self):
        """Guards: settings go back with ROLLBACK TO, nested and after errors, and the session is free afterwards."""
        wire = self.wire(application_name="savepoints")
        for sql in ("BEGIN", "SET work_mem = '5MB'", "SAVEPOINT a", "SET work_mem = '6MB'", "SAVEPOINT b",
                    "SET work_mem = '7MB'", "SELECT 1/0", "ROLLBACK TO b"):
            wire.query(sql)
        self.assertEqual(self.value(wire, "SHOW work_mem"), "6MB")
        for sql in ("RELEASE b", "SET work_mem = '8MB'", "ROLLBACK TO a", "SAVEPOINT a", "SET work_mem = '9MB'", "RELEASE a"):
            wire.query(sql)
        self.assertEqual(self.value(wire, "SHOW work_mem"), "9MB")
        wire.query("ROLLBACK TO a")
        self.assertEqual(wire.query("COMMIT"), ["C COMMIT", "Z I"])
        for prefix in ("/* andon:primary */ ", "/* andon:replica */ "):
            self.assertEqual(self.value(wire, prefix + "SHOW work_mem"), "5MB")
        self.assertIsNone(self.pin_reason("savepoints"))

    def test_temporary_table(self):
        """Guards: temporary tables stay with their session, shadow others there only, and end with it."""
        wire = self.wire(application_name="temp")
        self.assertEqual(wire.query("CREATE TEMP TABLE t (only_here int)"), ["C CREATE TABLE", "Z I"])
        self.assertIsNotNone(self.pin_reason("temp"))
        self.assertEqual(wire.query("INSERT INTO t VALUES (1)"), ["C INSERT 0 1", "Z I"])
        for _ in range(3):
            self.assertEqual(self.value(wire, "SELECT only_here FROM t"), "1")
        self.assertEqual(self.value(self.wire(), "SELECT count(*) FROM t WHERE id <= 100"), "100")
        wire.close()
        self.assertNothingLeft("SELECT count(*) FROM t WHERE id <= 100", "100")

    def test_other_state(self):
        """Guards: advisory locks, WITH HOLD cursors and PREPARE pin, and are gone when the client is."""
        for name, sql, check in (
                ("lock", "SELECT pg_advisory_lock(4711)", "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"),
                ("cursor", "DECLARE c CURSOR WITH HOLD FOR SELECT 1", "SELECT count(*) FROM pg_cursors WHERE name = 'c'"),
                ("prepare", "PREPARE q AS SELECT 1", "SELECT count(*) FROM pg_prepared_statements WHERE name = 'q'"),
                ("role", "SET ROLE pg_monitor", "SELECT count(*) FROM (SELECT current_user AS u) x WHERE u = 'pg_monitor'")):
            with self.subTest(name):
                wire = self.wire(application_name=name)
                self.assertEqual(wire.query(sql)[-1], "Z I")
                self.assertIsNotNone(self.pin_reason(name))
                self.assertEqual(self.value(wire, check), "1")
                wire.close()
                wait_until(lambda: all(row["state"] == "idle" for row in self.router.show("SERVERS")), what="reset")
                self.assertNothingLeft(check, "0")

    def test_pins_end_with_their_state(self):
        """Guards: each kind of state pins while it is there, not while only part of it is gone, and no longer."""
        for name, begin, half, end in (
                ("temp", ["CREATE TEMP TABLE a (x int)", "CREATE TEMP VIEW b AS SELECT 1"], "DROP TABLE a", "DROP VIEW b"),
                ("discarded", ["SELECT 1 AS x INTO TEMP c"], "DISCARD PLANS", "DISCARD TEMP"),
                ("function", ["CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'"], "CLOSE ALL", "DROP FUNCTION pg_temp.f()"),
                ("lock", ["SELECT pg_advisory_lock(11)", "SELECT pg_try_advisory_lock(11)"],
                 "SELECT pg_advisory_unlock(11)", "SELECT pg_advisory_unlock(11)"),
                ("locks", ["SELECT pg_advisory_lock_shared(1, 2)"], "SELECT pg_advisory_unlock(3)", "SELECT pg_advisory_unlock_all()"),
                ("listen", ["LISTEN a", "LISTEN b"], "UNLISTEN a", "UNLISTEN *"),
                ("cursor", ["DECLARE a CURSOR WITH HOLD FOR SELECT 1"], "DEALLOCATE ALL", "CLOSE a"),
                ("prepare", ["PREPARE a AS SELECT 1", "EXECUTE a", "PREPARE b AS SELECT 1"], "DEALLOCATE a", "DEALLOCATE ALL"),
                ("role", ["SET ROLE pg_monitor"], "DISCARD TEMP", "RESET ROLE"),
                ("role none", ["SET ROLE pg_monitor"], "UNLISTEN *", "SET ROLE NONE"),
                ("both", ["LISTEN a", "SELECT pg_advisory_lock(12)"], "UNLISTEN a", "SELECT pg_advisory_unlock_all()")):
            with self.subTest(name):
                wire = self.wire(application_name="ends")
                for sql in begin:
                    self.assertEqual(wire.query(sql)[-1], "Z I", sql)
                    self.assertIsNotNone(self.pin_reason("ends"))
                self.assertEqual(wire.query(half)[-1], "Z I")
                self.assertIsNotNone(self.pin_reason("ends"))
                wire.query("BEGIN")
                self.assertEqual(wire.query(end)[-1], "Z T")
                self.assertIsNotNone(self.pin_reason("ends"))
                self.assertEqual(wire.query("COMMIT"), ["C COMMIT", "Z I"])
                self.assertIsNone(self.pin_reason("ends"))
                wire.close()

    def test_pins_of_a_transaction_that_failed(self):
        """Guards: what was rolled back pins nobody; ON COMMIT DROP and transaction locks never do."""
        wire = self.wire(application_name="failed")
        for sql in ("CREATE TEMP TABLE a (x int)", "LISTEN a", "DECLARE a CURSOR WITH HOLD FOR SELECT 1"):
            for end in ("ROLLBACK", "SELECT 1/0"):
                wire.query("BEGIN")
                wire.query(sql)
                wire.query(end)
                wire.query("COMMIT")
                self.assertIsNone(self.pin_reason("failed"), sql)
        wire.query("BEGIN")
        for sql in ("SAVEPOINT s", "LISTEN a", "ROLLBACK TO s", "CREATE TEMP TABLE b (x int) ON COMMIT DROP", "SELECT pg_advisory_xact_lock(1)"):
            self.assertEqual(wire.query(sql)[-1], "Z T")
        wire.query("COMMIT")
        self.assertIsNone(self.pin_reason("failed"))
        wire.query("BEGIN")
        wire.query("SELECT pg_advisory_lock(13)")
        wire.query("ROLLBACK")                          # such a lock outlives the transaction
        self.assertIsNotNone(self.pin_reason("failed"))
        wire.query("SELECT pg_advisory_unlock_all()")
        self.assertIsNone(self.pin_reason("failed"))

    def test_literals_under_other_settings(self):
        """Guards: one text under two DateStyles is two statements, SET LOCAL's own, and follows a SET of its session."""
        text = "SELECT EXTRACT(month FROM date '01/02/2024')::int"
        month = lambda wire: [word for word in wire.ask(Bind("", "s"), Execute(), Sync()) if word.startswith("D")]
        american, german = self.wire(DateStyle="ISO, MDY"), self.wire(DateStyle="ISO, DMY")
        for wire in (american, german):
            self.assertEqual(wire.ask(Parse("s", text), Sync()), ["1", "Z I"])
        for _ in range(3):
            self.assertEqual(month(american), ["D 1"])
            self.assertEqual(month(german), ["D 2"])
        american.query("SET DateStyle = 'ISO, DMY'")
        self.assertEqual(month(american), ["D 2"])
        local = self.wire(DateStyle="ISO, MDY")
        local.query("BEGIN")
        local.query("SET LOCAL DateStyle = 'ISO, DMY'")
        local.ask(Parse("s", text), Sync())
        self.assertEqual(month(local), ["D 2"])
        local.query("COMMIT")
        for _ in range(6):
            other = self.wire(DateStyle="ISO, MDY")
            other.ask(Parse("s", "/* andon:primary */ " + text), Sync())
            self.assertEqual(month(other), ["D 1"])

    def test_discard_on_a_server_of_ones_own(self):
        """Guards: what DISCARD ALL and DEALLOCATE ALL take from a server, the router knows to be gone."""
        for forget in ("DISCARD ALL", "DEALLOCATE ALL", "DISCARD PLANS", "DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$"):
            with self.subTest(forget):
                wire = self.wire()
                wire.query("CREATE TEMP TABLE IF NOT EXISTS pinned (a int)")
                wire.ask(Parse("s", "/* andon:primary */ SELECT 6"), Sync())
                self.assertEqual(wire.ask(Bind("", "s"), Execute(), Sync()), ["2", "D 6", "C SELECT 1", "Z I"])
                self.assertEqual(wire.query(forget)[-1], "Z I")
                wire.ask(Parse("s2", "/* andon:primary */ SELECT 6"), Sync())
                for _ in range(3):
                    words = wire.ask(Bind("", "s2"), Execute(), Sync())
                self.assertEqual(words, ["2", "D 6", "C SELECT 1", "Z I"])
                wire.close()

    def test_discard_all_unpins(self):
        """Guards: DISCARD ALL makes a session as new."""
        wire = self.wire(application_name="discards")
        wire.query("CREATE TEMP TABLE gone (a int)")
        wire.query("SET work_mem = '7MB'")
        wire.ask(Parse("s", "SELECT 1"), Sync())
        self.assertEqual(wire.query("DISCARD ALL"), ["C DISCARD ALL", "Z I"])
        self.assertEqual(self.value(wire, "SELECT * FROM gone"), "E 42P01")
        self.assertEqual(self.value(wire, "SHOW work_mem"), "4MB")
        self.assertEqual(wire.ask(Bind("", "s"), Execute(), Sync()), ["E 26000", "Z I"])
        self.assertEqual(self.value(wire, "SHOW application_name"), "discards")

    def test_application_name(self):
        """Guards: servers show the application_name of who uses them now."""
        for name in ("first", "second", "third"):
            wire = self.wire(application_name=name)
            self.assertEqual(self.value(wire, "SHOW application_name"), name)
            self.assertEqual(self.value(wire, "/* andon:replica */ SHOW application_name"), name)
            wire.query("SET application_name = 'renamed'")
            self.assertEqual(self.value(wire, "/* andon:replica */ SHOW application_name"), "renamed")

    def test_settings_in_the_startup_packet(self):
        """Guards: options and parameters of the startup packet hold on each server; wrong ones are refused at login."""
        wire = self.wire(options="-c work_mem=12MB -c statement_timeout=1234s", DateStyle="German")
        for prefix in ("/* andon:primary */ ", "/* andon:replica */ "):
            self.assertEqual(self.value(wire, prefix + "SHOW work_mem"), "12MB")
            self.assertEqual(self.value(wire, prefix + "SHOW statement_timeout"), "1234s")
        self.assertEqual(self.value(wire, "SELECT '2024-02-03'::date"), "03.02.2024")
        wire.query("SET work_mem = '13MB'")
        wire.query("RESET work_mem")
        self.assertEqual(self.value(wire, "SHOW work_mem"), "12MB")
        bad = self.wire(startup=False)
        bad.send(StartupMessage(user="postgres", database=self.dbname, options="-c work_mem=much"))
        errors = [reply for reply in bad.read_end() if reply.kind == "E"]
        self.assertEqual([error.fields["C"] for error in errors], ["22023"])

    def test_statement_timeout_is_the_servers(self):
        """Guards: a followed statement_timeout works where the statement runs, and ends with RESET."""
        wire = self.wire()
        wire.query("SET statement_timeout = '20ms'")
        self.assertEqual(wire.query("SELECT pg_sleep(100)")[-2:], ["E 57014", "Z I"])
        self.assertEqual(wire.query("/* andon:replica */ SELECT pg_sleep(100)")[-2:], ["E 57014", "Z I"])
        wire.query("RESET statement_timeout")
        self.assertEqual(self.value(wire, "SHOW statement_timeout"), "0")

    def test_listen_notify(self):
        """Guards: LISTEN, NOTIFY inside and outside transactions, UNLISTEN, through the router."""
        listener = self.client()
        with listener as connection, self.client() as sender:
            cursor, send = connection.cursor(), sender.cursor()
            cursor.execute("LISTEN news")
            send.execute("NOTIFY news, 'one'")
            send.execute("BEGIN")
            send.execute("SELECT pg_notify('news', 'two')")
            send.execute("NOTIFY other, 'not for you'")
            send.execute("COMMIT")
            send.execute("BEGIN")
            send.execute("NOTIFY news, 'never'")
            send.execute("ROLLBACK")
            send.execute("NOTIFY news, 'three'")

            def arrived():
                select.select([connection], [], [], 0.05)
                connection.poll()
                return len(connection.notifies) >= 3

            wait_until(arrived, what="three notifications")
            self.assertEqual([(n.channel, n.payload) for n in connection.notifies],
                             [("news", "one"), ("news", "two"), ("news", "three")])
            connection.notifies.clear()
            cursor.execute("UNLISTEN news")
            send.execute("NOTIFY news, 'too late'")
            cursor.execute("SELECT 1")
            self.assertEqual(connection.notifies, [])

    def test_notified_reader_sees_it(self):
        """Guards: who is told of a change reads the change, whatever replica it would read on."""
        with self.client() as connection, self.client() as writer:
            cursor, write = connection.cursor(), writer.cursor()
            cursor.execute("LISTEN changes")
            for i in range(5000, 5020):
                write.execute("BEGIN; INSERT INTO t VALUES (%d); NOTIFY changes, '%d'; COMMIT" % (i, i))

                def told():
                    select.select([connection], [], [], 0.05)
                    connection.poll()
                    return connection.notifies

                wait_until(told, what="a notification")
                key = connection.notifies.pop().payload
                self.assertEqual(fetch(connection, "SELECT count(*) FROM t WHERE id = %s", [int(key)]), [(1,)])

    def test_show_describes(self):
        """Guards: statements the router answers itself can be prepared, described and executed."""
        wire = self.wire()
        self.assertEqual(wire.ask(Parse("r", "SHOW andon.route"), Describe("S", "r"), Sync())[-1], "Z I")
        self.assertEqual(wire.ask(Parse("", "SHOW andon.route"), Bind("", ""), Describe("P"), Execute(), Sync()),
                         ["1", "2", "T", "D auto", "C SHOW", "Z I"])
        self.assertEqual(wire.ask(Parse("", "SET andon.route = 'primary'"), Bind("", ""), Describe("P"), Execute(), Sync()),
                         ["1", "2", "n", "C SET", "Z I"])
        self.assertEqual(self.value(wire, "SELECT here()"), self.primary_name)


class RefusedPins(RouterTestCase):
    router_options = {"pin_sessions": "refuse", "default_pool_size": 2, "replica_wait": "20s"}

    def test_state_is_refused(self):
        """Guards: pin_sessions = refuse gives 0A000 with a way out, fails the transaction, and leaves all else alone."""
        wire = self.wire(application_name="refused")
        for sql in ("LISTEN a", "CREATE TEMP TABLE a (x int)", "SELECT pg_advisory_lock(1)", "PREPARE q AS SELECT 1",
                    "DECLARE c CURSOR WITH HOLD FOR SELECT 1", "SET ROLE pg_monitor", "SET idle_session_timeout = 5", "LOAD 'plpgsql'"):
            self.assertEqual(wire.query(sql), ["E 0A000", "Z I"], sql)
        for sql in ("SET work_mem = '5MB'", "SELECT pg_try_advisory_xact_lock(1)", "DISCARD ALL", "SELECT 1"):
            self.assertEqual(wire.query(sql)[-1], "Z I")
        wire.query("BEGIN")
        wire.query("INSERT INTO t VALUES (7001)")
        self.assertEqual(wire.query("LISTEN a"), ["E 0A000", "Z E"])
        self.assertEqual(wire.query("COMMIT"), ["C ROLLBACK", "Z I"])
        self.assertEqual(self.sql("SELECT count(*) FROM t WHERE id = 7001"), [(0,)])
        self.assertEqual(wire.query("SELEC 1"), ["E 42601", "Z I"])
        self.assertIsNone(self.show_client(application_name="refused")["pin_reason"])


class SessionPooling(RouterTestCase):
    router_options = {"pool_mode": "session", "default_pool_size": 3}

    @classmethod
    def wait_reads_on_replicas(cls, router, user="postgres"):
        """A session of its own stays on the primary."""

    def test_one_server_for_the_whole_session(self):
        """Guards: a session has one server on the primary, with all its state, until it leaves."""
        wire = self.wire()
        pid = wire.query("SELECT pg_backend_pid()")
        self.assertEqual(wire.query("SELECT here()")[1], "D " + self.primary_name)
        wire.query("CREATE TEMP TABLE mine (a int)")
        wire.query("SET geqo_seed = 0.25")
        wire.query("PREPARE q AS SELECT 5")
        wire.query("BEGIN")
        wire.query("ROLLBACK")
        self.assertEqual(wire.query("SELECT pg_backend_pid()"), pid)
        self.assertEqual(wire.query("EXECUTE q")[1], "D 5")
        self.assertEqual(wire.query("SELECT count(*) FROM mine")[1], "D 0")
        wire.close()
        for _ in range(4):
            with self.client() as connection:
                self.assertEqual(fetch(connection, "SELECT count(*) FROM pg_prepared_statements"), [(0,)])
                self.assertEqual(fetch(connection, "SHOW geqo_seed"), [("0",)])

    def test_replica_sessions(self):
        """Guards: a session that asks for replicas before it has a server gets one there."""
        def runs_on_a_replica():
            with self.client() as connection:       # the first ones come before the catalog is known
                fetch(connection, "SET andon.route = 'replica'")
                return fetch(connection, "SELECT here()")[0][0] in self.replica_names()

        wait_until(runs_on_a_replica, what="a session on a replica")
