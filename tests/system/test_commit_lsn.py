"""Each commit that wrote tells its client where it ended in the WAL.

The message must be there when the reply is, whatever else the reply carries:
rows still in the send buffer, several statements in one message, more rows than
the buffer holds. Reads, rollbacks and failed statements send nothing.
"""

import os
import select
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from pgwire import Bind, Execute, Parse, Sync, Wire  # noqa: E402
from programs import wait_until  # noqa: E402
from testcase import ClusterTestCase  # noqa: E402

PARAMETER = "andon.commit_lsn"


class CommitLsn(ClusterTestCase):
    def setUp(self):
        self.connection = self.cluster.primary.connect(self.dbname)
        self.addCleanup(self.connection.close)
        self.cursor = self.connection.cursor()

    def reported(self):
        return self.connection.info.parameter_status(PARAMETER)

    def run_sql(self, sql):
        """The parameter after the statements, and whether they moved it."""
        before = self.reported()
        self.cursor.execute(sql)
        return self.reported(), self.reported() != before

    def last_commit(self):
        self.cursor.execute("SELECT andon.last_commit_lsn()::text")
        return self.cursor.fetchone()[0]

    @classmethod
    def prepare(cls):
        with cls.cluster.primary.connect(cls.dbname) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE t (id int, filler text)")

    def test_silent_until_asked(self):
        self.run_sql("SELECT andon.version()")
        self.assertFalse(self.run_sql("INSERT INTO t VALUES (1)")[1])
        self.assertIsNone(self.reported())

    def test_answers_when_enabled(self):
        self.cursor.execute("SELECT andon.enable_commit_lsn()")
        self.assertEqual(self.reported(), self.cursor.fetchone()[0])

    def test_reports_what_committed(self):
        self.cursor.execute("SELECT andon.enable_commit_lsn()")
        for sql in ("INSERT INTO t VALUES (1)",
                    "INSERT INTO t SELECT g, repeat('x', 100) FROM generate_series(1, 500) g RETURNING *",
                    "INSERT INTO t VALUES (2); SELECT * FROM t",
                    "BEGIN; UPDATE t SET id = id + 1; COMMIT",
                    "SELECT * FROM t; DELETE FROM t WHERE id = 3",
                    "TRUNCATE t"):
            with self.subTest(sql):
                lsn, moved = self.run_sql(sql)
                self.assertTrue(moved)
                self.assertEqual(lsn, self.last_commit())

    def test_buffer_that_is_full(self):
        """Guards: the message where rows have left less room in the send buffer (8 kB) than it takes, and any more."""
        self.cursor.execute("SELECT andon.enable_commit_lsn()")
        for length in range(7800, 8200, 7):
            lsn, moved = self.run_sql("INSERT INTO t VALUES (1, repeat('x', %d)) RETURNING filler" % length)
            self.assertEqual(self.cursor.fetchone()[0], "x" * length)
            self.assertTrue(moved, length)
            self.assertEqual(lsn, self.last_commit(), length)

    def test_nothing_is_told_before_the_commit(self):
        """Guards: CommandComplete of a commit that still waits for a standby: drivers take it for done (Postgres.js)."""
        primary = self.cluster.primary
        with Wire(primary.port, self.dbname) as wire:
            wire.query("SELECT andon.enable_commit_lsn()")
            self.addCleanup(lambda: primary.configure(synchronous_standby_names="").reload())
            primary.configure(synchronous_standby_names="nobody").reload()
            wait_until(lambda: wire.query("SHOW synchronous_standby_names")[1] == "D nobody", what="the setting")
            before = wire.parameters[PARAMETER]
            wire.send(Parse("", "INSERT INTO t VALUES (7) RETURNING id"), Bind("", ""), Execute(), Sync())
            wait_until(lambda: primary.query("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"),
                       what="the commit to wait")
            self.assertEqual(select.select([wire.socket], [], [], 0)[0], [])
            primary.configure(synchronous_standby_names="").reload()
            self.assertEqual(wire.read_words(), ["1", "2", "D 7", "C INSERT 0 1", "Z I"])
            self.assertNotEqual(wire.parameters[PARAMETER], before)

    def test_nothing_for_what_did_not_commit(self):
        self.cursor.execute("SELECT andon.enable_commit_lsn()")
        self.run_sql("INSERT INTO t VALUES (1)")
        for sql in ("SELECT count(*) FROM t",
                    "BEGIN; SELECT 1; COMMIT",
                    "BEGIN; INSERT INTO t VALUES (9); ROLLBACK"):
            with self.subTest(sql):
                self.assertFalse(self.run_sql(sql)[1])

    def test_off_again(self):
        self.cursor.execute("SELECT andon.enable_commit_lsn(); SET andon.report_commit_lsn = off")
        self.assertFalse(self.run_sql("INSERT INTO t VALUES (1)")[1])


if __name__ == "__main__":
    unittest.main()
