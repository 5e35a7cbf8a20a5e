"""Starting, watching, reloading and stopping the router, as a service manager does it."""

import http.client
import os
import signal
import socket
import subprocess
import unittest

from pgcluster import Router, build_dir, wait_until
from pgwire import Query
from routercase import RouterTestCase


class Operations(RouterTestCase):
    cluster_options = {"replicas": 1}
    router_options = None

    @classmethod
    def wait_reads_on_replicas(cls, router, user="postgres"):
        """Tests that read have routers of their own."""

    def run_router(self, router, *arguments):
        """(exit code, what it printed) of a router that is to end by itself."""
        done = subprocess.run([router.rundir.program("andon-router"), *arguments], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
                              cwd=router.rundir.path, **router.rundir._as_user())
        return done.returncode, done.stdout

    def not_started(self, **options):
        router = Router(self.cluster, options, name="not-started")
        router.write_config()
        return router

    # ------------------------------------------------------------ signals
    def test_sigterm_drains(self):
        """Guards: SIGTERM ends idle sessions with 57P01, lets transactions and running queries end, then exits 0."""
        router = self.start_router()
        idle, busy, running = self.wire(router), self.wire(router), self.wire(router)
        busy.query("BEGIN")
        busy.query("INSERT INTO t VALUES (7000)")
        self.sql("CREATE TABLE gate (a int)")
        with self.direct(autocommit=False) as holder:
            holder.cursor().execute("LOCK gate")
            running.send(Query("INSERT INTO gate VALUES (1)"))
            wait_until(lambda: self.sql("SELECT count(*) FROM pg_locks WHERE NOT granted") == [(1,)], what="the lock")
            router.signal(signal.SIGTERM)
            self.assertEqual([reply.word() for reply in idle.read_end()], ["E 57P01"])
            self.assertEqual(busy.query("SELECT count(*) FROM t WHERE id = 7000")[1:], ["D 1", "C SELECT 1", "Z T"])
            self.assertTrue(router.is_running())
            holder.rollback()
        self.assertEqual([reply.word() for reply in running.read_end()][:2], ["C INSERT 0 1", "Z I"])
        busy.send(Query("COMMIT"))
        self.assertEqual([reply.word() for reply in busy.read_end()], ["C COMMIT", "Z I", "E 57P01"])
        self.assertEqual(router.wait_end(), 0)
        self.assertEqual([entry["level"] for entry in router.log_entries() if entry["level"] == "error"], [])

    def test_nobody_comes_in_while_draining(self):
        """Guards: while it drains, /ready says 503 and new clients are refused; /live stays 200."""
        router = self.start_router()
        busy = self.wire(router)
        busy.query("BEGIN")
        busy.query("INSERT INTO t VALUES (7001)")
        router.signal(signal.SIGTERM)
        wait_until(lambda: router.http("/ready")[0] == 503, what="/ready to say no")
        self.assertEqual(router.http("/live")[0], 200)
        with self.assertRaises(Exception):
            router.connect(self.dbname).close()
        self.assertEqual(busy.query("ROLLBACK")[:2], ["C ROLLBACK", "Z I"])
        self.assertEqual(router.wait_end(), 0)

    def test_second_sigterm(self):
        """Guards: a second SIGTERM does not wait for anybody."""
        router = self.start_router()
        busy = self.wire(router)
        busy.query("BEGIN")
        busy.query("INSERT INTO t VALUES (7002)")
        router.signal(signal.SIGTERM)
        wait_until(lambda: router.events("shutdown_begins"), what="the drain to begin")
        router.signal(signal.SIGTERM)
        self.assertEqual(router.wait_end(), 0)
        wait_until(lambda: self.sql("SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'") == [(0,)],
                   what="the transaction to be rolled back")

    def test_drain_timeout(self):
        """Guards: drain_timeout bounds how long a transaction can hold the router up."""
        router = self.start_router({"drain_timeout": "200ms"})
        busy = self.wire(router)
        busy.query("BEGIN")
        busy.query("INSERT INTO t VALUES (7003)")
        router.signal(signal.SIGTERM)
        self.assertEqual(router.wait_end(), 0)
        self.assertEqual(self.sql("SELECT count(*) FROM t WHERE id = 7003"), [(0,)])

    def test_sighup(self):
        """Guards: SIGHUP applies what can be applied, names what needs a restart, and survives a bad file."""
        router = self.start_router({"query_timeout": "0"})
        self.assertEqual(router.value("SELECT 1", dbname=self.dbname), 1)
        wire = self.wire(router)
        router.options["query_timeout"] = "100ms"
        router.options["workers"] = 3
        router.reload("configuration_reloaded")
        self.assertEqual([entry["option"] for entry in router.events("restart_needed")], ["workers"])
        wait_until(lambda: wire.query("SELECT pg_sleep(1)")[-2:] == ["E 57014", "Z I"], what="query_timeout to hold")
        router.options["query_timeout"] = "soon"
        router.reload("configuration_error")
        self.assertEqual(wire.query("SELECT 1"), ["T", "D 1", "C SELECT 1", "Z I"])
        self.assertEqual([row["value"] for row in router.show("CONFIG") if row["key"] == "query_timeout"], ["100ms"])

    # ------------------------------------------------------------ start
    def test_check_config(self):
        """Guards: --check-config tells all errors at once, each with file and line and what would be right."""
        router = self.not_started(listen_prt=6543, workers=0, consistency="sometimes", query_timeout=5)
        router.sections["nodes"]["north"] = "host=127.0.0.1 prot=5432"
        router.sections["extras"] = {"a": "b"}
        code, output = router.check_config()
        self.assertEqual(code, 2)
        lines = output.splitlines()
        for wrong, right in (("listen_prt", "listen_port"), ("workers", "1"), ("consistency", "eventual"),
                             ("query_timeout", "5s"), ("prot", "port"), ("extras", "")):
            found = [line for line in lines if wrong in line]
            self.assertEqual(len(found), 1, output)
            self.assertRegex(found[0], r"^%s:\d+: " % router.config_path)
            self.assertIn(right, found[0])
        code, output = self.not_started().check_config()
        self.assertEqual(code, 0, output)

    def test_print_config_has_no_secrets(self):
        """Guards: --print-config shows what is in force, and no password."""
        router = self.not_started(default_pool_size=11)
        code, output = self.run_router(router, "-c", router.config_path, "--print-config")
        self.assertEqual(code, 0, output)
        self.assertRegex(output, r"default_pool_size *= *11")

    def test_command_line(self):
        """Guards: --version, --help, and a wrong command line."""
        router = self.not_started()
        self.assertEqual(self.run_router(router, "--version"), (0, "andon-router 0.1.0\n"))
        code, output = self.run_router(router, "--help")
        self.assertEqual(code, 0)
        self.assertIn("--check-config", output)
        for arguments in ([], ["--no-such"], ["-c", "/no/such/file"], ["-c", router.config_path, "extra"]):
            with self.subTest(arguments):
                code, output = self.run_router(router, *arguments)
                self.assertEqual(code, 2)
                self.assertTrue(output.strip())

    def test_port_taken(self):
        """Guards: a second router on the same port, of clients or of HTTP, does not start and says why."""
        first = self.start_router()
        for option in ("listen_port", "http_port"):
            with self.subTest(option):
                second = self.not_started(**{option: first.port if option == "listen_port" else first.http_port})
                code, output = self.run_router(second, "-c", second.config_path)
                self.assertEqual(code, 1, output)
                self.assertIn("start_failed", output)
                self.assertIn(str(second.options[option]), output)
        self.assertAlive(first)

    @unittest.skipUnless(os.getuid() == 0, "only root can try")
    def test_refuses_root(self):
        """Guards: the router does not run as root."""
        router = self.not_started()
        done = subprocess.run([os.path.join(build_dir(), "andon-router"), "-c", router.config_path],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn("root", done.stdout)

    # ------------------------------------------------------------ HTTP
    def test_http(self):
        """Guards: the paths, their status and types, HEAD, other methods, other paths."""
        router = self.start_router()
        for path, status in (("/live", 200), ("/ready", 200), ("/metrics", 200), ("/", 404), ("/livex", 404), ("/../etc", 404)):
            self.assertEqual(router.http(path)[0], status, path)
        connection = http.client.HTTPConnection(router.host, router.http_port, timeout=10)
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        self.assertTrue(answer.getheader("Content-Type").startswith("text/plain"))
        self.assertIn("# TYPE andon_router_units_total counter", answer.read().decode())
        connection.close()
        self.assertIn(router.http("/live", "POST")[0], (404, 405, 501))
        with socket.create_connection((router.host, router.http_port)) as raw:
            raw.sendall(b"\x00\xff nonsense\r\n\r\n")
            raw.settimeout(30)
            self.assertNotIn(b" 200 ", raw.recv(1000))
        self.assertEqual(router.http("/live")[0], 200)

    def test_metrics_count(self):
        """Guards: the numbers move with what is done, per node, and name no data of users."""
        router = self.start_router()
        before = router.metrics()
        wire = self.wire(router)
        wire.query("INSERT INTO t VALUES (7100)")
        wire.query("SELECT 'a_secret_literal'")
        after = router.metrics()

        def grew(name, **labels):
            key = name, tuple(sorted(labels.items()))
            return after.get(key, 0) - before.get(key, 0)

        self.assertEqual(grew("andon_router_units_total"), 2)
        self.assertEqual(grew("andon_router_node_writes_total", node=self.primary_name) +
                         grew("andon_router_node_reads_total", node=self.cluster.replicas[0].name), 2)
        self.assertEqual(grew("andon_router_logins_total"), 1)
        self.assertEqual(sum(value for (name, labels), value in after.items() if name == "andon_router_clients"), 1)
        body = router.http("/metrics")[1]
        self.assertNotIn("secret", body)
        self.assertNotIn(self.dbname, body)

    def test_log(self):
        """Guards: the log is one JSON object a line, and has no literals, parameters or passwords."""
        router = self.start_router({"log_level": "debug"})
        wire = self.wire(router)
        wire.query("SELECT 'a_secret_literal' / 0")
        wire.query("SELEC 'a_secret_literal'")
        wire.close()
        entries = router.log_entries()
        self.assertTrue(all("event" in entry and "ts" in entry and "level" in entry for entry in entries), entries)
        self.assertNotIn("a_secret_literal", router.log())

    def test_unix_socket(self):
        """Guards: clients come in over a unix socket, whose file is gone after the end."""
        router = self.start_router({"unix_socket_dir": self.cluster.rundir.file("sock")})
        path = self.cluster.rundir.file("sock", ".s.PGSQL.%d" % router.port)
        wait_until(lambda: os.path.exists(path), what="the socket")
        out = self.cluster.tool("psql", "-X", "-At", "-h", self.cluster.rundir.file("sock"), "-p", str(router.port),
                                "-U", "postgres", self.dbname, "-c", "SELECT 8")
        self.assertEqual(out.strip(), "8")
        router.stop()
        self.assertFalse(os.path.exists(path))
