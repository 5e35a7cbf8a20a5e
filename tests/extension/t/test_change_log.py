"""The change log: its partitions while others write and read, crashes, replicas, dump and restore."""

import contextlib
import os
import sys
import threading

import psycopg2

from programs import wait_until
from testcase import ClusterTestCase

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "system"))

from board_fuzz import check_log  # noqa: E402

SCHEMA = """
    CREATE TABLE orders (id int PRIMARY KEY, status text NOT NULL);
    INSERT INTO orders SELECT i, 'NEW' FROM generate_series(1, 50) i;
    SELECT andon.create_board('public.b', 'SELECT id, status FROM orders WHERE status <> ''CLOSED''', '{id}', 'status');
"""

PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'andon.change'::regclass"

OLD_PARTITION = """
    CREATE TABLE andon.change_20200101 (LIKE andon.change);
    ALTER TABLE andon.change ATTACH PARTITION andon.change_20200101
        FOR VALUES FROM ('2020-01-01 00:00:00+00') TO ('2020-01-02 00:00:00+00')
"""


class Definition:
    """What check_log() wants to know."""
    key = ["id"]
    status = "status"


def partitions(connection):
    cursor = connection.cursor()
    cursor.execute(PARTITIONS)
    return {name for name, in cursor.fetchall()}


class ChangeLogPartitions(ClusterTestCase):
    @classmethod
    def prepare(cls):
        cls.sql(SCHEMA)

    def test_a_writer_in_the_default_partition(self):
        """Guards: what cannot be locked in time is left for the next call, and nobody waits for maintain()."""
        with self.direct() as writer, self.direct(autocommit=False) as slow, self.direct() as caretaker:
            slow.cursor().execute("UPDATE orders SET status = 'SLOW' WHERE id = 1")
            caretaker.cursor().execute("SELECT andon.maintain()")
            self.assertIn("the change log could not be locked in time", "".join(caretaker.notices))
            self.assertEqual({"andon.change_default"}, partitions(writer))
            writer.cursor().execute("UPDATE orders SET status = 'QUICK' WHERE id = 2")
            slow.commit()
            caretaker.cursor().execute("SELECT andon.maintain()")
            self.assertEqual(4, len(partitions(writer)))
            self.assertEqual([], check_log(writer.cursor(), "b", Definition))

    def test_dropping_while_others_write_and_read(self):
        """Guards: a long writer does not hold up the drop of an old partition, a long reader is not waited for."""
        with self.direct() as control, self.direct(autocommit=False) as writer, self.direct(autocommit=False) as reader:
            control.cursor().execute("SELECT andon.maintain()")
            control.cursor().execute(OLD_PARTITION)
            reader.cursor().execute("SELECT count(*) FROM andon.transition")
            control.cursor().execute("SELECT andon.maintain()")
            self.assertIn("andon.change_20200101", partitions(control))
            reader.rollback()
            writer.cursor().execute("DELETE FROM orders WHERE id = 3")
            # on a day of its own the writer has no business in the default partition
            if "andon.change_default" not in self.locked_by(control, writer):
                control.cursor().execute("SELECT andon.maintain()")
                self.assertNotIn("andon.change_20200101", partitions(control))
            writer.commit()
            control.cursor().execute("SELECT andon.maintain()")
            self.assertNotIn("andon.change_20200101", partitions(control))

    def locked_by(self, control, other):
        cursor = control.cursor()
        cursor.execute("SELECT relation::regclass::text FROM pg_locks WHERE pid = %s AND relation IS NOT NULL",
                       (other.info.backend_pid,))
        return {name for name, in cursor.fetchall()}


class ChangeLogRace(ClusterTestCase):
    @classmethod
    def prepare(cls):
        cls.sql(SCHEMA)

    def test_a_row_of_the_default_partition_that_is_committed_meanwhile(self):
        """Guards: such a row keeps today's partition from being attached; that is no error, and nobody's fault."""
        errors = []
        with self.direct() as control, self.direct(autocommit=False) as writer, self.direct() as caretaker:
            writer.cursor().execute("UPDATE orders SET status = 'CUT' WHERE id = 1")

            def maintain():
                try:
                    caretaker.cursor().execute("SELECT andon.maintain()")
                except psycopg2.Error as error:
                    errors.append(error)

            def waits():
                cursor = control.cursor()
                cursor.execute("SELECT FROM pg_locks WHERE pid = %s AND NOT granted", (caretaker.info.backend_pid,))
                return cursor.rowcount > 0

            thread = threading.Thread(target=maintain)
            thread.start()
            wait_until(lambda: waits() or not thread.is_alive(), what="maintain() to meet the writer")
            writer.commit()
            thread.join()
            self.assertEqual([], errors)
            self.assertEqual([], check_log(control.cursor(), "b", Definition))


class ChangeLogDump(ClusterTestCase):
    @classmethod
    def prepare(cls):
        cls.sql(SCHEMA)

    def test_dump_and_restore(self):
        """Guards: history survives a dump, partitions and all, and goes on in the new database."""
        self.sql("UPDATE orders SET status = 'CUT' WHERE id = 1")
        self.sql("SELECT andon.maintain()")
        self.sql(OLD_PARTITION)
        self.sql("UPDATE orders SET status = 'SET' WHERE id = 1")
        self.sql("SELECT andon.create_board('public.gone', 'SELECT id, status FROM orders', '{id}', 'status')")
        self.sql("UPDATE orders SET status = 'CUT' WHERE id = 2")
        self.sql("SELECT andon.drop_board('gone')")
        host = self.cluster.rundir.file("sock")
        port = str(self.cluster.primary.port)
        path = self.cluster.rundir.file("log.dump")
        self.cluster.create_database("restored", extension=False)
        self.cluster.tool("pg_dump", "-Fc", "-f", path, "-h", host, "-p", port, "-U", "postgres", self.dbname)
        self.cluster.tool("pg_restore", "--exit-on-error", "-h", host, "-p", port, "-U", "postgres", "-d", "restored", path)
        trace = "SELECT from_status, to_status FROM andon.trace('b', '1')"
        self.assertEqual([("NEW", "CUT"), ("CUT", "SET")], self.cluster.primary.query(trace, dbname="restored"))
        with contextlib.closing(self.cluster.primary.connect("restored")) as restored:
            self.assertIn("andon.change_20200101", partitions(restored))
            restored.cursor().execute("UPDATE orders SET status = 'DONE' WHERE id = 1")
            self.assertEqual([], check_log(restored.cursor(), "b", Definition))
        self.assertEqual(("SET", "DONE"), self.cluster.primary.query(trace, dbname="restored")[-1])


class ChangeLogCrash(ClusterTestCase):
    cluster_options = {"replicas": 1}

    @classmethod
    def prepare(cls):
        cls.sql(SCHEMA)

    def test_crash_under_load(self):
        """Guards: log and board are one transaction: after kill -9 the one, replayed, gives the other."""
        for _ in range(3):
            before = self.sql("SELECT count(*) FROM andon.change")[0][0]
            writers = [threading.Thread(target=self.write, args=(first,)) for first in (1, 11, 21, 31)]
            for writer in writers:
                writer.start()
            wait_until(lambda: self.sql("SELECT count(*) FROM andon.change")[0][0] > before + 200)
            self.cluster.primary.kill9()
            for writer in writers:
                writer.join()
            self.cluster.primary.start()
            with self.direct() as connection:
                self.assertEqual([], check_log(connection.cursor(), "b", Definition))

    def write(self, first):
        """Its own ten orders, in transactions of two changes, until the server is gone."""
        try:
            with self.direct(autocommit=False) as connection:
                cursor = connection.cursor()
                for number in range(10**6):
                    cursor.execute("UPDATE orders SET status = %s WHERE id = %s",
                                   ("CLOSED" if number % 3 else "S%d" % number, first + number % 10))
                    cursor.execute("UPDATE orders SET status = %s WHERE id = %s",
                                   ("T%d" % number, first + (number + 3) % 10))
                    connection.commit()
        except psycopg2.Error:
            pass

    def test_on_a_replica(self):
        """Guards: the log is read on replicas, and cared for on the primary only."""
        self.sql("UPDATE orders SET status = 'REPLICA' WHERE id = 50")
        self.cluster.wait_caught_up()
        with self.direct(self.cluster.replicas[0]) as replica:
            cursor = replica.cursor()
            cursor.execute("SELECT to_status FROM andon.trace('b', '50') ORDER BY at DESC LIMIT 1")
            self.assertEqual("REPLICA", cursor.fetchone()[0])
            cursor.execute("SELECT count(*) FROM andon.dwell('b', '1 day')")
            with self.assertRaises(psycopg2.errors.ReadOnlySqlTransaction):
                cursor.execute("SELECT andon.maintain()")
