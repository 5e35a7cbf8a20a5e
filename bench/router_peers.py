"""Whom the router is compared with: each a process in front of the same nodes.

    Direct      nobody in between
    Andon       the router; nodes: which of the cluster's, all by default
    PgBouncer   Debian 12's, or Debian 13's from build/bench/pgbouncer-13 (dev/benchpeers)
    Haproxy     TCP only: bytes in, bytes out
    Pgpool      the one of these that splits reads from writes

missing(peer) says what is to be installed, or None; nothing is installed here.
"""

import glob
import os
import shutil
import socket

from programs import Process, build_dir, free_port
from routerproc import Router

MAX_CLIENTS = 10000
POOL_SIZE = 20


def nanoseconds(pid):
    """CPU that each thread of a process has used: {thread: nanoseconds}."""
    used = {}
    for path in glob.glob("/proc/%d/task/*/schedstat" % pid):
        try:
            with open(path) as file:
                used[int(path.split("/")[4])] = int(file.read().split()[0])
        except OSError:
            pass
    return used


def resident_kb(pid):
    with open("/proc/%d/status" % pid) as file:
        return int(next(line for line in file if line.startswith("VmRSS:")).split()[1])


def is_listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Direct:
    label = "direct"

    def __init__(self, cluster):
        self.cluster = cluster
        self.host, self.port = cluster.primary.host, cluster.primary.port

    missing = None

    def start(self):
        return self

    def cpu_us(self):
        return 0

    def close(self):
        pass


class Peer(Process):
    """What is common to programs of others: a configuration, a port, readiness by connecting."""

    missing = None
    program = None

    def __init__(self, cluster, label):
        super().__init__(cluster.rundir, "bench-" + label.replace(" ", "-"))
        self.cluster, self.label = cluster, label
        self.host, self.port = "127.0.0.1", free_port()

    def cpu_us(self):
        return sum(sum(nanoseconds(pid).values()) for pid in self.family()) / 1000

    def start_with(self, config, command):
        path = self.rundir.write(self.name + ".conf", config, 0o644)
        self.launch([word.replace("CONFIG", path) for word in command])
        self.wait_ready(lambda: is_listening(self.port))
        return self

    def stop(self):
        self.kill9()


class PgBouncer(Peer):
    """debian: 12 or 13. users: name to secret; none: everybody is let in."""

    OF_DEBIAN_13 = "bench/pgbouncer-13"

    def __init__(self, cluster, debian=12, users=None, extra=""):
        super().__init__(cluster, "pgbouncer of Debian %d%s" % (debian, " " + extra.split("_")[0] if extra else ""))
        self.users, self.extra, self.debian = users, extra, debian
        self.folder = os.path.join(build_dir(), self.OF_DEBIAN_13)
        if debian == 12 and not os.path.exists("/usr/sbin/pgbouncer"):
            self.missing = "apt-get install pgbouncer"
        if debian == 13 and not os.path.exists(os.path.join(self.folder, "pgbouncer")):
            self.missing = "dev/benchpeers"

    def command(self):
        if self.debian == 12:
            return ["/usr/sbin/pgbouncer"]
        copy = self.rundir.file("pgbouncer-13")
        if not os.path.exists(copy):
            shutil.copytree(self.folder, copy)
            os.chmod(copy, 0o755)
        return [glob.glob(os.path.join(copy, "ld-linux-*"))[0], "--library-path", copy, os.path.join(copy, "pgbouncer")]

    def start(self):
        users = self.rundir.write(self.name + ".users", "".join(
            '"%s" "%s"\n' % item for item in (self.users or {"postgres": ""}).items()))
        primary = self.cluster.primary
        lines = [
            "[databases]", "* = host=%s port=%d" % (primary.host, primary.port),
            "[pgbouncer]", "listen_addr = 127.0.0.1", "listen_port = %d" % self.port, "unix_socket_dir =",
            "auth_type = %s" % ("scram-sha-256" if self.users else "trust"), "auth_file = " + users,
            "pool_mode = transaction", "default_pool_size = %d" % POOL_SIZE, "max_client_conn = %d" % MAX_CLIENTS,
            "log_connections = 0", "log_disconnections = 0", "ignore_startup_parameters = extra_float_digits",
            "max_prepared_statements = 200" if self.debian == 13 else "", self.extra]
        return self.start_with("\n".join(lines) + "\n", self.command() + ["CONFIG"])


class Haproxy(Peer):
    program = "/usr/sbin/haproxy"

    def __init__(self, cluster):
        super().__init__(cluster, "haproxy")
        self.missing = None if os.path.exists(self.program) else "apt-get install haproxy"

    def start(self):
        primary = self.cluster.primary
        return self.start_with("\n".join([
            "global", "  nbthread 1", "  maxconn 1000",
            "defaults", "  mode tcp", "  timeout connect 5s", "  timeout client 1h", "  timeout server 1h",
            "listen postgres", "  bind 127.0.0.1:%d" % self.port,
            "  server primary %s:%d" % (primary.host, primary.port), ""]), [self.program, "-db", "-f", "CONFIG"])


class Pgpool(Peer):
    program = "/usr/sbin/pgpool"

    def __init__(self, cluster):
        super().__init__(cluster, "pgpool")
        self.missing = None if os.path.exists(self.program) else "apt-get install pgpool2"

    def start(self):
        settings = {
            "backend_clustering_mode": "streaming_replication", "listen_addresses": "127.0.0.1", "port": self.port,
            "socket_dir": self.rundir.file("sock"), "pcp_port": free_port(), "pcp_socket_dir": self.rundir.file("sock"),
            "pid_file_name": self.rundir.file(self.name + ".pid"), "logdir": self.rundir.file("log"),
            "num_init_children": 32, "max_pool": 1, "load_balance_mode": "on", "enable_pool_hba": "off",
            "sr_check_period": 1, "sr_check_user": "postgres", "sr_check_database": "postgres",
            "health_check_period": 0, "failover_on_backend_error": "off"}
        for i, node in enumerate(self.cluster.nodes):
            settings.update({"backend_hostname%d" % i: node.host, "backend_port%d" % i: node.port,
                             "backend_weight%d" % i: 0 if node is self.cluster.primary else 1})
        text = "".join("%s = '%s'\n" % item for item in settings.items())
        return self.start_with(text, [self.program, "-n", "-f", "CONFIG", "-F", os.devnull, "-a", os.devnull])


class Andon(Router):
    missing = None

    def __init__(self, cluster, label="andon", nodes=None, users=None, **options):
        options = dict({"workers": 1, "default_pool_size": POOL_SIZE, "max_client_conn": MAX_CLIENTS,
                        "log_level": "warning", "server_tls_sslmode": "disable",
                        "auth_type": "scram-sha-256" if users else "trust"}, **options)
        super().__init__(cluster, options, users=users, nodes=nodes, name="bench-" + label.replace(" ", "-"))
        self.label = label

    def cpu_us(self):
        return sum(nanoseconds(self.pid).values()) / 1000
