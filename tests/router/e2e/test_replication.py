"""Replication connections: PostgreSQL's own receivers work through the router as they do directly.

Backups, WAL archives, logical decoding and a whole standby are fed through the
router; each is its user's own connection to the primary.
"""

import os
import signal

from authcase import AuthCase
from pgcluster import Node
from programs import wait_until
from pgwire import Query, StartupMessage, Wire
from routercase import RouterTestCase


class Replication(RouterTestCase):
    cluster_options = {"replicas": 1, "settings": {"wal_level": "logical"}}
    extension = False

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.sql("CREATE TABLE r (id serial PRIMARY KEY, v text)")

    def conninfo(self, application, extra=""):
        return "host=%s port=%d user=postgres application_name=%s %s" % (
            self.router.host, self.router.port, application, extra)

    def folder(self, name):
        path = self.cluster.rundir.file(name)
        self.cluster.rundir.make_folder(name)
        return path

    def walsender(self, application, what="count(*)", where="true"):
        return self.sql("SELECT %s FROM pg_stat_replication WHERE application_name = '%s' AND %s" % (
            what, application, where))[0][0]

    def start_tool(self, name, *args):
        """A program of the server that runs until the test ends it."""
        tool = self.cluster.rundir.popen([self.cluster.rundir.program(name)] + list(args),
                                         log=self.cluster.rundir.file(name + ".log"))
        self.addCleanup(self.end_tool, tool)
        return tool

    def end_tool(self, tool):
        if tool.poll() is None:
            tool.send_signal(signal.SIGINT)
        return tool.wait(60)

    def test_base_backup(self):
        """Guards: a backup with its WAL, two connections and a temporary slot, is whole."""
        path = self.cluster.rundir.file("backup")
        self.cluster.tool("pg_basebackup", "-D", path, "--checkpoint=fast", "--no-sync", "-X", "stream",
                          "-d", self.conninfo("backup"))
        self.cluster.tool("pg_verifybackup", path)

    def test_receive_wal(self):
        """Guards: WAL streams to a receiver that confirms it, bytes in both directions."""
        self.cluster.tool("pg_receivewal", "--create-slot", "--slot=archive", "-d", self.conninfo("slot"))
        tool = self.start_tool("pg_receivewal", "-D", self.folder("archive"), "--slot=archive", "--synchronous",
                               "-d", self.conninfo("archive"))
        self.sql("INSERT INTO r (v) SELECT repeat('x', 1000) FROM generate_series(1, 5000)")
        lsn = self.cluster.primary.lsn()
        wait_until(lambda: self.walsender("archive", where="flush_lsn >= '%s'" % lsn) == 1, what="the archive to have it")
        client = [row for row in self.router.show("CLIENTS") if row["application_name"] == "archive"]
        self.assertEqual([(row["state"], row["node"], row["database"], row["replication"]) for row in client],
                         [("replication", self.primary_name, "replication", "physical")])
        self.assertEqual(self.end_tool(tool), 0)
        wait_until(lambda: self.walsender("archive") == 0, what="its walsender to end")
        self.cluster.tool("pg_receivewal", "--drop-slot", "--slot=archive", "-d", self.conninfo("slot"))

    def test_logical_decoding(self):
        """Guards: logical replication is of one database, the one it names to the router."""
        info = self.conninfo("decode", "dbname=" + self.dbname)
        self.cluster.tool("pg_recvlogical", "--create-slot", "--slot=decode", "--plugin=test_decoding", "-d", info)
        path = os.path.join(self.folder("decoded"), "changes")
        tool = self.start_tool("pg_recvlogical", "--start", "--slot=decode", "--fsync-interval=0", "--status-interval=1",
                               "-f", path, "-d", info)
        for i in range(20):
            self.sql("INSERT INTO r (v) VALUES (%s)", ["change %d" % i])

        def decoded():
            if not os.path.exists(path):
                return ""
            with open(path) as file:
                return file.read()

        wait_until(lambda: "change 19" in decoded(), what="the last change")
        self.assertEqual(decoded().count("'change "), 20)
        self.assertEqual(self.end_tool(tool), 0)
        wait_until(lambda: not self.sql("SELECT active FROM pg_replication_slots WHERE slot_name = 'decode'")[0][0],
                   what="the slot to be free")
        self.cluster.tool("pg_recvlogical", "--drop-slot", "--slot=decode", "-d", info)

    def test_standby(self):
        """Guards: a standby that streams through the router confirms commits, and comes back when the router does."""
        node = Node(self.cluster.rundir, "through", {"wal_level": "logical"})
        node.base_backup_of(self.cluster.primary)
        node.configure(primary_conninfo=self.conninfo("through"))
        node.start()
        self.addCleanup(node.close)
        streaming = "state = 'streaming'"
        wait_until(lambda: self.walsender("through", where=streaming) == 1, what="the standby to stream")
        self.sql("INSERT INTO r (v) VALUES ('for the standby')")
        lsn = self.cluster.primary.lsn()
        wait_until(lambda: self.walsender("through", where="replay_lsn >= '%s'" % lsn) == 1, what="the standby to confirm")
        self.assertEqual(node.value("SELECT count(*) FROM r WHERE v = 'for the standby'", dbname=self.dbname), 1)
        self.router.stop()
        wait_until(lambda: self.walsender("through") == 0, what="its walsender to end")
        self.router.start()
        wait_until(lambda: self.walsender("through", where=streaming) == 1, what="the standby to come back")

    def test_replies_are_the_servers_own(self):
        """Guards: parameters, commands and errors of walsenders are as without the router."""
        scripts = {"true": ["IDENTIFY_SYSTEM", "SHOW wal_level", "NONSENSE", "SELECT 1", "TIMELINE_HISTORY 77"],
                   "database": ["IDENTIFY_SYSTEM", "SELECT current_database(), 1", "SELECT nothing", "BEGIN", "SELECT 2",
                                "COMMIT"]}
        for mode, commands in scripts.items():
            with self.subTest(mode):
                more = {"replication": mode, "application_name": "me", "options": "-c wal_sender_timeout=77s",
                        "TimeZone": "Asia/Tokyo"}
                direct, routed = self.direct_wire(**more), self.wire(**more)
                self.assertEqual(routed.parameters, direct.parameters)
                self.assertEqual([reply.kind for reply in routed.welcome], [reply.kind for reply in direct.welcome])
                for command in commands:
                    direct.send(Query(command))
                    routed.send(Query(command))
                    self.assertEqual(self.stable(routed.read()), self.stable(direct.read()), command)

    @staticmethod
    def stable(replies):
        """Without the position, which moves."""
        return [[reply.columns[0]] if reply.kind == "D" else reply for reply in replies]

    def test_startup_options_are_the_clients(self):
        """Guards: what a receiver asks for in its startup packet is in force in its walsender."""
        wire = self.wire(replication="database", options="-c wal_sender_timeout=77s", application_name="asks")
        self.assertEqual(wire.query("SHOW wal_sender_timeout")[1], "D 77s")
        self.assertEqual(wire.query("SHOW application_name")[1], "D asks")

    def test_false_is_no_replication(self):
        """Guards: replication=off is a session like any other, in any spelling."""
        for value in ("false", "off", "0", "no", "F", "OFF"):
            self.assertEqual(self.wire(replication=value).query("SELECT 7"), ["T", "D 7", "C SELECT 1", "Z I"])

    def test_refusals(self):
        """Guards: what PostgreSQL refuses is refused in its words; what no server was asked, in the same form."""
        self.sql("CREATE ROLE plain LOGIN")
        for mode, dbname, user, sqlstate in (
                ("true", self.dbname, "plain", "42501"), ("database", self.dbname, "plain", "42501"),
                ("perhaps", self.dbname, "postgres", "22023"), ("database", "andon", "postgres", "08P01")):
            with self.subTest((mode, user)):
                wire = Wire(self.router.port, startup=False)
                self.addCleanup(wire.close)
                direct = Wire(self.cluster.primary.port, startup=False)
                self.addCleanup(direct.close)
                replies = []
                for one in (wire, direct):
                    one.send(StartupMessage(user=user, database=dbname, replication=mode))
                    replies.append(one.read_end()[-1])
                self.assertEqual((replies[0].fields["S"], replies[0].fields["C"]), ("FATAL", sqlstate))
                if dbname != "andon":
                    self.assertEqual(replies[0].fields["M"], replies[1].fields["M"])

    def test_cancel(self):
        """Guards: a cancel request of a walsender's client reaches its walsender."""
        wire = self.wire(replication="database")
        wire.send(Query("SELECT pg_sleep(100)"))
        wait_until(lambda: self.sql("SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(100)'"
                                    " AND state = 'active'")[0][0], what="it to run")
        wire.cancel()
        self.assertEqual(wire.read_words()[-2:], ["E 57014", "Z I"])
        self.assertEqual(wire.query("SELECT 1")[1], "D 1")

    def test_client_leaves(self):
        """Guards: a receiver that goes takes its walsender along, in the middle of a stream too."""
        before = self.cluster.primary.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender'")
        for _ in range(5):
            wire = self.wire(replication="true", receive_buffer=4096)
            wire.send(Query("BASE_BACKUP (LABEL 'cut', CHECKPOINT 'fast', WAIT false)"))
            wire.read("d")
            wire.close()
        wait_until(lambda: self.cluster.primary.value(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender'") <= before, what="walsenders to end")
        self.assertAlive()

    def test_memory(self):
        """Guards: a backup read by nobody is not gathered in the router."""
        self.sql("CREATE TABLE IF NOT EXISTS bulk AS SELECT repeat(md5(i::text), 30) FROM generate_series(1, 60000) i")
        before = self.router.resident_bytes()
        wire = self.wire(replication="true", receive_buffer=4096)
        wire.send(Query("BASE_BACKUP (LABEL 'slow', CHECKPOINT 'fast', WAIT false)"))
        wire.read("d")
        wait_until(lambda: self.cluster.primary.value(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender' AND wait_event = 'WalSenderWriteData'"
            " OR backend_type = 'walsender' AND wait_event = 'ClientWrite'"), what="the walsender to wait")
        self.assertLess(self.router.resident_bytes() - before, 24 << 20)
        wire.close()


class ReplicationLogin(AuthCase):
    cluster_options = {"auth": "scram-sha-256"}
    extension = False
    router_options = {"auth_type": "hba", "workers": 1}
    RULES = """
host replication rep      all scram-sha-256
host replication rejected all reject
host all         postgres all trust
host all         all      all scram-sha-256
"""

    @classmethod
    def prepare(cls):
        super().prepare()
        for user in ("rep", "rejected", "other"):
            cls.cluster.create_user(user, "secret of " + user, "LOGIN REPLICATION")
        cls.sql("ALTER ROLE postgres PASSWORD 'the monitor'")
        cls.cluster.passwords["postgres"] = "the monitor"

    @classmethod
    def start_router(cls, options=None, sections=None, **more):
        rules = cls.cluster.rundir.write("replication_hba.conf", cls.RULES)
        return super().start_router(dict(options, auth_hba_file=rules), sections, **more)

    @classmethod
    def wait_reads_on_replicas(cls, router, user="postgres"):
        """There are none."""

    def test_physical(self):
        """Guards: the lines for replication, and no others, are for physical replication connections."""
        wire = self.assertLogsIn("rep", "secret of rep", replication="true")
        self.assertEqual(wire.query("IDENTIFY_SYSTEM")[0], "T")
        self.assertRefused("rep", "wrong", "28P01", replication="true")
        for user, words in (("rejected", "pg_hba.conf rejects replication connection"),
                            ("other", "no pg_hba.conf entry for replication connection from host")):
            wire = self.scram(user, "", replication="true")
            self.assertFatal(wire.read("RE")[-1], "28000", words)

    def test_logical(self):
        """Guards: logical ones are of a database like other sessions, and are logged in with the user's own secret."""
        wire = self.assertLogsIn("other", "secret of other", replication="database")
        self.assertEqual(wire.query("SELECT current_database()")[1], "D " + self.dbname)
        self.assertEqual(wire.query("SELECT session_user")[1], "D other")
        self.assertRefused("other", "wrong", "28P01", replication="database")
