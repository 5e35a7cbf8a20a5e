"""What the router knows of the catalog follows the catalog, with the extension in the database.

facts_interval is a day here: whatever the router learns after its first look it
learns because the extension tells it. DDL goes past the router, as migrations do.
"""

import contextlib
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from pgcluster import fetch  # noqa: E402
from programs import wait_until  # noqa: E402
from routercase import RouterTestCase  # noqa: E402

SETUP = """
CREATE TABLE log (what text);
CREATE FUNCTION act() RETURNS int LANGUAGE sql AS $$ INSERT INTO log VALUES ('act'); SELECT 1 $$;
CREATE FUNCTION f() RETURNS int STABLE LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION g(int) RETURNS int STABLE LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION plus(int, int) RETURNS int STABLE LANGUAGE sql AS 'SELECT 1';
CREATE OPERATOR @#@ (LEFTARG = int, RIGHTARG = int, FUNCTION = plus);
CREATE VIEW v AS SELECT id FROM t;
CREATE TABLE policed (id int);
ALTER TABLE policed ENABLE ROW LEVEL SECURITY;
CREATE POLICY known ON policed USING (id > 0);
CREATE TABLE logged (id int);
CREATE TABLE parent (id int) PARTITION BY RANGE (id);
CREATE TABLE plain (id int);
CREATE DOMAIN d AS int;
CREATE SCHEMA other;
"""

# What makes a write of a read, and the read.
CHANGES = [
    ("CREATE OR REPLACE FUNCTION f() RETURNS int VOLATILE LANGUAGE sql AS 'SELECT act()'", "SELECT f()"),
    ("ALTER FUNCTION g(int) VOLATILE", "SELECT g(1)"),
    ("CREATE OR REPLACE VIEW v AS SELECT id FROM t WHERE act() = 1", "SELECT * FROM v"),
    ("CREATE POLICY acting ON policed AS RESTRICTIVE USING (act() = 1)", "SELECT * FROM policed"),
    ("ALTER TABLE logged SET UNLOGGED", "SELECT * FROM logged"),
    ("CREATE UNLOGGED TABLE part PARTITION OF parent FOR VALUES FROM (0) TO (9)", "SELECT * FROM parent"),
    ("ALTER DOMAIN d ADD CHECK (act() = VALUE)", "SELECT 1::d"),
    ("CREATE FUNCTION other.lower(text) RETURNS text VOLATILE LANGUAGE sql AS 'SELECT act()::text'", "SELECT lower('A')"),
    ("CREATE UNLOGGED TABLE other.plain (id int)", "SELECT * FROM plain"),
    ("ALTER FUNCTION plus(int, int) VOLATILE", "SELECT 1 @#@ 2"),
    ("CREATE FUNCTION t_id(t) RETURNS int VOLATILE LANGUAGE sql AS 'SELECT act()'", "SELECT t.t_id FROM t"),
]


class FactsFollow(RouterTestCase):
    router_options = {"facts_interval": "1d", "replica_wait": "20s", "workers": 2}

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.sql(SETUP)

    def setUp(self):
        super().setUp()
        self.console = self.enterContext(contextlib.closing(self.router.connect("andon")))

    def route(self, sql):
        return fetch(self.console, "EXPLAIN ROUTE %s '%s'" % (self.dbname, sql.replace("'", "''")))[0][1]

    def reads_on_replicas(self):
        with self.client() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT here()")
            return cursor.fetchone()[0] in self.replica_names()

    def listeners(self):
        return self.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'andon-monitor'"
                        " AND datname = current_database()")[0][0]

    def test_reads_that_become_writes(self):
        """Guards: a read that DDL makes a write goes to the primary as soon as the extension has told of the DDL."""
        for ddl, read in CHANGES:
            with self.subTest(ddl):
                self.assertEqual(self.route(read), "replica")
        for ddl, _ in CHANGES:
            self.sql(ddl)
        for ddl, read in CHANGES:
            with self.subTest(ddl):
                wait_until(lambda: self.route(read) == "primary", what="%s to go to the primary" % read)
        wait_until(self.reads_on_replicas, what="reads to go to replicas again")

    def test_what_was_not_known(self):
        """Guards: a new table is read on replicas without anybody having had to ask for it before."""
        self.sql("CREATE TABLE new_one (a int)")
        wait_until(lambda: self.route("SELECT * FROM new_one") == "replica", what="the new table to be known")

    def test_temporary_and_rolled_back(self):
        """Guards: temporary tables, and DDL that does not commit, are told to nobody."""
        with self.direct() as listener:
            fetch(listener, 'LISTEN "andon.catalog"')
            with self.direct() as connection:
                fetch(connection, "CREATE TEMP TABLE x (a int)")
                fetch(connection, "CREATE TEMP VIEW y AS SELECT * FROM x")
                fetch(connection, "BEGIN; CREATE TABLE not_there (a int); ROLLBACK")
                fetch(connection, "CREATE INDEX ON t (v)")
                fetch(connection, "DROP TABLE x CASCADE")
                fetch(connection, "NOTIFY \"andon.catalog\", 'the last'")
            wait_until(lambda: listener.poll() or listener.notifies, what="the last notification")
            self.assertEqual([notify.payload for notify in listener.notifies], ["the last"])

    def test_ddl_can_be_prepared(self):
        """Guards: PREPARE TRANSACTION of DDL works, as it does without the extension."""
        with self.direct() as connection:
            fetch(connection, "BEGIN; CREATE TABLE prepared_one (a int); PREPARE TRANSACTION 'ddl'")
            fetch(connection, "COMMIT PREPARED 'ddl'")

    def test_listener_that_is_lost(self):
        """Guards: what was told while nobody listened is looked up when somebody does again."""
        wait_until(lambda: self.listeners() == 1, what="the router to listen")
        self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'andon-monitor'"
                 " AND datname = current_database()")
        self.sql("CREATE TABLE made_meanwhile (a int)")
        wait_until(lambda: self.route("SELECT * FROM made_meanwhile") == "replica", what="the table to be known")

    def test_pause_leaves_the_database(self):
        """Guards: a paused database has no connection of the router's, this one included."""
        wait_until(lambda: self.listeners() == 1, what="the router to listen")
        fetch(self.console, "PAUSE " + self.dbname)
        wait_until(lambda: self.listeners() == 0, what="the listener to leave")
        self.sql("CREATE TABLE made_in_pause (a int)")
        fetch(self.console, "RESUME " + self.dbname)
        wait_until(lambda: self.route("SELECT * FROM made_in_pause") == "replica", what="the table to be known")


class FactsOfSessions(RouterTestCase):
    """Without the extension: DDL that goes through the router is known all the same."""

    extension = False
    router_options = {"facts_interval": "1d", "replica_wait": "20s"}

    def test_ddl_of_another_session(self):
        """Guards: what one session has changed is known to the others, long before facts_interval."""
        self.sql("CREATE FUNCTION f() RETURNS text STABLE LANGUAGE sql AS 'SELECT here()'")
        with self.client() as one, self.client() as two:
            def where():
                return fetch(two, "SELECT f()")[0][0]

            fetch(one, "CREATE TABLE any_table (a int)")
            wait_until(lambda: where() in self.replica_names(), what="f() to be known")
            fetch(one, "ALTER FUNCTION f() VOLATILE")
            wait_until(lambda: where() == self.primary_name, what="f() to be known as volatile")
            fetch(one, "ALTER FUNCTION f() STABLE")
            wait_until(lambda: where() in self.replica_names(), what="f() to be a read again")
