"""ParameterStatus: a client knows what is in force for it, whichever server runs its statements."""

from programs import wait_until
from pgwire import Query
from routercase import RouterTestCase

VALUES = {"TimeZone": ("Asia/Tokyo", "Europe/Zurich"), "DateStyle": ("German, DMY", "SQL, MDY"),
          "IntervalStyle": ("iso_8601", "sql_standard"), "client_encoding": ("LATIN1", "UTF8"),
          "application_name": ("one", "two")}


class ParameterStatus(RouterTestCase):
    cluster_options = {"replicas": 1}
    router_options = {"workers": 1, "default_pool_size": 1, "consistency": "primary"}

    def told(self, wire, sql):
        """The settings the client is told of while it runs a statement, in order."""
        wire.send(Query(sql))
        replies = []
        while not replies or replies[-1].kind != "Z":
            replies.append(wire.read_one())
        return [reply.body.split(b"\0")[0].decode() for reply in replies if reply.kind == "S"]

    def test_each_to_its_own(self):
        """Guards: two clients on one server are each told of their own changes, once, and of nobody else's."""
        wires = [self.wire(application_name="mine"), self.wire(application_name="mine")]
        for name, values in VALUES.items():
            for wire, value in zip(wires, values):
                was = wire.parameters[name]
                self.assertEqual(self.told(wire, "SET %s = '%s'" % (name, value)), [name] if was != value else [])
                self.assertEqual(wire.parameters[name], value)
            for wire, value in list(zip(wires, values)) * 2:
                self.assertEqual(self.told(wire, "UPDATE t SET v = v WHERE id = 1"), [])
                wire.send(Query("SHOW " + name))
                self.assertEqual(wire.read()[1].columns, [value])
        for wire in wires:
            changed = self.told(wire, "RESET ALL")
            self.assertLessEqual(set(changed), set(VALUES))
            self.assertEqual(wire.parameters, self.wire(application_name="mine").parameters)

    def test_rolled_back(self):
        """Guards: a client is told when its change is undone."""
        wire = self.wire()
        before = wire.parameters["TimeZone"]
        wire.query("BEGIN")
        self.assertEqual(self.told(wire, "SET TimeZone = 'Asia/Tokyo'"), ["TimeZone"])
        self.assertEqual(self.told(wire, "ROLLBACK"), ["TimeZone"])
        self.assertEqual(wire.parameters["TimeZone"], before)
        self.assertEqual(self.told(wire, "BEGIN; SET LOCAL TimeZone = 'Asia/Tokyo'; SELECT 1"), ["TimeZone"])
        self.assertEqual(self.told(wire, "COMMIT"), ["TimeZone"])

    def test_another_default(self):
        """Guards: a default that was changed while nothing ran is told before it is used, and to whoever logs in."""
        primary, idle = self.cluster.primary, self.wire()
        idle.query("UPDATE t SET v = v WHERE id = 1")
        wire = self.wire()
        wire.query("SET IntervalStyle = 'iso_8601'")
        try:
            primary.configure(timezone="Asia/Tokyo")
            primary.reload()

            def knows():
                wire.query("UPDATE t SET v = v WHERE id = 1")
                return wire.parameters["TimeZone"] == "Asia/Tokyo"

            wait_until(knows, what="the session to be told")
            self.assertEqual(wire.parameters["IntervalStyle"], "iso_8601")
            self.assertEqual(self.told(idle, "UPDATE t SET v = v WHERE id = 1"), ["TimeZone"])
            self.assertEqual(idle.parameters["TimeZone"], "Asia/Tokyo")
            self.assertEqual(self.told(idle, "UPDATE t SET v = v WHERE id = 1"), [])
            self.assertEqual(self.wire().parameters["TimeZone"], "Asia/Tokyo")
        finally:
            primary.configure(timezone="UTC")
            primary.reload()
            wait_until(lambda: not self.told(self.wire(), "UPDATE t SET v = v WHERE id = 1"), what="logins to know")


class NodesThatDiffer(RouterTestCase):
    cluster_options = {"replicas": 1, "settings": {"intervalstyle": "postgres"}}
    router_options = {"workers": 1}

    def test_reads_on_another_node(self):
        """Guards: where a replica has another default, its reader is told what the answer was written with."""
        replica = self.cluster.replicas[0]
        replica.configure(intervalstyle="iso_8601")
        replica.reload()
        wire = self.wire()

        def differs():
            node, interval = wire.ask(Query("SELECT here(), '1 day'::interval"))[1][2:].split(",")
            self.assertEqual(wire.parameters["IntervalStyle"], "iso_8601" if interval == "P1D" else "postgres")
            return node == replica.name and interval == "P1D"

        wait_until(differs, what="a read on the replica")
        wire.query("UPDATE t SET v = v WHERE id = 1")
        self.assertEqual(wire.parameters["IntervalStyle"], "postgres")
        wire.query("SET IntervalStyle = 'sql_standard'")
        wait_until(lambda: wire.query("SELECT here()")[1] == "D " + replica.name, what="a read on the replica")
        self.assertEqual(wire.parameters["IntervalStyle"], "sql_standard")
