"""What a board costs those who write, against no board and against what is written by hand.

From the environment (make bench B=board PART=writers SECS=10):
    PART     parts to run, separated by commas; all of them if empty:
             writers   status changes, 1 and 16 clients: no board, hand-written triggers, a board
             linked    price changes of items: a board against the trigger that recomputes
             bulk      one statement that inserts 100 000 items of 30 000 orders
             million   one statement that changes 1 000 000 rows: does it end, and in what memory
             growth    a status change on a board of 10 000 rows and on one of 1 000 000
             churn     1 000 000 status changes of 10 000 rows, autovacuum as it comes
             backend   1 000 000 transactions of one row in one backend: does its memory grow
    SECS     of one pgbench run (2)
    ROUNDS   counted turns of each comparison (9)
    CHANGES  status changes of the parts churn and backend (1000000)
    ROWS     of the large board, parts million and growth (1000000)

The board alone is measured: no change log, no notifications.
"""

import contextlib
import threading

from pgcluster import Cluster, fetch

import board_work as work
from measure import anonymous_kb, in_turn, option, pgbench, run_parts, time_of

SETTINGS = {
    "shared_buffers": "512MB", "max_wal_size": "16GB", "checkpoint_timeout": "1h",
    "andon.notify": "off",
}
SECS = option("SECS", 2)
ROUNDS = option("ROUNDS", 9)
CHANGES = option("CHANGES", 1000000)
ROWS = option("ROWS", 1000000)
SMALL_ROWS = 10000


def make_variants(cluster, *names):
    for name in names:
        work.make_variant(cluster, name)


def compare(cluster, names, script, clients):
    return in_turn({name: lambda name=name: pgbench(cluster, name, script, clients, SECS)["tps"]
                    for name in names}, ROUNDS)


def measure_writers(cluster, report):
    names = ("plain", "status_trigger", "recompute_trigger", "andon")
    make_variants(cluster, *names)
    for clients, aim in ((1, 0.85), (16, 0.75)):
        tps = compare(cluster, names, work.CHANGE_STATUS, clients)
        for name in names:
            report.add("status change, %d clients, %s" % (clients, name), tps[name], "tps",
                       tps.ratio(name, "plain"), ">= %.2f of plain" % aim if name == "andon" else "")
        report.add("status change, %d clients, andon against status_trigger" % clients, tps["andon"], "tps",
                   tps.ratio("andon", "status_trigger"), ">= 1" if clients > 1 else "")


def measure_linked(cluster, report):
    names = ("plain", "recompute_trigger", "andon")
    make_variants(cluster, *names)
    for clients in (1, 16):
        tps = compare(cluster, names, work.CHANGE_PRICE, clients)
        for name in names:
            report.add("price of an item, %d clients, %s" % (clients, name), tps[name], "tps",
                       tps.ratio(name, "plain"))
        report.add("price of an item, %d clients, andon against recompute" % clients, tps["andon"], "tps",
                   tps.ratio("andon", "recompute_trigger"), ">= 1.3")


def measure_bulk(cluster, report):
    names = ("plain", "andon")
    make_variants(cluster, *names)
    insert = ("INSERT INTO items (order_id, price) SELECT 170001 + g % 30000, 10"
              " FROM generate_series(1, 100000) g")
    secs = in_turn({name: lambda name=name: time_of(lambda: work.run_statements(cluster, name, insert))
                    for name in names}, min(ROUNDS, 5))
    for name in names:
        report.add("100 000 items of 30 000 orders inserted, %s" % name, secs[name] * 1000, "ms",
                   secs.ratio(name, "plain"), "<= 2.5" if name == "andon" else "")


def make_sized(cluster, name, rows, *statements):
    """Orders that are all open, with one item each."""
    cluster.create_database(name, extension=False)
    work.run_statements(cluster, name, work.schema(rows, rows, "true"), *statements, "VACUUM ANALYZE")


class MemoryWatch(threading.Thread):
    """The most memory a backend had while it was watched."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid = pid
        self.at_first = self.most = anonymous_kb(pid)
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(0.02):
            self.most = max(self.most, anonymous_kb(self.pid))

    def growth_mb(self):
        self.ended.set()
        self.join()
        return (self.most - self.at_first) / 1024


def measure_million(cluster, report):
    make_sized(cluster, "large", ROWS, *work.CREATE_BOARD)
    with contextlib.closing(cluster.primary.connect("large")) as connection:
        fetch(connection, "UPDATE orders SET status = status WHERE id = 1")
        watch = MemoryWatch(fetch(connection, "SELECT pg_backend_pid()")[0][0])
        watch.start()
        secs = time_of(lambda: fetch(connection, "UPDATE orders SET priority = priority + 1"))
        report.add("%d rows changed in one statement" % ROWS, secs, "s")
        report.add("... growth of the backend's memory", watch.growth_mb(), "MB", aim="< 300")


def measure_growth(cluster, report):
    names = ("small", "large")
    for name, rows in zip(names, (SMALL_ROWS, ROWS)):
        make_sized(cluster, name, rows, *work.CREATE_BOARD)
        work.run_statements(cluster, name, "UPDATE orders SET updated_at = now() WHERE id <= 10000",
                       "UPDATE orders SET priority = priority + 1 WHERE id <= 10000")
    tps = compare(cluster, names, work.CHANGE_STATUS_NEAR, 1)
    report.add("status change, board of %d rows" % SMALL_ROWS, tps["small"], "tps")
    report.add("status change, board of %d rows" % ROWS, tps["large"], "tps",
               tps.ratio("small", "large"), "<= 1.3")


def measure_churn(cluster, report):
    make_sized(cluster, "churn", SMALL_ROWS, *work.CREATE_BOARD)
    size = "SELECT pg_total_relation_size('board')"

    def page_ms():
        return pgbench(cluster, "churn", work.FIRST_PAGE, 1, SECS)["latency_ms"]

    fresh_ms, fresh_bytes = page_ms(), cluster.primary.value(size, dbname="churn")
    tps = pgbench(cluster, "churn", work.CHANGE_STATUS_NEAR, 16, transactions=CHANGES // 16)["tps"]
    worn_bytes = cluster.primary.value(size, dbname="churn")
    worn_ms = page_ms()
    report.add("%d status changes of %d rows, 16 clients" % (CHANGES, SMALL_ROWS), tps, "tps")
    report.add("... first page of the board then", worn_ms * 1000, "us", worn_ms / fresh_ms, "<= 2 times fresh")
    report.add("... size of the board then", worn_bytes / 1024 ** 2, "MB", worn_bytes / fresh_bytes,
               "<= 5 times fresh")


def measure_backend(cluster, report):
    make_sized(cluster, "small", SMALL_ROWS, *work.CREATE_BOARD)
    with contextlib.closing(cluster.primary.connect("small")) as connection:
        fetch(connection, "SET synchronous_commit = off")
        change_statuses(connection, SMALL_ROWS)  # caches are filled, every row was seen once
        watch = MemoryWatch(fetch(connection, "SELECT pg_backend_pid()")[0][0])
        watch.start()
        secs = time_of(lambda: change_statuses(connection, CHANGES))
        report.add("%d transactions of one row in one backend" % CHANGES, CHANGES / secs, "tps")
        report.add("... growth of its memory", watch.growth_mb() * 1024, "kB", aim="< 128")


def change_statuses(connection, times):
    with connection.cursor() as cursor:
        for turn in range(times):
            cursor.execute("UPDATE orders SET status = %s WHERE id = %s",
                           ("S%d" % (turn % 8), 1 + turn % SMALL_ROWS))


PARTS = {
    "writers": measure_writers,
    "linked": measure_linked,
    "bulk": measure_bulk,
    "million": measure_million,
    "growth": measure_growth,
    "churn": measure_churn,
    "backend": measure_backend,
}


def clean_up(cluster):
    work.drop_databases(cluster, *work.VARIANTS, "small", "large", "churn")


def main():
    cluster = Cluster(fsync=True, preload=True, settings=SETTINGS, name="andon-bench")
    return run_parts("board", PARTS, cluster, work.make_work, clean_up)
