"""The demo's summary: what must not happen, what is aimed at, the table, the verdict.

Two lists say it all. VIOLATIONS must be zero in every run, long or short, on
any machine. GOALS are what the main job is for; a missed goal is shown, and
tests/system/test_demo.py insists on it, but it is no violation.
"""

import json
import os
import statistics

# What must be zero, and what it means.
VIOLATIONS = (
    ("ryw_violations", "own commits not seen when read back"),
    ("monotonic_violations", "reads that went back in time"),
    ("board_mismatches", "board and source differed in one snapshot"),
    ("board_check_rows", "rows of andon.check_board() at the end"),
    ("board_difference_rows", "rows of board EXCEPT ALL definition, both ways"),
    ("notifications_lost", "commits never announced"),
    ("notifications_unknown", "announced, but not committed"),
    ("errors", "statements that failed"),
)

# What is aimed at: name, text, whether a summary reaches it.
GOALS = (
    ("status_changes", "50 a second", lambda s: s["status_changes"] >= 50 * int(s["seconds"])),
    ("ryw_checked", "50 a second", lambda s: s["ryw_checked"] >= 50 * int(s["seconds"])),
    ("notifications", "some", lambda s: s["notifications"] > 0),
    ("reads_replica", "over 10 x reads_primary", lambda s: s["reads_replica"] > 10 * s["reads_primary"]),
    ("page_p50_ms_board", "20 x below the source", lambda s: s["page_p50_ms_board"] * 20 <= s["page_p50_ms_source"]),
)

# The table, in order: name, what it is.
ROWS = (
    ("status_changes", "orders moved to their next status"),
    ("orders_created", "orders created by partners"),
    ("renames", "customers renamed"),
    ("retries", "transactions run again (40001, 40P01)"),
    ("write_tps", "committed transactions a second"),
    ("read_tps", "reads of CRM and shop a second"),
    ("reads_primary", "reads of CRM and shop, on the primary"),
    ("reads_replica", "reads of CRM and shop, on replicas"),
    ("ryw_checked", "own commits read back"),
    ("monotonic_checked", "reads of an order followed"),
    ("notifications", "changes of status announced"),
    ("notify_p50_ms", "commit to notification, median"),
    ("notify_p99_ms", "commit to notification, 99 of 100"),
    ("page_p50_ms_source", "a page from the source tables, median"),
    ("page_p50_ms_board", "a page from the board, median"),
)


def read_json(path):
    with open(path) as file:
        return json.load(file)


def write_json(summary, path):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    summary["goals_missed"] = goals_missed(summary)
    with open(path, "w") as file:
        json.dump(summary, file, indent=2)
        file.write("\n")


def median(values):
    return statistics.median(values)


def violated(summary):
    return [name for name, _ in VIOLATIONS if summary[name] != 0]


def goals_missed(summary):
    return [name for name, _, reached in GOALS if not reached(summary)]


def verdict(summary):
    """The exit status. A control run that finds no stale read shows that the checks are blind."""
    if summary["control"] and summary["ryw_violations"] == 0:
        return 3
    return 1 if violated(summary) else 0


def verdict_text(summary):
    wrong = ", ".join(violated(summary))
    if summary["control"] and summary["ryw_violations"] == 0:
        return "CONTROL RUN FAILED: no stale read was found, although floors were off"
    if summary["control"]:
        return "VIOLATED: %s: expected, this is the control run (floors off, replay paused)" % wrong
    if wrong:
        return "VIOLATED: " + wrong
    missed = goals_missed(summary)
    return "nothing was violated" + ("; goals missed: " + ", ".join(missed) if missed else "")


def print_summary(summary):
    goals = {name: text for name, text, _ in GOALS}
    missed = goals_missed(summary)
    print("\nsummary")
    for name, meaning in ROWS:
        note = ""
        if name in goals:
            note = "  [%s: %s]" % ("MISSED" if name in missed else "reached", goals[name])
        print("  %-22s %12s   %s%s" % (name, number(summary[name]), meaning, note))
    print("must be zero")
    for name, meaning in VIOLATIONS:
        mark = "  VIOLATED" if summary[name] else ""
        print("  %-22s %12s   %s%s" % (name, number(summary[name]), meaning, mark))
    if summary.get("sqlstates"):
        print("errors and retries by SQLSTATE: " + ", ".join(
            "%s %d" % item for item in sorted(summary["sqlstates"].items())))
    print()


def number(value):
    return "%.2f" % value if isinstance(value, float) else "{:,}".format(value).replace(",", " ")
