"""Prepared statements when a session has no server of its own.

A client's statement lives in the router under the client's name, and on any
server under another. It must be there wherever the next Bind goes, be
forgotten when the client forgets it, and never be somebody else's.
"""

from programs import wait_until
from pgwire import Bind, Close, Describe, Execute, Flush, Parse, Query, Sync
from routercase import RouterTestCase


class PreparedStatements(RouterTestCase):
    router_options = {"max_prepared_statements": 5, "default_pool_size": 3, "replica_wait": "20s"}

    def value(self, words):
        return [word for word in words if word.startswith("D ")][0][2:]

    def test_on_every_server(self):
        """Guards: a statement prepared on one server is there on the next, reads on replicas, writes on the primary."""
        wire = self.wire()
        self.assertEqual(wire.ask(Parse("where", "SELECT here()"), Parse("put", "INSERT INTO t VALUES ($1) RETURNING here()"),
                                  Sync()), ["1", "1", "Z I"])
        self.assertIn(self.value(wire.ask(Bind("", "where"), Execute(), Sync())), self.replica_names())
        self.assertEqual(self.value(wire.ask(Bind("", "put", 1001), Execute(), Sync())), self.primary_name)
        wire.query("BEGIN")
        self.assertEqual(self.value(wire.ask(Bind("", "where"), Execute(), Sync())), self.primary_name)
        wire.query("COMMIT")
        self.assertEqual(wire.ask(Bind("", "where"), Execute(), Bind("", "put", 1002), Execute(), Sync())[1],
                         "D " + self.primary_name)

    def test_many_clients_one_name(self):
        """Guards: two clients use one name for different statements, and one text under different names."""
        wires = [self.wire() for _ in range(6)]
        for i, wire in enumerate(wires):
            self.assertEqual(wire.ask(Parse("s", "SELECT %d" % i), Sync()), ["1", "Z I"])
        for _ in range(3):
            for i, wire in enumerate(wires):
                self.assertEqual(self.value(wire.ask(Bind("", "s"), Execute(), Sync())), str(i))
        self.assertEqual(wires[0].ask(Parse("same", "SELECT 1"), Sync()), ["1", "Z I"])
        self.assertEqual(self.value(wires[0].ask(Bind("", "same"), Execute(), Sync())), "1")

    def test_more_than_a_server_keeps(self):
        """Guards: over max_prepared_statements the least used one leaves the server, not the client."""
        wire = self.wire()
        for i in range(20):
            self.assertEqual(wire.ask(Parse("s%d" % i, "SELECT %d" % i), Sync()), ["1", "Z I"])
        for i in list(range(20)) + [0, 19, 1, 18]:
            self.assertEqual(self.value(wire.ask(Bind("", "s%d" % i), Execute(), Sync())), str(i))
        batch = [message for i in range(20) for message in (Bind("", "s%d" % i), Execute())]
        self.assertEqual([word for word in wire.ask(*batch, Sync()) if word.startswith("D")],
                         ["D %d" % i for i in range(20)])
        for row in self.router.show("SERVERS"):
            self.assertLessEqual(int(row["prepared_statements"]), 5)

    def test_unknown_name(self):
        """Guards: 26000 in words as PostgreSQL's, and what was before it in the unit is undone."""
        wire = self.wire()
        self.assertEqual(wire.ask(Bind("", "nowhere"), Execute(), Sync()), ["E 26000", "Z I"])
        self.assertEqual(wire.ask(Describe("S", "nowhere"), Sync()), ["E 26000", "Z I"])
        self.assertEqual(wire.ask(Parse("", "INSERT INTO t VALUES (1010)"), Bind("", ""), Execute(),
                                  Bind("", "nowhere"), Execute(), Sync()),
                         ["1", "2", "C INSERT 0 1", "E 26000", "Z I"])
        self.assertEqual(self.sql("SELECT count(*) FROM t WHERE id = 1010"), [(0,)])

    def test_duplicate_name(self):
        """Guards: 42P05 as in PostgreSQL, which undoes the unit and leaves the first statement in place."""
        wire = self.wire()
        wire.ask(Parse("twice", "SELECT 1"), Sync())
        self.assertEqual(wire.ask(Parse("twice", "SELECT 2"), Sync()), ["E 42P05", "Z I"])
        self.assertEqual(wire.ask(Parse("twice", "SELECT 1"), Sync()), ["E 42P05", "Z I"])
        self.assertEqual(wire.ask(Parse("", "INSERT INTO t VALUES (1011)"), Bind("", ""), Execute(),
                                  Parse("twice", "SELECT 2"), Bind("", "twice"), Execute(), Sync()),
                         ["1", "2", "C INSERT 0 1", "E 42P05", "Z I"])
        self.assertEqual(self.sql("SELECT count(*) FROM t WHERE id = 1011"), [(0,)])
        self.assertEqual(self.value(wire.ask(Bind("", "twice"), Execute(), Sync())), "1")
        wire.query("BEGIN")
        self.assertEqual(wire.ask(Parse("twice", "SELECT 2"), Sync())[-2:], ["E 42P05", "Z E"])
        self.assertEqual(wire.query("SELECT 1"), ["E 25P02", "Z E"])
        wire.query("ROLLBACK")

    def test_closed_names_are_free(self):
        """Guards: Close, DEALLOCATE and DISCARD ALL free the names, each in its way."""
        wire = self.wire()
        for forget in ([Close("S", "s"), Sync()], [Query("DEALLOCATE s")], [Query("DEALLOCATE ALL")],
                       [Query("DISCARD ALL")]):
            self.assertEqual(wire.ask(Parse("s", "SELECT 1"), Sync()), ["1", "Z I"])
            wire.ask(*forget)
            self.assertEqual(wire.ask(Bind("", "s"), Execute(), Sync()), ["E 26000", "Z I"], forget)
        self.assertEqual(wire.ask(Close("S", "never there"), Sync()), ["3", "Z I"])
        self.assertEqual(wire.query("DEALLOCATE never_there"), ["E 26000", "Z I"])

    def test_sql_finds_them(self):
        """Guards: EXECUTE by SQL of what was prepared by protocol pins the session, until that statement is gone."""
        wire = self.wire(application_name="sql")
        wire.ask(Parse("s", "SELECT here()"), Parse("other", "SELECT here()"), Sync())
        self.assertEqual(wire.query("EXECUTE s"), ["T", "D " + self.primary_name, "C SELECT 1", "Z I"])
        self.assertEqual(self.show_client(application_name="sql")["pin_reason"], "EXECUTE")
        self.assertEqual(self.value(wire.ask(Bind("", "s"), Execute(), Sync())), self.primary_name)
        self.assertEqual(wire.ask(Parse("", "DEALLOCATE s"), Bind("", ""), Execute(), Parse("", "SELECT 1"), Bind("", ""),
                                  Execute(), Sync())[-2:], ["C SELECT 1", "Z I"])
        self.assertIsNone(self.show_client(application_name="sql")["pin_reason"])
        self.assertEqual(wire.ask(Bind("", "s"), Execute(), Sync()), ["E 26000", "Z I"])
        self.assertIn(self.value(wire.ask(Bind("", "other"), Execute(), Sync())), self.replica_names())
        self.assertEqual(wire.ask(Parse("s", "SELECT 7"), Bind("", "s"), Execute(), Sync())[2], "D 7")

    def test_statement_that_failed(self):
        """Guards: a Parse that failed, or was skipped after an error, leaves no name behind."""
        wire = self.wire()
        self.assertEqual(wire.ask(Parse("s", "SELEC"), Sync()), ["E 42601", "Z I"])
        self.assertEqual(wire.ask(Parse("s", "SELECT nothing FROM t"), Sync()), ["E 42703", "Z I"])
        self.assertEqual(wire.ask(Parse("", "SELECT 1/0"), Bind("", ""), Execute(), Parse("s", "SELECT 1"), Sync())[-2:],
                         ["E 22012", "Z I"])
        self.assertEqual(wire.ask(Bind("", "s"), Execute(), Sync()), ["E 26000", "Z I"])
        self.assertEqual(wire.ask(Parse("s", "SELECT 3"), Bind("", "s"), Execute(), Sync()),
                         ["1", "2", "D 3", "C SELECT 1", "Z I"])

    def test_unnamed_statement_stays(self):
        """Guards: the unnamed statement is the session's until the next one, over many servers and Syncs."""
        wire = self.wire()
        self.assertEqual(wire.ask(Parse("", "SELECT $1::text || here()"), Sync()), ["1", "Z I"])
        others = [self.wire() for _ in range(4)]
        for i in range(8):
            others[i % 4].ask(Parse("", "SELECT 'other'"), Bind("", ""), Execute(), Sync())
            self.assertIn(self.value(wire.ask(Bind("", "", "x"), Execute(), Sync())),
                          ["x" + name for name in self.replica_names()])
        wire.query("BEGIN")
        self.assertEqual(self.value(wire.ask(Bind("", "", "x"), Execute(), Sync())), "x" + self.primary_name)
        wire.query("COMMIT")

    def test_prepare_before_begin(self):
        """Guards: preparing with Flush between BEGIN and the first statement holds no server."""
        wire = self.wire()
        wire.query("BEGIN")
        wire.send(Parse("s", "SELECT $1::int"), Describe("S", "s"), Flush())
        self.assertEqual(wire.read_words("T"), ["1", "t", "T"])
        self.assertEqual(wire.ask(Sync()), ["Z T"])
        self.assertIsNone(self.show_client(tx_status="T")["node"])
        self.assertEqual(self.value(wire.ask(Bind("", "s", 5), Execute(), Sync())), "5")
        self.assertEqual(wire.query("COMMIT"), ["C COMMIT", "Z I"])

    def test_table_changed_under_a_statement(self):
        """Guards: after ALTER TABLE a statement says what PostgreSQL says, or gives rows of the new shape described."""
        self.sql("CREATE TABLE shape (a int)")
        self.sql("INSERT INTO shape VALUES (1)")
        self.cluster.wait_caught_up()
        wire = self.wire()
        wire.ask(Parse("s", "SELECT * FROM shape"), Describe("S", "s"), Sync())
        self.assertEqual(wire.ask(Bind("", "s"), Execute(), Sync()), ["2", "D 1", "C SELECT 1", "Z I"])
        self.sql("ALTER TABLE shape ADD b text DEFAULT 'new'")
        self.cluster.wait_caught_up()
        self.assertEqual(wire.ask(Bind("", "s"), Execute(), Sync()), ["E 0A000", "Z I"])
        wire.ask(Close("S", "s"), Sync())
        self.assertEqual(wire.ask(Parse("s2", "SELECT *, 2 FROM shape"), Bind("", "s2"), Describe("P"), Execute(), Sync()),
                         ["1", "2", "T", "D 1,new,2", "C SELECT 1", "Z I"])

    def test_rows_are_as_described(self):
        """Guards: a statement described on one server gives no other rows on the next, where it is prepared anew."""
        for change, is_same in (("ALTER TABLE shaped ALTER a TYPE text", False), ("ALTER TABLE shaped RENAME a TO z", False),
                                ("ALTER TABLE shaped ADD b int", False), ("ALTER TABLE shaped SET UNLOGGED", True),
                                ("DROP TABLE shaped; CREATE TABLE shaped AS SELECT 1 AS a", True)):
            for describe in ([Describe("S", "s")], [Bind("", "s"), Describe("P"), Execute()]):
                with self.subTest(change, describe=len(describe)):
                    self.sql("DROP TABLE IF EXISTS shaped; CREATE TABLE shaped AS SELECT 1 AS a")
                    self.cluster.wait_caught_up()
                    wire = self.wire()
                    self.assertEqual(wire.ask(Parse("s", "/* andon:replica */ SELECT * FROM shaped"), *describe, Sync())[-1], "Z I")
                    self.sql(change)
                    for _ in range(2):
                        wire.query("BEGIN")                     # on the primary, which has not heard of it
                        words = wire.ask(Bind("", "s"), Execute(), Sync())
                        self.assertEqual(words, ["2", "D 1", "C SELECT 1", "Z T"] if is_same else ["E 0A000", "Z E"])
                        wire.query("ROLLBACK")
                    wire.ask(Close("S", "s"), Parse("s", "/* andon:primary */ SELECT * FROM shaped"), Sync())
                    self.assertEqual(wire.ask(Bind("", "s"), Execute(), Sync())[-2:], ["C SELECT 1", "Z I"])

    def test_outdated_for_others(self):
        """Guards: what others prepared before a table was changed is no error for who prepares it after."""
        self.sql("CREATE TABLE outdated AS SELECT 1 AS a")
        text = "/* andon:primary */ SELECT * FROM outdated"
        before, after = self.wire(), self.wire()
        self.assertEqual(before.ask(Parse("s", text), Bind("", "s"), Execute(), Sync())[2], "D 1")
        self.sql("ALTER TABLE outdated ADD b int DEFAULT 2")
        self.assertEqual(after.ask(Parse("s", text), Sync()), ["1", "Z I"])
        self.assertEqual(after.ask(Bind("", "s"), Execute(), Sync()), ["2", "D 1,2", "C SELECT 1", "Z I"])
        self.assertEqual(after.ask(Describe("S", "s"), Sync()), ["t", "T", "Z I"])
        self.assertEqual(after.ask(Bind("", "s"), Execute(), Sync()), ["2", "D 1,2", "C SELECT 1", "Z I"])

    def test_search_path_of_another(self):
        """Guards: one text under two search_paths is two statements: a client reads its own table."""
        self.sql("CREATE SCHEMA left_side; CREATE TABLE left_side.side AS SELECT 'left' AS s")
        self.sql("CREATE SCHEMA right_side; CREATE TABLE right_side.side AS SELECT 'right' AS s")
        self.cluster.wait_caught_up()
        left, right = self.wire(search_path="left_side, public"), self.wire(search_path="right_side, public")
        for wire in (left, right):
            wire.ask(Parse("s", "SELECT s FROM side"), Sync())
        for _ in range(4):
            self.assertEqual(self.value(left.ask(Bind("", "s"), Execute(), Sync())), "left")
            self.assertEqual(self.value(right.ask(Bind("", "s"), Execute(), Sync())), "right")

    def test_clients_leave_nothing(self):
        """Guards: statements of clients that are gone stay on servers within their limit and harm no one."""
        for i in range(30):
            wire = self.wire()
            wire.ask(Parse("s", "SELECT %d" % (i % 10)), Sync())
            self.assertEqual(self.value(wire.ask(Bind("", "s"), Execute(), Sync())), str(i % 10))
            wire.close()
        wait_until(lambda: all(row["state"] == "idle" for row in self.router.show("SERVERS")), what="idle servers")
        wire = self.wire()
        self.assertEqual(wire.ask(Bind("", "s"), Execute(), Sync()), ["E 26000", "Z I"])
