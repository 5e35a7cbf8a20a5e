"""asyncpg through the router: its own protocol code, prepared statements everywhere, binary formats.

asyncpg does not use libpq. It prepares and caches every statement under a name,
describes it before it runs it, resets a pooled connection with a string of
several statements, and looks types up in the catalog. Every test runs with
transaction pooling over more clients than servers, with one worker, and with
session pooling.
"""

import asyncio
import contextlib
import decimal
import io
import uuid

import asyncpg

from drivers import ONE_WORKER, SESSION_POOLING, TRANSACTION_POOLING, DriverCase
from programs import wait_until


class AsyncpgCase(DriverCase):
    """What is common to the classes below; has no test of its own."""

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.sql("CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE TYPE size AS (width int, height int)")

    def setUp(self):
        self.sql("TRUNCATE items RESTART IDENTITY")

    def address(self, **options):
        return dict(host=self.router.host, port=self.router.port, database=self.dbname, user="postgres", timeout=20,
                    ssl=False, **options)

    @contextlib.asynccontextmanager
    async def asyncpg(self, **options):
        connection = await asyncpg.connect(**self.address(**options))
        try:
            yield connection
        finally:
            await connection.close()

    def wait_active(self, marker):
        """Waits until a statement with these words runs on some node, and returns that node's name."""
        def node():
            for node in self.cluster.nodes:
                if node.value("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE %s"
                              " AND pid <> pg_backend_pid()", ["%" + marker + "%"]):
                    return node.name
        return wait_until(node, what="%s to run" % marker)


def runs(test):
    """The test is a coroutine."""
    def run(self):
        asyncio.run(test(self))
    run.__doc__ = test.__doc__
    return run


class Conversations:
    @runs
    async def test_reads_and_writes(self):
        """Guards: reads leave the primary, and a session reads what it wrote."""
        async with self.asyncpg() as connection:
            for i in range(20):
                row = await connection.fetchrow("INSERT INTO items (name) VALUES ($1) RETURNING id, here()", "x")
                self.assertEqual(tuple(row), (i + 1, self.primary_name))
                self.assertEqual(await connection.fetchval("SELECT count(*) FROM items WHERE id <= $1", 1000), i + 1)
                self.assertIn(await connection.fetchval("SELECT here()"), self.reads_on())

    @runs
    async def test_simple(self):
        async with self.asyncpg() as connection:
            self.assertEqual(await connection.execute("INSERT INTO items (name) VALUES ('a'); SELECT 1"), "SELECT 1")
            self.assertEqual(await connection.execute("DELETE FROM items"), "DELETE 1")
            with self.assertRaises(asyncpg.PostgresSyntaxError):
                await connection.execute("SELEC")
            with self.assertRaises(asyncpg.DivisionByZeroError):
                await connection.execute("INSERT INTO items (name) VALUES ('b'); SELECT 1 / 0")
            self.assertEqual(await connection.fetchval("SELECT count(*) FROM items"), 0)

    @runs
    async def test_prepared_statements(self):
        """Guards: more statements than a server keeps, by many connections, each with names of its own."""
        connections = [await asyncpg.connect(**self.address()) for _ in range(8)]
        statements = []
        for me, connection in enumerate(connections):
            statements.append([await connection.prepare("SELECT $1::int + %d" % (i % 25)) for i in range(me, me + 20)])
        for _ in range(3):
            for me, mine in enumerate(statements):
                for i, statement in enumerate(mine):
                    self.assertEqual(await statement.fetchval(100), 100 + (me + i) % 25)
        self.assertEqual([parameter.name for parameter in statements[0][0].get_parameters()], ["int4"])
        for connection in connections:
            await connection.close()

    @runs
    async def test_types(self):
        """Guards: binary values of many types, and those that asyncpg looks up first."""
        async with self.asyncpg() as connection:
            key = uuid.uuid4()
            values = [7, 2 ** 40, decimal.Decimal("12.50"), "t\u00e9xt", bytes(range(256)), key, [1, None, 3], True, None]
            row = await connection.fetchrow(
                "SELECT $1::int4, $2::int8, $3::numeric, $4::text, $5::bytea, $6::uuid, $7::int4[], $8::bool, $9::date",
                *values)
            self.assertEqual(list(row), values)
            self.assertEqual(await connection.fetchval("SELECT $1::mood", "bad"), "bad")
            self.assertEqual(tuple(await connection.fetchval("SELECT (3, 4)::size")), (3, 4))
            await connection.set_type_codec("json", encoder=str, decoder=len, schema="pg_catalog")
            self.assertEqual(await connection.fetchval("SELECT '[1,2]'::json"), 5)
            with self.assertRaises(asyncpg.DataError):
                await connection.fetchval("SELECT $1::int4", "no number")

    @runs
    async def test_many_rows_at_once(self):
        """Guards: executemany() sends batches of Bind and Execute in one transaction."""
        async with self.asyncpg() as connection:
            await connection.executemany("INSERT INTO items (name) VALUES ($1)", [(str(i),) for i in range(3000)])
            self.assertEqual(await connection.fetchval("SELECT count(DISTINCT name) FROM items"), 3000)
            with self.assertRaises(asyncpg.NotNullViolationError):
                await connection.executemany("INSERT INTO items (name) VALUES ($1)", [("a",), (None,), ("b",)])
            self.assertEqual(await connection.fetchval("SELECT count(*) FROM items"), 3000)
            self.assertEqual(len(await connection.fetch("SELECT * FROM generate_series(1, 20000)")), 20000)

    @runs
    async def test_transactions(self):
        async with self.asyncpg() as connection:
            async with connection.transaction():
                await connection.execute("INSERT INTO items (name) VALUES ($1)", "kept")
                with self.assertRaises(asyncpg.NotNullViolationError):
                    async with connection.transaction():
                        await connection.execute("INSERT INTO items (name) VALUES ($1)", None)
            with self.assertRaises(ZeroDivisionError):
                async with connection.transaction():
                    await connection.execute("DELETE FROM items")
                    raise ZeroDivisionError
            transaction = connection.transaction()
            await transaction.start()
            with self.assertRaises(asyncpg.DivisionByZeroError):
                await connection.fetchval("SELECT 1 / $1::int", 0)
            with self.assertRaises(asyncpg.InFailedSQLTransactionError):
                await connection.fetchval("SELECT 1")
            await transaction.rollback()
            async with connection.transaction(readonly=True, isolation="repeatable_read"):
                self.assertIn(await connection.fetchval("SELECT here()"), self.reads_on())
                self.assertEqual(await connection.fetchval("SELECT string_agg(name, '') FROM items"), "kept")
            with self.assertRaises(asyncpg.ReadOnlySQLTransactionError):
                async with connection.transaction(readonly=True):
                    await connection.execute("INSERT INTO items (name) VALUES ('x')")
            async with connection.transaction(isolation="serializable"):
                self.assertEqual(await connection.fetchval("SELECT here()"), self.primary_name)

    @runs
    async def test_cursors(self):
        """Guards: portals with row limits, in a transaction that may be on a replica."""
        async with self.asyncpg() as connection:
            for readonly in (False, True):
                async with connection.transaction(readonly=readonly):
                    ids = [row[0] async for row in connection.cursor("SELECT id FROM t ORDER BY id", prefetch=7)]
                    self.assertEqual(ids, list(range(1, 101)))
                    cursor = await connection.cursor("SELECT id FROM t WHERE id > $1 ORDER BY id", 10)
                    self.assertEqual(await cursor.forward(5), 5)
                    self.assertEqual([row[0] for row in await cursor.fetch(3)], [16, 17, 18])

    @runs
    async def test_copy(self):
        rows = [(i, "item %d" % i) for i in range(1, 5001)]
        async with self.asyncpg() as connection:
            done = await connection.copy_records_to_table("items", records=rows, columns=["id", "name"])
            self.assertEqual(done, "COPY 5000")
            out = io.BytesIO()
            await connection.copy_from_query("SELECT id, name FROM items WHERE id > $1 ORDER BY id", 10, output=out,
                                             format="csv")
            self.assertEqual(out.getvalue().decode(), "".join("%d,%s\n" % row for row in rows[10:]))
            await connection.execute("DELETE FROM items")
            await connection.copy_to_table("items", source=io.BytesIO(out.getvalue()), format="csv",
                                           columns=["id", "name"])
            with self.assertRaises(asyncpg.UniqueViolationError):
                await connection.copy_to_table("items", source=io.BytesIO(b"11,twice\n"), format="csv")
            with self.assertRaises(asyncpg.BadCopyFileFormatError):
                await connection.copy_to_table("items", source=io.BytesIO(b"not,three,columns\n"), format="csv")

            async def breaks():
                yield b"9001,never\n"
                raise ZeroDivisionError
            with self.assertRaises(ZeroDivisionError):
                await connection.copy_to_table("items", source=breaks(), format="csv")
            self.assertEqual(await connection.fetchval("SELECT count(*) FROM items"), 4990)

    @runs
    async def test_cancel(self):
        """Guards: cancelled tasks and timeouts become cancel requests; the connection goes on."""
        async with self.asyncpg() as connection:
            for sql, nodes in (("SELECT pg_sleep(600)", self.reads_on()),
                               ("INSERT INTO items (name) SELECT pg_sleep(600)::text", [self.primary_name])):
                marker = "/* %s */" % uuid.uuid4()
                task = asyncio.ensure_future(connection.fetch(sql + marker))
                where = await asyncio.get_running_loop().run_in_executor(None, self.wait_active, marker)
                self.assertIn(where, nodes)
                task.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await task
                self.assertEqual(await connection.fetchval("SELECT count(*) FROM items"), 0)
            with self.assertRaises(asyncio.TimeoutError):
                await connection.fetch("SELECT pg_sleep(600)", timeout=0.1)
            self.assertEqual(await connection.fetchval("SELECT 5"), 5)

    @runs
    async def test_errors(self):
        async with self.asyncpg() as connection:
            await connection.execute("INSERT INTO items (id, name) VALUES (1, 'x')")
            with self.assertRaises(asyncpg.UniqueViolationError) as caught:
                await connection.execute("INSERT INTO items (id, name) VALUES ($1, 'y')", 1)
            self.assertEqual((caught.exception.constraint_name, caught.exception.detail),
                             ("items_pkey", "Key (id)=(1) already exists."))
            for _ in range(3):
                for sql, error in (("SELECT nothing", asyncpg.UndefinedColumnError), ("SELEC", asyncpg.PostgresSyntaxError),
                                   ("SELECT * FROM nowhere", asyncpg.UndefinedTableError)):
                    with self.assertRaises(error):
                        await connection.fetch(sql)
                self.assertEqual(await connection.fetchval("SELECT $1::int", 1), 1)

    @runs
    async def test_table_that_changes(self):
        """Guards: a statement that another session's DDL has outdated is prepared anew by asyncpg."""
        async with self.asyncpg() as one, self.asyncpg() as two:
            await one.execute("CREATE TABLE changing (a int)")
            await one.execute("INSERT INTO changing VALUES (1)")
            sql = "/* andon:primary */ SELECT * FROM changing"
            self.assertEqual(tuple(await two.fetchrow(sql)), (1,))
            await one.execute("ALTER TABLE changing ADD COLUMN b int DEFAULT 2")
            self.assertEqual(tuple(await two.fetchrow(sql)), (1, 2))
            await one.execute("DROP TABLE changing")

    @runs
    async def test_notifications(self):
        async with self.asyncpg() as connection, self.asyncpg() as sender:
            got = asyncio.Queue()
            await connection.add_listener("orders", lambda who, pid, channel, payload: got.put_nowait(payload))
            for i in range(3):
                await sender.execute("SELECT pg_notify('orders', $1)", str(i))
            self.assertEqual([await asyncio.wait_for(got.get(), 60) for _ in range(3)], ["0", "1", "2"])
            notices = []
            connection.add_log_listener(lambda who, message: notices.append(message.message))
            await connection.execute("DO $$ BEGIN RAISE NOTICE 'heard'; END $$")
            self.assertEqual(notices, ["heard"])

    @runs
    async def test_pool(self):
        """Guards: asyncpg's own pool in front, which resets a connection each time it is given back."""
        async with asyncpg.create_pool(**self.address(), min_size=2, max_size=10) as pool:
            async def work(me):
                for i in range(8):
                    async with pool.acquire() as connection:
                        key = await connection.fetchval("INSERT INTO items (name) VALUES ($1) RETURNING id", str(me))
                        self.assertEqual(await connection.fetchval("SELECT name FROM items WHERE id = $1", key), str(me))
                        await connection.execute("SET TimeZone = 'Asia/Tokyo'")
                    async with pool.acquire() as connection:
                        self.assertEqual(await connection.fetchval("SHOW TimeZone"), "UTC")
            await asyncio.gather(*(work(me) for me in range(15)))
        self.assertEqual(self.sql("SELECT count(*), count(DISTINCT name) FROM items"), [(120, 15)])


class AsyncpgInTransactionPooling(Conversations, AsyncpgCase):
    router_options = dict(TRANSACTION_POOLING)


class AsyncpgOnOneWorker(Conversations, AsyncpgCase):
    router_options = dict(ONE_WORKER)


class AsyncpgInSessionPooling(Conversations, AsyncpgCase):
    router_options = dict(SESSION_POOLING)
