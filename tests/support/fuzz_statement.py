"""Random statements over a fuzz_schema.Schema: all that can change a source of a board."""

import shlex


def plain(literal):
    """The text that an SQL literal stands for, as COPY reads it."""
    return "\\N" if literal == "NULL" else literal[1:-1].replace("''", "'")


class StatementMaker:
    def __init__(self, rnd, schema, server_version):
        self.rnd = rnd
        self.schema = schema
        self.kinds = ((self.update_plain,) * 4 + (self.update_link,) * 4 + (self.update_key,) * 2 +
                      (self.update_many,) * 2 + (self.insert,) * 3 + (self.upsert,) * 2 + (self.delete,) * 2 +
                      (self.delete_many, self.insert_many, self.writable_cte, self.caught_exception,
                       self.move_rows, self.swap_keys, self.copy, self.cursor))
        if schema.family.is_crowd:
            self.kinds += (self.update_many,) * 6
        if server_version >= 150000:
            self.kinds += (self.merge,)

    def make(self):
        table = self.rnd.choice(self.schema.tables)
        if self.rnd.random() < 0.008:
            return "TRUNCATE %s CASCADE" % table.name
        return self.rnd.choice(self.kinds)(table)

    def simple(self):
        """A statement that may stand in PL/pgSQL."""
        return self.rnd.choice((self.update_plain, self.update_link, self.update_key, self.upsert, self.delete))(
            self.rnd.choice(self.schema.tables))

    def set_clause(self, table, columns):
        return ", ".join("%s = %s" % (column, table.value(self.rnd, column)) for column in columns)

    def target(self, table):
        """The table, seldom one of its partitions."""
        return self.rnd.choice(table.writable) if self.rnd.random() < 0.3 else table.name

    def update_plain(self, table):
        columns = self.rnd.choice((("s",), ("n",), ("n", "s")))
        return "UPDATE %s SET %s WHERE %s" % (
            self.target(table), self.set_clause(table, columns), table.where_key(self.rnd))

    def update_link(self, table):
        columns = self.rnd.choice((("a",), ("b",), ("a", "b"), ("a", "n")))
        return "UPDATE %s SET %s WHERE %s" % (
            self.target(table), self.set_clause(table, columns), table.where_key(self.rnd))

    def update_key(self, table):
        return "UPDATE %s SET %s WHERE %s" % (
            table.name, self.set_clause(table, self.rnd.choice((("id",), ("id", "a"), table.key))),
            table.where_key(self.rnd))

    def update_many(self, table):
        column = self.rnd.choice("ab")
        return self.rnd.choice((
            "UPDATE %s SET %s WHERE %s = %s" % (table.name, self.set_clause(table, (column,)), column,
                                                table.value(self.rnd, column)),
            "UPDATE %s SET a = b, b = a WHERE n > 1" % table.name,
            "UPDATE %s SET n = (n + 1) %% 4" % table.name,
            "UPDATE %s SET %s" % (table.name, self.set_clause(table, ("s",)))))

    def values(self, table, count=1):
        return ", ".join("(%s)" % ", ".join(table.row(self.rnd)) for _ in range(count))

    def insert(self, table):
        return "INSERT INTO %s VALUES %s" % (self.target(table), self.values(table)) + self.rnd.choice((
            "", " ON CONFLICT DO NOTHING", " ON CONFLICT DO NOTHING"))

    def insert_many(self, table):
        return "INSERT INTO %s VALUES %s ON CONFLICT DO NOTHING" % (table.name, self.values(table, 3))

    def upsert(self, table):
        column = self.rnd.choice("abns")
        return "INSERT INTO %s VALUES %s ON CONFLICT (%s) DO UPDATE SET %s = excluded.%s" % (
            table.name, self.values(table), ", ".join(table.key), column, column)

    def delete(self, table):
        return "DELETE FROM %s WHERE %s" % (self.target(table), table.where_key(self.rnd))

    def delete_many(self, table):
        column = self.rnd.choice(("a", "b", "s"))
        return "DELETE FROM %s WHERE %s = %s" % (table.name, column, table.value(self.rnd, column))

    def move_rows(self, table):
        """Rows get other keys and links in one statement."""
        row = dict(zip(table.columns, table.columns))
        row["id"] = table.value(self.rnd, "id") + "::" + table.plain_type("id")
        if self.rnd.random() < 0.5:
            row["a"] = "b"
        return ("WITH gone AS (DELETE FROM %s WHERE %s RETURNING *) INSERT INTO %s (%s) SELECT %s FROM gone LIMIT 1"
                " ON CONFLICT DO NOTHING" % (table.name, self.some_rows(table), table.name, ", ".join(row),
                                             ", ".join(row.values())))

    def swap_keys(self, table):
        """Two rows that change places, by way of a key that nobody has."""
        first, second = (table.value(self.rnd, "id") for _ in range(2))
        if not table.spare:
            return self.update_key(table)
        return "; ".join("UPDATE %s SET id = %s WHERE id = %s" % (table.name, new, old) for old, new in (
            (first, table.spare), (second, first), (table.spare, second)))

    def some_rows(self, table):
        column = self.rnd.choice("abs")
        return "%s = %s" % (column, table.value(self.rnd, column))

    def copy(self, table):
        rows = [table.row(self.rnd) for _ in range(self.rnd.choice((1, 2, 4)))]
        lines = "\n".join("\t".join(plain(value) for value in row) for row in rows) + "\n"
        return "COPY %s (%s) FROM PROGRAM $sh$printf %%s %s$sh$" % (
            self.target(table), ", ".join(table.columns), shlex.quote(lines))

    def cursor(self, table):
        return ("DO $do$ DECLARE c CURSOR FOR SELECT * FROM %s WHERE %s FOR UPDATE; BEGIN FOR r IN c LOOP"
                " %s WHERE CURRENT OF c; END LOOP; END $do$" % (
                    table.name, self.some_rows(table),
                    self.rnd.choice(("DELETE FROM %s" % table.name, "UPDATE %s SET %s" % (
                        table.name, self.set_clause(table, self.rnd.choice((("s",), ("a",), ("b", "n")))))))))

    def merge(self, table):
        names = ", ".join(table.columns)
        rows = ", ".join("(%s)" % ", ".join(
            "%s::%s" % (value, table.plain_type(column))
            for column, value in zip(table.columns, table.row(self.rnd))) for _ in range(2))
        return ("MERGE INTO %s t USING (VALUES %s) AS v (%s) ON %s WHEN MATCHED AND t.n > 1 THEN DELETE"
                " WHEN MATCHED THEN UPDATE SET a = v.a, n = v.n WHEN NOT MATCHED THEN INSERT (%s) VALUES (%s)" % (
                    table.name, rows, names, " AND ".join("t.%s = v.%s" % (k, k) for k in table.key), names,
                    ", ".join("v." + column for column in table.columns)))

    def writable_cte(self, table):
        first, second = self.rnd.choice(self.schema.tables), self.rnd.choice(self.schema.tables)
        return "WITH w1 AS (%s RETURNING 1), w2 AS (%s RETURNING 1) %s" % (
            self.rnd.choice((self.update_plain, self.update_link, self.insert))(first),
            self.rnd.choice((self.update_link, self.delete, self.upsert))(second),
            self.rnd.choice((self.update_plain, self.update_link, self.delete))(table))

    def caught_exception(self, table):
        other = self.rnd.choice(self.schema.tables)
        return "DO $do$ BEGIN %s; RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN %s; END $do$" % (
            self.update_link(table), self.update_plain(other))


