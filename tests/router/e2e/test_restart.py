"""Restarts that nobody notices: hand-over, socket activation, draining, cancels that find the right process."""

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import threading

import psycopg2

from pgcluster import fetch
from programs import free_port, wait_until
from routerproc import Router
from pgwire import Query, Wire
from routercase import RouterTestCase

# Starts a program as systemd does: descriptors from 3 on, LISTEN_PID its own.
ACTIVATE = """
import os, sys
high = [os.dup(int(fd)) for fd in sys.argv[1].split(",")]
high = [os.dup2(fd, 100 + i) for i, fd in enumerate(high)]
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


numbers = itertools.count(1)


def is_alive(pid):
    with contextlib.suppress(OSError):
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    return False


class Restart(RouterTestCase):
    cluster_options = {"replicas": 1}
    router_options = None

    @classmethod
    def wait_reads_on_replicas(cls, router, user="postgres"):
        """Where reads go is not what these tests are about."""

    def successor(self, old, sections=None, **options):
        """A router that takes over from old; not started."""
        new = Router(self.cluster, dict(old.options, **options),
                     dict(old.sections, **sections or {}), name="%s-%d" % (old.name, next(numbers)))
        new.port, new.http_port = old.port, old.http_port
        new.arguments = ["--takeover"]
        self.addCleanup(self._stop_router, new)
        return new

    def take_over(self, old, **options):
        """Starts the successor and waits until it has taken over."""
        new = self.successor(old, **options).start(wait=False)
        new.wait_ready(lambda: new.events("takeover_done"))
        return new

    def wait_running(self, what, count=1):
        def running():
            return sum(node.value("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE %s"
                                  " AND pid <> pg_backend_pid()", ["%" + what + "%"]) for node in self.cluster.nodes)
        wait_until(lambda: running() == count, what="%d of %s to run" % (count, what))

    # ------------------------------------------------------------ nobody notices
    def test_three_restarts(self):
        """Guards: through three restarts under load no connection attempt fails, no statement, no look at /ready."""
        router = self.start_router({"unix_socket_dir": self.cluster.rundir.file("sock"), "workers": 2})
        errors, counts, stop = [], [0, 0, 0, 0], threading.Event()

        def watched(step, number):
            try:
                while not stop.is_set():
                    step()
                    counts[number] += 1
            except Exception as error:      # noqa: BLE001
                errors.append((number, repr(error)))

        def come_and_go(host):
            with contextlib.closing(psycopg2.connect(host=host, port=router.port, dbname=self.dbname, user="postgres",
                                                     connect_timeout=30)) as connection:
                fetch(connection, "SELECT count(*) FROM t")

        def stay(connection):
            cursor = connection.cursor()
            cursor.execute("UPDATE t SET v = v WHERE id = 1")
            cursor.execute("SELECT count(*) FROM t")
            connection.commit()

        def look():
            status, _ = router.http("/ready")
            if status != 200:
                raise AssertionError("/ready said %d" % status)

        stayer = router.connect(self.dbname, autocommit=False)
        steps = [lambda: come_and_go("127.0.0.1"), lambda: come_and_go(self.cluster.rundir.file("sock")),
                 lambda: stay(stayer), look]
        threads = [threading.Thread(target=watched, args=(step, number)) for number, step in enumerate(steps)]
        threads += [threading.Thread(target=watched, args=(steps[0], 0)) for _ in range(2)]
        for thread in threads:
            thread.start()
        chain = [router]
        try:
            for workers in (4, 1, 2):
                chain.append(self.take_over(chain[-1], workers=workers))
                seen = list(counts)
                wait_until(lambda: errors or all(now > before + 5 for now, before in zip(counts, seen)),
                           what="everybody to go on")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(errors, [])
        self.assertEqual([old.wait_end() for old in chain[1:3]], [0, 0], "those without clients have ended")
        self.assertTrue(chain[0].is_running(), "the first still has a client")
        stayer.close()
        self.assertEqual(chain[0].wait_end(), 0)
        come_and_go(self.cluster.rundir.file("sock"))
        self.assertEqual([entry["event"] for old in chain for entry in old.log_entries() if entry["level"] == "error"], [])

    def test_successor_that_fails(self):
        """Guards: a successor with a bad configuration, or that no node answers, or that dies, changes nothing."""
        old = self.start_router({"unix_socket_dir": self.cluster.rundir.file("sock")})
        path = self.cluster.rundir.file("sock", ".s.PGSQL.%d" % old.port)
        for code, options in ((2, {"workers": "many"}), (1, {"auth_file": "/no/such/users"}),
                              (1, {"http_addr": "203.0.113.9"})):
            new = self.successor(old, **options).start(wait=False)
            self.assertEqual(new.process.wait(60), code)
            self.assertAlive(old)
        lost = {"nodes": {"nowhere": "host=127.0.0.1 port=%d" % free_port()}}
        for number in (signal.SIGTERM, signal.SIGKILL):
            failed = len(old.events("handover_failed"))
            new = self.successor(old, sections=lost).start(wait=False)
            new.wait_ready(lambda: new.events("takeover_begins"))
            self.assertAlive(old)
            new.signal(number)
            new.process.wait(60)
            wait_until(lambda: len(old.events("handover_failed")) > failed, what="the old one to see it")
            self.assertTrue(os.path.exists(path))
            self.assertAlive(old)
        self.assertAlive(self.take_over(old))
        self.assertEqual(old.wait_end(), 0)
        self.assertTrue(os.path.exists(path))

    def test_predecessor_that_dies(self):
        """Guards: if the old one ends while its successor prepares, the successor has its sockets and who waits in them."""
        old = self.start_router({"unix_socket_dir": self.cluster.rundir.file("sock")})
        path = self.cluster.rundir.file("sock", ".s.PGSQL.%d" % old.port)
        port = free_port()
        new = self.successor(old, sections={"nodes": {"late": "host=127.0.0.1 port=%d" % port}}).start(wait=False)
        new.wait_ready(lambda: new.events("takeover_begins"))
        old.signal(signal.SIGTERM)
        self.assertEqual(old.wait_end(), 0)
        new.wait_ready(lambda: new.events("router_started"))
        self.assertTrue(os.path.exists(path))
        self.assertEqual(new.http("/live")[0], 200)
        with Wire(old.port, startup=False) as wire:
            wire.send((8).to_bytes(4, "big") + (80877103).to_bytes(4, "big"))
            self.assertEqual(wire.read_bytes(1), b"N", "an SSLRequest is answered")

    def test_nobody_to_follow(self):
        """Guards: --takeover starts as usual where nobody listens, and names nobody it was not told to."""
        options = {"listen_port": free_port(), "http_port": free_port()}
        router = Router(self.cluster, options, name="first")
        router.port, router.http_port = options["listen_port"], options["http_port"]
        router.arguments = ["-R"]
        self._routers().append(router)
        self.addCleanup(self._stop_router, router)
        router.start()
        self.assertAlive(router)
        other = self.successor(router)
        other.arguments = ["--takeover=%d" % os.getpid()]
        other.start(wait=False)
        self.assertEqual(other.process.wait(60), 1)
        self.assertAlive(router)

    def test_takeover_grace(self):
        """Guards: after takeover_grace idle clients of the old process are told 57P01, transactions end first."""
        old = self.start_router({"takeover_grace": "50ms"})
        idle, busy = self.wire(old), self.wire(old)
        busy.query("BEGIN")
        busy.query("INSERT INTO t VALUES (8000)")
        self.take_over(old)
        self.assertEqual([reply.word() for reply in idle.read_end()], ["E 57P01"])
        busy.send(Query("COMMIT"))
        self.assertEqual([reply.word() for reply in busy.read_end()], ["C COMMIT", "Z I", "E 57P01"])
        self.assertEqual(old.wait_end(), 0)

    # ------------------------------------------------------------ signals
    def test_sigquit(self):
        """Guards: SIGQUIT ends at once and in order: all are told, transactions roll back, no socket stays."""
        router = self.start_router({"drain_grace": "1h", "unix_socket_dir": self.cluster.rundir.file("sock")})
        path = self.cluster.rundir.file("sock", ".s.PGSQL.%d" % router.port)
        self.assertTrue(os.path.exists(path))
        idle, busy = self.wire(router), self.wire(router)
        busy.query("BEGIN")
        busy.query("INSERT INTO t VALUES (8100)")
        router.signal(signal.SIGQUIT)
        for wire in (idle, busy):
            self.assertEqual([reply.word() for reply in wire.read_end()], ["E 57P01"])
        self.assertEqual(router.wait_end(), 0)
        self.assertFalse(os.path.exists(path))
        self.assertEqual(self.sql("SELECT count(*) FROM t WHERE id = 8100"), [(0,)])

    def test_drain_grace(self):
        """Guards: with drain_grace clients go on after SIGTERM, new ones are refused, and the last to leave ends it."""
        router = self.start_router({"drain_grace": "1h"})
        first, second = self.wire(router), self.wire(router)
        router.signal(signal.SIGTERM)
        wait_until(lambda: router.http("/ready")[0] == 503, what="/ready to say no")

        def is_refused():
            try:
                Wire(router.port, startup=False).close()
            except OSError:
                return True
            return False

        wait_until(is_refused, what="nobody to listen")
        for wire in (first, second):
            self.assertEqual(wire.query("BEGIN"), ["C BEGIN", "Z T"])
            self.assertEqual(wire.query("SELECT count(*) FROM t")[-1], "Z T")
            self.assertEqual(wire.query("COMMIT"), ["C COMMIT", "Z I"])
        first.close()
        self.assertEqual(second.query("SELECT 1")[-1], "Z I")
        second.close()
        self.assertEqual(router.wait_end(), 0)

    def test_sigterm_in_grace(self):
        """Guards: a second SIGTERM, or a SIGINT, ends the grace, not the transactions."""
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number.name):
                router = self.start_router({"drain_grace": "1h"})
                idle, busy = self.wire(router), self.wire(router)
                busy.query("BEGIN")
                busy.query("INSERT INTO t VALUES (%d)" % (8200 + number))
                router.signal(signal.SIGTERM)
                wait_until(lambda: router.events("grace_begins"), what="the grace")
                router.signal(number)
                wait_until(lambda: router.events("shutdown_begins"), what="the drain to begin")
                self.assertEqual([reply.word() for reply in idle.read_end()], ["E 57P01"])
                busy.send(Query("COMMIT"))
                self.assertEqual([reply.word() for reply in busy.read_end()][:2], ["C COMMIT", "Z I"])
                self.assertEqual(router.wait_end(), 0)

    # ------------------------------------------------------------ cancels
    def test_cancel_reaches_the_old_process(self):
        """Guards: after a take-over, the key of a client of the old process still cancels what it runs, and no other."""
        old = self.start_router({"workers": 2})
        wires = [self.wire(old) for _ in range(3)]
        for i, wire in enumerate(wires):
            wire.send(Query("INSERT INTO t SELECT -1, 'old %d' FROM pg_sleep(100)" % i))
        self.wait_running("old ", 3)
        new = self.take_over(old)
        ours = self.wire(new)
        ours.send(Query("INSERT INTO t SELECT -1, 'new' FROM pg_sleep(100)"))
        self.wait_running("'new'")
        for i in range(600):        # most guesses are for processes that are not there: they take no other's place
            nobody = (wires[0].key[2] + 2 + i % 200) % 256
            if nobody != ours.key[2]:
                self.send_cancel(old.port, wires[0].key[:2] + bytes((nobody, 0)) + b"abcd")
        for i in (1, 0, 2):
            self.assertEqual(len(self.send_cancel(old.port, wires[i].key[:4] + b"abcd")), 0)
            self.wait_running("old %d" % i)
            wires[i].cancel()
            self.assertEqual(wires[i].read_words()[-2:], ["E 57014", "Z I"])
        self.wait_running("'new'")
        ours.cancel()
        self.assertEqual(ours.read_words()[-2:], ["E 57014", "Z I"])
        for wire in wires:
            wire.close()
        self.assertEqual(old.wait_end(), 0)
        self.assertEqual(self.send_cancel(old.port, wires[0].key), [], "nobody has it any more")

    def send_cancel(self, port, key):
        with Wire(port, startup=False) as wire:
            wire.send((8 + len(key)).to_bytes(4, "big") + (80877102).to_bytes(4, "big") + key)
            return wire.read_end()

    def test_side_by_side(self):
        """Guards: two routers on one port (so_reuseport): both serve, and cancels find the right one either way."""
        options = {"so_reuseport": "yes", "workers": 1, "admin_users": "postgres"}
        first = self.start_router(options)
        second = Router(self.cluster, dict(options, listen_port=first.port), name="beside")
        second.port = first.port
        self._routers().append(second)
        self.addCleanup(self._stop_router, second)
        second.start()
        wires = []

        def both_have_two():
            wires.append(self.wire(first))
            return all(len([1 for wire in wires if wire.key[2] == generation]) >= 2
                       for generation in {wire.key[2] for wire in wires}) and len({wire.key[2] for wire in wires}) == 2

        wait_until(both_have_two, what="clients of both")
        chosen = [[wire for wire in wires if wire.key[2] == generation][:2] for generation in {w.key[2] for w in wires}]
        for i, wire in enumerate(sum(chosen, [])):
            wire.send(Query("INSERT INTO t SELECT -1, 'side %d' FROM pg_sleep(100)" % i))
        self.wait_running("side ", 4)
        for i, wire in enumerate(sum(chosen, [])):
            for _ in range(4):      # whichever process gets them
                self.assertEqual(self.send_cancel(first.port, wire.key[:4] + b"abcd"), [])
            self.wait_running("side %d" % i)
            wire.cancel()
            self.assertEqual(wire.read_words()[-2:], ["E 57014", "Z I"])
        for wire in wires:
            wire.close()
        unsure = self.successor(first, http_port=free_port()).start(wait=False)
        self.assertEqual(unsure.process.wait(60), 1, "which of the two is meant must be said")
        self.assertIn("2 routers", unsure.events("start_failed")[0]["reason"])
        third = self.successor(first, http_port=free_port())
        third.arguments = ["--takeover=%d" % second.pid]
        third.start(wait=False)
        third.wait_ready(lambda: third.events("takeover_done"))
        self.assertEqual(second.wait_end(), 0)
        self.assertTrue(first.is_running())

    # ------------------------------------------------------------ systemd
    def notify_socket(self):
        """A socket as systemd gives it, and a function that returns what has come."""
        path = self.cluster.rundir.file("notify-%d" % free_port())
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(path)
        os.chmod(path, 0o777)
        notify.setblocking(False)
        self.addCleanup(notify.close)
        told = []

        def read():
            with contextlib.suppress(BlockingIOError):
                while True:
                    told.append(notify.recv(1000).decode())
            return told

        return path, read

    def test_sigusr2(self):
        """Guards: SIGUSR2 starts the successor; the service manager is told of each step."""
        path, told = self.notify_socket()
        old = Router(self.cluster, name="usr2")
        old.environment = {"NOTIFY_SOCKET": path}
        self._routers().append(old)
        self.addCleanup(self._stop_router, old)
        old.start()
        wait_until(lambda: "READY=1" in told(), what="READY")
        old.reload("configuration_reloaded")
        wait_until(lambda: told()[-1] == "READY=1" and told()[-2].startswith("RELOADING=1\nMONOTONIC_USEC="),
                   what="the reload to be told")
        stayer = self.wire(old)
        old.signal(signal.SIGUSR2)
        wait_until(lambda: old.events("handover_done"), what="the hand-over")
        pid = old.events("handover_done")[0]["to"]
        try:
            self.assertEqual(old.events("successor_started")[0]["pid"], pid)
            wait_until(lambda: "MAINPID=%d" % pid in told(), what="MAINPID")
            self.assertAlive(old)
            self.assertEqual(stayer.query("SELECT 1")[-1], "Z I")
            stayer.close()
            self.assertEqual(old.wait_end(), 0)
            self.assertNotIn("STOPPING=1", told(), "the service has not ended")
            self.assertAlive(old)
        finally:
            os.kill(pid, signal.SIGTERM)
        wait_until(lambda: "STOPPING=1" in told(), what="STOPPING")
        wait_until(lambda: not is_alive(pid), what="the successor to end")

    def activate(self, router, listening, names):
        """Starts the router with these sockets, as systemd would."""
        router.write_config()
        env = dict(router.rundir.environment(), LISTEN_FDS=str(len(listening)), LISTEN_FDNAMES=names)
        with open(router.log_path, "ab") as log:
            router.process = subprocess.Popen(
                ["/usr/bin/python3", "-c", ACTIVATE, ",".join(str(each.fileno()) for each in listening),
                 router.rundir.program("andon-router"), "-c", router.config_path, *router.arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=router.rundir.path, env=env,
                pass_fds=[each.fileno() for each in listening], **router.rundir.as_user())

    def test_socket_activation(self):
        """Guards: with sockets of the service manager who comes between two processes waits, and is served."""
        listening = [socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))]
        self.addCleanup(lambda: [each.close() for each in listening])
        port, http_port = (each.getsockname()[1] for each in listening)
        router = Router(self.cluster, {"workers": 2, "listen_addr": "203.0.113.9"}, name="activated")
        router.port, router.http_port = port, http_port
        self._routers().append(router)
        self.addCleanup(self._stop_router, router)
        for _ in range(2):
            early = Wire(port, startup=False)       # before there is anybody
            self.addCleanup(early.close)
            self.activate(router, listening, "clients:http")
            wait_until(router.is_ready, what="the router to be ready")
            early.send(Query(""))
            self.assertEqual([reply.word() for reply in early.read_end()], ["E 08P01"], "it was served")
            self.assertAlive(router)
            self.assertEqual(router.stop(), 0)
        self.activate(router, listening, "clients:http")
        wait_until(router.is_ready, what="the router to be ready")
        new = self.take_over(router)
        self.assertEqual(router.wait_end(), 0)
        used = set()

        def all_workers_used():
            with contextlib.closing(new.connect(self.dbname)):
                used.update(row["worker"] for row in new.show("CLIENTS") if row["database"] == self.dbname)
            return len(used) == 2

        wait_until(all_workers_used, what="both workers to accept")

    def test_descriptors_that_are_no_sockets(self):
        """Guards: what is not a listening socket is refused in words."""
        with open(os.devnull) as other:
            router = Router(self.cluster, name="not-activated")
            self.activate(router, [other], "clients")
            self.assertEqual(router.process.wait(60), 1)
            self.assertIn("LISTEN_FDS", router.events("start_failed")[0]["reason"])
