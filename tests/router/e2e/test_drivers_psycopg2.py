"""psycopg2 through the router: what applications in Python do, in each kind of pooling.

Every test runs with transaction pooling over more clients than servers, with
one worker, and with session pooling. Where a read ran is checked against
reads_on(): the replicas, or the primary in session pooling.
"""

import contextlib
import io
import select
import threading
import uuid

import psycopg2
import psycopg2.errors
import psycopg2.extras
import psycopg2.pool
from psycopg2 import extensions

from drivers import ONE_WORKER, SESSION_POOLING, TRANSACTION_POOLING
from pgcluster import fetch
from programs import wait_until
from routercase import RouterTestCase

OBJECTS = """
CREATE TABLE items (id serial PRIMARY KEY, name text NOT NULL, price numeric CHECK (price >= 0), made timestamptz DEFAULT now());
CREATE TABLE parts (id int PRIMARY KEY, item int REFERENCES items);
CREATE TYPE size AS (width int, height int);
CREATE FUNCTION hint_at(what text) RETURNS int STABLE LANGUAGE plpgsql AS $$
BEGIN RAISE NOTICE 'a hint at %', what; RETURN 1; END $$;
CREATE FUNCTION refuse(what text) RETURNS int STABLE LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'no %', what USING ERRCODE = 'AN001', DETAIL = 'the detail', HINT = 'the hint'; END $$;
"""
THREADS = 12


class Psycopg2Case(RouterTestCase):
    """What is common to the classes below; has no test of its own."""

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.sql(OBJECTS)

    def setUp(self):
        self.sql("TRUNCATE items, parts RESTART IDENTITY")

    def reads_on(self):
        if self.router.options["pool_mode"] == "session":
            return [self.primary_name]
        return self.replica_names()

    def where(self, connection):
        return fetch(connection, "SELECT here()")[0][0]

    def wait_active(self, sql):
        """Waits until a statement runs on some node, and returns that node's name."""
        def node():
            for node in self.cluster.nodes:
                if node.value("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = %s"
                              " AND backend_type = 'client backend'", [sql]):
                    return node.name
        return wait_until(node, what="%s to run" % sql)


class Conversations:
    def test_autocommit(self):
        """Guards: reads leave the primary, and a session always reads what it wrote."""
        with self.client() as connection:
            self.assertIn(self.where(connection), self.reads_on())
            cursor = connection.cursor()
            for i in range(30):
                cursor.execute("INSERT INTO items (name) VALUES (%s) RETURNING id, here()", ["item"])
                self.assertEqual(cursor.fetchone(), (i + 1, self.primary_name))
                cursor.execute("SELECT count(*), max(id) FROM items")
                self.assertEqual(cursor.fetchone(), (i + 1, i + 1))
            self.assertEqual(connection.get_transaction_status(), extensions.TRANSACTION_STATUS_IDLE)

    def test_transactions(self):
        """Guards: psycopg2's own BEGIN; commit, rollback, and the state a failed statement leaves."""
        with self.client(autocommit=False) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT here()")
            self.assertEqual(cursor.fetchone(), (self.primary_name,))
            self.assertEqual(connection.get_transaction_status(), extensions.TRANSACTION_STATUS_INTRANS)
            cursor.execute("INSERT INTO items (name) VALUES ('kept')")
            connection.commit()
            cursor.execute("INSERT INTO items (name) VALUES ('undone')")
            connection.rollback()
            cursor.execute("INSERT INTO items (name) VALUES ('undone too')")
            self.assertSqlstate("22012", cursor.execute, "SELECT 1 / 0")
            self.assertEqual(connection.get_transaction_status(), extensions.TRANSACTION_STATUS_INERROR)
            self.assertSqlstate("25P02", cursor.execute, "SELECT 1")
            connection.commit()
            with connection:
                cursor.execute("SELECT array_agg(name) FROM items")
                self.assertEqual(cursor.fetchone(), (["kept"],))
            with self.assertRaises(ZeroDivisionError), connection:
                cursor.execute("DELETE FROM items")
                raise ZeroDivisionError
            self.assertEqual(fetch(connection, "SELECT count(*) FROM items"), [(1,)])

    def test_savepoints(self):
        with self.client(autocommit=False) as connection:
            cursor = connection.cursor()
            for name, good in (("a", True), ("b", False), ("c", True)):
                cursor.execute("SAVEPOINT s")
                cursor.execute("INSERT INTO items (name) VALUES (%s)", [name])
                if not good:
                    self.assertSqlstate("23502", cursor.execute, "INSERT INTO items (name) VALUES (NULL)")
                    cursor.execute("ROLLBACK TO SAVEPOINT s")
                cursor.execute("RELEASE SAVEPOINT s")
            connection.commit()
        self.assertEqual(self.sql("SELECT string_agg(name, '' ORDER BY name) FROM items"), [("ac",)])

    def test_set_session(self):
        """Guards: read-only transactions may leave the primary and refuse to write; serializable ones stay."""
        with self.client(autocommit=False) as connection:
            connection.set_session(readonly=True)
            self.assertIn(self.where(connection), self.reads_on())
            cursor = connection.cursor()
            self.assertSqlstate("25006", cursor.execute, "INSERT INTO items (name) VALUES ('x')")
            connection.rollback()
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
            self.assertIn(self.where(connection), self.reads_on())
            self.assertEqual(fetch(connection, "SHOW transaction_isolation"), [("repeatable read",)])
            connection.rollback()
            connection.set_session(isolation_level="SERIALIZABLE", readonly=True, deferrable=True)
            self.assertEqual(self.where(connection), self.primary_name)
            self.assertEqual(fetch(connection, "SHOW transaction_deferrable"), [("on",)])
            connection.rollback()
            connection.set_session(isolation_level="DEFAULT", readonly=False, deferrable=False)
            cursor.execute("INSERT INTO items (name) VALUES ('x')")
            connection.commit()
        self.assertEqual(self.sql("SELECT count(*) FROM items"), [(1,)])

    def test_set_session_in_autocommit(self):
        """Guards: there psycopg2 sets default_transaction_read_only, which must hold on every server."""
        with self.client() as connection, self.client() as other:
            connection.set_session(readonly=True, autocommit=True)
            for _ in range(5):
                self.where(connection)
                self.assertSqlstate("25006", connection.cursor().execute, "INSERT INTO items (name) VALUES ('x')")
                self.assertEqual(len(fetch(other, "INSERT INTO items (name) VALUES ('y') RETURNING id")), 1)
            connection.set_session(readonly=False)
            fetch(connection, "INSERT INTO items (name) VALUES ('x')")

    def test_named_cursor(self):
        """Guards: DECLARE and its FETCHes reach one server; a read-only one may be a replica."""
        for readonly in (False, True):
            with self.client(autocommit=False) as connection:
                connection.set_session(readonly=readonly)
                with connection.cursor("c") as cursor:
                    cursor.itersize = 7
                    cursor.execute("SELECT id, here() FROM t ORDER BY id")
                    rows = list(cursor)
                self.assertEqual([row[0] for row in rows], list(range(1, 101)))
                nodes = self.reads_on() if readonly else [self.primary_name]
                self.assertLessEqual({row[1] for row in rows}, set(nodes))
                with connection.cursor("s", scrollable=True) as cursor:
                    cursor.execute("SELECT id FROM t ORDER BY id")
                    cursor.scroll(50)
                    self.assertEqual(cursor.fetchone(), (51,))
                    cursor.scroll(9, mode="absolute")
                    self.assertEqual(cursor.fetchmany(2), [(10,), (11,)])

    def test_cursor_with_hold(self):
        """Guards: what is left behind by a commit is found by the next statement."""
        with self.client() as connection, self.client() as other:
            cursor = connection.cursor("held", withhold=True)
            cursor.execute("SELECT id FROM t ORDER BY id")
            for i in range(5):
                self.where(other)
                self.assertEqual(cursor.fetchone(), (i + 1,))
            cursor.close()

    def test_copy(self):
        rows = "".join("%d\titem %d\t%d.5\n" % (i, i, i) for i in range(1, 5001))
        for autocommit in (True, False):
            with self.client(autocommit=autocommit) as connection:
                self.setUp()
                cursor = connection.cursor()
                cursor.copy_expert("COPY items (id, name, price) FROM STDIN", io.StringIO(rows))
                self.assertEqual(cursor.rowcount, 5000)
                out = io.StringIO()
                cursor.copy_expert("COPY (SELECT id, name, price FROM items ORDER BY id) TO STDOUT", out)
                self.assertEqual(out.getvalue(), rows)
                with self.assertRaises(psycopg2.errors.InvalidTextRepresentation):
                    cursor.copy_expert("COPY items (id, name) FROM STDIN", io.StringIO("one\tx\n" * 10))
                connection.rollback()
                cursor.copy_from(io.StringIO("9001,x\n9002,x\n"), "parts", sep=",", null="x")
                connection.rollback()
                cursor.execute("DELETE FROM parts")

    def test_copy_that_python_breaks(self):
        """Guards: an exception of the reader ends the COPY, not the session."""
        class Broken(io.StringIO):
            def read(self, size=-1):
                raise RuntimeError("the file is gone")

        with self.client() as connection:
            with self.assertRaises(psycopg2.Error):
                connection.cursor().copy_expert("COPY items FROM STDIN", Broken())
            self.assertEqual(fetch(connection, "SELECT count(*) FROM items"), [(0,)])

    def test_batches(self):
        with self.client() as connection:
            cursor = connection.cursor()
            rows = [("item %d" % i, 1) for i in range(1000)]
            got = psycopg2.extras.execute_values(
                cursor, "INSERT INTO items (name, price) VALUES %s RETURNING id", rows, page_size=300, fetch=True)
            self.assertEqual([row[0] for row in got], list(range(1, 1001)))
            psycopg2.extras.execute_batch(cursor, "UPDATE items SET price = %s WHERE id = %s",
                                          [(7, i) for i in range(1, 101)], page_size=40)
            cursor.executemany("INSERT INTO items (name) VALUES (%s)", [("many",)] * 10)
            cursor.execute("SELECT count(*), count(*) FILTER (WHERE price = 7) FROM items")
            self.assertEqual(cursor.fetchone(), (1010, 100))

    def test_several_statements_in_a_string(self):
        """Guards: one write among reads takes the whole string to the primary, as one transaction."""
        with self.client() as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT 1; INSERT INTO items (name) VALUES ('x'); SELECT count(*), here() FROM items")
            self.assertEqual(cursor.fetchone(), (1, self.primary_name))
            self.assertSqlstate("22012", cursor.execute, "INSERT INTO items (name) VALUES ('y'); SELECT 1 / 0")
            cursor.execute("SELECT 1; SELECT count(*) FROM items")
            self.assertEqual(cursor.fetchone(), (1,))

    def cancel_on(self, connection, nodes, sql="SELECT pg_sleep(600)"):
        """Runs sql in a thread, cancels it once it runs; it must end with 57014."""
        caught = []

        def run():
            try:
                connection.cursor().execute(sql)
            except psycopg2.Error as error:
                caught.append(error.pgcode)

        thread = threading.Thread(target=run)
        thread.start()
        self.assertIn(self.wait_active(sql), nodes)
        connection.cancel()
        thread.join()
        self.assertEqual(caught, ["57014"])

    def test_cancel(self):
        """Guards: a cancel reaches the server that runs the statement, on the primary and on a replica."""
        for _ in range(3):
            with self.client() as connection:
                sql = "SELECT pg_sleep(600), '%s'" % uuid.uuid4()
                self.cancel_on(connection, self.reads_on(), sql)
                self.cancel_on(connection, [self.primary_name], "INSERT INTO items (name) " + sql[:20] + "::text")
                connection.cancel()
                self.assertEqual(fetch(connection, "SELECT count(*) FROM items"), [(0,)])

    def test_cancel_in_transaction(self):
        with self.client(autocommit=False) as connection:
            connection.cursor().execute("INSERT INTO items (name) VALUES ('x')")
            self.cancel_on(connection, [self.primary_name])
            self.assertEqual(connection.get_transaction_status(), extensions.TRANSACTION_STATUS_INERROR)
            connection.rollback()
            self.assertEqual(fetch(connection, "SELECT count(*) FROM items"), [(0,)])

    def test_client_encoding(self):
        """Guards: each session's own encoding, on whichever server its statement runs."""
        self.sql("INSERT INTO items (name) VALUES ('Café €')")
        with contextlib.ExitStack() as stack:
            asked = {"UTF8": stack.enter_context(self.client()),
                     "LATIN9": stack.enter_context(self.client(client_encoding="LATIN9")),
                     "WIN1252": stack.enter_context(self.client()),
                     "SJIS": stack.enter_context(self.client())}
            asked["WIN1252"].set_client_encoding("WIN1252")
            asked["SJIS"].set_client_encoding("SJIS")
            for _ in range(4):
                for name, connection in asked.items():
                    self.assertEqual(connection.encoding, name)
                    self.assertEqual(connection.get_parameter_status("client_encoding"), name)
                    self.assertEqual(fetch(connection, "SHOW client_encoding"), [(name,)])
                    if name == "SJIS":
                        self.assertEqual(fetch(connection, "SELECT 'ソ' || %s", ["表\\"]), [("ソ表\\",)])
                    else:
                        self.assertEqual(fetch(connection, "SELECT name, %s FROM items", ["é€"]), [("Café €", "é€")])
            asked["LATIN9"].reset()
            self.assertEqual(fetch(asked["LATIN9"], "SELECT name FROM items"), [("Café €",)])

    def test_settings_are_the_sessions_own(self):
        """Guards: SET of one client is not seen by the next on the same server, and follows its own."""
        zones = ["UTC", "Europe/Berlin", "Asia/Tokyo", "America/New_York", "Asia/Kolkata", "Europe/Riga"]
        with contextlib.ExitStack() as stack:
            clients = [(zone, stack.enter_context(self.client(application_name="app " + zone))) for zone in zones]
            for zone, connection in clients:
                fetch(connection, "SET timezone = '%s'" % zone)
                fetch(connection, "SET search_path = pg_catalog, public")
            for _ in range(3):
                for zone, connection in clients:
                    self.assertEqual(connection.get_parameter_status("TimeZone"), zone)
                    for sql in ("SELECT current_setting('TimeZone'), current_setting('application_name'), "
                                "current_setting('search_path')",
                                "WITH w AS (INSERT INTO items (name) VALUES ('x')) SELECT current_setting('TimeZone'), "
                                "current_setting('application_name'), current_setting('search_path')"):
                        self.assertEqual(fetch(connection, sql), [(zone, "app " + zone, "pg_catalog, public")])
            fetch(clients[1][1], "RESET timezone")
            self.assertEqual(fetch(clients[1][1], "SELECT current_setting('TimeZone')"), [("UTC",)])

    def test_set_local(self):
        with self.client(autocommit=False) as connection:
            cursor = connection.cursor()
            cursor.execute("SET LOCAL timezone = 'Asia/Tokyo'")
            cursor.execute("SELECT current_setting('TimeZone')")
            self.assertEqual(cursor.fetchone(), ("Asia/Tokyo",))
            connection.commit()
            cursor.execute("SELECT current_setting('TimeZone')")
            self.assertEqual(cursor.fetchone(), ("UTC",))
            connection.rollback()
            cursor.execute("SET timezone = 'Asia/Tokyo'")
            connection.rollback()
            self.assertEqual(fetch(connection, "SELECT current_setting('TimeZone')"), [("UTC",)])

    def test_notices(self):
        """Guards: notices come with the statement that made them, from held replies of replicas too."""
        with self.client() as connection:
            for _ in range(3):
                self.assertIn(fetch(connection, "SELECT hint_at('here'), here()")[0][1], self.reads_on())
            for _ in range(3):
                fetch(connection, "DO $$ BEGIN RAISE NOTICE 'done'; RAISE WARNING 'beware'; END $$")
                fetch(connection, "DROP TABLE IF EXISTS nowhere")
            self.assertEqual(connection.notices, [
                "NOTICE:  a hint at here\n"] * 3 + ["NOTICE:  done\n", "WARNING:  beware\n", "NOTICE:  table \"nowhere\" does not exist, skipping\n"] * 3)

    def test_errors(self):
        """Guards: every field of an error arrives, from primary and replica."""
        with self.client() as connection:
            cursor = connection.cursor()
            fetch(connection, "INSERT INTO items (name) VALUES ('x')")
            error = self.assertSqlstate("23505", cursor.execute, "INSERT INTO items (id, name) VALUES (1, 'x')")
            self.assertIsInstance(error, psycopg2.errors.UniqueViolation)
            self.assertEqual((error.diag.schema_name, error.diag.table_name, error.diag.constraint_name),
                             ("public", "items", "items_pkey"))
            self.assertEqual(error.diag.message_detail, "Key (id)=(1) already exists.")
            error = self.assertSqlstate("23502", cursor.execute, "INSERT INTO items (name) VALUES (NULL)")
            self.assertEqual(error.diag.column_name, "name")
            error = self.assertSqlstate("23503", cursor.execute, "INSERT INTO parts VALUES (1, 99)")
            self.assertEqual(error.diag.constraint_name, "parts_item_fkey")
            error = self.assertSqlstate("42601", cursor.execute, "SELECT 1 FROM FROM t")
            self.assertEqual(error.diag.statement_position, "15")
            error = self.assertSqlstate("42P01", cursor.execute, "SELECT * FROM missing")
            self.assertEqual(error.diag.statement_position, "15")
            error = self.assertSqlstate("22012", cursor.execute, "SELECT 1 / (id - 1) FROM t")
            self.assertEqual(error.diag.severity_nonlocalized, "ERROR")
            error = self.assertSqlstate("AN001", cursor.execute, "SELECT refuse('way')")
            self.assertEqual((error.diag.message_primary, error.diag.message_detail, error.diag.message_hint),
                             ("no way", "the detail", "the hint"))
            self.assertIn("PL/pgSQL function refuse", error.diag.context)
            self.assertEqual(fetch(connection, "SELECT 1"), [(1,)])

    def notifies(self, connection, count):
        """Waits for so many notifications; returns and forgets them, as (channel, payload)."""
        def arrived():
            if len(connection.notifies) < count:
                select.select([connection], [], [], 0.1)
                connection.poll()
            return len(connection.notifies) >= count
        wait_until(arrived, what="%d notifications" % count)
        got = [(notify.channel, notify.payload) for notify in connection.notifies]
        connection.notifies.clear()
        return got

    def test_listen(self):
        """Guards: notifications of others and of its own, in order, and no more after UNLISTEN."""
        with self.client() as listener, self.client(autocommit=False) as sender:
            fetch(listener, "LISTEN orders; LISTEN \"Odd name\"")
            cursor = sender.cursor()
            for i in range(3):
                cursor.execute("SELECT pg_notify('orders', %s)", [str(i)])
            cursor.execute("NOTIFY \"Odd name\"")
            cursor.execute("NOTIFY others, 'x'")
            sender.commit()
            self.assertEqual(self.notifies(listener, 4),
                             [("orders", "0"), ("orders", "1"), ("orders", "2"), ("Odd name", "")])
            cursor.execute("NOTIFY orders, 'undone'")
            sender.rollback()
            fetch(listener, "NOTIFY orders, 'own'")
            self.assertEqual(self.notifies(listener, 1), [("orders", "own")])
            fetch(listener, "UNLISTEN *")
            cursor.execute("NOTIFY orders, 'late'")
            sender.commit()
            fetch(listener, "LISTEN orders")
            fetch(listener, "NOTIFY orders, 'last'")
            self.assertEqual(self.notifies(listener, 1), [("orders", "last")])

    def test_listen_then_read(self):
        """Guards: who was notified of a change reads it."""
        with self.client() as listener, self.client(autocommit=False) as sender:
            fetch(listener, "LISTEN made")
            for i in range(1, 21):
                fetch(sender, "INSERT INTO items (name) VALUES ('x') RETURNING pg_notify('made', id::text)")
                sender.commit()
                self.assertEqual(self.notifies(listener, 1), [("made", str(i))])
                self.assertEqual(fetch(listener, "SELECT id FROM items WHERE id = %s", [i]), [(i,)])

    def test_session_state(self):
        """Guards: temporary tables and SQL's PREPARE are found again, and are gone for the next client."""
        with self.client() as connection, self.client() as other:
            fetch(connection, "CREATE TEMP TABLE own (i int)")
            fetch(connection, "PREPARE p (int) AS INSERT INTO own VALUES ($1) RETURNING i")
            for i in range(5):
                self.assertEqual(fetch(connection, "EXECUTE p (%s)", [i]), [(i,)])
                self.assertEqual(fetch(connection, "SELECT count(*) FROM own"), [(i + 1,)])
                self.assertSqlstate("42P01", other.cursor().execute, "SELECT count(*) FROM own")
            fetch(connection, "DISCARD ALL")
            self.assertSqlstate("42P01", connection.cursor().execute, "SELECT count(*) FROM own")
            fetch(connection, "CREATE TEMP TABLE own (i int)")
        with self.client() as connection:
            fetch(connection, "CREATE TEMP TABLE own (i int)")

    def test_reset(self):
        """Guards: connection.reset() is ABORT, RESET ALL, SET SESSION AUTHORIZATION DEFAULT."""
        with self.client(autocommit=False) as connection:
            fetch(connection, "SET timezone = 'Asia/Tokyo'")
            connection.commit()
            fetch(connection, "INSERT INTO items (name) VALUES ('x')")
            connection.reset()
            self.assertEqual(fetch(connection, "SELECT current_setting('TimeZone'), count(*) FROM items"), [("UTC", 0)])

    def test_two_phase_commit(self):
        with self.client(autocommit=False) as connection:
            for end in (connection.tpc_rollback, connection.tpc_commit):
                connection.tpc_begin(connection.xid(1, "tx-" + self.dbname, "branch"))
                fetch(connection, "INSERT INTO items (name) VALUES ('x')")
                connection.tpc_prepare()
                end()
            self.assertEqual(fetch(connection, "SELECT count(*) FROM items"), [(1,)])
            connection.rollback()
            self.assertEqual(connection.tpc_recover(), [])

    def test_large_objects(self):
        """Guards: libpq's lo_* calls are FunctionCall messages: on the primary, in the transaction."""
        with self.client(autocommit=False) as connection:
            new = connection.lobject(0, "wb")
            new.write(b"\x00\x01" * 50000)
            new.close()
            connection.commit()
            found = connection.lobject(new.oid, "rb")
            self.assertEqual(found.read(), b"\x00\x01" * 50000)
            found.unlink()
            connection.commit()

    def test_types(self):
        """Guards: values of many types come back as they went, by replica and primary."""
        with self.client() as connection:
            psycopg2.extras.register_composite("size", connection)
            psycopg2.extras.register_uuid(conn_or_curs=connection)
            cursor = connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor)
            key = uuid.uuid4()
            for sql in ("SELECT %s AS a, %s::jsonb AS b, %s::bytea AS c, %s::uuid AS d, (3, 4)::size AS e",
                        "/* andon:primary */ SELECT %s AS a, %s::jsonb AS b, %s::bytea AS c, %s::uuid AS d, (3, 4)::size AS e"):
                cursor.execute(sql, [["x", None], psycopg2.extras.Json({"k": [1, None]}), bytes(range(256)), key])
                row = cursor.fetchone()
                self.assertEqual((row["a"], row["b"], bytes(row["c"]), row["d"]),
                                 (["x", None], {"k": [1, None]}, bytes(range(256)), key))
                self.assertEqual((row["e"].width, row["e"].height), (3, 4))

    def test_what_the_connection_tells(self):
        with self.client(application_name="teller") as connection:
            self.assertEqual(connection.server_version, self.cluster.primary.connect().server_version)
            self.assertEqual(connection.info.dbname, self.dbname)
            self.assertEqual(connection.info.ssl_in_use, False)
            self.assertGreater(connection.get_backend_pid(), 0)
            for name, value in (("server_encoding", "UTF8"), ("integer_datetimes", "on"), ("DateStyle", "ISO, MDY"),
                                ("standard_conforming_strings", "on"), ("in_hot_standby", "off"),
                                ("default_transaction_read_only", "off"), ("application_name", "teller")):
                self.assertEqual(connection.get_parameter_status(name), value, name)

    def test_target_session_attrs(self):
        """Guards: clients that look for a primary find one, by ParameterStatus and by asking."""
        for wanted in ("any", "read-write", "primary", "prefer-standby"):
            with self.client(target_session_attrs=wanted) as connection:
                self.assertEqual(fetch(connection, "SHOW transaction_read_only"), [("off",)])
                self.assertEqual(fetch(connection, "SELECT pg_is_in_recovery()"), [(False,)])

    def test_startup_options(self):
        with self.client(options="-c timezone=Asia/Tokyo -c work_mem=5MB") as connection, self.client() as other:
            for _ in range(3):
                self.assertEqual(fetch(connection, "SELECT current_setting('TimeZone'), current_setting('work_mem')"),
                                 [("Asia/Tokyo", "5MB")])
                self.assertEqual(fetch(other, "SELECT current_setting('TimeZone')"), [("UTC",)])

    def test_asynchronous(self):
        """Guards: psycopg2's asynchronous connections, which poll their socket."""
        connection = psycopg2.connect(host=self.router.host, port=self.router.port, dbname=self.dbname,
                                      user="postgres", async_=1)
        try:
            psycopg2.extras.wait_select(connection)
            cursor = connection.cursor()
            for sql, expected in (("SELECT 1", 1), ("INSERT INTO items (name) VALUES ('x') RETURNING id", 1),
                                  ("SELECT count(*) FROM items", 1), ("SELECT length(repeat('x', 3000000))", 3000000)):
                cursor.execute(sql)
                psycopg2.extras.wait_select(connection)
                self.assertEqual(cursor.fetchone(), (expected,))
        finally:
            connection.close()

    def test_many_threads(self):
        """Guards: more clients than servers, reads and transactions mixed: nobody sees another's answers."""
        pool = psycopg2.pool.ThreadedConnectionPool(
            THREADS, THREADS, host=self.router.host, port=self.router.port, dbname=self.dbname, user="postgres")
        wrong = []

        def work(me):
            connection = pool.getconn()
            try:
                for i in range(25):
                    with connection, connection.cursor() as cursor:
                        cursor.execute("INSERT INTO items (name, price) VALUES (%s, %s) RETURNING id", [me, i])
                        key = cursor.fetchone()[0]
                        cursor.execute("UPDATE items SET price = price + 1 WHERE id = %s", [key])
                    connection.autocommit = True
                    found = fetch(connection, "SELECT name, price FROM items WHERE id = %s", [key])
                    connection.autocommit = False
                    if found != [(me, i + 1)]:
                        wrong.append((me, i, found))
            except Exception as error:      # noqa: BLE001
                wrong.append((me, repr(error)))
            finally:
                pool.putconn(connection)

        threads = [threading.Thread(target=work, args=("thread %d" % i,)) for i in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        pool.closeall()
        self.assertEqual(wrong, [])
        self.assertEqual(self.sql("SELECT count(*), count(DISTINCT name) FROM items"), [(THREADS * 25, THREADS)])


class Psycopg2InTransactionPooling(Conversations, Psycopg2Case):
    router_options = dict(TRANSACTION_POOLING)


class Psycopg2OnOneWorker(Conversations, Psycopg2Case):
    router_options = dict(ONE_WORKER)


class Psycopg2InSessionPooling(Conversations, Psycopg2Case):
    router_options = dict(SESSION_POOLING)
