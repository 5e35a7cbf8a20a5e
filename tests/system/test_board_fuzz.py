"""Boards of any kind under concurrent writers of any kind; see board_fuzz.py."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import board_fuzz  # noqa: E402
from testcase import ClusterTestCase  # noqa: E402

FUZZ_SECS = float(os.environ.get("FUZZ_SECS", "120"))

# One seed for everybody's runs, so that a red one can be told from bad luck; new seeds by hand: SEED, or board_fuzz.py.
SEED = os.environ.get("SEED", "1")


class BoardFuzz(ClusterTestCase):
    cluster_options = {"settings": board_fuzz.SERVER_SETTINGS}

    def test_boards_equal_their_definitions(self):
        dsn = "%s dbname=%s" % (self.cluster.primary.socket_conninfo("board_fuzz"), self.dbname)
        try:
            counts = board_fuzz.fuzz(dsn, SEED, FUZZ_SECS)
            print("board_fuzz: SEED=%s: %s" % (SEED, counts), file=sys.__stdout__, flush=True)
            board_fuzz.check_enough(counts)
        except board_fuzz.Wrong as wrong:
            self.fail("SEED=%s\n%s" % (SEED, wrong))


if __name__ == "__main__":
    unittest.main()
