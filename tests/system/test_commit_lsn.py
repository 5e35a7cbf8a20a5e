"""Each commit that wrote tells its client where it ended in the WAL.

The message must be there when the reply is, whatever else the reply carries:
rows still in the send buffer, several statements in one message, more rows than
the buffer holds. Reads, rollbacks and failed statements send nothing.
"""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

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
