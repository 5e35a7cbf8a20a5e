"""A read whose text the router knows costs it no allocation.

The router runs with a library preloaded that counts its calls of malloc(),
calloc() and realloc(); what watches the nodes is put to sleep, since it does
allocate.
"""

import os
import struct
import unittest

from programs import sanitizer
from pgwire import Bind, Describe, Execute, Parse, Query, Sync
from routercase import RouterTestCase

QUERIES = 200
ROUNDS = 4


@unittest.skipIf(sanitizer(), "a sanitizer's runtime is in the place of malloc()")
class Allocations(RouterTestCase):
    cluster_options = {"replicas": 1}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.counter = cls.cluster.rundir.write("allocations", "")
        os.environ.update(LD_PRELOAD=cls.cluster.rundir.program("count_allocations.so"), ALLOCATIONS_FILE=cls.counter)
        try:
            cls.counted = cls.start_router({
                "workers": 1, "probe_interval": "1h", "probe_timeout": "1h", "facts_interval": "1d"})
        finally:
            del os.environ["LD_PRELOAD"], os.environ["ALLOCATIONS_FILE"]
        cls.wait_reads_on_replicas(cls.counted)

    def allocations(self):
        with open(self.counter, "rb") as file:
            return struct.unpack("=Q", file.read(8))[0]

    def assertNonePerQuery(self, script):
        """In the best of a few rounds on one connection: what goes on beside it, facts being read, ends."""
        with self.wire(self.counted) as wire:
            wire.ask(*script(0))
            rounds = []
            for number in range(ROUNDS):
                before = self.allocations()
                for i in range(1, QUERIES):
                    wire.ask(*script(number * QUERIES + i))
                rounds.append(self.allocations() - before)
            self.assertLess(min(rounds), QUERIES // 4, rounds)

    def test_the_counter_counts(self):
        """Guards: the other tests can fail: a connection does cost allocations."""
        before = self.allocations()
        self.wire(self.counted).close()
        self.assertGreater(self.allocations(), before)

    def test_simple_query(self):
        self.assertNonePerQuery(lambda i: [Query("SELECT v FROM t WHERE id = 7")])

    def test_simple_query_with_another_value_each_time(self):
        self.assertNonePerQuery(lambda i: [Query("SELECT v FROM t WHERE id = %d" % i)])

    def test_simple_query_hinted_to_the_primary(self):
        self.assertNonePerQuery(lambda i: [Query("/* andon:primary */ SELECT v FROM t WHERE id = 7")])

    def test_prepared_statement(self):
        """What pgbench -M prepared sends, once it has prepared."""
        def messages(i):
            prepare = [Parse("p", "SELECT v FROM t WHERE id = $1")] if i == 0 else []
            return prepare + [Bind("", "p", str(i)), Describe("P"), Execute(), Sync()]
        self.assertNonePerQuery(messages)
