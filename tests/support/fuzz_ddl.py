"""Random DDL beside the writers: of sources, of boards, and what mends boards.

Every text is a transaction of its own that leaves names as they were, so that
the other sessions' statements can be written without knowing of it.
"""

# Answer with the number of rows, or keys, that were not as they should be: none.
MENDERS = ("SELECT andon.refresh_board('%s')", "SELECT andon.repair_board('%s')")


class DdlMaker:
    """boards: names; compared: those in which there is nothing to mend."""

    def __init__(self, rnd, schema, boards, compared):
        self.rnd = rnd
        self.schema = schema
        self.boards = boards
        self.compared = compared

    def make(self):
        kinds = [self.add_column, self.rename_column, self.part, self.board]
        if self.compared:
            kinds += [self.mend, self.mend]
        return self.rnd.choice(kinds)()

    def mend(self):
        return self.rnd.choice(MENDERS) % self.rnd.choice(self.compared)

    def add_column(self):
        """Whole rows get it too, with its default."""
        return self.rnd.choice(("ALTER TABLE %s ADD COLUMN IF NOT EXISTS extra int DEFAULT 7",
                                "ALTER TABLE %s ADD COLUMN IF NOT EXISTS more text")) % self.table().name

    def rename_column(self):
        """To another name and back, with a change in between."""
        table = self.table()
        return "ALTER TABLE %s RENAME s TO renamed; UPDATE %s SET renamed = %s WHERE %s; ALTER TABLE %s RENAME renamed TO s" % (
            table.name, table.name, table.value(self.rnd, "s"), table.where_key(self.rnd), table.name)

    def part(self):
        """A part goes, is changed by itself, and comes back."""
        table = self.table()
        if table.is_partitioned:
            part = self.rnd.choice((0, 1))
            leave = "ALTER TABLE %s DETACH PARTITION %s_p%d" % (table.name, table.name, part)
            back = "ALTER TABLE %s ATTACH PARTITION %s_p%d FOR VALUES WITH (MODULUS 2, REMAINDER %d)" % (
                table.name, table.name, part, part)
            name = "%s_p%d" % (table.name, part)
        elif table.has_child:
            name = table.name + "_child"
            leave, back = ("ALTER TABLE %s %s %s" % (name, what, table.name) for what in ("NO INHERIT", "INHERIT"))
        else:
            return self.add_column()
        return "%s; UPDATE %s SET n = %s; %s" % (leave, name, table.value(self.rnd, "n"), back)

    def board(self):
        board = self.rnd.choice(self.boards)
        index = "by_version_of_" + board.partition(".")[2]
        return self.rnd.choice((
            "CREATE INDEX IF NOT EXISTS %s ON %s (andon_version)" % (index, board),
            "DROP INDEX IF EXISTS fuzz.%s" % index,
            "SELECT andon.alter_board('%s', '{\"channel\": \"to_%s\"}')" % (board, index),
            "SELECT andon.alter_board('%s', '{\"channel\": null}')" % board))

    def table(self):
        return self.rnd.choice(self.schema.tables)
