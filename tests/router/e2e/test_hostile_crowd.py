"""A crowd of hostile clients at once, against real servers, and two neighbours who work all the while.

Each kind of hostility runs in a thread of its own. When all of them are through, the router has what it had before:
its clients, descriptors and memory, servers that are idle, backends of PostgreSQL that are its servers and no more.
The neighbours have had every answer they were to have, and no other.
"""

import os
import random
import select
import socket
import struct
import threading

from programs import sanitizer, wait_until
from pgwire import (Bind, CANCEL_REQUEST, CopyData, CopyDone, Describe, Execute, Flush, FunctionCall, Parse, Query,
                    StartupMessage, Sync, Wire)
from routercase import RouterTestCase

MB = 1024 * 1024
SLACK = 32 * MB if not sanitizer() else 200 * MB     # sanitizers keep what is freed
SEED = 20261122
RST_ON_CLOSE = struct.pack("ii", 1, 0)


class HostileCrowd(RouterTestCase):
    cluster_options = {"replicas": 1}
    router_options = {"client_login_timeout": "2s", "client_write_timeout": "2s", "default_pool_size": 8, "workers": 2}

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.sql("CREATE TABLE work (who int, n int, PRIMARY KEY (who, n)); CREATE TABLE rubbish (v text)")

    def raw(self):
        return Wire(self.router.port, startup=False)

    def startup(self, **parameters):
        return StartupMessage(user="postgres", database=self.dbname, **parameters)

    # ---- who is hostile

    def die_at_every_byte(self):
        script = (self.startup() + Query("BEGIN") + Query("INSERT INTO rubbish VALUES ('a')") + Query("ROLLBACK") +
                  Parse("s", "INSERT INTO rubbish VALUES ($1)") + Describe("S", "s") + Bind("", "s", "b" * 20) + Execute() +
                  Flush() + Query("BEGIN") + Query("COPY rubbish FROM STDIN") + CopyData(b"c\n") + CopyData(b"d\n") +
                  CopyDone() + FunctionCall(1598) + Query("EXECUTE s ('e')") + Query("LISTEN c"))
        for length in range(len(script)):
            with self.raw() as wire:
                if length % 2:
                    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
                wire.send(script[:length])

    def die_while_it_is_answered(self):
        for query in ("SELECT repeat('x', 20000000)", "SELECT pg_sleep(1)", "COPY rubbish FROM STDIN",
                      "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 100000)) TO STDOUT",
                      "BEGIN; LOCK TABLE rubbish; SELECT 1", "SELECT pg_advisory_lock(1)", "CREATE TEMP TABLE mine (a int)"):
            for _ in range(4):
                with self.raw() as wire:
                    wire.send(self.startup() + Query(query))
                    wire.read_bytes(400)     # the welcome, at least in part

    def send_garbage(self):
        any_of = random.Random(SEED)
        for i in range(200):
            with self.raw() as wire:
                try:
                    wire.send(b"" if i % 2 else self.startup(), any_of.randbytes(any_of.randrange(1, 2000)))
                    wire.socket.shutdown(socket.SHUT_WR)
                    wire.read_end()
                except OSError:
                    pass             # it had heard enough

    def announce_too_much(self):
        for kind in b"QPBECDFHSdcfpX?\0":
            for length in (0, 3, 1 << 20, 1 << 30, 0x7fffffff, 0x80000000, 0xffffffff):
                with self.raw() as wire:
                    wire.send(self.startup(), struct.pack("!BI", kind, length), b"\0" * 5000)

    def never_read(self):
        wires = []
        for _ in range(10):
            wire = Wire(self.router.port, self.dbname, receive_buffer=4096, application_name="never reads")
            wire.send(Query("SELECT repeat('x', 100000) FROM generate_series(1, 300)"))
            wires.append(wire)
        wait_until(lambda: not any(row["application_name"] == "never reads" for row in self.router.show("CLIENTS")),
                   what="those who never read to be gone")
        for wire in wires:
            wire.close()

    def trickle(self):
        sockets = {}
        for _ in range(50):
            sockets[self.raw()] = iter(self.startup(options="-c statement_timeout=" + "1" * 1000))
        while sockets:
            for wire, rest in list(sockets.items()):
                if not select.select([wire.socket], [], [], 0.001)[0]:
                    try:
                        wire.send(bytes([next(rest)]))
                        continue
                    except OSError:
                        pass
                wire.close()
                del sockets[wire]

    def come_and_go(self):
        for i in range(1000):
            with self.raw() as wire:
                if i % 4 == 0:
                    wire.send(self.startup())

    def cancel_by_guessing(self):
        any_of = random.Random(SEED)
        for i in range(1000):
            with self.raw() as wire:
                pid = self.neighbour_pids[i % 2] if i % 3 else any_of.getrandbits(32)
                wire.send(struct.pack("!iiII", 16, CANCEL_REQUEST, pid, any_of.getrandbits(32)))

    # ---- who is not

    def work(self, who, wire):
        """Writes and reads what it wrote, until it is told to stop; returns in self.done how often."""
        try:
            wire.ask(Parse("put", "INSERT INTO work VALUES ($1, $2)"), Parse("sum", "SELECT count(*) FROM work WHERE who = $1"),
                     Sync())
            n = 0
            while not self.is_over.is_set():
                n += 1
                self.expect(wire.ask(Bind("", "put", who, n), Execute(), Sync()), ["2", "C INSERT 0 1", "Z I"])
                self.expect(wire.ask(Bind("", "sum", who), Execute(), Sync()), ["2", "D %d" % n, "C SELECT 1", "Z I"])
                self.expect(wire.query("BEGIN"), ["C BEGIN", "Z T"])
                self.expect(wire.query("SELECT pg_sleep(0.005)"), ["T", "D ", "C SELECT 1", "Z T"])
                self.expect(wire.query("ROLLBACK"), ["C ROLLBACK", "Z I"])
            self.done[who] = n
        except Exception as error:      # told in the test's thread
            self.failures.append(error)

    @staticmethod
    def expect(heard, expected):
        if heard != expected:
            raise AssertionError("a neighbour heard %s, not %s" % (heard, expected))

    def run_hostile(self, how):
        try:
            how()
        except Exception as error:
            self.failures.append(AssertionError("%s: %r" % (how.__name__, error)))

    # ---- what is left

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.router.process.pid))

    def strange_backends(self):
        """Of PostgreSQL's backends those that are not servers of the router, or are in the middle of something."""
        strange = []
        for node in self.cluster.nodes:
            known = {int(row["remote_pid"]) for row in self.router.show("SERVERS") if row["node"] == node.name}
            strange += [(node.name, pid, state) for pid, state in node.query(
                "SELECT pid, state FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"
                " AND pid <> pg_backend_pid() AND application_name <> 'andon-monitor'", [self.dbname])
                        if pid not in known or state != "idle"]
        return strange

    def is_quiet(self):
        return (len(self.router.show("CLIENTS")) == 3 and
                all(row["state"] == "idle" for row in self.router.show("SERVERS")) and not self.strange_backends())

    def test_crowd(self):
        """Guards: whatever clients do to the router, others go on, and nothing of it is left."""
        neighbours = [self.wire() for _ in range(2)]
        self.neighbour_pids = [struct.unpack("!I", wire.key[:4])[0] for wire in neighbours]
        self.failures, self.done, self.is_over = [], {}, threading.Event()
        hostile = [self.die_at_every_byte, self.die_while_it_is_answered, self.send_garbage, self.announce_too_much,
                   self.never_read, self.trickle, self.come_and_go, self.cancel_by_guessing]
        self.come_and_go()      # what is kept for later is there
        wait_until(self.is_quiet, what="the router to be quiet")
        descriptors, memory = self.descriptors(), self.router.resident_bytes()

        workers = [threading.Thread(target=self.work, args=who) for who in enumerate(neighbours)]
        crowd = [threading.Thread(target=self.run_hostile, args=(how,)) for how in hostile]
        for thread in workers + crowd:
            thread.start()
        for thread in crowd:
            thread.join()
        self.is_over.set()
        for thread in workers:
            thread.join()
        self.assertEqual(self.failures, [])
        self.assertEqual(self.sql("SELECT who, count(*)::int FROM work GROUP BY who ORDER BY who"), sorted(self.done.items()))

        wait_until(self.is_quiet, what="the router to be quiet again")
        servers = len(self.router.show("SERVERS"))
        wait_until(lambda: self.descriptors() <= descriptors + servers, what="descriptors to be closed")
        self.assertLess(self.router.resident_bytes() - memory, SLACK)
        self.assertEqual(self.sql("SELECT count(*) FROM pg_locks l JOIN pg_class c ON l.relation = c.oid"
                                  " WHERE relname = 'rubbish' OR locktype = 'advisory'"), [(0,)])
