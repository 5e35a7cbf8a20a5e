"""No session reads below what it wrote or saw, whatever fails; see consistency.py."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import consistency  # noqa: E402
import faults  # noqa: E402
from history import Op, check  # noqa: E402

SECS = float(os.environ.get("CONSISTENCY_SECS", "140"))
SEED = os.environ.get("SEED", "1")


class WhileEverythingFails(unittest.TestCase):
    longMessage = True

    def run_and_tell(self, secs, consistency_mode, chosen=None, **options):
        report = consistency.run(secs, SEED, consistency_mode, chosen, **options)
        print("consistency %s, seed %s: %s" % (consistency_mode, SEED, consistency.tell(report)),
              file=sys.__stdout__, flush=True)
        return report

    def assertEnough(self, report, chosen):
        """A run that tried little has shown nothing."""
        on_replicas = sum(count for node, count in report.nodes.items() if consistency.on_replica(node))
        self.assertGreater(on_replicas, 2000, "reads on replicas")
        self.assertGreater(on_replicas, report.reads / 2, "most reads must be on replicas: %s" % report.nodes)
        self.assertGreater(report.outcomes["ok"], 500, "acknowledged writes")
        self.assertGreater(report.outcomes["failed"], 50, "writes rolled back or refused")
        self.assertEqual({fault.__name__ for fault in chosen}, set(report.faults), "faults that happened")
        for move in ("replica to replica", "replica to primary", "primary to replica"):
            self.assertGreater(report.moves[move], 50, "moves of sessions: %s" % report.moves)
        self.assertEqual(len({node.split()[0] for node in report.nodes}), 3, "nodes that were read: %s" % report.nodes)

    def test_sessions(self):
        """Guards: read-your-writes, monotonic reads and writes, nothing lost, doubled or come back, with every fault."""
        report = self.run_and_tell(SECS, "session")
        self.assertEqual(report.violations, [], consistency.tell(report))
        self.assertEnough(report, faults.FAULTS)

    def test_all_sessions_as_one(self):
        """Guards: with consistency=global a read shows all that was acknowledged to anybody before it began."""
        report = self.run_and_tell(8, "global", [faults.replay_paused, faults.way_slow, faults.replica_frozen])
        self.assertEqual(report.violations, [], consistency.tell(report))
        self.assertGreater(report.reads, 500)

    def test_hidden_commits_are_missed(self):
        """Control: unless it is looked after, sessions miss on the primary what they have read on a replica that is ahead."""
        report = self.run_and_tell(4, "eventual", [faults.one_standby_frozen])
        self.assertIn("monotonic reads", {wrong.what for wrong in report.violations if "(primary)" in wrong.text})

    def test_without_extension(self):
        """Guards: the same promises where the router has to ask for the position of each commit."""
        report = self.run_and_tell(8, "session", [faults.replay_paused, faults.primary_killed, faults.replica_frozen],
                                   extension=False)
        self.assertEqual(report.violations, [], consistency.tell(report))
        self.assertGreater(report.reads, 500)

    def test_without_floors(self):
        """Control: with floors switched off the checker finds sessions that do not see their own writes."""
        report = self.run_and_tell(3, "eventual", [faults.all_replay_paused])
        self.assertIn("read-your-writes", {wrong.what for wrong in report.violations})
        self.assertIn("monotonic reads", {wrong.what for wrong in report.violations})


def append(number, *keys, session=1, outcome="ok", begun=0.0, ended=1.0):
    return Op("append", session, keys, number, outcome, "north", begun, ended)


def read(session=1, begun=2.0, **lists):
    keys = tuple(int(key[1:]) for key in lists)
    return Op("read", session, keys, tuple(tuple(ids) for ids in lists.values()), "ok", "south", begun, begun + 1)


class Checker(unittest.TestCase):
    """The checker finds each kind of wrong, and nothing in what is right."""

    def assertFinds(self, what, ops, final, real_time=False):
        self.assertEqual({wrong.what for wrong in check(ops, final, real_time)}, {what} if what else set())

    def test_right(self):
        ops = [append(1, 1), read(k1=[1]), append(2, 1, 2), read(k1=[1, 2], k2=[2]), append(9, 1, outcome="failed"),
               append(8, 1, outcome="unknown"), read(session=2, k1=[], k2=[])]
        self.assertFinds(None, ops, {1: [1, 2], 2: [2]}, real_time=False)
        self.assertFinds(None, ops, {1: [1, 2, 8], 2: [2]})

    def test_own_write_not_read(self):
        self.assertFinds("read-your-writes", [append(1, 1), read(k1=[])], {1: [1]})
        self.assertFinds(None, [append(1, 1), read(session=2, k1=[])], {1: [1]})

    def test_read_goes_back(self):
        self.assertFinds("monotonic reads", [append(1, 1, session=2), read(k1=[1]), read(k1=[])], {1: [1]})

    def test_others_write_not_read(self):
        ops = [append(1, 1, ended=1.0), read(session=2, begun=2.0, k1=[])]
        self.assertFinds("real time", ops, {1: [1]}, real_time=True)
        self.assertFinds(None, [append(1, 1, ended=3.0), read(session=2, begun=2.0, k1=[])], {1: [1]}, real_time=True)

    def test_half_a_transaction(self):
        self.assertFinds("torn transaction", [append(1, 1, 2), read(session=2, k1=[1], k2=[])], {1: [1], 2: [1]})

    def test_state_that_never_was(self):
        self.assertFinds("never was", [append(1, 1), append(2, 1), read(session=2, k1=[2])], {1: [1, 2]})
        self.assertFinds("never was", [append(1, 1, outcome="failed"), read(session=2, k1=[1])], {1: []})

    def test_lost_and_doubled(self):
        self.assertFinds("lost write", [append(1, 1)], {1: []})
        self.assertFinds("duplicate", [append(1, 1)], {1: [1, 1]})
        self.assertFinds("duplicate", [append(1, 1, outcome="unknown")], {1: [1, 1]})
        self.assertFinds("failed write", [append(1, 1, outcome="failed")], {1: [1]})

    def test_order_of_writes(self):
        self.assertFinds("write order", [append(1, 1), append(2, 1)], {1: [2, 1]})
        self.assertFinds(None, [append(1, 1), append(2, 1, session=2)], {1: [2, 1]})


if __name__ == "__main__":
    unittest.main()
