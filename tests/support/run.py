#!/usr/bin/python3
"""Runs the tests and tells the count.

    run.py [--build DIR] [--only PATH] [-k PATTERN] SUITE...

A suite is one of unit, corpus, tools, extension, router, system, pgregress, or a group of
them: check (no server needed), e2e, all. The last line printed is
"N passed, N failed", and the exit code is true to it. What a passing test
prints is kept out of the way; what a failing one prints is shown.

Suites are plain functions that yield results, so that one process runs and
counts them all: programs built on cmocka (their TAP output is read), fuzz
targets replaying their corpus, PostgreSQL's regression and isolation drivers,
and Python's unittest for everything else.
"""

import argparse
import glob
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [TOP, os.path.join(TOP, "dev"), os.path.join(TOP, "tests", "support")]

GROUPS = {
    "check": ["unit", "corpus", "tools"],
    "e2e": ["router", "system"],
    "all": ["unit", "corpus", "tools", "extension", "router", "system"],
}
PROGRAM_TIMEOUT_SECS = 300
OUTPUT_LIMIT = 64 << 20
SHOWN_LIMIT = 200_000


class Options:
    """What the command line asked for, handed to every suite."""

    def __init__(self, build, only, pattern):
        self.build = os.path.abspath(build)
        self.only = only
        self.pattern = pattern


class Result:
    """One test: its name, whether it passed, and what to show if it did not."""

    def __init__(self, name, passed, output="", skipped=False):
        self.name = name
        self.passed = passed
        self.output = output
        self.skipped = skipped


def run_program(command, **options):
    """Runs a program to its end; returns (exit code, what it printed).

    The output goes through a file of limited size: a program that prints without
    end is ended by the kernel and does not fill the machine's memory.
    """
    with tempfile.TemporaryFile() as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT_LIMIT, OUTPUT_LIMIT)), **options)
        stopped = ""
        try:
            process.wait(PROGRAM_TIMEOUT_SECS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            stopped = "\nstopped after %d s\n" % PROGRAM_TIMEOUT_SECS
        size = file.tell()
        file.seek(0)
        output = file.read(SHOWN_LIMIT)
        if size > SHOWN_LIMIT:
            file.seek(max(SHOWN_LIMIT, size - SHOWN_LIMIT))
            output += b"\n[...]\n" + file.read(SHOWN_LIMIT)
    return process.returncode, output.decode("utf-8", "replace") + stopped


def sources(pattern):
    return sorted(glob.glob(os.path.join(TOP, pattern)))


def suite_unit(options):
    """cmocka programs, one per tests/router/unit/LAYER/test_X.c."""
    for source in sources("tests/router/unit/*/test_*.c"):
        name = os.path.relpath(source, os.path.join(TOP, "tests/router/unit"))[:-2]
        if options.only and name != options.only and not name.startswith(options.only + "/"):
            continue
        code, output = run_program([os.path.join(options.build, "unit", name)], cwd=TOP,
                                   env=dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP"))
        yield from read_tap("unit/" + name, code, output)


def read_tap(name, code, output):
    """One result per "ok" line; a program that dies or tells nothing fails."""
    lines = re.findall(r"^(not ok|ok) +\d+ *-? *(.*)$", output, re.M)
    plan = re.search(r"^1\.\.(\d+)", output, re.M)
    # What a test says before it skips itself is why.
    reasons = re.findall(r"^(.*)\n(?:not ok|ok) +\d+ *-? *(.*# SKIP.*)$", output, re.M)
    reasons = {test: reason for reason, test in reasons}
    for verdict, test in lines:
        if "# SKIP" in test:
            reason = reasons.get(test, "")
            said = not re.match(r"(not )?ok |1\.\.|TAP ", reason)
            yield Result("%s:%s" % (name, test.replace("# SKIP", "").strip()), True, reason if said else "", skipped=True)
        else:
            yield Result("%s:%s" % (name, test), verdict == "ok", output)
    failed = sum(verdict != "ok" for verdict, _ in lines)
    complete = lines and plan and len(lines) >= int(plan.group(1))
    if not complete or (code != 0 and failed == 0):
        yield Result("%s: exit code %d after %d tests" % (name, code, len(lines)), False, output)


def suite_corpus(options):
    """Each fuzz target over each file of its corpus."""
    for source in sources("tests/fuzz/fuzz_*.c"):
        target = os.path.basename(source)[len("fuzz_"):-2]
        corpus = sources("tests/fuzz/corpus/%s/*" % target)
        if not corpus:
            yield Result("corpus/%s: tests/fuzz/corpus/%s is empty" % (target, target), False)
            continue
        code, output = run_program([os.path.join(options.build, "replay", target)] + corpus)
        yield Result("corpus/%s (%d files)" % (target, len(corpus)), code == 0, output)


def suite_tools(options):
    """The checks over the sources, and the tests of the tools themselves."""
    for tool in ("layercheck", "headerscheck", "doccheck"):
        path = os.path.join(TOP, "dev", tool)
        if os.path.exists(path):
            code, output = run_program([path], cwd=TOP)
            yield Result("dev/" + tool, code == 0, output)
    yield from run_unittests(options, "tests/dev")


def suite_extension(options):
    """pg_regress and the isolation tester, then what is written in Python."""
    import regress
    yield from (Result(*item) for item in regress.run(options.build))
    yield from run_unittests(options, "tests/extension/t")


def suite_router(options):
    yield from run_unittests(options, "tests/router/e2e")


def suite_system(options):
    yield from run_unittests(options, "tests/system")


def suite_pgregress(options):
    """PostgreSQL's own regression suite through the router, against a direct run."""
    import pgregress
    try:
        yield from (Result(*item) for item in pgregress.run(options.build))
    except pgregress.Unavailable as error:
        yield Result("pg_regress", True, "PostgreSQL'S OWN SUITE HAS NOT BEEN RUN: %s" % error, skipped=True)


class Collector(unittest.TestResult):
    """Turns unittest's results into ours, printing each as it comes."""

    def __init__(self, folder):
        super().__init__()
        self.buffer = True
        self.folder = folder
        self.results = []

    def name(self, test):
        return "%s/%s" % (self.folder, test.id())

    def add(self, test, passed, output="", skipped=False):
        self._mirrorOutput = False      # what it printed is part of the failure's text already
        self.results.append(Result(self.name(test), passed, output, skipped))
        tell(self.results[-1])

    def addSuccess(self, test):
        super().addSuccess(test)
        self.add(test, True)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.add(test, True, reason, skipped=True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.add(test, False, self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self.add(test, False, self.errors[-1][1])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            stored = self.failures if issubclass(err[0], test.failureException) else self.errors
            self.add(subtest, False, stored[-1][1])


def load_tests_of(loader, path):
    """Modules are known by their names alone: of two of one name the second would be the first again."""
    name = os.path.basename(path)[:-3]
    tests = loader.loadTestsFromName(name)
    if name in sys.modules and not os.path.samefile(sys.modules[name].__file__, path):
        raise RuntimeError("%s has the name of %s: rename one" % (path, sys.modules[name].__file__))
    return tests


def run_unittests(options, folder):
    if not sources(folder + "/test_*.py"):
        return []
    sys.path.insert(0, os.path.join(TOP, folder))
    loader = unittest.TestLoader()
    if options.pattern:
        loader.testNamePatterns = ["*%s*" % part for part in options.pattern.split()]
    suite = unittest.TestSuite(load_tests_of(loader, path) for path in sources(folder + "/test_*.py"))
    collector = Collector(folder)
    suite.run(collector)
    sys.path.remove(os.path.join(TOP, folder))
    for result in collector.results:
        result.told = True
    return collector.results


def run_suite(name, options):
    """A suite that cannot run at all is a failure like any other."""
    try:
        yield from globals()["suite_" + name](options)
    except Exception:       # noqa: BLE001
        yield Result("%s: could not run" % name, False, traceback.format_exc())


def tell(result):
    """To the real standard output: unittest keeps back what is printed while a test runs."""
    if result.skipped:
        line = "skip  %s  (%s)" % (result.name, result.output)
    elif result.passed:
        line = "ok    %s" % result.name
    else:
        line = "FAIL  %s\n%s" % (result.name, indent(result.output))
    print(line, file=sys.__stdout__, flush=True)


def indent(text):
    return "".join("      | %s\n" % line for line in text.rstrip().splitlines())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build")
    parser.add_argument("--only", help="unit tests of this layer or program")
    parser.add_argument("-k", dest="pattern", help="Python tests whose name has this in it, or one of several words")
    parser.add_argument("suite", nargs="+")
    args = parser.parse_args()
    options = Options(args.build, args.only, args.pattern)
    os.environ["ANDON_BUILD"] = options.build
    names = [name for suite in args.suite for name in GROUPS.get(suite, [suite])]

    failures, passed, skipped = [], 0, 0
    for name in names:
        started = time.monotonic()
        for result in run_suite(name, options):
            if not getattr(result, "told", False):
                tell(result)
            passed += result.passed and not result.skipped
            skipped += result.skipped
            if not result.passed:
                failures.append(result.name)
        print("----  %s: %.1f s" % (name, time.monotonic() - started), flush=True)
    for failure in failures:
        print("FAILED %s" % failure)
    print("%d passed, %d failed%s" % (passed, len(failures), ", %d skipped" % skipped if skipped else ""),
          flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
