"""How clients prove who they are: md5, and the lines of auth_hba_file with trust, reject, peer."""

import contextlib
import hashlib

import psycopg2

from authcase import AuthCase
from pgcluster import fetch
from pgwire import StartupMessage


def md5(user, password):
    return "md5" + hashlib.md5((password + user).encode()).hexdigest()


class MethodCase(AuthCase):
    @classmethod
    def make_roles(cls):
        """plain and hashed have an md5 secret on the servers, the others a verifier; what auth_file is to say of them."""
        if not cls.sql("SELECT 1 FROM pg_roles WHERE rolname = 'hashed'"):
            cls.sql("SET password_encryption = 'md5'; CREATE ROLE plain LOGIN PASSWORD 'pl4in';"
                    " CREATE ROLE hashed LOGIN PASSWORD 'h4shed'; ALTER ROLE postgres PASSWORD 'the monitor'")
            cls.sql("SET password_encryption = 'scram-sha-256'; CREATE ROLE verifier LOGIN PASSWORD 'ver1fied';"
                    " CREATE ROLE trusted LOGIN PASSWORD 'tru5ted'; CREATE ROLE rejected LOGIN PASSWORD 'rej3cted'")
        cls.sql("GRANT ALL ON t TO public")
        cls.cluster.wait_caught_up()
        return {"postgres": "the monitor", "plain": "pl4in", "trusted": "tru5ted", "rejected": "rej3cted",
                "hashed": md5("hashed", "h4shed"), "nosecret": "",
                "verifier": cls.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'verifier'")[0][0]}

    def connects(self, user, password, router=None, **options):
        """Logs in by libpq, writes and reads; the connection is closed."""
        options.setdefault("dbname", self.dbname)
        with contextlib.closing((router or self.router).connect(user=user, password=password, **options)) as connection:
            self.assertEqual(fetch(connection, "SELECT session_user"), [(user,)])
            self.assertEqual(fetch(connection, "UPDATE t SET v = v WHERE id = 1 RETURNING 1"), [(1,)])

    def refuses(self, user, password, words, router=None, **options):
        """libpq is refused with these words."""
        options.setdefault("dbname", self.dbname)
        with self.assertRaises(psycopg2.OperationalError) as caught:
            (router or self.router).connect(user=user, password=password, **options).close()
        self.assertIn(words, str(caught.exception))

    def asked(self, user):
        """The kind of AuthenticationRequest a user is shown first."""
        wire = self.wire(startup=False)
        wire.send(StartupMessage(user=user, database=self.dbname))
        return int.from_bytes(wire.read("R")[-1].body[:4], "big")


class Md5(MethodCase):
    """auth_type = md5, and servers that ask for md5 whom they can."""
    cluster_options = {"replicas": 1, "auth": "md5"}
    router_options = {"server_login_retry": "10ms", "log_level": "debug"}

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.cluster.passwords.update(cls.make_roles())

    def test_each_kind_of_secret(self):
        """Guards: md5 on both sides, the hash passed through; who has a verifier is asked for SCRAM on both sides."""
        for user, password, kind in (("plain", "pl4in", 5), ("hashed", "h4shed", 5), ("verifier", "ver1fied", 10)):
            with self.subTest(user):
                self.assertEqual(self.asked(user), kind)
                self.connects(user, password)
                self.refuses(user, password.upper(), 'password authentication failed for user "%s"' % user)
        self.refuses("hashed", md5("hashed", "h4shed"), 'password authentication failed for user "hashed"')

    def test_unknown_user(self):
        """Guards: a user that does not exist is asked like most and refused in the same words."""
        for user in ("nobody-of-that-name", "nosecret"):
            self.assertEqual(self.asked(user), 5)
            self.refuses(user, "", "no password supplied")
            self.refuses(user, "guess", 'password authentication failed for user "%s"' % user)

    def test_no_secret_in_the_log(self):
        """Guards: neither passwords nor hashes are written down, at any level."""
        self.connects("hashed", "h4shed")
        self.refuses("plain", "tried this one", "password authentication failed")
        log = self.router.log()
        for secret in list(self.cluster.passwords.values()) + ["h4shed", "ver1fied", "tried this one"]:
            self.assertFalse(secret and secret in log, "a secret is in the log")


class Hba(MethodCase):
    """auth_type = hba: each line, each failure, the unix socket and its users."""
    cluster_options = {"replicas": 1, "auth": "md5"}
    router_options = {"auth_type": "hba", "server_login_retry": "10ms", "workers": 1}

    RULES = """
        # the first line that fits decides
        local   all         @OWNER@         peer
        local   all         plain           peer
        local   all         all             md5
        host    all         trusted         127.0.0.1/32            trust
        host    all         rejected        127.0.0.0 255.0.0.0     reject
        host    @DB@,andon  plain,postgres  127.0.0.1/32            scram-sha-256
        hostssl all         hashed          all                     md5
        hostnossl all       verifier        127.0.0.1/32            md5
        host    all         all             10.0.0.0/8              trust
    """

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.rundir = cls.cluster.rundir
        cls.owner = cls.rundir.user
        if cls.owner != "postgres" and not cls.sql("SELECT 1 FROM pg_roles WHERE rolname = %s", [cls.owner]):
            cls.sql('CREATE ROLE "%s" LOGIN SUPERUSER' % cls.owner)
        cls.users = cls.make_roles()

    @classmethod
    def start_router(cls, options=None, sections=None, **more):
        options = dict(options, unix_socket_dir=cls.rundir.file("sock"), auth_hba_file=cls.write_rules(cls.RULES))
        return super().start_router(options, sections, users=cls.users, **more)

    @classmethod
    def wait_reads_on_replicas(cls, router, user="postgres"):
        """Nothing here asks where a read runs."""

    @classmethod
    def write_rules(cls, rules):
        return cls.rundir.write("hba.conf", rules.replace("@OWNER@", cls.owner).replace("@DB@", cls.dbname))

    def local(self, user, password=None, **options):
        """A connection through the router's unix socket, by whoever runs this test."""
        connection = psycopg2.connect(host=self.rundir.file("sock"), port=self.router.port, user=user,
                                      password=password, dbname=self.dbname, connect_timeout=10, **options)
        self.addCleanup(connection.close)
        return connection

    def test_methods(self):
        """Guards: trust, SCRAM and md5 as the lines say, over TCP; secrets log in to the servers either way."""
        self.connects("trusted", "whatever")
        self.connects("plain", "pl4in")
        self.connects("verifier", "ver1fied")
        self.refuses("plain", "guess", 'password authentication failed for user "plain"')
        self.refuses("verifier", "guess", 'password authentication failed for user "verifier"')
        self.assertEqual(self.asked("plain"), 10)

    def test_trust_uses_keys_that_were_proven(self):
        """Guards: after a proof its keys stay with the worker's account, also for logins that prove nothing."""
        self.connects("verifier", "ver1fied")
        self.write_rules(self.RULES.replace("verifier        127.0.0.1/32            md5",
                                            "verifier        127.0.0.1/32            trust"))
        try:
            self.router.reload("configuration_reloaded")
            for _ in range(3):
                connection = self.router.connect(self.dbname, user="verifier", password="not asked")
                connection.close()
        finally:
            self.write_rules(self.RULES)
            self.router.reload("configuration_reloaded")
        self.refuses("verifier", "guess", "password authentication failed")

    def test_refused_as_postgresql_does(self):
        """Guards: reject and no line at all, in PostgreSQL's words and with 28000; the log says which line."""
        end = ', database "%s", no encryption' % self.dbname
        for user, words in (("rejected", 'pg_hba.conf rejects connection for host "127.0.0.1", user "rejected"'),
                            ("hashed", 'no pg_hba.conf entry for host "127.0.0.1", user "hashed"'),
                            ("stranger", 'no pg_hba.conf entry for host "127.0.0.1", user "stranger"')):
            with self.subTest(user):
                wire = self.wire(startup=False)
                wire.send(StartupMessage(user=user, database=self.dbname))
                fields = self.assertFatal(wire.read("RE")[-1], "28000")
                self.assertEqual(fields["M"], words + end)
        self.refuses("plain", "pl4in", "no pg_hba.conf entry", dbname="postgres")
        reasons = {entry["user"]: entry["reason"] for entry in self.router.events("client_login_failed")}
        self.assertRegex(reasons["rejected"], r"rejected by line \d+ of auth_hba_file")
        self.assertIn("no line of auth_hba_file", reasons["stranger"])

    def test_unix_socket(self):
        """Guards: over the unix socket the lines that begin with local hold, and no others."""
        with contextlib.closing(self.local("hashed", "h4shed")) as connection:
            self.assertEqual(fetch(connection, "SELECT session_user"), [("hashed",)])
        with self.assertRaisesRegex(psycopg2.OperationalError, 'password authentication failed for user "trusted"'):
            self.local("trusted", "guess")
        with contextlib.closing(self.local("trusted", "tru5ted")) as connection:
            self.assertEqual(fetch(connection, "SELECT session_user"), [("trusted",)])

    def test_peer(self):
        """Guards: peer lets the system's user in as himself, and as nobody else, also to the console."""
        script = ("import sys, psycopg2; c = psycopg2.connect(host=sys.argv[1], port=sys.argv[2], user=sys.argv[3],"
                  " dbname=sys.argv[4]); c.autocommit = True; r = c.cursor(); r.execute(sys.argv[5]); print(r.fetchone()[0])")

        def run(user, dbname=self.dbname, sql="SELECT session_user"):
            return self.rundir.run(["/usr/bin/python3", "-c", script, self.rundir.file("sock"), str(self.router.port),
                                    user, dbname, sql], check=False)
        self.assertEqual(run(self.owner).strip(), self.owner)
        self.assertIn('Peer authentication failed for user "plain"', run("plain"))
        self.router.options["admin_users"] = "plain,postgres," + self.owner
        self.router.reload("configuration_reloaded")
        self.assertIn("andon-router", run(self.owner, "andon", "SHOW VERSION"))
        self.assertIn('Peer authentication failed for user "plain"', run("plain", "andon", "SHOW VERSION"))

    def test_reload(self):
        """Guards: new lines hold for new logins, sessions go on; a broken file changes nothing and is named."""
        with contextlib.closing(self.router.connect(self.dbname, user="trusted", password="x")) as connection:
            try:
                self.write_rules("host all trusted all reject\nhost all all all md5\n")
                self.router.reload("configuration_reloaded")
                self.refuses("trusted", "tru5ted", "pg_hba.conf rejects connection")
                self.assertEqual(fetch(connection, "SELECT 1"), [(1,)])
                self.write_rules("host all all all trust\nhost all +staff all trust\n")
                self.router.reload("reload_failed")
                self.assertIn("hba.conf:2: the members of a role", self.router.events("reload_failed")[-1]["reason"])
                self.refuses("trusted", "tru5ted", "pg_hba.conf rejects connection")
            finally:
                self.write_rules(self.RULES)
                self.router.reload("configuration_reloaded")
        self.connects("trusted", "whatever")
