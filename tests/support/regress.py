"""Runs pg_regress and the isolation tester over the extension's tests.

tests/extension/regress has sql/*.sql and expected/*.out, each run in a database
that has the extension; tests/extension/isolation has specs/*.spec and
expected/*.out. Both run on a throw-away server, the regression tests in order
of name, the specs too. Those named feed_* run on a server of their own that has
loaded the library at its start, without a worker: they say themselves when there
is a tick. A difference is shown as pg_regress wrote it.
"""

import glob
import os
import re
import subprocess

from pgcluster import Cluster
from programs import TOP

# Waiting for locks is part of the isolation tests; their drivers poll quickly.
DRIVERS = (
    ("regress", "src/test/regress/pg_regress", "sql", ".sql", ["--load-extension=andon"]),
    ("isolation", "src/test/isolation/pg_isolation_regress", "specs", ".spec", ["--load-extension=andon"]),
)
TIMEOUT_SECS = 1800
SETTINGS = {"max_prepared_transactions": 10, "log_statement": "none"}
FEED_PREFIX = "feed_"
FEED_SETTINGS = {"shared_preload_libraries": "andon", "andon.databases": ""}


def run(build, only=None):
    """Yields (name, passed, output) for every test."""
    for is_feed, settings in ((False, SETTINGS), (True, dict(SETTINGS, **FEED_SETTINGS))):
        names = {kind: [name for name in tests_of(kind, folder, suffix) if name.startswith(FEED_PREFIX) == is_feed]
                 for kind, _, folder, suffix, _ in DRIVERS}
        if not any(names.values()):
            continue
        with Cluster(settings=settings) as cluster:
            for kind, driver, _, _, options in DRIVERS:
                if names[kind]:
                    yield from run_driver(cluster, build, kind, driver, names[kind], options)


def tests_of(kind, folder, suffix):
    paths = glob.glob(os.path.join(TOP, "tests/extension", kind, folder, "*" + suffix))
    return sorted(os.path.basename(path)[:-len(suffix)] for path in paths)


def pgxs(cluster, path):
    makefile = cluster.tool("pg_config", "--pgxs").strip()
    return os.path.normpath(os.path.join(os.path.dirname(makefile), "../..", path))


def run_driver(cluster, build, kind, driver, names, options):
    source = os.path.join(TOP, "tests/extension", kind)
    output_dir = os.path.join(build, kind)
    os.makedirs(output_dir, exist_ok=True)
    program = pgxs(cluster, driver)
    node = cluster.primary
    command = [program, "--inputdir=" + source, "--outputdir=" + output_dir, "--bindir=" + cluster.rundir.bin,
               "--host=" + cluster.rundir.file("sock"), "--port=%d" % node.port, "--user=postgres",
               "--dbname=andon_" + kind] + options + names
    env = dict(os.environ, LC_ALL="C.UTF-8", PGTZ="UTC")
    done = subprocess.run(command, cwd=output_dir, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", timeout=TIMEOUT_SECS)
    seen = set()
    # Before version 16: "test name ... ok"; since then TAP: "ok 1 - name   12 ms".
    old = re.findall(r"^test (\S+) +\.\.\. (ok|FAILED)", done.stdout, re.M)
    new = [(name, verdict) for verdict, name in
           re.findall(r"^(ok|not ok) +\d+ +[-+] (\S+)", done.stdout, re.M)]
    for name, verdict in old + new:
        seen.add(name)
        passed = verdict == "ok"
        yield "%s/%s" % (kind, name), passed, "" if passed else differences(output_dir, name)
    for name in names:
        if name not in seen:
            yield "%s/%s: did not run" % (kind, name), False, done.stdout[-3000:]
    if done.returncode != 0:
        cluster.rundir.keep_logs = True


def differences(output_dir, name):
    """The part of regression.diffs that is about one test."""
    try:
        with open(os.path.join(output_dir, "regression.diffs"), errors="replace") as file:
            text = file.read()
    except OSError:
        return "no regression.diffs"
    parts = [part for part in re.split(r"(?m)^(?=diff )", text) if "/%s.out" % name in part.split("\n", 1)[0]]
    return "\n".join(parts) or "it differs, but regression.diffs does not show it"
