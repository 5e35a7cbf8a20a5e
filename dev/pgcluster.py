"""PostgreSQL clusters and routers to try things on.

One module for dev/devcluster, the demo and every end-to-end test:

    RunDir    a folder under /tmp that an ordinary user can enter
    Node      one PostgreSQL server in it
    Cluster   a primary and its streaming replicas
    Router    an andon-router in front of nodes

Servers come from the staged copy under build/ (`make stage`), never from the
system's directories. PostgreSQL and the router refuse to run as root: root
starts them as user postgres. A checkout may lie where that user cannot enter
(/root); then the programs are copied into the RunDir.

Everything is started in a session of its own, ended by process id, and waited
for by condition with a deadline. Whatever happens to the program that imports
this, stop_all() runs at its exit; programs also call stop_on_signals().

Standard library and psycopg2 only. Run with /usr/bin/python3, which has it.
"""

import atexit
import contextlib
import glob
import grp
import http.client
import json
import os
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import psycopg2
import psycopg2.extensions

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEADLINE_SECS = 60

_running = []        # whatever has a stop() that must be called at exit
_port_locks = []     # sockets that hold our ports against other harnesses


def build_dir():
    return os.environ.get("ANDON_BUILD", os.path.join(TOP, "build"))


def sanitizer():
    """The variant under test: "asan", "tsan" or ""."""
    name = os.path.basename(build_dir().rstrip("/"))
    return name if name in ("asan", "tsan") else ""


def product_version():
    """The version that this tree builds."""
    with open(os.path.join(TOP, "Makefile")) as file:
        return re.search(r"^VERSION *:= *(\S+)", file.read(), re.M).group(1)


class Failed(Exception):
    """A server or program did not do what was asked; the text has its log."""


def wait_until(condition, timeout=DEADLINE_SECS, what="condition", interval=0.02):
    """Calls condition() until it is true and returns its value."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failed("gave up after %g s waiting for %s" % (timeout, what))
        time.sleep(interval)


def free_port():
    """A loopback port outside the range the kernel hands to clients.

    It is held by an abstract socket for as long as this process lives, so that
    two harnesses that run at the same time never pick the same one.
    """
    while True:
        port = random.randrange(20000, 32000)
        lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            lock.bind("\0andon-port-%d" % port)
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            lock.close()
            continue
        _port_locks.append(lock)
        return port


def stop_all():
    """Stops everything still running, the youngest first."""
    while _running:
        with contextlib.suppress(Exception):
            _running[-1].close()


atexit.register(stop_all)


def stop_on_signals():
    """Makes SIGTERM, SIGINT and SIGHUP end the program in good order."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))


def tail(path, lines=40):
    try:
        with open(path, errors="replace") as file:
            return "".join(file.readlines()[-lines:])
    except OSError as error:
        return str(error)


# --------------------------------------------------------------------- RunDir
class RunDir:
    """A folder for one cluster: data, sockets, logs, and the user who owns it."""

    def __init__(self, name="andon"):
        self.path = tempfile.mkdtemp(prefix="%s-" % name, dir="/tmp")
        os.chmod(self.path, 0o755)
        self.keep_logs = False
        self.drop_to = self._ordinary_user()
        self.user = self.drop_to or pwd.getpwuid(os.getuid()).pw_name
        self.own(self.path)
        self._programs = {}
        for folder in ("log", "sock"):
            self.make_folder(folder, 0o755)
        _running.append(self)
        self.bin = self._reachable_server()

    @staticmethod
    def _ordinary_user():
        if os.getuid() != 0:
            return None
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                pwd.getpwnam(name)
                return name
        raise Failed("no ordinary user to run PostgreSQL as")

    def _as_user(self):
        if not self.drop_to:
            return {}
        entry = pwd.getpwnam(self.drop_to)
        groups = [group.gr_gid for group in grp.getgrall() if self.drop_to in group.gr_mem]
        return dict(user=entry.pw_uid, group=entry.pw_gid, extra_groups=groups)

    def file(self, *parts):
        return os.path.join(self.path, *parts)

    def own(self, path):
        if self.drop_to:
            entry = pwd.getpwnam(self.drop_to)
            os.chown(path, entry.pw_uid, entry.pw_gid)

    def make_folder(self, name, mode=0o700):
        path = self.file(name)
        os.mkdir(path)
        os.chmod(path, mode)
        self.own(path)
        return path

    def write(self, name, text, mode=0o600):
        """Whole or not at all: a program that reads the file now sees the old text or the new one."""
        path = self.file(name)
        with open(path + ".new", "w") as file:
            file.write(text)
        os.chmod(path + ".new", mode)
        self.own(path + ".new")
        os.replace(path + ".new", path)
        return path

    def popen(self, command, log=None, env=None):
        """Starts a program as the ordinary user, its output appended to a log (None: ours)."""
        with open(log, "ab") if log else contextlib.nullcontext() as out:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=self.path,
                env=self.environment(env), start_new_session=True, **self._as_user())

    def run(self, command, env=None, check=True, timeout=300):
        """Runs a program as the ordinary user; returns what it printed."""
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            cwd=self.path, env=self.environment(env), text=True, errors="replace",
            timeout=timeout, **self._as_user())
        if check and done.returncode != 0:
            raise Failed("%s: exit code %d\n%s" % (" ".join(command), done.returncode, done.stdout))
        return done.stdout

    def environment(self, more=None):
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        clean.update(HOME=self.path, LC_ALL="C.UTF-8", **(more or {}))
        return clean

    def _can_run(self, program):
        return subprocess.run(["test", "-x", program], cwd="/", **self._as_user()).returncode == 0

    def _reachable_server(self):
        staged = sorted(glob.glob(os.path.join(build_dir(), "pg[0-9]*")))
        if not staged:
            raise Failed("no staged server under %s: run 'make stage'" % build_dir())
        return os.path.join(self.reachable(staged[-1], "bin/postgres"), "bin")

    def reachable(self, folder, program):
        """A folder of the build; or a copy of it, if our user cannot run this program where it lies."""
        if self._can_run(os.path.join(folder, program)):
            return folder
        copy = shutil.copytree(folder, self.file(os.path.basename(folder)), symlinks=True)
        os.chmod(copy, 0o755)
        return copy

    def program(self, name):
        """A program of the server ("psql") or of the build ("andon-router")."""
        server_program = os.path.join(self.bin, name)
        if os.path.exists(server_program):
            return server_program
        if name not in self._programs:
            path = os.path.join(build_dir(), name)
            if not os.path.exists(path):
                raise Failed("%s is not built: run 'make'" % path)
            if not self._can_run(path):
                path = shutil.copy(path, self.file(name))
                os.chmod(path, 0o755)
            self._programs[name] = path
        return self._programs[name]

    def close(self):
        if self in _running:
            _running.remove(self)
        if self.keep_logs:
            kept = os.path.join(build_dir(), "logs", os.path.basename(self.path))
            shutil.copytree(self.file("log"), kept, dirs_exist_ok=True)
            print("logs kept in %s" % kept, flush=True)
        shutil.rmtree(self.path, ignore_errors=True)


# ---------------------------------------------------------------- Process
class Process:
    """A program started in the background and ended by its process id."""

    def __init__(self, rundir, name):
        self.rundir = rundir
        self.name = name
        self.process = None
        self.log_path = rundir.file("log", name + ".log")

    @property
    def pid(self):
        return self.process.pid

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def resident_bytes(self):
        with open("/proc/%d/statm" % self.pid) as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def launch(self, command, env=None):
        self.process = self.rundir.popen(command, self.log_path, env)
        if self not in _running:
            _running.append(self)

    def wait_ready(self, condition, timeout=DEADLINE_SECS):
        def ready():
            if not self.is_running():
                raise Failed("%s ended with exit code %s\n%s" % (
                    self.name, self.process.returncode, tail(self.log_path)))
            return condition()
        try:
            wait_until(ready, timeout, self.name + " to be ready")
        except Failed:
            self.rundir.keep_logs = True
            raise

    def signal(self, number):
        self.process.send_signal(number)

    def wait_end(self, timeout=DEADLINE_SECS):
        """Waits for the end; kills what does not end, and says so."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise Failed("%s did not stop within %g s\n%s" % (self.name, timeout, tail(self.log_path)))

    def family(self):
        """The program and its children, which PostgreSQL puts in sessions of their own."""
        pids = [self.pid]
        for path in glob.glob("/proc/[0-9]*/stat"):
            with contextlib.suppress(OSError, ValueError, IndexError):
                with open(path) as file:
                    if int(file.read().rpartition(")")[2].split()[1]) == self.pid:
                        pids.append(int(path.split("/")[2]))
        return pids

    def _signal_family(self, number):
        """The parent first, so that it starts no more; again until none is new."""
        done = set()
        while True:
            new = [pid for pid in self.family() if pid not in done]
            if not new:
                return done
            for pid in new:
                done.add(pid)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    def sigstop(self):
        """Freezes the program: it keeps its sockets and answers nothing."""
        self._signal_family(signal.SIGSTOP)

    def sigcont(self):
        self._signal_family(signal.SIGCONT)

    def kill9(self):
        """Ends the program and its children at once, as a power cut would."""
        if self.is_running():
            pids = self.family()
            self._signal_family(signal.SIGKILL)
            self.process.wait()
            for pid in pids[1:]:
                wait_until(lambda: not _is_alive(pid), 20, "process %d to end" % pid)
        self._forget()

    def _forget(self):
        if self in _running:
            _running.remove(self)

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def close(self):
        try:
            if self.is_running():
                self.stop()
        finally:
            if self.is_running():
                self.kill9()
            self._forget()


def _is_alive(pid):
    """Whether the process exists and is more than a zombie."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


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


# ---------------------------------------------------------------- Router
class Router(Process):
    """andon-router in front of nodes.

    options are those of the section [router]; the ones below are defaults for
    tests. sections adds or replaces others: {"databases": {"mes": "dbname=mes"}}.
    users is the auth_file, name to password; by default the cluster's.
    """

    def __init__(self, cluster, options=None, sections=None, users=None, nodes=None, name="router"):
        super().__init__(cluster.rundir, name)
        self.cluster = cluster
        self.host = "127.0.0.1"
        self.port = free_port()
        self.http_port = free_port()
        self.users = dict(cluster.passwords) if users is None else dict(users)
        self.users.setdefault("postgres", "")
        self.options = {
            "listen_addr": self.host,
            "listen_port": self.port,
            "http_addr": self.host,
            "http_port": self.http_port,
            "workers": 2,
            "pool_mode": "transaction",
            "auth_type": cluster.auth,
            "auth_file": self.rundir.file(name + ".users"),
            "admin_users": "postgres",
            "log_format": "json",
        }
        self.options.update(options or {})
        self.sections = {
            "nodes": {node.name: "host=%s port=%d" % (node.host, node.port) for node in nodes or cluster.nodes},
            "databases": {"*": ""},
        }
        self.sections.update(sections or {})
        self.config_path = self.rundir.file(name + ".ini")
        self.arguments = []         # on its command line
        self.environment = {}

    def write_config(self):
        lines = []
        for section, entries in dict(router=self.options, **self.sections).items():
            lines.append("[%s]" % section)
            lines += ["%s = %s" % (key, value) for key, value in entries.items() if value is not None]
            lines.append("")
        self.rundir.write(self.name + ".ini", "\n".join(lines))
        self.rundir.write(self.name + ".users", "".join(
            '"%s" "%s"\n' % (user.replace('"', '""'), (password or "").replace('"', '""'))
            for user, password in self.users.items()))

    def start(self, wait=True):
        """Starts it; with wait, returns once /ready says that a node takes work."""
        self.write_config()
        self.launch([self.rundir.program("andon-router"), "-c", self.config_path, *self.arguments], dict({
            "ASAN_OPTIONS": "abort_on_error=1", "TSAN_OPTIONS": "halt_on_error=0 exitcode=66",
            "UBSAN_OPTIONS": "print_stacktrace=1"}, **self.environment))
        if wait:
            self.wait_ready(self.is_ready)
        return self

    def check_config(self):
        """(exit code, output) of --check-config on the configuration as written now."""
        self.write_config()
        command = [self.rundir.program("andon-router"), "-c", self.config_path, "--check-config"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env=self.rundir.environment(), cwd=self.rundir.path, **self.rundir._as_user())
        return done.returncode, done.stdout

    def http(self, path, method="GET"):
        """(status, body); (0, "") while nothing listens."""
        connection = http.client.HTTPConnection(self.host, self.http_port, timeout=10)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def is_ready(self):
        return self.http("/ready")[0] == 200

    def connect(self, dbname="postgres", user="postgres", autocommit=True, **options):
        if self.users.get(user):
            options.setdefault("password", self.users[user])
        options.setdefault("connect_timeout", 10)
        options.setdefault("sslmode", "prefer")
        connection = psycopg2.connect(host=self.host, port=self.port, dbname=dbname, user=user, **options)
        connection.autocommit = autocommit
        return connection

    def query(self, sql, params=None, dbname="postgres", user="postgres"):
        with contextlib.closing(self.connect(dbname, user)) as connection:
            return fetch(connection, sql, params)

    def value(self, sql, params=None, dbname="postgres", user="postgres"):
        return self.query(sql, params, dbname, user)[0][0]

    def show(self, what):
        """SHOW ... of the admin console, as a list of dicts."""
        with contextlib.closing(self.connect("andon")) as connection:
            with connection.cursor() as cursor:
                cursor.execute("SHOW " + what)
                names = [column.name for column in cursor.description]
                return [dict(zip(names, row)) for row in cursor.fetchall()]

    def reload(self, wait_for_event=None):
        """Writes the configuration as it is now and sends SIGHUP."""
        seen = len(self.events(wait_for_event)) if wait_for_event else 0
        self.write_config()
        self.signal(signal.SIGHUP)
        if wait_for_event:
            wait_until(lambda: len(self.events(wait_for_event)) > seen, what="event " + wait_for_event)

    def stop(self, timeout=DEADLINE_SECS):
        """SIGTERM, which drains; returns the exit code. Logs of a crash are kept."""
        code = self.process.returncode if self.process else 0
        if self.is_running():
            self.sigcont()
            self.signal(signal.SIGTERM)
            code = self.wait_end(timeout)
        self._forget()
        if code not in (0, None) or "Sanitizer" in self.log():
            self.rundir.keep_logs = True
        return code

    def log_entries(self):
        """The lines of the JSON log; other lines (a sanitizer's report) come as text."""
        entries = []
        for line in self.log().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                entry = {"text": line}
            entries.append(entry if isinstance(entry, dict) else {"text": line})
        return entries

    def events(self, name):
        return [entry for entry in self.log_entries() if entry.get("event") == name]

    def metrics(self):
        """{(name, (("label", "value"), ...)): value} from /metrics."""
        status, body = self.http("/metrics")
        if status != 200:
            raise Failed("/metrics answered %d" % status)
        values = {}
        for line in body.splitlines():
            found = re.match(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? +(\S+)", line)
            if found and not line.startswith("#"):
                labels = tuple(sorted(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found.group(2) or "")))
                values[found.group(1), labels] = float(found.group(3))
        return values

    def metric(self, name, **labels):
        """The sum of a metric over all its series that have these labels."""
        wanted = set(labels.items())
        return sum(value for (found, has), value in self.metrics().items()
                   if found == name and wanted <= set(has))

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        if kind is not None and issubclass(kind, Exception):
            self.rundir.keep_logs = True
        self.close()
