"""Bytes no driver would send: the sender is told what is wrong, nobody else notices.

Each test sends something broken on a socket of its own, reads the error with
its SQLSTATE, sees the connection closed, and looks whether the router still
serves and has kept nothing of it.
"""

import socket
import struct

from programs import wait_until
from pgwire import (Bind, Execute, GSSENC_REQUEST, PROTOCOL_3_0, PROTOCOL_3_2, Parse, Query, SSL_REQUEST, StartupMessage, Sync,
                    Wire, message)
from routercase import RouterTestCase

MB = 1024 * 1024


class BadInput(RouterTestCase):
    cluster_options = {"replicas": 1}

    def raw(self):
        return self.wire(startup=False)

    def assertRefused(self, replies, sqlstate, text=""):
        """The last thing said was FATAL with this SQLSTATE, before the end."""
        self.assertTrue(replies and replies[-1].kind == "E", replies)
        fields = replies[-1].fields
        self.assertEqual((fields["S"], fields["C"]), ("FATAL", sqlstate), fields)
        self.assertIn(text, fields["M"])

    def test_startup_lengths(self):
        """Guards: a first packet too short or too long is refused at once, not waited for or stored."""
        for length in (0, 3, 7, 10005, 1 << 30, -1, -(1 << 31)):
            with self.subTest(length=length):
                wire = self.raw()
                wire.send(struct.pack("!ii", length, 196608) + b"x" * 100)
                self.assertRefused(wire.read_end(), "08P01")
        self.assertAlive()

    def test_startup_contents(self):
        """Guards: startup packets that lie about their contents get a clear error."""
        cases = {
            "no terminator": struct.pack("!ii", 13, 196608) + b"user\0",
            "no value": struct.pack("!ii", 14, 196608) + b"user\0\0",
            "not text at all": struct.pack("!ii", 108, 196608) + b"\xff" * 100,
            "a web browser": b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
        }
        for name, data in cases.items():
            with self.subTest(name):
                wire = self.raw()
                wire.send(data)
                self.assertRefused(wire.read_end(), "08P01")
        self.assertAlive()

    def test_startup_parameters(self):
        """Guards: a missing user, old protocols and unknown parameters are refused by name."""
        cases = [
            (StartupMessage(database="x"), "28000", "user"),
            (StartupMessage(131072, user="u", database="x"), "0A000", "2.0"),
            (StartupMessage(4 << 16, user="u", database="x"), "0A000", "4.0"),
            (StartupMessage(user="u", database="x", replication="maybe"), "22023", "replication"),
            (StartupMessage(user="postgres", database=self.dbname, no_such_setting="1"), "42704", "no_such_setting"),
            (StartupMessage(user="postgres", database=self.dbname, options="-c no_such_setting=1"), "42704",
             "no_such_setting"),
            (StartupMessage(user="u", database="x", role="postgres"), "0A000", "role"),
            (StartupMessage(user="u", database="x", options="-Z"), "0A000", "-Z"),
        ]
        for startup, sqlstate, text in cases:
            with self.subTest(startup):
                wire = self.raw()
                wire.send(startup)
                self.assertRefused(wire.read_end(), sqlstate, text)

    def test_encryption_requests(self):
        """Guards: SSLRequest and GSSENCRequest are answered N, in any order, and the session goes on in clear."""
        wire = self.raw()
        for request in (GSSENC_REQUEST, SSL_REQUEST):
            wire.send(struct.pack("!ii", 8, request))
            self.assertEqual(wire.read_bytes(1), b"N")
        wire.send(StartupMessage(user="postgres", database=self.dbname))
        self.assertEqual(wire.read_words()[-1], "Z I")
        self.assertEqual(wire.query("SELECT 7"), ["T", "D 7", "C SELECT 1", "Z I"])

    def test_newer_minor_version(self):
        """Guards: clients of later protocols and with protocol options are told 3.2, or what they have, and served."""
        for version, options, told, key_len in (
                (PROTOCOL_3_0, [], None, 4), (PROTOCOL_3_2, [], None, 32),
                (PROTOCOL_3_0, ["_pq_.wish"], PROTOCOL_3_0, 4),
                (PROTOCOL_3_2, ["_pq_.wish", "_pq_.more"], PROTOCOL_3_2, 32),
                (PROTOCOL_3_0 + 9999, ["_pq_.test_protocol_negotiation"], PROTOCOL_3_2, 32)):
            with self.subTest((version, options)):
                wire = self.raw()
                wire.send(StartupMessage(version, **{"user": "postgres", "database": self.dbname,
                                                     **{option: "" for option in options}}))
                replies = wire.read()
                if told:
                    self.assertEqual(replies[0].kind, "v")
                    self.assertEqual(replies[0].body, struct.pack("!ii", told, len(options)) +
                                     b"".join(option.encode() + b"\0" for option in options))
                else:
                    self.assertEqual(replies[0].kind, "R")
                self.assertEqual(len(wire.key), 4 + key_len)
                self.assertEqual(wire.query("SELECT 7"), ["T", "D 7", "C SELECT 1", "Z I"])

    def test_startup_in_pieces(self):
        """Guards: a startup packet that comes byte by byte is a startup packet."""
        wire = self.raw()
        for byte in StartupMessage(user="postgres", database=self.dbname):
            wire.send(bytes([byte]))
        self.assertEqual(wire.read_words()[-1], "Z I")

    def test_message_lengths(self):
        """Guards: a message length that cannot be is refused at once; an absurd one is not waited for."""
        for length in (0, 3, -1, -(1 << 31), (1 << 31) - 1):
            with self.subTest(length=length):
                wire = self.wire()
                wire.send(b"Q" + struct.pack("!i", length) + b"SELECT 1\0")
                self.assertRefused(wire.read_end(), "08P01")
        self.assertAlive()

    def test_message_types(self):
        """Guards: types the protocol does not have, or not now, end the session with 08P01."""
        for kind in ("\0", "a", "z", "p", "R", "\xff"):
            with self.subTest(kind):
                wire = self.wire()
                wire.send(kind.encode("latin-1") + struct.pack("!i", 4))
                self.assertRefused(wire.read_end(), "08P01")
        self.assertAlive()

    def test_message_contents(self):
        """Guards: messages whose inside does not fit their length are refused as PostgreSQL refuses them, in order."""
        cases = [
            message("P", b"name without an end"),
            message("P", b"s\0SELECT 1\0" + struct.pack("!h", 100)),
            message("P", b"s\0SELECT 1\0" + struct.pack("!h", -1)),
            message("B", b"p\0s"),
            message("D", b""),
            message("D", b"Xname\0"),
            message("C", b"S"),
            message("E", b"p"),
            message("Q", b"no end"),
            message("B", b"\0\0" + struct.pack("!hhi", 0, 1, 1 << 30)),
        ]
        for data in cases:
            with self.subTest(data):
                wire = self.wire()
                wire.send(Parse("", "SELECT $1::int"), data, Sync())
                replies = [reply for reply in wire.read("ZE") if reply.kind == "E"]
                self.assertEqual(replies[0].fields["C"], "08P01", replies)
        self.assertAlive()

    def test_nothing_of_it_reaches_others(self):
        """Guards: a server that was sent half a session's garbage is not given to the next client."""
        for data in (message("B", b"\0\0" + struct.pack("!hhi", 0, 1, 1 << 30)), message("E", b"p")):
            wire = self.wire()
            wire.send(Parse("", "INSERT INTO t VALUES (1000)"), Bind("", ""), Execute(), data)
            wire.close()
        for _ in range(10):
            self.assertEqual(self.router.value("SELECT count(*) FROM t WHERE id = 1000", dbname=self.dbname), 0)

    def test_hanging_up(self):
        """Guards: clients that leave at any byte of a session leave nothing behind."""
        script = (StartupMessage(user="postgres", database=self.dbname) + Query("BEGIN") + Query("SELECT 1") +
                  Parse("s", "SELECT $1::int") + Bind("", "s", 1) + Execute() + Sync())
        for length in range(0, len(script), 5):
            with socket.create_connection((self.router.host, self.router.port)) as connection:
                connection.sendall(script[:length])
        wait_until(lambda: len(self.router.show("CLIENTS")) == 1, what="the others to be gone")
        wait_until(lambda: all(row["state"] == "idle" for row in self.router.show("SERVERS")), what="idle servers")
        self.assertAlive()

    def test_memory_of_unfinished_messages(self):
        """Guards: clients that announce much and send little do not cost what they announced."""
        self.assertAlive()
        before = self.router.resident_bytes()
        wires = [self.wire() for _ in range(50)]
        for wire in wires:
            wire.send(b"Q" + struct.pack("!i", 900 * MB) + b"SELECT '" + b"x" * 30000)
        for wire in wires[:10]:
            wire.send(b"x" * 30000)
        self.assertAlive()
        self.assertLess(self.router.resident_bytes() - before, 60 * MB)
        for wire in wires:
            wire.close()
        wait_until(lambda: len(self.router.show("CLIENTS")) == 1, what="the others to be gone")

    def test_client_that_only_asks(self):
        """Guards: a client that sends queries and reads no answer stops being read, before memory fills."""
        self.assertAlive()
        before = self.router.resident_bytes()
        wire = self.wire(receive_buffer=4096)
        wire.socket.setblocking(False)
        query, sent = Query("SELECT repeat('x', 100000)") * 100, 0
        chances = 0
        while chances < 50 and sent < 100 * MB:
            try:
                sent += wire.socket.send(query)
                chances = 0
            except BlockingIOError:
                chances += 1
                self.assertAlive()      # others are served meanwhile
        self.assertEqual(chances, 50, "it was read without end")
        self.assertLess(self.router.resident_bytes() - before, 30 * MB)


class ManyBadClients(RouterTestCase):
    cluster_options = {"replicas": 1}
    router_options = {"client_login_timeout": "1s"}

    def test_silent_clients(self):
        """Guards: who connects and says nothing, or half of it, is told so and dropped after client_login_timeout."""
        for data in (b"", b"\0\0", struct.pack("!ii", 60, 196608) + b"user\0po"):
            with self.subTest(data):
                wire = Wire(self.router.port, startup=False)
                self.addCleanup(wire.close)
                wire.send(data)
                replies = wire.read_end()
                self.assertEqual([reply.fields["C"] for reply in replies], ["08P01"])
        self.assertAlive()
