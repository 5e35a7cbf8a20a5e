"""What goes where: reads to replicas, everything else to the primary.

here() names the node a statement ran on, and SHOW ROUTES what the router took
it for. The list of statements that once fooled routers (router.md 3.6) is run
for real: what has an effect must have it, on the primary, once.
"""

import contextlib

import psycopg2

from pgcluster import fetch
from programs import wait_until
from pgwire import Bind, Execute, Parse, Query, Sync
from routercase import RouterTestCase

SETUP = """
CREATE VIEW v_read AS SELECT id, here() AS node FROM t;
CREATE VIEW v_view AS SELECT id, count(*) AS n FROM v_read GROUP BY id HAVING count(*) > 0 ORDER BY id;
CREATE VIEW v_recovery AS SELECT pg_is_in_recovery() AS yes;
CREATE VIEW v_lock AS SELECT pg_try_advisory_xact_lock(id) AS got FROM t;
CREATE VIEW v_for_share AS SELECT id FROM t FOR SHARE;
CREATE TABLE tenants (id int, tenant text);
INSERT INTO tenants VALUES (1, 'a'), (2, 'b');
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON tenants USING (tenant = current_setting('app.tenant', true));
CREATE TABLE guarded (id int);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE SEQUENCE s;
CREATE TABLE log (what text);
CREATE FUNCTION bump() RETURNS int VOLATILE LANGUAGE sql AS $$ INSERT INTO log VALUES ('bump'); SELECT 1 $$;
CREATE FUNCTION bump_for(t) RETURNS int VOLATILE LANGUAGE sql AS $$ INSERT INTO log VALUES ('column'); SELECT 1 $$;
CREATE POLICY counted ON guarded USING (bump() = 1);
CREATE VIEW v_write AS SELECT id, bump() FROM t LIMIT 1;
CREATE FUNCTION bump_both(int, int) RETURNS int VOLATILE LANGUAGE sql AS $$ SELECT bump() $$;
CREATE OPERATOR @#@ (LEFTARG = int, RIGHTARG = int, FUNCTION = bump_both);
CREATE TYPE target AS (a int);
CREATE FUNCTION bump_cast(t) RETURNS target VOLATILE LANGUAGE sql AS $$ SELECT bump(); SELECT row(1)::target $$;
CREATE CAST (t AS target) WITH FUNCTION bump_cast(t);
CREATE UNLOGGED TABLE u (id int);
INSERT INTO u VALUES (1);
CREATE PROCEDURE p() LANGUAGE sql AS $$ INSERT INTO log VALUES ('call') $$;
CREATE TABLE parted (id int) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100);
CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM t;
"""

READS = [
    "SELECT * FROM t WHERE id = 1",
    "select count(*) from t join t as t2 using (id) where t.v like 'v%'",
    "WITH x AS (SELECT * FROM t) SELECT max(id) FROM x",
    "VALUES (1), (2)",
    "TABLE t",
    "(SELECT 1) UNION ALL (SELECT 2)",
    "/* a comment */ SELECT 1",
    "-- a comment\nSELECT 1",
    "SELECT now(), current_user, random(), gen_random_uuid(), clock_timestamp()",
    "SELECT id, row_number() OVER (ORDER BY id) FROM t",
    "SELECT * FROM t, LATERAL (SELECT t.id + 1) x LIMIT 1",
    "EXPLAIN SELECT * FROM t",
    "EXPLAIN (ANALYZE, TIMING OFF) SELECT * FROM t",
    "COPY (SELECT 1) TO STDOUT",
    "SELECT * FROM parted",
    "SELECT * FROM m",
    "SELECT array_agg(v ORDER BY id) FROM t WHERE id = ANY ('{1,2}')",
    "SELECT 1; SELECT 2",
    "SELECT * FROM v_read",
    "SELECT max(n) FROM v_view",
    "SELECT * FROM tenants",
]

WRITES = [
    "INSERT INTO log VALUES ('x')",
    "WITH w AS (INSERT INTO log VALUES ('cte') RETURNING 1) SELECT * FROM w",
    "SELECT * FROM (WITH w AS (SELECT 1) SELECT * FROM w) x, (SELECT bump()) y",
    "WITH a AS (WITH b AS (SELECT 1) SELECT * FROM b), c AS (DELETE FROM log RETURNING 1) SELECT * FROM a",
    "SELECT * FROM t WHERE id = 1 FOR UPDATE",
    "SELECT * FROM (SELECT * FROM t FOR SHARE) x LIMIT 1",
    "SELECT 1 AS a INTO into_{n}",
    "EXPLAIN ANALYZE INSERT INTO log VALUES ('explained')",
    "CALL p()",
    "DO $$ BEGIN INSERT INTO log VALUES ('do'); END $$",
    "SELECT nextval('s')",
    "SELECT bump()",
    "SELECT * FROM v_write",
    "SELECT * FROM v_recovery",
    "SELECT * FROM v_lock LIMIT 1",
    "SELECT * FROM v_for_share LIMIT 1",
    "SELECT * FROM guarded",
    "SELECT 1 @#@ 2",
    "SELECT (t.*)::target FROM t WHERE id = 1",
    "SELECT t.bump_for FROM t WHERE id = 1",
    "SELECT 1; INSERT INTO log VALUES ('second')",
    "(((SELECT bump())))",
    "/* c */ /* c */ (SELECT bump())",
    "SELECT pg_advisory_lock(1), pg_advisory_unlock(1)",
    "SELECT set_config('work_mem', '1MB', true)",
    "SELECT pg_notify('c', 'p')",
    "SELECT lo_create(0)",
    "SELECT * FROM u",
    "SELECT pg_stat_reset_single_table_counters(0)",
    "SELECT txid_current()",
    "LOCK TABLE log",
    "MERGE INTO log USING (SELECT 'merged' AS w) x ON false WHEN NOT MATCHED THEN INSERT VALUES (w)",
    "CREATE TABLE IF NOT EXISTS made_{n} (a int)",
    "ANALYZE t",
    "REFRESH MATERIALIZED VIEW m",
    "SELECT inet_server_port(), pg_is_in_recovery()",
    "SELECT count(*) FROM pg_stat_activity",
    "SELECT pg_current_wal_lsn()",
    "SHOW transaction_read_only",
    "SHOW in_hot_standby",
    "SELECT no_such_function()",
    "SELECT * FROM no_such_table",
    "SELEC 1",
]


class Routing(RouterTestCase):
    router_options = {"replica_wait": "20s"}

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.sql(SETUP)

    def where_counted(self, *messages):
        """The nodes on which the router counts what the messages did."""
        wire = self.wire()
        with self.counting() as done:
            wire.ask(*messages)
        return done

    def assertOnReplica(self, done, sql):
        self.assertEqual([(node in self.replica_names(), what) for node, what in done], [(True, "reads")], sql)

    def assertOnPrimary(self, done, sql):
        self.assertEqual([node for node, _ in done], [self.primary_name], sql)

    def test_reads(self):
        """Guards: reads go to replicas, in both protocols."""
        for sql in READS:
            with self.subTest(sql):
                self.assertOnReplica(self.where_counted(Query(sql)), sql)
                if ";" not in sql:
                    self.assertOnReplica(self.where_counted(Parse("", sql), Bind("", ""), Execute(), Sync()), sql)

    def test_writes(self):
        """Guards: whatever is not proven a read goes to the primary, however well it hides (router.md 3.6)."""
        for n, sql in enumerate(WRITES):
            with self.subTest(sql):
                self.assertOnPrimary(self.where_counted(Query(sql.format(n=n))), sql)
                if "; " not in sql:
                    text = sql.format(n=n + 1000)
                    self.assertOnPrimary(self.where_counted(Parse("", text), Bind("", ""), Execute(), Sync()), sql)

    def test_row_level_security(self):
        """Guards: a policy by a setting of the application is applied on replicas with the session's own value."""
        self.sql("CREATE TABLE secrets (id int, tenant text); ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;"
                 " ALTER TABLE secrets FORCE ROW LEVEL SECURITY;"
                 " CREATE POLICY own ON secrets USING (tenant = current_setting('app.tenant', true))"
                 " WITH CHECK (true); INSERT INTO secrets VALUES (1, 'a'), (2, 'b'); CREATE ROLE tenant LOGIN; GRANT SELECT ON secrets TO tenant")
        with self.client(user="tenant") as one, self.client(user="tenant") as two:
            for connection, tenant in ((one, "a"), (two, "b")):
                connection.cursor().execute("SET app.tenant = '%s'" % tenant)
            for connection, seen in ((one, 1), (two, 2), (one, 1)):
                cursor = connection.cursor()
                cursor.execute("SELECT id, here() FROM secrets")
                rows = cursor.fetchall()
                self.assertEqual([row[0] for row in rows], [seen])

    def test_hidden_writes_happen_once(self):
        """Guards: none of the hidden writes was tried on a replica first and run again."""
        for sql in ("SELECT bump()", "SELECT * FROM v_write", "SELECT 1 @#@ 2", "SELECT t.bump_for FROM t WHERE id = 1",
                    "CALL p()", "SELECT (t.*)::target FROM t WHERE id = 1"):
            with self.subTest(sql):
                self.sql("DELETE FROM log")
                self.assertEqual(self.wire().query(sql)[-1], "Z I")
                self.assertEqual(self.sql("SELECT count(*) FROM log"), [(1,)])

    def test_reads_spread(self):
        """Guards: sessions are spread over the replicas, and one session stays where it is."""
        used = set()
        for _ in range(30):
            with self.client() as connection:
                cursor = connection.cursor()
                nodes = set()
                for _ in range(3):
                    cursor.execute("SELECT here()")
                    nodes.add(cursor.fetchone()[0])
                self.assertEqual(len(nodes), 1)
                used |= nodes
        self.assertEqual(used, set(self.replica_names()))

    def test_explain_route(self):
        """Guards: EXPLAIN ROUTE says what READS and WRITES are, and which rule decided."""
        with contextlib.closing(self.router.connect("andon")) as console, console.cursor() as cursor:
            def explain(sql):
                cursor.execute("EXPLAIN ROUTE %s '%s'" % (self.dbname, sql.replace("'", "''")))
                return dict(zip([column.name for column in cursor.description], cursor.fetchone()))

            for sql in READS:
                self.assertEqual(explain(sql)["route"], "replica", sql)
            for n, sql in enumerate(WRITES):
                self.assertEqual(explain(sql.format(n=n))["route"], "primary", sql)
            self.assertEqual(explain("SELECT bump()"), {
                "database": self.dbname, "route": "primary", "kind": "query", "rule": "a volatile function",
                "name": "bump", "pin_reason": None})
            self.assertEqual(explain("/* andon:primary */ SELECT 1")["rule"], "the hint in it")
            self.assertEqual(explain("CREATE TEMP TABLE x (a int)")["pin_reason"], "temporary table")

    def test_hints(self):
        """Guards: the comment, SET andon.route and its RESET say where reads go; writes go to the primary anyway."""
        with self.client() as connection:
            cursor = connection.cursor()

            def here(prefix=""):
                cursor.execute(prefix + "SELECT here()")
                return cursor.fetchone()[0]

            self.assertEqual(here("/* andon:primary */ "), self.primary_name)
            self.assertIn(here("/* andon:replica */ "), self.replica_names())
            cursor.execute("/* andon:replica */ SELECT inet_server_port()")
            self.assertIn(cursor.fetchone()[0], [node.port for node in self.cluster.replicas])
            cursor.execute("SET andon.route = 'primary'")
            self.assertEqual(here(), self.primary_name)
            cursor.execute("SHOW andon.route")
            self.assertEqual(cursor.fetchone(), ("primary",))
            cursor.execute("SET andon.route TO replica")
            self.assertIn(here(), self.replica_names())
            cursor.execute("/* andon:replica */ INSERT INTO log VALUES (here()) RETURNING what")
            self.assertEqual(cursor.fetchone(), (self.primary_name,))
            cursor.execute("RESET andon.route")
            cursor.execute("SHOW andon.route")
            self.assertEqual(cursor.fetchone(), ("auto",))
            error = self.assertSqlstate("22023", cursor.execute, "SET andon.route = 'moon'")
            self.assertIn("auto, primary, replica", error.diag.message_hint)

    def test_looks_like_a_primary(self):
        """Guards: clients that look for a primary (target_session_attrs) see one."""
        for attrs in ("read-write", "primary"):
            with self.client(target_session_attrs=attrs) as connection:
                cursor = connection.cursor()
                cursor.execute("SELECT pg_is_in_recovery()")
                self.assertEqual(cursor.fetchone(), (False,))
                cursor.execute("SHOW transaction_read_only")
                self.assertEqual(cursor.fetchone(), ("off",))
        with self.assertRaises(psycopg2.OperationalError):
            with self.client(target_session_attrs="standby"):
                pass

    def test_errors_of_reads(self):
        """Guards: an error that is the statement's own comes back once, and is the server's."""
        with self.client() as connection:
            cursor = connection.cursor()
            self.assertSqlstate("22012", cursor.execute, "SELECT 1/0")
            self.assertSqlstate("42P01", cursor.execute, "SELECT * FROM nowhere_at_all")
            self.assertSqlstate("42703", cursor.execute, "SELECT nothing FROM t")
            self.assertSqlstate("42883", cursor.execute, "SELECT nothing(1)")
            cursor.execute("SELECT 1")
            self.assertEqual(cursor.fetchone(), (1,))

    def test_unsafe_text(self):
        """Guards: with standard_conforming_strings off a literal can hide a write: all goes to the primary."""
        with self.client(options="-c standard_conforming_strings=off") as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT here()")
            self.assertEqual(cursor.fetchone(), (self.primary_name,))
            cursor.execute(r"SELECT '\'; INSERT INTO log VALUES (''hidden'') --', here()")
        with self.client() as connection:
            cursor = connection.cursor()
            # another test's DDL may have put the facts in doubt
            wait_until(lambda: fetch(connection, "SELECT here()")[0][0] in self.replica_names(), what="reads to go to replicas")
            cursor.execute("SET client_encoding = 'SJIS'")
            cursor.execute("SELECT here()")
            self.assertEqual(cursor.fetchone(), (self.primary_name,))


class Rules(RouterTestCase):
    """[routes]: where sessions ask to be run, by who they are."""

    router_sections = {"routes": {
        "reporting": "application=report* target=replica",
        "booking": "user=cashier target=primary",
        "other": "database=nowhere target=primary"}}

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.sql("CREATE ROLE cashier LOGIN")

    def here(self, cursor, sql="SELECT here()"):
        cursor.execute(sql)
        return cursor.fetchone()[0]

    def route_of(self, **of):
        return [(client["route"], client["route_rule"]) for client in self.router.show("CLIENTS")
                if client["type"] == "C" and all(client[key] == value for key, value in of.items())]

    def test_by_who_they_are(self):
        """Guards: the first rule that fits holds for a session; a hint and SET andon.route come before it."""
        with self.client(user="cashier") as connection:
            cursor = connection.cursor()
            self.assertEqual(self.here(cursor), self.primary_name)
            self.assertEqual(self.route_of(user="cashier"), [("primary", "booking")])
            cursor.execute("SHOW andon.route")
            self.assertEqual(cursor.fetchone(), ("primary",))
            self.assertIn(self.here(cursor, "/* andon:replica */ SELECT here()"), self.replica_names())
            cursor.execute("SET andon.route = 'auto'")
            self.assertIn(self.here(cursor), self.replica_names())
            self.assertEqual(self.route_of(user="cashier"), [("auto", "SET andon.route")])
            cursor.execute("RESET andon.route")
            self.assertEqual(self.here(cursor), self.primary_name)

    def test_application_name(self):
        """Guards: a session that gives itself another name, or takes it back with its transaction, has another rule."""
        with self.client(application_name="report 7") as connection:
            cursor = connection.cursor()
            self.assertIn(self.here(cursor, "SELECT inet_server_port()"), [node.port for node in self.cluster.replicas])
            cursor.execute("SET application_name = 'shop'")
            self.assertEqual(self.here(cursor, "SELECT inet_server_port()"), self.cluster.primary.port)
            cursor.execute("BEGIN; SET application_name = 'report 8'")
            cursor.execute("ROLLBACK")
            self.assertEqual(self.route_of(application_name="shop"), [("auto", None)])
            cursor.execute("BEGIN")
            cursor.execute("SET application_name = 'report 8'")
            self.assertEqual(self.route_of(application_name="report 8"), [("replica", "reporting")])
            cursor.execute("ROLLBACK")
            self.assertEqual(self.route_of(application_name="shop"), [("auto", None)])

    def test_writes_go_to_the_primary(self):
        """Guards: no rule sends what is not proven to be a read to a replica."""
        with self.client(application_name="report") as connection:
            cursor = connection.cursor()
            self.assertEqual(self.here(cursor, "INSERT INTO t VALUES (1000) RETURNING here()"), self.primary_name)
            cursor.execute("CREATE TABLE made (a int)")

    def test_reload(self):
        """Guards: changed rules hold for sessions that are there; a wrong file changes nothing and says why."""
        self.addCleanup(self.router.reload, "configuration_reloaded")
        self.addCleanup(self.router.sections.update, self.router_sections)
        with self.client(user="cashier") as connection:
            cursor = connection.cursor()
            self.assertEqual(self.here(cursor), self.primary_name)
            self.router.sections["routes"] = {"booking": "user=cash* target=standby"}
            self.router.reload("configuration_error")
            self.assertEqual(self.here(cursor), self.primary_name)
            self.router.sections["routes"] = {"any": "user=cash* target=auto"}
            self.router.reload("configuration_reloaded")
            wait_until(lambda: self.route_of(user="cashier") == [("auto", "any")], what="the new rule")
            self.assertIn(self.here(cursor), self.replica_names())

    def test_explain_route(self):
        """Guards: EXPLAIN ROUTE names the rule that would decide for such a session."""
        with contextlib.closing(self.router.connect("andon")) as console, console.cursor() as cursor:
            for who, sql, route, rule in (
                    ("cashier", "SELECT 1", "primary", "[routes] booking"),
                    ("cashier", "DELETE FROM t", "primary", "DELETE"),
                    ("ann", "SELECT 1", "replica", "everything in it is known to be a read"),
                    ('ann "report 3"', "SELECT pg_is_in_recovery()", "replica", "[routes] reporting"),
                    ("ann shop", "SELECT pg_is_in_recovery()", "primary", "tells of the node"),
                    ('cashier "report"', "/* andon:primary */ SELECT 1", "primary", "the hint in it")):
                cursor.execute("EXPLAIN ROUTE %s %s '%s'" % (self.dbname, who, sql))
                self.assertEqual(cursor.fetchone()[1:4:2], (route, rule), (who, sql))
            cursor.execute("EXPLAIN ROUTE nowhere 'SELECT 1'")
            self.assertEqual(cursor.fetchone()[:4:3], ("nowhere", "[routes] other"))


class FreshNames(RouterTestCase):
    def test_table_made_a_moment_ago(self):
        """Guards: names the replica does not have yet are looked up on the primary, and the client never knows."""
        for replica in self.cluster.replicas:
            replica.pause_replay()
            self.addCleanup(replica.resume_replay)
        self.sql("CREATE TABLE fresh AS SELECT 42 AS answer")
        self.sql("ALTER TABLE t ADD fresh int DEFAULT 7")
        self.sql("CREATE FUNCTION fresh_read() RETURNS int STABLE LANGUAGE sql AS 'SELECT 43'")
        with self.client() as connection:
            cursor = connection.cursor()
            for sql, answer in (("SELECT answer FROM fresh", 42), ("SELECT fresh FROM t WHERE id = 1", 7),
                                ("SELECT fresh_read()", 43)):
                cursor.execute(sql)
                self.assertEqual(cursor.fetchone(), (answer,))
        wire = self.wire()
        self.assertEqual(wire.ask(Parse("", "SELECT fresh FROM t WHERE id = $1"), Bind("", "", 1), Execute(), Sync()),
                         ["1", "2", "D 7", "C SELECT 1", "Z I"])


class HeldReplies(RouterTestCase):
    """What a replica's error means: tests make a read fail with what they like, on the nodes they like."""

    router_options = {"replica_wait": "20s"}

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.sql("""
            CREATE TABLE fails (node text, sqlstate text);
            CREATE FUNCTION lucky(noise int DEFAULT 0) RETURNS text STABLE LANGUAGE plpgsql AS $$
            DECLARE
                why text := (SELECT sqlstate FROM fails WHERE node = here());
            BEGIN
                IF why IS NULL THEN
                    RETURN here();
                ELSIF noise > 0 THEN
                    RAISE NOTICE '%', repeat('x', noise);
                END IF;
                RAISE EXCEPTION 'not here' USING ERRCODE = why;
            END $$;""")

    def let_fail(self, nodes, sqlstate):
        self.sql("DELETE FROM fails; INSERT INTO fails SELECT unnest('{%s}'::text[]), '%s'" % (",".join(nodes), sqlstate))
        self.cluster.wait_caught_up()

    def lucky(self, sql="SELECT lucky()"):
        return self.wire().query(sql)

    def test_conflict_on_one_replica(self):
        """Guards: a recovery conflict sends a read to another replica, not to the primary, whatever the session."""
        one, other = self.replica_names()
        for sqlstate in ("40001", "40P01"):
            for unlucky, lucky in ((one, other), (other, one)):
                self.let_fail([unlucky], sqlstate)
                for _ in range(8):
                    self.assertEqual(self.lucky(), ["T", "D " + lucky, "C SELECT 1", "Z I"])

    def test_conflict_on_all_replicas(self):
        """Guards: one other node is tried, then the primary."""
        self.let_fail(self.replica_names(), "40001")
        for _ in range(4):
            self.assertEqual(self.lucky(), ["T", "D " + self.primary_name, "C SELECT 1", "Z I"])

    def test_what_was_shown_is_not_taken_back(self):
        """Guards: behind the first row, or where there is too much to hold, the replica's error is the answer."""
        self.let_fail(self.replica_names(), "42P01")
        self.assertEqual(self.lucky(), ["T", "D " + self.primary_name, "C SELECT 1", "Z I"])
        self.assertEqual(self.lucky("SELECT 1; SELECT lucky()"), ["T", "D 1", "C SELECT 1", "T", "E 42P01", "Z I"])
        self.assertEqual(self.lucky("SELECT lucky(1000)")[-3:], ["D " + self.primary_name, "C SELECT 1", "Z I"])
        self.assertEqual(self.lucky("SELECT lucky(300000)")[-3:], ["N 00000", "E 42P01", "Z I"])

    def test_cancelled_is_not_run_again(self):
        """Guards: 57014 is the answer, wherever it came from; so is an error that any node would raise."""
        for sqlstate in ("57014", "22012", "P0001"):
            self.let_fail(self.replica_names(), sqlstate)
            self.assertEqual(self.lucky()[-2:], ["E " + sqlstate, "Z I"])


class Everything(RouterTestCase):
    router_options = {"consistency": "primary"}

    def test_primary_only(self):
        """Guards: consistency=primary uses no replica at all."""
        for _ in range(5):
            self.assertEqual(self.router.value("SELECT here()", dbname=self.dbname), self.primary_name)
        self.assertEqual({node for (node, what), count in self.counts().items() if count > 0}, {self.primary_name})
