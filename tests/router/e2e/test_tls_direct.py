"""TLS to the nodes without SSLRequest: server_tls_negotiation = direct.

PostgreSQL knows it from version 17 on, and is asked itself where the tests have one. An older one has a door in
front of it that does: who begins with TLS must name the protocol by ALPN; who asks first, as a monitor with an older
libpq does, may.
"""

import contextlib
import socket
import ssl
import struct
import threading

import psycopg2

from certificates import Authority, own_copy
from pgcluster import fetch
from programs import wait_until
from pgwire import SSL_REQUEST, StartupMessage
from routercase import RouterTestCase

SSL_QUESTION = struct.pack("!ii", 8, SSL_REQUEST)


class TlsDoor:
    """Takes TLS connections on a port of its own and passes them on, decrypted."""

    def __init__(self, pair, port):
        self.port_behind = port
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(pair.cert, pair.key)
        self.context.set_alpn_protocols(["postgresql"])
        self.names = []         # by which direct ones came
        self.context.sni_callback = lambda connection, name, context: self.names.append(name)
        self.direct, self.asked = 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                plain, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(plain,), daemon=True).start()

    def serve(self, plain):
        with contextlib.suppress(OSError):
            if plain.recv(1, socket.MSG_PEEK) == b"\x16":
                self.direct += 1
            else:
                assert plain.recv(8, socket.MSG_WAITALL) == SSL_QUESTION
                self.asked += 1
                plain.sendall(b"S")
            outside = self.context.wrap_socket(plain, server_side=True)
            inside = socket.create_connection(("127.0.0.1", self.port_behind))
            threading.Thread(target=self.pump, args=(inside, outside), daemon=True).start()
            self.pump(outside, inside)

    @staticmethod
    def pump(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
        source.close()

    def close(self):
        self.listener.close()


class DirectTls(RouterTestCase):
    cluster_options = {"replicas": 0}
    router_options = {"consistency": "primary"}

    def run_router(self, port, **options):
        router = self.start_router(dict({"server_tls_sslmode": "verify-full", "server_tls_ca_file": self.authority.cert,
                                         "server_tls_negotiation": "direct"}, **options),
                                   {"nodes": {"north": "host=localhost port=%d" % port}})
        self.addCleanup(router.stop)
        return router

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.authority = Authority(cls.cluster.rundir, "direct")
        cls.pair = own_copy(cls.cluster.rundir, cls.authority.issue("north", ["DNS:localhost"]), "door")

    def test_pools_and_cancel(self):
        """Guards: servers and cancel requests begin with TLS, the node's name in it, and go by its certificate."""
        door = TlsDoor(self.pair, self.cluster.primary.port)
        self.addCleanup(door.close)
        router = self.run_router(door.port)
        with contextlib.closing(router.connect(self.dbname)) as connection:
            self.assertEqual(fetch(connection, "SELECT 1"), [(1,)])
            self.assertTrue(all(row["tls"].startswith("TLSv1.3/") for row in router.show("SERVERS")))
            before = door.direct
            self.assertGreater(before, 0)
            raised = []

            def run():
                try:
                    fetch(connection, "SELECT pg_sleep(600)")
                except psycopg2.Error as error:
                    raised.append(error.pgcode)

            thread = threading.Thread(target=run)
            thread.start()
            wait_until(lambda: self.cluster.primary.value(
                "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)' AND state = 'active'") == 1,
                what="the query to run")
            connection.cancel()
            thread.join(60)
            self.assertEqual(raised, ["57014"])
            self.assertGreater(door.direct, before)
        self.assertEqual(set(door.names), {"localhost"})

    def node_with_tls(self):
        """The node itself, without a door, and whether it is of PostgreSQL 17 or later."""
        node = self.cluster.primary
        node.configure(ssl="on", ssl_cert_file=self.pair.cert, ssl_key_file=self.pair.key)
        node.reload()
        return node, int(node.value("SHOW server_version_num")) >= 170000

    def test_nodes_that_do_not_know_it(self):
        """Guards: where the node takes the handshake for a startup packet the log tells what may be wrong."""
        node, knows = self.node_with_tls()
        if knows:
            self.skipTest("this PostgreSQL does know it")
        router = self.run_router(node.port)
        with self.wire(router, startup=False) as wire:
            wire.send(StartupMessage(user="postgres", database=self.dbname))
            wait_until(lambda: "is it older than PostgreSQL 17" in router.log(), what="the reason in the log")

    def test_nodes_that_know_it(self):
        """Guards: PostgreSQL takes our first bytes, as it takes libpq's, and cancel requests that begin so."""
        node, knows = self.node_with_tls()
        if not knows:
            self.skipTest("PostgreSQL 17 does, this one does not")
        router = self.run_router(node.port)
        self.assertEqual(router.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", dbname=self.dbname), [(True,)])
        limited = self.run_router(node.port, query_timeout="300ms")
        self.assertSqlstate("57014", limited.query, "SELECT pg_sleep(600)", None, self.dbname)
        self.assertEqual(limited.query("SELECT 1", dbname=self.dbname), [(1,)])
