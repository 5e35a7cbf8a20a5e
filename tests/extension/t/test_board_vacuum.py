"""The worker vacuums busy boards where autovacuum would come too late, and where it may."""

import contextlib

from pgcluster import fetch
from programs import wait_until
from testcase import ClusterTestCase

BOARDS = ("off", "busy")     # in the order in which the worker looks at them
ROWS = 500
ROUNDS = 50                  # ROWS * ROUNDS dead rows are enough for one vacuum, not for two

SCHEMA = """
    CREATE TABLE orders_%(name)s (id int PRIMARY KEY, status text NOT NULL);
    INSERT INTO orders_%(name)s SELECT i, 'NEW' FROM generate_series(1, %(rows)d) i;
    SELECT andon.create_board('public.%(name)s', 'SELECT id, status FROM orders_%(name)s', '{id}', 'status',
                              NULL, '{"log": "off"}')
"""

CHANGE = "UPDATE orders_%s SET status = CASE status WHEN 'NEW' THEN 'CUT' ELSE 'NEW' END"


class BoardVacuum(ClusterTestCase):
    cluster_options = {"settings": {"shared_preload_libraries": "andon", "autovacuum_naptime": "1h",
                                    "andon.notify": "off"}}

    @classmethod
    def prepare(cls):
        for name in BOARDS:
            cls.sql(SCHEMA % {"name": name, "rows": ROWS})

    def change(self, name):
        with contextlib.closing(self.cluster.primary.connect(self.dbname)) as connection:
            for _ in range(ROUNDS):
                fetch(connection, CHANGE % name)

    def vacuums(self, name):
        return self.sql("SELECT vacuum_count FROM pg_stat_all_tables WHERE relid = '%s'::regclass" % name)[0][0]

    def wait_vacuums(self, name, count):
        wait_until(lambda: self.vacuums(name) >= count, what="vacuum %d of board %s" % (count, name))

    def test_life(self):
        """Guards: the owner's wish; a vacuum clears what is dead; none comes for nothing while a snapshot is held."""
        self.sql("ALTER TABLE off SET (autovacuum_enabled = false)")
        self.change("off")
        self.change("busy")
        self.wait_vacuums("busy", 1)
        self.assertEqual(0, self.vacuums("off"))
        with contextlib.closing(self.cluster.primary.connect(self.dbname, autocommit=False)) as old:
            old.set_session(isolation_level="REPEATABLE READ")
            fetch(old, "SELECT count(*) FROM busy")
            before = self.vacuums("busy")
            for count in (1, 2):
                self.change("busy")
                self.wait_vacuums("busy", before + count)
            self.assertEqual(before + 2, self.vacuums("busy"))
        self.assertEqual([], self.sql("SELECT * FROM andon.check_board('busy')"))
        self.sql("ALTER TABLE off RESET (autovacuum_enabled)")
        self.wait_vacuums("off", 1)
