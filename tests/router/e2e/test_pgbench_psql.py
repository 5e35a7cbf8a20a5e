"""pgbench and psql through the router: the two programs everybody tries first."""

import os
import re
import select
import signal
import subprocess
import termios
import tty

from drivers import NAP
from programs import wait_until
from routercase import RouterTestCase

CLIENTS = 32
SERVERS = 10
PREFACE = 2      # pgbench reads the scale and the partitions before it begins


class Pgbench(RouterTestCase):
    router_options = {"default_pool_size": SERVERS, "workers": 2, "max_replica_lag": 0, "replica_wait": "20s"}

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.sql("CREATE TABLE piped (client int, n int)")
        cls.cluster.tool("pgbench", "-i", "-q", "-s", "1", "-h", cls.cluster.rundir.file("sock"),
                         "-p", str(cls.cluster.primary.port), "-U", "postgres", cls.dbname)
        cls.cluster.wait_caught_up()

    def on_replicas(self, done):
        return sum(count for (node, what), count in done.items() if node in self.replica_names())

    def pgbench(self, mode, *options, transactions=20, clients=CLIENTS):
        out = self.cluster.tool(
            "pgbench", "-n", "-M", mode, "-c", str(clients), "-j", "2", "-t", str(transactions), *options,
            "-h", self.router.host, "-p", str(self.router.port), "-U", "postgres", self.dbname)
        done, wanted = map(int, re.search(r"actually processed: (\d+)/(\d+)", out).groups())
        self.assertEqual((done, wanted), (clients * transactions, clients * transactions), out)
        self.assertRegex(out, r"failed transactions: 0 ")
        return done

    def test_select_only(self):
        """Guards: pgbench -S in each mode: no error, and every statement on a replica."""
        for mode in ("simple", "extended", "prepared"):
            with self.subTest(mode), self.counting() as done:
                count = self.pgbench(mode, "-S")
            self.assertEqual(self.on_replicas(done), count + PREFACE, done)
            self.assertEqual({node for node, what in done}, set(self.replica_names()))

    def test_tpcb(self):
        """
        Guards: TPC-B in each mode: no error, every statement on the primary, and the sums agree afterwards.

        When pgbench prepares a statement, all clients of its thread wait for that one: with more of
        them than servers, those that have one, and hold the row all want, cannot go on.
        """
        counts = []
        for mode in ("simple", "extended", "prepared"):
            with self.subTest(mode), self.counting() as done:
                counts.append(self.pgbench(mode, clients=SERVERS if mode == "prepared" else CLIENTS))
            self.assertEqual(self.on_replicas(done), PREFACE, done)
            self.assertEqual(done[self.primary_name, "reads"], counts[-1], done)
        self.assertEqual(self.sql("SELECT count(*) FROM pgbench_history"), [(sum(counts),)])
        sums = self.sql("SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(bbalance) FROM pgbench_branches),"
                        " (SELECT sum(tbalance) FROM pgbench_tellers), (SELECT sum(delta) FROM pgbench_history)")[0]
        self.assertEqual(len(set(sums)), 1, sums)

    def test_pipelines(self):
        """Guards: \\startpipeline: pipelined reads on replicas, each behind what its client wrote in the pipeline before."""
        path = self.cluster.rundir.write("pipelines.sql", "\\set n :n + 1\n"
                                         "\\startpipeline\n"
                                         "INSERT INTO piped VALUES (:client_id, :n);\n"
                                         "SELECT 1 / (count(*) = :n)::int FROM piped WHERE client = :client_id;\n"
                                         "\\endpipeline\n"
                                         "\\startpipeline\n"
                                         "SELECT 1 / (count(*) = :n)::int FROM piped WHERE client = :client_id;\n"
                                         "SELECT 1 / (max(n) = :n)::int FROM piped WHERE client = :client_id;\n"
                                         "\\endpipeline\n", mode=0o644)
        for mode in ("extended", "prepared"):
            self.sql("TRUNCATE piped")
            with self.subTest(mode), self.counting() as done:
                count = self.pgbench(mode, "-D", "n=0", "-f", path)
            self.assertEqual(self.sql("SELECT count(*) FROM piped"), [(count,)])
            self.assertEqual(done[self.primary_name, "writes"], count, done)
            self.assertEqual(self.on_replicas(done), count, "a pipeline counts as one: %s" % done)

    def test_connecting_each_time(self):
        """Guards: pgbench -C, a login for each transaction: none is refused."""
        self.pgbench("simple", "-S", "-C", transactions=5)

    def test_initialisation(self):
        """Guards: pgbench -i through the router: DDL, COPY, VACUUM and foreign keys."""
        self.cluster.primary.query("CREATE DATABASE made_through_router")
        self.cluster.tool("pgbench", "-i", "-q", "--foreign-keys", "-h", self.router.host, "-p", str(self.router.port),
                          "-U", "postgres", "made_through_router")
        self.assertEqual(self.cluster.primary.value("SELECT count(*) FROM pgbench_accounts", dbname="made_through_router"),
                         100000)


class PsqlOnTerminal:
    """psql as a person has it: at a terminal, which makes it ask, and go on after Ctrl-C."""

    def __init__(self, cluster, router, dbname):
        self.master, slave = os.openpty()
        tty.setraw(slave, termios.TCSANOW)      # or what is typed would be among the answers
        self.output = ""
        self.process = subprocess.Popen(
            [cluster.rundir.program("psql"), "-X", "-n", "-At", "-P", "pager=off", "-h", router.host, "-p", str(router.port),
             "-U", "postgres", dbname], stdin=slave, stdout=slave, stderr=slave, cwd=cluster.rundir.path,
            env=cluster.rundir.environment(), start_new_session=True, **cluster.rundir.as_user())
        os.close(slave)

    def type(self, line):
        self.output = ""
        os.write(self.master, line.encode() + b"\n")

    def wait_for(self, pattern, count=1):
        """All that pattern matches in what came since the last line was typed, once there is so much of it."""
        def found():
            if select.select([self.master], [], [], 0)[0]:
                self.output += os.read(self.master, 65536).decode()
            matches = re.findall(pattern, self.output)
            return matches if len(matches) >= count else None

        try:
            return wait_until(found, what=pattern)
        except Exception as error:
            raise AssertionError(self.output) from error

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)


class Psql(RouterTestCase):
    cluster_options = {"replicas": 1}
    router_options = {"replica_wait": "20s"}

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.sql(NAP)

    def psql(self, *commands, options=("-At",), check=True):
        arguments = [part for command in commands for part in ("-c", command)]
        return self.cluster.tool("psql", "-X", *options, "-v", "ON_ERROR_STOP=1", "-h", self.router.host,
                                 "-p", str(self.router.port), "-U", "postgres", self.dbname, *arguments, check=check)

    def test_backslash_commands(self):
        """Guards: psql's own queries of the catalog pass: each describe command answers as it does on the server."""
        commands = ["\\d t", "\\dt", "\\df here", "\\l", "\\dn", "\\du", "\\dx", "\\d+ t", "\\di", "\\dp t", "\\sf here",
                    "\\dconfig work_mem"]
        for command in commands:
            with self.subTest(command):
                direct = self.cluster.tool("psql", "-X", "-h", self.cluster.rundir.file("sock"), "-U", "postgres",
                                           "-p", str(self.cluster.primary.port), self.dbname, "-c", command)
                self.assertEqual(self.psql(command, options=()), direct)

    def test_copy(self):
        """Guards: \\copy in both directions."""
        path = self.cluster.rundir.write("copied.csv", "1,one\n2,two\n", mode=0o644)
        out = self.cluster.rundir.file("copied.out")
        self.psql("CREATE TABLE copied (a int, b text)", "\\copy copied FROM '%s' CSV" % path,
                  "\\copy (SELECT * FROM copied ORDER BY a DESC) TO '%s' CSV" % out)
        with open(out) as file:
            self.assertEqual(file.read(), "2,two\n1,one\n")

    def test_script(self):
        """Guards: a file of statements, as one transaction and each by itself, with an error in it."""
        path = self.cluster.rundir.write("script.sql", "CREATE TABLE scripted (a int);\nINSERT INTO scripted VALUES (1);\n"
                                         "SELECT 1/0;\nINSERT INTO scripted VALUES (2);\n", mode=0o644)
        self.assertIn("division by zero", self.psql(options=("-At", "-1", "-f", path), check=False))
        self.assertEqual(self.psql("SELECT to_regclass('scripted') IS NULL"), "t\n")
        self.assertIn("division by zero", self.psql(options=("-At", "-f", path), check=False))
        self.assertEqual(self.psql("SELECT count(*) FROM scripted"), "1\n")

    def test_meta_commands(self):
        """Guards: \\gdesc, \\gexec, rows in parts by FETCH_COUNT, AUTOCOMMIT off and \\conninfo."""
        path = self.cluster.rundir.write("meta.sql", "SELECT 1 AS a, 'x'::text AS b \\gdesc\n"
                                         "SELECT 'SELECT ' || i FROM generate_series(1, 2) i \\gexec\n"
                                         "\\set FETCH_COUNT 2\nSELECT generate_series(1, 5);\n"
                                         "\\set AUTOCOMMIT off\nINSERT INTO t VALUES (10000);\nROLLBACK;\n"
                                         "SELECT count(*) FROM t WHERE id = 10000;\n", mode=0o644)
        self.assertEqual(self.psql(options=("-At", "-q", "-f", path)).splitlines(),
                         ["a|integer", "b|text", "1", "2", "1", "2", "3", "4", "5", "0"])
        self.assertIn('database "%s"' % self.dbname, self.psql("\\conninfo"))

    def terminal(self):
        terminal = PsqlOnTerminal(self.cluster, self.router, self.dbname)
        self.addCleanup(terminal.close)
        terminal.wait_for("=# ")
        return terminal

    def test_watch(self):
        """Guards: \\watch: each of its reads on a replica, until Ctrl-C, after which the session goes on."""
        terminal = self.terminal()
        terminal.type("SELECT 'now on ' || here() \\watch 0.1")
        nodes = terminal.wait_for(r"now on (\S+)\s", count=3)
        self.assertLessEqual(set(nodes), set(self.replica_names()))
        terminal.interrupt()
        terminal.type("SELECT 'goes' || ' on';")
        terminal.wait_for("goes on")

    def test_interrupt(self):
        """Guards: Ctrl-C cancels a read on the replica and a write on the primary; the session goes on."""
        terminal = self.terminal()
        for sql, nodes in (("SELECT '' UNION ALL SELECT nap();", self.replica_names()),
                           ("INSERT INTO t SELECT 20000 FROM nap();", [self.primary_name])):
            for _ in range(2):
                terminal.type(sql)
                self.assertIn(terminal.wait_for(r"asleep on (\S+)\s")[0], nodes)
                terminal.interrupt()
                terminal.wait_for("ERROR:  canceling statement due to user request")
                terminal.type("SELECT 'rows: ' || count(*) FROM t WHERE id = 20000;")
                self.assertEqual(terminal.wait_for(r"rows: (\d)"), ["0"])

    def test_errors_and_notices(self):
        """Guards: psql shows position, detail and hint of errors, and notices, as from the server."""
        out = self.psql("SELECT nothing FROM t", check=False)
        self.assertIn('column "nothing" does not exist', out)
        self.assertIn("LINE 1: SELECT nothing FROM t", out)
        self.assertIn("NOTICE:  table \"no_such\" does not exist, skipping", self.psql("DROP TABLE IF EXISTS no_such"))

    def test_dump(self):
        """Guards: pg_dump through the router gives what it gives from the server, and restores through it."""
        def dump(host, port):
            text = self.cluster.tool("pg_dump", "-h", host, "-p", str(port), "-U", "postgres", "-t", "t", self.dbname)
            return [line for line in text.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]

        routed = dump(self.router.host, self.router.port)
        self.assertEqual(routed, dump(self.cluster.rundir.file("sock"), self.cluster.primary.port))
        path = self.cluster.rundir.write("dump.sql", re.sub(r"\bt_pkey\b", "restored_pkey", re.sub(
            r"public\.t\b", "public.restored", "\n".join(routed))), mode=0o644)
        self.psql(options=("-At", "-q", "-f", path))
        self.assertEqual(self.psql("SELECT count(*) FROM restored"), self.psql("SELECT count(*) FROM t"))
