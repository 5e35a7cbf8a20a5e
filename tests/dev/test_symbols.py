"""The parser's symbols stay inside it.

libpg_query is PostgreSQL's parser with PostgreSQL's own palloc, StringInfo and
hash functions; libpgcommon and libxxhash bring others of the same names. If the
linker joined the two, memory of one would be freed by the other. The Makefile
shuts the parser into one object that shows only what pg_query.symbols lists.
"""

import os
import subprocess
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("ANDON_BUILD", os.path.join(TOP, "build"))
ROUTER = os.environ.get("ANDON_ROUTER", os.path.join(BUILD, "andon-router"))


def symbols(path):
    """(name, kind) of each symbol the file defines; capitals are visible outside."""
    lines = subprocess.run(["nm", "--defined-only", path], stdout=subprocess.PIPE, text=True, check=True).stdout
    return [(words[-1], words[-2]) for words in (line.split() for line in lines.splitlines()) if len(words) >= 2]


class ParserSymbols(unittest.TestCase):
    def test_only_what_is_listed_is_visible(self):
        with open(os.path.join(TOP, "router/sql/pg_query.symbols")) as file:
            listed = {line.strip() for line in file if line.strip() and not line.startswith("#")}
        visible = {name for name, kind in symbols(os.path.join(BUILD, "vendor/pg_query.o")) if kind.isupper()}
        self.assertEqual(visible, listed)

    def test_the_router_has_one_visible_palloc_at_most(self):
        found = [(name, kind) for name, kind in symbols(ROUTER)]
        self.assertIn(("palloc", "t"), found, "the parser's own palloc, local to it")
        self.assertLessEqual(sum(entry == ("palloc", "T") for entry in found), 1)

    def test_the_router_shows_no_parser_symbol_to_libraries(self):
        dynamic = subprocess.run(["nm", "-D", "--defined-only", ROUTER], stdout=subprocess.PIPE, text=True).stdout
        self.assertNotIn(" palloc\n", dynamic)
        self.assertNotIn(" pg_query_raw_parse\n", dynamic)


if __name__ == "__main__":
    unittest.main()
