"""Conversations for test_wire_traces.py: what clients do that they rarely do.

name: steps; a step is (messages, the kind of reply that ends it). Each is played
straight to the primary and through the router, and must read the same, byte for
byte. The tables are those of test_wire_traces.py's SETUP.
"""

import struct

from pgwire import (Bind, Close, CopyData, CopyDone, CopyFail, Describe, Execute, Flush, FunctionCall, Parse,
                    Query, Sync, message, text)

INT4, INT8, TEXT, BYTEA, NUMERIC, TIMESTAMPTZ = 23, 20, 25, 17, 1700, 1184
LO_CREAT, LOWER, INT4PL, INT4DIV = 957, 870, 177, 154


def i32(value):
    return struct.pack("!i", value)


def BindWith(statement, values, formats=(), results=(), portal=""):
    """Bind as it stands in the protocol: formats of parameters and of results."""
    body = text(portal) + text(statement) + struct.pack("!h%dh" % len(formats), len(formats), *formats)
    body += struct.pack("!h", len(values))
    for value in values:
        body += i32(-1) if value is None else i32(len(value)) + value
    return message("B", body + struct.pack("!h%dh" % len(results), len(results), *results))


def Call(oid, values, formats=(), result=0):
    """FunctionCall as it stands in the protocol."""
    body = struct.pack("!Ih%dh" % len(formats), oid, len(formats), *formats) + struct.pack("!h", len(values))
    for value in values:
        body += i32(-1) if value is None else i32(len(value)) + value
    return message("F", body + struct.pack("!h", result))


COPY_BINARY = (b"PGCOPY\n\xff\r\n\0" + i32(0) + i32(0) +
               struct.pack("!h", 2) + i32(4) + i32(7) + i32(5) + b"seven" + struct.pack("!h", -1))

SCRIPTS = {
    "binary formats": [
        ([Parse("b", "SELECT $1::int4, $2::bytea, $3::numeric, $4::timestamptz, $5::int8[], NULL::int4",
                INT4, BYTEA, NUMERIC, TIMESTAMPTZ), Describe("S", "b"), Sync()], "Z"),
        ([BindWith("b", [i32(7), b"\0\xff\\'", b"12.50", b"2024-02-03 04:05:06.789+00", b"{1,NULL,3}"],
                   (1, 1, 0, 0, 0), (1,)), Describe("P"), Execute(), Sync()], "Z"),
        ([BindWith("b", [i32(7), None, b"12.50", None, None], (1, 1, 0, 0, 0), (0, 1, 0, 1, 0, 1)),
          Describe("P"), Execute(), Sync()], "Z"),
        ([BindWith("b", [b"7"] * 4 + [None], (), ()), Execute(), Sync()], "Z"),
        ([BindWith("b", [b"\0\0\7"] + [None] * 4, (1,), ()), Execute(), Sync()], "Z"),
        ([BindWith("b", [None] * 5, (7,), ()), Execute(), Sync()], "Z"),
        ([BindWith("b", [None] * 5, (), (1, 1)), Execute(), Sync()], "Z"),
        ([BindWith("b", [None] * 5, (0, 0), ()), Execute(), Sync()], "Z"),
        ([BindWith("b", [b"1"], (), ()), Execute(), Sync()], "Z"),
        ([BindWith("b", [None] * 5, (), ()), Execute(), Sync()], "Z")],
    "text that is no text": [
        ([message("Q", b"SELECT '\xff\xfe'\0")], "Z"),
        ([Parse("", "SELECT $1::text"), BindWith("", [b"\xc3\x28"]), Execute(), Sync()], "Z"),
        ([BindWith("", [b"a\0b"]), Execute(), Sync()], "Z"),
        ([Parse("", "SELECT $1", 99999999), Sync()], "Z"),
        ([Parse("", "SELECT $2"), Describe("S"), Sync()], "Z"),
        ([Parse("", "SELECT 1; SELECT 2"), Sync()], "Z"),
        ([Parse("", "SELECT $1 || $2"), Describe("S"), Sync()], "Z")],
    "large rows and texts": [
        ([Query("SELECT repeat('x', 1000000) AS x, g FROM generate_series(1, 3) g")], "Z"),
        ([Query("SELECT '%s'" % ("y" * 200000))], "Z"),
        ([Query("/* %s */ SELECT 1" % ("c" * 70000))], "Z"),
        ([Parse("", "SELECT length($1), $1", TEXT), Bind("", "", "z" * 300000), Describe("P"), Execute(), Sync()],
         "Z"),
        ([Query("SELECT %s" % ", ".join("%d AS column_%d" % (n, n) for n in range(1600)))], "Z"),
        ([Query("SELECT %s" % ", ".join("1" for n in range(1665)))], "Z"),
        ([Query("SELECT * FROM generate_series(1, 5000)")], "Z")],
    "portals": [
        ([Query("BEGIN")], "Z"),
        ([Parse("s", "SELECT generate_series(1, 5) AS n"), Bind("p", "s"), Bind("p", "s"), Sync()], "Z"),
        ([Query("ROLLBACK")], "Z"),
        ([Query("BEGIN")], "Z"),
        ([Bind("p", "s"), Bind("q", "s"), Describe("P", "p"), Describe("P", "q"), Sync()], "Z"),
        ([Execute("p", 2), Execute("q", 1), Execute("p", 2), Execute("p", 2), Execute("p", 2), Execute("p"), Sync()],
         "Z"),
        ([Execute("p", 1), Sync()], "Z"),
        ([Query("FETCH 1 FROM q")], "Z"),
        ([Query("MOVE 1 FROM q")], "Z"),
        ([Close("P", "q"), Close("P", "never"), Sync()], "Z"),
        ([Execute("q"), Sync()], "Z"),
        ([Query("ROLLBACK")], "Z"),
        ([Bind("p", "s"), Execute("p", 3), Sync(), Execute("p", 3), Sync()], "Z"),
        ([Bind("p", "s"), Sync(), Describe("P", "p"), Sync()], "Z")],
    "row limits of what is no query": [
        ([Query("BEGIN")], "Z"),
        ([Parse("", "INSERT INTO w SELECT g, 'r' FROM generate_series(20, 24) g RETURNING id"), Bind("i", ""),
          Describe("P", "i"), Execute("i", 2), Execute("i", 2), Execute("i", 0), Sync()], "Z"),
        ([Parse("", "UPDATE w SET v = v"), Bind("", ""), Execute("", 1), Sync()], "Z"),
        ([Parse("", "SHOW TimeZone"), Bind("", ""), Describe("P"), Execute("", 1), Execute("", 1), Sync()], "Z"),
        ([Parse("", "EXPLAIN (COSTS off) SELECT 1 WHERE false"), Bind("e", ""), Execute("e", 1), Execute("e", 1),
          Sync()], "Z"),
        ([Parse("", "FETCH ALL FROM e"), Bind("", ""), Describe("P"), Execute(), Sync()], "Z"),
        ([Query("ROLLBACK")], "Z")],
    "cursors by SQL and by protocol": [
        ([Query("BEGIN; DECLARE c CURSOR FOR SELECT id FROM w ORDER BY id")], "Z"),
        ([Describe("P", "c"), Execute("c", 1), Sync()], "Z"),
        ([Query("FETCH 1 FROM c")], "Z"),
        ([Close("P", "c"), Sync()], "Z"),
        ([Query("FETCH 1 FROM c")], "Z"),
        ([Query("ROLLBACK")], "Z"),
        ([Query("DECLARE c CURSOR FOR SELECT 1")], "Z"),
        ([Query("DECLARE h CURSOR WITH HOLD FOR SELECT id FROM w ORDER BY id")], "Z"),
        ([Query("FETCH 1 FROM h")], "Z"),
        ([Execute("h", 1), Sync()], "Z"),
        ([Query("CLOSE h")], "Z"),
        ([Query("FETCH 1 FROM h")], "Z")],
    "names": [
        ([Parse("n", "SELECT 1"), Parse("n", "SELECT 2"), Sync()], "Z"),
        ([Bind("", "n"), Execute(), Sync()], "Z"),
        ([Close("S", "n"), Parse("n", "SELECT 'other'"), Bind("", "n"), Describe("P"), Execute(), Sync()], "Z"),
        ([Close("S", "n"), Close("S", "n"), Close("S", ""), Sync()], "Z"),
        ([Describe("S", "n"), Sync()], "Z"),
        ([Parse("", "SELECT 5"), Sync()], "Z"),
        ([Close("S", ""), Sync()], "Z"),
        ([Bind("", ""), Execute(), Sync()], "Z"),
        ([Parse("a name with 'quotes' and \u00fc", "SELECT 8"), Sync()], "Z"),
        ([Bind("p\u00f6rtal", "a name with 'quotes' and \u00fc"), Describe("P", "p\u00f6rtal"),
          Execute("p\u00f6rtal"), Sync()], "Z"),
        ([Parse("l" * 100, "SELECT 9"), Bind("", "l" * 100), Execute(), Sync()], "Z")],
    "what a Describe tells": [
        ([Parse("d1", "INSERT INTO w VALUES ($1, $2)"), Describe("S", "d1"), Sync()], "Z"),
        ([Parse("d2", "INSERT INTO w VALUES ($1, $2) RETURNING *"), Describe("S", "d2"), Sync()], "Z"),
        ([Parse("d3", "VALUES ($1::int, $2::text)"), Describe("S", "d3"), BindWith("d3", [b"1", b"x"], (), (1, 0)),
          Describe("P"), Sync()], "Z"),
        ([Parse("d4", "SET TimeZone = 'UTC'"), Describe("S", "d4"), Bind("", "d4"), Describe("P"), Sync()], "Z"),
        ([Parse("d5", "BEGIN"), Describe("S", "d5"), Sync()], "Z"),
        ([Parse("d6", "DECLARE c CURSOR FOR SELECT 1"), Describe("S", "d6"), Sync()], "Z"),
        ([Parse("d7", "EXPLAIN SELECT 1"), Describe("S", "d7"), Sync()], "Z"),
        ([Parse("d8", "COPY w TO STDOUT"), Describe("S", "d8"), Sync()], "Z"),
        ([Parse("d9", "SELECT w, w.id, (w).v FROM w"), Describe("S", "d9"), Sync()], "Z")],
    "several statements and their transaction": [
        ([Query("INSERT INTO w VALUES (31, 'a'); SELECT 1/0")], "Z"),
        ([Query("SELECT count(*) FROM w WHERE id = 31")], "Z"),
        ([Query("INSERT INTO w VALUES (31, 'a'); COMMIT; SELECT 1/0")], "Z"),
        ([Query("DELETE FROM w WHERE id = 31; SELECT count(*) FROM w WHERE id = 31")], "Z"),
        ([Query("BEGIN; SELECT 1; ROLLBACK; BEGIN; SELECT 2; COMMIT")], "Z"),
        ([Query("SELECT 1; BEGIN; SELECT 2")], "Z"),
        ([Query("SELECT 3; COMMIT; SELECT 4")], "Z"),
        ([Query("SET LOCAL TimeZone = 'Asia/Tokyo'; SHOW TimeZone")], "Z"),
        ([Query("SHOW TimeZone")], "Z"),
        ([Query("SELECT 1; SELEC 2")], "Z"),
        ([Query("SELECT 1;; ;SELECT 2;")], "Z"),
        ([Query("VACUUM; SELECT 1")], "Z"),
        ([Query("SELECT 1; SAVEPOINT s; SELECT 1/0; ROLLBACK TO s")], "Z"),
        ([Query("BEGIN; SAVEPOINT s; SELECT 1/0")], "Z"),
        ([Query("ROLLBACK TO s; SELECT 5; RELEASE s; COMMIT AND CHAIN; SELECT 6")], "Z"),
        ([Query("ROLLBACK AND CHAIN")], "Z"),
        ([Query("ABORT")], "Z")],
    "a pipeline of many": [
        ([m for n in range(60) for m in (Parse("", "SELECT %d + $1::int" % n), Bind("", "", n), Describe("P"),
                                         Execute())] + [Sync()], "Z"),
        ([Parse("k", "SELECT $1::int")] + [m for n in range(60) for m in (Bind("", "k", n), Execute())] + [Sync()],
         "Z"),
        ([m for n in range(8) for m in (Bind("", "k", n), Execute(), Sync())], "Z"),
        ([m for n in range(8) for m in (Parse("", "SELECT 1/(%d - 3)" % n), Bind("", ""), Execute(), Sync())], "Z"),
        ([Query("SELECT 1"), Bind("", "k", 1), Execute(), Sync(), Query("SELECT 1/0"), Bind("", "k", 2), Execute(),
          Sync()], "Z")],
    "an implicit transaction of a pipeline": [
        ([Parse("i", "INSERT INTO w VALUES ($1, 'p')"), Bind("", "i", 41), Execute(), Bind("", "i", 41), Execute(),
          Bind("", "i", 42), Execute(), Sync()], "Z"),
        ([Query("SELECT count(*) FROM w WHERE id IN (41, 42)")], "Z"),
        ([Bind("", "i", 43), Execute(), Parse("", "BEGIN"), Bind("", ""), Execute(), Sync()], "Z"),
        ([Parse("", "COMMIT"), Bind("", ""), Execute(), Sync()], "Z"),
        ([Bind("", "i", 44), Execute(), Parse("", "COMMIT"), Bind("", ""), Execute(), Bind("", "i", 43), Execute(),
          Sync()], "Z"),
        ([Query("SELECT id FROM w WHERE id BETWEEN 41 AND 44 ORDER BY id")], "Z"),
        ([Parse("", "BEGIN"), Bind("", ""), Execute(), Bind("", "i", 45), Execute(), Parse("", "ROLLBACK"),
          Bind("", ""), Execute(), Sync()], "Z"),
        ([Query("DELETE FROM w WHERE id > 40")], "Z")],
    "COPY in its forms": [
        ([Query("CREATE TEMP TABLE c (a int, b text)")], "Z"),
        ([Query("COPY c FROM STDIN WITH (FORMAT binary)")], "G"),
        ([CopyData(COPY_BINARY[:13]), CopyData(COPY_BINARY[13:]), CopyDone()], "Z"),
        ([Query("COPY c TO STDOUT WITH (FORMAT binary)")], "Z"),
        ([Query("COPY c FROM STDIN WITH (FORMAT csv, HEADER)")], "G"),
        ([CopyData(b"a,b\n"), CopyData(b'8,"a ""quoted""\nvalue"\n'), CopyDone()], "Z"),
        ([Query("COPY c FROM STDIN")], "G"),
        ([CopyDone()], "Z"),
        ([Query("COPY c FROM STDIN")], "G"),
        ([CopyData(b"9\tnine\n\\.\n"), CopyDone()], "Z"),
        ([Query("COPY c FROM STDIN")], "G"),
        ([CopyData(b"10\tten\n"), Sync(), Flush(), CopyDone()], "Z"),
        ([Query("COPY c FROM STDIN")], "G"),
        ([CopyData(b"11\televen"), CopyFail("")], "Z"),
        ([Query("COPY c FROM STDIN")], "G"),
        ([CopyData(b"a\tb\n")], "Z"),
        ([Query("SELECT 'after'")], "Z"),
        ([Query("SELECT 'and again'")], "Z"),
        ([Query("COPY nowhere FROM STDIN")], "Z"),
        ([CopyData(b"left over\n"), CopyDone(), Query("SELECT 1")], "Z"),
        ([Query("COPY c FROM STDIN; COPY c FROM STDIN; SELECT count(*) FROM c")], "G"),
        ([CopyData(b"12\tx\n"), CopyDone()], "G"),
        ([CopyData(b"13\tx\n"), CopyDone()], "Z"),
        ([Query("COPY c TO STDOUT; SELECT 1; COPY (SELECT 1/0) TO STDOUT; SELECT 2")], "Z"),
        ([Query("COPY (SELECT g, 1/(g-50) FROM generate_series(1, 60) g) TO STDOUT")], "Z")],
    "COPY by extended protocol": [
        ([Query("CREATE TEMP TABLE c (a int, b text)")], "Z"),
        ([Parse("in", "COPY c FROM STDIN"), Describe("S", "in"), Bind("", "in"), Describe("P"), Execute(), Sync()],
         "G"),
        ([CopyData(b"1\tone\n"), CopyDone(), Sync()], "Z"),
        ([Bind("", "in"), Execute(), CopyData(b"2\ttwo\n"), CopyDone(), Sync()], "Z"),
        ([Bind("", "in"), Execute(), CopyData(b"bad\n"), CopyDone(), Sync()], "Z"),
        ([Bind("", "in"), Execute(), CopyFail("no"), Sync()], "Z"),
        ([Bind("", "in"), Execute(), Flush()], "G"),
        ([CopyData(b"3\tthree\n"), CopyDone(), Parse("", "SELECT count(*) FROM c"), Bind("", ""), Execute(), Sync()],
         "Z"),
        ([Parse("out", "COPY c TO STDOUT"), Bind("", "out"), Describe("P"), Execute(), Sync()], "Z"),
        ([Bind("", "out"), Execute("", 1), Sync()], "Z"),
        ([Query("BEGIN")], "Z"),
        ([Bind("", "in"), Execute(), CopyData(b"4\tfour\n"), CopyDone(), Bind("", "out"), Execute(), Sync()], "Z"),
        ([Bind("", "in"), Execute(), CopyFail("enough"), Sync()], "Z"),
        ([Bind("", "out"), Execute(), Sync()], "Z"),
        ([Query("ROLLBACK")], "Z")],
    "function calls": [
        ([Call(INT4PL, [i32(2), i32(3)], (1,), 1)], "Z"),
        ([Call(INT4PL, [b"2", i32(3)], (0, 1), 0)], "Z"),
        ([Call(LOWER, [b"ABC"])], "Z"),
        ([Call(LOWER, [None])], "Z"),
        ([Call(INT4DIV, [b"1", b"0"])], "Z"),
        ([Call(INT4PL, [b"x", b"3"])], "Z"),
        ([Call(99999999, [])], "Z"),
        ([Query("BEGIN")], "Z"),
        ([Call(INT4PL, [b"4", b"3"])], "Z"),
        ([Call(INT4DIV, [b"1", b"0"])], "Z"),
        ([Call(INT4PL, [b"4", b"3"])], "Z"),
        ([Query("ROLLBACK")], "Z"),
        ([FunctionCall(INT4PL, b"5", b"5")], "Z")],
    "notices on their way": [
        ([Query("DO $$ BEGIN FOR i IN 1..300 LOOP RAISE NOTICE 'notice % %', i, repeat('x', 100); END LOOP; END $$")],
         "Z"),
        ([Parse("", "SELECT shout('a'), shout('b')"), Describe("S"), Bind("", ""), Execute(), Sync()], "Z"),
        ([Query("SELECT shout('a') FROM generate_series(1, 3)")], "Z"),
        ([Query("SELECT shout('a'), 1/0")], "Z"),
        ([Query("SET client_min_messages = 'debug1'")], "Z"),
        ([Query("DO $$ BEGIN RAISE DEBUG 'd'; RAISE LOG 'l'; RAISE INFO 'i'; END $$")], "Z"),
        ([Query("RESET client_min_messages")], "Z"),
        ([Query("DO $$ BEGIN RAISE INFO 'i'; RAISE EXCEPTION USING ERRCODE = 'XX001'; END $$")], "Z")],
    "notifications of one's own": [
        ([Query("LISTEN here_i_am")], "Z"),
        ([Query("NOTIFY here_i_am, 'hello'")], "Z"),
        ([Query("BEGIN; NOTIFY here_i_am, 'in a transaction'")], "Z"),
        ([Query("SELECT 1")], "Z"),
        ([Query("COMMIT")], "Z"),
        ([Parse("", "SELECT pg_notify('here_i_am', 'x')"), Bind("", ""), Execute(), Sync()], "Z"),
        ([Query("UNLISTEN *")], "Z"),
        ([Query("NOTIFY here_i_am")], "Z")],
    "settings that are reported": [
        ([Query("SET application_name = 'a'")], "Z"),
        ([Query("SET application_name = 'a'")], "Z"),
        ([Query("SET IntervalStyle = 'iso_8601'; SELECT '1 day 2 hours'::interval")], "Z"),
        ([Query("SET standard_conforming_strings = off")], "Z"),
        ([Query("SELECT 'a\\'b'")], "Z"),
        ([Query("SET standard_conforming_strings = on")], "Z"),
        ([Query("SET client_encoding = 'LATIN1'")], "Z"),
        ([Query("SELECT chr(252)")], "Z"),
        ([Query("SELECT chr(8364)")], "Z"),
        ([Query("SET NAMES 'UTF8'")], "Z"),
        ([Query("BEGIN")], "Z"),
        ([Query("SET DateStyle = 'SQL, DMY'")], "Z"),
        ([Query("SAVEPOINT s")], "Z"),
        ([Query("SET TimeZone = 'America/New_York'")], "Z"),
        ([Query("ROLLBACK TO s")], "Z"),
        ([Query("SHOW TimeZone")], "Z"),
        ([Query("ROLLBACK")], "Z"),
        ([Query("SELECT set_config('TimeZone', 'Europe/Paris', false)")], "Z"),
        ([Query("SET TIME ZONE INTERVAL '+05:30' HOUR TO MINUTE")], "Z"),
        ([Query("SHOW TimeZone")], "Z"),
        ([Query("RESET TimeZone")], "Z"),
        ([Query("SHOW TimeZone")], "Z"),
        ([Query("SET no.such = 'custom'; SHOW no.such")], "Z"),
        ([Query("SET no_such = 1")], "Z")],
    "a session's own role": [
        ([Query("CREATE ROLE wire_role")], "Z"),
        ([Query("SET ROLE wire_role")], "Z"),
        ([Query("SELECT current_user, session_user")], "Z"),
        ([Query("RESET ROLE")], "Z"),
        ([Query("SET SESSION AUTHORIZATION wire_role")], "Z"),
        ([Query("SELECT current_user, session_user")], "Z"),
        ([Query("RESET SESSION AUTHORIZATION")], "Z"),
        ([Query("DROP ROLE wire_role")], "Z")],
    "two-phase commit": [
        ([Query("BEGIN; INSERT INTO w VALUES (70, 'two')")], "Z"),
        ([Query("PREPARE TRANSACTION 'wire'")], "Z"),
        ([Query("SELECT count(*) FROM w WHERE id = 70")], "Z"),
        ([Query("ROLLBACK PREPARED 'wire'")], "Z"),
        ([Query("COMMIT PREPARED 'wire'")], "Z"),
        ([Query("BEGIN")], "Z"),
        ([Query("PREPARE TRANSACTION 'wire'")], "Z"),
        ([Query("COMMIT PREPARED 'wire'")], "Z"),
        ([Query("SELECT 1/0; PREPARE TRANSACTION 'wire'")], "Z")],
    "errors that end nothing": [
        ([Parse("", "SELECT 1"), Bind("", ""), Execute("no portal"), Sync()], "Z"),
        ([Parse("x", "SELECT 1/0"), Sync(), Bind("", "x"), Execute(), Sync(), Query("SELECT 1")], "Z"),
        ([Sync(), Bind("", "never"), Sync(), Sync()], "Z"),
        ([Flush(), Flush(), Sync()], "Z"),
        ([Parse("", "CREATE TABLE never (a int)"), Bind("", ""), Execute(), Bind("", "never"), Sync()], "Z"),
        ([Query("SELECT * FROM never")], "Z"),
        ([Query("DO $$ BEGIN PERFORM pg_cancel_backend(pg_backend_pid()); PERFORM pg_sleep(20); END $$")], "Z"),
        ([Query("SELECT 2")], "Z"),
        ([Query("CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO w VALUES (80); COMMIT;"
                " INSERT INTO w VALUES (80); END $$")], "Z"),
        ([Query("CALL commits()")], "Z"),
        ([Query("SELECT count(*) FROM w WHERE id = 80; DELETE FROM w WHERE id = 80; DROP PROCEDURE commits()")], "Z")],
}
