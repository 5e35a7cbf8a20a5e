"""pgjdbc through the router: tests/drivers/java."""

import glob
import os
import subprocess

from drivers import ONE_WORKER, SESSION_POOLING, TRANSACTION_POOLING, DriverCase
from routercase import driver_build, driver_source

DRIVER = "/usr/share/java/postgresql.jar"


def classes():
    return os.path.dirname(driver_build("java", "Cases.class"))


def setUpModule():
    subprocess.run(["javac", "-encoding", "UTF-8", "-d", classes(), "-cp", DRIVER] +
                   sorted(glob.glob(driver_source("java", "*.java"))), check=True)


class PgjdbcCase(DriverCase):
    def run_cases(self, port=None, read_nodes=None):
        self.check_cases(["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8",
                          "-cp", "%s:%s" % (classes(), DRIVER), "Cases", str(port or self.router.port), self.dbname,
                          ",".join(read_nodes or self.reads_on())])


class PgjdbcInTransactionPooling(PgjdbcCase):
    router_options = dict(TRANSACTION_POOLING)

    def test_cases(self):
        self.run_cases()

    def test_cases_without_router(self):
        """Guards: the cases themselves ask for nothing that PostgreSQL does not do."""
        self.run_cases(self.cluster.primary.port, [self.primary_name])


class PgjdbcOnOneWorker(PgjdbcCase):
    router_options = dict(ONE_WORKER)

    def test_cases(self):
        self.run_cases()


class PgjdbcInSessionPooling(PgjdbcCase):
    router_options = dict(SESSION_POOLING)

    def test_cases(self):
        self.run_cases()
