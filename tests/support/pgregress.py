"""PostgreSQL's own regression suite, directly and through the router.

The suite is Debian's source of the server (dev/pgsource); its parallel schedule
runs against two throw-away clusters at once, one as it is and one behind the
router with one node and session pooling. A test is the same if the router's run
gave what PostgreSQL expects or what the direct run gave. What may differ is
listed in tests/router/pg_regress_accepted, each with its reason. Two runs that
are broken alike are not the same: most of the direct one has to pass.
"""

import concurrent.futures
import difflib
import os
import re
import shutil
import subprocess

from pgcluster import Cluster
from programs import TOP
from routerproc import Router

ACCEPTED = os.path.join(TOP, "tests/router/pg_regress_accepted")
UNAVAILABLE = 75
TIMEOUT_SECS = 1200
SHOWN_LINES = 200
DIRECT_MUST_PASS = 0.9      # of all tests; what fails depends on the server's minor version and build
SETTINGS = {"max_prepared_transactions": 10, "log_statement": "none", "autovacuum": "off",
            "max_connections": 150, "log_min_messages": "fatal"}
ROUTER = {"pool_mode": "session", "default_pool_size": 100, "auth_type": "trust",
          "server_idle_timeout": "1s", "consistency": "primary"}


class Unavailable(Exception):
    """The source cannot be had on this machine; the text tells why."""


def source():
    """The folder with the suite, fetched if need be."""
    folder = os.path.join(TOP, "build", "pgsource")
    done = subprocess.run([os.path.join(TOP, "dev", "pgsource"), folder], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode == UNAVAILABLE:
        raise Unavailable(done.stdout.strip())
    if done.returncode != 0:
        raise RuntimeError("dev/pgsource failed:\n" + done.stdout)
    return folder


def accepted():
    """{test: [(pattern, reason)]}: lines of a difference that may be there, as changes() gives them.

    A paragraph of the file is the name of a test, patterns indented by a tab, and
    above them, behind "#", the reason. "*" is every test.
    """
    rules, reason, test = {}, "", None
    with open(ACCEPTED) as file:
        for line in file:
            line = line.rstrip("\n")
            if line.startswith("#"):
                reason = (reason + " " + line[1:].strip()).strip()
            elif line.startswith("\t"):
                if not reason or test is None:
                    raise ValueError("%s: %r has no reason or no test" % (ACCEPTED, line))
                rules.setdefault(test, []).append((re.compile(line[1:], re.M), reason))
            elif line:
                test = line
            else:
                reason, test = "", None
    return rules


def run(build):
    """Yields (name, passed, output) for every test of the schedule."""
    suite = source()
    with concurrent.futures.ThreadPoolExecutor(2) as executor:
        runs = [executor.submit(run_once, suite, build, routed) for routed in (False, True)]
        direct, routed = (each.result() for each in runs)
    rules = accepted()
    names = schedule(suite)
    yield judge_direct(names, direct)
    for name in names:
        yield compare(name, direct, routed, rules)
    for problem in routed.problems:
        yield "pg_regress/router: ends in good order", False, problem


def schedule(suite):
    with open(os.path.join(suite, "regress", "parallel_schedule")) as file:
        return sorted(name for line in file if line.startswith("test:") for name in line.split()[1:])


class Run:
    """What one run of the schedule gave: a verdict and the results of each test."""

    def __init__(self, folder, output, problems):
        self.folder = folder
        self.output = output
        self.problems = problems
        # Before version 16: "test name ... ok"; since then TAP: "ok 1 - name   12 ms".
        old = re.findall(r"^(?:test|    ) *(\S+) +\.\.\. (ok|FAILED|failed)", output, re.M)
        new = [(name, verdict) for verdict, name in
               re.findall(r"^(ok|not ok) +\d+ +[-+] (\S+)", output, re.M)]
        self.verdicts = {name: verdict == "ok" for name, verdict in old + new}

    def results(self, name):
        try:
            with open(os.path.join(self.folder, name + ".out"), errors="replace") as file:
                return file.readlines()
        except OSError:
            return None


def run_once(suite, build, is_routed):
    """The schedule on a cluster of its own; what came of it stays under build/pg_regress."""
    what = "routed" if is_routed else "direct"
    kept = os.path.join(build, "pg_regress", what)
    shutil.rmtree(kept, ignore_errors=True)
    problems = []
    with Cluster(settings=SETTINGS, name="andon-regress") as cluster:
        router = Router(cluster, ROUTER).start() if is_routed else None
        output = run_schedule(cluster, suite, router.port if router else cluster.primary.port)
        shutil.copytree(cluster.rundir.file("regress", "results"), kept)
        if router:
            code, log = router.stop(), router.log()
            if code != 0 or "Sanitizer:" in log or "runtime error:" in log:
                problems.append("exit code %s\n%s" % (code, log[-5000:]))
            shutil.copy(router.log_path, kept)
    with open(os.path.join(kept, "pg_regress.log"), "w") as file:
        file.write(output)
    return Run(kept, output, problems)


def run_schedule(cluster, suite, port):
    """pg_regress as the ordinary user, in a copy of the suite that the server can write to."""
    rundir = cluster.rundir
    inputs, libraries, work = (rundir.file(name) for name in ("suite", "dl", "regress"))
    shutil.copytree(os.path.join(suite, "regress"), inputs)
    shutil.copytree(os.path.join(suite, "lib"), libraries)
    rundir.make_folder("regress", 0o755)
    for folder, _, files in os.walk(inputs):
        for path in [folder] + [os.path.join(folder, file) for file in files]:
            os.chmod(path, 0o755 if path == folder else 0o644)
    driver = os.path.normpath(os.path.join(os.path.dirname(cluster.tool("pg_config", "--pgxs").strip()),
                                           "../test/regress/pg_regress"))
    return rundir.run(
        [driver, "--inputdir=" + inputs, "--outputdir=" + work, "--bindir=" + rundir.bin, "--dlpath=" + libraries,
         "--host=127.0.0.1", "--port=%d" % port, "--user=postgres", "--max-concurrent-tests=20",
         "--schedule=" + os.path.join(inputs, "parallel_schedule")],
        env={"PATH": os.environ["PATH"]}, check=False, timeout=TIMEOUT_SECS)


def judge_direct(names, direct):
    """(name, passed, output): is the direct run worth comparing with?"""
    failed = [name for name in names if not direct.verdicts.get(name)]
    ok = names and len(failed) <= (1 - DIRECT_MUST_PASS) * len(names)
    return "pg_regress/direct: most of it passes", bool(ok), "%d of %d failed: %s\n%s" % (
        len(failed), len(names), " ".join(failed), direct.output[-2000:])


def changes(left, right):
    """The lines that differ, each after the statement that both runs have before it: "SELECT 1;\n- t"."""
    statement = ""
    for line in list(difflib.unified_diff(left, right, n=len(left)))[3:]:
        if not line.startswith(" "):
            yield statement + line
        elif line.endswith(";\n") and not line.startswith(" --"):
            statement = line[1:]


def compare(name, direct, routed, rules):
    """(name, passed, output): the difference without what is accepted."""
    title = "pg_regress/" + name
    if routed.verdicts.get(name):
        return title, True, ""
    if name not in routed.verdicts:
        return title, False, "did not run through the router\n" + routed.output[-2000:]
    left, right = direct.results(name), routed.results(name)
    if left is None or right is None:
        return title, False, "no results of the %s run" % ("direct" if left is None else "routed")
    allowed = [pattern for pattern, _ in rules.get(name, []) + rules.get("*", [])]
    if all(any(pattern.search(change) for pattern in allowed) for change in changes(left, right)):
        return title, True, ""
    shown = list(difflib.unified_diff(left, right, "direct", "routed"))
    return title, False, "".join(shown[:SHOWN_LINES])
