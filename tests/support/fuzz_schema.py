"""Random schemas for board_fuzz: tables whose rows keep meeting.

A schema has a few tables of one make: a key `id` (with `part`, if composite),
two links `a` and `b`, a number `n` and a status `s`. Keys and links of one
schema come from one family of types, so that any column can be compared with
any other, and there are few values, so that they are. In some families values
are equal without being the same (1.0 and 1.00, a and A).

Tables may be partitioned, have children and generated columns, refer to each
other by foreign keys, and have triggers that change the row that is written, or
write it again, at once or at the commit. The rows of a crowd are too many for
the single locks that board_fuzz's servers have.
"""

STATUSES = ("A", "B", "X")
PARTS = (1, 2)


class Family:
    """Types that compare with each other, and values of them as SQL literals."""

    def __init__(self, name, types, values, exact=True, setup=(), needs=None, spare=None, rows=(3, 7)):
        self.name = name
        self.types = types
        self.values = values
        self.exact = exact          # equal values are the same value
        self.setup = setup
        self.needs = needs          # an extension that must be there
        self.spare = spare          # a value that no row keeps
        self.rows = rows            # of one table, from and to
        self.is_crowd = rows[0] > 10


def _quoted(*values):
    return tuple("'%s'" % value for value in values)


FAMILIES = (
    Family("integer", ("int", "bigint"), _quoted(1, 2, 3, 4, 5, 6), spare="'77'"),
    Family("crowd", ("int",), _quoted(*range(1, 71)), rows=(40, 80), spare="'77'"),
    Family("smallint", ("smallint", "bigint"), _quoted(-1, 0, 1, 2, 3), spare="'77'"),
    Family("numeric", ("numeric", "numeric(6,2)"), _quoted("1", "1.0", "1.00", "2", "2.5", "2.50", "3"), exact=False,
           spare="'77'"),
    Family("text", ("text", "varchar(20)"), _quoted("a", "A", "b", "", "it''s", "Ä"), spare="'spare'"),
    Family("char", ("char(3)", "char(5)"), _quoted("a", "b", "c", "d"), exact=False),
    Family("uuid", ("uuid",), _quoted(*("%08x-0000-4000-8000-000000000000" % n for n in range(1, 7)))),
    Family("enum", ("grade",), _quoted("low", "mid", "high", "top"),
           setup=("CREATE TYPE grade AS ENUM ('low', 'mid', 'high', 'top')",)),
    Family("domain", ("code", "int"), _quoted(1, 2, 3, 4, 5),
           setup=("CREATE DOMAIN code AS int CHECK (value > 0)",)),
    Family("case_blind", ("text COLLATE case_blind",), _quoted("a", "A", "b", "B", "c", "C"), exact=False,
           setup=("CREATE COLLATION case_blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",)),
    Family("citext", ("citext",), _quoted("a", "A", "b", "B", "c", "C"), exact=False, needs="citext"),
)


class Table:
    def __init__(self, rnd, name, family):
        self.name = name
        self.family = family
        self.is_composite = rnd.random() < 0.2
        self.is_partitioned = rnd.random() < 0.2
        self.key = ("id", "part") if self.is_composite else ("id",)
        self.columns = self.key + ("a", "b", "n", "s")
        self.types = {column: rnd.choice(family.types) for column in ("id", "a", "b")}
        self.types.update(part="int", n="int", s="text")
        self.refers_to = None           # the table that `a` is a foreign key to
        self.on_delete = rnd.choice(("CASCADE", "CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION"))
        self.on_update = rnd.choice(("CASCADE", "CASCADE", "SET NULL", "NO ACTION"))
        self.is_deferred = rnd.random() < 0.3
        self.has_meddler = rnd.random() < 0.15
        self.has_double = rnd.random() < 0.25       # a generated column
        self.has_child = family.exact and not self.is_partitioned and rnd.random() < 0.15
        self.spare = None if self.has_child else family.spare

    @property
    def writable(self):
        """Names by which rows of the table can be changed."""
        if self.is_partitioned:
            return [self.name, self.name + "_p0", self.name + "_p1", self.name + "_p10", self.name + "_p11"]
        return [self.name] + ([self.name + "_child"] if self.has_child else [])

    def plain_type(self, column):
        return self.types[column].partition(" COLLATE")[0]

    def may_refer_to(self, other):
        return not other.is_composite and not other.is_partitioned and self.types["a"] == other.types["id"]

    def value(self, rnd, column):
        """A random literal for a column."""
        if column == "s":
            return "'%s'" % rnd.choice(STATUSES)
        if column == "part":
            return "'%d'" % rnd.choice(PARTS)
        if column != "id" and rnd.random() < 0.12:
            return "NULL"
        if column == "n":
            return "'%d'" % rnd.randrange(4)
        return rnd.choice(self.family.values)

    def row(self, rnd):
        return [self.value(rnd, column) for column in self.columns]

    def where_key(self, rnd):
        """A condition that one row meets at most."""
        return " AND ".join("%s = %s" % (column, self.value(rnd, column)) for column in self.key)

    def create(self):
        lines = ["%s %s%s" % (column, self.types[column], " NOT NULL" if column in ("id", "part", "s") else "")
                 for column in self.columns]
        lines.append("PRIMARY KEY (%s)" % ", ".join(self.key))
        if self.has_child:
            lines.append("CHECK (%s) NO INHERIT" % self._of_parent())
        if self.has_double:
            lines.insert(len(self.columns), "d int GENERATED ALWAYS AS (n * 2) STORED")
        if self.refers_to:
            lines.append("FOREIGN KEY (a) REFERENCES %s (id) ON DELETE %s ON UPDATE %s DEFERRABLE INITIALLY %s" % (
                self.refers_to.name, self.on_delete, self.on_update,
                "DEFERRED" if self.is_deferred else "IMMEDIATE"))
        yield "CREATE TABLE %s (%s)%s" % (
            self.name, ", ".join(lines), " PARTITION BY HASH (id)" if self.is_partitioned else "")
        if self.is_partitioned:
            yield from self._create_partitions()
        if self.has_child:
            # the keys of parent and child differ: what chooses rows by key has no choice
            yield "CREATE TABLE %s_child (PRIMARY KEY (%s), CHECK (NOT %s)) INHERITS (%s)" % (
                self.name, ", ".join(self.key), self._of_parent(), self.name)
        if self.has_meddler:
            yield from self._create_meddlers()

    def _of_parent(self):
        return "(id IN (%s))" % ", ".join(self.family.values[::2])

    def _create_partitions(self):
        """Of two levels: the second partition has parts of its own."""
        part = "CREATE TABLE %s PARTITION OF %s FOR VALUES WITH (MODULUS 2, REMAINDER %d)%s"
        below = self.name + "_p1"
        yield part % (self.name + "_p0", self.name, 0, "")
        yield part % (below, self.name, 1, " PARTITION BY HASH (id)")
        # a hash of the same column by 2 would send all rows to one part
        for remainder, name in ((0, "0"), (1, "1"), (2, "2")):
            yield ("CREATE TABLE %s%s PARTITION OF %s FOR VALUES WITH (MODULUS 3, REMAINDER %d)" % (
                below, name, below, remainder))

    def _create_meddlers(self):
        """Triggers: one changes the row on its way in, one writes it once more, one does and undoes that,
        one writes it at the commit."""
        same = " AND ".join("%s = NEW.%s" % (column, column) for column in self.key)
        yield ("CREATE FUNCTION %s_before() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS "
               "$$BEGIN IF NEW.n = 3 THEN NEW.b := NULL; END IF; RETURN NEW; END$$" % self.name)
        yield ("CREATE FUNCTION %s_after() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS "
               "$$BEGIN UPDATE %s SET n = 1, a = NULL WHERE %s; RETURN NULL; END$$" % (self.name, self.name, same))
        yield ("CREATE FUNCTION %s_undone() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS "
               "$$BEGIN UPDATE %s SET n = 0 WHERE %s; RAISE division_by_zero;"
               " EXCEPTION WHEN division_by_zero THEN RETURN NULL; END$$" % (self.name, self.name, same))
        yield ("CREATE TRIGGER meddle_before BEFORE INSERT OR UPDATE ON %s "
               "FOR EACH ROW EXECUTE FUNCTION %s_before()" % (self.name, self.name))
        yield ("CREATE TRIGGER meddle_after AFTER INSERT OR UPDATE ON %s "
               "FOR EACH ROW WHEN (NEW.n = 2) EXECUTE FUNCTION %s_after()" % (self.name, self.name))
        yield ("CREATE TRIGGER meddle_undone AFTER INSERT OR UPDATE ON %s "
               "FOR EACH ROW WHEN (NEW.n = 1) EXECUTE FUNCTION %s_undone()" % (self.name, self.name))

        yield ("CREATE FUNCTION %s_late() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS "
               "$$BEGIN UPDATE %s SET s = 'A' WHERE %s; RETURN NULL; END$$" % (self.name, self.name, same))
        yield ("CREATE CONSTRAINT TRIGGER meddle_late AFTER UPDATE ON %s DEFERRABLE INITIALLY DEFERRED "
               "FOR EACH ROW WHEN (NEW.s = 'X' AND NEW.n = 0) EXECUTE FUNCTION %s_late()" % (self.name, self.name))

    def load(self, rnd):
        """Statements that fill the table; a foreign key finds its row or is NULL."""
        for _ in range(rnd.randint(*self.family.rows)):
            row = dict(zip(self.columns, self.row(rnd)))
            if self.refers_to:
                row["a"] = "(SELECT id FROM ONLY %s WHERE id = %s)" % (self.refers_to.name, row["a"])
            target = self.name
            if self.has_child and row["id"] not in self.family.values[::2]:
                target += "_child"
            yield "INSERT INTO %s (%s) VALUES (%s) ON CONFLICT DO NOTHING" % (
                target, ", ".join(row), ", ".join(row.values()))


class Schema:
    def __init__(self, rnd, extensions=()):
        families = [f for f in FAMILIES if f.needs is None or f.needs in extensions]
        self.family = rnd.choice(families + [f for f in families if f.is_crowd])
        self.tables = [Table(rnd, "t%d" % number, self.family) for number in range(rnd.randint(3, 4))]
        for position, table in enumerate(self.tables):
            targets = [other for other in self.tables[:position] if table.may_refer_to(other)]
            if targets and rnd.random() < 0.25:
                table.refers_to = rnd.choice(targets)
        # boards that follow sessions in which ordinary triggers do not fire
        self.follows_replicas = rnd.random() < 0.25

    def create(self):
        """Statements that make the schema, in an empty schema that comes first on search_path."""
        yield from self.family.setup
        for table in self.tables:
            yield from table.create()

    def load(self, rnd):
        """Statements that replace all rows by others."""
        yield "TRUNCATE %s" % ", ".join(table.name for table in self.tables)
        for table in self.tables:
            yield from table.load(rnd)
