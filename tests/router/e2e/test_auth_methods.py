"""How clients prove who they are: md5."""

import contextlib
import hashlib

import psycopg2

from authcase import AuthCase
from pgcluster import fetch
from pgwire import StartupMessage


def md5(user, password):
    return "md5" + hashlib.md5((password + user).encode()).hexdigest()


class MethodCase(AuthCase):
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
        if "hashed" not in cls.cluster.passwords:
            cls.sql("SET password_encryption = 'md5'; CREATE ROLE plain LOGIN PASSWORD 'pl4in';"
                    " CREATE ROLE hashed LOGIN PASSWORD 'h4shed'; ALTER ROLE postgres PASSWORD 'the monitor'")
            cls.sql("SET password_encryption = 'scram-sha-256'; CREATE ROLE verifier LOGIN PASSWORD 'ver1fied'")
            cls.cluster.passwords.update(
                postgres="the monitor", plain="pl4in", hashed=md5("hashed", "h4shed"),
                verifier=cls.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'verifier'")[0][0], nosecret="")
        cls.sql("GRANT ALL ON t TO public")
        cls.cluster.wait_caught_up()

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
