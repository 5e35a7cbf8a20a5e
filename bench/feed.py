"""What the feed costs those who write, and how late its listeners are told.

From the environment (make bench B=feed PART=writers SECS=10):
    PART     parts to run, separated by commas; all of them if empty:
             writers   status changes, 1 and 16 clients: no extension, a trigger that notifies,
                       board and log and feed
             standby   the same under a synchronous standby, 64 clients
             latency   500 status changes a second: from commit to a libpq listener
             idle      the same while another session keeps a snapshot for IDLE_SECS
             bulk      one statement that changes 1 000 000 statuses: notifications, memory
             counts    counts() of a board of ROWS rows while 16 clients write
    SECS     of one pgbench run (2)
    ROUNDS   counted turns of each comparison (9)
    IDLE_SECS  how long the snapshot is kept, in the part idle (60)
    ROWS     of the large board, parts bulk and counts (1000000)
"""

import contextlib
import json
import multiprocessing
import select
import statistics
import threading
import time

from pgcluster import Cluster, fetch
from programs import Failed, wait_until

import board_work as work
from board import MemoryWatch, compare, make_sized
from measure import option, pgbench, run_parts

SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "16GB", "checkpoint_timeout": "1h", "max_connections": "120"}
SECS = option("SECS", 2)
IDLE_SECS = option("IDLE_SECS", 60)
ROWS = option("ROWS", 1000000)
CHANGES_PER_SEC = 500
WRITERS = 2
OPEN_ORDERS = 9000
CHANNEL = "andon_board"


# ---------------------------------------------------------------- throughput

def measure_throughput(cluster, report, clients, about, aim_of_plain, aim_of_trigger=""):
    names = ("plain", "notify_trigger", "feed")
    tps = compare(cluster, names, work.CHANGE_STATUS, clients)
    for name in names:
        report.add("status change, %d clients%s, %s" % (clients, about, name), tps[name], "tps",
                   tps.ratio(name, "plain"), ">= %.2f of plain" % aim_of_plain if name == "feed" else "")
    report.add("status change, %d clients%s, feed against notify_trigger" % (clients, about), tps["feed"], "tps",
               tps.ratio("feed", "notify_trigger"), aim_of_trigger)


def make_variants(cluster):
    for name in ("plain", "notify_trigger", "feed"):
        work.make_variant(cluster, name)
    wait_for_worker(cluster, "feed")


def measure_writers(cluster, report):
    make_variants(cluster)
    measure_throughput(cluster, report, 1, "", 0.70)
    measure_throughput(cluster, report, 16, "", 0.60, ">= 2")


def measure_standby(cluster, report):
    with Cluster(replicas=1, sync=True, fsync=True, preload=True, settings=SETTINGS, name="andon-bench") as standby:
        work.make_work(standby)
        make_variants(standby)
        measure_throughput(standby, report, 64, ", synchronous standby", 0.60)


def wait_for_worker(cluster, dbname):
    """The worker has told everything that is committed."""
    wait_until(lambda: cluster.primary.value("SELECT andon.feed_safe_lsn() >= pg_current_wal_flush_lsn()", dbname=dbname),
               what="the feed worker")


# ---------------------------------------------------------------- latency

def write_steadily(number, connect_options, until, results):
    """One of WRITERS processes: orders of its own, each in turn; notes when each commit was answered."""
    import psycopg2
    connection = psycopg2.connect(**connect_options)
    connection.autocommit = True
    cursor = connection.cursor()
    step = WRITERS / CHANGES_PER_SEC
    due = time.monotonic()
    committed = []
    turn = 0
    while due < until:
        time.sleep(max(0, due - time.monotonic()))
        n = turn * WRITERS + number
        order = 170001 + 10 * (n % OPEN_ORDERS // 3) + n % 3
        cursor.execute("UPDATE orders SET status = CASE status WHEN 'CUT' THEN 'SET' ELSE 'CUT' END WHERE id = %s", (order,))
        committed.append((order, time.monotonic()))
        turn += 1
        due += step
    results.put(committed)


def listen(connection, told, stop):
    """Notes when each change of a key came, in order."""
    while not stop.is_set():
        if not select.select([connection], [], [], 0.05)[0]:
            continue
        connection.poll()
        now = time.monotonic()
        while connection.notifies:
            for change in json.loads(connection.notifies.pop(0).payload).get("changes", ()):
                told.setdefault(change["key"]["id"], []).append(now)


def measure_latencies(cluster, secs):
    """[(when, seconds from commit to notification)] of secs of steady writing."""
    options = {"host": cluster.rundir.file("sock"), "port": cluster.primary.port, "user": "postgres", "dbname": "feed"}
    told, stop, results = {}, threading.Event(), multiprocessing.Queue()
    with contextlib.closing(cluster.primary.connect("feed")) as connection:
        fetch(connection, "LISTEN %s" % CHANNEL)
        until = time.monotonic() + secs
        listener = threading.Thread(target=listen, args=(connection, told, stop))
        writers = [multiprocessing.Process(target=write_steadily, args=(n, options, until, results)) for n in range(WRITERS)]
        for thread in [listener] + writers:
            thread.start()
        committed = [pair for _ in writers for pair in results.get()]
        for writer in writers:
            writer.join()
        with contextlib.suppress(Failed):
            wait_until(lambda: sum(map(len, told.values())) >= len(committed), timeout=10, what="all notifications")
        stop.set()
        listener.join()
    return match(committed, told)


def match(committed, told):
    latencies = []
    for order, when in sorted(committed, key=lambda pair: pair[1]):
        if not told.get(order):
            raise Failed("a change of order %d was never told" % order)
        latencies.append((when, max(0.0, told[order].pop(0) - when)))
    return latencies


def percentile(values, share):
    return sorted(values)[int(share * (len(values) - 1))]


def report_latencies(report, about, latencies):
    values = [latency for _, latency in latencies]
    report.add("commit to notification, %s, p50" % about, percentile(values, 0.50) * 1000, "ms", aim="<= 3")
    report.add("commit to notification, %s, p99" % about, percentile(values, 0.99) * 1000, "ms", aim="<= 20")


def measure_latency(cluster, report):
    work.make_variant(cluster, "feed")
    wait_for_worker(cluster, "feed")
    report_latencies(report, "%d changes a second" % CHANGES_PER_SEC, measure_latencies(cluster, 5 * SECS))


def measure_idle(cluster, report):
    work.make_variant(cluster, "feed")
    wait_for_worker(cluster, "feed")
    with contextlib.closing(cluster.primary.connect("feed", autocommit=False)) as idle:
        fetch(idle, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        fetch(idle, "SELECT count(*) FROM orders")
        latencies = measure_latencies(cluster, IDLE_SECS)
    begun = latencies[0][0]
    for about, low, high in (("first", 0, 10), ("last", IDLE_SECS - 10, IDLE_SECS)):
        report_latencies(report, "snapshot kept %d s, %s 10 s" % (IDLE_SECS, about),
                         [pair for pair in latencies if low <= pair[0] - begun <= high])


# ---------------------------------------------------------------- size

def measure_bulk(cluster, report):
    make_sized(cluster, "large", ROWS, work.CREATE_EXTENSION, work.CREATE_BOARD_WITH % "{}")
    wait_for_worker(cluster, "large")
    worker = cluster.primary.value("SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'andon feed%%'"
                                   " AND datname = 'large'")
    watch = MemoryWatch(worker)
    watch.start()
    with contextlib.closing(cluster.primary.connect("large")) as connection:
        fetch(connection, "LISTEN %s" % CHANNEL)
        fetch(connection, "UPDATE orders SET status = CASE status WHEN 'CUT' THEN 'SET' ELSE 'CUT' END")
        wait_for_worker(cluster, "large")
        connection.poll()
        fetch(connection, "SELECT 1")
        report.add("%d statuses in one statement: notifications" % ROWS, len(connection.notifies), "", aim="< 200")
    report.add("... growth of the worker's memory", watch.growth_mb(), "MB")


def measure_counts(cluster, report):
    make_sized(cluster, "large", ROWS, work.CREATE_EXTENSION, work.CREATE_BOARD_WITH % "{}")
    wait_for_worker(cluster, "large")
    load = threading.Thread(target=pgbench, args=(cluster, "large", work.CHANGE_STATUS_NEAR, 16, 5 * SECS))
    load.start()
    took = []
    with contextlib.closing(cluster.primary.connect("large")) as connection:
        while load.is_alive():
            started = time.monotonic()
            fetch(connection, "SELECT * FROM andon.counts('board')")
            took.append(time.monotonic() - started)
            time.sleep(0.02)
    load.join()
    report.add("counts() of %d rows under 16 writers, p50" % ROWS, statistics.median(took) * 1000, "ms", aim="<= 2")
    report.add("counts() of %d rows under 16 writers, p99" % ROWS, percentile(took, 0.99) * 1000, "ms")


PARTS = {
    "writers": measure_writers,
    "standby": measure_standby,
    "latency": measure_latency,
    "idle": measure_idle,
    "bulk": measure_bulk,
    "counts": measure_counts,
}


def clean_up(cluster):
    work.drop_databases(cluster, *work.VARIANTS, "large")


def main():
    cluster = Cluster(fsync=True, preload=True, settings=SETTINGS, name="andon-bench")
    return run_parts("feed", PARTS, cluster, work.make_work, clean_up)
