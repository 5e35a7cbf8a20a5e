"""A cluster that Patroni leads, with etcd behind it: who is the primary is theirs to decide.

    PatroniCluster    like pgcluster.Cluster, as far as the router and its tests need it
    PatroniNode       a PostgreSQL server and the Patroni that starts, stops and promotes it

Both programs come from build/patroni, where dev/deps unpacks Debian's packages,
and run as the RunDir's ordinary user on loopback ports of their own.
"""

import contextlib
import glob
import json
import os
import sys
import urllib.request

import psycopg2

from pgcluster import Node, sanitizer_environment
from programs import TOP, Failed, Process, RunDir, free_port, wait_until

SCOPE = "street"
# As fast as a loaded machine can bear: a leader that is not heard of for so many seconds is replaced.
DYNAMIC = {"ttl": 7, "loop_wait": 1, "retry_timeout": 3, "synchronous_mode": True, "maximum_lag_on_failover": 1 << 30}
PATIENCE_SECS = 240             # each change takes some turns of Patroni's loop, and starts of Python
CONTROLLED = {"max_connections": 200, "max_wal_senders": 10, "wal_level": "replica", "hot_standby": "on"}


class Etcd(Process):
    """One member, which is its whole cluster."""

    def __init__(self, rundir, program):
        super().__init__(rundir, "etcd")
        self.command = program
        self.client = "127.0.0.1:%d" % free_port()
        self.peer = "127.0.0.1:%d" % free_port()

    def start(self):
        self.launch([self.command, "--name", "one", "--data-dir", self.rundir.make_folder("etcd"),
                     "--listen-client-urls", "http://" + self.client, "--advertise-client-urls", "http://" + self.client,
                     "--listen-peer-urls", "http://" + self.peer, "--initial-advertise-peer-urls", "http://" + self.peer,
                     "--initial-cluster", "one=http://" + self.peer, "--logger", "zap"])
        self.wait_ready(self.is_healthy)
        return self

    def is_healthy(self):
        with contextlib.suppress(OSError, ValueError):
            with urllib.request.urlopen("http://%s/health" % self.client, timeout=10) as answer:
                return json.load(answer)["health"] == "true"
        return False

    def stop(self):
        self.kill9()


class PatroniNode(Node):
    """The process is Patroni; PostgreSQL is its grandchild's and outlives it."""

    def __init__(self, cluster, name, settings):
        super().__init__(cluster.rundir, name, settings)
        self.cluster = cluster
        self.rest = "127.0.0.1:%d" % free_port()
        self.config_path = self.rundir.write(name + ".yml", json.dumps(self.config(), indent=1))

    def config(self):
        address = "%s:%d" % (self.host, self.port)
        own = {key: str(value) for key, value in self.settings.items()
               if key not in CONTROLLED and key not in ("port", "listen_addresses", "cluster_name")}
        everybody = {"username": "postgres"}
        return {
            "scope": SCOPE, "name": self.name,
            "etcd3": {"host": self.cluster.etcd.client},
            "restapi": {"listen": self.rest, "connect_address": self.rest},
            "watchdog": {"mode": "off"},
            "bootstrap": {
                "dcs": dict(DYNAMIC, postgresql={"use_pg_rewind": True, "use_slots": True, "parameters": CONTROLLED}),
                "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, {"username": "postgres"}, "no-sync"]},
            "postgresql": {
                "listen": address, "connect_address": address, "use_unix_socket": True,
                "data_dir": self.data, "bin_dir": self.rundir.bin, "pgpass": self.rundir.file(self.name + ".pgpass"),
                "authentication": {"superuser": everybody, "replication": everybody},
                "parameters": dict(own, **{"test.node": self.name}),
                "pg_hba": ["local all all trust", "host all all 127.0.0.1/32 trust",
                           "host replication all 127.0.0.1/32 trust"],
                "basebackup": [{"checkpoint": "fast"}, "no-sync"],
                "remove_data_directory_on_rewind_failure": True}}

    def start(self, wait=True):
        self.launch([sys.executable, self.cluster.program("patroni"), self.config_path],
                    dict(sanitizer_environment(self.rundir), PYTHONPATH=self.cluster.modules))
        if wait:
            self.wait_ready(self.is_running_postgres, PATIENCE_SECS)
        return self

    def is_running_postgres(self):
        """Patroni says so itself, of the server it knows."""
        with contextlib.suppress(OSError, ValueError):
            with urllib.request.urlopen("http://%s/patroni" % self.rest, timeout=10) as answer:
                return json.load(answer)["state"] == "running"
        return False

    def postmaster(self):
        """Its process id, or None."""
        with contextlib.suppress(OSError, ValueError):
            with open(os.path.join(self.data, "postmaster.pid")) as file:
                return int(file.readline())
        return None

    def family(self):
        """Patroni, PostgreSQL and the children of both."""
        pids = super().family()
        postmaster = self.postmaster()
        if postmaster is not None and os.path.exists("/proc/%d" % postmaster):
            pids += [postmaster] + children(postmaster)
        return list(dict.fromkeys(pids))

    def kill_patroni(self):
        """PostgreSQL goes on as what it was, and nobody looks after it."""
        self.process.kill()
        self.process.wait()
        self._forget()

    def stop(self):
        self.kill9()

    def role(self):
        """"primary", "replica", or None while it does not answer."""
        try:
            return "replica" if self.is_standby() else "primary"
        except psycopg2.Error:
            return None


def children(pid):
    found = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            with open(path) as file:
                if int(file.read().rpartition(")")[2].split()[1]) == pid:
                    found.append(int(path.split("/")[2]))
    return found


class PatroniCluster:
    """Three nodes. Who is the primary is asked anew each time."""

    NAMES = ("north", "south", "east")
    auth = "trust"

    def __init__(self, settings=None, name="andon-patroni"):
        self.rundir = RunDir(name)
        self.passwords = {}
        self.is_synchronous = DYNAMIC["synchronous_mode"]
        unpacked = os.path.join(TOP, "build", "patroni")
        if not os.path.isdir(unpacked):
            raise Failed("no Patroni under %s: run 'make deps'" % unpacked)
        self.unpacked = self.rundir.reachable(unpacked, "usr/bin/etcd")
        self.modules = os.path.join(self.unpacked, "usr/lib/python3/dist-packages")
        self.etcd = Etcd(self.rundir, self.program("etcd"))
        self.nodes = [PatroniNode(self, node_name, settings) for node_name in self.NAMES]

    def program(self, name):
        return os.path.join(self.unpacked, "usr/bin", name)

    def start(self):
        self.etcd.start()
        for node in self.nodes:
            node.start(wait=False)
        for node in self.nodes:
            node.wait_ready(node.is_running_postgres, PATIENCE_SECS)
        self.wait_whole()
        return self

    def leader(self):
        """The node that holds the lock and is the only primary; None: there is none now."""
        primaries = [node for node in self.nodes if node.role() == "primary"]
        return primaries[0] if len(primaries) == 1 else None

    @property
    def primary(self):
        return wait_until(self.leader, timeout=PATIENCE_SECS, what="one primary")

    @property
    def replicas(self):
        primary = self.primary
        return [node for node in self.nodes if node is not primary]

    def members(self):
        """{name: what Patroni knows of it}, as the first that answers has it."""
        for node in self.nodes:
            with contextlib.suppress(OSError, ValueError):
                with urllib.request.urlopen("http://%s/cluster" % node.rest, timeout=10) as answer:
                    return {member["name"]: member for member in json.load(answer)["members"]}
        return {}

    def wait_whole(self):
        """One primary, the others stream from it, and, where that is asked for, one confirms its commits."""
        roles = ["leader", "replica", "sync_standby" if self.is_synchronous else "replica"]
        streaming = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"

        def is_whole():
            members = self.members().values()
            leader = self.leader()
            with contextlib.suppress(psycopg2.Error):
                return (sorted(member["role"] for member in members) == roles and
                        len({member.get("timeline") for member in members}) == 1 and
                        leader is not None and leader.value(streaming) == len(roles) - 1)
        wait_until(is_whole, timeout=PATIENCE_SECS, what="Patroni's cluster to be whole")

    def set_synchronous(self, on):
        self.ctl("edit-config", SCOPE, "--force", "--set", "synchronous_mode=%s" % ("true" if on else "false"))
        self.is_synchronous = on
        self.wait_whole()

    def ctl(self, *arguments):
        """patronictl, as an operator uses it."""
        return self.rundir.run([sys.executable, self.program("patronictl"), "-c", self.nodes[0].config_path, *arguments],
                               env={"PYTHONPATH": self.modules})

    def switch_over(self):
        """The primary hands its place to the replica that confirms its commits."""
        return self.ctl("switchover", SCOPE, "--leader", self.primary.name, "--force")

    def close(self):
        for process in reversed(self.nodes + [self.etcd]):
            with contextlib.suppress(Failed):
                process.close()
        self.rundir.close()
