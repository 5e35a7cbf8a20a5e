"""Boards on a subscriber: logical replication applies changes with ordinary triggers off.

The publisher knows nothing of boards. On the subscriber one board is made with
enable_always and, in one class, one without; both have the same definition. The
applying worker fires row triggers but, for single rows, no statement triggers, so
the board follows when the transaction commits there, or is prepared.
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
PARTED_TABLES = """
    CREATE TABLE customers (id int PRIMARY KEY, name text);
    CREATE TABLE orders (id int PRIMARY KEY, status text, customer_id int) PARTITION BY RANGE (id);
    CREATE TABLE orders_low PARTITION OF orders FOR VALUES FROM (MINVALUE) TO (3);
    CREATE TABLE orders_high PARTITION OF orders FOR VALUES FROM (3) TO (MAXVALUE);
    CREATE TABLE items (id int PRIMARY KEY, order_id int, price int) PARTITION BY HASH (id);
    CREATE TABLE items_0 PARTITION OF items FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE items_1 PARTITION OF items FOR VALUES WITH (MODULUS 2, REMAINDER 1);
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


class Subscriber(ClusterTestCase):
    published_tables = TABLES
    tables = TABLES
    boards = {"always": '{"enable_always": true}'}
    subscription = ""

    @classmethod
    def setUpClass(cls):
        cls.publisher = Cluster(settings={"wal_level": "logical"}, name="publisher")
        cls.addClassCleanup(cls.publisher.close)
        cls.publisher.start()
        cls.marks = 0
        super().setUpClass()

    @classmethod
    def prepare(cls):
        cls.publish(cls.published_tables)
        cls.sql(cls.tables)
        cls.publish(BEFORE)
        cls.publish("CREATE PUBLICATION everything FOR ALL TABLES")
        for name, options in cls.boards.items():
            cls.sql("SELECT andon.create_board(%s, %s, '{id}', 'status', options => %s)",
                    ["public." + name, DEFINITION, options])
        cls.sql("CREATE SUBSCRIPTION everything CONNECTION '%s dbname=postgres' PUBLICATION everything %s"
                % (cls.publisher.primary.socket_conninfo("subscriber"), cls.subscription))
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

    def apply_changes(self):
        for change in CHANGES:
            self.publish(change)
            self.wait_applied()
            self.assertEqual(self.differences("always"), 0, change)
        self.assertEqual(self.sql("SELECT status, name, total FROM always WHERE id IN (1, 2) ORDER BY id"),
                         [("A", None, 1), ("NEW", "Cy", None)])


class LogicalReplication(Subscriber):
    boards = {"always": '{"enable_always": true}', "plain": "{}"}

    def test_1_initial_copy(self):
        """Guards: the first copy of the tables, a COPY that the subscriber runs."""
        self.assertEqual(self.sql("SELECT id, name, total FROM always ORDER BY id"), [(1, "Ada", 10), (2, "Bo", 20)])
        self.assertEqual(self.differences("always"), 0)

    def test_2_every_change(self):
        """Guards: what is applied row by row, TRUNCATE, and several changes in one transaction."""
        self.apply_changes()

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


class IntoParts(Subscriber):
    """The subscriber's sources are partitioned, the publisher's are not: rows are routed when they are applied."""
    tables = PARTED_TABLES

    def test_every_change(self):
        """Guards: applied rows find the triggers of the part they enter, also of the one they move to."""
        self.apply_changes()
        self.publish("UPDATE orders SET id = 200 WHERE id = 2")     # to the other part
        self.wait_applied()
        self.assertEqual(self.differences("always"), 0)
        self.assertEqual(self.sql("SELECT id, status FROM always WHERE id IN (2, 200)"), [(200, "NEW")])


class PartByPart(IntoParts):
    """Both are: the publisher sends its parts' changes, which are applied to the parts of the same names."""
    published_tables = PARTED_TABLES


class Prepared(Subscriber):
    subscription = "WITH (two_phase = on)"

    @classmethod
    def prepare(cls):
        super().prepare()
        wait_until(lambda: cls.sql("SELECT subtwophasestate::text FROM pg_subscription WHERE subname = 'everything'") == [("e",)],
                   what="two_phase to be in force")

    def publish_prepared(self, statements):
        """Prepares it on the publisher; where two_phase is in force the subscriber prepares it, too."""
        self.publish("BEGIN; %s; PREPARE TRANSACTION 'here'" % statements)

    def wait_prepared(self):
        wait_until(lambda: self.sql("SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()") == [(1,)],
                   what="the transaction to be prepared")

    def end_prepared(self, how):
        self.publish(how + " PREPARED 'here'")
        self.wait_applied()
        self.assertEqual(self.differences("always"), 0)
        return self.sql("SELECT status, total FROM always WHERE id = 1")


class TwoPhase(Prepared):
    cluster_options = {"preload": True}

    def test_commit_and_rollback(self):
        """Guards: where the feed worker runs, a subscription with two_phase needs nothing: the board follows when the
        transaction is prepared, is seen and told when it is committed, and not if it is rolled back."""
        with contextlib.closing(self.cluster.primary.connect(self.dbname)) as connection, connection.cursor() as cursor:
            cursor.execute("LISTEN andon_always")
            self.publish_prepared("UPDATE orders SET status = 'TWICE' WHERE id = 1; INSERT INTO items VALUES (50, 1, 7)")
            self.wait_prepared()
            self.publish("INSERT INTO items VALUES (51, 2, 3)")
            self.wait_applied()
            self.assertEqual(self.sql("SELECT status, total FROM always ORDER BY id"), [("NEW", 10), ("NEW", 23)])
            self.assertEqual(self.end_prepared("COMMIT"), [("TWICE", 17)])

            def is_told():
                connection.poll()
                return '"to":"TWICE"' in "".join(notify.payload for notify in connection.notifies).replace(" ", "")

            wait_until(is_told, what="the notification of COMMIT PREPARED")
        self.publish_prepared("UPDATE orders SET status = 'NEVER' WHERE id = 1; DELETE FROM items WHERE id = 50")
        self.wait_prepared()
        self.assertEqual(self.end_prepared("ROLLBACK"), [("TWICE", 17)])


class TwoPhaseWithoutWorker(Prepared):
    def test_notifications_are_switched_off(self):
        """Guards: without the feed worker the subscription stops at such a transaction, with a hint, and goes on from
        there, nothing lost, once andon.notify is off; transactions that are not prepared do not need it."""
        self.publish("UPDATE orders SET status = 'ONCE' WHERE id = 1")
        self.wait_applied()
        self.assertEqual(self.differences("always"), 0)
        self.publish_prepared("UPDATE orders SET status = 'TWICE' WHERE id = 1; INSERT INTO items VALUES (50, 1, 7)")
        wait_until(lambda: "cannot PREPARE a transaction that has changed board public.always" in self.cluster.primary.log(),
                   what="the subscription to stop")
        self.assertIn('Set andon.notify to "off" for such transactions', self.cluster.primary.log())
        self.assertEqual(self.sql("SELECT status, total FROM always WHERE id = 1"), [("ONCE", 10)])
        self.sql("ALTER DATABASE %s SET andon.notify = 'off'" % self.dbname)
        self.wait_prepared()
        self.assertEqual(self.end_prepared("COMMIT"), [("TWICE", 17)])
