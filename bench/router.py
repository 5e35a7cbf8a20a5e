"""What the router costs, against no router, PgBouncer, Pgpool-II and haproxy (TCP only: the floor).

From the environment (make bench B=router PART=select SECS=3):
    PART     parts to run, separated by commas; all of them if empty:
             select    pgbench -S, 1, 16 and 200 clients, simple and prepared: queries a second, CPU of
                       the router per query, p99. andon splits reads (primary and replica); andon one
                       node has what PgBouncer has, for with two servers the caches are others
             idle      IDLE clients that wait, and after a query each: memory per client
             login     LOGINS in a row with SCRAM, and 200 at once
             bulk      200 MB: COPY in and out, a result
             workers   two workers: what each takes, and CPU per query against one
             tls       the part select with TLS to the clients, 16 clients
    SECS     of one pgbench run (2)
    ROUNDS   counted turns of each comparison (5)
    CLIENTS  of the part select, separated by commas (1,16,200)
    PROTOCOL of the part select, separated by commas (simple,prepared)
    IDLE     clients of the part idle (8000)
    LOGINS   of the part login (2000)

PgBouncer is Debian 12's (1.18) for simple and Debian 13's (1.24, made by dev/benchpeers) for
prepared statements, which 1.18 does not have in transaction pooling. A peer that is not there is
skipped. All have one thread and 20 servers for each node.
"""

import contextlib
import resource

from pgcluster import Cluster

from measure import in_turn, option, run_parts, time_of
from router_load import (DBNAME, close_all, copy_in, log_in_at_once, log_in_in_a_row, message, open_client, open_many,
                         pgbench, query)
from router_peers import Andon, Direct, Haproxy, PgBouncer, Pgpool, nanoseconds, resident_kb

SETTINGS = {"shared_buffers": "256MB", "max_connections": "400", "max_wal_size": "4GB", "checkpoint_timeout": "1h"}
SCALE = 5
SECS = option("SECS", 2)
ROUNDS = option("ROUNDS", 5)
IDLE = option("IDLE", 8000)
LOGINS = option("LOGINS", 2000)
CLIENTS = [int(word) for word in option("CLIENTS", "1,16,200").split(",")]
PROTOCOLS = option("PROTOCOL", "simple,prepared").split(",")
AT_ONCE = 200
OPEN_FILES = 20000
BULK_MB = 200
PASSWORD = "of the bench"


@contextlib.contextmanager
def running(report, *peers):
    """Those of the peers that are there, started; {label: peer}."""
    with contextlib.ExitStack() as stack:
        there = {}
        for peer in peers:
            if peer.missing:
                report.skip(peer.label, "not installed: " + peer.missing)
                continue
            stack.callback(peer.close)
            peer.start()
            there[peer.label] = peer
        yield there


# ---------------------------------------------------------------- select

def report_queries(report, about, figures, base, aims=True):
    """Rows of one comparison; ratios are to the base's."""
    for name in figures:
        is_ours = aims and name.startswith("andon")
        for what, figure, unit, aim in (("CPU per query", "cpu_us", "us", "<= 1.0"), ("throughput", "tps", "tps", ">= 1.0"),
                                        ("p99", "p99_ms", "ms", "<= 1.1")):
            turns = figures.of(figure)
            if turns[name]:		# who is not there has no CPU
                report.add("%s, %s: %s" % (about, name, what), turns[name], unit, turns.ratio(name, base),
                           aim if is_ours else "")


def is_compared(label, clients):
    """The others are there for orientation: once is enough."""
    return clients == 16 or label not in ("direct", "haproxy", "pgpool")


def measure_select(cluster, report):
    for protocol in PROTOCOLS:
        bouncer = PgBouncer(cluster, 13 if protocol == "prepared" else 12)
        with running(report, Direct(cluster), bouncer, Andon(cluster), Andon(cluster, "andon one node", [cluster.primary]),
                     Haproxy(cluster), Pgpool(cluster)) as peers:
            for clients in CLIENTS:
                figures = in_turn({
                    label: lambda peer=peer: pgbench(peer, protocol, clients, SECS)
                    for label, peer in peers.items() if is_compared(label, clients)}, ROUNDS)
                report_queries(report, "%s, %d clients" % (protocol, clients), figures, bouncer.label)


# ---------------------------------------------------------------- idle

def measure_idle(cluster, report):
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    with running(report, PgBouncer(cluster), Andon(cluster)) as peers:
        for label, peer in peers.items():
            close_all(open_many(peer, 20))		# the pool and the welcome are there
            before = resident_kb(peer.pid)
            clients = open_many(peer, IDLE)
            try:
                waiting = resident_kb(peer.pid) - before
                for connection in clients:
                    query(connection, "SELECT 1")
                asked = resident_kb(peer.pid) - before
            finally:
                close_all(clients)
            aim = "<= 2.5" if label == "andon" else ""
            report.add("%d idle clients, %s: RSS of each" % (IDLE, label), waiting / IDLE, "kB", aim=aim)
            report.add("... after a query each, %s" % label, asked / IDLE, "kB", aim=aim)


# ---------------------------------------------------------------- login

def measure_login(cluster, report):
    """Each has the server's own verifier; a login to a server is not part of it."""
    verifier = cluster.primary.value("SELECT rolpassword FROM pg_authid WHERE rolname = 'bench'")
    users = {"bench": verifier, "postgres": ""}
    bouncer = PgBouncer(cluster, users=users)
    with running(report, bouncer, Andon(cluster, users=users)) as peers:
        for about, run, count in (("in a row", log_in_in_a_row, LOGINS // ROUNDS), ("at once", log_in_at_once, AT_ONCE)):
            def measured(peer):
                before = peer.cpu_us()
                secs = run(peer, "bench", PASSWORD, count)
                return {"per_sec": count / secs, "cpu_us": (peer.cpu_us() - before) / count}
            figures = in_turn({label: lambda peer=peer: measured(peer) for label, peer in peers.items()}, ROUNDS)
            per_sec, cpu_us = figures.of("per_sec"), figures.of("cpu_us")
            for label in figures:
                report.add("%d logins %s, %s" % (count, about, label), per_sec[label], "/s",
                           per_sec.ratio(label, bouncer.label), ">= 1.0" if label == "andon" else "")
                report.add("... CPU of each, %s" % label, cpu_us[label], "us", cpu_us.ratio(label, bouncer.label))


# ---------------------------------------------------------------- bulk

def rows_in(size):
    return "SELECT repeat('x', %d) FROM generate_series(1, %d)" % (size, BULK_MB * 1000000 // size)


def measure_bulk(cluster, report):
    row = b"x" * 8000 + b"\n"
    chunk = message(b"d", row) * 16
    kinds = {
        "a result, rows of 100 bytes": lambda connection: query(connection, rows_in(100)),
        "a result, rows of 1 kB": lambda connection: query(connection, rows_in(1000)),
        "COPY out, rows of 1 kB": lambda connection: query(connection, "COPY (%s) TO STDOUT" % rows_in(1000)),
        "COPY in, rows of 8 kB": lambda connection: copy_in(
            connection, "COPY bulk FROM STDIN WHERE false", chunk, BULK_MB * 1000000 // len(chunk)),
    }
    haproxy = Haproxy(cluster)
    with running(report, Direct(cluster), haproxy, PgBouncer(cluster), Andon(cluster, nodes=[cluster.primary])) as peers:
        for about, run in kinds.items():
            def measured(peer):
                before = peer.cpu_us()
                with contextlib.closing(open_client(peer)) as connection:
                    secs = time_of(lambda: run(connection))
                return {"mb_per_sec": BULK_MB / secs, "cpu_ms": (peer.cpu_us() - before) / 1000}
            figures = in_turn({label: lambda peer=peer: measured(peer) for label, peer in peers.items()}, min(ROUNDS, 3))
            speed, cpu_ms = figures.of("mb_per_sec"), figures.of("cpu_ms")
            for label in figures:
                report.add("%d MB, %s, %s" % (BULK_MB, about, label), speed[label], "MB/s",
                           speed.ratio(label, haproxy.label), ">= 0.95" if label == "andon" else "")
                if cpu_ms[label]:
                    report.add("... CPU, %s" % label, cpu_ms[label], "ms", cpu_ms.ratio(label, haproxy.label))


# ---------------------------------------------------------------- workers

def measure_workers(cluster, report):
    with running(report, Andon(cluster, "andon 1 worker"), Andon(cluster, "andon 2 workers", workers=2)) as peers:
        two = peers["andon 2 workers"]
        before = nanoseconds(two.pid)
        figures = in_turn({label: lambda peer=peer: pgbench(peer, "simple", 16, SECS) for label, peer in peers.items()},
                          ROUNDS)
        after = nanoseconds(two.pid)
        report_queries(report, "simple, 16 clients", figures, "andon 1 worker", aims=False)
        used = sorted(after[thread] - before.get(thread, 0) for thread in after)
        for turn, of_one in enumerate(used[-2:]):
            report.add("... share of the CPU of both, worker %d" % (turn + 1), 100 * of_one / sum(used[-2:]), "%",
                       aim="40 to 60")


# ---------------------------------------------------------------- TLS

def measure_tls(cluster, report):
    key, certificate = cluster.rundir.file("bench.key"), cluster.rundir.file("bench.crt")
    cluster.rundir.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-keyout", key, "-out", certificate])
    tls = {"client_tls_sslmode": "require", "client_tls_key_file": key, "client_tls_cert_file": certificate}
    bouncer = PgBouncer(cluster, extra="\n".join("%s = %s" % item for item in tls.items()))
    bouncer.label = "pgbouncer of Debian 12, TLS"
    env = {"PGSSLMODE": "require"}
    with running(report, bouncer, Andon(cluster, "andon TLS", **tls), Andon(cluster)) as peers:
        figures = in_turn({
            label: lambda peer=peer: pgbench(peer, "simple", 16, SECS, env if "TLS" in peer.label else None)
            for label, peer in peers.items()}, ROUNDS)
        report_queries(report, "simple, 16 clients", figures, bouncer.label, aims=False)


PARTS = {
    "select": measure_select,
    "idle": measure_idle,
    "login": measure_login,
    "bulk": measure_bulk,
    "workers": measure_workers,
    "tls": measure_tls,
}


def prepare(cluster):
    cluster.primary.query("CREATE ROLE bench LOGIN PASSWORD '%s'" % PASSWORD)
    cluster.create_database(DBNAME, extension=False)
    cluster.tool("pgbench", "-i", "-q", "-s", str(SCALE), "-h", cluster.rundir.file("sock"), "-p",
                 str(cluster.primary.port), "-U", "postgres", DBNAME)
    cluster.primary.query("CREATE TABLE bulk (line text)", dbname=DBNAME)
    cluster.wait_caught_up()


def main():
    cluster = Cluster(replicas=1, settings=SETTINGS, name="andon-bench")
    return run_parts("router", PARTS, cluster, prepare, lambda _: None)
