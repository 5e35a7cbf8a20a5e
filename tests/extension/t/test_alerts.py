"""Alerts and the view overdue, on a server that preloads the library, and on its replica, among writers."""

import json
import threading

from programs import wait_until
from testcase import ClusterTestCase

SCHEMA = """
    CREATE TABLE orders (id int PRIMARY KEY, status text NOT NULL);
    INSERT INTO orders SELECT i, 'S' || i % 3 FROM generate_series(1, 120) i;
    SELECT andon.create_board('public.b', 'SELECT id, status FROM orders WHERE status <> ''S2''', '{id}', 'status');
    SELECT andon.set_sla('b', 'S0', '1 microsecond', 'critical');
    SELECT andon.set_sla('b', 'S1', '30 days');
"""

WRITERS = 4
STEPS = 60

OPEN = "SELECT key->>'id', status, since FROM andon.alert WHERE closed IS NULL"
OVERDUE = "SELECT key->>'id', status, since FROM andon.overdue"
OVERDUE_BY_HAND = "SELECT id::text, status, andon_since FROM b WHERE status = 'S0'"


class Alerts(ClusterTestCase):
    cluster_options = {"replicas": 1, "settings": {"shared_preload_libraries": "andon"}}

    @classmethod
    def prepare(cls):
        cls.sql(SCHEMA)

    def watch(self):
        self.sql("SELECT andon.maintain()")

    def test_among_writers(self):
        """Guards: whatever commits while rounds run, the next round has one open alert per stay that is overdue,
        each opening and closing was announced, and the replica says the same."""
        events, listener = [], self.cluster.primary.connect(self.dbname)
        self.addCleanup(listener.close)
        listener.cursor().execute("LISTEN andon_alert")
        writers = [threading.Thread(target=self.write, args=(number,)) for number in range(WRITERS)]
        for thread in writers:
            thread.start()
        while any(thread.is_alive() for thread in writers):
            self.watch()
            self.collect(listener, events)
        for thread in writers:
            thread.join()
        wait_until(self.is_settled)
        self.assertEqual(sorted(self.sql(OVERDUE_BY_HAND)), sorted(self.sql(OVERDUE)))
        self.assertEqual([], self.sql("SELECT key, since, count(*) FROM andon.alert GROUP BY 1, 2 HAVING count(*) > 1"))

        self.cluster.wait_caught_up()
        replica = self.cluster.replicas[0]
        for query in (OPEN, OVERDUE):
            self.assertEqual(sorted(self.sql(query)), sorted(replica.query(query, dbname=self.dbname)))

        told = self.sql("SELECT count(*) + count(closed) FROM andon.alert")[0][0]
        wait_until(lambda: self.collect(listener, events) or len(events) >= told)
        opened = [event for event in events if event["event"] == "opened"]
        self.assertEqual(told, len(events))
        self.assertEqual(self.sql("SELECT count(*) FROM andon.alert")[0][0], len(opened))
        self.assertEqual({"critical"}, {event["severity"] for event in opened})

    def is_settled(self):
        self.watch()
        return sorted(self.sql(OPEN)) == sorted(self.sql(OVERDUE))

    def collect(self, listener, events):
        listener.poll()
        while listener.notifies:
            payload = json.loads(listener.notifies.pop(0).payload)
            self.assertEqual("public.b", payload["board"])
            events.extend(payload["alerts"])

    def write(self, number):
        """Own orders only; some steps stay uncommitted over several rounds, some are rolled back."""
        with self.direct(autocommit=False) as connection:
            cursor = connection.cursor()
            for step in range(STEPS):
                first = number * 30 + step % 25 + 1
                cursor.execute("UPDATE orders SET status = 'S' || (id + %s) %% 3 WHERE id BETWEEN %s AND %s",
                               (step, first, first + 4))
                if step % 7 == 6:
                    connection.rollback()
                elif step % 3 == 2:
                    connection.commit()
            connection.commit()

    def test_worker_watches(self):
        """Guards: alerts open and close though nobody calls andon.maintain(). Rounds of the worker, which runs no
        statement of a client's, failed for want of a snapshot."""
        self.sql("CREATE TABLE jobs (id int PRIMARY KEY, status text); INSERT INTO jobs VALUES (1, 'NEW')")
        self.sql("SELECT andon.create_board('public.jobs_board', 'SELECT id, status FROM jobs', '{id}', 'status')")
        self.sql("SELECT andon.set_sla('jobs_board', 'NEW', '1 microsecond')")
        alerts = "SELECT closed IS NOT NULL FROM andon.alert WHERE board = 'jobs_board'::regclass"
        wait_until(lambda: self.sql(alerts) == [(False,)], what="the worker to open an alert")
        self.sql("UPDATE jobs SET status = 'CUT'")
        wait_until(lambda: self.sql(alerts) == [(True,)], what="the worker to close it")
        self.sql("SELECT andon.drop_board('jobs_board')")

    def test_replica_knows_without_a_watcher(self):
        """Guards: a deadline that has just been set shows on the replica although nobody has opened an alert."""
        self.sql("CREATE TABLE parts (id int PRIMARY KEY, status text); INSERT INTO parts VALUES (1, 'NEW')")
        self.sql("SELECT andon.create_board('public.parts_board', 'SELECT id, status FROM parts', '{id}', 'status')")
        self.sql("SELECT andon.set_sla('parts_board', 'NEW', '1 microsecond')")
        self.cluster.wait_caught_up()
        query = "SELECT key, dwell > max_dwell FROM andon.overdue WHERE board = 'parts_board'::regclass"
        self.assertEqual([({"id": 1}, True)], self.cluster.replicas[0].query(query, dbname=self.dbname))
        self.sql("SELECT andon.drop_board('parts_board')")

    def test_reads_by_index(self):
        """Guards: rounds and the view read the board by its index on status and andon_since, however large it is."""
        self.sql("CREATE TABLE many (id int PRIMARY KEY, status text);"
                 "INSERT INTO many SELECT i, CASE WHEN i % 1000 = 0 THEN 'LATE' ELSE 'FINE' END"
                 " FROM generate_series(1, 20000) i")
        self.sql("SELECT andon.create_board('public.large', 'SELECT id, status FROM many', '{id}', 'status')")
        self.sql("SELECT andon.set_sla('large', 'LATE', '1 microsecond'); SELECT andon.set_sla('large', 'FINE', '1 day')")
        self.sql("ANALYZE large")
        with self.direct() as connection:
            cursor = connection.cursor()
            before = self.scans(cursor)
            self.watch()
            cursor.execute("SELECT count(*) FROM andon.overdue WHERE board = 'large'::regclass")
            self.assertEqual((20,), cursor.fetchone())
            wait_until(lambda: self.scans(cursor)[1] >= before[1] + 4)
            self.assertEqual(before[0], self.scans(cursor)[0], "sequential scans")
            self.assertLess(self.scans(cursor)[2] - before[2], 5000, "rows read")
        self.sql("SELECT andon.drop_board('large')")

    @staticmethod
    def scans(cursor):
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("""SELECT s.seq_scan, i.idx_scan, i.idx_tup_read FROM pg_stat_all_tables s
                          JOIN pg_stat_all_indexes i ON i.relid = s.relid AND i.indexrelname ~ 'since'
                          WHERE s.relname = 'large'""")
        return cursor.fetchone()
