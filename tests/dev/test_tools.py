"""The checking tools find what they are there to find.

Each test plants one violation in a small tree of its own and asks that the tool
names it; the clean tree passes. A check that never fails guards nothing.
"""

import os
import shutil
import subprocess
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class ToolTestCase(unittest.TestCase):
    tool = None

    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="andon-tools-")
        self.addCleanup(shutil.rmtree, self.root)
        self.write("dev/layers.txt", open(os.path.join(TOP, "dev/layers.txt")).read())

    def write(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)

    def run_tool(self, *args):
        done = subprocess.run([os.path.join(TOP, "dev", self.tool), "--root", self.root, *args],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout

    def assert_clean(self):
        code, output = self.run_tool()
        self.assertEqual(code, 0, output)

    def assert_finds(self, *texts):
        code, output = self.run_tool()
        self.assertEqual(code, 1, output)
        for text in texts:
            self.assertIn(text, output)


class Layercheck(ToolTestCase):
    tool = "layercheck"

    def setUp(self):
        super().setUp()
        self.write("router/base/buf.h", "#include <stddef.h>\n")
        self.write("router/wire/frame.h", '#include "base/buf.h"\n')
        self.write("router/wire/frame.c", '#include "wire/frame.h"\n#include "contract/andon_contract.h"\n')
        self.write("extension/board/board.c", '#include "postgres.h"\n#include "utils/rel.h"\n')
        self.write("tests/router/unit/wire/test_frame.c", '#include <cmocka.h>\n#include "wire/frame.h"\n')

    def test_clean_tree(self):
        self.assert_clean()

    def test_upward(self):
        self.write("router/base/log.c", '#include "wire/frame.h"\n')
        self.assert_finds("router/base/log.c (base) includes wire/frame.h: upward")

    def test_sideways(self):
        self.write("router/sql/classify.c", '#include "wire/frame.h"\n')
        self.assert_finds("router/sql/classify.c (sql) includes wire/frame.h: sideways")

    def test_spaces_around_include(self):
        self.write("router/base/log.c", '  #  include  "wire/frame.h"\n')
        self.assert_finds("upward")

    def test_include_in_a_comment_is_no_include(self):
        self.write("router/base/log.c", '/* #include "wire/frame.h" */\n')
        self.assert_clean()

    def test_extension_upward(self):
        self.write("extension/base/guc.c", '#include "board/board.h"\n')
        self.assert_finds("extension/base/guc.c (base) includes board/board.h: upward")

    def test_unit_test_upward(self):
        self.write("tests/router/unit/wire/test_up.c", '#include "session/client.h"\n')
        self.assert_finds("tests/router/unit/wire/test_up.c (wire) includes session/client.h: upward")

    def test_include_without_a_layer(self):
        self.write("router/wire/build.c", '#include "frame.h"\n')
        self.assert_finds('names no layer: include by path ("wire/frame.h")')

    def test_file_in_no_layer(self):
        self.write("router/utils.c", "")
        self.write("router/misc/things.c", "")
        self.assert_finds("router/utils.c lies in no layer", "router/misc/things.c lies in no layer")

    def test_internal_header(self):
        self.write("router/session/client.c", '#include "wire/frame_internal.h"\n')
        self.assert_finds("is internal to its folder")

    def test_source_file_included(self):
        self.write("router/wire/build.c", '#include "wire/frame.c"\n')
        self.assert_finds("a .c file")

    def test_vendor_walls(self):
        for layer, header in (("session", "event2/buffer.h"), ("backend", "libpq-fe.h"), ("net", "openssl/ssl.h"),
                              ("session", "pg_query.h"), ("sql", "event2/event.h"), ("wire", "nodes/nodes.h")):
            with self.subTest(header=header, layer=layer):
                self.write("router/%s/planted.c" % layer, "#include <%s>\n" % header)
                self.assert_finds("router/%s/planted.c includes %s" % (layer, header))
                os.unlink(os.path.join(self.root, "router", layer, "planted.c"))

    def test_vendor_headers_inside_their_walls(self):
        self.write("router/net/tls.c", "#include <openssl/ssl.h>\n#include <event2/event.h>\n")
        self.write("router/topology/probe.c", "#include <libpq-fe.h>\n")
        self.write("router/sql/classify.c", "#include <pg_query.h>\n#include \"nodes/parsenodes.h\"\n")
        self.assert_clean()

    def test_version_number(self):
        for path in ("extension/board/board.c", "router/sql/classify_walk.c"):
            with self.subTest(path=path):
                self.write(path, "#if PG_VERSION_NUM >= 160000\n#endif\n")
                self.assert_finds("%s tests PG_VERSION_NUM" % path)
                os.unlink(os.path.join(self.root, path))

    def test_version_number_in_its_place(self):
        for path in ("extension/base/compat.h", "router/sql/classify_compat.c"):
            self.write(path, "#if PG_VERSION_NUM >= 160000\n#endif\n")
        self.assert_clean()

    def test_circle(self):
        self.write("router/wire/frame.h", '#include "wire/message.h"\n')
        self.write("router/wire/message.h", '#include "wire/frame.h"\n')
        self.assert_finds("circle of includes: wire/frame.h -> wire/message.h -> wire/frame.h")


class Headerscheck(ToolTestCase):
    tool = "headerscheck"

    def header(self, path, guard, body):
        self.write(path, "/* page */\n#ifndef %s\n#define %s\n\n%s\n\n#endif\n" % (guard, guard, body))

    def test_clean_tree(self):
        self.header("router/wire/frame.h", "ROUTER_WIRE_FRAME_H", "#include <stddef.h>\nextern size_t frame_size(void);")
        self.header("extension/board/board.h", "ANDON_BOARD_BOARD_H", "extern Oid andon_board_oid(void);")
        self.assert_clean()

    def test_header_that_needs_another(self):
        self.header("router/wire/frame.h", "ROUTER_WIRE_FRAME_H", "extern size_t frame_size(void);")
        self.assert_finds("router/wire/frame.h does not compile alone")

    def test_guard_of_another_name(self):
        self.header("router/wire/frame.h", "FRAME_H", "")
        self.assert_finds("not guarded by ROUTER_WIRE_FRAME_H")

    def test_no_guard(self):
        self.write("router/wire/frame.h", "extern int frame;\n")
        self.assert_finds("not guarded by ROUTER_WIRE_FRAME_H")


class Doccheck(ToolTestCase):
    tool = "doccheck"

    def setUp(self):
        super().setUp()
        self.write("router/wire/frame.c", "int\nframe_parse(int a)\n{\n\treturn frame_size(a);\n}\n")
        self.write("docs/limits.md", "# Limits\n\n## What is not done\n")
        self.write("README.md", "See [limits](docs/limits.md#what-is-not-done), `router/wire/frame.c:frame_parse`.\n")

    def test_clean_tree(self):
        self.assert_clean()

    def test_dead_link(self):
        self.write("README.md", "[gone](docs/gone.md)\n")
        self.assert_finds("README.md: link to docs/gone.md, which does not exist")

    def test_dead_heading(self):
        self.write("README.md", "[gone](docs/limits.md#gone)\n")
        self.assert_finds("no such heading")

    def test_file_that_is_not_there(self):
        self.write("README.md", "`router/wire/gone.c`\n")
        self.assert_finds("names `router/wire/gone.c`")

    def test_function_that_is_only_called_there(self):
        self.write("README.md", "`router/wire/frame.c:frame_size`\n")
        self.assert_finds("names `router/wire/frame.c:frame_size`: no such name there")

    def test_test_that_is_not_there(self):
        self.write("tests/system/test_a.py", "class One:\n    def test_a(self):\n        pass\n")
        self.write("docs/guarantees.md", "`tests/system/test_a.py:One.test_a`\n")
        self.assert_clean()
        self.write("docs/guarantees.md", "`tests/system/test_a.py:One.test_b`\n")
        self.assert_finds("no such name there")

    def test_layers_out_of_date(self):
        text = open(os.path.join(TOP, "dev/layers.txt")).read().split("[walls]")[0]
        block = "```\n%s```\n" % text[text.index("[router]"):].rstrip("# \n").split("# Vendor")[0]
        self.write("ARCHITECTURE.md", block)
        self.assert_clean()
        self.write("ARCHITECTURE.md", block.replace("session\n", ""))
        self.assert_finds("its list of layers is not that of dev/layers.txt")

    def test_generated_part(self):
        self.write("build/andon-router", "#!/bin/sh\necho \"| $1 |\"\n")
        os.chmod(os.path.join(self.root, "build/andon-router"), 0o755)
        self.write("docs/reference.md", "<!-- generated: andon-router --options -->\nold\n<!-- end generated -->\nrest\n")
        self.assert_finds("out of date")
        self.run_tool("--write")
        self.assert_clean()
        with open(os.path.join(self.root, "docs/reference.md")) as file:
            self.assertIn("-->\n| --options |\n<!-- end generated -->\nrest\n", file.read())

    def test_generated_file(self):
        self.write("build/andon-router", "#!/bin/sh\necho \"$2\"\n")
        os.chmod(os.path.join(self.root, "build/andon-router"), 0o755)
        self.write("docs/reference/config.md", "old\n")
        self.assert_finds("docs/reference/config.md: is not what andon-router --dump-reference markdown prints")
        self.run_tool("--write")
        self.assert_clean()
        with open(os.path.join(self.root, "docs/reference/config.md")) as file:
            self.assertEqual(file.read(), "markdown\n")


if __name__ == "__main__":
    unittest.main()
