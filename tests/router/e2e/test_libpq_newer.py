"""What libpq learnt after PostgreSQL 15, by psql and by psycopg2, which stand on it.

From 17 on it can begin with TLS (sslnegotiation=direct) and encrypts cancel requests, from 18 on it speaks protocol
3.2, whose cancel keys are long. The tests run with the libpq of the system: Debian 12's is of 15, and has none of
it; `make matrix` runs them with those of 17 and 18.
"""

import contextlib
import ctypes
import signal
import threading
import unittest

import psycopg2
import psycopg2.extensions

from certificates import Authority
from pgcluster import fetch
from programs import wait_until
from routercase import RouterTestCase

LIBPQ_MAJOR = psycopg2.extensions.libpq_version() // 10000
SLEEP = "SELECT pg_sleep(600)"


def needs_libpq(major):
    return unittest.skipIf(LIBPQ_MAJOR < major, "libpq is of %d: %d can" % (LIBPQ_MAJOR, major))


@needs_libpq(17)
class LibpqNewer(RouterTestCase):
    cluster_options = {"replicas": 1}

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.authority = Authority(cls.cluster.rundir, "newer")
        pair = cls.authority.issue("router", ["IP:127.0.0.1"])
        cls.router_options = {"client_tls_sslmode": "allow", "client_tls_cert_file": pair.cert,
                              "client_tls_key_file": pair.key}
        cls.libpq = ctypes.CDLL("libpq.so.5")       # the one that psycopg2 has loaded
        cls.libpq.PQcancelCreate.restype = ctypes.c_void_p

    def direct_tls(self):
        return {"sslmode": "verify-full", "sslnegotiation": "direct", "sslrootcert": self.authority.cert}

    def ways(self):
        """Every way to begin that this libpq has: options of a connection string."""
        ways = [{"sslmode": "disable"}, {"sslmode": "require"}, self.direct_tls()]
        if LIBPQ_MAJOR >= 18:
            ways += [dict(way, max_protocol_version=version) for way in ways for version in ("3.2", "latest")]
        return ways

    def wait_sleepers(self, count):
        wait_until(lambda: sum(node.value("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = %s",
                                          [SLEEP]) for node in self.cluster.nodes) == count, what="%d to sleep" % count)

    def psql(self, way, *commands):
        conninfo = " ".join("%s=%s" % item for item in dict(way, host=self.router.host, port=self.router.port,
                                                            user="postgres", dbname=self.dbname).items())
        return [self.cluster.rundir.program("psql"), "-X", "-At", conninfo,
                *(part for command in commands for part in ("-c", command))]

    def test_psql_begins_in_every_way(self):
        """Guards: psql is let in with TLS from the first byte, and by each protocol, and is served."""
        for way in self.ways():
            with self.subTest(way):
                said = self.cluster.rundir.run(self.psql(way, "SELECT 'served'", "SELECT 1/0", "SELECT 7"))
                self.assertEqual(said.splitlines(), ["served", "ERROR:  division by zero", "7"])

    def test_psql_is_interrupted(self):
        """Guards: Ctrl-C in psql ends the query, whatever the length of the key, and nothing else."""
        for number, way in enumerate(self.ways()):
            with self.subTest(way):
                log = self.cluster.rundir.file("log", "psql-%d.log" % number)
                psql = self.cluster.rundir.popen(self.psql(way, SLEEP, "SELECT 'goes on'"), log)
                self.wait_sleepers(1)
                psql.send_signal(signal.SIGINT)
                psql.wait(60)
                self.wait_sleepers(0)
                with open(log) as file:
                    said = file.read()
                self.assertIn("Cancel request sent", said)
                self.assertIn("ERROR:  canceling statement due to user request", said)

    def connect(self, way):
        connection = self.router.connect(self.dbname, **way)
        self.addCleanup(connection.close)
        return connection

    def test_direct_tls_is_what_it_says(self):
        """Guards: the protocol is agreed on by ALPN, which libpq insists on; the router shows the session as encrypted."""
        connection = self.connect(dict(self.direct_tls(), application_name="direct"))
        self.assertEqual(connection.info.ssl_attribute("alpn"), "postgresql")
        self.assertTrue(self.show_client(application_name="direct")["tls"].startswith("TLSv1.3/"))

    def cancel_encrypted(self, connection):
        """PQcancelBlocking, which psycopg2 does not call: 1 if the request came to its end without an error."""
        request = ctypes.c_void_p(self.libpq.PQcancelCreate(ctypes.c_void_p(connection.pgconn_ptr)))
        try:
            return self.libpq.PQcancelBlocking(request)
        finally:
            self.libpq.PQcancelFinish(request)

    def test_cancel_requests(self):
        """Guards: a cancel request in clear text and one that begins as its session did end the query; the session goes on."""
        for way in self.ways():
            for cancel in (lambda connection: connection.cancel(), self.cancel_encrypted):
                with self.subTest(way), contextlib.closing(self.router.connect(self.dbname, **way)) as connection:
                    raised = []
                    thread = threading.Thread(target=lambda: raised.append(self.assertSqlstate(
                        "57014", fetch, connection, SLEEP)))
                    thread.start()
                    self.wait_sleepers(1)
                    self.assertIn(cancel(connection), (None, 1))
                    thread.join(60)
                    self.assertEqual(len(raised), 1)
                    self.assertEqual(fetch(connection, "SELECT 7"), [(7,)])

    @needs_libpq(18)
    def test_protocol_versions(self):
        """Guards: the router and libpq agree on the newest both have; one that is insisted on is had, in front of any server."""
        for way, version in (({}, 30000), ({"max_protocol_version": "3.0"}, 30000), ({"max_protocol_version": "3.2"}, 30002),
                             ({"max_protocol_version": "latest"}, 30002),
                             ({"min_protocol_version": "3.2", "max_protocol_version": "latest"}, 30002)):
            with self.subTest(way):
                connection = self.connect(way)
                self.assertEqual(self.libpq.PQfullProtocolVersion(ctypes.c_void_p(connection.pgconn_ptr)), version)
                self.assertEqual(fetch(connection, "SELECT 7"), [(7,)])
