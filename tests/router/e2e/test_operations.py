"""Starting, watching, reloading and stopping the router, as a service manager does it."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import unittest

import psycopg2

from pgcluster import fetch
from programs import product_version, router_program, wait_until
from routerproc import Router
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
                              cwd=router.rundir.path, **router.rundir.as_user())
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

    def test_second_signal(self):
        """Guards: a second SIGTERM or SIGINT, whichever came first, does not wait for anybody."""
        for first, second in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGINT),
                              (signal.SIGINT, signal.SIGTERM)):
            with self.subTest(first.name + second.name):
                router = self.start_router()
                busy = self.wire(router)
                busy.query("BEGIN")
                busy.query("INSERT INTO t VALUES (7002)")
                router.signal(first)
                wait_until(lambda: router.events("shutdown_begins"), what="the drain to begin")
                router.signal(second)
                self.assertEqual([reply.word() for reply in busy.read_end()], ["E 57P01"])
                self.assertEqual(router.wait_end(), 0)
                wait_until(lambda: self.sql("SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'")
                           == [(0,)], what="the transaction to be rolled back")

    def test_sigint(self):
        """Guards: SIGINT waits for transactions like SIGTERM, but grants no drain_grace: it is PgBouncer's safe shutdown."""
        router = self.start_router({"drain_grace": "1h"})
        idle, busy = self.wire(router), self.wire(router)
        busy.query("BEGIN")
        busy.query("INSERT INTO t VALUES (7004)")
        router.signal(signal.SIGINT)
        self.assertEqual([reply.word() for reply in idle.read_end()], ["E 57P01"])
        busy.send(Query("COMMIT"))
        self.assertEqual([reply.word() for reply in busy.read_end()], ["C COMMIT", "Z I", "E 57P01"])
        self.assertEqual(router.wait_end(), 0)
        self.assertEqual(router.events("grace_begins"), [])
        self.assertEqual(self.sql("SELECT count(*) FROM t WHERE id = 7004"), [(1,)])

    def test_sigusr1(self):
        """Guards: SIGUSR1, PgBouncer's PAUSE, ends nothing and pauses nothing: a warning says what to do instead."""
        router = self.start_router()
        wire = self.wire(router)
        router.signal(signal.SIGUSR1)
        wait_until(lambda: router.events("signal_ignored"), what="the warning")
        (warning,) = router.events("signal_ignored")
        self.assertEqual((warning["level"], warning["signal"]), ("warning", "SIGUSR1"))
        self.assertIn("PAUSE", warning["instead"])
        self.assertEqual(wire.query("SELECT 1"), ["T", "D 1", "C SELECT 1", "Z I"])
        self.assertAlive(router)

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

    def test_sighup_changes_databases(self):
        """Guards: a database taken from the file is refused from then on; one that means another leads there."""
        router = self.start_router(sections={"databases": {"postgres": "", "work": "dbname=" + self.dbname, "gone": ""}})
        self.sql("CREATE DATABASE gone")
        self.cluster.wait_caught_up()
        database = "SELECT current_database()"
        before = self.wire(router, dbname="work")
        self.assertEqual(before.query(database)[1], "D " + self.dbname)
        self.assertEqual(router.value(database, dbname="gone"), "gone")
        router.sections["databases"] = {"postgres": "", "work": "dbname=gone", "new": "dbname=" + self.dbname}
        router.reload("configuration_reloaded")
        for _ in range(4):      # on each worker
            self.assertEqual(router.value(database, dbname="work"), "gone")
            self.assertEqual(router.value(database, dbname="new"), self.dbname)
            with self.assertRaises(psycopg2.OperationalError) as caught:
                router.connect("gone")
            self.assertIn('database "gone" does not exist', str(caught.exception))
        self.assertEqual(before.query(database)[1], "D " + self.dbname, "a session stays where it is")

    def test_sighup_names_the_nodes(self):
        """Guards: a change of the nodes is not taken silently, nor half: the log names it, the nodes stay."""
        router = self.start_router()
        router.sections["nodes"]["extra"] = "host=127.0.0.1 port=1"
        router.reload("restart_needed")
        self.assertEqual([entry["option"] for entry in router.events("restart_needed")], ["[nodes]"])
        self.assertEqual(len(router.show("NODES")), 2)

    def test_sighup_log(self):
        """Guards: format and level of the log change without a restart."""
        router = self.start_router({"log_level": "debug"})
        self.wire(router).close()
        wait_until(lambda: router.events("client_gone"), what="event client_gone")
        router.options.update(log_format="text", log_level="warning")
        router.reload()
        wait_until(lambda: [row["value"] for row in router.show("CONFIG") if row["key"] == "log_format"] == ["text"],
                   what="the reload")
        router.options["query_timeout"] = "soon"
        router.reload()
        wait_until(lambda: "configuration_error" in router.log(), what="the error of a reload")
        line = [line for line in router.log().splitlines() if "configuration_error" in line][0]
        self.assertRegex(line, r'^\d{4}-\d\d-\d\dT\S+Z \w+ +configuration_error what="?.*soon')

    def test_reloads_under_load(self):
        """Guards: reloads, one after the other, are not noticed by clients at work."""
        router = self.start_router({"workers": 4})
        errors, stop = [], threading.Event()

        def work(number):
            try:
                with contextlib.closing(router.connect(self.dbname)) as connection:
                    while not stop.is_set():
                        fetch(connection, "UPDATE t SET v = v WHERE id = %s", [number])
                        fetch(connection, "SELECT v FROM t WHERE id = %s", [number])
            except Exception as error:      # noqa: BLE001
                errors.append(error)

        workers = [threading.Thread(target=work, args=(number,)) for number in range(1, 9)]
        for worker in workers:
            worker.start()
        try:
            for i in range(20):
                router.options.update(default_pool_size=2 + i % 5, max_prepared_statements=1 + i, replica_wait="%dms" % i)
                router.reload("configuration_reloaded")
                self.assertAlive(router)
        finally:
            stop.set()
            for worker in workers:
                worker.join()
        self.assertEqual(errors, [])

    def test_sigterm_without_a_primary(self):
        """Guards: a statement that waits for a primary does not hold up the end longer than drain_timeout."""
        primary = self.cluster.primary
        router = self.start_router({"drain_timeout": "300ms", "query_wait_timeout": "1h", "probe_interval": "20ms"})
        wire = self.wire(router)
        self.assertEqual(wire.query("SELECT 1")[-1], "Z I")
        primary.stop()
        self.addCleanup(lambda: primary.is_running() or primary.start())
        wait_until(lambda: router.show("NODES")[0]["state"] != "usable", what="the primary to be known as gone")
        wire.send(Query("UPDATE t SET v = v"))
        wait_until(lambda: router.metric("andon_router_clients", state="wait_replica") == 1, what="the statement to wait")
        router.signal(signal.SIGTERM)
        self.assertIn("57P01", [reply.fields["C"] for reply in wire.read_end() if reply.kind == "E"])
        self.assertEqual(router.wait_end(), 0)

    # ------------------------------------------------------------ start
    def test_workers(self):
        """Guards: one worker or several: all of them serve, sharing the limit of servers."""
        for workers in (1, 4):
            with self.subTest(workers=workers):
                router = self.start_router({"workers": workers, "default_pool_size": 3})
                self.wait_all_workers(router)
                wires = [self.wire(router) for _ in range(24)]
                used = {row["worker"] for row in router.show("CLIENTS") if row["database"] == self.dbname}
                self.assertEqual(used, {str(number) for number in range(workers)})
                for i in range(3):
                    for wire in wires:
                        wire.send(Query("UPDATE t SET v = v WHERE id = 1"))
                    self.assertEqual([wire.read_words() for wire in wires], [["C UPDATE 1", "Z I"]] * len(wires))
                servers = [row for row in router.show("SERVERS") if row["node"] == self.primary_name and
                           row["database"] == self.dbname]
                self.assertLessEqual(len(servers), 3)

    def wait_all_workers(self, router):
        super().wait_reads_on_replicas(router)

    def test_socket_of_a_killed_router(self):
        """Guards: a unix socket left over by a crash does not prevent a start; one in use does."""
        options = {"unix_socket_dir": self.cluster.rundir.file("sock")}
        first = self.start_router(options)
        path = self.cluster.rundir.file("sock", ".s.PGSQL.%d" % first.port)
        second = self.not_started(listen_port=first.port, listen_addr="", **options)
        code, output = self.run_router(second, "-c", second.config_path)
        self.assertEqual(code, 1, output)
        self.assertIn("start_failed", output)
        self.assertTrue(os.path.exists(path), "the first one's socket is left alone")
        first.kill9()
        self._routers().remove(first)
        self.assertTrue(os.path.exists(path))
        first.start()
        self._routers().append(first)
        with contextlib.closing(psycopg2.connect(host=self.cluster.rundir.file("sock"), port=first.port,
                                                 dbname=self.dbname, user="postgres")) as connection:
            self.assertEqual(fetch(connection, "SELECT 1"), [(1,)])

    def test_cannot_start(self):
        """Guards: what prevents a start is said in one clear line, with exit code 1, and nothing is left running."""
        cases = {"auth_file": "/no/such/users", "unix_socket_dir": "/no/such/folder", "http_addr": "203.0.113.9",
                 "listen_addr": "203.0.113.9"}
        for option, value in cases.items():
            with self.subTest(option):
                router = self.not_started(**{option: value})
                code, output = self.run_router(router, "-c", router.config_path)
                self.assertEqual(code, 1, output)
                failures = [entry for entry in map(json.loads, output.splitlines()) if entry["level"] == "error"]
                self.assertEqual([entry["event"] for entry in failures], ["start_failed"], output)
                self.assertIn(value, failures[0]["reason"])

    def test_log_that_nobody_reads(self):
        """Guards: the end of whoever reads the log is not the end of the router."""
        router = self.not_started(log_level="debug")
        reader, writer = os.pipe()
        process = subprocess.Popen([router.rundir.program("andon-router"), "-c", router.config_path], stderr=writer,
                                   stdin=subprocess.DEVNULL, cwd=router.rundir.path, **router.rundir.as_user())
        os.close(writer)
        try:
            wait_until(router.is_ready, what="the router to be ready")
            os.close(reader)
            self.assertEqual(router.value("SELECT 1", dbname=self.dbname), 1)
            self.assertAlive(router)
        finally:
            process.terminate()
            self.assertEqual(process.wait(60), 0)

    def test_explain_route(self):
        """Guards: --explain-route needs no configuration and no server, and says where and why."""
        router = self.not_started()
        cases = {"SELECT 1": ("replica", "query", "read"),
                 "SELECT nextval('s')": ("primary", "query", "nextval"),
                 "SELECT 1; DELETE FROM t": ("primary", "multi", ""),
                 "CREATE TEMPORARY TABLE x (a int)": ("primary", "", "pins the session"),
                 "/* andon:primary */ SELECT 1": ("primary", "query", ""),
                 "SELEC": ("primary", "", "parser")}
        for sql, (route, kind, why) in cases.items():
            with self.subTest(sql):
                code, output = self.run_router(router, "--explain-route", sql)
                self.assertEqual(code, 0)
                self.assertIn("route: %s\n" % route, output)
                self.assertIn("kind: " + kind, output)
                self.assertIn(why, output)

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

    def test_check_config_reads_other_files(self):
        """Guards: what is wrong in auth_file or auth_hba_file is told by --check-config, with its line."""
        hba = self.cluster.rundir.write("wrong.hba", "host all all 127.0.0.1/32 trust\nhost all all nowhere/99 scram\n")
        for options, wanted in (({"auth_file": "/nowhere/users.txt"}, "/nowhere/users.txt"),
                                ({"auth_type": "hba", "auth_hba_file": hba}, "wrong.hba:2")):
            code, output = self.not_started(**options).check_config()
            self.assertEqual(code, 2, output)
            self.assertIn(wanted, output)

    def test_print_config_has_no_secrets(self):
        """Guards: --print-config shows what is in force, and no password."""
        router = self.not_started(default_pool_size=11)
        code, output = self.run_router(router, "-c", router.config_path, "--print-config")
        self.assertEqual(code, 0, output)
        self.assertRegex(output, r"default_pool_size *= *11")

    def test_command_line(self):
        """Guards: --version, --help, and a wrong command line."""
        router = self.not_started()
        self.assertEqual(self.run_router(router, "--version"), (0, "andon-router %s\n" % product_version()))
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
        done = subprocess.run([router_program(), "-c", router.config_path],
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
        self.assertEqual(sum(grew("andon_router_node_%s_total" % what, node=node.name)
                             for what in ("reads", "writes") for node in self.cluster.nodes), 2)
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
