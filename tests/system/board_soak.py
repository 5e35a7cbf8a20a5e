"""Random concurrent writers against boards, then the question: are they right?

Several sessions run short random transactions over a small schema, so that
they keep meeting: links that move, linked rows that change, rows that enter
and leave the filter, savepoints rolled back, all three isolation levels. They
stop every few transactions, and then every board must equal its definition, by
check_board() and by EXCEPT ALL both ways. (Rounds are short because a row that
went wrong is soon put right by the next change of its order.)

The test runs it for a few seconds; by hand it runs as long as wished:

    board_soak.py DSN [SECS [SEED [SESSIONS]]]

A seed fixes what each session does; how sessions interleave is up to the machine.
"""

import random
import sys
import threading
import time

import psycopg2
import psycopg2.errors
import psycopg2.extensions as pg

SCHEMA = """
    CREATE TABLE regions (id int PRIMARY KEY, name text);
    CREATE TABLE customers (id int PRIMARY KEY, region_id int, name text);
    CREATE TABLE orders (id int PRIMARY KEY, customer_id int, status text NOT NULL);
    CREATE TABLE items (id bigserial PRIMARY KEY, order_id int, price int);
    CREATE INDEX ON customers (region_id);
    CREATE INDEX ON orders (customer_id);
    CREATE INDEX ON items (order_id);
    INSERT INTO regions SELECT g, 'r' || g FROM generate_series(1, 3) g;
    INSERT INTO customers SELECT g, 1 + g % 3, 'c' || g FROM generate_series(1, 6) g;
    INSERT INTO orders SELECT g, 1 + g % 6, 'NEW' FROM generate_series(1, 15) g;
"""

BOARDS = {
    "public.wide": ("""
        SELECT o.id, o.status, c.name AS customer, r.name AS region, t.n, t.total
        FROM orders o
        LEFT JOIN customers c ON c.id = o.customer_id
        LEFT JOIN regions r ON r.id = c.region_id
        LEFT JOIN (SELECT order_id, count(*) AS n, sum(price) AS total
                   FROM items GROUP BY order_id) t ON t.order_id = o.id
        WHERE o.status <> 'CLOSED'""", "{id}", "status"),
    "public.inner_join": ("""
        SELECT o.id, o.status, c.name || '/' || r.name AS place
        FROM orders o JOIN customers c ON c.id = o.customer_id
        JOIN regions r ON r.id = c.region_id""", "{id}", "status"),
    "public.by_customer": ("""
        SELECT c.id, min(o.status) AS status, count(*) AS n, sum(i.price) AS total
        FROM customers c JOIN orders o ON o.customer_id = c.id
        LEFT JOIN items i ON i.order_id = o.id
        GROUP BY c.id""", "{id}", "status"),
    "public.latest": ("""
        SELECT o.id, o.status, l.price, EXISTS (
            SELECT FROM items i WHERE i.order_id = o.id AND i.price > 50) AS dear
        FROM orders o LEFT JOIN LATERAL (
            SELECT i.price FROM items i WHERE i.order_id = o.id
            ORDER BY i.id DESC LIMIT 1) l ON true""", "{id}", "status"),
}

STATUSES = ("NEW", "CUT", "DONE", "CLOSED")

# Errors that a client of a concurrent database has to expect.
RETRIED = (psycopg2.errors.DeadlockDetected, psycopg2.errors.SerializationFailure,
           psycopg2.errors.UniqueViolation)


# Transactions of each session between two checks.
ROUND = 4


class Writer:
    """One session; run_round() runs in a thread of its own."""

    def __init__(self, dsn, seed):
        self.random = random.Random(seed)
        self.connection = psycopg2.connect(dsn)
        with self.connection.cursor() as cursor:
            cursor.execute("SET deadlock_timeout = '5ms'")
            cursor.execute("SET lock_timeout = '20s'")
        self.connection.commit()
        self.committed = 0
        self.retried = 0
        self.failure = None

    def run_round(self):
        try:
            for _ in range(ROUND):
                self.transaction(self.connection)
        except Exception as error:  # reported by the caller
            self.failure = error

    def transaction(self, connection):
        rnd = self.random
        connection.set_isolation_level(rnd.choice(
            (pg.ISOLATION_LEVEL_READ_COMMITTED,) * 6 +
            (pg.ISOLATION_LEVEL_REPEATABLE_READ, pg.ISOLATION_LEVEL_SERIALIZABLE)))
        try:
            with connection.cursor() as cursor:
                if rnd.random() < 0.3:
                    cursor.execute("SET LOCAL andon.maintain_at = 'commit'")
                for _ in range(rnd.choice((1, 1, 1, 2, 3))):
                    self.step(cursor)
            if rnd.random() < 0.1:
                connection.rollback()
            else:
                connection.commit()
                self.committed += 1
        except RETRIED:
            connection.rollback()
            self.retried += 1

    def step(self, cursor):
        rnd = self.random
        if rnd.random() < 0.15:
            cursor.execute("SAVEPOINT s")
            self.statement(cursor)
            cursor.execute("ROLLBACK TO s" if rnd.random() < 0.6 else "RELEASE s")
        else:
            self.statement(cursor)

    def statement(self, cursor):
        rnd = self.random
        order, customer, region = rnd.randint(1, 20), rnd.randint(1, 8), rnd.randint(1, 4)
        text = "n%d" % rnd.randint(1, 10**6)
        sql, values = rnd.choice((
            ("INSERT INTO orders VALUES (%s, %s, %s) ON CONFLICT (id) DO UPDATE "
             "SET customer_id = excluded.customer_id", (order, customer, rnd.choice(STATUSES))),
            ("UPDATE orders SET status = %s WHERE id = %s", (rnd.choice(STATUSES), order)),
            ("UPDATE orders SET customer_id = %s WHERE id = %s", (customer, order)),
            ("UPDATE orders SET id = id + 20 - 2 * %s WHERE id = %s", (order, order)),
            ("DELETE FROM orders WHERE id = %s", (order,)),
            ("INSERT INTO customers VALUES (%s, %s, %s) ON CONFLICT (id) DO UPDATE "
             "SET name = excluded.name", (customer, region, text)),
            ("UPDATE customers SET name = %s WHERE id = %s", (text, customer)),
            ("UPDATE customers SET region_id = %s WHERE id = %s", (region, customer)),
            ("DELETE FROM customers WHERE id = %s", (customer,)),
            ("INSERT INTO regions VALUES (%s, %s) ON CONFLICT (id) DO UPDATE "
             "SET name = excluded.name", (region, text)),
            ("UPDATE regions SET name = %s WHERE id = %s", (text, region)),
            ("DELETE FROM regions WHERE id = %s", (region,)),
            ("INSERT INTO items (order_id, price) VALUES (%s, %s)", (order, rnd.randint(1, 99))),
            ("UPDATE items SET price = price + 1 WHERE order_id = %s", (order,)),
            ("UPDATE items SET order_id = %s WHERE order_id = %s", (order, rnd.randint(1, 20))),
            ("DELETE FROM items WHERE order_id = %s", (order,)),
        ))
        cursor.execute(sql, values)


def prepare(dsn):
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(SCHEMA)
        for name, (query, key, status) in BOARDS.items():
            cursor.execute("SELECT andon.create_board(%s, %s, %s, %s)", (name, query, key, status))


def differences(cursor):
    """Rows in which a board is wrong: a list of (board, row)."""
    found = []
    for name in BOARDS:
        cursor.execute("SELECT * FROM andon.check_board(%s)", (name,))
        found += [(name, row) for row in cursor.fetchall()]
        cursor.execute("SELECT * FROM %s_definition LIMIT 0" % name)
        columns = ", ".join(column.name for column in cursor.description)
        board = "SELECT %s FROM %s" % (columns, name)
        definition = "SELECT * FROM %s_definition" % name
        for pair in (board, definition), (definition, board):
            cursor.execute("(%s) EXCEPT ALL (%s)" % pair)
            found += [(name, row) for row in cursor.fetchall()]
    return found


def soak(dsn, secs, seed, sessions):
    """Runs rounds until time is up or a board is wrong: (committed, retried, differences)."""
    writers = [Writer(dsn, "%s-%d" % (seed, i)) for i in range(sessions)]
    deadline = time.monotonic() + secs
    found = []
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        while not found and time.monotonic() < deadline:
            threads = [threading.Thread(target=writer.run_round) for writer in writers]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for writer in writers:
                if writer.failure:
                    raise writer.failure
            found = differences(cursor)
            connection.commit()
    for writer in writers:
        writer.connection.close()
    return sum(w.committed for w in writers), sum(w.retried for w in writers), found


def main(dsn, secs="20", seed=None, sessions="8"):
    seed = seed or str(random.randrange(10**9))
    print("seed %s" % seed)
    prepare(dsn)
    committed, retried, found = soak(dsn, float(secs), seed, int(sessions))
    print("%d committed, %d retried, %d differences" % (committed, retried, len(found)))
    for line in found[:20]:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
