"""Programs that run in a folder of their own.

    RunDir    a folder under /tmp that an ordinary user can enter
    Process   a program that runs there in the background

and what their users need besides: where the build lies, wait_until(),
free_port(). What is run is known by others: PostgreSQL by pgcluster.py, the
router by routerproc.py.

Servers come from the staged copy under build/ (`make stage`), never from the
system's directories. PostgreSQL and the router refuse to run as root: root
starts them as user postgres. A checkout may lie where that user cannot enter
(/root); then the programs are copied into the RunDir.

Everything is started in a session of its own, ended by process id, and waited
for by condition with a deadline. Whatever happens to the program that imports
this, stop_all() runs at its exit; programs also call stop_on_signals().
"""

import atexit
import contextlib
import glob
import grp
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

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEADLINE_SECS = 60

_running = []        # whatever has a stop() that must be called at exit
_port_locks = []     # sockets that hold our ports against other harnesses


def build_dir():
    return os.environ.get("ANDON_BUILD", os.path.join(TOP, "build"))


def router_program():
    """The andon-router to run: ANDON_ROUTER, or that of the build."""
    return os.path.abspath(os.environ.get("ANDON_ROUTER") or os.path.join(build_dir(), "andon-router"))


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


# ---------------------------------------------------------------- RunDir
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

    def as_user(self):
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
                env=self.environment(env), start_new_session=True, **self.as_user())

    def run(self, command, env=None, check=True, timeout=300):
        """Runs a program as the ordinary user; returns what it printed."""
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            cwd=self.path, env=self.environment(env), text=True, errors="replace",
            timeout=timeout, **self.as_user())
        if check and done.returncode != 0:
            raise Failed("%s: exit code %d\n%s" % (" ".join(command), done.returncode, done.stdout))
        return done.stdout

    def environment(self, more=None):
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        clean.update(HOME=self.path, LC_ALL="C.UTF-8", **(more or {}))
        return clean

    def _can_run(self, program):
        return subprocess.run(["test", "-x", program], cwd="/", **self.as_user()).returncode == 0

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
            path = router_program() if name == "andon-router" else os.path.join(build_dir(), name)
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
