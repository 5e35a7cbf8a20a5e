"""Random definitions of boards over a fuzz_schema.Schema.

Built from the list of what boards support, piece by piece onto a key table, so
that most are accepted and have one row per key. (fuzz_wild_definition has no
such manners.) No definition leaves it open which of several rows is taken:
every choice is ordered down to a table's key.
"""


class Definition:
    def __init__(self, query, key, setup=(), kind="wild", may_be_refused=False):
        self.query = query
        self.key = key
        self.status = "st"
        self.setup = list(setup)        # views it reads
        self.kind = kind
        self.may_be_refused = may_be_refused


# Shapes of which create_board refuses some.
MAY_BE_REFUSED = ("full_join", "union_all", "union_by_kind", "grouped_union")


class Alias:
    """A table in FROM."""

    def __init__(self, name, table):
        self.name = name
        self.table = table

    def column(self, column):
        return "%s.%s" % (self.name, column)

    @property
    def key(self):
        return [self.column(column) for column in self.table.key]


class DefinitionMaker:
    def __init__(self, rnd, schema, view_prefix):
        self.rnd = rnd
        self.schema = schema
        self.view_prefix = view_prefix
        self.count = 0
        self.setup = []
        self.ctes = []
        self.aliases = []
        self.outputs = []
        self.conditions = []
        self.branch_type = None         # of the key in the branches of a UNION

    def make(self):
        shape = self.rnd.choice((self.row_per_key,) * 6 + (self.grouped_by_key,) * 2 + (
            self.grouped_by_link, self.window_by_key, self.latest_by_key, self.full_join, self.union_all,
            self.union_by_kind, self.grouped_union))
        query, key = shape()
        if self.ctes:
            query = "WITH %s %s" % (", ".join(self.ctes), query)
        return Definition(query, key, self.setup, shape.__name__, shape.__name__ in MAY_BE_REFUSED)

    # ------------------------------------------------------------ names
    def new_name(self, prefix="x"):
        self.count += 1
        return "%s%d" % (prefix, self.count)

    def new_alias(self, table=None):
        return Alias(self.new_name(), table or self.rnd.choice(self.schema.tables))

    def family_column(self, alias):
        return alias.column(self.rnd.choice(("id", "a", "a", "b")))

    def link(self, alias):
        return alias.column(self.rnd.choice("ab"))

    def single_key_tables(self):
        return [table for table in self.schema.tables if not table.is_composite]

    def output(self, expression):
        self.outputs.append("%s AS c%d" % (expression, len(self.outputs)))

    # ------------------------------------------------------------ whole queries
    def row_per_key(self):
        """The key table, with pieces that add at most one row to each of its rows."""
        key = self.new_alias()
        self.aliases = [key]
        source = "%s %s" % (key.table.name, key.name)
        pieces = (self.join_by_key, self.join_by_key, self.join_by_key, self.join_groups, self.join_groups,
                  self.join_latest, self.join_distinct_on, self.join_window, self.join_view)
        for _ in range(self.rnd.randint(0, 3)):
            source = self.rnd.choice(pieces)(source)
        for alias in self.aliases:
            self.output(self.any_column(alias))
        for _ in range(self.rnd.choice((0, 0, 1, 1, 2))):
            self.output(self.rnd.choice((self.scalar_subquery, self.exists, self.array_subquery))())
        for _ in range(self.rnd.choice((0, 1, 1, 2))):
            self.conditions.append(self.condition())
        return self.assemble(key, source, "%s AS st" % key.column("s"))

    def assemble(self, key, source, status, tail="", distinct=""):
        names = ["k%d" % number for number in range(len(key.table.key))]
        keys = ["%s AS %s" % pair for pair in zip(key.key, names)]
        where = " WHERE " + " AND ".join(self.conditions) if self.conditions else ""
        return "SELECT %s%s FROM %s%s%s" % (
            distinct, ", ".join(keys + [status] + self.outputs), source, where, tail), names

    def key_and_many(self):
        """A key table joined with tables that have several rows for it."""
        key = self.new_alias()
        self.aliases = [key]
        many = self.new_alias()
        source = "%s %s %s %s %s ON %s = %s" % (
            key.table.name, key.name, self.rnd.choice(("JOIN", "LEFT JOIN")),
            many.table.name, many.name, self.link(many), key.column("id"))
        self.aliases.append(many)
        if self.rnd.random() < 0.5:
            source = self.join_by_key(source)
        if self.rnd.random() < 0.5:
            self.conditions.append(self.condition())
        return key, many, source

    def grouped_by_key(self):
        key, many, source = self.key_and_many()
        for _ in range(self.rnd.randint(1, 3)):
            self.output(self.aggregate(self.rnd.choice(self.aliases[1:])))
        having = self.rnd.choice(("", "", " HAVING count(%s) > 1" % many.column("id"),
                                  " HAVING sum(%s) > 2" % many.column("n")))
        return self.assemble(key, source, "min(%s) AS st" % key.column("s"),
                             " GROUP BY %s%s" % (", ".join(key.key), having))

    def grouped_by_link(self):
        rows = self.new_alias()
        self.aliases = [rows]
        source = "%s %s" % (rows.table.name, rows.name)
        if self.rnd.random() < 0.6:
            source = self.join_by_key(source)
        if self.rnd.random() < 0.5:
            self.conditions.append(self.condition())
        for _ in range(self.rnd.randint(1, 2)):
            self.output(self.aggregate(self.rnd.choice(self.aliases)))
        group = self.link(rows)
        where = " WHERE " + " AND ".join(self.conditions) if self.conditions else ""
        return "SELECT %s AS k0, max(%s) AS st, %s FROM %s%s GROUP BY %s" % (
            group, rows.column("s"), ", ".join(self.outputs), source, where, group), ["k0"]

    def window_by_key(self):
        """Windows over a key's rows, of which one is kept."""
        key, many, source = self.key_and_many()
        inner = ("SELECT %s, %s AS st, %s AS n, row_number() OVER w AS place, sum(%s) OVER w AS upto"
                 " FROM %s WINDOW w AS (PARTITION BY %s ORDER BY %s)") % (
            ", ".join("%s AS k%d" % (column, number) for number, column in enumerate(key.key)),
            key.column("s"), many.column("n"), many.column("n"), source, ", ".join(key.key),
            ", ".join(column for alias in self.aliases[1:] for column in alias.key))
        names = ["k%d" % number for number in range(len(key.key))]
        return "SELECT %s, st, n, upto FROM (%s) w WHERE place = 1" % (", ".join(names), inner), names

    def latest_by_key(self):
        key, many, source = self.key_and_many()
        self.output(many.column("n"))
        self.output("%s::text" % many.column("id"))
        order = key.key + ["%s DESC NULLS LAST" % many.column("n")] + [
            column for alias in self.aliases[1:] for column in alias.key]
        return self.assemble(key, source, "%s AS st" % key.column("s"), " ORDER BY " + ", ".join(order),
                             "DISTINCT ON (%s) " % ", ".join(key.key))

    def full_join(self):
        """Two tables by their keys, each with what it has."""
        tables = self.single_key_tables() or self.schema.tables
        left = self.new_alias(self.rnd.choice(tables))
        right = self.new_alias(self.rnd.choice([t for t in tables if t.types["id"] == left.table.types["id"]]))
        self.aliases = [left, right]
        on = " AND ".join(["%s = %s" % (left.column("id"), right.column("id"))] + (
            ["%s > 0" % left.column("n")] if self.rnd.random() < 0.2 else []))
        source = "%s %s FULL JOIN %s %s ON %s" % (left.table.name, left.name, right.table.name, right.name, on)
        key = "coalesce(%s, %s)" % (left.column("id"), right.column("id"))
        if self.rnd.random() < 0.4:
            third = self.new_alias(self.rnd.choice(tables))
            source += " LEFT JOIN %s %s ON %s = %s" % (
                third.table.name, third.name, third.column("id"), self.link(self.rnd.choice((left, right))))
            self.aliases.append(third)
        for alias in self.aliases:
            self.output(self.any_column(alias))
        if self.rnd.random() < 0.3:
            self.output(self.scalar_subquery())
        where = " WHERE " + self.simple_condition(left) if self.rnd.random() < 0.2 else ""
        return "SELECT %s AS k0, coalesce(%s, %s) AS st, %s FROM %s%s" % (
            key, left.column("s"), right.column("s"), ", ".join(self.outputs), source, where), ["k0"]

    def branch(self, of_id=None, of_status=None):
        """A SELECT of key, status, number for UNION ALL.

        of_id: a condition on its id, which is the key then; of_status: on its status, which is a part of the key then.
        """
        tables = self.single_key_tables() or self.schema.tables
        column = "id" if of_id or of_status else self.rnd.choice(("id", "a", "b"))
        rows = self.new_alias(self.rnd.choice(
            [table for table in tables if self.branch_type in (None, table.types[column])] or tables))
        self.branch_type = rows.table.types[column]
        other = self.new_alias(self.rnd.choice(self.single_key_tables() or self.schema.tables))
        self.aliases = [rows]
        conditions = [condition % rows.column(name) for name, condition in (("id", of_id), ("s", of_status)) if condition]
        if self.rnd.random() < 0.4:
            conditions.append(self.simple_condition(rows))
        source = "%s %s" % (rows.table.name, rows.name)
        number = rows.column("n")
        if self.rnd.random() < 0.4:
            source += " LEFT JOIN %s %s ON %s = %s" % (
                other.table.name, other.name, other.column("id"), self.link(rows))
            number = other.column("n")
        return "SELECT %s%s AS k0, %s AS st, %s AS n FROM %s%s" % (
            "%s AS kind, " % rows.column("s") if of_status else "",
            rows.column(column), rows.column("s"), number, source,
            " WHERE " + " AND ".join(conditions) if conditions else "")

    def union_all(self):
        """Branches that have no key in common."""
        half = "(%s)" % ", ".join(self.schema.family.values[::2])
        return " UNION ALL ".join((self.branch("%s IN " + half), self.branch("%s NOT IN " + half))), ["k0"]

    def union_by_kind(self):
        """Branches whose keys are told apart by a column: a constant cannot be part of a key."""
        conditions = self.rnd.choice((("%s = 'A'", "%s <> 'A'"), ("%s = 'A'", "%s = 'B'", "%s NOT IN ('A', 'B')")))
        branches = [self.branch(of_status=condition) for condition in conditions]
        return " UNION ALL ".join(branches), ["kind", "k0"]

    def grouped_union(self):
        branches = [self.branch() for _ in range(2)]
        return "SELECT k0, max(st) AS st, count(*) AS c, sum(n) AS n FROM (%s) u GROUP BY k0" % (
            " UNION ALL ".join(branches)), ["k0"]

    # ------------------------------------------------------------ pieces of FROM
    def join_by_key(self, source):
        """One row of a table by its key, from a column of what is there already."""
        alias = self.new_alias()
        place = self.rnd.choice(self.aliases)
        conditions = ["%s = %s" % (alias.column("id"), self.family_column(place))]
        if alias.table.is_composite:
            conditions.append("%s = %s" % (alias.column("part"), place.column("n")))
        if self.rnd.random() < 0.2:
            conditions.append("%s %s" % (alias.column("n"), self.rnd.choice(("> 0", "IS NOT NULL", "<> 2"))))
        if self.rnd.random() < 0.35:
            # of an outer join it says nothing about the rows that are kept
            conditions.append("%s = %s" % (
                self.family_column(self.rnd.choice(self.aliases)), self.family_column(self.rnd.choice(self.aliases))))
        self.aliases.append(alias)
        kind = self.rnd.choice(("JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN"))
        item = "%s %s" % (alias.table.name, alias.name)
        if kind == "RIGHT JOIN":
            source, item = item, "(%s)" % source if " JOIN " in source else source
        return "%s %s %s ON %s" % (source, kind, item, " AND ".join(conditions))

    def join_groups(self, source):
        """A grouped subquery, now and then as a CTE."""
        place = self.rnd.choice(self.aliases)
        rows = self.new_alias()
        name = self.new_name("g")
        inner = "%s %s" % (rows.table.name, rows.name)
        more = [rows]
        if self.rnd.random() < 0.4 and self.single_key_tables():
            other = self.new_alias(self.rnd.choice(self.single_key_tables()))
            inner += " %s %s %s ON %s = %s" % (self.rnd.choice(("JOIN", "LEFT JOIN")), other.table.name, other.name,
                                               other.column("id"), self.link(rows))
            more.append(other)
        group = self.link(rows)
        query = "SELECT %s AS g, count(*) AS v, %s AS w FROM %s%s GROUP BY %s%s" % (
            group, self.aggregate(self.rnd.choice(more)), inner,
            self.rnd.choice(("", "", " WHERE %s" % self.simple_condition(rows))), group,
            self.rnd.choice(("", "", " HAVING count(*) > 1", " HAVING sum(%s) > 1" % rows.column("n"))))
        self.output("%s.v" % name)
        self.output("%s.w" % name)
        kind = self.rnd.choice(("JOIN", "LEFT JOIN", "LEFT JOIN"))
        if self.rnd.random() < 0.25:
            self.ctes.append("%sc AS (%s)" % (name, query))
            query = "%sc" % name
        else:
            query = "(%s)" % query
        return "%s %s %s %s ON %s.g = %s" % (source, kind, query, name, name, self.family_column(place))

    def join_latest(self, source):
        """LATERAL (… ORDER BY … LIMIT 1)."""
        place = self.rnd.choice(self.aliases)
        rows = self.new_alias()
        name = self.new_name("l")
        self.output("%s.n" % name)
        self.output("%s.s" % name)
        return ("%s %s LATERAL (SELECT %s, %s FROM %s %s WHERE %s = %s"
                " ORDER BY %s DESC NULLS LAST, %s LIMIT 1) %s ON true" % (
                    source, self.rnd.choice(("JOIN", "LEFT JOIN")), rows.column("n"), rows.column("s"),
                    rows.table.name, rows.name, self.link(rows), self.family_column(place),
                    rows.column("n"), ", ".join(rows.key), name))

    def join_distinct_on(self, source):
        place = self.rnd.choice(self.aliases)
        rows = self.new_alias()
        name = self.new_name("d")
        link = self.link(rows)
        self.output("%s.n" % name)
        return "%s LEFT JOIN (SELECT DISTINCT ON (%s) %s AS g, %s FROM %s %s ORDER BY %s, %s, %s) %s ON %s.g = %s" % (
            source, link, link, rows.column("n"), rows.table.name, rows.name,
            link, rows.column("n"), ", ".join(rows.key), name, name, self.family_column(place))

    def join_window(self, source):
        place = self.rnd.choice(self.aliases)
        rows = self.new_alias()
        name = self.new_name("w")
        link = self.link(rows)
        self.output("%s.total" % name)
        return ("%s LEFT JOIN (SELECT %s AS g, sum(%s) OVER (PARTITION BY %s) AS total,"
                " row_number() OVER (PARTITION BY %s ORDER BY %s) AS place FROM %s %s) %s"
                " ON %s.g = %s AND %s.place = 1" % (
                    source, link, rows.column("n"), link, link, ", ".join(rows.key), rows.table.name,
                    rows.name, name, name, self.family_column(place), name))

    def join_view(self, source):
        """A view over a join, by the key of its first table."""
        if not self.single_key_tables():
            return source
        first = self.new_alias(self.rnd.choice(self.single_key_tables()))
        second = self.new_alias(self.rnd.choice(self.single_key_tables()))
        name = self.new_name("v")
        view = "%s_%s" % (self.view_prefix, name)
        self.setup.append("CREATE VIEW %s AS SELECT %s, %s AS m, %s AS s FROM %s %s LEFT JOIN %s %s ON %s = %s" % (
            view, first.column("id"), second.column("n"), first.column("s"), first.table.name, first.name,
            second.table.name, second.name, second.column("id"), self.link(first)))
        place = self.rnd.choice(self.aliases)
        self.output("%s.m" % name)
        self.output("%s.s" % name)
        return "%s LEFT JOIN %s %s ON %s.id = %s" % (source, view, name, name, self.family_column(place))

    # ------------------------------------------------------------ expressions
    def any_column(self, alias):
        """A column of it, or of all of it."""
        if alias.table.has_double and self.rnd.random() < 0.3:
            return alias.column("d")
        if self.rnd.random() < 0.1:
            return self.rnd.choice(("%s", "to_jsonb(%s)", "%s::text", "(%s IS NOT NULL)")) % alias.name
        return alias.column(self.rnd.choice("nnsab"))

    def aggregate(self, alias):
        number, text = alias.column("n"), self.family_column(alias) + "::text"
        return self.rnd.choice((
            "sum(%s)" % number, "count(%s)" % number, "max(%s)" % number, "avg(%s)" % number,
            "bool_or(%s > 2)" % number,
            "count(*) FILTER (WHERE %s = 'A')" % alias.column("s"),
            "sum(%s) FILTER (WHERE %s <> 'X')" % (number, alias.column("s")),
            "count(DISTINCT %s)" % number,
            "string_agg(DISTINCT %s, ',')" % alias.column("s"),
            "string_agg(%s, ',' ORDER BY %s, %s)" % (alias.column("s"), number, ", ".join(alias.key)),
            "array_agg(%s ORDER BY %s)" % (number, ", ".join(alias.key)),
            "jsonb_object_agg(coalesce(%s, ''), %s ORDER BY %s)" % (text, number, ", ".join(alias.key)),
            "count(%s)" % alias.name,
            "min(%s)" % text))

    def correlated(self, where):
        """FROM … WHERE … of a subquery tied to one of the aliases, and its alias."""
        place = self.rnd.choice(self.aliases)
        rows = self.new_alias()
        source = "%s %s" % (rows.table.name, rows.name)
        if self.rnd.random() < 0.25 and self.single_key_tables():
            other = self.new_alias(self.rnd.choice(self.single_key_tables()))
            source += " JOIN %s %s ON %s = %s" % (other.table.name, other.name, other.column("id"), self.link(rows))
        return rows, "FROM %s WHERE %s = %s%s" % (source, self.link(rows), self.family_column(place), where(rows))

    def maybe_more(self, rows):
        return " AND " + self.simple_condition(rows) if self.rnd.random() < 0.4 else ""

    def scalar_subquery(self):
        rows, source = self.correlated(self.maybe_more)
        return "(SELECT %s %s)" % (self.aggregate(rows), source)

    def array_subquery(self):
        rows, source = self.correlated(self.maybe_more)
        return "ARRAY(SELECT %s %s ORDER BY %s)" % (rows.column("n"), source, ", ".join(rows.key))

    def exists(self):
        return "EXISTS (SELECT %s)" % self.correlated(self.maybe_more)[1]

    def simple_condition(self, alias):
        return self.rnd.choice(("%s <> 'X'" % alias.column("s"), "%s IN ('A', 'B')" % alias.column("s"),
                                "%s IS NOT NULL" % alias.column("n"), "%s > 0" % alias.column("n"),
                                "%s IS NULL" % self.link(alias), "%s < 3" % alias.column("n")))

    def condition(self):
        alias = self.rnd.choice(self.aliases)
        return self.rnd.choice((
            lambda: self.simple_condition(alias),
            lambda: self.simple_condition(self.aliases[0]),
            self.exists,
            lambda: "NOT " + self.exists(),
            lambda: "(%s OR %s)" % (self.simple_condition(alias), self.exists()),
            lambda: self.in_subquery(alias),
        ))()

    def in_subquery(self, alias):
        rows = self.new_alias()
        return "%s IN (SELECT %s FROM %s %s WHERE %s)" % (
            self.family_column(alias), self.link(rows), rows.table.name, rows.name, self.simple_condition(rows))
