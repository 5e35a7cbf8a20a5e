"""How many servers there are, whose they are, and when they come and go."""

import contextlib
import threading

from pgcluster import fetch
from programs import wait_until
from routercase import RouterTestCase


# each test that counts a user's servers has a user of its own: idle ones stay behind
USERS = ("ann", "bob", "pooled", "crowd", "warm", "cool", "spare", "aging", "checked")


class Pools(RouterTestCase):
    """Two workers, one limit: a client is on whichever worker took its connection."""

    cluster_options = {"replicas": 1}
    router_options = {"workers": 2, "default_pool_size": 5, "query_wait_timeout": "60s"}

    @classmethod
    def prepare(cls):
        super().prepare()
        for user in USERS:
            cls.sql("CREATE ROLE %s LOGIN SUPERUSER" % user)
        cls.cluster.wait_caught_up()

    def setUp(self):
        super().setUp()
        for user in USERS:
            self.router.users[user] = ""
        self.options = dict(self.router.options)
        self.configure()
        self.addCleanup(self.back)

    def configure(self, databases=None, users=None, **options):
        self.router.options.update(options)
        self.router.sections["databases"] = dict(databases or {}, **{"*": ""})
        self.router.sections["users"] = users or {}
        self.router.reload("configuration_reloaded")
        self.router.show("POOLS")  # visits each worker, behind the new configuration

    def back(self):
        self.router.options.clear()
        self.router.options.update(self.options)
        self.configure()

    def backends(self, where="true"):
        """pids of the router's servers on the primary, in order of age."""
        return [pid for pid, in self.sql(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'andon-router' AND datname = current_database()"
            " AND backend_type = 'client backend' AND %s ORDER BY backend_start, pid" % where)]

    def test_user_limit_over_workers(self):
        """Guards: max_user_connections holds over workers, at any time; all clients are served in the end.

        A statement gives a row only with one of two locks, which it keeps until it has ended:
        a third at the same time, on a third server, would find none.
        """
        self.sql("CREATE TABLE passed (n int)")
        self.configure(users={"crowd": "max_user_connections=2"})
        failures = []

        def client():
            wire = self.wire(user="crowd")
            for _ in range(15):
                words = wire.query("INSERT INTO passed SELECT 1 WHERE"
                                   " pg_try_advisory_xact_lock(7, 1) OR pg_try_advisory_xact_lock(7, 2)")
                if words != ["C INSERT 0 1", "Z I"]:
                    failures.append(words)

        threads = [threading.Thread(target=client) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        # a backend that was told to end may be seen for a while
        wait_until(lambda: len(self.backends("usename = 'crowd'")) in (1, 2), what="two servers at most")

    def servers_of(self, name):
        return sum(int(row[key]) for row in self.router.show("POOLS") if row["database"] == name
                   for key in ("sv_active", "sv_being_canceled", "sv_idle", "sv_used", "sv_tested", "sv_login"))

    def test_database_limit(self):
        """Guards: max_db_connections counts all users and workers; who waits gets what another gives back."""
        self.configure(databases={"limited": "dbname=%s max_db_connections=2" % self.dbname})
        holders = [self.wire(user=user, dbname="limited") for user in ("ann", "bob")]
        for wire in holders:
            wire.query("BEGIN")
            self.assertEqual(wire.query("INSERT INTO t VALUES (%d)" % (7000 + holders.index(wire)))[-1], "Z T")
        answers = []
        thread = threading.Thread(target=lambda: answers.append(
            self.wire(user="pooled", dbname="limited").query("UPDATE t SET v = v WHERE id = 8")))
        thread.start()
        wait_until(lambda: any(row["user"] == "pooled" and int(row["cl_waiting"]) > 0
                               for row in self.router.show("POOLS")), what="it to wait")
        self.assertEqual(self.servers_of("limited"), 2)
        self.assertEqual(holders[0].query("ROLLBACK"), ["C ROLLBACK", "Z I"])
        thread.join()
        self.assertEqual(answers, [["C UPDATE 1", "Z I"]])
        self.assertEqual(holders[1].query("ROLLBACK"), ["C ROLLBACK", "Z I"])
        self.assertLessEqual(self.servers_of("limited"), 2)

    def test_minimum(self):
        """Guards: min_pool_size servers are there while a client is, and come again when they are ended."""
        self.configure(databases={self.dbname: "min_pool_size=3"})
        wire = self.wire(user="warm")
        wait_until(lambda: len(self.backends("usename = 'warm'")) == 3, what="the minimum")
        first = self.backends("usename = 'warm'")
        self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'warm'")
        wait_until(lambda: len(set(self.backends("usename = 'warm'")) - set(first)) == 3, what="the minimum again")
        self.assertEqual(wire.query("UPDATE t SET v = v WHERE id = 9"), ["C UPDATE 1", "Z I"])

    def test_minimum_goes_with_the_clients(self):
        """Guards: without clients the minimum does not keep idle servers."""
        self.configure(databases={self.dbname: "min_pool_size=2"}, server_idle_timeout="1s")
        wire = self.wire(user="cool")
        wait_until(lambda: len(self.backends("usename = 'cool'")) == 2, what="the minimum")
        wire.close()
        wait_until(lambda: self.backends("usename = 'cool'") == [], what="idle servers to go")

    def test_reserve(self):
        """Guards: who has waited reserve_pool_timeout gets a server of the reserve."""
        self.configure(databases={self.dbname: "pool_size=1 reserve_pool_size=1"}, reserve_pool_timeout="100ms")
        wait_until(lambda: len(self.backends("usename = 'spare'")) <= 1, what="servers above the limit to go")
        first, second = self.wire(user="spare"), self.wire(user="spare")
        first.query("BEGIN")
        self.assertEqual(first.query("INSERT INTO t VALUES (7100)")[-1], "Z T")
        self.assertEqual(second.query("UPDATE t SET v = v WHERE id = 10"), ["C UPDATE 1", "Z I"])
        self.assertEqual(len(self.backends("usename = 'spare'")), 2)
        first.query("ROLLBACK")

    def test_lifetime(self):
        """Guards: servers are replaced when they are old, while clients work on, without an error."""
        self.configure(server_lifetime="1s")
        wire = self.wire(user="aging")
        seen = set()

        def replaced():
            self.assertEqual(wire.query("UPDATE t SET v = v WHERE id = 11"), ["C UPDATE 1", "Z I"])
            seen.update(self.backends("usename = 'aging'"))
            return len(seen) >= 3

        wait_until(replaced, what="servers to be replaced")

    def test_check_query(self):
        """Guards: an idle server is asked the check query before a client's; one that fails it is replaced unseen."""
        self.configure(server_check_delay="0", server_check_query="SELECT 'are you there'")
        wire = self.wire(user="checked")

        def server():
            words = wire.query("UPDATE t SET v = v WHERE id = 12 RETURNING pg_backend_pid()")
            self.assertEqual((words[0], words[2:]), ("T", ["C UPDATE 1", "Z I"]))
            return words[1]

        first = server()
        self.assertEqual([server() for _ in range(3)], [first] * 3)
        self.sql("CREATE TABLE checks AS SELECT query FROM pg_stat_activity WHERE false")
        self.configure(server_check_query="INSERT INTO checks VALUES ('asked')")
        self.assertEqual(server(), first)
        self.assertGreater(self.sql("SELECT count(*) FROM checks")[0][0], 0)
        self.configure(server_check_query="SELECT no_such_thing")
        self.assertNotEqual(server(), first)

    def test_settings_of_databases(self):
        """Guards: dbname, user, pool_mode and connect_query of a line hold for its clients alone."""
        self.sql("CREATE TABLE logins (who text)")
        self.configure(databases={
            "shop": "dbname=%s user=pooled pool_mode=session connect_query='INSERT INTO logins VALUES (current_user)'"
                    % self.dbname})
        with contextlib.closing(self.router.connect("shop", user="ann")) as connection:
            self.assertEqual(fetch(connection, "SELECT current_user, current_database()"), [("pooled", self.dbname)])
            fetch(connection, "SET work_mem = '77MB'")
            fetch(connection, "CREATE TEMPORARY TABLE mine AS SELECT 1")
            row = [row for row in self.router.show("CLIENTS") if row["database"] == "shop"][0]
            self.assertEqual(row["node"], self.primary_name, "session pooling holds its server")
        self.assertEqual(set(self.sql("SELECT who FROM logins")), {("pooled",)})
        self.assertEqual(self.router.value("SELECT current_user", dbname=self.dbname, user="ann"), "ann")

    def test_client_limits(self):
        """Guards: one client more than the limit of its database or user is refused with 53300, over both workers."""
        self.configure(databases={"few": "dbname=%s max_db_client_connections=2" % self.dbname},
                       users={"bob": "max_user_client_connections=3"})
        for dbname, user, limit in (("few", "ann", 2), (self.dbname, "bob", 3)):
            with self.subTest(dbname):
                wires = [self.wire(dbname=dbname, user=user) for _ in range(limit)]
                with self.assertRaises(Exception) as caught:
                    self.router.connect(dbname, user=user)
                self.assertIn("too many clients of", str(caught.exception))
                wires.pop().close()
                wait_until(lambda: len([row for row in self.router.show("CLIENTS") if row["user"] == user and
                                        row["database"] == dbname]) == limit - 1, what="it to be gone")
                wires.append(self.wire(dbname=dbname, user=user))
                self.assertEqual(wires[-1].query("SELECT 1")[-2:], ["C SELECT 1", "Z I"])

    def test_client_idle_timeout(self):
        """Guards: who asks nothing for client_idle_timeout is told 57P05; who is in a transaction is not meant."""
        idle, inside = self.wire(), self.wire()
        inside.query("BEGIN")
        inside.query("INSERT INTO t VALUES (7200)")
        self.configure(client_idle_timeout="200ms")
        self.assertEqual([reply.word() for reply in idle.read_end()], ["E 57P05"])
        self.configure(client_idle_timeout="0")
        self.assertEqual(inside.query("ROLLBACK"), ["C ROLLBACK", "Z I"])
