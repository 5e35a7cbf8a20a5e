"""psycopg 3 through the router: prepared by itself, pipelines, COPY as rows, asynchronous connections.

It speaks the extended protocol wherever psycopg2 speaks the simple one. Every
test runs with transaction pooling over more clients than servers, with one
worker, and with session pooling. Where a read ran is checked against
reads_on(): the replicas, or the primary in session pooling.
"""

import asyncio
import contextlib
import threading
import uuid

import psycopg
from psycopg import errors, pq

from drivers import ONE_WORKER, SESSION_POOLING, TRANSACTION_POOLING, DriverCase
from programs import wait_until


class Psycopg3Case(DriverCase):
    """What is common to the classes below; has no test of its own."""

    def setUp(self):
        self.sql("TRUNCATE items RESTART IDENTITY")

    def conninfo(self, **options):
        return psycopg.conninfo.make_conninfo(host=self.router.host, port=self.router.port, dbname=self.dbname,
                                              user="postgres", connect_timeout=20, **options)

    @contextlib.contextmanager
    def psycopg(self, autocommit=True, **options):
        connection = psycopg.connect(self.conninfo(**options), autocommit=autocommit)
        try:
            yield connection
        finally:
            connection.close()

    def wait_active(self, marker):
        """Waits until a statement with these words runs on some node, and returns that node's name."""
        def node():
            for node in self.cluster.nodes:
                if node.value("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE %s"
                              " AND pid <> pg_backend_pid()", ["%" + marker + "%"]):
                    return node.name
        return wait_until(node, what="%s to run" % marker)


class Conversations:
    def test_reads_and_writes(self):
        """Guards: reads leave the primary, before and after psycopg begins to prepare them; own writes are seen."""
        with self.psycopg() as connection:
            for i in range(20):
                row = connection.execute("INSERT INTO items (name) VALUES (%s) RETURNING id, here()", ["x"]).fetchone()
                self.assertEqual(row, (i + 1, self.primary_name))
                count, = connection.execute("SELECT count(*) FROM items WHERE id <= %s", [1000]).fetchone()
                self.assertEqual(count, i + 1)
                where, = connection.execute("SELECT here()").fetchone()
                self.assertIn(where, self.reads_on())

    def test_prepared_statements(self):
        """Guards: names psycopg chooses are each connection's own, whatever server they meet; it closes them by SQL."""
        with self.psycopg() as one, self.psycopg() as two:
            one.prepared_max = two.prepared_max = 3
            for i in range(40):
                for connection, shift in ((one, 1), (two, 2)):
                    sql = "SELECT %%s::int + %d, %d" % (shift, i % 7)
                    self.assertEqual(connection.execute(sql, [i], prepare=True).fetchone(), (i + shift, i % 7))
            one.execute("DEALLOCATE ALL")

    def test_binary(self):
        with self.psycopg() as connection:
            key = uuid.uuid4()
            for binary in (False, True):
                for _ in range(7):
                    cursor = connection.cursor(binary=binary)
                    cursor.execute("SELECT %b::int4, %b::bytea, %b::uuid, %t::numeric, ARRAY[1, NULL, 3], NULL",
                                   [7, bytes(range(256)), key, "12.5"])
                    row = cursor.fetchone()
                    self.assertEqual(row[:3] + row[4:], (7, bytes(range(256)), key, [1, None, 3], None))

    def test_transactions(self):
        with self.psycopg(autocommit=False) as connection:
            connection.execute("INSERT INTO items (name) VALUES ('kept')")
            connection.commit()
            with contextlib.suppress(ZeroDivisionError), connection.transaction():
                connection.execute("INSERT INTO items (name) VALUES ('undone')")
                raise ZeroDivisionError
            with connection.transaction():
                connection.execute("INSERT INTO items (name) VALUES ('outer')")
                with self.assertRaises(errors.NotNullViolation), connection.transaction():
                    connection.execute("INSERT INTO items (name) VALUES (NULL)")
                self.assertEqual(connection.info.transaction_status, pq.TransactionStatus.INTRANS)
                with connection.transaction(force_rollback=True):
                    connection.execute("INSERT INTO items (name) VALUES ('undone too')")
            with self.assertRaises(errors.DivisionByZero):
                connection.execute("SELECT 1 / 0")
            with self.assertRaises(errors.InFailedSqlTransaction):
                connection.execute("SELECT 1")
            connection.rollback()
            connection.read_only = True
            self.assertIn(connection.execute("SELECT here()").fetchone()[0], self.reads_on())
            with self.assertRaises(errors.ReadOnlySqlTransaction):
                connection.execute("INSERT INTO items (name) VALUES ('x')")
            connection.rollback()
            connection.read_only = False
            connection.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
            self.assertEqual(connection.execute("SHOW transaction_isolation").fetchone(), ("serializable",))
        self.assertEqual(self.sql("SELECT string_agg(name, ',' ORDER BY id) FROM items"), [("kept,outer",)])

    def test_pipeline(self):
        """Guards: many statements sent before the first answer is read; what follows an error is aborted, to the Sync."""
        with self.psycopg() as connection:
            with connection.pipeline() as pipeline:
                cursors = [connection.execute("SELECT %s::int * 2", [i]) for i in range(100)]
                pipeline.sync()
                written = [connection.execute("INSERT INTO items (name) VALUES (%s) RETURNING id", [str(i)])
                           for i in range(50)]
                count = connection.execute("SELECT count(*) FROM items")
            self.assertEqual([cursor.fetchone()[0] for cursor in cursors], [i * 2 for i in range(100)])
            self.assertEqual([cursor.fetchone()[0] for cursor in written], list(range(1, 51)))
            self.assertEqual(count.fetchone(), (50,))
            with self.assertRaises(errors.DivisionByZero), connection.pipeline() as pipeline:
                connection.execute("INSERT INTO items (name) VALUES ('rolled back with the rest')")
                failing = connection.execute("SELECT 1 / %s", [0])
                connection.execute("INSERT INTO items (name) VALUES ('never run')")
                pipeline.sync()
                failing.fetchone()
            self.assertEqual(connection.execute("SELECT count(*) FROM items").fetchone(), (50,))

    def test_pipeline_of_transactions(self):
        with self.psycopg() as connection, connection.pipeline():
            for i in range(10):
                with connection.transaction():
                    connection.execute("INSERT INTO items (name) VALUES (%s)", [str(i)])
                found = connection.execute("SELECT count(*) FROM items")
                self.assertEqual(found.fetchone(), (i + 1,))

    def test_executemany(self):
        """Guards: a pipeline of its own inside, with results of each."""
        with self.psycopg() as connection:
            cursor = connection.cursor()
            cursor.executemany("INSERT INTO items (name) VALUES (%s) RETURNING id", [(str(i),) for i in range(500)],
                               returning=True)
            ids = []
            while True:
                ids.append(cursor.fetchone()[0])
                if not cursor.nextset():
                    break
            self.assertEqual(ids, list(range(1, 501)))
            with self.assertRaises(errors.NotNullViolation):
                cursor.executemany("INSERT INTO items (name) VALUES (%s)", [("a",), (None,), ("b",)])
            self.assertEqual(connection.execute("SELECT count(*) FROM items").fetchone(), (500,))

    def test_copy(self):
        rows = [(i, "item %d" % i) for i in range(1, 5001)]
        with self.psycopg() as connection:
            cursor = connection.cursor()
            for form in ("", " WITH (FORMAT binary)"):
                self.setUp()
                with cursor.copy("COPY items (id, name) FROM STDIN" + form) as copy:
                    copy.set_types(["int4", "text"])
                    for row in rows:
                        copy.write_row(row)
                with cursor.copy("COPY (SELECT id, name FROM items ORDER BY id) TO STDOUT" + form) as copy:
                    copy.set_types(["int4", "text"])
                    self.assertEqual(list(copy.rows()), rows)
            with self.assertRaises(errors.QueryCanceled), cursor.copy("COPY items (id, name) FROM STDIN") as copy:
                copy.write_row((9001, "never"))
                raise ZeroDivisionError
            with self.assertRaises(errors.InvalidTextRepresentation), cursor.copy("COPY items FROM STDIN") as copy:
                copy.write("no number\tx\n")
            self.assertEqual(connection.execute("SELECT count(*) FROM items").fetchone(), (5000,))

    def test_cursors(self):
        with self.psycopg(autocommit=False) as connection:
            connection.read_only = True
            with connection.cursor("named") as cursor:
                cursor.itersize = 7
                cursor.execute("SELECT id FROM t WHERE id > %s ORDER BY id", [10])
                self.assertEqual([row[0] for row in cursor], list(range(11, 101)))
            self.assertEqual([row[0] for row in connection.cursor().stream("SELECT id FROM t ORDER BY id")],
                             list(range(1, 101)))
            with connection.cursor("scrolled", scrollable=True) as cursor:
                cursor.execute("SELECT id FROM t ORDER BY id")
                cursor.scroll(50)
                self.assertEqual(cursor.fetchone(), (51,))
            connection.rollback()

    def test_errors(self):
        with self.psycopg() as connection:
            self.sql("INSERT INTO items (id, name) VALUES (1, 'x')")
            with self.assertRaises(errors.UniqueViolation) as caught:
                connection.execute("INSERT INTO items (id, name) VALUES (%s, 'y')", [1])
            diag = caught.exception.diag
            self.assertEqual((diag.constraint_name, diag.table_name, diag.message_detail),
                             ("items_pkey", "items", "Key (id)=(1) already exists."))
            for sql, parameters, error in (
                    ("SELECT nothing", [], errors.UndefinedColumn), ("SELEC", [], errors.SyntaxError),
                    ("SELECT %s::int", ["x"], errors.InvalidTextRepresentation),
                    ("SELECT 1; SELECT %s", [1], errors.SyntaxError), ("SELECT 1 / %s", [0], errors.DivisionByZero)):
                for _ in range(7):      # also once it is prepared
                    self.assertRaises(error, connection.execute, sql, parameters)
            self.assertEqual(connection.execute("SELECT count(*) FROM items").fetchone(), (1,))

    def test_notices_and_notifications(self):
        with self.psycopg() as connection, self.psycopg() as sender:
            notices = []
            connection.add_notice_handler(lambda diag: notices.append(diag.message_primary))
            connection.execute("DO $$ BEGIN FOR i IN 1..3 LOOP RAISE NOTICE 'n%', i; END LOOP; END $$")
            self.assertEqual(notices, ["n1", "n2", "n3"])
            got = []
            connection.add_notify_handler(lambda notify: got.append((notify.channel, notify.payload)))
            connection.execute("LISTEN orders")
            for i in range(3):
                sender.execute("SELECT pg_notify('orders', %s)", [str(i)])

            def arrived():
                connection.execute("SELECT 1")
                return len(got) >= 3
            wait_until(arrived, what="three notifications")
            self.assertEqual(got, [("orders", "0"), ("orders", "1"), ("orders", "2")])

    def test_cancel(self):
        with self.psycopg() as connection:
            for sql, nodes in (("SELECT pg_sleep(600), %s::text", self.reads_on()),
                               ("INSERT INTO items (name) SELECT pg_sleep(600)::text || %s::text", [self.primary_name])):
                marker = "/* %s */" % uuid.uuid4()
                caught = []

                def run():
                    try:
                        connection.execute(sql + marker, ["x"])
                    except psycopg.Error as error:
                        caught.append(error.sqlstate)

                thread = threading.Thread(target=run)
                thread.start()
                self.assertIn(self.wait_active(marker), nodes)
                connection.cancel()
                thread.join()
                self.assertEqual(caught, ["57014"])
            self.assertEqual(connection.execute("SELECT count(*) FROM items").fetchone(), (0,))

    def test_two_phase_commit(self):
        with self.psycopg(autocommit=False) as connection:
            for end in (connection.tpc_rollback, connection.tpc_commit):
                connection.tpc_begin(connection.xid(1, "three-" + self.dbname, "branch"))
                connection.execute("INSERT INTO items (name) VALUES ('x')")
                connection.tpc_prepare()
                end()
            self.assertEqual(connection.execute("SELECT count(*) FROM items").fetchone(), (1,))

    def test_asynchronous(self):
        """Guards: many connections of one event loop, each with writes, reads and a pipeline of its own."""
        async def work(me):
            connection = await psycopg.AsyncConnection.connect(self.conninfo(), autocommit=True)
            async with connection:
                for i in range(10):
                    cursor = await connection.execute(
                        "INSERT INTO items (name) VALUES (%s) RETURNING id", [str(me)])
                    key, = await cursor.fetchone()
                    cursor = await connection.execute("SELECT name FROM items WHERE id = %s", [key])
                    self.assertEqual(await cursor.fetchone(), (str(me),))
                async with connection.pipeline():
                    cursors = [await connection.execute("SELECT %s::int", [i]) for i in range(20)]
                self.assertEqual([(await cursor.fetchone())[0] for cursor in cursors], list(range(20)))
                async with connection.transaction():
                    async with connection.cursor().copy("COPY items (name) FROM STDIN") as copy:
                        await copy.write_row(("copied",))

        async def all_of_them():
            await asyncio.gather(*(work(me) for me in range(12)))

        asyncio.run(all_of_them())
        self.assertEqual(self.sql("SELECT count(*), count(DISTINCT name) FROM items"), [(132, 13)])


class Psycopg3InTransactionPooling(Conversations, Psycopg3Case):
    router_options = dict(TRANSACTION_POOLING)


class Psycopg3OnOneWorker(Conversations, Psycopg3Case):
    router_options = dict(ONE_WORKER)


class Psycopg3InSessionPooling(Conversations, Psycopg3Case):
    router_options = dict(SESSION_POOLING)
