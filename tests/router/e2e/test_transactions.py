"""Transactions: when they begin, where they run, what is left when they fail.

BEGIN is answered by the router and sent with the first statement; a read-only
transaction may run on a replica, all others run on the primary from their
first statement. The client must not be able to tell, but for where it was.
"""

import contextlib

import psycopg2.extensions

from programs import wait_until
from pgwire import Bind, Execute, Parse, Query, Sync
from routercase import RouterTestCase


class Transactions(RouterTestCase):
    router_options = {"replica_wait": "20s"}

    def here(self, wire):
        words = wire.query("SELECT here()")
        return words[1][2:]

    def test_begin_holds_no_server(self):
        """Guards: a transaction that has not done anything costs nothing on any node."""
        wire = self.wire(application_name="only begins")
        self.assertEqual(wire.query("BEGIN"), ["C BEGIN", "Z T"])
        row = self.show_client(application_name="only begins")
        self.assertEqual((row["tx_status"], row["node"]), ("T", None))
        self.assertEqual(wire.query("COMMIT"), ["C COMMIT", "Z I"])
        self.assertEqual(wire.query("START TRANSACTION"), ["C START TRANSACTION", "Z T"])
        self.assertEqual(wire.query("ROLLBACK"), ["C ROLLBACK", "Z I"])

    def test_runs_on_the_primary(self):
        """Guards: every statement of a transaction runs on the primary, reads before the first write too."""
        for begin in ("BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION READ WRITE",
                      "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY", "/* andon:primary */ BEGIN READ ONLY"):
            with self.subTest(begin):
                wire = self.wire()
                wire.query(begin)
                self.assertEqual(self.here(wire), self.primary_name)
                self.assertEqual(self.here(wire), self.primary_name)
                self.assertEqual(wire.query("COMMIT"), ["C COMMIT", "Z I"])

    def test_read_only_runs_on_a_replica(self):
        """Guards: a read-only transaction stays on one replica, sees one snapshot, and refuses writes with 25006."""
        for begin in ("BEGIN READ ONLY", "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"):
            with self.subTest(begin):
                wire = self.wire()
                self.assertEqual(wire.query(begin), ["C BEGIN", "Z T"])
                node = self.here(wire)
                self.assertIn(node, self.replica_names())
                self.assertEqual(self.here(wire), node)
                self.assertEqual(wire.query("SHOW transaction_read_only")[1], "D on")
                self.assertEqual(wire.query("SELECT pg_is_in_recovery()")[1], "D t")
                self.assertEqual(wire.query("COMMIT"), ["C COMMIT", "Z I"])
        wire.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        before = wire.query("SELECT count(*) FROM t")
        self.sql("INSERT INTO t VALUES (3000)")
        self.cluster.wait_caught_up()
        self.assertEqual(wire.query("SELECT count(*) FROM t"), before)
        wire.query("COMMIT")

    def test_read_only_by_what_follows_begin(self):
        """Guards: SET TRANSACTION, SET LOCAL, a savepoint, or BEGIN in one unit with its first statement: still on a replica."""
        wire = self.wire()
        for before in (["BEGIN", "SET TRANSACTION READ ONLY"], ["BEGIN READ ONLY", "SET LOCAL work_mem = '8MB'"],
                       ["BEGIN", "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY", "SAVEPOINT a"]):
            with self.subTest(before):
                for sql in before:
                    self.assertEqual(wire.query(sql)[-1], "Z T")
                self.assertIn(self.here(wire), self.replica_names())
                self.assertEqual(wire.query("SHOW transaction_read_only")[1], "D on")
                self.assertEqual(wire.query("COMMIT"), ["C COMMIT", "Z I"])
        words = wire.ask(Parse("", "BEGIN READ ONLY"), Bind("", ""), Execute(),
                         Parse("", "SELECT here()"), Bind("", ""), Execute(), Sync())
        self.assertIn(words.pop(5)[2:], self.replica_names())
        self.assertEqual(words, ["1", "2", "C BEGIN", "1", "2", "C SELECT 1", "Z T"])
        self.assertEqual(wire.query("INSERT INTO t VALUES (3050)"), ["E 25006", "Z E"])
        self.assertEqual(wire.query("ROLLBACK"), ["C ROLLBACK", "Z I"])
        wire.query("BEGIN READ ONLY")
        wire.query("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        self.assertEqual(self.here(wire), self.primary_name)
        self.assertEqual(wire.query("SHOW transaction_isolation")[1], "D serializable")

    def test_serializable_by_default(self):
        """Guards: where a role's transactions are serializable by default, reads run on the primary: replicas cannot do it.

        One refused read tells of the role, not of the statement: others read the same text on replicas.
        """
        self.sql("CREATE ROLE careful LOGIN; ALTER ROLE careful SET default_transaction_isolation = 'serializable';"
                 " GRANT SELECT ON t TO careful")
        self.cluster.wait_caught_up()
        wire = self.wire(user="careful")
        self.assertEqual(wire.query("SELECT here(), 'careful'")[1], "D %s,careful" % self.primary_name)
        self.assertEqual(wire.query("SHOW transaction_isolation")[1], "D serializable")
        wire.query("BEGIN READ ONLY")
        self.assertEqual(wire.query("SELECT here(), 'careful too'")[1], "D %s,careful too" % self.primary_name)
        self.assertEqual(wire.query("COMMIT"), ["C COMMIT", "Z I"])
        for prepare in ([Parse("s", "SELECT here(), $1::text")], []):
            self.assertEqual(wire.ask(*prepare, Bind("", "s", "careful"), Execute(), Sync())[-3:],
                             ["D %s,careful" % self.primary_name, "C SELECT 1", "Z I"])
        other = self.wire()
        for sql in ("SELECT here(), 'careful'", "SELECT here(), 'careful too'"):
            self.assertIn(other.query(sql)[1][2:].split(",")[0], self.replica_names())
        wire.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self.assertIn(self.here(wire), self.replica_names())
        self.assertEqual(wire.query("COMMIT"), ["C COMMIT", "Z I"])
        wait_until(lambda: self.explains_serializable(wire), what="EXPLAIN ROUTE to tell of the role")

    def explains_serializable(self, wire):
        """Does EXPLAIN ROUTE tell of careful alone?  Facts may be read again at any time, and it is forgotten then."""
        self.assertEqual(self.here(wire), self.primary_name)
        with contextlib.closing(self.router.connect("andon")) as console, console.cursor() as cursor:
            rules = []
            for user in ("careful", "ann"):
                cursor.execute("EXPLAIN ROUTE %s %s 'SELECT here()'" % (self.dbname, user))
                rules.append(cursor.fetchone()[1:4:2])
        self.assertEqual(rules[1], ("replica", "everything in it is known to be a read"))
        return rules[0] == ("primary", "default_transaction_isolation of the user is serializable")

    def test_refused_in_a_read_only_transaction(self):
        """Guards: what is not proven a read is never run on a replica; the error says how to go on."""
        for sql in ("INSERT INTO t VALUES (3100)", "SELECT pg_advisory_lock(1)", "SELECT nextval('none')",
                    "SELECT * FROM t FOR UPDATE", "DO $$ BEGIN END $$", "CREATE TEMP TABLE x (a int)", "SELEC 1"):
            for send in (lambda s: [Query(s)], lambda s: [Parse("", s), Bind("", ""), Execute(), Sync()]):
                with self.subTest(sql):
                    wire = self.wire()
                    wire.query("BEGIN READ ONLY")
                    self.assertIn(self.here(wire), self.replica_names())
                    wire.send(*send(sql))
                    replies = wire.read()
                    error = [reply for reply in replies if reply.kind == "E"][0].fields
                    self.assertEqual((error["C"], replies[-1].word()), ("25006", "Z E"))
                    self.assertIn("READ ONLY", error["H"])
                    self.assertEqual(wire.query("SELECT 1"), ["E 25P02", "Z E"])
                    self.assertEqual(wire.query("COMMIT"), ["C ROLLBACK", "Z I"])
        for replica in self.cluster.replicas:
            self.assertEqual(replica.query("SELECT * FROM pg_locks WHERE locktype = 'advisory'"), [])

    def test_read_only_transaction_that_begins_with_a_write(self):
        """Guards: there the primary says 25006 itself."""
        wire = self.wire()
        wire.query("BEGIN READ ONLY")
        self.assertEqual(wire.query("INSERT INTO t VALUES (3200)"), ["E 25006", "Z E"])
        self.assertEqual(wire.query("ROLLBACK"), ["C ROLLBACK", "Z I"])

    def test_changed_to_read_write(self):
        """Guards: SET transaction_read_only = off does not open a way to write on a replica."""
        wire = self.wire()
        wire.query("BEGIN READ ONLY")
        wire.query("SET TRANSACTION READ WRITE")
        self.assertIn(wire.query("INSERT INTO t VALUES (3300)")[0], ("C INSERT 0 1", "E 25006"))
        wire.query("ROLLBACK")
        wire.query("BEGIN READ ONLY")
        self.assertIn(self.here(wire), self.replica_names())
        words = wire.query("SET transaction_read_only = off")
        self.assertEqual(words[0][0], "E", words)
        wire.query("ROLLBACK")

    def test_default_transaction_read_only(self):
        """Guards: SET SESSION CHARACTERISTICS READ ONLY, and SET default_transaction_read_only, hold."""
        for sql in ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "SET default_transaction_read_only = on"):
            with self.subTest(sql):
                wire = self.wire()
                self.assertEqual(wire.query(sql)[-1], "Z I")
                self.assertEqual(wire.query("INSERT INTO t VALUES (3400)"), ["E 25006", "Z I"])
                wire.close()
        self.assertEqual(self.wire().query("INSERT INTO t VALUES (3401)"), ["C INSERT 0 1", "Z I"])

    def test_savepoints(self):
        """Guards: savepoints before and after the first statement are where the client put them."""
        wire = self.wire()
        wire.query("BEGIN")
        self.assertEqual(wire.query("SAVEPOINT a"), ["C SAVEPOINT", "Z T"])
        wire.query("INSERT INTO t VALUES (3500)")
        wire.query("SAVEPOINT b")
        self.assertEqual(wire.query("INSERT INTO t VALUES (3500)"), ["E 23505", "Z E"])
        self.assertEqual(wire.query("ROLLBACK TO b"), ["C ROLLBACK", "Z T"])
        self.assertEqual(wire.query("SELECT count(*) FROM t WHERE id = 3500")[1], "D 1")
        self.assertEqual(wire.query("ROLLBACK TO SAVEPOINT a"), ["C ROLLBACK", "Z T"])
        self.assertEqual(wire.query("RELEASE a"), ["C RELEASE", "Z T"])
        self.assertEqual(wire.query("COMMIT"), ["C COMMIT", "Z I"])
        self.assertEqual(wire.query("SELECT count(*) FROM t WHERE id = 3500")[1], "D 0")

    def test_failed_transaction(self):
        """Guards: after an error nothing runs until ROLLBACK, and COMMIT says ROLLBACK."""
        for end in ("ROLLBACK", "COMMIT", "END", "ABORT"):
            with self.subTest(end):
                wire = self.wire()
                wire.query("BEGIN")
                wire.query("INSERT INTO t VALUES (3600)")
                wire.query("SELECT 1/0")
                self.assertEqual(wire.query("SELECT 1"), ["E 25P02", "Z E"])
                self.assertEqual(wire.ask(Parse("", "SELECT 1"), Bind("", ""), Execute(), Sync()), ["E 25P02", "Z E"])
                self.assertEqual(wire.query(end), ["C ROLLBACK", "Z I"])
        self.assertEqual(self.sql("SELECT * FROM t WHERE id = 3600"), [])

    def test_first_statement_fails(self):
        """Guards: an error of the very first statement, in either protocol, leaves a failed transaction."""
        for messages in ([Query("SELECT 1/0")], [Query("SELEC")], [Parse("", "SELECT 1/0"), Bind("", ""), Execute(), Sync()],
                         [Parse("", "SELEC"), Sync()], [Bind("", "nowhere"), Execute(), Sync()]):
            with self.subTest(messages):
                wire = self.wire()
                wire.query("BEGIN")
                words = wire.ask(*messages)
                self.assertEqual((words[-2][0], words[-1]), ("E", "Z E"), words)
                self.assertEqual(wire.query("INSERT INTO t VALUES (3700)"), ["E 25P02", "Z E"])
                self.assertEqual(wire.query("COMMIT"), ["C ROLLBACK", "Z I"])
                self.assertEqual(wire.query("SELECT 1"), ["T", "D 1", "C SELECT 1", "Z I"])

    def test_chain(self):
        """Guards: COMMIT AND CHAIN goes on in a transaction like the last."""
        wire = self.wire()
        wire.query("BEGIN ISOLATION LEVEL REPEATABLE READ")
        wire.query("INSERT INTO t VALUES (3800)")
        self.assertEqual(wire.query("COMMIT AND CHAIN"), ["C COMMIT", "Z T"])
        self.assertEqual(wire.query("SHOW transaction_isolation")[1], "D repeatable read")
        wire.query("INSERT INTO t VALUES (3801)")
        self.assertEqual(wire.query("ROLLBACK AND CHAIN"), ["C ROLLBACK", "Z T"])
        self.assertEqual(wire.query("SELECT count(*) FROM t WHERE id IN (3800, 3801)")[1], "D 1")
        self.assertEqual(wire.query("COMMIT"), ["C COMMIT", "Z I"])
        wire.query("BEGIN")
        self.assertEqual(wire.query("COMMIT AND CHAIN")[-1], "Z T")
        self.assertEqual(wire.query("COMMIT"), ["C COMMIT", "Z I"])

    def test_implicit_transactions_of_the_protocol(self):
        """Guards: what stands between two Syncs commits or fails as one, whatever is mixed in it."""
        wire = self.wire()
        self.assertEqual(wire.ask(Parse("", "INSERT INTO t VALUES (3900)"), Bind("", ""), Execute(),
                                  Parse("", "SELECT count(*) FROM t WHERE id = 3900"), Bind("", ""), Execute(),
                                  Parse("", "SELECT 1/0"), Bind("", ""), Execute(), Sync())[-3:],
                         ["1", "E 22012", "Z I"])
        self.assertEqual(wire.query("SELECT count(*) FROM t WHERE id = 3900")[1], "D 0")
        self.assertEqual(wire.ask(Parse("", "BEGIN"), Bind("", ""), Execute(),
                                  Parse("", "INSERT INTO t VALUES (3901)"), Bind("", ""), Execute(), Sync()),
                         ["1", "2", "C BEGIN", "1", "2", "C INSERT 0 1", "Z T"])
        self.assertEqual(wire.ask(Parse("", "COMMIT"), Bind("", ""), Execute(), Sync()), ["1", "2", "C COMMIT", "Z I"])
        self.assertEqual(wire.query("SELECT count(*) FROM t WHERE id = 3901")[1], "D 1")

    def test_two_phase(self):
        """Guards: PREPARE TRANSACTION and COMMIT PREPARED pass, and the session sees what it committed."""
        wire = self.wire()
        wire.query("BEGIN")
        wire.query("INSERT INTO t VALUES (3950)")
        self.assertEqual(wire.query("PREPARE TRANSACTION 'e2e'"), ["C PREPARE TRANSACTION", "Z I"])
        self.assertEqual(wire.query("SELECT count(*) FROM t WHERE id = 3950")[1], "D 0")
        self.assertEqual(wire.query("COMMIT PREPARED 'e2e'"), ["C COMMIT PREPARED", "Z I"])
        self.assertEqual(wire.query("SELECT count(*) FROM t WHERE id = 3950")[1], "D 1")

    def test_psycopg2_transactions(self):
        """Guards: a driver's transactions: default, read-only session, every isolation level."""
        with self.client(autocommit=False) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT here()")
            self.assertEqual(cursor.fetchone(), (self.primary_name,))
            connection.rollback()
            connection.set_session(readonly=True)
            cursor.execute("SELECT here()")
            self.assertIn(cursor.fetchone()[0], self.replica_names())
            self.assertSqlstate("25006", cursor.execute, "INSERT INTO t VALUES (3960)")
            connection.rollback()
            connection.set_session(readonly=False)
            for level in ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"):
                connection.set_session(isolation_level=level)
                cursor.execute("SHOW transaction_isolation")
                self.assertEqual(cursor.fetchone(), (level.lower(),))
                connection.commit()
            self.assertEqual(connection.status, psycopg2.extensions.STATUS_READY)
