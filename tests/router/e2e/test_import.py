"""andon-router --import, as an operator uses it: from a pgbouncer.ini to a router that runs."""

import contextlib
import subprocess

from pgcluster import fetch
from routercase import RouterTestCase
from routerproc import Router

PGBOUNCER_INI = """
[databases]
mes = host=127.0.0.1 port=%(primary)d dbname=%(dbname)s pool_size=3
mes_read = host=127.0.0.1 port=%(replica)d dbname=%(dbname)s server_lifetime=60

[users]
ada = max_user_connections=5 query_timeout=30

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %(port)d
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %(users)s
auth_user = postgres
admin_users = postgres
pool_mode = transaction
query_timeout = 60
pidfile = /run/pgbouncer/pgbouncer.pid
"""


class ImportedRouter(Router):
    """Its file is what --import wrote."""
    imported = ""

    def write_config(self):
        super().write_config()      # for auth_file
        self.rundir.write(self.name + ".ini", self.imported)


class Import(RouterTestCase):
    cluster_options = {"replicas": 1, "auth": "scram-sha-256"}
    router_options = None

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.sql("ALTER ROLE postgres PASSWORD 'the monitor'")
        cls.cluster.passwords["postgres"] = "the monitor"
        cls.cluster.create_user("ada", "s3cret")
        cls.cluster.wait_caught_up()

    def run_import(self, path):
        """(exit code, the result, the notes)."""
        done = subprocess.run([self.cluster.rundir.program("andon-router"), "--import", path], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60,
                              cwd=self.cluster.rundir.path, **self.cluster.rundir.as_user())
        return done.returncode, done.stdout, done.stderr

    def test_from_file_to_router(self):
        """Guards: the result is good as it is, passes --check-config, serves the same clients and the same console."""
        router = ImportedRouter(self.cluster, name="imported")
        path = self.cluster.rundir.write("pgbouncer.ini", PGBOUNCER_INI % {
            "primary": self.cluster.primary.port, "replica": self.cluster.replicas[0].port, "dbname": self.dbname,
            "port": router.port, "users": router.options["auth_file"]})
        code, result, notes = self.run_import(path)
        self.assertEqual(code, 0, notes)
        for note in ("pgbouncer.ini:4: server_lifetime is not converted", "pgbouncer.ini:7: query_timeout is not converted: the option of [router] holds for all",
                     "pgbouncer.ini:19: pidfile is not converted", "[nodes] has 2 servers", "pgbouncer.ini: http_port is 0"):
            self.assertIn(note, notes)
        self.assertEqual(len(notes.splitlines()), 5, notes)
        self.assertIn("query_timeout = 60s\n", result)
        self.assertIn("http_port = 0\n", result)        # PgBouncer has none
        http = "http_addr = %s\nhttp_port = %d\n" % (router.host, router.http_port)
        router.imported = result.replace("http_port = 0\n", http)
        self.assertEqual(router.check_config()[0], 0)
        self._routers().append(router)
        self.addCleanup(self._stop_router, router)
        router.start()
        with contextlib.closing(router.connect("mes", user="ada")) as connection:
            self.assertEqual(fetch(connection, "SELECT session_user, current_database()"), [("ada", self.dbname)])
        with contextlib.closing(router.connect("pgbouncer")) as console:
            with console.cursor() as cursor:
                cursor.execute("SHOW POOLS")
                names = [column.name for column in cursor.description]
                pools = [dict(zip(names, row)) for row in cursor.fetchall()]
        self.assertIn(("mes", "ada", "transaction"), [(pool["database"], pool["user"], pool["pool_mode"]) for pool in pools])

    def test_what_cannot_be_read(self):
        """Guards: no result and exit code 2, with the reason, for a file that is not there."""
        code, result, notes = self.run_import("/no/such/pgbouncer.ini")
        self.assertEqual((code, result), (2, ""))
        self.assertIn("/no/such/pgbouncer.ini cannot be read", notes)
