"""A replica shows boards, and checks them, but leaves repairing to the primary."""

import psycopg2

from testcase import ClusterTestCase


class Standby(ClusterTestCase):
    cluster_options = {"replicas": 1}

    @classmethod
    def prepare(cls):
        cls.sql("CREATE TABLE orders (id int PRIMARY KEY, status text NOT NULL)")
        cls.sql("INSERT INTO orders VALUES (1, 'NEW'), (2, 'CUT')")
        cls.sql("SELECT andon.create_board('public.b', 'SELECT id, status FROM orders', '{id}', 'status')")
        cls.sql("UPDATE orders SET status = 'SET' WHERE id = 1")
        cls.cluster.wait_caught_up()

    def ask(self, sql):
        return self.cluster.replicas[0].query(sql, dbname=self.dbname)

    def test_reads(self):
        """Guards: what is not VOLATILE works on a standby, where nothing can be written."""
        self.assertEqual(self.ask("SELECT id, status FROM b ORDER BY id"), [(1, "SET"), (2, "CUT")])
        self.assertEqual(self.ask("SELECT * FROM andon.counts('b')"), [("CUT", 1), ("SET", 1)])
        self.assertEqual(self.ask("SELECT state FROM andon.boards"), [("ok",)])
        first = self.ask("SELECT item->'id', cursor FROM andon.page('b', NULL, NULL, 1)")
        self.assertEqual(first[0][0], 1)
        # a cursor is good on every node
        self.assertEqual(self.sql("SELECT item->'id' FROM andon.page('b', NULL, %s)", (first[0][1],)), [(2,)])
        self.assertEqual(self.ask("SELECT source::text FROM andon.explain_board('b')"), [("orders",)])
        self.assertEqual(self.ask("SELECT * FROM andon.check_board('b')"), [])

    def test_check_finds_damage(self):
        """Guards: damage that has come by WAL is seen on the replica, and its repair too."""
        self.sql("SET session_replication_role = replica; UPDATE b SET status = 'LIE' WHERE id = 2")
        self.cluster.wait_caught_up()
        self.assertEqual(self.ask("SELECT key, problem FROM andon.check_board('b')"),
                         [({"id": 2}, "different"), (None, "counter"), (None, "counter")])
        self.assertEqual(self.sql("SELECT andon.repair_board('b')"), [(1,)])
        self.cluster.wait_caught_up()
        self.assertEqual(self.ask("SELECT * FROM andon.check_board('b')"), [])

    def test_writes_are_refused(self):
        """Guards: what writes says that this is a standby, and leaves nothing behind."""
        for call in ("refresh_board('b')", "repair_board('b')", "drop_board('b')", "claim('b', 'SET', 'CUT')",
                     "set_transitions('b', NULL)", "create_board('c', 'SELECT id, status FROM orders', '{id}', 'status')"):
            with self.assertRaises(psycopg2.Error) as caught:
                self.ask("SELECT andon." + call)
            self.assertEqual(caught.exception.pgcode, "25006", call)
        self.assertEqual(self.ask("SELECT status FROM b WHERE id = 1"), [("SET",)])
