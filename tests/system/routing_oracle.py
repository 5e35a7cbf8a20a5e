#!/usr/bin/python3
"""Where did every statement run, and was that right? Asked of everybody but the router.

    tests/system/routing_oracle.py [--secs 600] [--seed N] [--northwind FILE] [--only shop]

A corpus of statements goes through the router to a primary and two replicas, one
by one. Each is also run straight on the primary and on a replica, in
transactions that are rolled back, which shows what it would leave behind and
whether a replica takes it. pg_stat_statements and the logs of the nodes show
where it came to when it went through the router (tests/support/witness.py).
What is found wrong:

    an effect on a replica     it leaves something behind and succeeded on a replica
    sent to a replica first    the same, and the replica's error is none of router.md 3.5
    kept without a reason      a replica could have run it, the primary did, and the
                               rule EXPLAIN ROUTE names does not hold by the catalog
    not as explained           it ran where EXPLAIN ROUTE does not say
    about the node             it ran on a replica and answers otherwise on the primary
    another answer             the router's client got another error, or none

The corpora: the tables of test_classify.c, tests/system/routing/*.sql, and what
sqlsmith makes of the shop's schema for a seed.
"""

import argparse
import ast
import collections
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, "..", "..")
sys.path[:0] = [os.path.join(HERE, "..", "support"), os.path.join(TOP, "dev")]

import witness  # noqa: E402
from pgcluster import Cluster, fetch  # noqa: E402
from programs import Failed, stop_on_signals, wait_until  # noqa: E402
from routerproc import Router  # noqa: E402
from pgwire import Wire  # noqa: E402
from witness import ROLE, STATEMENT_TIMEOUT, Probe, Statement, Witness, run  # noqa: E402

CLASSIFY_TEST = os.path.join(TOP, "tests", "router", "unit", "sql", "test_classify.c")
FOLDER = os.path.join(HERE, "routing")
TIMED_OUT = "57014"

# Errors of a replica after which the primary is asked: router.md 3.5.
CORRECTED = {"25006", "0A000", "55000", "42P01", "42703", "42883", "3F000", "40001", "40P01"}
LEARNED = "a replica refused it before"

# Would change the schema under the statements that follow.
SPOILS = re.compile(r"(?:SELECT 1; )?(?:DROP TABLE t|ALTER |CREATE (?:RULE|EXTENSION|OPERATOR|CAST|DOMAIN|FUNCTION|INDEX))", re.I)

# Rules that are about the kind of the statement: nothing in the catalog to hold them against.
OF_THE_KIND = {
    "a command for the primary", "a prepared statement of the session", "a setting of the session",
    "changes the catalog", "CALL may do anything", "COPY FROM", "COPY with a file or program of the server",
    "DELETE", "DO may do anything", "EXPLAIN of what is not a query", "FOR UPDATE or FOR SHARE locks rows", "INSERT",
    "MERGE", "SELECT INTO makes a table", "SHOW tells of the node", "UPDATE", "a cursor that outlives its transaction",
    "loads a library into the session", "nested deeper than the router looks", "resets part of the session",
    "the hint in it", "notifications come from the primary",
}

# Rules about a name: what the catalog must know of it for them to hold.
IS_VOLATILE = "SELECT 1 FROM pg_proc WHERE proname = %(name)s AND (provolatile = 'v' OR oid >= 16384)"
IS_BUILT_IN = "SELECT 1 FROM pg_proc WHERE proname = %(name)s AND oid < 16384"
OF_A_NAME = {
    "a volatile function": IS_VOLATILE,
    "a function with effects": IS_BUILT_IN,
    "a setting only a function may have": IS_BUILT_IN,
    "tells of the node": IS_BUILT_IN + " UNION ALL SELECT 1 FROM pg_class WHERE relname = %(name)s AND relkind = 'v'",
    "not a plain, replicated table, nor a view of such":
        "SELECT 1 FROM pg_class WHERE relname = %(name)s AND (relkind IN ('v', 'S', 'f') OR relpersistence <> 'p' OR relrowsecurity)",
    "an operator that calls a volatile function":
        "SELECT 1 FROM pg_operator o JOIN pg_proc p ON p.oid = oprcode WHERE oprname = %(name)s AND provolatile = 'v'",
    "a type whose checks or casts may have effects": "SELECT 1 FROM pg_type WHERE typname = %(name)s AND oid >= 16384",
    "a column that may be a volatile function of the row":
        IS_VOLATILE + " UNION ALL SELECT 1 FROM pg_type WHERE typname = %(name)s AND oid >= 16384",
}


class Report:
    """What was found, and how much of what could have been found there was."""

    def __init__(self):
        self.counts = collections.Counter()
        self.kept = collections.Counter()      # reads that could have run on a replica, by the rule that kept them
        self.violations = []                   # (what, statement, detail)

    def found(self, what, statement, detail):
        self.violations.append((what, statement.sql, detail))

    def kinds(self):
        return {what for what, _, _ in self.violations}

    def __str__(self):
        lines = ["  %-34s %d" % item for item in sorted(self.counts.items())]
        lines += ["  kept: %-60s %d" % item for item in self.kept.most_common()]
        lines += ["  WRONG: %s: %s\n    %s" % (what, " ".join(sql.split())[:400], detail)
                  for what, sql, detail in self.violations]
        return "\n".join(lines)


class Oracle:
    """Judges statements of one database."""

    def __init__(self, cluster, router, dbname):
        self.router = router
        self.dbname = dbname
        self.report = Report()
        self.console = router.connect("andon")
        self.catalog = cluster.primary.connect(dbname)
        self.refills = fetch(self.catalog, "SELECT to_regprocedure('refill()') IS NOT NULL")[0][0]
        self.probes = {node: Probe(node, dbname) for node in (cluster.primary, cluster.replicas[0])}
        self.witnesses = {node: Witness(node, dbname) for node in cluster.nodes}
        self.idle = Wire(router.port, dbname, user=ROLE)     # while somebody is connected, the router keeps what it knows
        wait_until(lambda: self.explain(Statement("SELECT count(*) FROM pg_class"))[0] == "replica",
                   what="the router to know " + dbname)

    def close(self):
        for what in [self.console, self.catalog, self.idle, *self.probes.values(), *self.witnesses.values()]:
            what.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def explain(self, statement):
        """(route, rule, name) by EXPLAIN ROUTE."""
        rows = fetch(self.console, "EXPLAIN ROUTE %s '%s'" % (self.dbname, statement.sql.replace("'", "''")))
        return rows[0][1], rows[0][3], rows[0][4]

    def judge(self, statement, extended=False):
        """Runs one statement everywhere and notes what is wrong with where it went."""
        self.report.counts["statements"] += 1
        primary, replica = self.probes
        self._wait_caught_up()
        alone, effects = self.probes[primary].run(statement)
        on_replica, _ = self.probes[replica].run(statement)
        explained = self.explain(statement)
        for node in self.witnesses.values():
            node.reset()
        with Wire(self.router.port, self.dbname, user=ROLE) as wire:
            routed = run(wire, statement, extended or statement.has_parameters)
        ran = {node: witness.ask() for node, witness in self.witnesses.items()}
        self._verdict(statement, explained, Seen(alone, effects, on_replica, routed, ran, primary))

    def _wait_caught_up(self):
        """The replica that is probed has what the primary has."""
        primary, replica = self.probes
        lsn = self.witnesses[primary].value("SELECT pg_current_wal_flush_lsn()")
        wait_until(lambda: self.witnesses[replica].value("SELECT pg_last_wal_replay_lsn() >= %s", (lsn,)),
                   what=replica.name + " to catch up", interval=0.001)

    def _verdict(self, statement, explained, seen):
        count, found = self.report.counts, self.report.found
        route, rule, _ = explained
        if not seen.on_primary and not seen.on_replicas:
            count["came to no node"] += 1
            return
        count["ran on replicas" if seen.succeeded_on_replica else "ran on the primary"] += 1
        if seen.effects:
            if self.refills:
                fetch(self.catalog, "SELECT refill()")
            self._check_effects(statement, seen)
        elif TIMED_OUT in (seen.alone.ended, seen.on_replica.ended, seen.routed.ended):
            count["took too long"] += 1
        elif seen.routed.ended in ("25P01", "25001"):
            count["only inside, or outside, of transactions"] += 1
        elif seen.could_run_on_replica():
            count["reads a replica can run"] += 1
            self._check_read(statement, explained, seen)
        elif seen.alone.ended == "ok":
            count["reads no replica can run"] += 1
        else:
            count["errors"] += 1
        if (seen.on_replicas and route == "primary") or (seen.on_primary and route == "replica" and not seen.on_replicas):
            found("not as explained", statement, "%s: %s, but %s" % (route, rule, seen))

    def _check_effects(self, statement, seen):
        """Something that leaves a trace may not be tried on a replica, but for what that refuses."""
        self.report.counts["with effects"] += 1
        if not seen.on_replicas:
            return
        if seen.succeeded_on_replica:
            self.report.found("an effect on a replica", statement, "%s; %s" % (", ".join(seen.effects), seen))
        elif not (seen.is_corrected and self._has_learned(statement, seen)):
            self.report.found("sent to a replica first", statement, str(seen))
        else:
            self.report.counts["corrected after a replica refused"] += 1

    def _has_learned(self, statement, seen):
        """What a replica can never do is not tried there again."""
        if not seen.replica_errors & {"25006", "0A000", "55000"}:
            return True
        return self.explain(statement)[:2] == ("primary", LEARNED)

    def _check_read(self, statement, explained, seen):
        route, rule, name = explained
        if seen.succeeded_on_replica:
            if seen.alone != seen.routed and self._depends_on_node(statement, seen):
                self.report.found("about the node", statement, str(seen))
            return
        if seen.alone.ended != seen.routed.ended:
            self.report.found("another answer", statement, "%s, not %s" % (seen.routed.ended, seen.alone.ended))
        if route == "primary" and (self._rule_holds(rule, name) or statement.is_kept):
            self.report.kept["%s (%s)" % (rule, name) if name else rule] += 1
        else:
            self.report.found("kept without a reason", statement, "%s: %s %s; %s" % (route, rule, name or "", seen))

    def _rule_holds(self, rule, name):
        if rule in OF_A_NAME:
            return bool(fetch(self.catalog, OF_A_NAME[rule], {"name": name}))
        return rule in OF_THE_KIND or rule == LEARNED

    def _depends_on_node(self, statement, seen):
        """Each node says the same every time, and not what the other says."""
        primary, replica = self.probes.values()
        self._wait_caught_up()
        here, there = primary.run(statement)[0], replica.run(statement)[0]
        return here == seen.alone and there == seen.on_replica and here != there


class Seen:
    """What there is to know of one statement: run alone on the primary and on a replica, then through the router."""

    def __init__(self, alone, effects, on_replica, routed, ran, primary):
        self.alone = alone
        self.effects = effects
        self.on_replica = on_replica
        self.routed = routed
        self.on_primary = ran[primary] != (0, [])
        replicas = [answer for node, answer in ran.items() if node is not primary]
        self.on_replicas = any(answer != (0, []) for answer in replicas)
        self.succeeded_on_replica = any(calls for calls, _ in replicas)
        self.replica_errors = {error for _, errors in replicas for error in errors}
        self.is_corrected = self.on_primary and bool(self.replica_errors) and self.replica_errors <= CORRECTED
        self.ran = {node.name: answer for node, answer in ran.items()}

    def could_run_on_replica(self):
        return self.alone.ended == self.on_replica.ended == "ok"

    def __str__(self):
        return "%s; alone %s, on a replica %s, routed %s" % (
            self.ran, self.alone.ended, self.on_replica.ended, self.routed.ended)


# ---------------------------------------------------------------- corpora
def of_test_classify():
    """The statements of test_classify.c's tables."""
    with open(CLASSIFY_TEST) as file:
        text = file.read()
    rows = re.findall(r'^\t\{("(?:[^"\\\n]|\\.)*"), ', text, re.M)
    return [Statement(ast.literal_eval(row)) for row in rows if "\\x80" not in row]


def of_file(name):
    """Statements between blank lines; lines with -- say more of the one above them."""
    statements = []
    with open(os.path.join(FOLDER, name)) as file:
        blocks = re.split(r"\n\s*\n", file.read())
    for block in blocks:
        lines = block.strip().split("\n")
        sql = "\n".join(line for line in lines if not line.startswith("--"))
        marks = [line for line in lines if line.startswith("--")]
        params = [json.loads(mark[len("-- params: "):]) for mark in marks if mark.startswith("-- params: ")]
        if sql:
            statements.append(Statement(sql, params[0] if params else None, any(mark.startswith("-- primary") for mark in marks)))
    return statements


def of_sqlsmith(node, dbname, seed, count, exclude_catalog=False):
    """count statements that sqlsmith makes up about the database."""
    command = ["sqlsmith", "--dry-run", "--seed=%d" % seed, "--max-queries=%d" % count,
               "--target=host=%s port=%d user=%s dbname=%s" % (node.host, node.port, ROLE, dbname)]
    done = subprocess.run(command + ["--exclude-catalog"] * exclude_catalog, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    if done.returncode != 0:
        raise Failed("sqlsmith ended with %d\n%s" % (done.returncode, done.stderr[-1000:]))
    return [Statement(sql.strip()) for sql in re.split(r";\n", done.stdout) if sql.strip()]


# ---------------------------------------------------------------- a run
@contextlib.contextmanager
def nodes_and_router(databases, **router_options):
    """A cluster with a database per name in databases, filled by its SQL, and the router."""
    if shutil.which("sqlsmith") is None:
        raise Failed("sqlsmith is not installed: run 'make deps'")
    with Cluster(2, name="andon-oracle", settings=witness.SETTINGS) as cluster:
        cluster.primary.query("CREATE EXTENSION pg_stat_statements")
        cluster.create_user(ROLE)
        cluster.primary.query("ALTER ROLE %s SET statement_timeout = '%s'" % (ROLE, STATEMENT_TIMEOUT))
        for name, sql in databases.items():
            cluster.create_database(name, owner=ROLE)
            cluster.primary.query("SET SESSION AUTHORIZATION %s; %s" % (ROLE, sql), dbname=name)
            cluster.primary.query("VACUUM ANALYZE", dbname=name)
        cluster.wait_caught_up()
        with Router(cluster, dict({"workers": 1, "replica_wait": "20s"}, **router_options)) as router:
            yield cluster, router


def schema_of(name):
    return text_of(os.path.join(FOLDER, name + "_schema.sql"))


def text_of(path):
    with open(path) as file:
        return file.read()


def judge_all(oracle, statements, both_protocols=True, until=None):
    for statement in statements:
        if until is not None and time.monotonic() > until:
            break
        if SPOILS.match(statement.sql):
            continue
        oracle.judge(statement)
        if both_protocols and ";" not in statement.sql and not statement.has_parameters:
            oracle.judge(statement, extended=True)


def main():
    parser = argparse.ArgumentParser(description="where did every statement run, and was that right?")
    parser.add_argument("--secs", type=float, default=600, help="for what sqlsmith makes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--northwind", help="a dump of the Northwind database")
    args = parser.parse_args()
    stop_on_signals()
    databases = {name: schema_of(name) for name in ("classify", "shop")}
    if args.northwind:
        databases["northwind"] = text_of(args.northwind)
    wrong = 0
    with nodes_and_router(databases) as (cluster, router):
        for dbname in databases:
            with Oracle(cluster, router, dbname) as oracle:
                judge_all(oracle, of_test_classify() if dbname == "classify" else of_file(dbname + ".sql"))
                print("%s\n%s" % (dbname, oracle.report), flush=True)
                wrong += len(oracle.report.violations)
        until = time.monotonic() + args.secs
        seed = args.seed
        with Oracle(cluster, router, "shop") as oracle:
            while time.monotonic() < until:
                judge_all(oracle, of_sqlsmith(cluster.primary, "shop", seed, 500, seed % 2 == 0), False, until)
                seed += 1
            print("sqlsmith, seeds %d to %d\n%s" % (args.seed, seed - 1, oracle.report), flush=True)
            wrong += len(oracle.report.violations)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
