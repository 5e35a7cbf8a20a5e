"""Measuring: pgbench in turn, medians, one table, one JSON file.

Absolute figures of a shared machine move by a factor of two from run to run, and within a run
from one minute to the next. So what is compared runs in turn, each turn in the other direction
(A B C, C B A), after one turn that counts for nothing and only warms caches and writes the first
full pages. A ratio is taken within each turn, of what ran seconds apart; what counts is the median
over the turns, and how far its quartiles lie apart tells how much to believe it. Many short turns
tell more than a few long ones.
"""

import collections
import json
import os
import re
import statistics
import time

from programs import TOP, Failed, build_dir, stop_on_signals


def option(name, default):
    """A number from the environment."""
    return type(default)(os.environ.get(name) or default)


def pgbench(cluster, dbname, script, clients, secs=None, transactions=None):
    """Runs a pgbench script: {"tps": ..., "latency_ms": ...}."""
    path = cluster.rundir.write("pgbench-%s.sql" % dbname, script, 0o644)
    amount = ["-t", str(transactions)] if transactions else ["-T", "%d" % secs]
    printed = cluster.tool(
        "pgbench", "-n", "-f", path, "-c", str(clients), "-j", str(min(clients, 2)), *amount,
        "-h", cluster.rundir.file("sock"), "-p", str(cluster.primary.port), "-U", "postgres", dbname,
        timeout=3600)
    return {"tps": float(re.search(r"tps = ([\d.]+)", printed).group(1)),
            "latency_ms": float(re.search(r"latency average = ([\d.]+)", printed).group(1))}


Ratio = collections.namedtuple("Ratio", "median low high")    # low, high: quartiles


class Turns:
    """What was measured in turn: {name: [value of each turn]}; turns[name] is the median."""

    def __init__(self, values):
        self._values = values

    def __iter__(self):
        return iter(self._values)

    def __getitem__(self, name):
        return statistics.median(self._values[name])

    def of(self, figure):
        """One figure, where each value is {figure: number}."""
        return Turns({name: [value[figure] for value in values] for name, values in self._values.items()})

    def ratio(self, name, base):
        """Of name to base within each turn; None without that base."""
        if base not in self._values or 0 in self._values[base]:
            return None
        ratios = [one / other for one, other in zip(self._values[name], self._values[base])]
        if len(ratios) < 2:
            return Ratio(ratios[0], ratios[0], ratios[0])
        low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return Ratio(median, low, high)


def in_turn(subjects, rounds):
    """Calls each of {name: function} once for nothing, then rounds times in turn."""
    values = {name: [] for name in subjects}
    for turn in range(rounds + 1):
        for name in list(subjects) if turn % 2 else reversed(list(subjects)):
            value = subjects[name]()
            if turn > 0:
                values[name].append(value)
    return Turns(values)


def time_of(run):
    started = time.monotonic()
    run()
    return time.monotonic() - started


def anonymous_kb(pid):
    """Memory of a process that is its own: shared buffers do not count."""
    with open("/proc/%d/status" % pid) as file:
        return int(re.search(r"RssAnon:\s+(\d+)", file.read()).group(1))


class Report:
    """Rows of one comparison: what, figure, ratio (a number or a Ratio), and the one that is aimed at."""

    def __init__(self, name):
        self.name = name
        self.rows = []

    def add(self, what, figure, unit, ratio=None, aim=""):
        quartiles = None
        if isinstance(ratio, Ratio):
            ratio, quartiles = ratio.median, ratio[1:]
        self.rows.append({"what": what, "figure": figure, "unit": unit, "ratio": ratio, "quartiles": quartiles, "aim": aim})
        print(self._line(self.rows[-1]), flush=True)

    def skip(self, what, why):
        print("%-64s skipped: %s" % (what, why), flush=True)

    @staticmethod
    def _line(row):
        ratio = "" if row["ratio"] is None else "%.2f" % row["ratio"]
        quartiles = "%.2f-%.2f" % tuple(row["quartiles"]) if row["quartiles"] else ""
        return "%-64s %12s %-6s %6s  %-9s  %s" % (
            row["what"], format(row["figure"], ",.1f" if row["figure"] < 100 else ",.0f"),
            row["unit"], ratio, quartiles, row["aim"])

    def finish(self, about):
        """Prints the whole table and writes build/bench/NAME.json."""
        folder = os.path.join(TOP, build_dir(), "bench")
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, self.name + ".json")
        with open(path, "w") as file:
            json.dump(dict(about, rows=self.rows), file, indent=1)
        print("\n%-64s %12s %-6s %6s  %-9s  %s" % (self.name, "figure", "", "ratio", "quartiles", "aim"))
        for row in self.rows:
            print(self._line(row))
        print("\n%s" % path)


def run_parts(name, parts, cluster, prepare, clean_up):
    """The parts that PART names, or all: {name: function of cluster and report}, each cleaned up after."""
    stop_on_signals()
    wanted = [part for part in os.environ.get("PART", "").split(",") if part] or list(parts)
    unknown = [part for part in wanted if part not in parts]
    if unknown:
        raise SystemExit("no such part: %s; there are %s" % (", ".join(unknown), ", ".join(parts)))
    report = Report(name)
    started = time.monotonic()
    with cluster:
        prepare(cluster)
        for part in wanted:
            try:
                parts[part](cluster, report)
            except Failed as failed:
                report.skip(part, failed)
            finally:
                clean_up(cluster)
        report.finish({"server": cluster.primary.value("SHOW server_version"), "cores": os.cpu_count(),
                       "parts": wanted})
    print("%.0f s" % (time.monotonic() - started))
    return 0
