#!/usr/bin/python3
"""Random schemas, random boards, random concurrent writers: are the boards right?

    board_fuzz.py [--seed N] [--secs S] [--sessions K] [--scene I] [--set NAME=VALUE]

A scene is a schema (fuzz_schema), up to five boards over it (fuzz_definition,
fuzz_wild_definition) and some rounds. A round loads fresh rows, plays one
schedule over several sessions (fuzz_schedule), and then compares each board
with its definition, by check_board() and by EXCEPT ALL both ways, with its
change log, and with what the feed told while ticks were made all along. Rounds
are short because a row that went wrong is soon put right by
the next change of it.

Everything of scene I follows from the seed and I alone: `--seed N --scene I`
plays that scene again. A round that fails is played again, cut down to the
transactions without which it does not fail, and printed as SQL.

What create_board refuses is counted and left out. A run in which too little
was accepted or committed has shown nothing, and is an error too.
"""

import argparse
import collections
import contextlib
import itertools
import json
import os
import random
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, "dev"), os.path.join(TOP, "tests", "support")]

import psycopg2  # noqa: E402

from fuzz_conflict import ConflictMaker  # noqa: E402
from fuzz_definition import DefinitionMaker  # noqa: E402
from fuzz_runner import Inconsistent, Runner, ServerGone, Stuck  # noqa: E402
from fuzz_schedule import ScheduleMaker  # noqa: E402
from fuzz_schema import Schema  # noqa: E402
from fuzz_wild_definition import WildMaker  # noqa: E402

SESSIONS = 6
BOARDS_PER_SCENE = 5
DEFINITIONS_PER_SCENE = 12
ROUNDS_PER_SCENE = 5
CONFLICT_ROUNDS_PER_SCENE = 6
CUTTING_SECS = 30
OFFERS_ENOUGH = 30              # of a kind of definition, so that one at least must be accepted

# A lock table so small that some transactions want a board for themselves.
SERVER_SETTINGS = {"max_locks_per_transaction": 10, "max_connections": 40, "max_prepared_transactions": 10,
                   "shared_preload_libraries": "andon", "andon.databases": ""}

# Deadlocks are found soon; a lock that is never granted ends as an error.
SESSION_OPTIONS = ("SET search_path = fuzz, public", "SET deadlock_timeout = '10ms'",
                   "SET lock_timeout = '30s'", "SET client_min_messages = error")

REFUSED = "0A000"               # create_board will not keep such a board
SEVERAL_ROWS = "21000"          # it would have two rows for a key
INVALID = ("42", "22")          # the generator wrote no valid query


class Wrong(Exception):
    """A board that is not what it should be, or an error that should not be."""


class Counts(collections.Counter):
    def add(self, name):
        self[name] += 1

    def of(self, prefix):
        """Those whose names begin so, by what follows."""
        return {name[len(prefix):]: count for name, count in self.items() if name.startswith(prefix)}

    def __str__(self):
        return ", ".join("%d %s" % (count, name) for name, count in sorted(self.items()))


# ---------------------------------------------------------------- the oracle
def normal(value):
    """Equal values of the inexact families made the same: 'a ' and 'A', 1.0 and "1.00"."""
    if isinstance(value, dict):
        return {key: normal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [normal(item) for item in value]
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value.lower().rstrip()
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def comparison(cursor, board, definition):
    """A query for what is on one side only, by EXCEPT ALL both ways, each as a text."""
    cursor.execute("SELECT * FROM %s_definition LIMIT 0" % board)
    columns = ", ".join(column.name for column in cursor.description)
    right = "SELECT %s FROM %s_definition WHERE %s" % (
        columns, board, " AND ".join("%s IS NOT NULL" % name for name in definition.key))
    actual = "SELECT %s FROM %s" % (columns, board)
    return " UNION ALL ".join(
        "SELECT '%s: %s ' || x::text FROM ((%s) EXCEPT ALL (%s)) x" % (board, what, first, second)
        for what, first, second in (("missing", right, actual), ("extra", actual, right)))


def check_board(cursor, board, is_exact):
    """What check_board() finds, each as a text.

    Where equal values need not be the same, a definition may show either (GROUP
    BY takes any of them): then check_board's image comparison says too much.
    """
    found = []
    cursor.execute("SELECT key::text, problem, expected::text, actual::text FROM andon.check_board(%s)", (board,))
    for key, problem, expected, actual in cursor.fetchall():
        if is_exact or problem != "different" or normal(json.loads(expected)) != normal(json.loads(actual)):
            found.append("%s: check_board: %s %s expected %s actual %s" % (board, problem, key, expected, actual))
    return found


def check_log(cursor, board, definition):
    """Whether the change log, replayed key by key, gives the board; each key that differs as a text.

    A chain of changes has no gap, what follows a departure is an entry, and the last
    row is what the board shows. A key without a row has not changed since the fill.
    """
    key = ", ".join("'%s', %s" % (name, name) for name in definition.key)
    cursor.execute("""
        WITH log AS (
            SELECT key, op, version, from_status, to_status, lag(to_status) OVER w AS before, lag(op) OVER w AS op_before,
                   lag(version) OVER w AS version_before, lead(version) OVER w IS NULL AS is_last
            FROM andon.change WHERE board = %%s::regclass WINDOW w AS (PARTITION BY key ORDER BY version)),
        board AS (SELECT jsonb_build_object(%s) AS key, %s::text AS status, andon_version AS version FROM %s)
        SELECT 'breaks at ' || log::text FROM log
        WHERE version_before IS NOT NULL AND (version_before <> version - 1 OR before IS DISTINCT FROM from_status
                                              OR (op_before = 'd') <> (op = 'i'))
        UNION ALL
        SELECT 'ends with ' || coalesce(l::text, 'nothing') || ', but the board has ' || coalesce(b::text, 'nothing')
        FROM (SELECT * FROM log WHERE is_last) l FULL JOIN board b USING (key)
        WHERE (b.key IS NULL AND l.op <> 'd') OR (l.op = 'd' AND b.key IS NOT NULL)
           OR (l.key IS NULL AND b.version <> 1)
           OR (l.op <> 'd' AND (l.version <> b.version OR l.to_status IS DISTINCT FROM b.status))
        """ % (key, definition.status, board), (board,))
    return ["%s: the log %s" % (board, line) for line, in cursor.fetchall()]


# ---------------------------------------------------------------- the feed
TICK = "SELECT public.andon_tick(1)"


class Ticker(threading.Thread):
    """Makes ticks until it is stopped; no worker does it here."""

    def __init__(self, dsn):
        super().__init__()
        self.dsn = dsn
        self.stopping = threading.Event()
        self.error = None

    def run(self):
        try:
            with contextlib.closing(psycopg2.connect(self.dsn)) as connection:
                connection.autocommit = True
                cursor = connection.cursor()
                while not self.stopping.wait(0.002):
                    cursor.execute(TICK)
        except psycopg2.Error as error:
            self.error = error

    def stop(self):
        self.stopping.set()
        self.join()
        return ["the feed: %s" % self.error] if self.error else []


def read_rows(cursor, board, definition):
    """Status and version of each key."""
    key = ", ".join("'%s', %s" % (name, name) for name in definition.key)
    cursor.execute("SELECT jsonb_build_object(%s)::text, %s::text, andon_version FROM %s" % (key, definition.status, board))
    return {row[0]: row[1:] for row in cursor.fetchall()}


def check_feed(cursor, board, definition, position, rows):
    """Whether the changes since a position lead from the rows that were there then to those of now."""
    found = []
    cursor.execute("SELECT pos, key::text, op, from_status, to_status, version FROM andon.changes(%s, %s, 1000000)",
                   (board, position))
    for change in cursor.fetchall():
        _, key, op, from_status, to_status, version = change
        before = rows.pop(key, (None, 0))
        if from_status != before[0] or version <= before[1]:
            found.append("%s: the feed tells %s after %s" % (board, change, before))
        if op != "delete":
            rows[key] = (to_status, version)
    actual = read_rows(cursor, board, definition)
    for key in sorted(set(rows) | set(actual)):
        if rows.get(key) != actual.get(key):
            found.append("%s: the feed gives %s for %s, but the board has %s" % (board, rows.get(key), key, actual.get(key)))
    return found


# ---------------------------------------------------------------- a scene
class Scene:
    def __init__(self, runner, dsn, seed, number, extensions, counts):
        self.runner = runner
        self.dsn = dsn
        self.cursor = runner.control.cursor()
        self.name = "%s/%d" % (seed, number)
        self.rnd = random.Random(self.name)
        self.schema = Schema(self.rnd, extensions)
        self.counts = counts
        self.boards = {}

    def run(self, sessions):
        """Raises Wrong with all there is to know, or ends well."""
        self.create()
        for number in range(ROUNDS_PER_SCENE if self.boards else 0):
            self.counts.add("schedules")
            self.play(number, ScheduleMaker(
                self.rnd, self.schema, self.runner.control.server_version, list(self.boards), self.comparable_boards(),
                [name for name in self.boards if self.boards[name].kind == "row_per_key"]).make(sessions))
        for number in range(CONFLICT_ROUNDS_PER_SCENE if self.boards else 0):
            schedule = ConflictMaker(self.rnd, self.schema, self.comparable_boards()).make(sessions)
            self.counts["conflicts"] += len(schedule.conflicts)
            self.play(ROUNDS_PER_SCENE + number, schedule)

    def comparable_boards(self):
        """Those in which a refresh finds nothing to change."""
        return list(self.boards) if self.schema.family.exact else ()

    def play(self, number, schedule):
        load = list(self.schema.load(self.rnd))
        try:
            found = self.round(load, schedule, self.counts)
        except ServerGone as error:
            raise Wrong(self.report(number, ["a backend is gone: %s" % error], load, schedule))
        if found:
            smaller = Cutter(self, load, schedule).cut()
            raise Wrong(self.report(number, found, load, smaller))

    def create(self):
        self.execute("SELECT andon.drop_board(board) FROM andon.boards")
        self.execute("DROP SCHEMA IF EXISTS fuzz CASCADE")
        self.execute("CREATE SCHEMA fuzz")
        for option in SESSION_OPTIONS:
            self.execute(option)
        for statement in itertools.chain(self.schema.create(), self.schema.load(self.rnd)):
            self.execute(statement)
        for number in range(DEFINITIONS_PER_SCENE):
            name = "fuzz.board%d" % number
            maker = WildMaker(self.rnd, self.schema) if self.rnd.random() < 0.5 else DefinitionMaker(
                self.rnd, self.schema, "view%d" % number)
            definition = maker.make()
            if definition is None:
                continue
            self.counts.add("offered_" + definition.kind)
            if self.create_board(name, definition):
                self.boards[name] = definition
            if len(self.boards) == BOARDS_PER_SCENE:
                break
        self.create_check()

    def create_check(self):
        """The function behind CHECK."""
        queries = [comparison(self.cursor, name, definition) for name, definition in self.boards.items()]
        self.execute("CREATE OR REPLACE FUNCTION fuzz.wrong() RETURNS text LANGUAGE sql STABLE AS $wrong$\n"
                     "SELECT string_agg(line, '; ') FROM (%s) x (line) $wrong$" % (
                         " UNION ALL ".join(queries) or "SELECT NULL"))

    def create_board(self, name, definition):
        try:
            for statement in definition.setup:
                self.execute(statement)
            self.cursor.execute("SELECT andon.create_board(%s, %s, %s, %s, options => %s)", (
                name, definition.query, definition.key, definition.status, self.options()))
        except psycopg2.Error as error:
            self.counts.add(self.why_not_created(error, definition))
            return False
        self.counts.add("accepted")
        self.counts.add("accepted_" + definition.kind)
        return True

    def options(self):
        return '{"enable_always": true}' if self.schema.follows_replicas else "{}"

    def why_not_created(self, error, definition):
        if error.pgcode == REFUSED and definition.may_be_refused:
            return "refused_" + definition.kind
        if error.pgcode == SEVERAL_ROWS:
            return "several_rows"
        if error.pgcode and error.pgcode[:2] in INVALID:
            return "invalid"
        raise Wrong("scene %s: create_board failed: %s\n%s\n%s" % (
            self.name, error, ";\n".join(self.schema.create()), definition.query))

    def execute(self, statement):
        self.cursor.execute(statement)

    def round(self, load, schedule, counts):
        """Plays one schedule on fresh rows; what is wrong afterwards, each as a text."""
        if not self.load(load, counts):
            return []
        self.execute("SELECT andon.maintain()")
        self.execute(TICK)
        self.execute("SELECT andon.feed_position()")
        position = self.cursor.fetchone()[0]
        before = {name: read_rows(self.cursor, name, definition) for name, definition in self.boards.items()}
        ticker = Ticker(self.dsn)
        ticker.start()
        try:
            self.runner.play(schedule, counts)
        except (psycopg2.Error, Inconsistent, Stuck) as error:
            return ["%s: %s" % (getattr(error, "pgcode", None) or type(error).__name__, error)]
        finally:
            found = ticker.stop()
        self.execute(TICK)
        for name, definition in self.boards.items():
            found += check_board(self.cursor, name, self.schema.family.exact)
            if self.schema.family.exact:
                found += check_log(self.cursor, name, definition)
                found += check_feed(self.cursor, name, definition, position, before[name])
            self.execute(comparison(self.cursor, name, definition))
            found += ["EXCEPT ALL: " + line for line, in self.cursor.fetchall()]
        return found

    def load(self, load, counts):
        """False if some board would get two rows for a key."""
        try:
            for statement in load:
                self.execute(statement)
        except psycopg2.errors.CardinalityViolation:
            counts.add("several_rows_loaded")
            return False
        return True

    def report(self, number, found, load, schedule):
        lines = ["-- scene %s, round %d, %s" % (self.name, number, self.schema.family.name)]
        lines += ["%s;" % statement for statement in self.schema.create()]
        for name, definition in self.boards.items():
            lines += ["%s;" % statement for statement in definition.setup]
            lines.append("SELECT andon.create_board('%s', $$\n%s\n$$, '{%s}', '%s', options => '%s');" % (
                name, definition.query, ",".join(definition.key), definition.status, self.options()))
        lines += ["%s;" % statement for statement in load]
        lines.append("-- fuzz.wrong() tells what is on one side only, the board's or its definition's")
        return "\n".join(lines + [str(schedule), "-- found:"] + ["--   %s" % line for line in found])


class Cutter:
    """Leaves out of a failing round what it fails without."""

    def __init__(self, scene, load, schedule):
        self.scene = scene
        self.load = load
        self.schedule = schedule
        self.deadline = time.monotonic() + CUTTING_SECS

    def fails(self, schedule):
        """Races may go well once: a few tries."""
        return any(self.scene.round(self.load, schedule, Counts())
                   for _ in range(3) if time.monotonic() < self.deadline)

    def cut(self):
        if self.fails(self.schedule):
            self.cut_boards()
            self.cut_transactions()
        return self.schedule

    def cut_boards(self):
        """The boards that are wrong; the others may matter by the time they take."""
        boards = self.scene.boards
        for name in list(boards):
            definition = boards.pop(name)
            self.scene.create_check()
            if not self.fails(self.schedule):
                boards[name] = definition
                self.scene.create_check()

    def cut_transactions(self):
        """Halves first, then smaller parts, down to single transactions."""
        size = max(1, len(self.schedule.transactions()) // 2)
        while True:
            names = self.schedule.transactions()
            for first in range(0, len(names), size):
                smaller = self.schedule.without(set(names[first:first + size]))
                if self.fails(smaller):
                    self.schedule = smaller
                    break
            else:
                if size == 1:
                    return
                size //= 2


# ---------------------------------------------------------------- a run
def prepare(connection):
    """Makes the extensions that are installed; returns the contrib ones."""
    found = []
    with connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS andon")
        cursor.execute("CREATE OR REPLACE FUNCTION public.andon_tick(epoch bigint) RETURNS text"
                       " LANGUAGE c AS 'andon', 'andon_tick_by_hand'")
        cursor.execute("SELECT name FROM pg_available_extensions WHERE name = 'citext'")
        for name, in cursor.fetchall():
            cursor.execute("CREATE EXTENSION IF NOT EXISTS %s" % name)
            found.append(name)
    return found


def fuzz(dsn, seed, secs, sessions=SESSIONS, scene=None):
    """Plays scenes until time is up, or only the one; raises Wrong, or returns Counts."""
    counts = Counts()
    runner = Runner(dsn, sessions, SESSION_OPTIONS)
    try:
        extensions = prepare(runner.control)
        deadline = time.monotonic() + secs
        for number in itertools.count() if scene is None else [scene]:
            if scene is None and time.monotonic() > deadline:
                break
            counts.add("scenes")
            Scene(runner, dsn, seed, number, extensions, counts).run(sessions)
    except Wrong as wrong:
        raise Wrong("%s\n-- after: %s" % (wrong, counts))
    finally:
        runner.close()
    return counts


def check_enough(counts):
    """A run must have had something to be wrong about."""
    tried = sum(counts[name] for name in counts if name.startswith(("refused_", "several_rows", "invalid"))
                ) + counts["accepted"]
    if counts["accepted"] * 5 < tried or counts["invalid"] * 10 > tried:
        raise Wrong("too few definitions were accepted: %s" % counts)
    if counts["committed"] < 10 * counts["scenes"] or counts["committed"] < counts["given_up"]:
        raise Wrong("too few transactions were committed: %s" % counts)
    never = [kind for kind, count in counts.of("offered_").items() if count >= OFFERS_ENOUGH and not counts["accepted_" + kind]]
    if never:
        raise Wrong("never accepted: %s: %s" % (", ".join(never), counts))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seed", default=str(random.randrange(10**9)))
    parser.add_argument("--secs", type=float, default=60)
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the server")
    parser.add_argument("--scene", type=int, help="play only this scene of the seed")
    args = parser.parse_args()
    print("seed %s" % args.seed, flush=True)

    from pgcluster import Cluster
    from programs import stop_on_signals
    stop_on_signals()
    with Cluster(name="andon-fuzz", settings=dict(
            SERVER_SETTINGS, **dict(item.split("=", 1) for item in args.set))) as cluster:
        dsn = cluster.primary.socket_conninfo("board_fuzz") + " dbname=postgres"
        try:
            counts = fuzz(dsn, args.seed, args.secs, args.sessions, args.scene)
            print("seed %s: %s" % (args.seed, counts))
            if args.scene is None:
                check_enough(counts)
        except Wrong as wrong:
            print(wrong)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
