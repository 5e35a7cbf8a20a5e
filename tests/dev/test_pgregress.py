"""The comparison of PostgreSQL's regression suite, direct and routed, can fail."""

import os
import re
import tempfile
import unittest

import pgregress

NAMES = ["alpha", "beta"]


class Comparison(unittest.TestCase):
    def run_with(self, verdicts, results):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name, text in results.items():
            with open(os.path.join(folder.name, name + ".out"), "w") as file:
                file.write(text)
        output = "".join("test %s ... %s\n" % (name, "ok" if ok else "FAILED") for name, ok in verdicts.items())
        return pgregress.Run(folder.name, output, [])

    def passes(self, direct, routed, rules=None):
        return pgregress.compare("alpha", direct, routed, rules or {})[1]

    def test_two_runs_that_are_broken_alike(self):
        """Guards: no server at all, twice, is not sameness."""
        nothing = self.run_with({}, {})
        failed = self.run_with(dict.fromkeys(NAMES, False), {})
        for run in nothing, failed:
            self.assertFalse(pgregress.judge_direct(NAMES, run)[1])
            self.assertFalse(self.passes(run, run))
        self.assertTrue(pgregress.judge_direct(NAMES, self.run_with(dict.fromkeys(NAMES, True), {}))[1])

    def test_same_failure(self):
        """Guards: what differs from PostgreSQL's expectation on both ways alike is the same, and nothing else is."""
        direct = self.run_with({"alpha": False}, {"alpha": "SELECT 1;\n t\n"})
        self.assertTrue(self.passes(direct, direct))
        self.assertFalse(self.passes(direct, self.run_with({"alpha": False}, {"alpha": "SELECT 1;\n f\n"})))
        self.assertFalse(self.passes(direct, self.run_with({"alpha": False}, {})))
        self.assertFalse(self.passes(self.run_with({"alpha": True}, {}), direct))

    def test_exceptions(self):
        """Guards: an exception is for the lines it names, and can be for one statement's."""
        direct = self.run_with({"alpha": True}, {"alpha": "SELECT 1;\n t\nSELECT 2;\n t\n"})
        first = self.run_with({"alpha": False}, {"alpha": "SELECT 1;\n f\nSELECT 2;\n t\n"})
        second = self.run_with({"alpha": False}, {"alpha": "SELECT 1;\n t\nSELECT 2;\n f\n"})
        rules = {"alpha": [(re.compile(r"^SELECT 1;\n(- t|\+ f)$", re.M), "a reason")]}
        self.assertTrue(self.passes(direct, first, rules))
        self.assertFalse(self.passes(direct, second, rules))

    def test_the_list(self):
        """Guards: the exceptions we have can be read, each with its reason."""
        self.assertTrue(all(reason for rules in pgregress.accepted().values() for _, reason in rules))


if __name__ == "__main__":
    unittest.main()
