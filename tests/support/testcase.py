"""The base of every test that needs a running cluster.

A class says what it needs in class attributes; clusters are started on first
use, shared by all classes of one module that ask for the same, and stopped
when the module is done:

    class ReadYourWrites(ClusterTestCase):
        cluster_options = {"replicas": 2}
        router_options = {"consistency": "session"}

        def test_after_commit(self):
            with self.client() as connection:
                ...

self.cluster, self.router (None unless router_options is given) and
self.dbname, a database of the class's own with the extension in it. A test
that stops servers or changes their settings takes a class, or better a module,
of its own. Logs of servers and router are kept under build/logs when a test fails.
"""

import contextlib
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "dev"))

from pgcluster import Cluster  # noqa: E402
from routerproc import Router  # noqa: E402

_shared = {}         # (module, what was asked for) -> Cluster


class ClusterTestCase(unittest.TestCase):
    cluster_options = {}
    router_options = None        # a dict starts a router for the class
    router_sections = None
    database = True              # False: no database of its own, use "postgres"
    extension = True
    longMessage = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster = cls._shared_cluster()
        cls.dbname = "postgres"
        if cls.database:
            cls.dbname = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
            cls.cluster.create_database(cls.dbname, extension=cls.extension)
        cls.prepare()
        cls.router = None
        if cls.router_options is not None:
            cls.router = cls.start_router(cls.router_options, cls.router_sections)

    @classmethod
    def prepare(cls):
        """For subclasses: tables and users, after the database and before the router."""

    @classmethod
    def _shared_cluster(cls):
        key = (cls.__module__, repr(sorted(cls.cluster_options.items())))
        if key not in _shared:
            cluster = Cluster(**cls.cluster_options)
            unittest.addModuleCleanup(cls._close_shared, key)
            _shared[key] = cluster
            cluster.start()
        return _shared[key]

    @staticmethod
    def _close_shared(key):
        _shared.pop(key).close()

    @classmethod
    def start_router(cls, options=None, sections=None, **more):
        """Another router on the class's cluster, stopped with the class."""
        name = "router-%s" % cls.__name__ if not cls._routers() else "router-%s-%d" % (
            cls.__name__, len(cls._routers()))
        router = Router(cls.cluster, options, sections, name=name, **more)
        cls._routers().append(router)
        cls.addClassCleanup(cls._stop_router, router)
        return router.start()

    @classmethod
    def _routers(cls):
        if "_own_routers" not in cls.__dict__:
            cls._own_routers = []
        return cls._own_routers

    @classmethod
    def _stop_router(cls, router):
        """A router must end in good order; a sanitizer's report fails the class."""
        was_running = router.is_running()
        code = router.stop() if was_running else 0
        log = router.log() if os.path.exists(router.log_path) else ""
        if code != 0 or "Sanitizer:" in log or "runtime error:" in log:
            router.rundir.keep_logs = True
            raise AssertionError("router ended with exit code %s\n%s" % (code, log[-6000:]))

    @classmethod
    def sql(cls, statement, params=None):
        """Runs a statement on the primary, in the class's database."""
        return cls.cluster.primary.query(statement, params, cls.dbname)

    @contextlib.contextmanager
    def direct(self, node=None, **options):
        """A connection straight to a node, the primary by default."""
        connection = (node or self.cluster.primary).connect(self.dbname, **options)
        try:
            yield connection
        finally:
            connection.close()

    @contextlib.contextmanager
    def client(self, **options):
        """A connection through the router."""
        connection = self.router.connect(options.pop("dbname", self.dbname), **options)
        try:
            yield connection
        finally:
            connection.close()

    def run(self, result=None):
        before = _bad(result)
        outcome = super().run(result)
        if _bad(result) > before and getattr(self, "cluster", None):
            self.cluster.rundir.keep_logs = True
        return outcome


def _bad(result):
    return len(result.failures) + len(result.errors) if result is not None else 0
