"""Load for the comparison of routers: pgbench with its log, clients by hand that cost little.

The clients by hand speak the protocol over plain sockets, so that they can be many and fast; they
look at nothing but what they wait for.
"""

import contextlib
import glob
import os
import re
import select
import socket
import struct
import time

import psycopg2
import psycopg2.extensions

from programs import Failed

DBNAME = "bench"


def pgbench(peer, protocol, clients, secs, env=None):
    """
    pgbench -S through a peer: tps, CPU of the peer in us per query, p99 in ms.  The last two are of
    what ends after the first third, when all clients have logged in.
    """
    rundir = peer.cluster.rundir
    prefix, output = rundir.file("log", "pgbench-log"), rundir.file("log", "pgbench-output")
    process = rundir.popen([
        rundir.program("pgbench"), "-n", "-S", "-M", protocol, "-c", str(clients), "-j", str(min(clients, 2)),
        "-T", "%d" % secs, "-l", "--log-prefix", prefix, "-h", peer.host, "-p", str(peer.port), "-U", "postgres",
        DBNAME], output, env)
    time.sleep(secs / 3)
    began, before = time.time(), peer.cpu_us()
    process.wait(600)
    used = peer.cpu_us() - before
    with open(output) as file:
        printed = file.read()
    os.unlink(output)
    latencies = sorted(latencies_since(began, prefix))
    if process.returncode != 0 or not latencies:
        raise Failed("pgbench through %s did nothing:\n%s" % (peer.label, printed))
    return {"tps": float(re.search(r"tps = ([\d.]+)", printed).group(1)),
            "cpu_us": used / len(latencies),
            "p99_ms": latencies[int(0.99 * (len(latencies) - 1))] / 1000}


def latencies_since(began, prefix):
    """In us, of the transactions in pgbench's logs that ended since began; the logs are removed."""
    for path in glob.glob(prefix + ".*"):
        with open(path) as file:
            for line in file:
                _, _, latency_us, _, ended_secs, ended_us = line.split()[:6]
                if int(ended_secs) + int(ended_us) / 1e6 >= began:
                    yield int(latency_us)
        os.unlink(path)


# ---------------------------------------------------------------- clients by hand

def message(kind, body):
    return kind + struct.pack("!I", len(body) + 4) + body


def startup(user=b"postgres"):
    body = struct.pack("!I", 0x30000) + b"user\0" + user + b"\0database\0" + DBNAME.encode() + b"\0\0"
    return struct.pack("!I", len(body) + 4) + body


READY = re.compile(rb"Z\x00\x00\x00\x05[ITE]\Z")


def read_until_ready(connection):
    """Everything up to ReadyForQuery; how many bytes."""
    tail, received = b"", 0
    buffer = bytearray(1 << 18)
    while not READY.search(tail):
        n = connection.recv_into(buffer)
        if n == 0:
            raise Failed("the connection ended: %r" % bytes(tail[-200:]))
        received += n
        tail = (tail + bytes(buffer[max(0, n - 64):n]))[-64:]
    return received


def open_client(peer, timeout=60):
    """A connection that has logged in without a password."""
    connection = socket.create_connection((peer.host, peer.port), timeout)
    connection.sendall(startup())
    read_until_ready(connection)
    return connection


def query(connection, text):
    connection.sendall(message(b"Q", text.encode() + b"\0"))
    return read_until_ready(connection)


def copy_in(connection, text, chunk, chunks):
    connection.sendall(message(b"Q", text.encode() + b"\0"))
    answer = connection.recv(64)
    if not answer.startswith(b"G"):
        raise Failed("no CopyInResponse but %r" % answer)
    for _ in range(chunks):
        connection.sendall(chunk)
    connection.sendall(message(b"c", b""))
    return read_until_ready(connection)


def open_many(peer, count, together=200):
    """Logs in count clients, together at a time; the caller closes them."""
    clients = []
    try:
        while len(clients) < count:
            batch = []
            for _ in range(min(together, count - len(clients))):
                connection = socket.create_connection((peer.host, peer.port), 60)
                clients.append(connection)
                batch.append(connection)
                connection.sendall(startup())
            for connection in batch:
                read_until_ready(connection)
    except BaseException:
        close_all(clients)
        raise
    return clients


def close_all(clients):
    for connection in clients:
        with contextlib.suppress(OSError):
            connection.close()


# ---------------------------------------------------------------- logins

def login_options(peer, user, password):
    return {"host": peer.host, "port": peer.port, "user": user, "password": password, "dbname": DBNAME,
            "sslmode": "disable", "gssencmode": "disable"}


def log_in_in_a_row(peer, user, password, count):
    """Seconds for count logins, one after the other."""
    options = login_options(peer, user, password)
    started = time.monotonic()
    for _ in range(count):
        psycopg2.connect(**options).close()
    return time.monotonic() - started


def log_in_at_once(peer, user, password, count):
    """Seconds until count logins that began together are done."""
    options = login_options(peer, user, password)
    started = time.monotonic()
    poller = select.poll()
    waiting = {}

    def go_on(connection):
        state = connection.poll()
        number = connection.fileno()
        if state == psycopg2.extensions.POLL_OK:
            poller.unregister(number)
            waiting.pop(number)
        else:
            poller.modify(number, select.POLLIN if state == psycopg2.extensions.POLL_READ else select.POLLOUT)

    connections = []
    for _ in range(count):
        connection = psycopg2.connect(async_=1, **options)
        connections.append(connection)
        waiting[connection.fileno()] = connection
        poller.register(connection.fileno(), select.POLLOUT)
    while waiting:
        ready = poller.poll(30000)
        if not ready:
            raise Failed("%d of %d logins hang" % (len(waiting), count))
        for number, _ in ready:
            go_on(waiting[number])
    took = time.monotonic() - started
    for connection in connections:
        connection.close()
    return took
