"""ALTER EXTENSION UPDATE: who comes from an older version has what a new installation has."""

import difflib
import glob
import os
import re

from programs import TOP, product_version
from testcase import ClusterTestCase

OLDEST = "0.1.0"

# What the oldest version could do, on a shop floor of three tables.
SCHEMA = """
    CREATE TABLE customers (id int PRIMARY KEY, name text);
    CREATE TABLE orders (id int PRIMARY KEY, customer_id int, status text NOT NULL);
    CREATE TABLE items (id int PRIMARY KEY, order_id int, price numeric);
    INSERT INTO customers VALUES (1, 'Ada'), (2, 'Bo');
    INSERT INTO orders VALUES (1, 1, 'NEW'), (2, 2, 'CUT'), (3, 1, 'DONE');
    INSERT INTO items VALUES (1, 1, 10), (2, 2, 20);
    SELECT andon.create_board('public.b', $$
        SELECT o.id, o.status, c.name, (SELECT sum(i.price) FROM items i WHERE i.order_id = o.id) AS total
        FROM orders o LEFT JOIN customers c ON c.id = o.customer_id WHERE o.status <> 'DONE' $$,
        '{id}', 'status', 'total DESC');
    -- the library of that version made this one too
    CREATE INDEX ON b (status, andon_since)
"""

CHANGES = """
    UPDATE orders SET status = 'SET' WHERE id = 1;
    UPDATE orders SET status = 'NEW' WHERE id = 3;
    UPDATE customers SET name = name || '!';
    INSERT INTO orders VALUES (4, 2, 'NEW');
    DELETE FROM items WHERE order_id = 2;
    DELETE FROM orders WHERE id = 2
"""

BOARD = "SELECT id, status, name, total, andon_version FROM b ORDER BY id"
AFTER = [(1, "SET", "Ada!", 10), (3, "NEW", "Ada!", None), (4, "NEW", "Bo!", None)]


class Upgrade(ClusterTestCase):
    extension = False

    def new_database(self, name):
        self.cluster.create_database(name, extension=False)
        return name

    def query(self, dbname, sql):
        return self.cluster.primary.query(sql, dbname=dbname)

    def members(self, dbname):
        """Every object of the extension as the text that would make it, without OIDs."""
        dump = self.cluster.tool(
            "pg_dump", "--schema-only", "--binary-upgrade", "-h", self.cluster.rundir.file("sock"),
            "-p", str(self.cluster.primary.port), "-U", "postgres", dbname)
        dump = re.sub(r"(?m)^-- For binary upgrade, must preserve .*\n(SELECT .*\n)+", "", dump)
        varies = re.compile(r"SELECT pg_catalog\.binary_upgrade_(create_empty_extension|set_missing_value)|"
                            r"-- set missing value|\\(un)?restrict|SET relfro|WHERE oid = '\d")
        return [line for line in dump.splitlines() if line and not varies.match(line)]

    def test_same_objects(self):
        """Guards: an upgraded database has the functions, columns, views, privileges and comments of a fresh one."""
        fresh, upgraded = self.new_database("fresh"), self.new_database("upgraded")
        self.query(fresh, "CREATE EXTENSION andon")
        self.query(upgraded, "CREATE EXTENSION andon VERSION '%s'" % OLDEST)
        self.query(upgraded, "ALTER EXTENSION andon UPDATE")
        had, wanted = self.members(upgraded), self.members(fresh)
        self.assertTrue(any("create_board" in line for line in wanted))
        differences = list(difflib.unified_diff(had, wanted, "upgraded", "fresh", lineterm="", n=8))
        self.assertFalse(differences, "\n".join(differences))
        configuration = """
            SELECT c.oid::regclass::text, condition FROM pg_extension, unnest(extconfig, extcondition) x (oid, condition)
            JOIN pg_class c ON c.oid = x.oid WHERE extname = 'andon' ORDER BY 1"""
        self.assertEqual(self.query(upgraded, configuration), self.query(fresh, configuration))

    def test_boards_go_on(self):
        """Guards: boards made under the old version are maintained before and after the update, and can be dropped."""
        for update_first in (False, True):
            with self.subTest(update_first=update_first):
                dbname = self.new_database("boards_%s" % update_first)
                self.query(dbname, "CREATE EXTENSION andon VERSION '%s'" % OLDEST)
                self.query(dbname, SCHEMA)
                if update_first:
                    self.query(dbname, "ALTER EXTENSION andon UPDATE")
                self.query(dbname, CHANGES)
                self.assertEqual([row[:4] for row in self.query(dbname, BOARD)], AFTER)
                if not update_first:
                    self.query(dbname, "ALTER EXTENSION andon UPDATE")
                self.query(dbname, "UPDATE orders SET status = status || '.'")
                self.assertEqual(self.query(dbname, "SELECT * FROM andon.check_board('b')"), [])
                self.assertEqual(self.query(dbname, "SELECT state, why FROM andon.boards"), [("ok", None)])
                self.assertEqual(self.query(dbname, "SELECT count(*) FROM pg_index WHERE indrelid = 'b'::regclass"), [(2,)])
                self.query(dbname, "SELECT andon.drop_board('b')")
                self.query(dbname, "DROP EXTENSION andon")

    def test_prepared_session(self):
        """Guards: a session that has maintained boards meets the update and goes on."""
        dbname = self.new_database("session")
        self.query(dbname, "CREATE EXTENSION andon VERSION '%s'" % OLDEST)
        self.query(dbname, SCHEMA)
        connection = self.cluster.primary.connect(dbname)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE orders SET status = 'SET' WHERE id = 1")
            self.query(dbname, "ALTER EXTENSION andon UPDATE")
            cursor.execute("UPDATE orders SET status = 'CUT' WHERE id = 1")
            cursor.execute("SELECT status FROM b WHERE id = 1")
            self.assertEqual(cursor.fetchall(), [("CUT",)])
        connection.close()

    def test_versions_agree(self):
        """Guards: one version in the build, the control file and META.json, and a way there from every older one."""
        version = product_version()
        with open(os.path.join(TOP, "extension/andon.control")) as file:
            self.assertIn("default_version = '%s'" % version, file.read())
        with open(os.path.join(TOP, "META.json")) as file:
            self.assertEqual(set(re.findall(r'"version": "(\d+\.\d+\.\d+)"', file.read())) - {"1.0.0"}, {version})
        dbname = self.new_database("versions")
        for path in glob.glob(os.path.join(TOP, "sql/upgrade/andon--*.sql")):
            older = os.path.basename(path)[:-len(".sql")].split("--")[1]
            self.assertTrue(self.query(dbname, """
                SELECT path FROM pg_extension_update_paths('andon')
                WHERE source = '%s' AND target = '%s' AND path IS NOT NULL""" % (older, version)), path)
