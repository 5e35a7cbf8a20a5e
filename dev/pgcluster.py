"""PostgreSQL clusters to try things on, for dev/devcluster, the demo, the benchmarks and every end-to-end test.

    Node      one PostgreSQL server
    Cluster   a primary and its streaming replicas

They live in a RunDir (programs.py); a router in front of them is made by
routerproc.py. Standard library and psycopg2 only: run with /usr/bin/python3,
which has it.
"""

import contextlib
import os
import shutil
import signal
import subprocess

import psycopg2

from programs import DEADLINE_SECS, Failed, Process, RunDir, free_port, sanitizer, tail, wait_until


# ---------------------------------------------------------------- Node
class Node(Process):
    """One PostgreSQL server.

    settings go to postgresql.conf. auth is how TCP clients log in: "trust" or
    "scram-sha-256". The harness itself comes in over the unix socket, trusted.
    """

    def __init__(self, rundir, name, settings=None, auth="trust", fsync=False):
        super().__init__(rundir, name)
        self.data = rundir.file(name)
        self.port = free_port()
        self.host = "127.0.0.1"
        self.auth = auth
        self.settings = {
            "port": self.port,
            "listen_addresses": self.host,
            "unix_socket_directories": rundir.file("sock"),
            "cluster_name": name,
            "fsync": "on" if fsync else "off",
            "max_connections": 200,
            "shared_buffers": "64MB",
            "wal_level": "replica",
            "max_wal_senders": 10,
            "max_prepared_transactions": 10,
            "wal_keep_size": "256MB",
            "hot_standby": "on",
            "wal_retrieve_retry_interval": "100ms",
            "jit": "off",
            "log_min_messages": "warning",
            "log_line_prefix": "%m [%p] %q%u@%d %a ",
            "timezone": "UTC",
        }
        self.settings.update(settings or {})

    def initdb(self):
        self.rundir.run([self.rundir.program("initdb"), "-D", self.data, "-U", "postgres", "-A", "trust",
                         "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"])
        self.write_hba()
        self.write_settings()
        return self

    def base_backup_of(self, primary):
        """Fills the data folder from the primary and makes this a streaming replica."""
        self.rundir.run([self.rundir.program("pg_basebackup"), "-D", self.data, "-R", "--no-sync",
                         "--checkpoint=fast", "-d", primary.socket_conninfo(self.name)])
        self.settings["primary_conninfo"] = primary.socket_conninfo(self.name)
        self.write_settings()
        return self

    def socket_conninfo(self, application_name):
        return "host=%s port=%d user=postgres application_name=%s" % (
            self.rundir.file("sock"), self.port, application_name)

    def write_hba(self):
        self.rundir.write(os.path.join(self.data, "pg_hba.conf"), "\n".join([
            "local all all trust",
            "local replication all trust",
            "host all all 127.0.0.1/32 " + self.auth,
            "host replication all 127.0.0.1/32 trust", ""]))

    def write_settings(self):
        """postgresql.auto.conf would win over the file we own, so it holds nothing of ours."""
        lines = ["%s = '%s'" % (key, str(value).replace("'", "''")) for key, value in self.settings.items()]
        self.rundir.write(os.path.join(self.data, "andon.conf"), "\n".join(lines) + "\n")
        path = os.path.join(self.data, "postgresql.conf")
        with open(path) as file:
            text = file.read()
        if "include 'andon.conf'" not in text:
            self.rundir.write(path, text + "\ninclude 'andon.conf'\n")
        auto = os.path.join(self.data, "postgresql.auto.conf")
        with contextlib.suppress(FileNotFoundError):
            with open(auto) as file:
                kept = [line for line in file if not line.startswith("primary_conninfo")]
            self.rundir.write(auto, "".join(kept))

    def configure(self, **settings):
        """Changes settings; they apply at the next reload() or start()."""
        self.settings.update(settings)
        self.write_settings()
        return self

    def start(self):
        with contextlib.suppress(FileNotFoundError):
            if not self.is_running():
                os.unlink(os.path.join(self.data, "postmaster.pid"))
        self.launch([self.rundir.program("postgres"), "-D", self.data],
                    sanitizer_environment(self.rundir))
        self.wait_ready(self.accepts)
        return self

    def accepts(self):
        try:
            self.connect().close()
            return True
        except psycopg2.OperationalError:
            return False

    def stop(self, mode="fast"):
        number = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode]
        if self.is_running():
            self.sigcont()
            self.signal(number)
            self.wait_end()
        self._forget()

    def restart(self):
        self.stop()
        return self.start()

    def reload(self):
        """Re-reads the configuration and waits until a new session sees it."""
        before = self.value("SELECT pg_conf_load_time()")
        self.signal(signal.SIGHUP)
        wait_until(lambda: self.value("SELECT pg_conf_load_time()") > before, what="reload of " + self.name)

    def connect(self, dbname="postgres", user="postgres", autocommit=True, tcp=False, **options):
        """A psycopg2 connection; over TCP the server's auth applies."""
        connection = psycopg2.connect(
            host=self.host if tcp else self.rundir.file("sock"), port=self.port, dbname=dbname, user=user,
            connect_timeout=10, **options)
        connection.autocommit = autocommit
        return connection

    def query(self, sql, params=None, dbname="postgres"):
        """Runs one statement; returns its rows ([] when it gives none)."""
        with contextlib.closing(self.connect(dbname)) as connection:
            return fetch(connection, sql, params)

    def value(self, sql, params=None, dbname="postgres"):
        return self.query(sql, params, dbname)[0][0]

    def run_sql_file(self, path, dbname="postgres"):
        with open(path) as file:
            self.query(file.read(), dbname=dbname)

    def is_standby(self):
        return self.value("SELECT pg_is_in_recovery()")

    def lsn(self):
        """The end of what this node has: flushed on a primary, replayed on a replica."""
        return self.value("SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()"
                          " ELSE pg_current_wal_flush_lsn() END::text")

    def has_replayed(self, lsn):
        return self.value("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [lsn])

    def pause_replay(self):
        self.query("SELECT pg_wal_replay_pause()")
        wait_until(lambda: self.value("SELECT pg_get_wal_replay_pause_state()") == "paused",
                   what=self.name + " to pause replay")

    def resume_replay(self):
        self.query("SELECT pg_wal_replay_resume()")

    def promote(self):
        if not self.value("SELECT pg_promote(true, 60)"):
            raise Failed("%s was not promoted\n%s" % (self.name, tail(self.log_path)))
        self.settings.pop("primary_conninfo", None)
        self.write_settings()

    def follow(self, primary):
        """Streams from another primary from now on."""
        self.configure(primary_conninfo=primary.socket_conninfo(self.name))
        self.reload()

    def rewind_to(self, primary):
        """A stopped old primary becomes a replica of the new one, by pg_rewind; by a new copy if that cannot be (False)."""
        primary.query("CHECKPOINT")     # up to then its control file tells of the old timeline
        try:
            self.rundir.run([self.rundir.program("pg_rewind"), "-D", self.data, "--no-sync", "--source-server",
                             primary.socket_conninfo("rewind") + " dbname=postgres"])
        except Failed:
            self.rebuild_from(primary)
            return False
        self.write_hba()        # it has brought the other's files
        self.configure(primary_conninfo=primary.socket_conninfo(self.name))
        self.rundir.write(os.path.join(self.data, "standby.signal"), "")
        self.start()
        return True

    def rebuild_from(self, primary):
        """Throws the data away and becomes a replica of primary (a rejoining old primary)."""
        self.close()
        shutil.rmtree(self.data)
        self.base_backup_of(primary)
        return self.start()


def fetch(connection, sql, params=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else []


def sanitizer_environment(rundir):
    """The staged server is not built with a sanitizer, the extension is: bring its runtime."""
    if sanitizer() != "asan":
        return {}
    runtime = subprocess.run(["gcc", "-print-file-name=libasan.so"], stdout=subprocess.PIPE, text=True)
    return {"LD_PRELOAD": "%s %s" % (os.path.realpath(runtime.stdout.strip()), rundir.program("untranslated.so")),
            "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0:abort_on_error=1",
            "UBSAN_OPTIONS": "print_stacktrace=1"}


# ---------------------------------------------------------------- Cluster
class Cluster:
    """A primary and streaming replicas, named like houses on a street.

    sync=True makes the first replica a synchronous standby. preload=True loads
    the extension at server start. auth is for TCP clients; create_user() keeps
    the passwords it gives, and Router takes them from there.
    """

    NAMES = ("north", "south", "east", "west", "centre")

    def __init__(self, replicas=0, sync=False, preload=False, auth="trust", fsync=False,
                 settings=None, name="andon"):
        settings = dict(settings or {})
        if preload:
            settings["shared_preload_libraries"] = "andon"
        self.rundir = RunDir(name)
        self.auth = auth
        self.passwords = {}
        self.nodes = [Node(self.rundir, node_name, settings, auth, fsync)
                      for node_name in self.NAMES[:replicas + 1]]
        self.sync = sync

    @property
    def primary(self):
        return self.nodes[0]

    @property
    def replicas(self):
        return self.nodes[1:]

    def start(self):
        self.primary.initdb().start()
        for replica in self.replicas:
            replica.base_backup_of(self.primary).start()
        if self.sync:
            self.primary.configure(synchronous_standby_names="FIRST 1 (%s)" % self.replicas[0].name)
            self.primary.reload()
        self.wait_streaming()
        return self

    def wait_streaming(self):
        count = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
        wait_until(lambda: self.primary.value(count) >= sum(node.is_running() for node in self.replicas),
                   what="replicas to stream")
        if self.sync:
            wait_until(lambda: self.primary.value(
                "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") > 0,
                what="a synchronous standby")

    def wait_caught_up(self, timeout=DEADLINE_SECS):
        """Waits until every running replica has replayed what the primary has now."""
        lsn = self.primary.lsn()
        for replica in self.replicas:
            if replica.is_running():
                wait_until(lambda: replica.has_replayed(lsn), timeout, "%s to replay %s" % (replica.name, lsn))

    def pause_replay(self):
        for replica in self.replicas:
            replica.pause_replay()

    def resume_replay(self):
        for replica in self.replicas:
            replica.resume_replay()

    def promote(self, replica):
        """Makes a replica the primary, and the other running replicas follow it."""
        replica.promote()
        self.now_led_by(replica)

    def now_led_by(self, replica):
        """It was promoted: the others follow it."""
        others = [node for node in self.replicas if node is not replica]
        self.nodes.remove(replica)
        self.nodes.insert(0, replica)
        for node in others:
            if node.is_running() and node.is_standby():
                node.follow(replica)

    def create_user(self, name, password=None, options="LOGIN"):
        self.primary.query('CREATE ROLE "%s" %s%s' % (
            name, options, " PASSWORD '%s'" % password.replace("'", "''") if password else ""))
        self.passwords[name] = password or ""

    def create_database(self, name, extension=True, owner=None):
        self.primary.query('CREATE DATABASE "%s"%s' % (name, ' OWNER "%s"' % owner if owner else ""))
        if extension:
            self.primary.query("CREATE EXTENSION andon", dbname=name)
        self.wait_caught_up()
        return name

    def tool(self, name, *args, env=None, check=True, timeout=300):
        """Runs a program of the server (pgbench, psql, pg_dump)."""
        return self.rundir.run([self.rundir.program(name)] + list(args), env, check, timeout)

    def close(self):
        for node in reversed(self.nodes):
            with contextlib.suppress(Failed):
                node.close()
        self.rundir.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        if kind is not None and issubclass(kind, Exception):
            self.rundir.keep_logs = True
        self.close()
