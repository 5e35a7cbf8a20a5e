"""Patroni decides who is the primary; the router finds out, and sessions keep what they were promised.

The load and its checker are those of consistency.py. Writes tell the node and
the timeline they ran on, so that the checker also sees whether two primaries
were ever used side by side. Nobody tells the router anything: it is configured
with three hosts, and asks them.
"""

import contextlib
import os
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import consistency  # noqa: E402
import patroni  # noqa: E402
from consistency import DBNAME, ROUTER_OPTIONS, Session, Shared  # noqa: E402
from history import Op, check  # noqa: E402
from programs import sanitizer, wait_until  # noqa: E402
from routerproc import Router  # noqa: E402

HERE = """
CREATE OR REPLACE FUNCTION here() RETURNS text STABLE LANGUAGE plpgsql AS $$
BEGIN
    IF pg_is_in_recovery() THEN RETURN current_setting('test.node'); END IF;
    RETURN current_setting('test.node') || ' ' || left(pg_walfile_name(pg_current_wal_lsn()), 8) || ' (primary)';
END $$;
"""
SESSIONS, READERS = 8, 2
SEED = os.environ.get("SEED", "1")


PAUSE_SECS = 0.005              # sessions leave Patroni some of the processors


class Worker(Session):
    def one_operation(self):
        super().one_operation()
        self.shared.stop.wait(PAUSE_SECS)


class Reader(Session):
    """Never waits for a primary."""

    def one_operation(self):
        self.shared.tried += 1
        self.read([self.key()])
        self.shared.stop.wait(PAUSE_SECS)


class Load:
    """Sessions that work while a block runs; then what they saw."""

    def __init__(self, cluster, router, first_key):
        self.cluster = cluster
        self.shared = Shared(router, 0, SEED)
        self.shared.first_key = first_key
        workers = [Worker(self.shared, i) for i in range(SESSIONS)]
        workers += [Reader(self.shared, SESSIONS + i) for i in range(READERS)]
        self.threads = [threading.Thread(target=worker.run) for worker in workers]
        self.marks = [(0, time.monotonic())]        # operations before it, when

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.wait_for("append", 50)
        self.wait_for("read", 200)
        self.mark()
        return self

    def __exit__(self, *unused):
        self.shared.stop.set()
        for thread in self.threads:
            thread.join()

    def mark(self):
        """From here on it counts anew."""
        self.marks.append((len(self.shared.ops), time.monotonic()))

    def done(self, what, since=-1, node=None):
        """Operations that succeeded and began after a mark."""
        before, when = self.marks[since]
        return [op for op in self.shared.ops[before:] if op.what == what and op.outcome == "ok" and
                op.begun >= when and node in (None, op.node.split()[0])]

    def wait_for(self, what, count, node=None):
        wait_until(lambda: self.shared.broken or len(self.done(what, node=node)) >= count, patroni.PATIENCE_SECS,
                   "%d times %s%s" % (count, what, " on " + node if node else ""))

    def violations(self):
        final = dict(self.cluster.primary.query("SELECT key, ids FROM cell", dbname=DBNAME))
        return self.shared.broken + check(self.shared.ops, final) + two_primaries(self.done("append", since=0))

    def longest_gap_ms(self, what):
        """For how long, since the last mark, nobody was told of a success."""
        _, when = self.marks[-1]
        ends = sorted([when] + [op.ended for op in self.done(what, since=0) if op.ended >= when])
        return 1000 * max(after - before for before, after in zip(ends, ends[1:]))


def two_primaries(writes):
    """Each timeline has one primary, and no write begins on it once another was acknowledged on a later one."""
    wrong = []
    reigns = {}
    for op in writes:
        node, timeline = op.node.split()[:2]
        reigns.setdefault(timeline, []).append((node, op))
    for timeline, reign in reigns.items():
        if len({node for node, _ in reign}) > 1:
            wrong.append("timeline %s has writes on %s" % (timeline, {node for node, _ in reign}))
        ended = min((op.ended for later, ops in reigns.items() if later > timeline for _, op in ops), default=None)
        late = [op for _, op in reign if ended is not None and op.begun > ended]
        wrong += ["%s, after the next timeline's first write" % (op,) for op in late]
    return wrong


@unittest.skipIf(sanitizer() == "asan", "Patroni's initdb does not end with AddressSanitizer's runtime loaded")
class Patroni(unittest.TestCase):
    longMessage = True
    first_key = 0

    @classmethod
    def setUpClass(cls):
        cls.cluster = patroni.PatroniCluster(dict(consistency.SETTINGS, shared_preload_libraries="andon"))
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.start()
        cls.cluster.primary.query("CREATE DATABASE " + DBNAME)
        for sql in ("CREATE EXTENSION andon", consistency.SCHEMA, HERE):
            cls.cluster.primary.query(sql, dbname=DBNAME)
        cls.router = Router(cls.cluster, dict(ROUTER_OPTIONS, query_wait_timeout="60s"))
        cls.addClassCleanup(cls.router.close)
        cls.router.start()

    def setUp(self):
        if not self.cluster.is_synchronous:
            self.cluster.set_synchronous(True)
        self.cluster.wait_whole()
        self.wait_known()
        wait_until(lambda: consistency.on_replica(self.router.value("SELECT here()", dbname=DBNAME)),
                   what="reads to go to replicas")
        self.old = self.cluster.primary
        Patroni.first_key += 1000       # what a test wrote is not another's

    def run(self, result=None):
        failures = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > failures and hasattr(self, "cluster"):
            self.cluster.rundir.keep_logs = True

    def nodes(self):
        return {row["node"]: row for row in self.router.show("NODES")}

    def usable_primaries(self):
        return [name for name, row in self.nodes().items() if (row["role"], row["state"]) == ("primary", "usable")]

    def wait_known(self):
        """The router sees what is."""
        roles = {node.name: "replica" for node in self.cluster.replicas}
        roles[self.cluster.primary.name] = "primary"
        wait_until(lambda: {name: row["role"] for name, row in self.nodes().items() if row["state"] == "usable"} == roles,
                   what="all nodes to be usable")

    def load(self):
        return Load(self.cluster, self.router, self.first_key)

    def wait_replaced(self):
        """Another is the primary, and the router uses it."""
        wait_until(lambda: self.usable_primaries() not in ([], [self.old.name]), patroni.PATIENCE_SECS,
                   "another primary")
        return self.usable_primaries()[0]

    def finish(self, load):
        """The old primary is back as a replica like any other; then all that was seen is checked."""
        self.cluster.wait_whole()
        self.wait_known()
        load.wait_for("read", 20, node=self.old.name)
        gaps = "longest time without a read %.0f ms, without a write %.0f ms" % (
            load.longest_gap_ms("read"), load.longest_gap_ms("append"))
        load.__exit__()
        violations = load.violations()
        print("%s: %d reads, %d writes, %s; errors: %s; violations: %d" % (
            self._testMethodName, len(load.done("read", since=0)), len(load.done("append", since=0)), gaps,
            dict(load.shared.errors), len(violations)), file=sys.__stdout__, flush=True)
        self.assertEqual(violations, [])
        self.assertEqual(self.cluster.primary.name, self.usable_primaries()[0])

    def test_switchover(self):
        """Guards: a planned switch loses no write that was acknowledged; sessions go on at the new primary."""
        with self.load() as load:
            self.cluster.switch_over()
            new = self.wait_replaced()
            load.wait_for("append", 50, node=new)
            self.finish(load)

    def test_switchover_without_synchronous_mode(self):
        """Guards: a planned switch loses nothing either where no standby confirms commits."""
        self.cluster.set_synchronous(False)
        with self.load() as load:
            self.cluster.switch_over()
            new = self.wait_replaced()
            load.wait_for("append", 50, node=new)
            self.finish(load)

    def test_primary_lost(self):
        """Guards: with nobody to write to reads go on, writes wait and go on at the next; the old one is taken back."""
        with self.load() as load:
            self.old.kill9()
            wait_until(lambda: self.usable_primaries() == [], what="the loss to be known")
            load.mark()
            load.wait_for("read", 30)
            self.assertEqual(load.done("append"), [], "reads went on before there was a primary to write to")
            new = self.wait_replaced()
            load.wait_for("append", 50, node=new)
            self.old.start()
            self.finish(load)

    def test_patroni_lost(self):
        """Guards: a primary that nobody looks after goes on beside the one that replaced it, and gets nothing."""
        with self.load() as load:
            self.old.kill_patroni()
            new = self.wait_replaced()
            self.assertEqual(self.old.role(), "primary", "it does not know that it was replaced")
            with contextlib.closing(self.old.connect(DBNAME)) as beside:        # the way of those who bypass the router
                beside.cursor().execute("SET synchronous_commit = local")
                beside.cursor().execute("INSERT INTO aside VALUES (4711)")
            load.mark()
            load.wait_for("append", 50, node=new)
            self.assertEqual(load.done("append", node=self.old.name) + load.done("read", node=self.old.name), [])
            self.assertIn("old primary", self.nodes()[self.old.name]["state"])
            self.old.start()
            self.finish(load)
        self.assertIn("running pg_rewind", self.old.log())
        self.assertEqual(self.router.query("SELECT id FROM aside", dbname=DBNAME), [])


class Checker(unittest.TestCase):
    def test_two_primaries(self):
        """Control: a second primary is found, side by side with the first or after it was replaced."""
        def write(node, timeline, begun):
            return Op("append", 1, (1,), 1, "ok", "%s %08X (primary)" % (node, timeline), begun, begun + 1)

        self.assertEqual(two_primaries([write("north", 1, 0), write("south", 2, 5), write("north", 1, 5.5)]), [])
        self.assertEqual(len(two_primaries([write("north", 1, 0), write("south", 2, 5), write("north", 1, 7)])), 1)
        self.assertEqual(len(two_primaries([write("north", 1, 0), write("south", 1, 5)])), 1)


if __name__ == "__main__":
    unittest.main()
