"""pg_dump and restore: boards come back as they were, in every order PostgreSQL loads them.

The schemas are named so that tables come before and after those of the
extension, whose rows are part of the dump: a data-only restore meets triggers
whose board has no row in andon.board yet, and boards that have one.
"""

import unittest

import psycopg2

from pgcluster import Cluster, Node
from programs import sanitizer
from testcase import ClusterTestCase

SCHEMA = """
    CREATE ROLE dump_owner;
    CREATE ROLE dump_reader;
    CREATE SCHEMA aaa AUTHORIZATION dump_owner;
    CREATE SCHEMA shop AUTHORIZATION dump_owner;
    SET SESSION AUTHORIZATION dump_owner;
    CREATE TYPE shop.status AS ENUM ('NEW', 'CUT', 'SET', 'DONE');
    CREATE DOMAIN shop.name AS text CHECK (VALUE <> '');
    CREATE FUNCTION shop.label(shop.status) RETURNS text STABLE LANGUAGE sql RETURN 'is ' || $1::text;
    CREATE TABLE shop.customers (id int PRIMARY KEY, "Name" shop.name);
    CREATE TABLE shop.gone (a int);
    CREATE TABLE aaa.orders (dropped int, id int PRIMARY KEY, customer_id int REFERENCES shop.customers,
        status shop.status NOT NULL DEFAULT 'NEW');
    ALTER TABLE aaa.orders DROP COLUMN dropped;
    CREATE TABLE shop.items (order_id int, line int, price numeric, PRIMARY KEY (order_id, line)) PARTITION BY RANGE (order_id);
    CREATE TABLE shop.items_low PARTITION OF shop.items FOR VALUES FROM (0) TO (3);
    CREATE TABLE shop.items_high PARTITION OF shop.items DEFAULT;
    CREATE TABLE shop.notes (order_id int, note text);
    CREATE TABLE shop.late_notes () INHERITS (shop.notes);
    CREATE TABLE shop.rates (currency text PRIMARY KEY, rate numeric);
    INSERT INTO shop.customers VALUES (1, 'Ada'), (2, 'Bo');
    INSERT INTO aaa.orders VALUES (1, 1, 'NEW'), (2, 2, 'CUT'), (3, 1, 'DONE'), (4, NULL, 'SET'), (5, 2, 'SET');
    INSERT INTO shop.items VALUES (1, 1, 10), (1, 2, 5.50), (2, 1, 7), (5, 1, 3);
    INSERT INTO shop.notes VALUES (1, 'gold');
    INSERT INTO shop.late_notes VALUES (2, 'urgent');
    INSERT INTO shop.rates VALUES ('EUR', 1);
    SELECT andon.create_board('shop.open_orders', $$
        SELECT o.id, o.status, c."Name" AS "Customer", (SELECT sum(i.price) FROM shop.items i WHERE i.order_id = o.id) AS total,
               (SELECT string_agg(n.note, ',' ORDER BY n.note) FROM shop.notes n WHERE n.order_id = o.id) AS notes,
               shop.label(o.status) AS label, (SELECT max(rate) FROM shop.rates) AS rate
        FROM aaa.orders o JOIN shop.customers c ON c.id = o.customer_id WHERE o.status <> 'DONE' $$,
        '{id}', 'status', 'total DESC NULLS LAST, id',
        '{"static": ["shop.rates", "shop.customers"], "trusted": ["shop.label", "pg_catalog.version"]}');
    SELECT andon.create_board('aaa.lines', $$
        SELECT i.order_id, i.line, o.status::text AS state, i.price
        FROM shop.items i LEFT JOIN aaa.orders o ON o.id = i.order_id $$, '{order_id, line}', 'state');
    SELECT andon.alter_board('shop.open_orders', '{"static": ["shop.rates"], "trusted": "shop.label", "channel": "open"}');
    SELECT andon.alter_board('aaa.lines', '{"channel": "lines"}');
    SELECT andon.set_transitions('aaa.lines', '{NEW>CUT,CUT>SET,SET>CUT,SET>DONE,DONE>SET}');
    SELECT andon.set_sla('shop.open_orders', 'SET', '1 microsecond', 'critical');
    SELECT andon.set_sla('aaa.lines', 'DONE', '90 days');
    GRANT SELECT ON shop.open_orders TO dump_reader;
    GRANT USAGE ON SCHEMA shop TO dump_reader;
    CREATE INDEX "by customer" ON shop.open_orders ("Customer");
    COMMENT ON TABLE shop.open_orders IS 'the shop floor';
    ALTER TABLE shop.open_orders ENABLE ROW LEVEL SECURITY;
    CREATE POLICY ada ON shop.open_orders FOR SELECT TO dump_reader USING ("Customer" = 'Ada');
    UPDATE aaa.orders SET status = 'CUT' WHERE id IN (1, 5);
    UPDATE aaa.orders SET status = 'SET' WHERE id = 1;
    RESET SESSION AUTHORIZATION
"""

# After andon.maintain(): what was logged before it is in another partition.
LATER = """
    DELETE FROM shop.items WHERE order_id = 5;
    UPDATE aaa.orders SET status = 'DONE' WHERE id = 5
"""

# Everything of a board that a dump must keep, as texts, for names stay and OIDs do not.
STATE = {
    "rows": "SELECT * FROM shop.open_orders ORDER BY id",
    "lines": "SELECT * FROM aaa.lines ORDER BY order_id, line",
    "boards": """SELECT board::text, definition::text, query, key, status, order_by, options::text, channel, transitions,
                 (SELECT array_agg(s::text ORDER BY s::text) FROM unnest(sources) s)
                 FROM andon.boards ORDER BY channel""",
    "log": """SELECT board::text, key, op, from_status, to_status, version, at, xid::text, actor
              FROM andon.change ORDER BY at, board::text, key::text""",
    "departed": "SELECT board::text, key_hash, version FROM andon.departed ORDER BY 1, 2",
    "deadlines": "SELECT board::text, status, max_dwell::text, severity, swept FROM andon.sla ORDER BY 1, 2",
    "alerts": """SELECT board::text, key::text, status, since, severity, max_dwell::text, opened, closed FROM andon.alert
                 ORDER BY board::text, since, key::text""",
    "triggers": """SELECT pg_get_triggerdef(t.oid), tgenabled, tgparentid <> 0 FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
                   WHERE NOT tgisinternal AND relnamespace <> 'andon'::regnamespace ORDER BY 1""",
    "views": "SELECT pg_get_viewdef(definition) FROM andon.boards ORDER BY channel",
    "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname IN ('shop', 'aaa') ORDER BY 1",
    "rights": """SELECT relname, pg_get_userbyid(relowner), relacl::text, reloptions, relrowsecurity FROM pg_class
                 WHERE relnamespace IN ('shop'::regnamespace, 'aaa'::regnamespace) AND relkind IN ('r', 'v') ORDER BY 1""",
}

BOARDS = ("shop.open_orders", "aaa.lines")


class Restored:
    """What must be true of boards that came from elsewhere; self.node is the server they came to."""

    def state_of(self, dbname):
        return {name: self.query(dbname, query) for name, query in STATE.items()}

    @classmethod
    def make_boards(cls, dbname):
        for script in (SCHEMA, "SELECT andon.maintain()", LATER):
            cls.node.query(script, dbname=dbname)

    def query(self, dbname, sql):
        return self.node.query(sql, dbname=dbname)

    def board_states(self, dbname):
        return {row[0] for row in self.query(dbname, "SELECT state FROM andon.boards")}

    def differences(self, dbname):
        return [row for board in BOARDS for row in self.query(dbname, "SELECT * FROM andon.check_board('%s')" % board)]

    def assertRestored(self, dbname, state="restoring"):
        """All is as it was; and boards live on: guarded, maintained, to be checked, and dropped."""
        restored = self.state_of(dbname)
        for name, value in self.original.items():
            self.assertEqual(restored[name], value, name)
        self.assertEqual(self.differences(dbname), [])
        self.assertEqual(self.board_states(dbname), {state})
        self.assertGuarded(dbname)
        self.assertEqual(self.board_states(dbname), {state})

        self.query(dbname, "UPDATE aaa.orders SET status = 'SET' WHERE id = 5")
        self.query(dbname, "INSERT INTO shop.items VALUES (5, 1, 8), (2, 2, 1)")
        self.query(dbname, "UPDATE shop.customers SET \"Name\" = 'Bea' WHERE id = 2")
        self.query(dbname, "INSERT INTO shop.late_notes VALUES (5, 'late')")
        self.assertEqual(self.query(dbname, """
            SELECT id, status, "Customer", total, notes, andon_version FROM shop.open_orders WHERE id IN (2, 5) ORDER BY id"""),
            [(2, "CUT", "Bea", 8, "urgent", 3), (5, "SET", "Bea", 8, "late", 8)])
        self.assertEqual(self.differences(dbname), [])
        if state == "restoring":
            self.assertEqual(self.board_states(dbname), {"unchecked"})
        for function, board in zip(("refresh_board", "repair_board"), BOARDS):
            self.assertEqual(self.query(dbname, "SELECT andon.%s('%s')" % (function, board)), [(0,)])
        self.assertEqual(self.query(dbname, "SELECT DISTINCT state, why FROM andon.boards"), [("ok", None)])
        for board in BOARDS:
            self.query(dbname, "SELECT andon.drop_board('%s')" % board)
        self.assertEqual(self.query(dbname, "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'andon%'"), [(0,)])
        self.query(dbname, "DROP EXTENSION andon")

    def assertGuarded(self, dbname):
        for statement in ("INSERT INTO aaa.lines (order_id, line) VALUES (9, 9)", "DELETE FROM aaa.lines",
                          "SET search_path = ''; SET check_function_bodies = off; UPDATE aaa.lines SET price = 0"):
            with self.assertRaises(psycopg2.Error) as caught:
                self.query(dbname, "SET SESSION AUTHORIZATION dump_owner; " + statement)
            self.assertEqual(caught.exception.pgcode, "55000", statement)


class Dump(Restored, ClusterTestCase):
    @classmethod
    def prepare(cls):
        cls.node = cls.cluster.primary
        cls.make_boards(cls.dbname)
        cls.connect_options = ("-h", cls.cluster.rundir.file("sock"), "-p", str(cls.node.port), "-U", "postgres")

    def setUp(self):
        self.original = self.state_of(self.dbname)

    def dump(self, name, *options):
        path = self.cluster.rundir.file(name)
        self.cluster.tool("pg_dump", *self.connect_options, "-f", path, *options, self.dbname)
        return path

    def restored_database(self, name):
        return self.cluster.create_database(name, extension=False)

    def psql(self, dbname, path, *options):
        self.cluster.tool("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *self.connect_options, *options, "-f", path, dbname)

    def pg_restore(self, dbname, path, *options):
        self.cluster.tool("pg_restore", *self.connect_options, "--exit-on-error", *options, "-d", dbname, path)

    def restore_schema(self, dbname, archive):
        """Without the foreign key: pg_restore does not order data by it, and any order must do for us."""
        self.pg_restore(dbname, archive, "--schema-only")
        self.query(dbname, "ALTER TABLE aaa.orders DROP CONSTRAINT orders_customer_id_fkey")

    def test_plain(self):
        """Guards: the usual dump, a script for psql."""
        dbname = self.restored_database("plain")
        self.psql(dbname, self.dump("plain.sql"))
        self.assertRestored(dbname)

    def test_plain_single_transaction(self):
        """Guards: all in one transaction."""
        dbname = self.restored_database("single")
        self.psql(dbname, self.dump("single.sql", "--inserts"), "-1")
        self.assertRestored(dbname)

    def test_custom_parallel(self):
        """Guards: pg_restore with several sessions, from the directory format."""
        dbname = self.restored_database("custom")
        self.pg_restore(dbname, self.dump("directory", "-Fd", "-j2"), "-j3")
        self.assertRestored(dbname)

    def test_schema_then_data(self):
        """Guards: the triggers are there when the data comes, and rows keep versions and times."""
        dbname = self.restored_database("two_steps")
        self.psql(dbname, self.dump("schema.sql", "--schema-only"))
        self.assertEqual(self.query(dbname, "SELECT count(*) FROM andon.board"), [(0,)])
        self.psql(dbname, self.dump("data.sql", "--data-only"))
        self.assertRestored(dbname)

    def test_schema_then_inserts(self):
        """Guards: the same with INSERT statements."""
        dbname = self.restored_database("two_steps_inserts")
        archive = self.dump("inserts.dump", "-Fc", "--column-inserts", "--rows-per-insert=2")
        self.restore_schema(dbname, archive)
        self.pg_restore(dbname, archive, "--data-only")
        self.assertRestored(dbname)

    def test_schema_then_data_parallel(self):
        """Guards: the data in any order, by several sessions."""
        dbname = self.restored_database("two_steps_parallel")
        archive = self.dump("parallel.dump", "-Fc")
        self.restore_schema(dbname, archive)
        self.pg_restore(dbname, archive, "--data-only", "-j3")
        self.assertRestored(dbname)

    def test_disable_triggers(self):
        """Guards: --disable-triggers, under which no trigger of ours runs; switching them off marks the boards."""
        dbname = self.restored_database("disabled")
        archive = self.dump("disabled.dump", "-Fc")
        self.pg_restore(dbname, archive, "--schema-only")
        self.pg_restore(dbname, archive, "--data-only", "--disable-triggers")
        self.assertRestored(dbname, state="broken")

    def test_clean(self):
        """Guards: a dump that first drops what is there, restored over the very same boards."""
        dbname = self.restored_database("clean")
        script = self.dump("clean.sql", "--clean", "--if-exists")
        self.psql(dbname, script)
        # pg_dump 15 would drop the partitions' primary keys singly, which PostgreSQL refuses and need not be
        self.psql(dbname, script, "-v", "ON_ERROR_STOP=0")
        self.assertRestored(dbname)

    def test_schemas_alone(self):
        """Guards: without the rows of the extension's tables boards come back as plain tables, in nobody's way."""
        dbname = self.cluster.create_database("schemas")
        self.psql(dbname, self.dump("schemas.sql", "--schema=shop", "--schema=aaa"))
        self.assertEqual(self.query(dbname, STATE["rows"]), self.original["rows"])
        self.assertEqual(self.query(dbname, "SELECT count(*) FROM andon.boards"), [(0,)])
        self.query(dbname, "UPDATE aaa.orders SET status = 'SET' WHERE id = 5")
        self.query(dbname, "TRUNCATE shop.notes; UPDATE aaa.lines SET price = 0")
        with self.assertRaises(psycopg2.Error) as caught:
            self.differences(dbname)
        self.assertEqual(caught.exception.pgcode, "42809")
        self.query(dbname, "DROP VIEW aaa.lines_definition; DROP TABLE aaa.lines")
        self.query(dbname, "SELECT andon.create_board('aaa.lines', 'SELECT order_id, line, price AS state FROM shop.items', '{order_id,line}', 'state')")
        self.query(dbname, "UPDATE shop.items SET price = price + 1")
        self.assertEqual(self.query(dbname, "SELECT count(*) FROM andon.check_board('aaa.lines')"), [(0,)])
        self.assertEqual(self.query(dbname, "SELECT * FROM aaa.lines_definition EXCEPT ALL SELECT order_id, line, state FROM aaa.lines"), [])

    def test_write_during_restore(self):
        """Guards: a change that is no dump's row is followed, and ends the restore for its boards."""
        dbname = self.restored_database("impatient")
        self.psql(dbname, self.dump("impatient_schema.sql", "--schema-only"))
        script = self.dump("impatient_data.sql", "--data-only")
        with open(script) as file:
            head, rows = file.read().split("COPY shop.items_low")
        self.assertIn("COPY andon.board", head)
        self.cluster.rundir.write(self.cluster.rundir.file("impatient_1.sql"), head)
        self.psql(dbname, self.cluster.rundir.file("impatient_1.sql"))
        self.assertEqual(self.board_states(dbname), {"restoring"})
        self.query(dbname, "INSERT INTO shop.items VALUES (4, 1, 2)")
        self.assertEqual(self.board_states(dbname), {"unchecked"})
        self.assertEqual(self.query(dbname, "SELECT count(*) FROM aaa.lines WHERE order_id = 4"), [(1,)])
        self.assertGuarded(dbname)
        for board in BOARDS:
            self.query(dbname, "SELECT andon.refresh_board('%s')" % board)
        self.assertEqual(self.differences(dbname), [])
        self.assertEqual(self.board_states(dbname), {"ok"})


@unittest.skipIf(sanitizer(), "PostgreSQL's own programs hang at their end now and then with a sanitizer's runtime loaded")
class PgUpgrade(Restored, ClusterTestCase):
    """pg_upgrade to a new cluster of the same version: rows move as files, OIDs stay, catalogs are made anew."""

    database = False

    @classmethod
    def _shared_cluster(cls):
        """A cluster of its own: it is stopped for good here."""
        cluster = Cluster(name="andon-upgrade")
        cls.addClassCleanup(cluster.close)
        return cluster.start()

    def test_boards_go_on(self):
        """Guards: no row of the extension's tables is of a type that pg_upgrade refuses, or names an OID that it changes."""
        old = type(self).node = self.cluster.primary
        dbname = self.cluster.create_database("upgraded")
        self.make_boards(dbname)
        self.original = self.state_of(dbname)
        oids = "SELECT board::oid, definition::oid FROM andon.board ORDER BY 1"
        before = self.query(dbname, oids)
        old.stop()

        new = Node(self.cluster.rundir, "new").initdb()
        programs = self.cluster.rundir.bin
        self.cluster.tool("pg_upgrade", "-b", programs, "-B", programs, "-d", old.data, "-D", new.data, "-U", "postgres",
                          "-p", str(old.port), "-P", str(new.port), "--socketdir", self.cluster.rundir.file("sock"),
                          "--no-sync")
        self.addCleanup(new.close)
        type(self).node = new.start()
        self.assertEqual(self.query(dbname, oids), before)
        self.assertRestored(dbname, state="ok")
