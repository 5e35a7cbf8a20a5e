"""What a client is told through the router is, byte for byte, what the server tells it.

Each script is played twice, straight to the primary and through the router,
on a fresh connection each time, and the replies are compared as bytes:
descriptions, rows, tags, errors with all their fields, notices, the order of
everything. What may differ: the cancel key, and what is_known() names.
"""

import re

from pgwire import (Bind, Close, CopyData, CopyDone, CopyFail, Describe, Execute, Flush, FunctionCall, Parse,
                    Query, Sync)
from routercase import RouterTestCase
from wire_scripts import SCRIPTS as RARE_SCRIPTS

SETUP = """
CREATE TABLE w (id int PRIMARY KEY, v text);
INSERT INTO w VALUES (1, 'one'), (2, NULL);
CREATE VIEW wv AS SELECT v, count(*) AS n FROM w GROUP BY v;
CREATE FUNCTION shout(what text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'heard %', what USING DETAIL = 'a detail', HINT = 'a hint';
    RAISE WARNING 'and warned';
    RETURN 1;
END $$;
CREATE FUNCTION fail(what text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'failed %', what USING DETAIL = 'a detail', HINT = 'a hint', ERRCODE = 'P0123',
        COLUMN = 'c', CONSTRAINT = 'k', DATATYPE = 'd', TABLE = 't', SCHEMA = 's';
END $$;
"""

INT4 = 23
TEXT = 25
INT4PL = 177         # the function int4pl(int4, int4)
PIECEMEAL_MAX_BYTES = 20000      # longer scripts are not sent byte by byte


def one(value):
    return value.to_bytes(4, "big")


# name: steps; a step is (messages, the kind of reply that ends it)
SCRIPTS = {
    "rows, nulls and types": [
        ([Query("SELECT 1 AS a, NULL::text AS b, '2024-02-03'::date, 1.5::numeric, '{1,2}'::int[], 'x'::bytea")], "Z"),
        ([Query("SELECT * FROM w ORDER BY id")], "Z"),
        ([Query("SELECT id FROM w WHERE false")], "Z"),
        ([Query("SELECT * FROM wv ORDER BY n, v")], "Z"),
        ([Query("SELECT")], "Z")],
    "tags of commands": [
        ([Query("CREATE TEMP TABLE x (a int)")], "Z"),
        ([Query("INSERT INTO x SELECT generate_series(1, 3)")], "Z"),
        ([Query("UPDATE x SET a = a + 1 RETURNING a + 0")], "Z"),
        ([Query("DELETE FROM x WHERE a > 2")], "Z"),
        ([Query("TRUNCATE x")], "Z"),
        ([Query("DROP TABLE x")], "Z")],
    "empty queries": [
        ([Query("")], "Z"),
        ([Query(";")], "Z"),
        ([Query("-- nothing")], "Z"),
        ([Parse("", ""), Bind("", ""), Describe("P"), Execute(), Sync()], "Z"),
        ([Sync()], "Z"),
        ([Sync(), Sync()], "Z"),
        ([], "Z")],
    "several statements in one string": [
        ([Query("SELECT 1; SELECT 2; SELECT 3")], "Z"),
        ([Query("SELECT 1; SELECT 1/0; SELECT 3")], "Z"),
        ([Query("INSERT INTO w VALUES (9); SELECT count(*) FROM w; ROLLBACK")], "Z"),
        ([Query("BEGIN; SELECT 1; COMMIT; SELECT 2")], "Z"),
        ([Query("BEGIN; DELETE FROM w; SELECT 1/0")], "Z"),
        ([Query("SELECT 1")], "Z"),
        ([Query("ROLLBACK; SELECT count(*) FROM w")], "Z")],
    "errors with all their fields": [
        ([Query("SELECT nothing FROM w")], "Z"),
        ([Query("SELEC 1")], "Z"),
        ([Query("SELECT fail('me')")], "Z"),
        ([Query("INSERT INTO w VALUES (1, 'again')")], "Z"),
        ([Query("SELECT * FROM no_such_table")], "Z"),
        ([Query("SELECT 1/0")], "Z")],
    "notices": [
        ([Query("SELECT shout('you')")], "Z"),
        ([Query("DROP TABLE IF EXISTS no_such_table")], "Z"),
        ([Parse("", "SELECT shout($1)"), Bind("", "", "me"), Describe("P"), Execute(), Sync()], "Z"),
        ([Query("SET client_min_messages = error")], "Z"),
        ([Query("SELECT shout('nobody')")], "Z"),
        ([Query("ROLLBACK")], "Z"),
        ([Query("BEGIN")], "Z"),
        ([Query("BEGIN")], "Z"),
        ([Query("COMMIT")], "Z")],
    "transactions": [
        ([Query("BEGIN")], "Z"),
        ([Query("INSERT INTO w VALUES (7, 'seven')")], "Z"),
        ([Query("SAVEPOINT s")], "Z"),
        ([Query("SELECT 1/0")], "Z"),
        ([Query("SELECT 1")], "Z"),
        ([Query("ROLLBACK TO s")], "Z"),
        ([Query("SELECT count(*) FROM w")], "Z"),
        ([Query("SELECT * FROM nowhere")], "Z"),
        ([Query("COMMIT")], "Z"),
        ([Query("START TRANSACTION ISOLATION LEVEL REPEATABLE READ")], "Z"),
        ([Query("SELECT count(*) FROM w")], "Z"),
        ([Query("END")], "Z"),
        ([Query("COMMIT")], "Z")],
    "prepared statements": [
        ([Parse("s", "SELECT v FROM w WHERE id = $1"), Describe("S", "s"), Sync()], "Z"),
        ([Bind("", "s", 1), Describe("P"), Execute(), Sync()], "Z"),
        ([Bind("", "s", 2), Execute(), Sync()], "Z"),
        ([Bind("", "s", 1), Execute(), Bind("", "s", 2), Execute(), Sync()], "Z"),
        ([Bind("", "s", 1, binary_result=True), Execute(), Sync()], "Z"),
        ([Bind("", "s", "x"), Execute(), Sync()], "Z"),
        ([Close("S", "s"), Sync()], "Z"),
        ([Close("S", "s"), Close("P", "no such portal"), Sync()], "Z")],
    "unnamed statement and portal": [
        ([Parse("", "SELECT $1 || 'x'", TEXT), Describe("S"), Sync()], "Z"),
        ([Bind("", "", "a"), Describe("P"), Execute(), Sync()], "Z"),
        ([Parse("", "SELECT $1::int", INT4), Bind("", "", 1), Execute(), Parse("", "SELECT 2"), Bind("", ""),
          Execute(), Sync()], "Z")],
    "errors in a pipeline": [
        ([Parse("a", "SELECT 1"), Bind("", "a"), Execute(), Parse("b", "SELECT 1/0"), Bind("", "b"), Execute(),
          Parse("c", "SELECT 3"), Bind("", "c"), Execute(), Sync()], "Z"),
        ([Bind("", "a"), Execute(), Sync()], "Z"),
        ([Parse("d", "SELEC"), Describe("S", "d"), Sync()], "Z"),
        ([Parse("d", "SELECT 4"), Bind("", "d"), Execute(), Sync()], "Z"),
        ([Parse("i", "INSERT INTO w VALUES ($1, 'in pipeline')"), Bind("", "i", 50), Execute(),
          Bind("", "no such statement"), Execute(), Sync()], "Z"),
        ([Query("SELECT count(*) FROM w WHERE id = 50")], "Z")],
    "unknown names": [
        ([Describe("S", "nowhere"), Sync()], "Z"),
        ([Describe("P", "nowhere"), Sync()], "Z"),
        ([Execute("nowhere"), Sync()], "Z"),
        ([Bind("", "nowhere"), Execute(), Sync()], "Z")],
    "portals in pieces": [
        ([Query("BEGIN")], "Z"),
        ([Parse("", "SELECT generate_series(1, 5)"), Bind("p", ""), Execute("p", 2), Sync()], "Z"),
        ([Execute("p", 2), Sync()], "Z"),
        ([Execute("p", 2), Execute("p", 2), Sync()], "Z"),
        ([Close("P", "p"), Sync()], "Z"),
        ([Execute("p"), Sync()], "Z"),
        ([Query("ROLLBACK")], "Z")],
    # psql does it for \\gdesc; the router refused to prepare an empty text
    "prepared in a failed transaction": [
        ([Query("BEGIN")], "Z"),
        ([Query("SELECT 0")], "Z"),
        ([Parse("before", "SELECT 1"), Parse("nothing", ""), Sync()], "Z"),
        ([Query("bogus")], "Z"),
        ([Parse("", ""), Sync()], "Z"),
        ([Describe("S", ""), Sync()], "Z"),
        ([Describe("S", "nothing"), Sync()], "Z"),
        ([Parse("e", "-- nothing"), Describe("S", "e"), Bind("", "e"), Sync()], "Z"),
        ([Parse("s", "SELECT 1"), Sync()], "Z"),
        ([Parse("before", "SELECT 2"), Sync()], "Z"),
        ([Parse("s", "SELEC"), Sync()], "Z"),
        ([Describe("S", "before"), Sync()], "Z"),
        ([Bind("", "before"), Sync()], "Z"),
        ([Close("S", "before"), Close("P", "nowhere"), Sync()], "Z"),
        ([Parse("r", "ROLLBACK"), Describe("S", "r"), Bind("", "r"), Execute(), Sync()], "Z"),
        ([Describe("S", "before"), Sync()], "Z")],
    "cursors": [
        ([Query("BEGIN")], "Z"),
        ([Query("DECLARE c SCROLL CURSOR FOR SELECT generate_series(1, 9)")], "Z"),
        ([Query("FETCH 3 FROM c")], "Z"),
        ([Query("FETCH BACKWARD 1 FROM c")], "Z"),
        ([Query("MOVE ALL IN c")], "Z"),
        ([Query("CLOSE c")], "Z"),
        ([Query("COMMIT")], "Z")],
    "Flush after Parse and Describe": [
        ([Parse("f", "SELECT $1::int + 1"), Describe("S", "f"), Flush()], "T"),
        ([Bind("", "f", 1), Describe("P"), Execute(), Sync()], "Z"),
        ([Parse("g", "SELEC"), Flush()], "E"),
        ([Bind("", "g"), Sync()], "Z")],
    "Flush after Execute": [
        ([Parse("", "SELECT 1"), Bind("", ""), Execute(), Flush()], "C"),
        ([Parse("", "SELECT 2"), Bind("", ""), Execute(), Flush()], "C"),
        ([Parse("", "SELECT 1/0"), Bind("", ""), Execute(), Flush()], "E"),
        ([Parse("", "SELECT 3"), Bind("", ""), Execute(), Sync()], "Z"),
        ([Query("SELECT 4")], "Z")],
    "COPY": [
        ([Query("CREATE TEMP TABLE c (a int, b text)")], "Z"),
        ([Query("COPY c FROM STDIN")], "G"),
        ([CopyData(b"1\tone\n2\tt"), CopyData(b"wo\n"), CopyDone()], "Z"),
        ([Query("COPY c TO STDOUT WITH (FORMAT csv, HEADER)")], "Z"),
        ([Query("COPY (SELECT * FROM w ORDER BY id) TO STDOUT")], "Z"),
        ([Query("COPY c FROM STDIN")], "G"),
        ([CopyData(b"3\tthree\n"), CopyFail("enough of this")], "Z"),
        ([Query("COPY c FROM STDIN")], "G"),
        ([CopyData(b"nonsense\n"), CopyDone()], "Z"),
        ([Query("COPY c FROM STDIN; SELECT count(*) FROM c")], "G"),
        ([CopyData(b"4\tfour\n"), CopyDone()], "Z"),
        ([Parse("", "COPY c FROM STDIN"), Bind("", ""), Execute(), Sync()], "G"),
        ([CopyData(b"5\tfive\n"), CopyDone(), Sync()], "Z"),
        ([Query("SELECT a + 0 FROM c ORDER BY 1")], "Z")],
    "function call": [
        ([FunctionCall(INT4PL, b"2", b"3")], "Z"),
        ([FunctionCall(1, b"2")], "Z"),
        ([Query("SELECT 1")], "Z")],
    "settings": [
        ([Query("SET TimeZone = 'Asia/Tokyo'")], "Z"),
        ([Query("SELECT '2024-01-01 00:00+00'::timestamptz")], "Z"),
        ([Query("SHOW TimeZone")], "Z"),
        ([Query("SET DateStyle = 'German'")], "Z"),
        ([Query("SELECT '2024-02-03'::date")], "Z"),
        ([Query("RESET DateStyle")], "Z"),
        ([Query("SELECT '2024-02-03'::date")], "Z"),
        ([Query("SET TimeZone = 'No/Where'")], "Z"),
        ([Query("BEGIN")], "Z"),
        ([Query("SET LOCAL TimeZone = 'Europe/Zurich'")], "Z"),
        ([Query("SELECT '2024-01-01 00:00+00'::timestamptz")], "Z"),
        ([Query("ROLLBACK")], "Z"),
        ([Query("SELECT '2024-01-01 00:00+00'::timestamptz")], "Z"),
        ([Parse("", "SET search_path = pg_catalog"), Bind("", ""), Describe("P"), Execute(), Sync()], "Z"),
        ([Query("SELECT count(*) FROM w")], "Z")],
    "statements by SQL": [
        ([Query("PREPARE q (int) AS SELECT v FROM w WHERE id = $1")], "Z"),
        ([Query("EXECUTE q (1)")], "Z"),
        ([Query("PREPARE q AS SELECT 1")], "Z"),
        ([Query("DEALLOCATE q")], "Z"),
        ([Query("EXECUTE q (1)")], "Z"),
        ([Query("DEALLOCATE q")], "Z"),
        ([Query("DISCARD ALL")], "Z")],
    "statements by protocol, used by SQL": [
        ([Parse("q", "SELECT v FROM w WHERE id = $1", 23), Parse("r", "SELECT 1 / (count(*) - 3) FROM w"), Sync()], "Z"),
        ([Query("EXECUTE q (1)")], "Z"),
        ([Query("EXPLAIN (COSTS OFF) EXECUTE r")], "Z"),
        ([Query("EXECUTE r")], "Z"),
        ([Bind("", "q", 2), Describe("P"), Execute(), Describe("S", "q"), Sync()], "Z"),
        ([Query("PREPARE q AS SELECT 1")], "Z"),
        ([Parse("q", "SELECT 2"), Sync()], "Z"),
        ([Parse("x", "EXECUTE q (2)"), Describe("S", "x"), Bind("", "x"), Execute(), Close("S", "x"), Sync()], "Z"),
        ([Query("BEGIN"), Query("CREATE TEMP TABLE made ON COMMIT DROP AS EXECUTE q (1)"), Query("SELECT v || '' FROM made"),
          Query("COMMIT")], "Z"),
        ([Parse("", "DEALLOCATE q"), Bind("", ""), Execute(), Parse("q", "SELECT 3"), Bind("", "q"), Execute(), Sync()], "Z"),
        ([Query("SELECT 4; DEALLOCATE q; DEALLOCATE q")], "Z"),
        ([Query("EXECUTE q")], "Z"),
        ([Bind("", "q"), Execute(), Sync()], "Z"),
        ([Close("S", "r"), Parse("r", "SELECT 5"), Sync()], "Z"),
        ([Query("EXECUTE r")], "Z"),
        ([Query("EXECUTE \"no such\"")], "Z"),
        ([Query("DEALLOCATE ALL")], "Z"),
        ([Query("EXECUTE r")], "Z"),
        ([Parse("r", "SELECT 6"), Bind("", "r"), Execute(), Sync()], "Z"),
        ([Query("EXECUTE r")], "Z")],
}


SCRIPTS.update(RARE_SCRIPTS)


class WireTraces(RouterTestCase):
    @classmethod
    def prepare(cls):
        super().prepare()
        cls.sql(SETUP)

    def play(self, wire, steps, piece_bytes=None):
        """What came back for each step, its messages sent at once or in pieces."""
        transcript = []
        for messages, until in steps:
            if not messages:
                continue
            data = b"".join(messages)
            for at in range(0, len(data), piece_bytes or len(data)):
                wire.send(data[at:at + (piece_bytes or len(data))])
            for _ in range(self.readies(messages) if until[0] == "Z" else 1):
                transcript.append(self.read_all(wire, until[0]))
        return transcript

    @staticmethod
    def readies(messages):
        """How many ReadyForQuery answer these, outside of COPY."""
        return sum(message[:1] in (b"Q", b"S", b"F") for message in messages) or 1

    @staticmethod
    def read_all(wire, until):
        replies = []
        while not replies or replies[-1].kind != until:
            reply = wire.read_one()
            if reply.kind == "A":
                reply.body = reply.body[4:]     # whose it is
            replies.append(reply)
            if reply.kind == "Z":
                break
        return replies

    @staticmethod
    def is_known(left, right):
        """The same error, raised by the router, without the place in PostgreSQL's sources; or by
        the server, about a prepared statement that has another name there."""
        if left.kind != "E" or right.kind != "E":
            return False
        expected, got = left.fields, right.fields
        if "F" not in got:
            return got == {key: value for key, value in expected.items() if key not in "FLR"}
        got["M"] = re.sub(r'"andon_\d+"', '"%s"' % "".join(re.findall('"(.*?)"', expected["M"])), got["M"])
        return got == expected

    def assertSame(self, name, steps, direct, routed):
        """Fails with the first message that differs, and what it was an answer to."""
        for number, (expected, got) in enumerate(zip(direct, routed)):
            for left, right in zip(expected, got):
                if left != right and not self.is_known(left, right):
                    self.fail("%s, answer %d (step %s)\n  direct %s\n  routed %s\n  direct %r %r\n  routed %r %r" % (
                        name, number, steps[number][0] if len(direct) == len(steps) else "?", expected[:9], got[:9],
                        left, left.body[:400], right, right.body[:400]))
        self.assertEqual([len(each) for each in direct], [len(each) for each in routed])

    def test_replies_are_the_servers_own(self):
        """Guards: nothing a server says is changed, lost, added or reordered on its way."""
        for name, steps in SCRIPTS.items():
            with self.subTest(name):
                transcripts = []
                for wire in (self.direct_wire(), self.wire()):
                    with wire:      # in session pooling it holds a server until it ends
                        transcripts.append(self.play(wire, steps))
                self.assertSame(name, steps, *transcripts)

    def test_all_at_once(self):
        """Guards: a client that does not wait for answers gets the same answers in the same order."""
        for name, steps in SCRIPTS.items():
            if any(until != "Z" for _, until in steps):
                continue
            with self.subTest(name):
                everything = [message for messages, _ in steps for message in messages]
                readies = sum(message[:1] in (b"Q", b"S", b"F") for message in everything)
                transcripts = []
                for wire in (self.direct_wire(), self.wire()):
                    with wire:
                        wire.send(*everything)
                        transcripts.append([self.read_all(wire, "Z") for _ in range(readies)])
                self.assertSame(name, steps, *transcripts)

    def test_in_pieces(self):
        """Guards: where a client's writes are cut makes no difference, in any of these conversations."""
        for name, steps in SCRIPTS.items():
            if sum(len(message) for messages, _ in steps for message in messages) > PIECEMEAL_MAX_BYTES:
                continue
            with self.direct_wire() as wire:
                expected = self.play(wire, steps)
            for size in (1, 7):
                with self.subTest(name, size=size), self.wire() as wire:
                    self.assertSame(name, steps, expected, self.play(wire, steps, size))

    def test_welcome(self):
        """Guards: what a client learns at login is what the primary would tell it, in_hot_standby too."""
        for parameters in ({}, {"TimeZone": "Asia/Tokyo", "application_name": "me"},
                           {"options": "-c datestyle=German --extra_float_digits=2"}, {"client_encoding": "LATIN1"}):
            with self.subTest(parameters):
                direct, routed = self.direct_wire(**parameters), self.wire(**parameters)
                self.assertEqual(routed.parameters, direct.parameters)
                self.assertEqual([reply.kind for reply in routed.welcome], [reply.kind for reply in direct.welcome])


class WireTracesInSessionPooling(WireTraces):
    """The same where a client keeps its server: other ways through the router lead there."""
    router_options = {"pool_mode": "session"}
