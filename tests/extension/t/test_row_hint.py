"""Where rows of a board were seen last (base/row_hint.c): backends tell each other; a wrong hint does no harm."""

from pgcluster import fetch
from testcase import ClusterTestCase

ROWS = 200
SCHEMA = """
    CREATE TABLE orders (id int PRIMARY KEY, status text NOT NULL);
    INSERT INTO orders SELECT i, 'NEW' FROM generate_series(1, %d) i;
    SELECT andon.create_board('public.b', 'SELECT id, status FROM orders', '{id}', 'status')
""" % ROWS
INDEX_SCANS = "SELECT idx_scan FROM pg_stat_user_indexes WHERE schemaname = 'public' AND indexrelname = 'b_pkey'"


class RowHint(ClusterTestCase):
    cluster_options = {"settings": {"shared_preload_libraries": "andon"}}

    @classmethod
    def prepare(cls):
        cls.sql(SCHEMA)

    def change_each(self, status):
        """In a backend of its own."""
        with self.direct() as connection:
            for number in range(1, ROWS + 1):
                fetch(connection, "UPDATE orders SET status = %s WHERE id = %s", (status, number))
            fetch(connection, "SELECT pg_stat_force_next_flush()")

    def assert_right(self, status):
        self.assertEqual([], self.sql("SELECT * FROM andon.check_board('b')"))
        self.assertEqual([(status, ROWS)], self.sql("SELECT status, count(*) FROM b GROUP BY 1"))

    def test_shared(self):
        """Guards: what one backend has written another finds without the index."""
        self.change_each("CUT")
        before, = self.sql(INDEX_SCANS)[0]
        self.change_each("SET")
        self.assertLess(self.sql(INDEX_SCANS)[0][0] - before, ROWS // 2)
        self.assert_right("SET")

    def test_wrong(self):
        """Guards: hints that outlive a rewrite, a rollback, and rows whose places others have now."""
        for number, what in enumerate((
                "VACUUM FULL b", "VACUUM b", "BEGIN; UPDATE orders SET status = 'LOST'; ROLLBACK",
                "UPDATE orders SET id = -id; UPDATE orders SET id = %d + 1 + id" % ROWS,
                "DELETE FROM orders; INSERT INTO orders SELECT %d - i, 'NEW' FROM generate_series(0, %d) i" %
                (ROWS, ROWS - 1))):
            with self.subTest(what):
                self.change_each("CUT")
                with self.direct() as connection:
                    for statement in what.split("; "):
                        fetch(connection, statement)
                self.change_each("DONE%d" % number)
                self.assert_right("DONE%d" % number)
