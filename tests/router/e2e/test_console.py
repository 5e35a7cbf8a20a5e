"""The admin console as an operator uses it: psql, a driver, a script.

What SHOW tells is compared with what was just done. Who may use what, and what
PAUSE and its kin do: test_console_control.py.
"""

import contextlib

import psycopg2

from programs import product_version, wait_until
from pgwire import Bind, Describe, Execute, Parse, Query, Sync
from routercase import RouterTestCase

SOCKET = ("type user database state addr port local_addr local_port connect_time request_time wait wait_us close_needed"
          " ptr link remote_pid tls application_name")

# What PgBouncer 1.18 (Debian 12) shows, in its order; of LISTS the values of the first column too.
PGBOUNCER_COLUMNS = {
    "DATABASES": "name host port database force_user pool_size min_pool_size reserve_pool pool_mode max_connections"
                 " current_connections paused disabled",
    "POOLS": "database user cl_active cl_waiting cl_active_cancel_req cl_waiting_cancel_req sv_active sv_active_cancel"
             " sv_being_canceled sv_idle sv_used sv_tested sv_login maxwait maxwait_us pool_mode",
    "CLIENTS": SOCKET,
    "SERVERS": SOCKET,
    "SOCKETS": SOCKET + " recv_pos pkt_pos pkt_remain send_pos send_remain pkt_avail send_avail",
    "ACTIVE_SOCKETS": SOCKET + " recv_pos pkt_pos pkt_remain send_pos send_remain pkt_avail send_avail",
    "LISTS": "list items",
    "USERS": "name pool_mode",
    "STATS": "database total_xact_count total_query_count total_received total_sent total_xact_time total_query_time"
             " total_wait_time avg_xact_count avg_query_count avg_recv avg_sent avg_xact_time avg_query_time avg_wait_time",
    "STATS_TOTALS": "database xact_count query_count bytes_received bytes_sent xact_time query_time wait_time",
    "STATS_AVERAGES": "database xact_count query_count bytes_received bytes_sent xact_time query_time wait_time",
    "TOTALS": "name value",
    "CONFIG": "key value default changeable",
    "VERSION": "version",
    "MEM": "name size used free memtotal",
}
PGBOUNCER_LISTS = ("databases users pools free_clients used_clients login_clients free_servers used_servers dns_names"
                   " dns_zones dns_queries dns_pending")

BUFFERS = "recv_pos pkt_pos pkt_remain send_pos pkt_avail send_avail"

# what: {columns: why they are not there}
NOT_OURS = {
    "DATABASES": {"reserve_pool": "is reserve_pool_size, as in PgBouncer from 1.24 on"},
    "SOCKETS": {BUFFERS: "positions in PgBouncer's buffers; ours are other ones"},
    "ACTIVE_SOCKETS": {BUFFERS: "the same"},
    "MEM": {"size free": "of PgBouncer's slabs; objects and bytes of the whole are counted"},
}


class Console(RouterTestCase):
    router_options = {"admin_users": "postgres, boss", "stats_users": "watcher", "default_pool_size": 7,
                      "max_user_connections": 50}
    router_sections = {"users": {"watcher": "pool_mode=session pool_size=4 max_user_client_connections=60",
                                 "not in auth_file": "reserve_pool_size=2 max_user_connections=9"}}

    @classmethod
    def prepare(cls):
        super().prepare()
        for user in ("boss", "watcher", "nobody_special"):
            cls.cluster.create_user(user)
        cls.cluster.wait_caught_up()

    @contextlib.contextmanager
    def console(self, user="postgres"):
        with self.client(dbname="andon", user=user) as connection:
            yield connection.cursor()

    def test_wrong_commands(self):
        """Guards: what is no command says so, with a hint, and the console goes on."""
        with self.console() as cursor:
            for command in ("SHOW NOTHING", "SELECT 1", "FROBNICATE", "SHOW NODES; SHOW POOLS", "INSERT INTO t VALUES (1)"):
                with self.subTest(command):
                    with self.assertRaises(psycopg2.Error) as caught:
                        cursor.execute(command)
                    self.assertIn(caught.exception.pgcode, ("42601", "0A000"))
            cursor.execute("show   version ;")
            self.assertIn(product_version(), cursor.fetchone()[0])

    def test_extended_protocol(self):
        """Guards: drivers that prepare everything can use the console."""
        wire = self.wire(dbname="andon")
        self.assertEqual(wire.ask(Parse("", "SHOW VERSION"), Bind("", ""), Describe("P"), Execute(), Sync()),
                         ["1", "2", "T", "D andon-router " + product_version(), "C SHOW", "Z I"])
        self.assertEqual(wire.query(""), ["I", "Z I"])
        self.assertEqual(wire.ask(Parse("", "NONSENSE"), Bind("", ""), Execute(), Sync())[-2:], ["E 42601", "Z I"])
        self.assertEqual(wire.ask(Sync()), ["Z I"])
        wire.send(Query("SHOW VERSION"), Query("SHOW NODES"), Query("SHOW VERSION"))
        answers = [wire.read_words() for _ in range(3)]
        self.assertEqual(answers[0], answers[2])

    def test_columns_of_pgbouncer(self):
        """Guards: scripts and exporters made for PgBouncer find its columns by name; each that is not there has its reason."""
        with self.console() as cursor:
            for what, columns in PGBOUNCER_COLUMNS.items():
                with self.subTest(what):
                    cursor.execute("SHOW " + what)
                    ours = [column.name for column in cursor.description]
                    missing = {name for name in columns.split() if name not in ours}
                    self.assertEqual(missing, set(" ".join(NOT_OURS.get(what, {})).split()))
            lists = [row["list"] for row in self.router.show("LISTS")]
            self.assertEqual(set(PGBOUNCER_LISTS.split()) - set(lists), set())

    def test_nodes(self):
        """Guards: SHOW NODES has each node with its role, state and position."""
        rows = {row["node"]: row for row in self.router.show("NODES")}
        self.assertEqual({name: row["role"] for name, row in rows.items()},
                         {node.name: "primary" if node is self.cluster.primary else "replica" for node in self.cluster.nodes})
        for node in self.cluster.nodes:
            row = rows[node.name]
            self.assertEqual((row["state"], row["timeline"], int(row["port"])), ("usable", "1", node.port))
            self.assertRegex(row["lsn"], "^[0-9A-F]+/[0-9A-F]+$")

    def test_clients_servers_pools(self):
        """Guards: a client in a transaction is shown as such, with its node, on its server, in its pool."""
        wire = self.wire(application_name="seen by the console")
        wire.query("BEGIN")
        wire.query("INSERT INTO t VALUES (6000)")
        client = self.show_client(application_name="seen by the console")
        self.assertEqual((client["user"], client["state"], client["tx_status"], client["node"]),
                         ("postgres", "idle", "T", self.primary_name))
        servers = [row for row in self.router.show("SERVERS")
                   if row["database"] == self.dbname and row["tx_status"] == "T"]
        self.assertEqual([(row["node"], row["role"], row["state"]) for row in servers],
                         [(self.primary_name, "primary", "active")])
        backend = wire.query("SELECT pg_backend_pid()")[1][2:]
        self.assertEqual(servers[0]["remote_pid"], backend)
        self.assertEqual((client["link"], servers[0]["link"]), (servers[0]["ptr"], client["ptr"]))
        self.assertEqual((servers[0]["application_name"], servers[0]["close_needed"]), ("seen by the console", "0"))
        self.assertEqual((client["local_addr"], int(client["local_port"])), ("127.0.0.1", self.router.port))
        self.assertEqual(servers[0]["local_port"], wire.query("SELECT inet_client_port()")[1][2:])
        pool = [row for row in self.router.show("POOLS")
                if row["database"] == self.dbname and row["node"] == self.primary_name][0]
        self.assertEqual((pool["sv_active"], pool["pool_mode"]), ("1", "transaction"))
        wire.query("ROLLBACK")

    def test_routes(self):
        """Guards: SHOW ROUTES counts reads and writes on the node where they ran."""
        wire = self.wire()
        with self.counting() as done:
            for _ in range(3):
                wire.query("SELECT 1")
            wire.query("INSERT INTO t VALUES (6001)")
        self.assertEqual(done.pop((self.primary_name, "writes")), 1)
        self.assertEqual(list(done.values()), [3])
        (node, what), = done
        self.assertIn(node, self.replica_names())

    def test_stats(self):
        """Guards: SHOW STATS counts per database, over both workers, and has averages of the last period."""
        def row():
            return [row for row in self.router.show("STATS") if row["database"] == self.dbname][0]

        before = row()
        wires = [self.wire(), self.wire(), self.wire(), self.wire()]
        for wire in wires:
            wire.query("SELECT 1")
            wire.query("BEGIN")
            wire.query("INSERT INTO t VALUES (6050 + pg_backend_pid())")
            wire.query("ROLLBACK")
            wire.ask(Parse("a", "SELECT 1"), Bind("", "a"), Execute(), Sync())
        after = row()

        def grown(what):
            return int(after["total_" + what]) - int(before["total_" + what])

        self.assertEqual((grown("xact_count"), grown("query_count"), grown("server_assignment_count")), (12, 16, 12))
        self.assertEqual((grown("client_parse_count"), grown("bind_count")), (4, 4))
        self.assertLessEqual(1, grown("server_parse_count"))
        for what in ("received", "sent", "query_time", "xact_time"):
            self.assertGreater(grown(what), 0, what)
        self.assertGreaterEqual(grown("xact_time"), grown("query_time"))
        for wire in wires:
            wire.close()
        self.assertGreaterEqual(int(row()["total_received"]), int(after["total_received"]))

        with self.console() as cursor:
            cursor.execute("SET stats_period = '1s'")
        with contextlib.closing(self.wire()) as busy:
            wait_until(lambda: busy.query("SELECT 1") and int(row()["avg_query_count"]) > 0, what="an average")
        totals = {entry["name"]: int(entry["value"]) for entry in self.router.show("TOTALS")}
        self.assertGreaterEqual(totals["total_query_count"], 12)

    def test_databases_users_lists(self):
        """Guards: SHOW DATABASES, USERS and LISTS count what is there now."""
        wires = [self.wire(user="boss"), self.wire(user="boss")]
        for wire in wires:
            wire.query("BEGIN")
            wire.query("INSERT INTO t VALUES (6070 + pg_backend_pid())")
        databases = {row["name"]: row for row in self.router.show("DATABASES")}
        self.assertIn("*", databases)
        config = {row["key"]: row["value"] for row in self.router.show("CONFIG")}
        for column, option in (("pool_size", "default_pool_size"), ("min_pool_size",) * 2, ("reserve_pool_size",) * 2,
                               ("max_connections", "max_db_connections"), ("pool_mode",) * 2,
                               ("max_client_connections", "max_db_client_connections")):
            self.assertEqual(databases["*"][column], config[option], column)
        mine = databases[self.dbname]
        self.assertEqual((mine["database"], mine["paused"], mine["disabled"]), (self.dbname, "0", "0"))
        self.assertGreaterEqual(int(mine["current_client_connections"]), 2)
        self.assertGreaterEqual(int(mine["current_connections"]), 2)
        users = {row["name"]: row for row in self.router.show("USERS")}
        self.assertEqual(users["boss"]["current_client_connections"], "2")
        self.assertGreaterEqual(int(users["boss"]["current_connections"]), 2)
        said = ("pool_size", "reserve_pool_size", "pool_mode", "max_user_connections", "max_user_client_connections")
        self.assertEqual([users["watcher"][column] for column in said], ["4", None, "session", "50", "60"])
        self.assertEqual([users["boss"][column] for column in said], [None, None, None, "50", "0"])
        self.assertEqual([users["not in auth_file"][column] for column in said], [None, "2", None, "9", "0"])
        lists = {row["list"]: int(row["items"]) for row in self.router.show("LISTS")}
        self.assertEqual((lists["nodes"], lists["workers"], lists["databases"]), (3, 2, 1))
        self.assertGreaterEqual(lists["used_clients"], 3)
        self.assertGreaterEqual(lists["used_servers"], 2)
        memory = {row["name"]: row for row in self.router.show("MEM")}
        self.assertGreater(int(memory["resident"]["memtotal"]), 1024 * 1024)
        active = [row for row in self.router.show("ACTIVE_SOCKETS") if row["type"] == "S" and row["user"] == "boss"]
        self.assertEqual(len(active), 2)
        clients = [row for row in self.router.show("SOCKETS") if row["type"] == "C" and row["user"] == "boss"]
        self.assertEqual(sorted(row["link"] for row in clients), sorted(row["ptr"] for row in active))
        self.assertEqual(sorted(row["ptr"] for row in clients), sorted(row["link"] for row in active))
        for wire in wires:
            self.assertEqual(wire.query("ROLLBACK")[-1], "Z I")

    def test_config(self):
        """Guards: SHOW CONFIG has what the file says, and says what a reload changes."""
        rows = {row["key"]: row for row in self.router.show("CONFIG")}
        self.assertEqual(rows["default_pool_size"]["value"], "7")
        self.assertEqual(rows["default_pool_size"]["default"], "20")
        self.assertEqual((rows["default_pool_size"]["changeable"], rows["listen_port"]["changeable"]), ("yes", "no"))

    def test_reload(self):
        """Guards: RELOAD takes a good file, keeps the old configuration on a bad one, and says what is wrong in it."""
        def pool_size():
            return [row["value"] for row in self.router.show("CONFIG") if row["key"] == "default_pool_size"][0]

        with self.console() as cursor:
            self.router.options["default_pool_size"] = 9
            self.router.write_config()
            cursor.execute("RELOAD")
            self.assertEqual(pool_size(), "9")
            self.router.options["default_pool_size"] = "many"
            self.router.options["default_pol_size"] = 3
            self.router.write_config()
            error = self.assertSqlstate("F0000", cursor.execute, "RELOAD")
            self.assertRegex(str(error), r"\.ini:\d+: ")
            self.assertEqual(pool_size(), "9")
            self.assertTrue(any("default_pol_size" in str(entry) and "default_pool_size" in str(entry)
                                for entry in self.router.events("configuration_error")))
            del self.router.options["default_pol_size"]
            self.router.options["default_pool_size"] = 7
            self.router.write_config()
            cursor.execute("RELOAD")
        self.assertEqual(pool_size(), "7")
        self.assertAlive()

    def test_psql(self):
        """Guards: psql as a person uses it: aligned, expanded, and leaving at the end."""
        out = self.cluster.tool("psql", "-X", "-h", self.router.host, "-p", str(self.router.port), "-U", "boss", "andon",
                                "-c", "SHOW NODES", "-x", "-c", "SHOW VERSION")
        self.assertIn(self.primary_name, out)
        self.assertIn("andon-router " + product_version(), out)

    def test_console_does_not_count(self):
        """Guards: an operator gets in when clients fill max_client_conn."""
        self.router.options["max_client_conn"] = 2
        self.router.reload("configuration_reloaded")
        try:
            wires = [self.wire(), self.wire()]
            wait_until(lambda: wires[0].query("SELECT 1")[-1] == "Z I", what="two clients")
            with self.assertRaises(psycopg2.OperationalError) as caught:
                with self.client():
                    pass
            self.assertIn("too many clients", str(caught.exception))
            with self.console() as cursor:
                cursor.execute("SHOW CLIENTS")
                self.assertGreaterEqual(len(cursor.fetchall()), 3)
        finally:
            self.router.options["max_client_conn"] = None
            self.router.reload("configuration_reloaded")


class Shutdown(RouterTestCase):
    cluster_options = {"replicas": 1}
    router_options = None

    @classmethod
    def wait_reads_on_replicas(cls, router, user="postgres"):
        """Each test has a router of its own."""

    def test_at_once(self):
        """Guards: SHUTDOWN answers, ends every session with 57P01 and exits 0."""
        router = self.start_router()
        wire = self.wire(router)
        wire.query("BEGIN")
        wire.query("SELECT 1")
        console = self.wire(router, dbname="andon")
        self.assertEqual(console.query("SHUTDOWN"), ["C SHUTDOWN", "Z I"])
        self.assertEqual([reply.word() for reply in wire.read_end()], ["E 57P01"])
        self.assertEqual(router.wait_end(), 0)

    def test_gently(self):
        """Guards: SHUTDOWN WAIT_FOR_SERVERS lets a transaction end first."""
        router = self.start_router()
        busy, idle = self.wire(router), self.wire(router)
        busy.query("BEGIN")
        busy.query("INSERT INTO t VALUES (6100)")
        console = self.wire(router, dbname="andon")
        self.assertEqual(console.query("SHUTDOWN WAIT_FOR_SERVERS"), ["C SHUTDOWN", "Z I"])
        self.assertEqual([reply.word() for reply in idle.read_end()], ["E 57P01"])
        self.assertEqual(busy.query("SELECT 1")[-1], "Z T")
        busy.send(Query("COMMIT"))
        self.assertEqual([reply.word() for reply in busy.read_end()][:2], ["C COMMIT", "Z I"])
        self.assertEqual(router.wait_end(), 0)
        self.assertEqual(self.sql("SELECT count(*) FROM t WHERE id = 6100"), [(1,)])
