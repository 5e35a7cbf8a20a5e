"""Random concurrent schedules over a fuzz_schema.Schema.

A schedule is data: for each session a list of transactions, each a list of SQL
texts, and the order in which sessions take steps; fuzz_runner plays it. It can
be printed, cut down and read.

Transactions are of all three levels, maintain boards at statement end, at
commit or first so and then so, have savepoints, may be a single statement
without BEGIN, a procedure that commits half way, or prepared and finished later.

Some look at the boards before they end (CHECK): what one snapshot shows of a
board and of its sources must agree at any time, not only when all is quiet.
TRUNCATE and DDL are the exceptions, older snapshots see their result too soon, and
so are changes that wait for the commit. Some refresh a whole board, which must find
nothing to change.
"""

import itertools

from fuzz_ddl import MENDERS, DdlMaker
from fuzz_schema import STATUSES
from fuzz_statement import StatementMaker

# Answers with a text if some board is not its definition's result.
CHECK = "SELECT fuzz.wrong()"

# Gives the next orders of a status another one.
CLAIM = "SELECT andon.claim('%s', '%s', '%s', '{}', %d)"

# Answers with the number of rows that were not as they should be.
REFRESH = MENDERS[0]

LEVELS = ("READ COMMITTED",) * 4 + ("REPEATABLE READ", "SERIALIZABLE")
AT_COMMIT = "SET LOCAL andon.maintain_at = 'commit'"
AT_STATEMENT = "SET LOCAL andon.maintain_at = 'statement'"
SILENT = "SET LOCAL andon.notify = 'off'"

# Triggers that are not ENABLE ALWAYS do not fire.
AS_REPLICA = "SET LOCAL session_replication_role = 'replica'"


class Schedule:
    """scripts[session][transaction] is a list of SQL texts; order, of lists of sessions.

    A tuple in order is a barrier: how many transactions each session is to have ended there.
    """

    def __init__(self, scripts, order):
        self.scripts = scripts
        self.order = order

    def __str__(self):
        lines = []
        for number, script in enumerate(self.scripts):
            lines.append("-- session %d" % number)
            lines += ["%s;" % text for transaction in script for text in transaction]
        lines.append("-- order: %s" % " ".join("|" if isinstance(step, tuple) else "+".join(map(str, step))
                                               for step in self.order))
        return "\n".join(lines)

    def segments(self):
        """The order, cut at its barriers: (steps, transactions that each session has ended then)."""
        steps = []
        for step in self.order:
            if isinstance(step, tuple):
                yield steps, step
                steps = []
            else:
                steps.append(step)
        yield steps, tuple(len(script) for script in self.scripts)

    def transactions(self):
        return [(session, number) for session, script in enumerate(self.scripts) for number in range(len(script))]

    def without(self, dropped):
        """The schedule without some (session, transaction) pairs."""
        return Schedule([[transaction for number, transaction in enumerate(script)
                          if (session, number) not in dropped]
                         for session, script in enumerate(self.scripts)], self.order)


class ScheduleMaker:
    """boards: all names; refreshed, claimed: those for which this may be done."""

    def __init__(self, rnd, schema, server_version, boards=(), refreshed=(), claimed=()):
        self.rnd = rnd
        self.statements = StatementMaker(rnd, schema, server_version)
        self.tables = schema.tables
        self.follows_replicas = schema.follows_replicas
        self.ddl = DdlMaker(rnd, schema, boards, refreshed) if boards and rnd.random() < 0.4 else None
        self.refreshed = refreshed
        self.claimed = claimed

    def make(self, sessions, transactions=3):
        scripts = [[self.transaction("%d_%d" % (session, number)) for number in range(transactions)]
                   for session in range(sessions)]
        if self.ddl is None and not any("TRUNCATE" in text for script in scripts for texts in script for text in texts):
            for texts in itertools.chain.from_iterable(scripts):
                self.add_check(texts)
        steps = sum(len(texts) for script in scripts for texts in script)
        widths = (1, 1, 1, 1, 2, 2, 3, sessions)
        return Schedule(scripts, [sorted(self.rnd.sample(range(sessions), min(self.rnd.choice(widths), sessions)))
                                  for _ in range(steps)])

    def add_check(self, texts):
        """Before the end, or not at all."""
        if not texts[0].startswith("BEGIN") or any(AT_COMMIT in text for text in texts) or self.rnd.random() > 0.3:
            return
        end = -2 if "PREPARED" in texts[-1] else -1
        what = REFRESH % self.rnd.choice(self.refreshed) if self.refreshed and self.rnd.random() < 0.2 else CHECK
        texts[end:end] = [what]

    def transaction(self, name):
        """name: of a prepared transaction, unique in the schedule."""
        if self.ddl and self.rnd.random() < 0.2:
            return [self.ddl.make()]
        if self.rnd.random() < 0.15:
            return [self.alone()]
        is_prepared = self.rnd.random() < 0.12
        texts = [self.begin(is_prepared)]
        for _ in range(self.rnd.choice((1, 1, 1, 2, 2, 3))):
            texts += self.savepoint() if self.rnd.random() < 0.18 else [self.statement()]
            if self.rnd.random() < 0.06:
                texts.append(self.rnd.choice((AT_COMMIT, AT_STATEMENT)))
        if is_prepared:
            texts += ["PREPARE TRANSACTION '%s'" % name,
                      "%s PREPARED '%s'" % ("ROLLBACK" if self.rnd.random() < 0.25 else "COMMIT", name)]
        else:
            texts.append("ROLLBACK" if self.rnd.random() < 0.08 else "COMMIT")
        return texts

    def statement(self):
        if self.claimed and self.rnd.random() < 0.06:
            before, after = self.rnd.sample(STATUSES, 2)
            return CLAIM % (self.rnd.choice(self.claimed), before, after, self.rnd.choice((1, 1, 2, 5)))
        return self.statements.make()

    def begin(self, is_prepared):
        level = self.rnd.choice(LEVELS)
        parts = ["BEGIN ISOLATION LEVEL %s" % level]
        if self.rnd.random() < 0.35:
            parts.append(AT_COMMIT)
        if is_prepared or self.rnd.random() < 0.15:
            parts.append(SILENT)
        if self.rnd.random() < 0.2:
            parts.append("SET CONSTRAINTS ALL %s" % self.rnd.choice(("DEFERRED", "IMMEDIATE")))
        if self.follows_replicas and self.rnd.random() < 0.25:
            parts.append(AS_REPLICA)
        if level != "READ COMMITTED" and self.rnd.random() < 0.5:
            parts.append("SELECT FROM %s LIMIT 1" % self.rnd.choice(self.tables).name)
        return "; ".join(parts)

    def savepoint(self):
        """What was put off until the commit may be done, and undone, under the savepoint."""
        first = self.statement()
        if self.rnd.random() < 0.3:
            first = "%s; %s" % (AT_STATEMENT, first)
        texts = ["SAVEPOINT s", first]
        if self.rnd.random() < 0.25:
            texts += self.savepoint()
        return texts + ["ROLLBACK TO SAVEPOINT s" if self.rnd.random() < 0.6 else "RELEASE SAVEPOINT s"]

    def alone(self):
        """A text that is a transaction, or several, by itself."""
        first, second = self.statements.make(), self.statements.make()
        return self.rnd.choice((
            first, first, "%s; %s" % (first, second),
            "DO $do$ BEGIN %s; COMMIT; %s; END $do$" % (
                self.statements.simple(), self.statements.simple()),
            "DO $do$ BEGIN %s; ROLLBACK; %s; END $do$" % (
                self.statements.simple(), self.statements.simple())))
