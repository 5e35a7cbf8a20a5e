"""pgbench and psql through the router: the two programs everybody tries first."""

import re

from routercase import RouterTestCase

CLIENTS = 32
PREFACE = 2      # pgbench reads the scale and the partitions before it begins


class Pgbench(RouterTestCase):
    router_options = {"default_pool_size": 10, "workers": 2}

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.cluster.tool("pgbench", "-i", "-q", "-s", "1", "-h", cls.cluster.rundir.file("sock"),
                         "-p", str(cls.cluster.primary.port), "-U", "postgres", cls.dbname)
        cls.cluster.wait_caught_up()

    def on_replicas(self, done):
        return sum(count for (node, what), count in done.items() if node in self.replica_names())

    def pgbench(self, mode, *options, transactions=20):
        out = self.cluster.tool(
            "pgbench", "-n", "-M", mode, "-c", str(CLIENTS), "-j", "2", "-t", str(transactions), *options,
            "-h", self.router.host, "-p", str(self.router.port), "-U", "postgres", self.dbname)
        done, wanted = map(int, re.search(r"actually processed: (\d+)/(\d+)", out).groups())
        self.assertEqual((done, wanted), (CLIENTS * transactions, CLIENTS * transactions), out)
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
        """Guards: TPC-B in each mode: no error, every statement on the primary, and the sums agree afterwards."""
        for mode in ("simple", "extended", "prepared"):
            with self.subTest(mode), self.counting() as done:
                count = self.pgbench(mode)
            self.assertEqual(self.on_replicas(done), PREFACE, done)
            self.assertEqual(done[self.primary_name, "reads"], count, done)
        self.assertEqual(self.sql("SELECT count(*) FROM pgbench_history"), [(3 * CLIENTS * 20,)])
        sums = self.sql("SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(bbalance) FROM pgbench_branches),"
                        " (SELECT sum(tbalance) FROM pgbench_tellers), (SELECT sum(delta) FROM pgbench_history)")[0]
        self.assertEqual(len(set(sums)), 1, sums)

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


class Psql(RouterTestCase):
    cluster_options = {"replicas": 1}
    router_options = {"replica_wait": "20s"}

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
        """Guards: \\gdesc, \\bind-less \\gexec, \\watch's repetition by FETCH_COUNT, \\timing and \\conninfo."""
        path = self.cluster.rundir.write("meta.sql", "SELECT 1 AS a, 'x'::text AS b \\gdesc\n"
                                         "SELECT 'SELECT ' || i FROM generate_series(1, 2) i \\gexec\n"
                                         "\\set FETCH_COUNT 2\nSELECT generate_series(1, 5);\n"
                                         "\\set AUTOCOMMIT off\nINSERT INTO t VALUES (10000);\nROLLBACK;\n"
                                         "SELECT count(*) FROM t WHERE id = 10000;\n", mode=0o644)
        self.assertEqual(self.psql(options=("-At", "-q", "-f", path)).splitlines(),
                         ["a|integer", "b|text", "1", "2", "1", "2", "3", "4", "5", "0"])
        self.assertIn('database "%s"' % self.dbname, self.psql("\\conninfo"))

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
