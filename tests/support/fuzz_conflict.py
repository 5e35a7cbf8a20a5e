"""Random schedules of two or three transactions that are after the same rows.

Where fuzz_schedule throws many transactions together, a row that went wrong is
often put right by the next one. Here conflicts come one by one, and after each
the boards are looked at: in each a session has one transaction of one
statement, all are about one value, and the first commit is held until the others
have done what they can. What they do are the pairs that the locks of
maintenance are there for:

    a linked row changes      against   another row that comes to point to it
    a linked row changes      against   the status of a row that points to it
    very many rows change     against   one of them, or a new one
"""

from fuzz_schedule import CHECK, LEVELS, REFRESH, Schedule

CONFLICTS = 12

# Who takes a step when; both orders of who is first, and all at once.
HELD = ((0, 0, 1, 1, 0, 1), (0, 1, 1, 0, 1, 0), (0, 1, 0, 1, 0, 1), (0, 1, 0, 1, 1, 0))
RACE = ([0, 1], [0, 1], [0], [1])


class Conflict:
    """texts: one transaction for each of the first sessions; steps: lists of sessions."""

    def __init__(self, texts, steps):
        self.texts = texts
        self.steps = steps


class ConflictSchedule(Schedule):
    """Conflicts one after the other; the last session looks at the boards after each."""

    def __init__(self, conflicts, sessions):
        self.conflicts = conflicts
        scripts = [[] for _ in range(sessions)]
        order = []
        for conflict in conflicts:
            for script, texts in zip(scripts, conflict.texts):
                script.append(texts)
            order += conflict.steps
            order.append(tuple(len(script) for script in scripts))
            scripts[-1].append([CHECK])
            order.append([sessions - 1])
        super().__init__(scripts, order)

    def transactions(self):
        return list(range(len(self.conflicts)))

    def without(self, dropped):
        return ConflictSchedule([conflict for number, conflict in enumerate(self.conflicts) if number not in dropped],
                                len(self.scripts))


class ConflictMaker:
    """refreshed: names of boards that may be computed anew beside the writers."""

    def __init__(self, rnd, schema, refreshed=()):
        self.rnd = rnd
        self.schema = schema
        self.refreshed = refreshed

    def make(self, sessions):
        return ConflictSchedule([self.conflict() for _ in range(CONFLICTS)], sessions)

    def conflict(self):
        self.value = self.rnd.choice(self.schema.family.values[:4])
        statements = list(self.rnd.choice((self.linked_row_and_link,) * 4 + (self.linked_row_and_status,) * 2 +
                                          (self.bulk_and_single,) * 3)())
        if self.rnd.random() < 0.5:
            statements.reverse()
        if self.rnd.random() < 0.3:
            statements.append(self.rnd.choice((self.new_link, self.status, self.linked_row))())
        return Conflict([[self.begin(), statement, "COMMIT"] for statement in statements], self.order(len(statements)))

    def order(self, count):
        if self.rnd.random() < 0.3:
            steps = [list(step) for step in RACE]
        else:
            steps = [[session] for session in self.rnd.choice(HELD)]
        for session in range(2, count):
            for _ in range(3):
                steps.insert(self.rnd.randint(0, len(steps)), [session])
        return steps

    def begin(self):
        level = self.rnd.choice(LEVELS)
        begin = "BEGIN ISOLATION LEVEL %s" % level
        if self.rnd.random() < 0.2:
            begin += "; SET LOCAL andon.maintain_at = 'commit'"
        return begin

    def table(self):
        return self.rnd.choice(self.schema.tables)

    # ------------------------------------------------------------ pairs
    def linked_row_and_link(self):
        return self.linked_row(), self.new_link()

    def linked_row_and_status(self):
        return self.linked_row(), self.status()

    def bulk_and_single(self):
        return self.bulk(), self.rnd.choice((self.new_link, self.new_link, self.status, self.linked_row))()

    # ------------------------------------------------------------ statements
    def linked_row(self):
        """A row that others point to shows something else."""
        return "UPDATE %s SET n = (coalesce(n, 0) + 1) %% 4, s = CASE s WHEN 'A' THEN 'B' ELSE 'A' END WHERE id = %s" % (
            self.table().name, self.value)

    def new_link(self):
        """Another row comes to point to it: by an UPDATE, or because it is new."""
        table = self.table()
        column = self.rnd.choice("aab")
        if self.rnd.random() < 0.6:
            return ("UPDATE %s SET %s = %s WHERE id = (SELECT id FROM %s WHERE %s IS DISTINCT FROM %s"
                    " ORDER BY id OFFSET %d LIMIT 1)" % (table.name, column, self.value, table.name, column,
                                                         self.value, self.rnd.randrange(2)))
        row = dict(zip(table.columns, table.row(self.rnd)))
        row[column] = self.value
        return "INSERT INTO %s (%s) VALUES (%s) ON CONFLICT DO NOTHING" % (
            table.name, ", ".join(row), ", ".join(row.values()))

    def status(self):
        """The column that most boards show as it is, of rows that point to it, or of any one."""
        table = self.table()
        where = self.rnd.choice(("a = %s" % self.value, "b = %s" % self.value, table.where_key(self.rnd)))
        return "UPDATE %s SET s = %s WHERE %s" % (table.name, table.value(self.rnd, "s"), where)

    def bulk(self):
        """More than the single locks that a small lock table has room for, where the rows are a crowd."""
        if self.refreshed and self.rnd.random() < 0.15:
            return REFRESH % self.rnd.choice(self.refreshed)
        return self.rnd.choice(("UPDATE %s SET n = (n + 1) %% 4", "UPDATE %s SET n = (n + 1) %% 4, s = 'B'",
                                "UPDATE %s SET a = b, b = a")) % self.table().name
