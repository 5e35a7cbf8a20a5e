"""Boards stay right under random concurrent writers; see board_soak.py."""

import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import board_soak  # noqa: E402
from testcase import ClusterTestCase  # noqa: E402

SOAK_SECS = 15
SESSIONS = 8


class BoardSoak(ClusterTestCase):
    def test_boards_equal_their_definitions(self):
        seed = os.environ.get("SEED") or str(random.randrange(10**9))
        dsn = "%s dbname=%s" % (self.cluster.primary.socket_conninfo("board_soak"), self.dbname)
        board_soak.prepare(dsn)
        committed, retried, found = board_soak.soak(dsn, SOAK_SECS, seed, SESSIONS)
        self.assertEqual(found, [], "SEED=%s" % seed)
        self.assertGreater(committed, 100, "SEED=%s, %d retried" % (seed, retried))


if __name__ == "__main__":
    unittest.main()
