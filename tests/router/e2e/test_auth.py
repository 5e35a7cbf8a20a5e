"""Who may come in: passwords on both sides of the router, limits and time limits before the first query."""

import base64
import contextlib
import hashlib
import struct

import psycopg2

from authcase import AuthCase
from pgcluster import fetch
from programs import free_port, sanitizer, wait_until
from routerproc import Router
from pgwire import Query, StartupMessage, message, text

ADA = "s3cret, with a \"quote\", a \\ and an umlaut: \u00e4"


class Scram(AuthCase):
    cluster_options = {"replicas": 1, "auth": "scram-sha-256"}
    router_options = {"server_login_retry": "10ms", "log_level": "debug"}
    router_sections = {"databases": {"scram": "", "alias": "dbname=scram", "postgres": "", "nowhere": ""}}

    @classmethod
    def prepare(cls):
        super().prepare()
        if "ada" not in cls.cluster.passwords:
            cls.sql("ALTER ROLE postgres PASSWORD 'the monitor'")
            cls.cluster.passwords["postgres"] = "the monitor"
            cls.cluster.create_user("ada", ADA)
            cls.cluster.create_user('o""brien', "pl4in")      # the name goes between quotes
            cls.cluster.passwords['o"brien'] = cls.cluster.passwords.pop('o""brien')
            cls.cluster.create_user("changes", "b3fore")
            cls.cluster.create_user("verifier", "known to nobody")
            cls.cluster.create_user("nosecret", "s0mething")
            cls.cluster.create_user("disagrees", "what the server has")
            cls.cluster.passwords.update(
                verifier=cls.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'verifier'")[0][0],
                nosecret="", disagrees="what the file has",
                md5user="md5" + hashlib.md5(b"secretmd5user").hexdigest(), notaserveruser="x")
        cls.sql("GRANT ALL ON t TO public")
        cls.cluster.wait_caught_up()

    def tearDown(self):
        """Whatever was tried, no secret is in the log, nor what was given as one."""
        log = self.router.log()
        for secret in self.cluster.passwords.values():
            self.assertFalse(len(secret) > 1 and secret in log, "a secret is in the log")
        self.assertNotIn(ADA[:12], log)
        super().tearDown()

    def test_monitor_is_refused(self):
        """Guards: a wrong password of monitor_user is told where one looks: /ready, SHOW NODES, the log."""
        users = dict(self.cluster.passwords, postgres="not the monitor's")
        router = Router(self.cluster, {"admin_users": "ada"}, name="refused-monitor", users=users)
        with contextlib.closing(router.start(wait=False)):
            wait_until(lambda: router.events("node_silent"), what="event node_silent")
            self.assertIn("password authentication failed", router.events("node_silent")[0]["reason"])
            self.assertEqual(router.http("/ready")[0], 503)
            console = self.assertLogsIn("ada", ADA, router, dbname="andon")
            console.send(Query("SHOW NODES"))
            states = [reply.columns[6] for reply in console.read() if reply.kind == "D"]
            self.assertEqual(["password authentication failed" in state for state in states], [True, True], states)
            self.assertNotIn("not the monitor's", router.log())

    def test_both_sides(self):
        """Guards: SCRAM with the client and with primary and replica; odd names and passwords survive both."""
        for user, password in (("ada", ADA), ('o"brien', "pl4in")):
            with self.subTest(user):
                wire = self.assertLogsIn(user, password)
                self.assertEqual(wire.query("SELECT current_user")[1], "D " + user)
                self.assertEqual(wire.query("UPDATE t SET v = v WHERE id = 1")[0], "C UPDATE 1")
                self.assertEqual(wire.query("BEGIN READ ONLY"), ["C BEGIN", "Z T"])
                self.assertEqual(wire.query("SELECT here()")[1], "D " + self.cluster.replicas[0].name)
                with contextlib.closing(self.router.connect(self.dbname, user=user)) as connection:
                    self.assertEqual(fetch(connection, "SELECT session_user"), [(user,)])

    def test_server_is_proven_too(self):
        """Guards: the router's last SCRAM message proves that it knows the secret."""
        wire = self.scram("ada", ADA)
        replies = wire.proof(wire.first()[-1])
        final = replies[0].body
        self.assertEqual(struct.unpack("!i", final[:4]), (12,))
        self.assertTrue(final[4:].startswith(b"v="))
        self.assertEqual(struct.unpack("!i", replies[1].body), (0,))

    def test_wrong_password_and_unknown_user_sound_alike(self):
        """Guards: nobody learns from the router which users there are."""
        told = {}
        for user in ("ada", "verifier", "nosecret", "md5user", "nobody-of-that-name"):
            wires = [self.scram(user, "guess") for _ in range(2)]
            offers = [wire.first() for wire in wires]
            salts = [reply[-1].body.split(b",")[1:] for reply in offers]
            self.assertEqual(salts[0], salts[1], "the salt of %s must not change" % user)
            errors = [wire.proof(offer[-1]) for wire, offer in zip(wires, offers)]
            self.assertEqual([len(error) for error in errors], [1, 1])
            fields = self.assertFatal(errors[0][0], "28P01")
            told[user] = (fields["M"].replace(user, "USER"), sorted(fields), [reply.kind for reply in offers[0]],
                          [len(part) for part in salts[0]])
        self.assertEqual(len(set(map(str, told.values()))), 1, told)
        self.assertEqual(told["ada"][0], 'password authentication failed for user "USER"')

    def test_log_tells_why(self):
        """Guards: the operator sees who failed and why, never what was tried."""
        self.assertRefused("stranger", "tried this one", "28P01")
        failed = wait_until(lambda: [entry for entry in self.router.events("client_login_failed")
                                     if entry["user"] == "stranger"], what="event client_login_failed")[0]
        self.assertIn("auth_file", failed["reason"])
        self.assertEqual(failed["peer"], "127.0.0.1")
        self.assertNotIn("tried this one", self.router.log())

    def test_unknown_database(self):
        """Guards: which databases exist is told only to those who have proven who they are."""
        for dbname, words in (("secret_plan", "[databases]"), ("nowhere", "does not exist")):
            with self.subTest(dbname):
                self.assertRefused("ada", "guess", "28P01", dbname=dbname)
                fields = self.assertRefused("ada", ADA, "3D000", words, dbname=dbname)
                self.assertIn('database "%s" does not exist' % dbname, fields["M"])

    def test_alias(self):
        """Guards: a name of the router's own for a database."""
        wire = self.assertLogsIn("ada", ADA, dbname="alias")
        self.assertEqual(wire.query("SELECT current_database()")[1], "D scram")

    def test_only_a_verifier(self):
        """Guards: SCRAM pass-through: who proves itself against the server's own verifier is logged in there too."""
        self.assertRefused("verifier", "guess", "28P01")
        for _ in range(2):
            wire = self.assertLogsIn("verifier", "known to nobody")
            self.assertEqual(wire.query("SELECT session_user")[1], "D verifier")
            self.assertEqual(wire.query("UPDATE t SET v = v WHERE id = 3")[0], "C UPDATE 1")
            self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'verifier'")

    def test_server_refuses_the_password(self):
        """Guards: a password in auth_file that is not the server's is the server's error, not a hang."""
        self.assertRefused("disagrees", "what the server has", "28P01")
        self.assertRefused("disagrees", "what the file has", "28P01", "password authentication failed")
        self.assertRefused("notaserveruser", "x", "28P01")
        wait_until(lambda: [entry for entry in self.router.events("server_login_failed")
                            if entry.get("user") == "disagrees"], what="event server_login_failed")

    def test_reload_of_auth_file(self):
        """Guards: a changed password holds from the reload on, for clients and for new servers; sessions go on."""
        wire = self.assertLogsIn("changes", "b3fore")
        self.assertEqual(wire.query("SELECT 1")[1], "D 1")
        try:
            self.sql("ALTER ROLE changes PASSWORD 'aft3r'")
            self.router.users["changes"] = "aft3r"
            self.router.users.pop('o"brien')
            self.router.reload("configuration_reloaded")
            self.assertRefused("changes", "b3fore", "28P01")
            self.assertRefused('o"brien', "pl4in", "28P01")
            self.assertEqual(wire.query("SELECT 1")[1], "D 1")
            for _ in range(4):          # all workers
                other = self.assertLogsIn("changes", "aft3r")
                self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'changes'")
                self.assertEqual(other.query("UPDATE t SET v = v WHERE id = 2")[-1], "Z I")
                self.assertEqual(other.query("UPDATE t SET v = v WHERE id = 2"), ["C UPDATE 1", "Z I"])
        finally:
            self.router.users['o"brien'] = "pl4in"
            self.router.reload("configuration_reloaded")
        self.assertLogsIn('o"brien', "pl4in")

    def test_reload_of_a_broken_auth_file(self):
        """Guards: a file that cannot be read lets nobody in that was not, and locks nobody out."""
        path = self.router.name + ".users"
        with open(self.router.rundir.file(path)) as file:
            good = file.read()
        try:
            for bad in (good + '"half a line\n', '"ada" "a"\n"ada" "b"\n', 'ada s3cret\n'):
                seen = len(self.router.events("reload_failed"))
                self.router.rundir.write(path, bad)
                self.router.signal(1)
                wait_until(lambda: len(self.router.events("reload_failed")) > seen, what="event reload_failed")
                self.assertRegex(self.router.events("reload_failed")[-1]["reason"], r"\.users:\d+: ")
                self.assertLogsIn("ada", ADA)
                self.assertRefused("ada", "b", "28P01")
        finally:
            self.router.rundir.write(path, good)
            self.router.reload("configuration_reloaded")

    def test_messages_out_of_place(self):
        """Guards: whatever comes instead of a password ends the login with a protocol error."""
        def ask_too_early(wire):
            wire.send(Query("SELECT 1"))

        def other_mechanism(wire):
            wire.send_initial("n,,n=,r=abcdef", mechanism="SCRAM-SHA-256-PLUS")

        def channel_binding(wire):
            wire.send_initial("p=tls-server-end-point,,n=,r=abcdef")

        def plain_password(wire):
            wire.send(message("p", text(ADA)))

        def garbage(wire):
            wire.send(message("p", b"\0" * 200))

        def too_long(wire):
            wire.send(message("p", b"x" * 8000))

        def proof_of_another_nonce(wire):
            wire.first()
            wire.send(message("p", b"c=biws,r=anothernonce,p=" + base64.b64encode(b"x" * 32)))

        for act in (ask_too_early, other_mechanism, channel_binding, plain_password, garbage, too_long,
                    proof_of_another_nonce):
            with self.subTest(act.__name__):
                wire = self.scram("ada", ADA)
                act(wire)
                replies = [reply for reply in wire.read_end() if reply.kind == "E"]
                self.assertEqual(len(replies), 1)
                self.assertFatal(replies[0], "08P01")
        self.assertLogsIn("ada", ADA)

    def test_nothing_before_the_password(self):
        """Guards: statements sent along with the startup packet wait for the proof."""
        wire = self.scram("ada", ADA)
        challenge = wire.first()[-1]
        wire.password = "wrong"
        replies = wire.proof(challenge)
        wire_ok = self.scram("ada", ADA)
        challenge = wire_ok.first()[-1]
        self.assertFatal(replies[-1], "28P01")
        self.assertEqual(wire_ok.proof(challenge)[-1].word(), "Z I")
        self.assertEqual(wire_ok.query("SELECT 1")[1], "D 1")

    def test_console(self):
        """Guards: the console asks for the password like any database, then whether the user may."""
        self.assertRefused("postgres", "guess", "28P01", dbname="andon")
        self.assertLogsIn("postgres", "the monitor", dbname="andon")
        self.assertRefused("ada", ADA, "42501", "admin_users", dbname="andon")
        self.assertRefused("ada", "guess", "28P01", dbname="andon")


class Trust(AuthCase):
    cluster_options = {"replicas": 1}
    router_options = {"server_login_retry": "10ms"}

    @classmethod
    def prepare(cls):
        super().prepare()
        if "trusted" not in cls.cluster.passwords:
            cls.cluster.create_user("trusted")

    def test_users_come_in_as_themselves(self):
        """Guards: nobody is asked anything, and the servers see the client's own user."""
        wire = self.wire(user="trusted")
        self.assertEqual(wire.welcome[0].body, struct.pack("!i", 0))
        self.assertEqual(wire.query("SELECT session_user")[1], "D trusted")

    def test_user_the_server_does_not_know(self):
        """Guards: trust at the router is no account at the server."""
        wire = self.wire(startup=False)
        wire.send(StartupMessage(user="ghost", database=self.dbname))
        self.assertFatal(wire.read("E")[-1], "28000", 'role "ghost" does not exist')

    def test_database_is_by_default_the_users(self):
        """Guards: no database in the packet means the one with the user's name, as in PostgreSQL."""
        wire = self.wire(startup=False)
        wire.send(StartupMessage(user="trusted"))
        self.assertFatal(wire.read("E")[-1], "3D000", 'database "trusted" does not exist')

    def test_databases_nobody_has(self):
        """Guards: names made up by clients cost nothing once they are gone."""
        def ask(i):
            with self.wire(startup=False) as wire:
                wire.send(StartupMessage(user="trusted", database="made_up_%d" % i))
                self.assertFatal(wire.read("E")[-1], "3D000")

        def growth_of_a_round(first):
            before = self.router.resident_bytes()
            for i in range(first, first + 200):
                ask(i)
            return self.router.resident_bytes() - before

        grown = [growth_of_a_round(first) for first in range(0, 1000, 200)]
        if not sanitizer():
            self.assertLess(min(grown), 100 * 1024, "a leak grows in every round: %s" % grown)
        for what in ("STATS", "POOLS"):
            wait_until(lambda: not [row for row in self.router.show(what) if row["database"].startswith("made_up")],
                       what="the names to be forgotten")

    def test_no_user(self):
        """Guards: no user, or an empty one, is refused as PostgreSQL refuses it."""
        for parameters in ({"database": self.dbname}, {"database": self.dbname, "user": ""}):
            wire = self.wire(startup=False)
            wire.send(StartupMessage(**parameters))
            self.assertFatal(wire.read("E")[-1], "28000", "no PostgreSQL user name")

    def test_startup_settings_hold_everywhere(self):
        """Guards: settings of the startup packet hold on every server, are reported, and are what RESET goes to."""
        wire = self.wire(application_name="andon test", TimeZone="Asia/Tokyo", DateStyle="German",
                         options="-c statement_timeout=12345 --search_path=pg_catalog\\,\\ public -cwork_mem=5MB")
        self.assertEqual(wire.parameters["TimeZone"], "Asia/Tokyo")
        self.assertEqual(wire.parameters["DateStyle"], "German, DMY")
        self.assertEqual(wire.parameters["application_name"], "andon test")
        settings = ("SELECT array_agg(current_setting(s) ORDER BY s) FROM unnest(ARRAY['application_name', 'timezone',"
                    " 'datestyle', 'statement_timeout', 'search_path', 'work_mem']) s")
        values = 'D {"andon test","German, DMY","pg_catalog, public",12345ms,Asia/Tokyo,5MB}'
        for hint in ("/* andon:primary */ ", "/* andon:replica */ "):
            with self.subTest(hint):
                wire.send(Query(hint + settings))
                rows = [reply for reply in wire.read() if reply.kind == "D"]
                self.assertEqual("D " + rows[0].columns[0], values)
        wire.query("SET TimeZone = 'UTC'")
        self.assertEqual(wire.query("RESET TimeZone")[-1], "Z I")
        self.assertEqual(wire.query("SHOW TimeZone")[1], "D Asia/Tokyo")
        self.assertEqual(self.wire().query("SHOW TimeZone")[1], "D UTC", "the next client has its own settings")

    def test_startup_settings_refused(self):
        """Guards: what the router cannot give to any server is refused by name; a bad value by the server."""
        cases = [({"role": "postgres"}, "0A000", "role"),
                 ({"options": "-c default_transaction_read_only=on"}, "0A000", "default_transaction_read_only"),
                 ({"options": "-c"}, None, ""),
                 ({"options": "nonsense"}, "0A000", "nonsense"),
                 ({"options": "-c work_mem"}, "0A000", "work_mem"),
                 ({"replication": "perhaps"}, "22023", "replication"),
                 ({"andon.report_commit_lsn": "off"}, None, ""),
                 ({"TimeZone": "Middle/Earth"}, "22023", "TimeZone"),
                 ({"client_encoding": "KLINGON"}, "22023", "client_encoding")]
        for parameters, sqlstate, word in cases:
            with self.subTest(str(parameters)):
                wire = self.wire(startup=False)
                wire.send(StartupMessage(user="postgres", database=self.dbname, **parameters))
                last = wire.read("ZE")[-1]
                if sqlstate is None:
                    self.assertEqual(last.word(), "Z I")
                else:
                    self.assertFatal(last, sqlstate, word)
        self.assertAlive()


class Limits(AuthCase):
    cluster_options = {"replicas": 1}
    router_options = {"max_client_conn": 3, "client_login_timeout": "300ms", "workers": 1}

    def connect_when_admitted(self, **options):
        """Clients that just left are counted until the router has seen them go."""
        def connect():
            try:
                return self.router.connect(self.dbname, **options)
            except psycopg2.OperationalError as error:
                self.assertIn("too many clients", str(error))
                return None
        connection = wait_until(connect, what="a place for one more client")
        self.addCleanup(connection.close)
        return connection

    def test_max_client_conn(self):
        """Guards: one client too many is refused, the console is not; whoever leaves makes room; reload raises it."""
        held = [self.connect_when_admitted() for _ in range(3)]
        wire = self.wire(startup=False)
        wire.send(StartupMessage(user="postgres", database=self.dbname))
        self.assertFatal(wire.read("E")[-1], "53300", "max_client_conn")
        self.assertEqual(wire.read_end(), [])
        self.assertEqual(len([row for row in self.router.show("CLIENTS") if row["database"] == self.dbname]), 3)
        held.pop().close()
        held.append(self.connect_when_admitted())
        self.router.options["max_client_conn"] = 4
        self.router.reload("configuration_reloaded")
        held.append(self.router.connect(self.dbname))
        self.assertEqual([fetch(connection, "SELECT 1") for connection in held], [[(1,)]] * 4)
        for connection in held:
            connection.close()
        self.router.options["max_client_conn"] = 3
        self.router.reload("configuration_reloaded")

    def test_refused_clients_leave_no_trace(self):
        """Guards: clients refused for any reason give their place back."""
        for _ in range(10):
            wire = self.wire(startup=False)
            wire.send(StartupMessage(user="postgres", database=self.dbname, options="nonsense"))
            self.assertFatal(wire.read("E")[-1], "0A000")
        held = [self.connect_when_admitted() for _ in range(3)]
        self.assertEqual(len(held), 3)

    def test_login_timeout(self):
        """Guards: a client that says nothing, or stops half way, is told and closed; it held a place till then."""
        silent = self.wire(startup=False)
        half = self.wire(startup=False)
        half.send(StartupMessage(user="postgres", database=self.dbname)[:11])
        encrypted = self.wire(startup=False)
        encrypted.send(struct.pack("!ii", 8, 80877103))
        self.assertEqual(encrypted.read_bytes(1), b"N")
        for wire in (silent, half, encrypted):
            self.assertFatal(wire.read("E")[-1], "08P01", "client_login_timeout")
            self.assertEqual(wire.read_end(), [])
        held = [self.connect_when_admitted() for _ in range(3)]
        self.assertEqual(len(held), 3)


class LoginTimeoutInScram(AuthCase):
    cluster_options = {"replicas": 1}
    router_options = {"auth_type": "scram-sha-256", "client_login_timeout": "2s", "max_client_conn": 2}

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.cluster.passwords.update(postgres="secret")
        cls.addClassCleanup(cls.cluster.passwords.pop, "postgres")

    def test_stops_before_and_after_the_salt(self):
        """Guards: an exchange that is not finished ends with the login's time, and gives the place back."""
        wait_until(lambda: self.router.metric("andon_router_clients") == 0, what="both places to be free")
        before = self.scram("postgres", "secret")
        after = self.scram("postgres", "secret")
        before.read("R")
        self.assertEqual(after.first()[-1].kind, "R")
        for wire in (before, after):
            self.assertFatal(wire.read("E")[-1], "08P01", "client_login_timeout")
            self.assertEqual(wire.read_end(), [])
        wait_until(lambda: self.router.metric("andon_router_clients", state="auth") == 0, what="no client in auth")
        self.assertLogsIn("postgres", "secret")


class NoServerAtLogin(AuthCase):
    """The nodes are configured, and none answers."""
    cluster_options = {"replicas": 1}
    database = False

    def test_told_in_time(self):
        """Guards: a login that needs a server, with none there, ends with client_login_timeout and says so."""
        options = {"client_login_timeout": "300ms"}
        with contextlib.closing(self.dead_router(options)) as router:
            wire = self.wire(router, startup=False)
            wire.send(StartupMessage(user="postgres", database="postgres"))
            self.assertFatal(wire.read("E")[-1], "57P03", "client_login_timeout")
            self.assertEqual(router.http("/ready")[0], 503)
            self.assertEqual(router.http("/live")[0], 200)

    def test_told_at_shutdown(self):
        """Guards: a client that waits for its first server does not hold up the end."""
        with contextlib.closing(self.dead_router({"client_login_timeout": "1h", "drain_timeout": "1h"})) as router:
            wire = self.wire(router, startup=False)
            wire.send(StartupMessage(user="postgres", database="postgres"))
            wire.read("R")
            wait_until(lambda: router.metric("andon_router_clients", state="welcome") == 1, what="the client to wait")
            router.signal(15)
            self.assertFatal(wire.read("E")[-1], "57P01")
            self.assertEqual(router.wait_end(), 0)

    def test_gone_while_waiting(self):
        """Guards: of clients that wait for a first node to answer some hang up; the others get in when one does."""
        node = self.cluster.replicas[0]
        node.stop()
        self.addCleanup(lambda: node.is_running() or node.start())
        with contextlib.closing(self.dead_router({}, node.port)) as router:
            waiting = lambda: router.metric("andon_router_clients", state="welcome")
            wires = [self.wire(router, startup=False) for _ in range(8)]
            for wire in wires:
                wire.send(StartupMessage(user="postgres", database="postgres"))
                wire.read("R")
            wait_until(lambda: waiting() == 8, what="clients to wait")
            for wire in wires[::2]:
                wire.close()
            wait_until(lambda: waiting() == 4, what="some to be gone")
            self.assertEqual(router.http("/ready")[0], 503)
            node.start()
            for wire in wires[1::2]:
                self.assertEqual(wire.read()[-1].word(), "Z I")
                self.assertEqual(wire.query("SELECT 1")[1], "D 1")
            self.assertEqual(router.http("/ready")[0], 200)
            node.stop()
            wait_until(lambda: router.http("/ready")[0] == 503, what="/ready to say no")
            self.assertEqual(router.http("/live")[0], 200)
            self.assertEqual(router.stop(), 0)

    def dead_router(self, options, port=None):
        """A router whose only node does not answer."""
        sections = {"nodes": {"only": "host=127.0.0.1 port=%d" % (port or free_port())}}
        router = Router(self.cluster, options, sections, name="dead-%s" % self._testMethodName)
        router.start(wait=False)
        router.wait_ready(lambda: router.http("/live")[0] == 200)
        return router
