#!/usr/bin/python3
"""Sessions write and read through the router while everything fails; what they saw is checked.

    tests/system/consistency.py [--secs 180] [--seed N] [--consistency session] [--faults a,b] [--sessions 10]
                                [--without-extension]

Sessions append ids that nobody else uses to lists, alone and two at once in
transactions, some rolled back, and read them back in every way a driver does.
Meanwhile one fault after another is brought about (tests/support/faults.py) in
front of, and in, a primary and two replicas that confirm its commits. In the
end all that was recorded is held against the lists (tests/support/history.py).

The seed names the order of faults and what each session tries; what meets what
is up to the machine.
"""

import argparse
import collections
import contextlib
import itertools
import os
import random
import sys
import threading
import time

import psycopg2

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "..", "dev")]

import faults  # noqa: E402
import history  # noqa: E402
from fault_proxy import FaultProxy  # noqa: E402
from pgcluster import Cluster  # noqa: E402
from programs import stop_on_signals, wait_until  # noqa: E402
from routerproc import Router  # noqa: E402

DBNAME = "consistency"
KEYS_AT_ONCE = 12               # that sessions write to; a key is left when its list is long
LONG_LIST = 150
NKEYS = 20000
SETTINGS = {"wal_log_hints": "on", "max_standby_streaming_delay": "1s", "wal_sender_timeout": "5s",
            "wal_receiver_timeout": "5s", "max_slot_wal_keep_size": "1GB"}
ROUTER_OPTIONS = {"workers": "2", "probe_interval": "30ms", "probe_timeout": "700ms", "replica_wait": "50ms",
                  "query_wait_timeout": "5s", "query_timeout": "20s", "slow_start": "500ms", "max_fallback_reads": "0",
                  "default_pool_size": "20"}
SCHEMA = """
CREATE TABLE cell (key int PRIMARY KEY, ids bigint[] NOT NULL DEFAULT '{}');
INSERT INTO cell (key) SELECT generate_series(0, %d);
CREATE TABLE aside (id int);
CREATE FUNCTION here() RETURNS text STABLE LANGUAGE sql AS $$
    SELECT current_setting('cluster_name') || CASE current_setting('in_hot_standby') WHEN 'on' THEN '' ELSE ' (primary)' END $$;
""" % (NKEYS - 1)

APPEND = "UPDATE cell SET ids = ids || %s WHERE key = %s RETURNING here()"
READ = "SELECT key, ids, here() FROM cell WHERE key = ANY (%s) ORDER BY key"

# The statement was refused, or rolled back for certain: it has no effect. All else may have had one.
REFUSED = ("57P03", "53300", "40001", "40P01", "25P02", "25006", "57014", "55P03")
LOST_IN_TRANSACTION = "08006"


class Shared:
    """What all sessions of a run share."""

    def __init__(self, router, secs, seed):
        self.router = router
        self.until = time.monotonic() + secs
        self.seed = seed
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.numbers = itertools.count(1)       # of sessions and ids; next() is atomic
        self.first_key = 0
        self.ids = history.Ids()
        self.ops = []                           # appended to by all: atomic
        self.tried = 0
        self.errors = collections.Counter()
        self.broken = []                        # what ended a session's thread

    def leave_key(self, key):
        with self.lock:
            if key == self.first_key:
                self.first_key += 1


class Session:
    """One thread's connection, one after the other, and what it does with it."""

    def __init__(self, shared, number):
        self.shared = shared
        self.random = random.Random("%s-%d" % (shared.seed, number))
        self.writes = number % 5 != 0   # the others do not get stuck where commits do
        self.connection = None
        self.name = None

    def run(self):
        try:
            while not self.shared.stop.is_set():
                if self.connection is None:
                    self.connect()
                else:
                    self.one_operation()
        except Exception as error:      # a bug of the test's own must not look like a quiet run
            self.shared.broken.append(repr(error))
            raise
        finally:
            self.disconnect()

    def connect(self):
        self.shared.tried += 1
        try:
            self.connection = self.shared.router.connect(DBNAME)
            self.name = next(self.shared.numbers)
        except psycopg2.Error as error:
            self.shared.errors["connect " + (error.pgcode or "lost")] += 1
            self.shared.stop.wait(0.02)

    def disconnect(self):
        if self.connection is not None:
            with contextlib.suppress(psycopg2.Error):
                self.connection.close()
        self.connection = None

    def key(self):
        return self.shared.first_key + self.random.randrange(KEYS_AT_ONCE)

    def one_operation(self):
        roll = self.random.random() if self.writes else self.random.uniform(0.31, 1)
        self.shared.tried += 1
        if roll < 0.22:
            self.append([self.key()])
        elif roll < 0.28:
            self.append(self.pair(), transaction=True)
        elif roll < 0.31:
            self.append(self.pair(), transaction=True, roll_back=True)
        elif roll < 0.66:
            self.read([self.key()])
        elif roll < 0.82:
            self.read(self.pair())
        elif roll < 0.88:
            self.read(self.pair(), hint="/* andon:primary */ ")
        else:
            self.read([self.key()], read_only=True)
        if roll > 0.998:
            self.disconnect()

    def pair(self):
        return sorted(self.shared.first_key + i for i in self.random.sample(range(KEYS_AT_ONCE), 2))

    # ------------------------------------------------------------ what it does

    def append(self, keys, transaction=False, roll_back=False):
        number = next(self.shared.numbers)
        begun = time.monotonic()
        node, outcome = None, "unknown"
        committing = not transaction
        try:
            with self.connection.cursor() as cursor:
                if transaction:
                    cursor.execute("BEGIN")
                for key in keys:
                    cursor.execute(APPEND, (number, key))
                    node = cursor.fetchone()[0]
                committing = True
                if transaction:
                    cursor.execute("ROLLBACK" if roll_back else "COMMIT")
                outcome = "failed" if roll_back else "ok"
        except psycopg2.Error as error:
            outcome = self.note_error("append", error, committing and not roll_back)
            if roll_back:
                outcome = "failed"
        self.shared.ops.append(history.Op("append", self.name, tuple(keys), number, outcome, node, begun,
                                          time.monotonic(), self.floor() if outcome == "ok" else None))
        if outcome != "ok":
            self.leave_transaction()

    def read(self, keys, read_only=False, hint=""):
        begun = time.monotonic()
        try:
            with self.connection.cursor() as cursor:
                if read_only:
                    cursor.execute("BEGIN READ ONLY")
                cursor.execute(hint + READ, (keys,))
                rows = cursor.fetchall()
                if read_only:
                    cursor.execute("COMMIT")
        except psycopg2.Error as error:
            self.note_error("read", error, False)
            self.leave_transaction()
            return
        lists = {key: self.shared.ids.keep(ids) for key, ids, _ in rows}
        self.shared.ops.append(history.Op("read", self.name, tuple(keys), tuple(lists[key] for key in keys), "ok",
                                          rows[0][2], begun, time.monotonic(),
                                          self.floor() if self.random.random() < 0.05 else None))
        for key, ids in lists.items():
            if len(ids) >= LONG_LIST:
                self.shared.leave_key(key)

    def floor(self):
        try:
            with self.connection.cursor() as cursor:
                cursor.execute("SHOW andon.floor")
                return cursor.fetchone()[0]
        except psycopg2.Error:
            return None

    def note_error(self, what, error, may_have_effect):
        code = error.pgcode or "lost"
        self.shared.errors["%s %s" % (what, code)] += 1
        if code in REFUSED or (not may_have_effect and code in (LOST_IN_TRANSACTION, "08007", "lost")):
            return "failed"
        return "unknown"

    def leave_transaction(self):
        """Whatever is left of it; a connection that is gone is another session's beginning."""
        if self.connection.closed:
            self.connection = None
            return
        try:
            with self.connection.cursor() as cursor:
                cursor.execute("ROLLBACK")
        except psycopg2.Error:
            self.disconnect()


# ---------------------------------------------------------------- a run

class Wrong(Exception):
    """The promises are broken, or too little was tried to say so."""


Report = collections.namedtuple("Report", "violations reads writes nodes moves outcomes errors faults rebuilt sessions")


@contextlib.contextmanager
def scenery(consistency, extension=True):
    """A cluster whose commits one of two replicas confirms, and a router that sees it through proxies."""
    with Cluster(replicas=2, preload=True, fsync=False, settings=SETTINGS, name="andon-consistency") as cluster:
        cluster.create_database(DBNAME, extension=extension)
        cluster.primary.query(SCHEMA, dbname=DBNAME)
        names = ", ".join(node.name for node in cluster.nodes)
        for node in cluster.nodes:      # whoever is the primary has its commits confirmed
            node.configure(synchronous_standby_names="ANY 1 (%s)" % names).reload()
        with FaultProxy({node.name: node.port for node in cluster.nodes}) as proxy:
            nodes = {name: "host=127.0.0.1 port=%d" % port for name, port in proxy.ports.items()}
            router = Router(cluster, dict(ROUTER_OPTIONS, consistency=consistency), {"nodes": nodes})
            with router:
                wait_until(lambda: on_replica(router.value("SELECT here()", dbname=DBNAME)),
                           what="reads to go to replicas")
                yield cluster, router, proxy


def on_replica(node):
    return not node.endswith("(primary)")


def run(secs, seed, consistency="session", chosen=None, sessions=10, extension=True):
    """Each fault at least once, and on for so long; gives a Report."""
    chosen = chosen or faults.FAULTS
    with scenery(consistency, extension) as (cluster, router, proxy):
        shared = Shared(router, secs, seed)
        scene = faults.Scene(cluster, router, proxy, DBNAME, random.Random(seed), lambda: shared.tried)
        threads = [threading.Thread(target=Session(shared, i).run) for i in range(sessions)]
        for thread in threads:
            thread.start()
        happened = collections.Counter()
        try:
            for fault in itertools.cycle(chosen):
                if time.monotonic() >= shared.until and len(happened) == len(chosen):
                    break
                scene.let_them_work(100)
                fault(scene)
                scene.heal()
                happened[fault.__name__] += 1
        finally:
            shared.stop.set()
            for thread in threads:
                thread.join()
        scene.heal()
        final = dict(cluster.primary.query("SELECT key, ids FROM cell", dbname=DBNAME))
        if shared.broken:
            raise Wrong("a session of the test ended: %s" % shared.broken[0])
        return report(shared, final, happened, scene.rebuilt, consistency == "global")


def report(shared, final, happened, rebuilt, real_time):
    ops = shared.ops
    return Report(
        violations=history.check(ops, final, real_time),
        reads=sum(op.what == "read" for op in ops),
        writes=sum(op.what == "append" for op in ops),
        nodes=collections.Counter(op.node for op in ops if op.what == "read"),
        moves=count_moves(ops),
        outcomes=collections.Counter(op.outcome for op in ops if op.what == "append"),
        errors=shared.errors, faults=happened, rebuilt=rebuilt, sessions=len({op.session for op in ops}))


def count_moves(ops):
    """{"replica to primary": how often a session read there next, ...}"""
    last = {}
    moves = collections.Counter()
    for op in ops:
        if op.what == "read":
            before = last.get(op.session, op.node)
            if before != op.node:
                moves[" to ".join("replica" if on_replica(node) else "primary" for node in (before, op.node))] += 1
            last[op.session] = op.node
    return moves


def tell(report):
    lines = ["%d reads, %d writes (%s) in %d sessions" % (
        report.reads, report.writes, ", ".join("%d %s" % (n, what) for what, n in report.outcomes.most_common()),
        report.sessions),
        "reads by node: " + ", ".join("%s %d" % pair for pair in report.nodes.most_common()),
        "moves between reads: " + ", ".join("%s %d" % pair for pair in report.moves.most_common()),
        "faults: " + ", ".join("%s %d" % pair for pair in sorted(report.faults.items())),
        "errors: " + ", ".join("%s %d" % pair for pair in report.errors.most_common()),
        "violations: %d" % len(report.violations)]
    lines += ["    %s, session %s: %s" % wrong for wrong in report.violations[:20]]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description="the router's promises, while everything fails")
    parser.add_argument("--secs", type=float, default=180)
    parser.add_argument("--seed", default=str(random.randrange(10**6)))
    parser.add_argument("--consistency", default="session", choices=["session", "global", "eventual", "primary"])
    parser.add_argument("--faults", help="only these, by comma")
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--without-extension", action="store_true", help="the router asks for the position of each commit")
    args = parser.parse_args()
    stop_on_signals()
    chosen = [getattr(faults, name) for name in args.faults.split(",")] if args.faults else None
    print("seed %s" % args.seed, flush=True)
    result = run(args.secs, args.seed, args.consistency, chosen, args.sessions, not args.without_extension)
    print(tell(result))
    return 1 if result.violations else 0


if __name__ == "__main__":
    sys.exit(main())
