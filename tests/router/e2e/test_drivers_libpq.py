"""libpq through the router, with what only a C program asks of it: tests/drivers/libpq."""

import glob
import subprocess

from drivers import ONE_WORKER, SESSION_POOLING, TRANSACTION_POOLING, DriverCase
from programs import wait_until
from routercase import driver_build, driver_source


def setUpModule():
    include = subprocess.run(["pg_config", "--includedir"], stdout=subprocess.PIPE, text=True, check=True)
    subprocess.run(["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Wno-unused-parameter", "-O1", "-g", "-I" + include.stdout.strip(),
                    "-o", driver_build("libpq_cases")] + sorted(glob.glob(driver_source("libpq", "*.c"))) + ["-lpq"],
                   check=True)


class LibpqCase(DriverCase):
    def run_cases(self, port, read_nodes):
        self.check_cases([driver_build("libpq_cases"),
                          "host=127.0.0.1 port=%d user=postgres dbname=%s" % (port, self.dbname),
                          ",".join(read_nodes)])


class LibpqInTransactionPooling(LibpqCase):
    router_options = TRANSACTION_POOLING

    def test_cases(self):
        self.run_cases(self.router.port, self.reads_on())

    def test_cases_without_router(self):
        """Guards: the cases themselves ask for nothing that PostgreSQL does not do."""
        self.run_cases(self.cluster.primary.port, [self.primary_name])


class LibpqOnOneWorker(LibpqCase):
    """With fewer prepared statements on a server than the cases use."""
    router_options = ONE_WORKER

    def test_cases(self):
        self.run_cases(self.router.port, self.reads_on())
        wait_until(lambda: all(row["state"] == "idle" for row in self.router.show("SERVERS")), what="idle servers")


class LibpqInSessionPooling(LibpqCase):
    router_options = SESSION_POOLING

    def test_cases(self):
        self.run_cases(self.router.port, self.reads_on())
