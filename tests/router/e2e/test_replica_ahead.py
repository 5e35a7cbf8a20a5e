"""A replica can show a commit that the primary still hides; a session that saw it goes on seeing it.

With synchronous replication a commit is in the WAL, and on every replica that
has replayed it, while the primary waits for its standby and shows it to nobody.
Here the one standby it waits for is frozen, the other shows the commit.

    writer                  session                     standby, frozen
    INSERT, COMMIT ...                                  does not confirm
                            reads on the other: 1 row
                            reads on the primary: 0 rows, were it let to
                                                        thaws, confirms
    ... committed           reads on the primary: 1 row
"""

import contextlib
import threading

import psycopg2

from pgcluster import fetch
from programs import wait_until
from routercase import RouterTestCase

ON_PRIMARY = "/* andon:primary */ SELECT count(*), here() FROM c"


class ReplicaAhead(RouterTestCase):
    router_options = {"consistency": "session", "replica_wait": "50ms", "query_wait_timeout": "60s"}

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.sql("CREATE TABLE c (id serial, v int)")

    def setUp(self):
        self.ahead, self.standby = self.cluster.replicas
        self.sql("TRUNCATE c")
        self.cluster.primary.configure(synchronous_standby_names=self.standby.name).reload()
        self.addCleanup(lambda: self.cluster.primary.configure(synchronous_standby_names="").reload())
        self.addCleanup(self.standby.sigcont)
        wait_until(lambda: self.sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")[0][0] == 1,
                   what="a synchronous standby")
        self.cluster.wait_caught_up()

    @contextlib.contextmanager
    def hidden_commit(self):
        """One row that the replica shows and the primary hides, until the standby goes on."""
        self.standby.sigstop()
        writer = threading.Thread(target=self.sql, args=("INSERT INTO c (v) VALUES (1)",))
        writer.start()
        try:
            wait_until(lambda: self.ahead.value("SELECT count(*) FROM c", dbname=self.dbname) == 1,
                       what="the commit on the replica")
            self.assertEqual(self.sql("SELECT count(*) FROM c")[0][0], 0)
            yield
        finally:
            self.standby.sigcont()
            writer.join()

    @contextlib.contextmanager
    def session_that_saw_it(self, **options):
        with self.client(**options) as connection:
            wait_until(lambda: fetch(connection, "SELECT count(*), here() FROM c")[0] == (1, self.ahead.name),
                       what="the row, read on the replica")
            yield connection

    def refusals(self):
        return self.router.metric("andon_router_hidden_refusals_total")

    def test_without_the_rule(self):
        """Control: a session without a floor sees the row on the replica and misses it on the primary."""
        router = self.start_router(dict(self.router_options, consistency="eventual"))
        with self.hidden_commit(), contextlib.closing(router.connect(self.dbname)) as connection:
            wait_until(lambda: fetch(connection, "SELECT count(*), here() FROM c")[0] == (1, self.ahead.name),
                       what="the row, read on the replica")
            self.assertEqual(fetch(connection, ON_PRIMARY)[0], (0, self.primary_name))

    def test_refused_while_it_is_hidden(self):
        """Guards: who saw the row gets 40001 from whatever would read or write on the primary; others do not."""
        refused = self.refusals()
        with self.hidden_commit():
            with self.session_that_saw_it() as connection, self.client() as other:
                for sql in (ON_PRIMARY, "SELECT * FROM c FOR UPDATE", "BEGIN; SELECT count(*) FROM c"):
                    error = self.assertSqlstate("40001", fetch, connection, sql)
                    self.assertIn("again", error.diag.message_hint)
                for sql in ("ROLLBACK", "SET DateStyle = 'German'", "DISCARD ALL"):
                    fetch(connection, sql)
                self.assertEqual(fetch(connection, "SELECT count(*), here() FROM c")[0], (1, self.ahead.name))
                self.assertEqual(fetch(other, ON_PRIMARY)[0], (0, self.primary_name))
        self.assertEqual(self.refusals(), refused + 3)

    def test_refused_behind_a_deferred_begin(self):
        """Guards: in a transaction the first statement is refused, and ROLLBACK leaves all as it was."""
        with self.hidden_commit(), self.session_that_saw_it() as connection:
            fetch(connection, "BEGIN")
            self.assertSqlstate("40001", fetch, connection, "SELECT count(*) FROM c")
            self.assertSqlstate("25P02", fetch, connection, "SELECT count(*) FROM c")
            fetch(connection, "ROLLBACK")
            self.assertEqual(fetch(connection, "SELECT count(*), here() FROM c")[0], (1, self.ahead.name))

    def test_seen_once_it_is_shown(self):
        """Guards: the primary is read as soon as it shows the row, also by who has been refused."""
        with self.hidden_commit(), self.session_that_saw_it() as connection:
            self.assertSqlstate("40001", fetch, connection, ON_PRIMARY)
            self.standby.sigcont()
            seen = []

            def is_served():
                with contextlib.suppress(psycopg2.errors.SerializationFailure):
                    seen.extend(fetch(connection, ON_PRIMARY))
                return seen

            wait_until(is_served, what="the primary to be read")
            self.assertEqual(seen, [(1, self.primary_name)])

    def test_others_that_run_for_long_do_not_count(self):
        """Guards: a transaction that just runs hides nothing, whoever has been read last."""
        refused = self.refusals()
        with contextlib.closing(self.cluster.primary.connect(self.dbname, autocommit=False)) as running:
            fetch(running, "INSERT INTO c (v) VALUES (0) RETURNING v")
            self.sql("INSERT INTO c (v) VALUES (0)")
            with self.client() as connection:
                for i in range(1, 11):
                    fetch(connection, "SELECT count(*) FROM c")
                    self.assertEqual(fetch(connection, ON_PRIMARY)[0][0], i)
                    fetch(connection, "INSERT INTO c (v) VALUES (1)")
        self.assertEqual(self.refusals(), refused)

    def test_replica_that_is_gone(self):
        """Guards: what was read on a replica that died since is found out from the other nodes."""
        with contextlib.closing(self.cluster.primary.connect(self.dbname, autocommit=False)) as running:
            fetch(running, "INSERT INTO c (v) VALUES (0) RETURNING v")
            self.sql("INSERT INTO c (v) VALUES (1)")
            self.cluster.wait_caught_up()
            with self.client() as connection:
                count, name = fetch(connection, "SELECT count(*), here() FROM c")[0]
                self.assertEqual(count, 1)
                replica, = [node for node in self.cluster.replicas if node.name == name]
                replica.kill9()
                try:
                    self.assertEqual(fetch(connection, ON_PRIMARY)[0], (1, self.primary_name))
                finally:
                    replica.start()
                    self.cluster.wait_streaming()

    def test_floor_carried_over(self):
        """Guards: a token tells a session that has read nothing itself of a commit that the primary hides."""
        with self.hidden_commit(), self.session_that_saw_it() as connection, self.client() as other:
            fetch(other, "SET andon.floor = '%s'" % fetch(connection, "SHOW andon.floor")[0][0])
            answer = []
            asked = threading.Thread(target=lambda: answer.extend(fetch(other, ON_PRIMARY)))
            asked.start()
            wait_until(lambda: any(row["state"] == "wait_replica" for row in self.router.show("CLIENTS")),
                       what="the read to wait")
            self.assertEqual(answer, [])
            self.standby.sigcont()
            asked.join()
            self.assertEqual(answer, [(1, self.primary_name)])
