"""Data of any size passes, in both directions, in memory that does not grow with it.

The router's resident memory is read from /proc while rows, parameters and COPY
streams of many megabytes go through it, fast and slow. ANDON_TEST_VALUE_MB=1020
takes the largest values that PostgreSQL can have (its server takes 5 GB then).
"""

import hashlib
import io
import os
import struct

from programs import sanitizer, wait_until
from pgwire import TIMEOUT_SECS, Bind, CopyData, CopyDone, Execute, Parse, Query, Sync
from routercase import RouterTestCase

MB = 1024 * 1024
VALUE_BYTES = int(os.environ.get("ANDON_TEST_VALUE_MB", "256")) * MB
SLACK = 24 * MB if not sanitizer() else 200 * MB     # sanitizers keep what is freed
FEW = 4 * MB if not sanitizer() else 200 * MB


class LargeData(RouterTestCase):
    cluster_options = {"replicas": 1, "settings": {"work_mem": "64MB"}}

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.sql("CREATE TABLE big (id serial PRIMARY KEY, v text)")
        cls.sql("ALTER TABLE big ALTER v SET STORAGE EXTERNAL")

    def setUp(self):
        self.assertAlive()
        self.before = self.router.resident_bytes()

    def assertMemoryBounded(self, allowed=SLACK):
        grown = self.router.resident_bytes() - self.before
        self.assertLess(grown, allowed, "the router has grown by %d MB" % (grown // MB))

    def test_one_row_of_a_size(self):
        """Guards: a row is not assembled: it passes in pieces, however long it is."""
        wire = self.wire()
        wire.socket.settimeout(4 * TIMEOUT_SECS)
        wire.send(Query("SELECT repeat('x', %d)" % (VALUE_BYTES - 6)))
        received, end = 0, b""
        while not end.endswith(b"Z\0\0\0\5I"):
            data = wire.socket.recv(MB)
            received, end = received + len(data), (end + data)[-6:]
        self.assertGreater(received, VALUE_BYTES)
        self.assertMemoryBounded(FEW)
        self.assertEqual(wire.query("SELECT 1"), ["T", "D 1", "C SELECT 1", "Z I"])

    def test_parameter_of_a_size(self):
        """Guards: a Bind is not assembled either."""
        wire = self.wire()
        wire.socket.settimeout(4 * TIMEOUT_SECS)
        size = VALUE_BYTES - 100
        wire.send(Parse("", "SELECT length($1)"),
                  b"B" + struct.pack("!i", 4 + 2 + 4 + 4 + size + 2) + b"\0\0" + struct.pack("!hhi", 0, 1, size))
        for at in range(0, size, MB):
            wire.send(b"y" * min(MB, size - at))
        wire.send(struct.pack("!h", 0), Execute(), Sync())
        self.assertEqual(wire.read_words(), ["1", "2", "D %d" % size, "C SELECT 1", "Z I"])
        self.assertMemoryBounded(FEW)

    def test_reader_that_never_comes_back(self):
        """Guards: who takes nothing for client_write_timeout is disconnected, and his server is free again."""
        router = self.start_router({"client_write_timeout": "300ms"})
        wire = self.wire(router, receive_buffer=8192)
        wire.send(Query("SELECT repeat('x', 1000000) FROM generate_series(1, 1000)"))
        wire.read_one()
        wait_until(lambda: router.events("client_failed"), what="the router to lose patience")
        self.assertIn("does not read", router.events("client_failed")[0]["reason"])
        wait_until(lambda: all(row["state"] == "idle" for row in router.show("SERVERS")), what="idle servers")

    def test_many_rows(self):
        """Guards: an answer of 100 MB in a million rows passes whole and in order."""
        sql = "SELECT i, repeat('x', 80) FROM generate_series(1, 1000000) i"
        wire = self.wire()
        wire.send(Query(sql))
        rows = 0
        while True:
            reply = wire.read_one()
            if reply.kind == "D":
                rows += 1
                if rows % 250000 == 0:
                    self.assertEqual(reply.columns[0], str(rows))
                    self.assertMemoryBounded()
            elif reply.kind == "Z":
                break
        self.assertEqual(rows, 1000000)

    def test_reader_that_stops(self):
        """Guards: while a client does not read, its server is not read either; it then gets all of it."""
        wire = self.wire(receive_buffer=8192)
        wire.send(Query("SELECT repeat('x', 1000000) FROM generate_series(1, 100)"))
        wire.read_one()
        # nobody reads: the server fills the router's and its own buffers, and waits
        wait_until(lambda: self.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'ClientWrite'"
                                    " AND query LIKE '%1000000%' AND pid <> pg_backend_pid()")[0][0] or
                   self.replica_waits_for_client(), what="the server to wait for its client")
        self.assertMemoryBounded()
        self.assertAlive()
        replies = wire.read()
        self.assertEqual(sum(len(reply.body) > 1000000 for reply in replies), 100)
        self.assertMemoryBounded(SLACK)

    def replica_waits_for_client(self):
        return self.cluster.replicas[0].value(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'ClientWrite'")

    def test_reader_that_leaves(self):
        """Guards: who leaves in the middle of a large answer frees its server, which no one else gets dirty."""
        for _ in range(5):
            wire = self.wire()
            wire.send(Query("SELECT repeat('x', 1000000) FROM generate_series(1, 1000)"))
            wire.read_one()
            wire.close()
        wait_until(lambda: all(row["state"] == "idle" for row in self.router.show("SERVERS")), what="idle servers")
        self.assertEqual(self.router.value("SELECT 'mine'", dbname=self.dbname), "mine")
        self.assertMemoryBounded()

    def test_query_text_of_a_megabyte(self):
        """Guards: a text too long to be parsed goes to the primary, whole, and changes nothing for later ones."""
        with self.client() as connection:
            cursor = connection.cursor()
            for size in (60000, 65530, 65536, 70000, MB, 10 * MB):
                cursor.execute("SELECT length('%s'), here()" % ("x" * size))
                length, node = cursor.fetchone()
                self.assertEqual(length, size)
                if size > 65536:
                    self.assertEqual(node, self.primary_name)
            cursor.execute("INSERT INTO big (v) VALUES ('%s') RETURNING length(v)" % ("y" * 5 * MB))
            self.assertEqual(cursor.fetchone(), (5 * MB,))
            self.assertMemoryBounded()

    def test_parameter_of_20_mb(self):
        """Guards: a Bind too long to be kept streams to the server; its statement is known there."""
        value = os.urandom(10 * MB).hex()
        digest = hashlib.md5(value.encode()).hexdigest()
        wire = self.wire()
        self.assertEqual(wire.ask(Parse("put", "INSERT INTO big (v) VALUES ($1) RETURNING md5(v)"), Sync()), ["1", "Z I"])
        self.assertEqual(wire.ask(Bind("", "put", value), Execute(), Sync()),
                         ["2", "D " + digest, "C INSERT 0 1", "Z I"])
        self.assertMemoryBounded()
        # the same in one unit with its Parse, and with other statements around
        self.assertEqual(wire.ask(Parse("", "SELECT 1"), Bind("", ""), Execute(),
                                  Parse("", "SELECT md5($1)"), Bind("", "", value), Execute(),
                                  Parse("", "SELECT 2"), Bind("", ""), Execute(), Sync()),
                         ["1", "2", "D 1", "C SELECT 1", "1", "2", "D " + digest, "C SELECT 1",
                          "1", "2", "D 2", "C SELECT 1", "Z I"])
        self.assertEqual(wire.ask(Bind("", "put", value), Execute(), Bind("", "put", None), Execute(), Sync()),
                         ["2", "D " + digest, "C INSERT 0 1", "2", "D NULL", "C INSERT 0 1", "Z I"])

    def test_long_unit_that_fails(self):
        """Guards: after an error in a unit too long to be kept, its rest is skipped up to Sync, no more and no less."""
        value = "x" * (2 * MB)
        wire = self.wire()
        self.assertEqual(wire.ask(Parse("", "SELECT 1/0"), Bind("", ""), Execute(),
                                  Parse("", "SELECT length($1)"), Bind("", "", value), Execute(), Sync(),
                                  )[-2:], ["E 22012", "Z I"])
        self.assertEqual(wire.ask(Parse("", "SELECT length($1)"), Bind("", "", value), Execute(),
                                  Parse("", "SELECT $1::int"), Bind("", "", value), Execute(), Sync()),
                         ["1", "2", "D 2097152", "C SELECT 1", "1", "E 22P02", "Z I"])
        self.assertEqual(wire.ask(Bind("", "nowhere", value), Execute(), Sync()), ["E 26000", "Z I"])
        self.assertEqual(wire.query("SELECT 5"), ["T", "D 5", "C SELECT 1", "Z I"])

    def test_many_small_messages(self):
        """Guards: a pipeline of thousands of statements before one Sync is answered in order."""
        wire = self.wire()
        batch = [Parse("one", "SELECT $1::int")]
        for i in range(20000):
            batch += [Bind("", "one", i), Execute()]
        wire.send(*batch, Sync())
        rows = [reply.columns[0] for reply in wire.read() if reply.kind == "D"]
        self.assertEqual(rows, [str(i) for i in range(20000)])
        self.assertMemoryBounded()

    def test_copy_of_50_mb(self):
        """Guards: COPY streams in both directions without being gathered."""
        line = "x" * 99 + "\n"
        with self.client() as connection:
            cursor = connection.cursor()
            cursor.execute("CREATE TABLE copied (v text)")
            cursor.copy_expert("COPY copied FROM STDIN", io.StringIO(line * 500000), size=MB)
            self.assertMemoryBounded()

            class Counter:
                size = 0

                def write(self, data):
                    self.size += len(data)

            counter = Counter()
            cursor.copy_expert("COPY copied TO STDOUT", counter)
            self.assertEqual(counter.size, 500000 * 100)
            self.assertMemoryBounded()

    def test_copy_data_in_one_message(self):
        """Guards: a CopyData message of many megabytes passes in pieces too."""
        wire = self.wire()
        wire.query("CREATE TABLE copied_at_once (v text)")
        wire.send(Query("COPY copied_at_once FROM STDIN"))
        self.assertEqual(wire.read_words("G"), ["G"])
        wire.send(CopyData(b"".join(b"%099d\n" % i for i in range(200000))), CopyDone())
        self.assertEqual(wire.read_words(), ["C COPY 200000", "Z I"])
        self.assertMemoryBounded()

    def test_error_and_notice_of_a_size(self):
        """Guards: a long error passes whole, of a replica too: the router reads errors, and must not cut them."""
        wire = self.wire()
        wire.query("CREATE FUNCTION complain(n int) RETURNS void LANGUAGE plpgsql AS"
                   " $$ BEGIN RAISE NOTICE '%', repeat('n', n); RAISE EXCEPTION '%', repeat('e', n); END $$")
        for route, size in (("", 500000), ("", 3 * MB), ("/* andon:replica */ ", 3 * MB)):
            with self.subTest(size=size, route=route):
                wire.send(Query(route + "SELECT complain(%d)" % size))
                replies = wire.read()
                self.assertEqual([reply.kind for reply in replies], ["T", "N", "E", "Z"])
                self.assertEqual([reply.fields["M"] for reply in replies[1:3]], ["n" * size, "e" * size])
                self.assertEqual(wire.query("SELECT 1"), ["T", "D 1", "C SELECT 1", "Z I"])
