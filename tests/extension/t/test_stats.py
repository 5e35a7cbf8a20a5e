"""andon.board_stats on a server that preloads the library: what is counted, and for which board."""

import threading

import psycopg2

from programs import wait_until
from testcase import ClusterTestCase

SCHEMA = """
    CREATE TABLE customers (id int PRIMARY KEY, name text);
    CREATE TABLE orders (id int PRIMARY KEY, customer_id int, status text NOT NULL);
    INSERT INTO customers VALUES (1, 'Ada');
    SELECT andon.create_board('public.b', 'SELECT o.id, o.status, c.name FROM orders o
        JOIN customers c ON c.id = o.customer_id', '{id}', 'status');
    SELECT andon.create_board('public.other', 'SELECT id, name FROM customers', '{id}', 'name')
"""

WRITERS = 4
STEPS = 25


class Stats(ClusterTestCase):
    cluster_options = {"settings": {"shared_preload_libraries": "andon"}}

    @classmethod
    def prepare(cls):
        cls.sql(SCHEMA)

    def setUp(self):
        self.sql("TRUNCATE orders")
        self.sql("SELECT andon.reset_stats()")

    def stats(self, board="b"):
        columns = ("counted", "changes", "inserted", "updated", "deleted", "refreshed", "fast", "fast_share", "whole",
                   "lock_waits")
        row, = self.sql("SELECT %s FROM andon.board_stats WHERE board = '%s'::regclass" % (", ".join(columns), board))
        return dict(zip(columns, row))

    def test_kinds(self):
        """Guards: rows by kind of change, keys by the way they were brought up to date, per board."""
        self.sql("INSERT INTO orders SELECT i, 1, 'NEW' FROM generate_series(1, 5) i")
        self.assertEqual({"counted": True, "changes": 5, "inserted": 5, "updated": 0, "deleted": 0, "refreshed": 5,
                          "fast": 0, "fast_share": 0.0, "whole": 0, "lock_waits": 0}, self.stats())
        self.sql("UPDATE orders SET status = 'CUT' WHERE id <= 3")
        self.sql("UPDATE customers SET name = 'Bo'")
        self.sql("DELETE FROM orders WHERE id = 5")
        self.sql("SELECT andon.refresh_board('b')")
        self.assertEqual({"counted": True, "changes": 14, "inserted": 5, "updated": 8, "deleted": 1, "refreshed": 10,
                          "fast": 4, "fast_share": 0.2857, "whole": 1, "lock_waits": 0}, self.stats())
        self.assertEqual((1, 1), (self.stats("other")["changes"], self.stats("other")["updated"]))

    def test_concurrent_writers(self):
        """Guards: no count is lost when backends meet in one slot for the first time, or later."""
        self.sql("INSERT INTO orders SELECT i, 1, 'NEW' FROM generate_series(1, %d) i" % WRITERS)
        self.sql("SELECT andon.reset_stats('b')")
        threads = [threading.Thread(target=self.write, args=(number + 1,)) for number in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(WRITERS * STEPS, self.stats()["updated"])

    def write(self, number):
        with self.direct() as connection:
            cursor = connection.cursor()
            for step in range(STEPS):
                cursor.execute("UPDATE orders SET status = %s WHERE id = %s", ("S%d" % step, number))

    def test_lock_waits(self):
        """Guards: who waits for another writer of the same order is counted, with the time it took."""
        self.sql("INSERT INTO orders VALUES (1, 1, 'NEW')")
        self.sql("SELECT andon.reset_stats()")
        with self.direct(autocommit=False) as first, self.direct() as second:
            first.cursor().execute("UPDATE customers SET name = 'Cy'")
            waiter = threading.Thread(target=second.cursor().execute, args=("INSERT INTO orders VALUES (2, 1, 'NEW')",))
            waiter.start()
            wait_until(lambda: self.sql("SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'",
                                        (second.info.backend_pid,)))
            first.commit()
            waiter.join()
        self.assertEqual(1, self.stats()["lock_waits"])
        self.assertEqual([(True,)], self.sql(
            "SELECT lock_wait_time > '0' FROM andon.board_stats WHERE board = 'b'::regclass"))

    def test_another_database_and_drop(self):
        """Guards: slots belong to a board of a database; a dropped board's counts are not its successor's."""
        name = self.dbname + "_copy"
        self.sql('CREATE DATABASE "%s" TEMPLATE "%s"' % (name, self.dbname))
        self.sql("INSERT INTO orders VALUES (1, 1, 'NEW')")
        self.assertEqual([(0,)], self.cluster.primary.query(
            "SELECT changes FROM andon.board_stats WHERE board = 'b'::regclass", dbname=name))
        self.assertEqual(1, self.stats()["changes"])
        self.sql("CREATE TABLE t (id int PRIMARY KEY, status text)")
        for _ in range(2):
            self.sql("SELECT andon.create_board('public.short', 'SELECT id, status FROM t', '{id}', 'status')")
            self.assertEqual(0, self.stats("short")["changes"])
            self.sql("INSERT INTO t VALUES (1, 'NEW'); DELETE FROM t")
            self.assertEqual(2, self.stats("short")["changes"])
            self.sql("SELECT andon.drop_board('short')")

    def test_reset_of_no_board(self):
        """Guards: resetting what is no board is an error."""
        with self.assertRaises(psycopg2.errors.WrongObjectType):
            self.sql("SELECT andon.reset_stats('orders')")
