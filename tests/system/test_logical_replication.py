"""Boards on a subscriber: logical replication applies changes with ordinary triggers off.

The publisher knows nothing of boards. On the subscriber one board is made with
enable_always and one without; both have the same definition. The applying
worker fires row triggers but, for single rows, no statement triggers, so the board
follows when the transaction commits there.
"""

import contextlib

from pgcluster import Cluster
from programs import wait_until
from testcase import ClusterTestCase

TABLES = """
    CREATE TABLE customers (id int PRIMARY KEY, name text);
    CREATE TABLE orders (id int PRIMARY KEY, status text, customer_id int);
    CREATE TABLE items (id int PRIMARY KEY, order_id int, price int);
    CREATE TABLE done (n int PRIMARY KEY)
"""
DEFINITION = """
    SELECT o.id, o.status, c.name, count(i.id) AS n, sum(i.price) AS total
    FROM orders o LEFT JOIN customers c ON c.id = o.customer_id LEFT JOIN items i ON i.order_id = o.id
    GROUP BY o.id, c.id
"""
BEFORE = """
    INSERT INTO customers VALUES (1, 'Ada'), (2, 'Bo');
    INSERT INTO orders VALUES (1, 'NEW', 1), (2, 'NEW', 2);
    INSERT INTO items VALUES (1, 1, 10), (2, 2, 20)
"""
CHANGES = (
    "INSERT INTO orders SELECT g, 'NEW', g % 2 + 1 FROM generate_series(3, 40) g",
    "INSERT INTO items SELECT 100 + g, g, g FROM generate_series(1, 40) g",
    "UPDATE customers SET name = name || '!'",
    "UPDATE orders SET status = 'CUT' WHERE id % 3 = 0",
    "UPDATE items SET order_id = order_id % 7 + 1 WHERE id > 120",
    "UPDATE orders SET id = -id WHERE id = 5",
    "DELETE FROM orders WHERE id = 6",
    "BEGIN; UPDATE orders SET status = 'A' WHERE id = 1; SAVEPOINT s; UPDATE orders SET status = 'LOST' WHERE id = 2;"
    " ROLLBACK TO s; UPDATE customers SET name = 'Cy' WHERE id = 2; COMMIT",
    "DELETE FROM customers WHERE id = 1",
    "TRUNCATE items",
    "INSERT INTO items VALUES (1, 1, 1)",
)


class LogicalReplication(ClusterTestCase):
    @classmethod
    def setUpClass(cls):
        cls.publisher = Cluster(settings={"wal_level": "logical"}, name="publisher")
        cls.addClassCleanup(cls.publisher.close)
        cls.publisher.start()
        cls.marks = 0
        super().setUpClass()

    @classmethod
    def prepare(cls):
        for cluster, dbname in ((cls.publisher, "postgres"), (cls.cluster, cls.dbname)):
            cluster.primary.query(TABLES, dbname=dbname)
        cls.publish(BEFORE)
        cls.publish("CREATE PUBLICATION everything FOR ALL TABLES")
        for name, options in (("always", '{"enable_always": true}'), ("plain", "{}")):
            cls.sql("SELECT andon.create_board(%s, %s, '{id}', 'status', options => %s)",
                    ["public." + name, DEFINITION, options])
        cls.sql("CREATE SUBSCRIPTION everything CONNECTION '%s dbname=postgres' PUBLICATION everything"
                % cls.publisher.primary.socket_conninfo("subscriber"))
        cls.addClassCleanup(cls.sql, "DROP SUBSCRIPTION everything")
        wait_until(lambda: cls.sql("SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'") == [(0,)],
                   what="the tables to be copied")

    @classmethod
    def publish(cls, statements):
        cls.publisher.primary.query(statements)

    def wait_applied(self):
        """Changes are applied in the order of their commits: the last one tells."""
        type(self).marks += 1
        self.publish("INSERT INTO done VALUES (%d)" % self.marks)
        wait_until(lambda: self.sql("SELECT max(n) FROM done") == [(self.marks,)], what="changes to be applied")

    def differences(self, board):
        """check_board() and EXCEPT ALL both ways, which must agree about there being any."""
        checked = self.sql("SELECT count(*) FROM andon.check_board('%s')" % board)[0][0]
        shown = "SELECT id, status, name, n, total FROM %s" % board
        sides = self.sql("SELECT (SELECT count(*) FROM (({0}) EXCEPT ALL ({1})) x) + (SELECT count(*) FROM (({1}) EXCEPT ALL ({0})) y)"
                         .format(shown, DEFINITION))[0][0]
        self.assertEqual(checked > 0, sides > 0)
        return checked

    def test_1_initial_copy(self):
        """Guards: the first copy of the tables, a COPY that the subscriber runs."""
        self.assertEqual(self.sql("SELECT id, name, total FROM always ORDER BY id"), [(1, "Ada", 10), (2, "Bo", 20)])
        self.assertEqual(self.differences("always"), 0)

    def test_2_every_change(self):
        """Guards: what is applied row by row, TRUNCATE, and several changes in one transaction."""
        for change in CHANGES:
            self.publish(change)
            self.wait_applied()
            self.assertEqual(self.differences("always"), 0, change)
        self.assertEqual(self.sql("SELECT status, name, total FROM always WHERE id IN (1, 2) ORDER BY id"),
                         [("A", None, 1), ("NEW", "Cy", None)])

    def test_3_notifications(self):
        """Guards: the applying worker announces what it has changed on the board."""
        with contextlib.closing(self.cluster.primary.connect(self.dbname)) as connection:
            with connection.cursor() as cursor:
                cursor.execute("LISTEN andon_always")
                self.publish("UPDATE orders SET status = 'HEARD' WHERE id = 2")
                self.wait_applied()
                connection.poll()
                self.assertIn('"to":"HEARD"', "".join(notify.payload for notify in connection.notifies).replace(" ", ""))

    def test_4_subscriber_writes_too(self):
        """Guards: local statements and applied ones on the same order."""
        self.sql("UPDATE items SET price = 5")
        self.publish("UPDATE orders SET status = 'BOTH' WHERE id = 1")
        self.wait_applied()
        self.assertEqual(self.differences("always"), 0)
        self.assertEqual(self.sql("SELECT status, total FROM always WHERE id = 1"), [("BOTH", 5)])

    def test_5_the_last_board_that_asked_is_dropped(self):
        """Guards: without the option applied changes are missed, andon.boards says so beforehand, and a repair finds them."""
        self.assertEqual(self.differences("plain"), 0)
        self.sql("SELECT andon.drop_board('always')")
        told = self.sql("SELECT state, not_followed FROM andon.boards")
        self.assertEqual(told[0][0], "ok")
        self.assertIn("logical replication", told[0][1][0])
        self.publish("UPDATE orders SET status = 'MISSED' WHERE id = 2")
        self.wait_applied()
        self.assertEqual(self.differences("plain"), 1)
        self.assertEqual(self.sql("SELECT andon.repair_board('plain')"), [(1,)])
        self.assertEqual(self.differences("plain"), 0)
