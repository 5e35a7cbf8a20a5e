"""Boards of any kind under concurrent writers of any kind; see board_fuzz.py."""

import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import board_fuzz  # noqa: E402
from testcase import ClusterTestCase  # noqa: E402

FUZZ_SECS = 45


class BoardFuzz(ClusterTestCase):
    def test_boards_equal_their_definitions(self):
        seed = os.environ.get("SEED") or str(random.randrange(10**9))
        dsn = "%s dbname=%s" % (self.cluster.primary.socket_conninfo("board_fuzz"), self.dbname)
        try:
            board_fuzz.check_enough(board_fuzz.fuzz(dsn, seed, FUZZ_SECS))
        except board_fuzz.Wrong as wrong:
            self.fail("SEED=%s\n%s" % (seed, wrong))


if __name__ == "__main__":
    unittest.main()
