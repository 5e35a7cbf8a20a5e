"""The demo, short: the main job must be green, and the control run must not be.

The first is the promise of README's first command; the second shows that the
checks of the first can see what they look for.
"""

import glob
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, "dev"), os.path.join(TOP, "demo")]

from programs import sanitizer, wait_until  # noqa: E402
import report  # noqa: E402

DEADLINE_SECS = 240
PROMISED = ("status_changes orders_created reads_primary reads_replica ryw_checked ryw_violations notifications"
            " notify_p50_ms notify_p99_ms board_check_rows page_p50_ms_source page_p50_ms_board").split()


def demo_process(**environment):
    settings = dict(DEMO_SECS="5", DEMO_ORDERS="20000", KEEP="0", CONTROL="0")
    settings.update(environment)
    return subprocess.Popen([sys.executable, os.path.join(TOP, "demo", "run.py")],
                            env=dict(os.environ, **settings), text=True, errors="replace",
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def run_demo(**environment):
    """(exit status, what it printed, the summary; {} when none was written)"""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "summary.json")
        process = demo_process(DEMO_SUMMARY=path, **environment)
        output, _ = process.communicate(timeout=DEADLINE_SECS)
        summary = report.read_json(path) if os.path.exists(path) else {}
    return process.returncode, output, summary


def processes_naming(path):
    """Command lines of running programs that have this path in them."""
    found = []
    for name in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(name, "rb") as file:
                line = file.read().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if path in line:
            found.append(line)
    return found


class MainJob(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.code, cls.output, cls.summary = run_demo()

    def test_nothing_is_violated(self):
        self.assertEqual(self.code, 0, self.output)
        self.assertEqual(report.violated(self.summary), [], self.output)

    def test_summary_has_what_is_promised(self):
        self.assertEqual([name for name in PROMISED if name not in self.summary], [], self.output)

    def test_every_commit_was_announced(self):
        """Each change of status and each new order, once."""
        self.assertEqual(self.summary["notifications"],
                         self.summary["status_changes"] + self.summary["orders_created"], self.output)

    def test_every_commit_was_read_back(self):
        self.assertEqual(self.summary["ryw_checked"],
                         sum(self.summary[name] for name in ("status_changes", "orders_created", "renames")),
                         self.output)

    @unittest.skipIf(sanitizer(), "a sanitizer's build is no measure of the aims")
    def test_goals_are_reached(self):
        self.assertEqual(self.summary["goals_missed"], [], self.output)

    def test_left_nothing_behind(self):
        folder = re.search(r"/tmp/andon-demo-\w+", self.output).group()
        self.assertFalse(os.path.exists(folder), folder)
        self.assertEqual(processes_naming(folder), [])


class ControlRun(unittest.TestCase):
    def test_stale_reads_are_found(self):
        """Floors off and replay paused: who reads back must now and then miss his own commit."""
        code, output, summary = run_demo(CONTROL="1")
        self.assertEqual(code, 1, output)
        self.assertGreater(summary["ryw_violations"], 0, output)
        self.assertIn("expected, this is the control run", output)


class Interrupted(unittest.TestCase):
    def test_interrupt_stops_everything(self):
        process = demo_process(DEMO_SECS="120", DEMO_ORDERS="1000")
        self.addCleanup(process.stdout.close)
        seen = ""
        for line in process.stdout:
            seen += line
            if re.match(r" +1 ", line):         # the first second's progress line
                break
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=DEADLINE_SECS)
        self.assertEqual(process.returncode, 128 + signal.SIGINT, seen + rest)
        self.assertIn("interrupted", rest)
        folder = re.search(r"/tmp/andon-demo-\w+", seen).group()
        wait_until(lambda: not os.path.exists(folder) and not processes_naming(folder),
                   what="everything in %s to be gone" % folder)

    def test_bad_setting_says_what_is_wanted(self):
        code, output, _ = run_demo(DEMO_ORDERS="many")
        self.assertEqual(code, 2)
        self.assertIn("DEMO_ORDERS=many: a number of at least 1000 is wanted", output)


class Verdict(unittest.TestCase):
    """The exit status is true to the summary."""

    def summary(self, **changed):
        values = {name: 0 for name, _ in report.VIOLATIONS}
        values.update(status_changes=1000, ryw_checked=1000, notifications=1000, seconds=20.0, control=False,
                      reads_primary=1, reads_replica=1000, page_p50_ms_source=100.0, page_p50_ms_board=1.0)
        return dict(values, **changed)

    def test_any_violation_fails(self):
        self.assertEqual(report.verdict(self.summary()), 0)
        for name, _ in report.VIOLATIONS:
            with self.subTest(name):
                self.assertEqual(report.verdict(self.summary(**{name: 1})), 1)
                self.assertIn(name, report.verdict_text(self.summary(**{name: 1})))

    def test_control_run_that_sees_nothing_fails_too(self):
        self.assertEqual(report.verdict(self.summary(control=True)), 3)
        self.assertEqual(report.verdict(self.summary(control=True, ryw_violations=7)), 1)

    def test_goals(self):
        self.assertEqual(report.goals_missed(self.summary()), [])
        for changed in ({"status_changes": 999}, {"ryw_checked": 999}, {"notifications": 0},
                        {"reads_replica": 10}, {"page_p50_ms_board": 5.1}):
            with self.subTest(changed):
                self.assertEqual(report.goals_missed(self.summary(**changed)), list(changed))

    def test_json_is_what_the_summary_was(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "deep", "summary.json")
            summary = self.summary(reads_replica=10)
            report.write_json(summary, path)
            with open(path) as file:
                self.assertEqual(json.load(file), dict(summary, goals_missed=["reads_replica"]))
