"""PostgreSQL's protocol by hand: a client that says exactly what a test wants.

Drivers never send what is wrong, and hide what they got. Here messages are
built by functions named as the protocol names them, sent as bytes, and read
back as they came:

    with Wire(port, "mes") as wire:
        wire.send(Parse("s", "SELECT $1::int"), Describe("S", "s"), Sync())
        self.assertEqual(wire.read_words(), ["1", "t", "T", "Z I"])

No passwords: for servers and routers that trust.
"""

import socket
import struct

PROTOCOL_3_0 = 196608
PROTOCOL_3_2 = 196610
SSL_REQUEST = 80877103
GSSENC_REQUEST = 80877104
CANCEL_REQUEST = 80877102
TIMEOUT_SECS = 30


def message(kind, body=b""):
    return kind.encode() + struct.pack("!i", len(body) + 4) + body


def text(value):
    return value.encode() + b"\0"


def Query(sql):
    return message("Q", text(sql))


def Parse(name, sql, *types):
    return message("P", text(name) + text(sql) + struct.pack("!h%dI" % len(types), len(types), *types))


def Bind(portal, statement, *values, binary_result=False):
    body = text(portal) + text(statement) + struct.pack("!hh", 0, len(values))
    for value in values:
        if value is None:
            body += struct.pack("!i", -1)
        else:
            data = value if isinstance(value, bytes) else str(value).encode()
            body += struct.pack("!i", len(data)) + data
    return message("B", body + (struct.pack("!hh", 1, 1) if binary_result else struct.pack("!h", 0)))


def Describe(kind, name=""):
    return message("D", kind.encode() + text(name))


def Close(kind, name=""):
    return message("C", kind.encode() + text(name))


def Execute(portal="", max_rows=0):
    return message("E", text(portal) + struct.pack("!i", max_rows))


def Sync():
    return message("S")


def Flush():
    return message("H")


def Terminate():
    return message("X")


def CopyData(data):
    return message("d", data)


def CopyDone():
    return message("c")


def CopyFail(why):
    return message("f", text(why))


def FunctionCall(oid, *values):
    body = struct.pack("!Ihhh", oid, 1, 0, len(values))
    for value in values:
        body += struct.pack("!i", len(value)) + value
    return message("F", body + struct.pack("!h", 0))


def StartupMessage(version=PROTOCOL_3_0, **parameters):
    body = b"".join(text(name) + text(value) for name, value in parameters.items()) + b"\0"
    return struct.pack("!ii", len(body) + 8, version) + body


class Reply:
    """One message from the server."""

    def __init__(self, kind, body):
        self.kind = kind
        self.body = body

    @property
    def fields(self):
        """Of an error or notice: {"C": sqlstate, "M": text, ...}."""
        return {part[:1].decode(): part[1:].decode() for part in self.body.split(b"\0") if part}

    @property
    def columns(self):
        """Of a row: its values as text, NULL as None."""
        count, = struct.unpack_from("!h", self.body)
        values, at = [], 2
        for _ in range(count):
            size, = struct.unpack_from("!i", self.body, at)
            at += 4
            values.append(None if size < 0 else self.body[at:at + size].decode("utf-8", "replace"))
            at += max(size, 0)
        return values

    def word(self):
        """The message in short: "D 1", "C SELECT 1", "E 42P01", "Z I"."""
        if self.kind in "EN":
            return "%s %s" % (self.kind, self.fields.get("C"))
        if self.kind == "D":
            return "D " + ",".join("NULL" if value is None else value[:40] for value in self.columns)
        if self.kind == "C":
            return "C " + self.body.rstrip(b"\0").decode()
        if self.kind == "Z":
            return "Z " + self.body.decode()
        if self.kind == "d":
            return "d %r" % self.body.decode("utf-8", "replace")[:40]
        return self.kind

    def __repr__(self):
        return self.word()

    def __eq__(self, other):
        return (self.kind, self.body) == (other.kind, other.body)


class Ended(Exception):
    """The other side closed the connection."""


class Wire:
    """A connection. startup=False: only the socket, nothing said yet."""

    def __init__(self, port, dbname="postgres", user="postgres", host="127.0.0.1", startup=True,
                 version=PROTOCOL_3_0, receive_buffer=None, **parameters):
        self.socket = socket.socket()
        self.socket.settimeout(TIMEOUT_SECS)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = bytearray()
        self.parameters = {}
        self.key = None
        if startup:
            self.send(StartupMessage(version, user=user, database=dbname, **parameters))
            self.welcome = self.read()

    def send(self, *messages):
        self.socket.sendall(b"".join(messages))

    def read_bytes(self, count):
        while len(self.input) < count:
            data = self.socket.recv(262144)
            if not data:
                raise Ended("closed after %r" % bytes(self.input[:100]))
            self.input += data
        taken = bytes(self.input[:count])
        del self.input[:count]
        return taken

    def read_one(self):
        head = self.read_bytes(5)
        size, = struct.unpack("!i", head[1:])
        reply = Reply(head[:1].decode("latin-1"), self.read_bytes(size - 4))
        if reply.kind == "S":
            name, value = reply.body.split(b"\0")[:2]
            self.parameters[name.decode()] = value.decode()
        elif reply.kind == "K":
            self.key = reply.body
        return reply

    def read(self, until="Z"):
        """Messages up to and with the first of a kind in until; ParameterStatus left out."""
        replies = []
        while not replies or replies[-1].kind not in until:
            reply = self.read_one()
            if reply.kind != "S":
                replies.append(reply)
        return replies

    def read_words(self, until="Z"):
        return [reply.word() for reply in self.read(until)]

    def ask(self, *messages):
        """Sends, and reads up to the next ReadyForQuery."""
        self.send(*messages)
        return self.read_words()

    def query(self, sql):
        return self.ask(Query(sql))

    def read_end(self):
        """What still comes before the other side closes."""
        replies = []
        try:
            while True:
                replies.append(self.read_one())
        except (Ended, ConnectionError):
            return replies

    def cancel(self):
        """Asks, on a connection of its own, to cancel what runs here; waits until it was read."""
        with Wire(self.socket.getpeername()[1], startup=False) as other:
            other.send(struct.pack("!ii", 8 + len(self.key), CANCEL_REQUEST) + self.key)
            other.read_end()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()
