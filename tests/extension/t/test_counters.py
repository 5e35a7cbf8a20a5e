"""counts() out of counters and the change log, while they are folded and changed."""

import threading

from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ

from programs import wait_until
from testcase import ClusterTestCase

SCHEMA = """
    CREATE TABLE orders (id int PRIMARY KEY, status text NOT NULL);
    INSERT INTO orders SELECT i, 'S' || i % 5 FROM generate_series(1, 400) i;
    SELECT andon.create_board('public.b', 'SELECT id, status FROM orders WHERE status <> ''S4''', '{id}', 'status');
"""

WRITERS = 6
COMPARISONS = 60


class Counters(ClusterTestCase):
    cluster_options = {"replicas": 1, "settings": {"max_prepared_transactions": 10}}

    @classmethod
    def prepare(cls):
        cls.sql(SCHEMA)

    def setUp(self):
        self.stopping = threading.Event()
        self.failures = []
        self.folds = 0

    def test_exact_in_every_snapshot(self):
        """Guards: base and log add up to the board, on replicas too, whatever commits between snapshots and folds."""
        threads = [threading.Thread(target=self.until_stopped, args=(self.write, number)) for number in range(WRITERS)]
        threads.append(threading.Thread(target=self.until_stopped, args=(self.fold, 0)))
        for thread in threads:
            thread.start()
        try:
            self.cluster.wait_caught_up()
            for _ in range(COMPARISONS):
                folds = self.folds
                self.compare(self.cluster.primary)
                self.compare(self.cluster.replicas[0])
                wait_until(lambda: self.folds > folds or self.failures)
        finally:
            self.stopping.set()
            for thread in threads:
                thread.join()
        self.assertEqual([], self.failures)
        self.assertEqual([], self.sql("SELECT problem, expected, actual FROM andon.check_board('b')"))

    def compare(self, node):
        with self.direct(node, autocommit=False) as connection:
            connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ)
            cursor = connection.cursor()
            cursor.execute("SELECT count(*) FROM andon.counter")
            self.assertEqual(1, cursor.fetchone()[0], "nothing to tell from")
            for _ in range(2):
                cursor.execute("SELECT * FROM andon.counts('b') ORDER BY status")
                told = cursor.fetchall()
                cursor.execute("SELECT status, count(*) FROM b GROUP BY status ORDER BY status")
                self.assertEqual(cursor.fetchall(), told)

    def until_stopped(self, work, number):
        try:
            with self.direct(autocommit=False) as connection:
                step = 0
                while not self.stopping.is_set():
                    work(connection, number, step)
                    step += 1
        except Exception as error:      # shown by the test
            self.failures.append(repr(error))

    def fold(self, connection, _number, _step):
        connection.autocommit = True
        connection.cursor().execute("SELECT andon.maintain()")
        self.folds += 1

    def write(self, connection, number, step):
        """Own orders only, in all ways of ending: commit, rollback, savepoint, prepare."""
        cursor = connection.cursor()
        first = number * 60 + step % 50 + 1
        ending = step % 5
        if ending == 4:
            cursor.execute("SET LOCAL andon.notify = off")
        cursor.execute("UPDATE orders SET status = 'S' || (id + %s) %% 5 WHERE id BETWEEN %s AND %s",
                       (step, first, first + 3))
        if ending == 3:
            cursor.execute("SAVEPOINT s")
            cursor.execute("DELETE FROM orders WHERE id BETWEEN %s AND %s", (first, first + 1))
            cursor.execute("ROLLBACK TO s")
            cursor.execute("UPDATE orders SET status = 'T' WHERE id = %s", (first,))
        if ending == 4:
            cursor.execute("PREPARE TRANSACTION 'writer %d'" % number)
            connection.rollback()
            with self.direct() as other:
                other.cursor().execute("COMMIT PREPARED 'writer %d'" % number)
        elif ending == 2:
            connection.rollback()
        else:
            connection.commit()
