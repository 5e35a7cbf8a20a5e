"""What routing costs and what it gains: decisions, reads after writes, the primary's rest, a failover.

From the environment (make bench B=routing PART=sessions SECS=5):
    PART     parts to run, separated by commas; all of them if empty:
             classify  a new statement of 60 and of 260 characters; a known one, as a share of the
                       router's CPU per query
             sessions  16 sessions that write once and read five times: where the reads run, what
                       the first one waits
             primary   pgbench -S over two replicas: the primary's CPU, against the same without the router
             failover  the primary is killed under load, a replica promoted: how long nothing is read, written
    SECS     of one pgbench run (3)
    ROUNDS   counted turns of each comparison (3)
"""

import contextlib
import json
import os
import re
import statistics
import subprocess
import threading
import time

import psycopg2

from pgcluster import Cluster
from programs import TOP, build_dir, wait_until

from measure import in_turn, option, run_parts
from router_load import DBNAME, pgbench
from router_peers import Andon, nanoseconds

SETTINGS = {"shared_buffers": "256MB", "max_connections": "400", "max_wal_size": "4GB", "checkpoint_timeout": "1h",
            "wal_log_hints": "on"}
SCALE = 5
SECS = option("SECS", 3.0)
ROUNDS = option("ROUNDS", 3)
PROBE_INTERVAL_SECS = 0.02
SESSION = """\\set aid random(1, %d)
UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = :aid;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
""" % (SCALE * 100000)


@contextlib.contextmanager
def router_on(cluster):
    peer = Andon(cluster)
    try:
        yield peer.start()
    finally:
        peer.close()


# ---------------------------------------------------------------- classify

def measure_classify(cluster, report):
    printed = subprocess.run([os.path.join(TOP, build_dir(), "bench-classify")], stdout=subprocess.PIPE, check=True)
    cost = json.loads(printed.stdout)
    report.add("a new select of 60 characters", cost["new_60_us"], "us", aim="<= 10")
    report.add("a new select of 260 characters", cost["new_260_us"], "us", aim="<= 30")
    with router_on(cluster) as peer:
        for protocol in ("simple", "prepared"):
            per_query = in_turn({"cpu": lambda: pgbench(peer, protocol, 16, SECS)["cpu_us"]}, ROUNDS)["cpu"]
            report.add("a known select of 60 characters, of the CPU per query (%s)" % protocol, cost["cached_60_ns"], "ns",
                       cost["cached_60_ns"] / 1000 / per_query, "<= 0.03")


# ---------------------------------------------------------------- sessions

def measure_sessions(cluster, report):
    """Latencies of each statement as pgbench has them; the delay of replay as the primary does."""
    path = cluster.rundir.write("sessions.sql", SESSION, 0o644)
    with router_on(cluster) as peer:
        shares, firsts, others, delays = [], [], [], []
        for turn in range(ROUNDS + 1):
            before = counts(peer)
            with sampling(replay_delay_ms, cluster) as delay:
                printed = cluster.tool("pgbench", "-n", "-r", "-f", path, "-M", "prepared", "-c", "16", "-j", "2",
                                       "-T", "%g" % SECS, "-h", peer.host, "-p", str(peer.port), "-U", "postgres", DBNAME)
            done = {key: count - before.get(key, 0) for key, count in counts(peer).items()}
            latencies = [float(ms) for ms in re.findall(r"^\s+([\d.]+)\s+\d+\s+SELECT", printed, re.M)]
            reads = sum(count for (node, what), count in done.items() if node != cluster.primary.name and what == "reads")
            if turn > 0:
                shares.append(reads / (5 * re_int(r"actually processed: (\d+)", printed)))
                firsts.append(latencies[0])
                others.append(statistics.median(latencies[1:]))
                delays.append(statistics.median(delay))
    first, other, delay = (statistics.median(values) for values in (firsts, others, delays))
    report.add("16 sessions, a write and five reads: reads on replicas", 100 * statistics.median(shares), "%",
               statistics.median(shares), ">= 0.70")
    report.add("... an ordinary read", other, "ms")
    report.add("... replay on the faster replica comes after", delay, "ms")
    report.add("... the first read after a write, of both", first, "ms", first / (other + delay), "<= 2.0")


def re_int(pattern, text):
    return int(re.search(pattern, text).group(1))


def counts(peer):
    """{(node, "reads" or "writes"): how many}"""
    found = {}
    for row in peer.show("ROUTES"):
        for what in ("reads", "writes"):
            found[row["node"], what] = found.get((row["node"], what), 0) + int(row[what])
    return found


def replay_delay_ms(connection):
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM min(replay_lag)) * 1000 FROM pg_stat_replication")
        return cursor.fetchone()[0]


@contextlib.contextmanager
def sampling(sample, cluster):
    """Takes samples on the primary, twenty a second, while the block runs."""
    values, stop = [], threading.Event()

    def take():
        with contextlib.closing(cluster.primary.connect()) as connection:
            while not stop.wait(0.05):
                value = sample(connection)
                if value is not None:
                    values.append(float(value))

    thread = threading.Thread(target=take)
    thread.start()
    try:
        yield values
    finally:
        stop.set()
        thread.join()


# ---------------------------------------------------------------- primary

def family_cpu_us(node):
    return sum(sum(nanoseconds(pid).values()) for pid in node.family()) / 1000


class OnPrimary:
    """The same load without a router."""

    label = "direct"

    def __init__(self, cluster):
        self.cluster, self.host, self.port = cluster, cluster.primary.host, cluster.primary.port

    def cpu_us(self):
        return family_cpu_us(self.cluster.primary)


class ThroughRouter(OnPrimary):
    label = "router"

    def __init__(self, peer):
        super().__init__(peer.cluster)
        self.port = peer.port


def measure_primary(cluster, report):
    """Backends end with the run, and their CPU is gone with them: so pgbench is asked while it runs."""
    with router_on(cluster) as peer:
        subjects = {subject.label: subject for subject in (OnPrimary(cluster), ThroughRouter(peer))}
        figures = in_turn({label: lambda subject=subject: busy_while(cluster, subject)
                           for label, subject in subjects.items()}, ROUNDS)
    report.add("the primary under pgbench -S, direct: CPU", figures["direct"], "%")
    report.add("... through the router with two replicas", figures["router"], "%",
               figures.ratio("router", "direct"), "<= 0.02")


def busy_while(cluster, subject):
    """How much of one core the primary takes while pgbench -S runs through the subject."""
    shares = []

    def watch():
        time.sleep(SECS / 3)
        before, begun = family_cpu_us(cluster.primary), time.monotonic()
        time.sleep(SECS / 2)
        shares.append((family_cpu_us(cluster.primary) - before) / (time.monotonic() - begun) / 10000)

    watcher = threading.Thread(target=watch)
    watcher.start()
    cluster.tool("pgbench", "-n", "-S", "-M", "prepared", "-c", "16", "-j", "2", "-T", "%g" % SECS, "-h", subject.host,
                 "-p", str(subject.port), "-U", "postgres", DBNAME)
    watcher.join()
    return shares[0]


# ---------------------------------------------------------------- failover

def measure_failover(cluster, report):
    gaps = {"reads": [], "writes": [], "promotion": []}
    with failover_router(cluster) as peer:
        for _ in range(ROUNDS):
            for what, gap in one_failover(cluster, peer).items():
                gaps[what].append(gap)
    promotion = statistics.median(gaps["promotion"])
    reads, writes = statistics.median(gaps["reads"]), statistics.median(gaps["writes"])
    report.add("a failover: nothing is read for", reads, "ms", aim="<= 100")
    report.add("... nothing is written for", writes, "ms")
    report.add("... the promotion takes", promotion, "ms")
    report.add("... written again after promotion and two probe intervals", writes - promotion - 2000 * PROBE_INTERVAL_SECS,
               "ms", aim="<= 200")


@contextlib.contextmanager
def failover_router(cluster):
    peer = Andon(cluster)
    peer.options["probe_interval"] = "%dms" % (1000 * PROBE_INTERVAL_SECS)
    try:
        yield peer.start()
    finally:
        peer.close()


def one_failover(cluster, peer):
    """The longest pauses of a reader and a writer, in ms, and what the promotion took of it."""
    watchers = [Watcher(peer, "SELECT abalance FROM pgbench_accounts WHERE aid = 1"),
                Watcher(peer, "UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = 2")]
    for watcher in watchers:
        watcher.start()
    wait_until(lambda: all(watcher.done > 200 for watcher in watchers), what="the load")
    old, new = cluster.primary, cluster.replicas[0]
    for watcher in watchers:
        watcher.longest = 0
    begun = time.monotonic()
    old.kill9()
    new.promote()
    promotion = time.monotonic() - begun
    after = [watcher.done for watcher in watchers]
    wait_until(lambda: all(watcher.done > count + 100 for watcher, count in zip(watchers, after)), what="the load to go on")
    for watcher in watchers:
        watcher.stop.set()
        watcher.join()
    cluster.now_led_by(new)
    old.rewind_to(new)
    cluster.wait_streaming()
    wait_until(lambda: {row["state"] for row in peer.show("NODES")} == {"usable"}, what="all nodes to be usable")
    return {"reads": 1000 * watchers[0].longest, "writes": 1000 * watchers[1].longest, "promotion": 1000 * promotion}


class Watcher(threading.Thread):
    """Runs one statement again and again, whatever becomes of it, and keeps the longest time between two that succeeded."""

    def __init__(self, peer, sql):
        super().__init__()
        self.peer, self.sql = peer, sql
        self.stop = threading.Event()
        self.done, self.longest = 0, 0

    def run(self):
        connection, last = None, time.monotonic()
        while not self.stop.is_set():
            try:
                if connection is None or connection.closed:
                    connection = self.peer.connect(DBNAME)
                connection.cursor().execute(self.sql)
            except psycopg2.Error:
                continue
            now = time.monotonic()
            self.longest = max(self.longest, now - last)
            last = now
            self.done += 1
        if connection is not None:
            connection.close()


# ---------------------------------------------------------------- all of it

def prepare(cluster):
    cluster.create_database(DBNAME)
    cluster.tool("pgbench", "-i", "-q", "-s", str(SCALE), "-h", cluster.rundir.file("sock"), "-p", str(cluster.primary.port),
                 "-U", "postgres", DBNAME)
    cluster.wait_caught_up()


PARTS = {"classify": measure_classify, "sessions": measure_sessions, "primary": measure_primary,
         "failover": measure_failover}


def main():
    cluster = Cluster(replicas=2, preload=True, fsync=True, settings=SETTINGS, name="andon-bench")
    return run_parts("routing", PARTS, cluster, prepare, lambda cluster: None)
