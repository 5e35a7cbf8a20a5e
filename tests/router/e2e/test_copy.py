"""COPY through the router, and everything that can go wrong in the middle of it.

After each failure the session must stand where PostgreSQL would leave it, its
server must be clean for the next client, and the rows must be all or none.
"""

import io

from programs import wait_until
from pgwire import Bind, CopyData, CopyDone, CopyFail, Execute, Flush, Parse, Query, Sync, message
from routercase import RouterTestCase


class Copy(RouterTestCase):
    cluster_options = {"replicas": 1}
    router_options = {"replica_wait": "20s"}

    def setUp(self):
        self.sql("DROP TABLE IF EXISTS c")
        self.sql("CREATE TABLE c (a int, b text)")

    def rows(self):
        return self.sql("SELECT count(*) FROM c")[0][0]

    def start_copy(self, wire, sql="COPY c FROM STDIN"):
        wire.send(Query(sql))
        self.assertEqual(wire.read_words("GZ"), ["G"])

    def test_to_stdout_reads_on_a_replica(self):
        """Guards: COPY TO of a query is a read like any other; COPY FROM is a write."""
        wire = self.wire()
        with self.counting() as done:
            self.assertEqual(wire.query("COPY (SELECT 1) TO STDOUT"), ["H", "d '1\\n'", "c", "C COPY 1", "Z I"])
        self.assertEqual(done, {(self.cluster.replicas[0].name, "reads"): 1})
        with self.counting() as done:
            self.start_copy(wire)
            wire.send(CopyData(b"1\tx\n"), CopyDone())
            self.assertEqual(wire.read_words(), ["C COPY 1", "Z I"])
        self.assertEqual(done, {(self.primary_name, "writes"): 1})

    def test_read_your_copied_rows(self):
        """Guards: a COPY is a commit: its own session reads the rows, wherever the read goes."""
        with self.client() as connection:
            cursor = connection.cursor()
            for i in range(1, 20):
                cursor.copy_expert("COPY c FROM STDIN", io.StringIO("%d\tx\n" % i))
                cursor.execute("SELECT count(*) FROM c")
                self.assertEqual(cursor.fetchone(), (i,))

    def test_client_gives_up(self):
        """Guards: CopyFail undoes the rows, and the session goes on."""
        wire = self.wire()
        self.start_copy(wire)
        wire.send(CopyData(b"1\tx\n"), CopyFail("no more"))
        self.assertEqual(wire.read_words(), ["E 57014", "Z I"])
        self.assertEqual(wire.query("SELECT count(*) FROM c"), ["T", "D 0", "C SELECT 1", "Z I"])

    def test_server_gives_up(self):
        """Guards: an error while the client still sends ends the COPY; what it sends after is ignored."""
        wire = self.wire()
        self.start_copy(wire)
        wire.send(CopyData(b"nonsense\tx\n"))
        replies = []
        while not replies or replies[-1] != "Z I":      # the server checks a buffer at a time
            wire.send(CopyData(b"1\tx\n" * 1000))
            wire.socket.settimeout(0.05)
            try:
                replies += wire.read_words()
            except TimeoutError:
                pass
        wire.socket.settimeout(30)
        self.assertEqual(replies, ["E 22P02", "Z I"])
        wire.send(CopyData(b"2\ty\n"), CopyDone())
        self.assertEqual(wire.query("SELECT count(*) FROM c"), ["T", "D 0", "C SELECT 1", "Z I"])

    def test_in_a_transaction(self):
        """Guards: COPY inside a transaction commits and fails with it."""
        wire = self.wire()
        wire.query("BEGIN")
        self.start_copy(wire)
        wire.send(CopyData(b"1\tx\n"), CopyDone())
        self.assertEqual(wire.read_words(), ["C COPY 1", "Z T"])
        self.start_copy(wire)
        wire.send(CopyData(b"nonsense\n"), CopyDone())
        self.assertEqual(wire.read_words(), ["E 22P02", "Z E"])
        self.assertEqual(wire.query("SELECT 1"), ["E 25P02", "Z E"])
        self.assertEqual(wire.query("COMMIT"), ["C ROLLBACK", "Z I"])
        self.assertEqual(self.rows(), 0)
        wire.query("BEGIN")
        self.start_copy(wire)
        wire.send(CopyData(b"1\tx\n"), CopyDone())
        wire.read()
        self.assertEqual(wire.query("COMMIT"), ["C COMMIT", "Z I"])
        self.assertEqual(self.rows(), 1)

    def test_as_first_statement_of_a_transaction(self):
        """Guards: the deferred BEGIN goes with it, and a rollback undoes it."""
        wire = self.wire()
        for end, rows in (("ROLLBACK", 0), ("COMMIT", 1)):
            self.assertEqual(wire.query("BEGIN"), ["C BEGIN", "Z T"])
            self.start_copy(wire)
            wire.send(CopyData(b"1\tx\n"), CopyDone())
            self.assertEqual(wire.read_words(), ["C COPY 1", "Z T"])
            self.assertEqual(wire.query(end), ["C " + end, "Z I"])
            self.assertEqual(self.rows(), rows)

    def test_read_only_transaction(self):
        """Guards: COPY FROM in a read-only transaction on a replica is refused before any data."""
        wire = self.wire()
        wire.query("BEGIN READ ONLY")
        self.assertEqual(wire.query("COPY (SELECT here()) TO STDOUT")[1], "d %r" % (self.cluster.replicas[0].name + "\n"))
        self.assertEqual(wire.query("COPY c FROM STDIN"), ["E 25006", "Z E"])
        self.assertEqual(wire.query("ROLLBACK"), ["C ROLLBACK", "Z I"])

    def test_extended_protocol(self):
        """Guards: the Sync sent along with COPY is not the one that ends it, with and without Flush."""
        wire = self.wire()
        wire.send(Parse("", "COPY c FROM STDIN"), Bind("", ""), Execute(), Sync())
        self.assertEqual(wire.read_words("G"), ["1", "2", "G"])
        wire.send(CopyData(b"1\tx\n"), CopyDone(), Sync())
        self.assertEqual(wire.read_words(), ["C COPY 1", "Z I"])
        wire.send(Parse("", "COPY c FROM STDIN"), Bind("", ""), Execute(), Flush())
        self.assertEqual(wire.read_words("G"), ["1", "2", "G"])
        wire.send(CopyData(b"1\tx\n"), CopyFail("no"), Sync())
        self.assertEqual(wire.read_words(), ["E 57014", "Z I"])
        wire.send(Parse("", "COPY c TO STDOUT"), Bind("", ""), Execute(), Sync())
        self.assertEqual(wire.read_words(), ["1", "2", "H", "d '1\\tx\\n'", "c", "C COPY 1", "Z I"])
        self.assertEqual(wire.query("SELECT 1"), ["T", "D 1", "C SELECT 1", "Z I"])

    def test_data_with_its_statement(self):
        """Guards: nobody has to send Sync to be asked for data, nor to wait until asked; as straight to the server."""
        copy = [Parse("", "COPY c FROM STDIN"), Bind("", ""), Execute()]
        bad = [Parse("", "COPY nowhere FROM STDIN"), Bind("", ""), Execute()]
        row, done = CopyData(b"1\tx\n"), [CopyDone(), Sync()]
        scripts = [(copy, "G", [row] + done),
                   ([*copy, row, row] + done + [Query("SELECT 1"), Query("SELECT 2")], "ZZZ", []),
                   ([*copy, row, CopyFail("enough"), *copy, row] + done + [Query("SELECT 1")], "ZZ", []),
                   ([*copy, row, CopyDone(), *copy, row] + done + [Query("SELECT 1")], "ZZ", []),
                   ([*copy, Sync(), row] + done + [Query("SELECT 1")], "ZZ", []),
                   ([*bad, row] + done + [Query("SELECT 1")], "ZZ", []),
                   ([*bad, Sync(), row] + done + [Query("SELECT 1")], "ZZZ", []),
                   ([*copy, CopyData(b"nonsense\n"), row] + done + [Query("SELECT 1")], "ZZ", [])]
        for messages, ends, rest in scripts:
            with self.subTest(messages):
                transcripts = []
                for wire in (self.direct_wire(), self.wire()):
                    wire.send(*messages)
                    replies = [reply for end in ends for reply in wire.read_words(end)]
                    transcripts.append(replies + (wire.ask(*rest) if rest else []))
                self.assertEqual(transcripts[1], transcripts[0])

    def test_client_leaves(self):
        """Guards: a client gone in the middle takes its rows with it; the server is not reused half way."""
        for data in (b"", CopyData(b"1\tx\n"), CopyData(b"1\tx\n")[:7], message("d", b"x" * 100000)[:50000]):
            wire = self.wire()
            self.start_copy(wire)
            wire.send(data)
            wire.close()
        wait_until(lambda: all(row["state"] == "idle" for row in self.router.show("SERVERS")), what="idle servers")
        self.assertEqual(self.rows(), 0)
        self.assertEqual(self.router.value("SELECT 1", dbname=self.dbname), 1)

    def test_wrong_message_during_copy(self):
        """Guards: a Query in the middle of COPY ends the session with 08P01, as PostgreSQL ends it."""
        wire = self.wire()
        self.start_copy(wire)
        wire.send(Query("SELECT 1"))
        errors = [reply for reply in wire.read_end() if reply.kind == "E"]
        self.assertEqual(errors[-1].fields["C"], "08P01")
        self.assertEqual(self.rows(), 0)

    def test_several_in_one_string(self):
        """Guards: two COPYs in one Query take their data one after the other, then the rest runs."""
        wire = self.wire()
        wire.send(Query("COPY c FROM STDIN; COPY c FROM STDIN; SELECT count(*) FROM c"))
        self.assertEqual(wire.read_words("G"), ["G"])
        wire.send(CopyData(b"1\tx\n"), CopyDone())
        self.assertEqual(wire.read_words("G"), ["C COPY 1", "G"])
        wire.send(CopyData(b"2\ty\n"), CopyDone())
        self.assertEqual(wire.read_words(), ["C COPY 1", "T", "D 2", "C SELECT 1", "Z I"])
