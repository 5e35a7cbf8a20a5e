"""Definitions of boards without manners: any join of anything, by any column.

Nested subqueries, grouped, distinct, limited, windowed or of two branches,
lateral or not, tied to what is outside or not, COALESCE of two columns for one,
conditions under OR and NOT. Most have no path for
some table and must be refused; those that are accepted are the ones in which
a wrongly taken link would show. The result has one row per key (GROUP BY or
DISTINCT ON), and every choice of a row is ordered by all there is.
"""

from fuzz_definition import Definition

LINK, NUMBER = "link", "number"
TABLE_COLUMNS = {"id": LINK, "a": LINK, "b": LINK, "n": NUMBER}


class WildMaker:
    """A scope is {alias: {column: LINK or NUMBER}}; SQL is built from the inside out."""

    def __init__(self, rnd, schema):
        self.rnd = rnd
        self.schema = schema
        self.count = 0

    def make(self):
        source, scope, where = self.body(2, {}, (1, 2, 2, 3))
        keys = ["%s.id" % alias for alias in scope if "id" in scope[alias]]
        key = self.rnd.choice(keys) if keys and self.rnd.random() < 0.7 else self.pick(scope, LINK)
        if key is None:
            return None
        if self.rnd.random() < 0.3:
            key = self.coalesce(scope, key)
        number = self.pick(scope, NUMBER) or "1"
        if self.rnd.random() < 0.6:
            having = self.rnd.choice(("", "", "", " HAVING count(*) > 1"))
            query = ("SELECT %s AS k0, CASE WHEN count(*) > 1 THEN 'MANY' ELSE 'ONE' END AS st,"
                     " sum(%s) AS v, count(%s) AS u FROM %s%s GROUP BY %s%s" % (
                         key, number, self.pick(scope), source, where, key, having))
        else:
            query = ("SELECT DISTINCT ON (%s) %s AS k0, CASE WHEN %s > 1 THEN 'HIGH' ELSE 'LOW' END AS st,"
                     " %s AS v FROM %s%s ORDER BY %s, %s" % (
                         key, key, number, number, source, where, key, self.all_columns(scope)))
        return Definition(query, ["k0"], may_be_refused=True)

    # ------------------------------------------------------------ scopes
    def new_alias(self):
        self.count += 1
        return "y%d" % self.count

    def pick(self, scope, kind=None):
        """A column of the scope, or None if it has none of the kind."""
        columns = ["%s.%s" % (alias, column) for alias in scope for column in scope[alias]
                   if kind in (None, scope[alias][column])]
        return self.rnd.choice(columns) if columns else None

    def coalesce(self, scope, column):
        """The column, or the one of another alias where it is NULL."""
        other = self.pick(scope, LINK)
        return "COALESCE(%s, %s)" % (column, other) if other not in (None, column) else column

    @staticmethod
    def all_columns(scope):
        return ", ".join("%s.%s" % (alias, column) for alias in scope for column in scope[alias])

    def equality(self, left, right, operator="="):
        for kind in (LINK, NUMBER) if self.rnd.random() < 0.85 else (NUMBER, LINK):
            first, second = self.pick(left, kind), self.pick(right, kind)
            if first and second and kind == LINK and self.rnd.random() < 0.08:
                first = self.coalesce(left, first)
            if first and second:
                return "%s %s %s" % (first, operator, second)
        return "true"

    # ------------------------------------------------------------ FROM
    def item(self, depth, beside):
        """A table or subquery; beside: what it may refer to if it is lateral."""
        alias = self.new_alias()
        if depth == 0 or self.rnd.random() < 0.62:
            return "%s %s" % (self.rnd.choice(self.schema.tables).name, alias), {alias: dict(TABLE_COLUMNS)}
        lateral = self.rnd.random() < 0.6
        query, columns = self.subquery(depth - 1, beside if lateral else {})
        return "%s(%s) %s" % ("LATERAL " if lateral else "", query, alias), {alias: columns}

    def join_tree(self, count, depth, outer, beside):
        """outer: the scope of the enclosing query; beside: with that of FROM to the left."""
        if count == 1:
            return self.item(depth, beside)
        first = self.rnd.randint(1, count - 1)
        kind = self.rnd.choice(("JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"))
        left, left_scope = self.join_tree(first, depth, outer, beside)
        seen = beside if kind in ("RIGHT JOIN", "FULL JOIN") else {**beside, **left_scope}
        right, right_scope = self.join_tree(count - first, depth, outer, seen)
        both = {**left_scope, **right_scope}
        conditions = [self.equality(left_scope, right_scope)] if self.rnd.random() < 0.9 else []
        while self.rnd.random() < 0.35:
            conditions.append(self.condition(both, {}, depth) if self.rnd.random() < 0.5
                              else self.equality(left_scope, right_scope))
        if outer and self.rnd.random() < 0.3:
            conditions.append(self.equality(both, outer))
        self.rnd.shuffle(conditions)
        return "(%s %s %s ON %s)" % (left, kind, right, " AND ".join(conditions) or "true"), both

    def body(self, depth, outer, counts):
        source, scope = self.join_tree(self.rnd.choice(counts), depth, outer, outer)
        conditions = []
        if outer and self.rnd.random() < 0.8:
            conditions.append(self.equality(scope, outer))
        while self.rnd.random() < 0.4:
            conditions.append(self.condition(scope, outer, depth))
        return source, scope, " WHERE " + " AND ".join(conditions) if conditions else ""

    # ------------------------------------------------------------ conditions
    def condition(self, inner, outer, depth):
        both = {**inner, **outer}
        chance = self.rnd.random()
        if chance < 0.6 or (depth == 0 and chance >= 0.83):
            return self.equality(inner, both)
        if chance < 0.68:
            return self.equality(inner, both, self.rnd.choice(("<", "<>")))
        if chance < 0.75:
            return "(%s OR %s IS NULL)" % (self.equality(inner, both), self.pick(both))
        if chance < 0.8:
            return "%s IS NOT NULL" % self.pick(inner)
        if chance < 0.83:
            return "NOT (%s)" % self.equality(inner, both)
        return self.sublink(both, depth - 1)

    def sublink(self, outer, depth):
        if self.rnd.random() < 0.5:
            return "%sEXISTS (%s)" % (self.rnd.choice(("", "NOT ")), self.subquery(depth, outer)[0])
        kind = self.rnd.choice((LINK, NUMBER))
        query, _ = self.subquery(depth, outer, kind)
        column = self.pick(outer, kind)
        if column is None:
            return "true"
        return self.rnd.choice((
            "%s IN (%s)", "%s IN (%s)", "%s NOT IN (%s)", "(%s IN (%s) OR " + column + " IS NULL)",
            "%s <> ALL (%s)")) % (column, query)

    # ------------------------------------------------------------ subqueries
    def subquery(self, depth, outer, only=None):
        """A query and its columns; only: one column, of this kind."""
        if self.rnd.random() < 0.18:
            return self.branches(depth, outer, only)
        source, scope, where = self.body(depth, outer, (1, 1, 2))
        kinds = [only] if only else [self.rnd.choice((LINK, LINK, NUMBER)) for _ in range(self.rnd.randint(1, 3))]
        picked = [(self.pick(scope, kind) or "NULL::int", kind) for kind in kinds]
        picked = [(column, NUMBER if column == "NULL::int" else kind) for column, kind in picked]
        names = ["o%d" % number for number in range(len(picked))]
        columns = {name: kind for name, (_, kind) in zip(names, picked)}
        select = ", ".join("%s AS %s" % (column, name) for name, (column, _) in zip(names, picked))
        first = picked[0][0]
        tail = "%s FROM %s%s" % ("%s", source, where)
        form = self.rnd.random()
        if form < 0.42 or first == "NULL::int":
            return "SELECT " + tail % select, columns
        if form < 0.5:
            return "SELECT DISTINCT " + tail % select, columns
        if form < 0.68:
            return self.grouped(tail, picked, names)
        if form < 0.8:
            return "SELECT %s ORDER BY %s LIMIT 1" % (tail % select, self.all_columns(scope)), columns
        if form < 0.9:
            return "SELECT DISTINCT ON (%s) %s ORDER BY %s, %s" % (
                first, tail % select, first, self.all_columns(scope)), columns
        number = "(sum(%s) OVER (PARTITION BY %s))::int" % (self.pick(scope, NUMBER) or "1", first)
        if only:
            return "SELECT " + tail % select, columns
        return "SELECT " + tail % (select + ", %s AS w" % number), dict(columns, w=NUMBER)

    def branches(self, depth, outer, only):
        """Two queries of the same columns; now and then one pads with NULL."""
        kinds = [only] if only else [LINK] + [self.rnd.choice((LINK, NUMBER)) for _ in range(self.rnd.randint(0, 2))]
        names = ["o%d" % number for number in range(len(kinds))]
        branches = []
        for _ in range(2):
            source, scope, where = self.body(depth, outer, (1, 1, 2))
            picked = [None if self.rnd.random() < 0.1 else self.pick(scope, kind) for kind in kinds]
            branches.append("SELECT %s FROM %s%s" % (", ".join(
                "%s AS %s" % (column or "NULL", name) for column, name in zip(picked, names)), source, where))
        operation = self.rnd.choice(("UNION ALL", "UNION ALL", "UNION", "INTERSECT"))
        return (" %s " % operation).join(branches), dict(zip(names, kinds))

    def grouped(self, tail, picked, names):
        """By the first columns; the last, if there is another, is aggregated."""
        group = picked[:max(1, len(picked) - 1)]
        columns, select = {}, []
        for name, pair in zip(names, picked):
            if pair in group:
                select.append("%s AS %s" % (pair[0], name))
                columns[name] = pair[1]
            else:
                function = self.rnd.choice(("max", "sum", "count")) if pair[1] == NUMBER else "count"
                select.append("%s(%s)::int AS %s" % (function, pair[0], name))
                columns[name] = NUMBER
        return "SELECT %s GROUP BY %s%s" % (
            tail % ", ".join(select), ", ".join(sorted({column for column, _ in group if column != "NULL::int"})),
            self.rnd.choice(("", "", " HAVING count(*) > 1"))), columns
