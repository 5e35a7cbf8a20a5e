"""Which replica a read goes to: weights, slow start, how late it may be; see policy/route.h."""

import collections

from programs import wait_until
from routerproc import Router
from routercase import RouterTestCase


class Balance(RouterTestCase):
    cluster_options = {"replicas": 2}
    SESSIONS = 60

    def setUp(self):
        self.south, self.east = self.cluster.replicas

    def balanced_by(self, options=None, **weights):
        """A router of the test's own; weights by node."""
        nodes = {node.name: "host=%s port=%d weight=%d" % (node.host, node.port, weights.get(node.name, 1))
                 for node in self.cluster.nodes}
        router = Router(self.cluster, dict({"probe_interval": "20ms"}, **(options or {})), {"nodes": nodes},
                        name="router-" + self._testMethodName)
        self.addCleanup(router.close)
        router.start()
        self.wait_reads_on_replicas(router)
        return router

    def where_sessions_read(self, router):
        """{node: sessions}: each new session reads once."""
        return collections.Counter(router.value("SELECT here()", dbname=self.dbname) for _ in range(self.SESSIONS))

    def wait_usable(self, router, node):
        wait_until(lambda: [row["state"] for row in router.show("NODES") if row["node"] == node.name] == ["usable"],
                   what=node.name + " to be usable")

    def test_weights(self):
        """Guards: sessions are shared as [nodes] says."""
        seen = self.where_sessions_read(self.balanced_by(south=9, east=1))
        self.assertEqual(set(seen), {self.south.name, self.east.name})
        self.assertGreater(seen[self.south.name], 2 * seen[self.east.name], seen)

    def test_without_weight(self):
        """Guards: a node of weight 0 is no replica to read from, also when there is no other."""
        seen = self.where_sessions_read(self.balanced_by(south=0))
        self.assertEqual(set(seen), {self.east.name})

    def test_slow_start(self):
        """Guards: a replica that comes back gets a small part of the sessions at first, and gets them."""
        router = self.balanced_by({"slow_start": "1h"})
        self.south.restart()
        self.wait_usable(router, self.south)
        seen = self.where_sessions_read(router)
        self.assertGreater(seen[self.south.name], 0, seen)
        self.assertGreater(seen[self.east.name], 2 * seen[self.south.name], seen)

    def test_late(self):
        """Guards: a replica that is later than max_replica_lag is not read, whatever session asks; it comes back."""
        router = self.balanced_by({"max_replica_lag": "100ms", "consistency": "eventual", "slow_start": 0})
        self.south.pause_replay()
        self.sql("UPDATE t SET v = v WHERE id = 1")
        wait_until(lambda: set(self.where_sessions_read(router)) == {self.east.name}, what="reads to avoid it")
        self.east.pause_replay()
        self.sql("UPDATE t SET v = v WHERE id = 1")
        wait_until(lambda: set(self.where_sessions_read(router)) == {self.primary_name}, what="reads on the primary")
        self.cluster.resume_replay()
        wait_until(lambda: set(self.where_sessions_read(router)) == {self.south.name, self.east.name},
                   what="reads on both")
