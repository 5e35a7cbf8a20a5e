"""The base of end-to-end tests of the router: a primary, two replicas, the router.

The class's database has a function here(), declared STABLE, that names the
node it runs on: SELECT here() is a read like any other to the router, and
tells where it was sent. Tests begin once the router knows the database's
catalog, so that reads do go to replicas.
"""

import contextlib
import json
import os
import subprocess

import psycopg2

from pgcluster import fetch
from programs import TOP, build_dir, wait_until
from pgwire import Wire
from testcase import ClusterTestCase

HERE = """
CREATE FUNCTION here() RETURNS text STABLE LANGUAGE sql AS $$ SELECT current_setting('cluster_name') $$;
CREATE TABLE t (id int PRIMARY KEY, v text);
INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 100) i;
"""


class RouterTestCase(ClusterTestCase):
    cluster_options = {"replicas": 2}
    router_options = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.wait_reads_on_replicas(cls.router)

    def tearDown(self):
        super().tearDown()
        for router in self._routers():
            if router.process.poll() not in (None, 0):
                self.fail("the router has ended with %s\n%s" % (router.process.returncode, router.log()[-3000:]))

    @classmethod
    def prepare(cls):
        cls.sql(HERE)

    @classmethod
    def wait_reads_on_replicas(cls, router, user="postgres"):
        """Waits until every worker knows the catalog: reads of new sessions go to replicas."""
        if router is None or router.options.get("consistency") == "primary" or router.options["pool_mode"] == "session":
            return
        workers = set()

        def knows_catalog():
            with contextlib.closing(router.connect(cls.dbname, user=user)) as connection:
                on_replica = fetch(connection, "SELECT here()")[0][0] in cls.replica_names()
                if on_replica:
                    workers.update(client["worker"] for client in router.show("CLIENTS")
                                   if client["database"] == cls.dbname)
            return len(workers) >= int(router.options["workers"])

        wait_until(knows_catalog, what="reads to go to replicas")

    @classmethod
    def replica_names(cls):
        return [node.name for node in cls.cluster.replicas]

    @property
    def primary_name(self):
        return self.cluster.primary.name

    def wire(self, router=None, **options):
        """A connection by hand through the router, closed with the test."""
        options.setdefault("dbname", self.dbname)
        wire = Wire((router or self.router).port, **options)
        self.addCleanup(wire.close)
        return wire

    def direct_wire(self, **options):
        """The same, straight to the primary."""
        wire = Wire(self.cluster.primary.port, self.dbname, **options)
        self.addCleanup(wire.close)
        return wire

    def counts(self, router=None):
        """{(node, "reads" or "writes"): how many} of the class's database."""
        counts = {}
        for row in (router or self.router).show("ROUTES"):
            if row["database"] == self.dbname:
                for what in ("reads", "writes"):
                    key = row["node"], what
                    counts[key] = counts.get(key, 0) + int(row[what])
        return counts

    @contextlib.contextmanager
    def counting(self):
        """Gives a dict that after the block has what was done in it, by (node, what)."""
        before = self.counts()
        delta = {}
        yield delta
        for key, count in self.counts().items():
            if count > before.get(key, 0):
                delta[key] = count - before.get(key, 0)

    def show_client(self, **fields):
        """The one row of SHOW CLIENTS that has these fields."""
        rows = [row for row in self.router.show("CLIENTS")
                if row["database"] == self.dbname and all(row[key] == value for key, value in fields.items())]
        self.assertEqual(len(rows), 1, rows)
        return rows[0]

    def assertSqlstate(self, sqlstate, function, *args):
        """function fails with this SQLSTATE; returns the error."""
        with self.assertRaises(psycopg2.Error) as caught:
            function(*args)
        self.assertEqual(caught.exception.pgcode, sqlstate, str(caught.exception))
        return caught.exception

    def assertAlive(self, router=None):
        """The router serves new clients, and clients are not left over."""
        self.assertEqual((router or self.router).value("SELECT 1", dbname=self.dbname), 1)


def run_driver(command, timeout=180, **options):
    """Runs a driver's test program; returns the JSON it printed, or fails with its output."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=timeout, **options)
    except subprocess.TimeoutExpired as error:
        raise AssertionError("%s did not end within %g s\n%s\n%s" % (
            command[0], timeout, error.stdout, error.stderr)) from None
    if done.returncode != 0:
        raise AssertionError("%s ended with %d\n%s%s" % (command[0], done.returncode, done.stdout, done.stderr))
    return json.loads(done.stdout)


def driver_source(*parts):
    return os.path.join(TOP, "tests", "drivers", *parts)


def driver_build(*parts):
    """A path under build/ for what a driver test compiles; its folder exists."""
    path = os.path.join(build_dir(), "drivers", *parts)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path
