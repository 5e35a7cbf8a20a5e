"""TLS, from clients to the router and from the router to the nodes.

Each mode on both sides, certificates that are wrong in every way that counts,
certificates renewed while the router runs, and what must not be possible:
words in clear text that are believed, a client that is let in unencrypted.
"""

import contextlib
import io
import json
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import threading
import unittest

import psycopg2

from certificates import Authority, own_copy, replace
from pgcluster import fetch
from programs import wait_until
from routerproc import Router
from pgwire import PROTOCOL_3_0, SSL_REQUEST
from testcase import ClusterTestCase

TLS_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
STARTUP = b"user\0postgres\0database\0postgres\0\0"
STARTUP = struct.pack("!ii", len(STARTUP) + 8, PROTOCOL_3_0) + STARTUP
SSL_QUESTION = struct.pack("!ii", 8, SSL_REQUEST)

SHOWN_CERTIFICATE = "SELECT client_dn, client_serial FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


class TlsTestCase(ClusterTestCase):
    extension = False

    @classmethod
    def prepare(cls):
        rundir = cls.cluster.rundir
        if not os.path.exists(rundir.file("houses-ca.crt")):
            rundir.authority = Authority(rundir, "houses")
            rundir.stranger = Authority(rundir, "strangers")
        cls.authority, cls.stranger = rundir.authority, rundir.stranger

    @staticmethod
    def events(router, name):
        found = []
        for line in router.log().splitlines():
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if event.get("event") == name:
                    found.append(event)
        return found

    @classmethod
    def reload(cls, router, expect="configuration_reloaded", **options):
        """Changes options and waits until the router has said what came of it."""
        router.options.update(options)
        router.write_config()
        before = len(cls.events(router, expect))
        router.signal(signal.SIGHUP)
        wait_until(lambda: len(cls.events(router, expect)) > before, what=expect)


class ClientTls(TlsTestCase):
    @classmethod
    def prepare(cls):
        super().prepare()
        issue = cls.authority.issue
        cls.shown = own_copy(cls.cluster.rundir, issue("router", ["IP:127.0.0.1"]), "shown")
        cls.other_shown = issue("router", ["IP:127.0.0.1"], file_name="router-renewed")
        cls.alice = issue("alice")
        cls.late = issue("late", expired=True)
        cls.mallory = cls.stranger.issue("mallory")
        cls.router_options = {
            "client_tls_sslmode": "allow",
            "client_tls_cert_file": cls.shown.cert,
            "client_tls_key_file": cls.shown.key,
            "client_tls_ca_file": cls.authority.cert,
        }

    def setUp(self):
        self.reload(self.router, client_tls_sslmode="allow", client_tls_protocols="secure")

    def connect(self, sslmode, pair=None, **options):
        if pair is not None:
            options.update(sslcert=pair.cert, sslkey=pair.key)
        else:
            options.update(sslcert="/nonexistent", sslkey="/nonexistent")
        if sslmode.startswith("verify"):
            options.setdefault("sslrootcert", self.authority.cert)
        return self.router.connect(self.dbname, sslmode=sslmode, **options)

    def outcome(self, sslmode, pair=None):
        """"tls", "clear", or the error's words."""
        try:
            with contextlib.closing(self.connect(sslmode, pair)) as connection:
                self.assertEqual(fetch(connection, "SELECT 1"), [(1,)])
                return "tls" if connection.info.ssl_in_use else "clear"
        except psycopg2.OperationalError as error:
            return str(error)

    def raw(self):
        plain = socket.create_connection((self.router.host, self.router.port), timeout=30)
        self.addCleanup(plain.close)
        return plain

    def context(self, alpn=None, version=None):
        context = ssl.create_default_context(cafile=self.authority.cert)
        if alpn:
            context.set_alpn_protocols([alpn])
        if version:
            context.minimum_version = context.maximum_version = version
        return context

    def secure(self, alpn=None, version=None):
        """A TLS socket made as libpq does."""
        plain = self.raw()
        plain.sendall(SSL_QUESTION)
        self.assertEqual(plain.recv(1), b"S")
        return self.context(alpn, version).wrap_socket(plain, server_hostname="127.0.0.1")

    # Each mode of the router against each way a client may ask.
    def test_modes(self):
        refused = "the router takes encrypted connections only"
        no_tls = "server does not support SSL, but SSL was required"
        wants_certificate = "certificate required"
        expected = {
            "disable": ("clear", "clear", no_tls, no_tls),
            "allow": ("clear", "tls", "tls", "tls"),
            "prefer": ("clear", "tls", "tls", "tls"),
            "require": (refused, "tls", "tls", "tls"),
            "verify-ca": (refused, wants_certificate, wants_certificate, wants_certificate),
            "verify-full": (refused, wants_certificate, wants_certificate, wants_certificate),
        }
        for mode in TLS_MODES:
            self.reload(self.router, client_tls_sslmode=mode)
            for asked, outcome in zip(("disable", "prefer", "require", "verify-full"), expected[mode]):
                with self.subTest(router=mode, client=asked):
                    self.assertIn(outcome, self.outcome(asked))

    # A certificate is believed only if our authority signed it and its time is not over.
    def test_client_certificates(self):
        for mode in ("verify-ca", "verify-full"):
            self.reload(self.router, client_tls_sslmode=mode)
            with self.subTest(mode=mode):
                self.assertEqual(self.outcome("require", self.alice), "tls")
                self.assertIn("unknown ca", self.outcome("require", self.mallory))
                self.assertIn("expired", self.outcome("require", self.late))
        reasons = " ".join(event["reason"] for event in self.events(self.router, "client_tls_failed"))
        self.assertIn("certificate has expired", reasons)
        self.assertIn("unable to get local issuer certificate", reasons)

    # What we show lets a client find out that it talks to somebody else.
    def test_client_checks_us(self):
        with self.assertRaisesRegex(psycopg2.OperationalError, "certificate verify failed"):
            self.connect("verify-ca", sslrootcert=self.stranger.cert)
        with self.assertRaisesRegex(psycopg2.OperationalError, 'does not match host name "elsewhere"'):
            psycopg2.connect(host="elsewhere", hostaddr="127.0.0.1", port=self.router.port, user="postgres",
                             dbname=self.dbname, sslmode="verify-full", sslrootcert=self.authority.cert)

    # The name in the certificate is the user, and nobody else.
    def test_login_by_certificate(self):
        self.sql("DO $$ BEGIN CREATE ROLE alice LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
        router = self.start_router(dict(self.router_options, client_tls_sslmode="verify-ca", auth_type="cert"))
        with contextlib.closing(router.connect(self.dbname, user="alice", **self.as_client(self.alice))) as connection:
            self.assertEqual(fetch(connection, "SELECT current_user::text"), [("alice",)])
        with self.assertRaisesRegex(psycopg2.OperationalError, 'certificate authentication failed for user "postgres"'):
            router.connect(self.dbname, user="postgres", **self.as_client(self.alice))

    # hostssl is for encrypted connections, hostnossl for the others.
    def test_hba_knows_what_is_encrypted(self):
        rules = self.cluster.rundir.write("tls-hba.conf", "hostssl all all all trust\nhostnossl all all all reject\n", 0o644)
        router = self.start_router(dict(self.router_options, auth_type="hba", auth_hba_file=rules))
        with contextlib.closing(router.connect(self.dbname, sslmode="require")):
            pass
        with self.assertRaisesRegex(psycopg2.OperationalError, "pg_hba.conf rejects connection .* no encryption"):
            router.connect(self.dbname, sslmode="disable")

    @staticmethod
    def as_client(pair):
        return {"sslmode": "require", "sslcert": pair.cert, "sslkey": pair.key}

    def test_show_clients_tells(self):
        with contextlib.closing(self.connect("require")), contextlib.closing(self.connect("disable")):
            shown = [client["tls"] for client in self.router.show("CLIENTS") if client["database"] == self.dbname]
        self.assertEqual(len(shown), 2)
        self.assertEqual(min(shown), "")
        self.assertRegex(max(shown), r"^TLSv1\.3/TLS_[A-Z0-9_]+$")

    def test_unix_socket_needs_none(self):
        folder = self.cluster.rundir.file("sock")
        router = self.start_router(dict(self.router_options, client_tls_sslmode="require", unix_socket_dir=folder))
        with contextlib.closing(psycopg2.connect(host=folder, port=router.port, user="postgres",
                                                 dbname=self.dbname, sslmode="prefer")) as connection:
            self.assertFalse(connection.info.ssl_in_use)
            self.assertEqual(fetch(connection, "SELECT 1"), [(1,)])

    # Bytes behind SSLRequest came in clear text, perhaps from somebody in between (CVE-2021-23214).
    def test_smuggled_bytes(self):
        plain = self.raw()
        plain.sendall(SSL_QUESTION + STARTUP)
        answer = self.all_of(plain)
        self.assertTrue(answer.startswith(b"E"), answer)
        self.assertIn(b"08P01", answer)
        self.assertIn(b"received unencrypted data after SSL request", answer)

    def all_of(self, sock):
        answer = b""
        while True:
            try:
                piece = sock.recv(65536)
            except (ConnectionError, ssl.SSLError):
                return answer
            if not piece:
                return answer
            answer += piece

    def test_garbage_instead_of_handshake(self):
        plain = self.raw()
        plain.sendall(SSL_QUESTION)
        self.assertEqual(plain.recv(1), b"S")
        plain.sendall(STARTUP)
        self.assertNotIn(b"R", self.all_of(plain)[:1])
        self.assertEqual(self.outcome("require"), "tls")

    # What libpq 17 does with sslnegotiation=direct.
    def test_direct(self):
        secured = self.context("postgresql").wrap_socket(self.raw(), server_hostname="127.0.0.1")
        self.assertEqual(secured.selected_alpn_protocol(), "postgresql")
        secured.sendall(STARTUP)
        self.assertEqual(secured.recv(1), b"R")

    # Without ALPN another protocol's client could be led here (ALPACA).
    def test_direct_needs_alpn(self):
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            secured = self.context().wrap_socket(self.raw(), server_hostname="127.0.0.1")
            secured.sendall(STARTUP)
            self.assertEqual(self.all_of(secured), b"")
        with self.assertRaises((ConnectionError, ssl.SSLError)):
            self.context("http/1.1").wrap_socket(self.raw(), server_hostname="127.0.0.1")
        wait_until(lambda: any("ALPN" in event["reason"] for event in self.events(self.router, "client_tls_failed")),
                   what="the refusal in the log")

    # Direct TLS where none is configured is a startup packet of impossible length.
    def test_direct_without_tls(self):
        self.reload(self.router, client_tls_sslmode="disable")
        with self.assertRaises((ConnectionError, ssl.SSLError)):
            self.context("postgresql").wrap_socket(self.raw(), server_hostname="127.0.0.1")

    # The client hello in single bytes, the startup packet in single records.
    def test_byte_by_byte(self):
        plain = self.raw()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        secured = self.context("postgresql").wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")

        def flush():
            for byte in outgoing.read():
                plain.sendall(bytes([byte]))

        def step(call):
            while True:
                try:
                    return call()
                except ssl.SSLWantReadError:
                    flush()
                    incoming.write(plain.recv(65536))

        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        step(secured.do_handshake)
        for byte in STARTUP:
            secured.write(bytes([byte]))
        flush()
        self.assertEqual(step(lambda: secured.read(1)), b"R")

    def test_no_renegotiation(self):
        done = subprocess.run(
            ["openssl", "s_client", "-starttls", "postgres", "-tls1_2", "-connect", "127.0.0.1:%d" % self.router.port],
            input="R\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        self.assertIn("no renegotiation", done.stdout)
        self.assertEqual(self.outcome("require"), "tls")

    def test_protocols(self):
        self.reload(self.router, client_tls_protocols="tlsv1.3")
        with self.assertRaises((ConnectionError, ssl.SSLError)):
            self.secure(version=ssl.TLSVersion.TLSv1_2)
        self.assertEqual(self.secure(version=ssl.TLSVersion.TLSv1_3).version(), "TLSv1.3")
        self.reload(self.router, client_tls_protocols="tlsv1.2")
        self.assertEqual(self.secure().version(), "TLSv1.2")

    # A renewed certificate is shown after a reload, and nobody is disconnected.
    def test_certificate_is_reloaded(self):
        def serial():
            with contextlib.closing(self.secure()) as secured:
                return secured.getpeercert()["serialNumber"]

        first = serial()
        with contextlib.closing(self.connect("require")) as connection:
            replace(self.cluster.rundir, self.shown, self.other_shown)
            self.assertEqual(serial(), first, "nothing changes before the reload")
            self.reload(self.router)
            wait_until(lambda: serial() != first, what="the renewed certificate")
            self.assertEqual(fetch(connection, "SELECT 1"), [(1,)])

    # A certificate that cannot be used keeps the old one in force, and is named.
    def test_bad_reload_keeps_the_old(self):
        with open(self.cluster.rundir.file("empty.crt"), "w"):
            pass
        os.chmod(self.cluster.rundir.file("empty.crt"), 0o644)
        bad = {
            "client_tls_cert_file": (self.cluster.rundir.file("empty.crt"), "has no certificate that can be used"),
            "client_tls_key_file": (self.alice.key, "does not belong to the certificate"),
            "client_tls_ca_file": (self.cluster.rundir.file("nowhere.crt"), "No such file or directory"),
            "client_tls_ciphers": ("NONSENSE", "no cipher match"),
            "client_tls_protocols": ("tlsv9", "there is no protocol"),
        }
        for option, (value, words) in bad.items():
            with self.subTest(option=option):
                good = self.router.options.get(option)
                self.reload(self.router, "reload_failed", **{option: value})
                reason = self.events(self.router, "reload_failed")[-1]["reason"]
                self.assertIn(option, reason)
                self.assertIn(value, reason)
                self.assertIn(words, reason)
                code, output = self.router.check_config()
                self.assertEqual(code, 2)
                self.assertIn(words, output)
                self.assertEqual(self.outcome("require"), "tls")
                self.router.options[option] = good
        self.assertNotIn("PRIVATE KEY", self.router.log())

    def test_what_a_mode_needs(self):
        router = self.router
        before = dict(router.options)
        self.addCleanup(router.write_config)
        self.addCleanup(router.options.update, before)
        router.options.update(client_tls_sslmode="require", client_tls_key_file="")
        self.assertIn("client_tls_sslmode needs client_tls_key_file and client_tls_cert_file", router.check_config()[1])
        router.options.update(before, client_tls_sslmode="verify-ca", client_tls_ca_file="")
        self.assertIn("client_tls_sslmode=verify-ca needs client_tls_ca_file", router.check_config()[1])

    def test_a_key_with_passphrase_is_refused(self):
        locked = self.cluster.rundir.file("locked.key")
        subprocess.run(["openssl", "ec", "-in", self.shown.key, "-aes128", "-passout", "pass:secret", "-out", locked],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.cluster.rundir.own(locked)
        good = self.router.options["client_tls_key_file"]
        self.addCleanup(self.router.options.update, client_tls_key_file=good)
        self.reload(self.router, "reload_failed", client_tls_key_file=locked)
        self.assertIn(locked, self.events(self.router, "reload_failed")[-1]["reason"])

    def test_large_result_and_copy(self):
        with contextlib.closing(self.connect("require")) as connection:
            big = fetch(connection, "SELECT repeat('x', 20000000)")[0][0]
            self.assertEqual(len(big), 20000000)
            rows = fetch(connection, "SELECT i, md5(i::text) FROM generate_series(1, 200000) i")
            self.assertEqual(rows[-1][0], 200000)
            with connection.cursor() as cursor:
                cursor.execute("CREATE TABLE IF NOT EXISTS copied (i int, v text)")
                lines = "".join("%d\t%s\n" % (i, "y" * 100) for i in range(100000))
                cursor.copy_expert("COPY copied FROM STDIN", io.StringIO(lines))
                cursor.execute("SELECT count(*), sum(i) FROM copied")
                self.assertEqual(cursor.fetchone(), (100000, 4999950000))
                out = io.StringIO()
                cursor.copy_expert("COPY copied TO STDOUT", out)
                self.assertEqual(out.getvalue(), lines)
                cursor.execute("DROP TABLE copied")

    # psql's \copy and an error of the server's, as any client sees them.
    def test_psql(self):
        output = self.cluster.tool(
            "psql", "-X", "-d", "host=127.0.0.1 port=%d user=postgres dbname=%s sslmode=verify-full sslrootcert=%s" % (
                self.router.port, self.dbname, self.authority.cert),
            "-c", "\\copy (SELECT generate_series(1, 3)) TO STDOUT", "-c", "SELECT 1/0", check=False)
        self.assertIn("1\n2\n3\n", output)
        self.assertIn("division by zero", output)

    # A reader that stops stops its server too, and gets all of it in the end.
    def test_a_client_that_reads_late(self):
        secured = self.secure()
        secured.sendall(STARTUP)
        sql = b"SELECT repeat('z', 1000) FROM generate_series(1, 20000)\0"
        secured.sendall(b"Q" + struct.pack("!i", len(sql) + 4) + sql)
        with contextlib.closing(self.connect("require")) as other:
            self.assertEqual(fetch(other, "SELECT 1"), [(1,)])
        got, tail = 0, b""
        while not tail.endswith(b"SELECT 20000\0Z\0\0\0\5I"):
            piece = secured.recv(65536)
            self.assertTrue(piece, "closed after %d bytes" % got)
            got += len(piece)
            tail = (tail + piece)[-64:]
        self.assertGreater(got, 20000 * 1000)

    def test_cancel(self):
        with contextlib.closing(self.connect("require")) as connection, \
                contextlib.closing(self.connect("require")) as witness:
            raised = []

            def run():
                try:
                    fetch(connection, "SELECT pg_sleep(600)")
                except psycopg2.errors.QueryCanceled as error:
                    raised.append(error)

            thread = threading.Thread(target=run)
            thread.start()
            wait_until(lambda: fetch(witness, "SELECT count(*) FROM pg_stat_activity WHERE state = 'active'"
                                     " AND query LIKE 'SELECT pg_sleep(600)%'")[0][0] == 1, what="the query to run")
            connection.cancel()
            thread.join(60)
            self.assertEqual(len(raised), 1)


class ServerTls(TlsTestCase):
    @classmethod
    def prepare(cls):
        super().prepare()
        node = cls.cluster.primary
        cls.node_pair = own_copy(cls.cluster.rundir, cls.authority.issue("north", ["IP:127.0.0.1"]), "node")
        node.configure(ssl="on", ssl_cert_file=cls.node_pair.cert, ssl_key_file=cls.node_pair.key,
                       ssl_ca_file=cls.authority.cert)
        node.reload()
        cls.us = cls.authority.issue("postgres")

    def seen_by_node(self):
        """Whether the monitor's and the pools' connections are encrypted, as the node sees it."""
        rows = self.cluster.primary.query(
            "SELECT application_name, ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
            " WHERE application_name LIKE 'andon-%'")
        return dict(rows)

    def options(self, mode, **more):
        return dict({"server_tls_sslmode": mode,
                     "server_tls_ca_file": self.authority.cert if mode.startswith("verify") else ""}, **more)

    def run_router(self, mode, sections=None, **more):
        router = self.start_router(self.options(mode, **more), sections)
        self.addCleanup(router.stop)
        return router

    def refusal(self, mode, sections=None, **more):
        """The words a router leaves in its log that cannot reach its node that way."""
        router = Router(self.cluster, self.options(mode, query_wait_timeout="1s", **more), sections,
                        name="router-refused-%s" % self.id().rpartition(".")[2])
        self.addCleanup(lambda: router.is_running() and router.stop())
        router.start(wait=False)
        wait_until(lambda: self.events(router, "node_silent"), what="the reason in the log")
        wait_until(lambda: router.http("/live")[0] == 200, what="the router to live")
        self.assertNotEqual(router.http("/ready")[0], 200)
        return " ".join(event["reason"] for event in self.events(router, "node_silent"))

    # Each mode that a node with TLS lets through, for the monitor and for the pools.
    def test_modes(self):
        for mode in TLS_MODES:
            with self.subTest(mode=mode):
                router = self.run_router(mode)
                with contextlib.closing(router.connect(self.dbname)) as connection:
                    fetch(connection, "SELECT 1")
                    encrypted = mode != "disable"
                    self.assertEqual(self.seen_by_node(), {"andon-monitor": encrypted, "andon-router": encrypted})
                    tls = {server["tls"] for server in router.show("SERVERS")}
                    self.assertEqual(len(tls), 1)
                    self.assertEqual(tls.pop().startswith("TLSv1.3/"), encrypted)
                router.stop()
                wait_until(lambda: self.seen_by_node() == {}, what="the router's connections to end")

    def test_wrong_authority(self):
        for mode in ("verify-ca", "verify-full"):
            with self.subTest(mode=mode):
                words = self.refusal(mode, server_tls_ca_file=self.stranger.cert)
                self.assertIn("certificate verify failed", words)

    # verify-ca does not look at the name, verify-full does.
    def test_wrong_name(self):
        sections = {"nodes": {"north": "host=localhost port=%d" % self.cluster.primary.port}}
        self.run_router("verify-ca", sections)
        self.assertIn('does not match host name "localhost"', self.refusal("verify-full", sections))

    # The node asks who we are, and the certificate is all the proof it wants.
    def test_node_wants_our_certificate(self):
        node = self.cluster.primary
        self.addCleanup(node.reload)
        self.addCleanup(node.write_hba)
        self.cluster.rundir.write(os.path.join(node.data, "pg_hba.conf"),
                                  "local all all trust\nhostssl all all 127.0.0.1/32 cert\n")
        node.reload()
        router = self.run_router("verify-full", server_tls_cert_file=self.us.cert, server_tls_key_file=self.us.key)
        self.assertEqual(router.query("SELECT 1", dbname=self.dbname), [(1,)])
        self.assertEqual(set(self.seen_by_node().values()), {True})
        router.stop()
        self.assertIn("certificate", self.refusal("require"))

    # A new certificate of the node's authority comes into force by a reload, for servers made after it.
    def test_authority_is_reloaded(self):
        trusted = self.cluster.rundir.file("trusted.crt")
        shutil.copy(self.authority.cert, trusted)
        self.cluster.rundir.own(trusted)
        router = self.run_router("verify-ca", server_tls_ca_file=trusted)
        self.assertEqual(router.query("SELECT 1", dbname=self.dbname), [(1,)])
        self.trust(self.stranger)
        self.reload(router)
        self.kick_servers(router)
        with self.assertRaisesRegex(psycopg2.Error, "no encrypted connection to node .*certificate verify failed"):
            router.query("SELECT 2", dbname=self.dbname)
        self.trust(self.authority)
        self.reload(router)
        wait_until(lambda: self.works(router), what="servers under the right authority")

    # A renewed certificate of the router's comes into force by a reload: servers made after it show it to the node.
    def test_own_certificate_is_reloaded(self):
        own = own_copy(self.cluster.rundir, self.us, "own")
        router = self.run_router("verify-full", server_tls_cert_file=own.cert, server_tls_key_file=own.key)
        with contextlib.closing(router.connect(self.dbname, autocommit=False)) as connection:
            first = fetch(connection, SHOWN_CERTIFICATE)    # and keeps its server
            self.assertEqual(first[0][0], "/CN=postgres")
            replace(self.cluster.rundir, own, self.authority.issue("postgres", file_name="postgres-renewed"))
            self.reload(router)
            second = router.query(SHOWN_CERTIFICATE, dbname=self.dbname)
            self.assertEqual(second[0][0], "/CN=postgres")
            self.assertNotEqual(second, first)
            self.assertEqual(fetch(connection, SHOWN_CERTIFICATE), first)
        # a key that does not fit is refused, and the pair in force stays
        shutil.copy(self.us.key, own.key)
        self.reload(router, expect="reload_failed")
        self.kick_servers(router)
        wait_until(lambda: self.works(router), what="servers after the reload that was refused")
        self.assertEqual(router.query(SHOWN_CERTIFICATE, dbname=self.dbname), second)

    def kick_servers(self, router):
        """Ends all servers, and returns once the router knows."""
        self.cluster.primary.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                   " WHERE application_name = 'andon-router'")
        wait_until(lambda: not router.show("SERVERS"), what="the router to see that its servers are gone")

    def trust(self, authority):
        with open(authority.cert) as file:
            self.cluster.rundir.write("trusted.crt", file.read())

    def works(self, router):
        try:
            return router.query("SELECT 1", dbname=self.dbname) == [(1,)]
        except psycopg2.Error:
            return False

    # The router's own cancel requests, over TLS on both of its sides.
    def test_timeout_cancels(self):
        router = self.run_router("require", query_timeout="300ms")
        with self.assertRaises(psycopg2.errors.QueryCanceled):
            router.query("SELECT pg_sleep(600)", dbname=self.dbname)
        self.assertEqual(router.query("SELECT 1", dbname=self.dbname), [(1,)])

    def test_large_data(self):
        router = self.run_router("require")
        with contextlib.closing(router.connect(self.dbname)) as connection:
            self.assertEqual(len(fetch(connection, "SELECT repeat('x', 20000000)")[0][0]), 20000000)
            self.assertEqual(fetch(connection, "SELECT length(%s)", ["y" * 5000000]), [(5000000,)])


class ServerWithoutTls(TlsTestCase):
    """A node that answers N."""

    cluster_options = {"name": "andon-plain"}

    def test_modes(self):
        for mode in ("allow", "prefer"):
            with self.subTest(mode=mode):
                router = self.start_router({"server_tls_sslmode": mode})
                self.addCleanup(router.stop)
                self.assertEqual(router.query("SELECT 1", dbname=self.dbname), [(1,)])
                self.assertEqual({server["tls"] for server in router.show("SERVERS")}, {""})

    def test_require(self):
        router = Router(self.cluster, {"server_tls_sslmode": "require"}, name="router-require")
        self.addCleanup(lambda: router.is_running() and router.stop())
        router.start(wait=False)
        wait_until(lambda: any("SSL was required" in event["reason"]
                               for event in self.events(router, "node_silent")), what="the reason in the log")
        self.assertNotEqual(router.http("/ready")[0], 200)


if __name__ == "__main__":
    unittest.main()
