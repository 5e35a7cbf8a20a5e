"""node-postgres and Postgres.js through the router: tests/drivers/node."""

import os

from drivers import ONE_WORKER, SESSION_POOLING, TRANSACTION_POOLING, DriverCase
from programs import TOP
from routercase import driver_source

MODULES = os.path.join(TOP, "build", "node", "node_modules")


class NodeCase(DriverCase):
    def run_cases(self, driver, port=None, read_nodes=None):
        self.assertTrue(os.path.isdir(os.path.join(MODULES, driver)), "%s is missing: run 'make deps'" % MODULES)
        self.check_cases(["node", driver_source("node", "cases.js"), driver, str(port or self.router.port),
                          self.dbname, ",".join(read_nodes or self.reads_on())],
                         env=dict(os.environ, NODE_PATH=MODULES))


class BothDrivers:
    def test_pg(self):
        self.run_cases("pg")

    def test_postgres(self):
        self.run_cases("postgres")


class NodeInTransactionPooling(BothDrivers, NodeCase):
    router_options = dict(TRANSACTION_POOLING)

    def test_without_router(self):
        """Guards: the cases themselves ask for nothing that PostgreSQL does not do."""
        for driver in ("pg", "postgres"):
            self.run_cases(driver, self.cluster.primary.port, [self.primary_name])


class NodeOnOneWorker(BothDrivers, NodeCase):
    router_options = dict(ONE_WORKER)


class NodeInSessionPooling(BothDrivers, NodeCase):
    router_options = dict(SESSION_POOLING)
