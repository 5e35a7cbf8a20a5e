"""The routing oracle: every statement of the corpora ran where it had to (routing_oracle.py tells how it is found out).

The longer form, with more of what sqlsmith makes and another corpus:

    tests/system/routing_oracle.py --secs 600 --seed 1 --northwind FILE
"""

import os
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "..", "dev")]

from routing_oracle import (Oracle, Statement, judge_all, nodes_and_router, of_file, of_sqlsmith,  # noqa: E402
                            of_test_classify, schema_of)

SECS_OF_SQLSMITH = 6

# What the oracle must find: an effect and a fact of the node that hide behind STABLE, which the router believes.
PLANTED = """
CREATE FUNCTION quiet_lock() RETURNS void STABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_lock(7); END $$;
CREATE FUNCTION here() RETURNS text STABLE LANGUAGE sql AS $$ SELECT current_setting('cluster_name') $$;
"""


class RoutingOracle(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster, cls.router = cls.enterClassContext(
            nodes_and_router({"classify": schema_of("classify"), "shop": schema_of("shop"), "planted": PLANTED}))

    def oracle(self, dbname, router=None):
        return self.enterContext(Oracle(self.cluster, router or self.router, dbname))

    def assertRight(self, oracle, at_least):
        print(oracle.report)
        self.assertEqual(oracle.report.violations, [])
        for what, count in at_least.items():
            self.assertGreaterEqual(oracle.report.counts[what], count, what)

    def test_statements_of_the_classifier(self):
        """Guards: what test_classify.c says by facts it is told holds with a catalog that PostgreSQL keeps."""
        oracle = self.oracle("classify")
        judge_all(oracle, of_test_classify(), both_protocols=False)
        self.assertRight(oracle, {"statements": 250, "ran on replicas": 50, "with effects": 80, "reads a replica can run": 80})

    def test_statements_of_a_shop(self):
        """Guards: what applications send is read on replicas wherever it can be, and writes never come to one."""
        oracle = self.oracle("shop")
        judge_all(oracle, of_file("shop.sql"))
        self.assertRight(oracle, {"ran on replicas": 100, "with effects": 40, "corrected after a replica refused": 1})

    def test_statements_of_sqlsmith(self):
        """Guards: the same of statements nobody would think of."""
        oracle = self.oracle("shop")
        for seed, exclude_catalog in ((1, True), (2, False)):
            statements = of_sqlsmith(self.cluster.primary, "shop", seed, 100, exclude_catalog)
            judge_all(oracle, statements, both_protocols=False, until=time.monotonic() + SECS_OF_SQLSMITH / 2)
        self.assertRight(oracle, {"statements": 10})

    def test_what_is_planted_is_found(self):
        """Control: effects and facts of the node behind a false STABLE, and reads that are kept, are found."""
        oracle = self.oracle("planted")
        for sql, what in (("SELECT quiet_lock()", "an effect on a replica"), ("SELECT here()", "about the node")):
            oracle.judge(Statement(sql))
            self.assertEqual(oracle.report.kinds(), {what}, sql)
            oracle.report.violations.clear()

    def test_reads_that_are_kept_are_found(self):
        """Control: a router that sends reads to the primary by configuration has no reason by the statement."""
        self.router.options["consistency"] = "primary"
        self.router.reload()
        self.addCleanup(self.router.reload)
        self.addCleanup(self.router.options.pop, "consistency")
        oracle = self.oracle("shop")
        oracle.judge(Statement("SELECT count(*) FROM orders"))
        self.assertEqual(oracle.report.kinds(), {"kept without a reason", "not as explained"})


if __name__ == "__main__":
    unittest.main()
