#!/usr/bin/python3
"""make demo: the whole main job on a cluster of its own.

    DEMO_SECS=20 DEMO_ORDERS=50000 demo/run.py

Starts one primary, two streaming replicas and the router on free loopback
ports, loads the jewellery maker's data, creates the board, lets everybody work
for DEMO_SECS seconds through the router, then compares the board with its
sources and times a page of both. Prints a summary, writes it to
build/demo/summary.json, stops everything it started.

Exit status: 0 nothing was violated, 1 something was, 2 it could not run.

    KEEP=1      leaves it running, with psql lines to try, until Ctrl-C
    CONTROL=1   floors off and replay paused now and then: stale reads must be
                found, so exit status 1 is what is expected (3: none was found)
    DEMO_PROTOCOL=simple|extended|prepared|mixed   how the load sends statements
    DEMO_SUMMARY=FILE   where the summary goes instead
"""

import collections
import contextlib
import os
import secrets
import signal
import subprocess
import sys
import threading
import time

import psycopg2

DEMO = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(DEMO), "dev"), DEMO]

from pgcluster import Cluster, fetch  # noqa: E402
from programs import Failed, build_dir, stop_all, stop_on_signals, tail  # noqa: E402
from routerproc import Router  # noqa: E402
import report  # noqa: E402

DBNAME = "mes"
BOARD = "public.mes_orders"
USERS = ("postgres", "maker", "mes", "partner", "crm", "shop")
READERS = ("crm", "shop")        # what they read is what the split is judged by
LOAD_PROGRAM = "andon-demo-load"
PAGE_ROUNDS = 15
PAGE_STATUSES = 5

Settings = collections.namedtuple("Settings", "orders seconds keep control protocol summary_path")


def settings_from_environment():
    def number(name, default, least):
        text = os.environ.get(name) or str(default)
        if not text.isdigit() or int(text) < least:
            raise Failed("%s=%s: a number of at least %d is wanted" % (name, text, least))
        return int(text)

    def switch(name):
        return os.environ.get(name, "0") not in ("", "0", "no", "off")

    return Settings(number("DEMO_ORDERS", 50000, 1000), number("DEMO_SECS", 20, 1),
                    switch("KEEP"), switch("CONTROL"), os.environ.get("DEMO_PROTOCOL") or "mixed",
                    os.environ.get("DEMO_SUMMARY") or os.path.join(build_dir(), "demo", "summary.json"))


def tell(text, *values):
    print(text % values if values else text, flush=True)


class Demo:
    """The cluster, its router and what is done with them, in the order it is done."""

    def __init__(self, settings):
        self.settings = settings
        self.password = secrets.token_hex(12)
        self.cluster = Cluster(replicas=2, auth="scram-sha-256", fsync=True, name="andon-demo", settings={
            "shared_buffers": "128MB",
            "unix_socket_permissions": "0700",
        })
        self.router = None
        self.load_process = None

    @property
    def primary(self):
        return self.cluster.primary

    def start_servers(self):
        tell("starting one primary and two replicas in %s", self.cluster.rundir.path)
        self.cluster.start()
        self.psql_file("roles.sql", "postgres", "postgres", password=self.password)
        self.primary.query("ALTER ROLE postgres PASSWORD '%s'" % self.password)
        self.cluster.passwords.update(dict.fromkeys(USERS, self.password))
        self.primary.query("CREATE EXTENSION andon", dbname=DBNAME)

    def load_data(self):
        started = time.monotonic()
        self.psql_file("schema.sql")
        self.psql_file("generate.sql", orders=self.settings.orders)
        tell("loaded %d orders in %.1f s", self.settings.orders, time.monotonic() - started)

    def create_board(self):
        started = time.monotonic()
        self.psql_file("board.sql")
        rows = self.primary.value("SELECT count(*) FROM %s" % BOARD, dbname=DBNAME)
        tell("created the board %s, %d rows, in %.1f s", BOARD, rows, time.monotonic() - started)
        self.cluster.wait_caught_up()

    def start_router(self):
        self.router = Router(
            self.cluster,
            {"consistency": "eventual" if self.settings.control else "session"},
            {"databases": {DBNAME: "dbname=" + DBNAME}})
        self.router.start()
        tell("the router listens on %s port %d%s", self.router.host, self.router.port,
             ", floors off (control run)" if self.settings.control else "")

    def run_load(self):
        """Everybody works; returns what the load counted."""
        tell("\noperators, partners, shop and CRM work for %d s, all through the router", self.settings.seconds)
        rundir = self.cluster.rundir
        rundir.make_folder("load")
        json_path = rundir.file("load", "load.json")
        conninfo = "host=%s port=%d dbname=%s" % (self.router.host, self.router.port, DBNAME)
        self.load_process = rundir.popen(
            [rundir.program(LOAD_PROGRAM), "--conninfo", conninfo, "--channel", self.channel(),
             "--seconds", str(self.settings.seconds), "--protocol", self.settings.protocol,
             "--json", json_path], env={"PGPASSFILE": self.password_file()})
        with self.paused_replay() if self.settings.control else contextlib.nullcontext():
            code = self.wait_for_load()
        if code not in (0, 1):
            raise Failed("the load ended with exit status %d" % code)
        return report.read_json(json_path)

    def wait_for_load(self):
        """Its exit status; fails at once when a server ends that should not."""
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self.load_process.wait(0.2)
            for process in self.cluster.nodes + [self.router]:
                if not process.is_running():
                    raise Failed("%s ended during the run, with exit status %s\n%s" % (
                        process.name, process.process.returncode, tail(process.log_path, 10)))

    @contextlib.contextmanager
    def paused_replay(self):
        """For the control run: now one replica, now the other stands still for a while."""
        done = threading.Event()

        def pause_in_turn():
            turn = 0
            while not done.wait(0.2):
                replica = self.cluster.replicas[turn % len(self.cluster.replicas)]
                replica.pause_replay()
                done.wait(0.4)
                replica.resume_replay()
                turn += 1

        thread = threading.Thread(target=pause_in_turn)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def reads_by_role(self):
        """Where the reads of CRM and shop ran, as the router counted."""
        counts = {"primary": 0, "replica": 0}
        for row in self.router.show("ROUTES"):
            if row["user"] in READERS and row["database"] == DBNAME:
                counts[row["role"]] += int(row["reads"])
        return counts

    def check_board(self):
        """Rows by which the board is wrong: as the extension says, and as EXCEPT ALL says."""
        rows = self.primary.query("SELECT key, problem, expected, actual FROM andon.check_board(%s)",
                                  (BOARD,), DBNAME)
        for row in rows[:10]:
            tell("violation: board: key %s is %s: expected %s, found %s", *row)
        columns = self.primary.value(
            "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0", (BOARD + "_definition",), DBNAME)
        board, definition = ("SELECT %s FROM %s%s" % (columns, BOARD, suffix) for suffix in ("", "_definition"))
        difference = self.primary.value("SELECT (SELECT count(*) FROM (%s EXCEPT ALL %s) AS extra)"
                                        " + (SELECT count(*) FROM (%s EXCEPT ALL %s) AS missing)"
                                        % (board, definition, definition, board), dbname=DBNAME)
        return len(rows), difference

    def time_pages(self):
        """Median milliseconds of a first page of one status: (from the sources, from the board).

        The sources are asked through the definition's own view, which the
        planner replaces by its query. Asked in turn, directly on the primary.
        """
        self.primary.query("ANALYZE customers, partners, operators, orders, order_items, order_models, "
                           + BOARD, dbname=DBNAME)
        statuses = [row[0] for row in self.primary.query(
            "SELECT status FROM %s GROUP BY status ORDER BY count(*) DESC LIMIT %d" % (BOARD, PAGE_STATUSES),
            dbname=DBNAME)]
        page = "SELECT * FROM %s WHERE status = %%s ORDER BY priority DESC, due_date, id LIMIT 50"
        times = {BOARD + "_definition": [], BOARD: []}
        with contextlib.closing(self.primary.connect(DBNAME, "maker")) as connection:
            for round_number in range(PAGE_ROUNDS + 1):
                for relation, collected in times.items():
                    started = time.perf_counter()
                    fetch(connection, page % relation, (statuses[round_number % len(statuses)],))
                    if round_number > 0:         # the first one warms up
                        collected.append((time.perf_counter() - started) * 1000)
        return tuple(report.median(collected) for collected in times.values())

    def measure(self):
        """The main job and all that is known about it afterwards."""
        before = self.reads_by_role()
        summary = self.run_load()
        after = self.reads_by_role()
        for role in after:
            summary["reads_" + role] = after[role] - before[role]
        summary["board_check_rows"], summary["board_difference_rows"] = self.check_board()
        summary["page_p50_ms_source"], summary["page_p50_ms_board"] = self.time_pages()
        summary["control"] = self.settings.control
        summary["orders"] = self.settings.orders
        summary["protocol"] = self.settings.protocol
        return summary

    def keep_running(self):
        """Tells what can be tried and waits for Ctrl-C."""
        tell("\nLeft running; try (PGPASSFILE knows the passwords):")
        tell("  export PGPASSFILE=%s", self.password_file())
        psql = self.cluster.rundir.program("psql")
        through = "%s -h %s -p %d" % (psql, self.router.host, self.router.port)
        tell("  %s -U crm %s -c \"TABLE mes_orders LIMIT 5\"", through, DBNAME)
        tell("  %s -U mes %s          # LISTEN %s; UPDATE orders ...", through, DBNAME, self.channel())
        tell("  %s -U postgres andon -c \"SHOW NODES\" -c \"SHOW ROUTES\"", through)
        for node in self.cluster.nodes:
            tell("  %s -h %s -p %d -U maker %s   # %s, directly", psql, node.host, node.port, DBNAME, node.name)
        tell("  curl http://%s:%d/metrics", self.router.host, self.router.http_port)
        tell("Ctrl-C stops everything.")
        with contextlib.suppress(SystemExit, KeyboardInterrupt):
            while True:
                signal.pause()

    def close(self):
        if self.load_process is not None and self.load_process.poll() is None:
            self.load_process.terminate()
            try:
                self.load_process.wait(15)
            except subprocess.TimeoutExpired:
                self.load_process.kill()
                self.load_process.wait()
        if self.router is not None:
            self.router.close()
        self.cluster.close()

    def channel(self):
        return self.primary.value("SELECT channel FROM andon.boards WHERE board = %s::regclass", (BOARD,), DBNAME)

    def password_file(self):
        return self.cluster.rundir.write("pgpass", "*:*:*:*:%s\n" % self.password)

    def psql_file(self, name, user="maker", dbname=DBNAME, **variables):
        """Runs one of our SQL files on the primary, as the user it is meant for."""
        with open(os.path.join(DEMO, name)) as file:
            path = self.cluster.rundir.write(name, file.read())
        command = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.cluster.rundir.file("sock"),
                   "-p", str(self.primary.port), "-U", user, "-d", dbname]
        for variable, value in variables.items():
            command += ["-v", "%s=%s" % (variable, value)]
        self.cluster.tool("psql", *command, "-f", path)


def run(settings):
    started = time.monotonic()
    demo = Demo(settings)
    try:
        demo.start_servers()
        demo.load_data()
        demo.create_board()
        demo.start_router()
        summary = demo.measure()
        report.write_json(summary, settings.summary_path)
        report.print_summary(summary)
        code = report.verdict(summary)
        tell("%s\nwritten to %s; %.0f s in all", report.verdict_text(summary), settings.summary_path,
             time.monotonic() - started)
        if settings.keep:
            demo.keep_running()
        return code
    except Exception:
        demo.cluster.rundir.keep_logs = True
        raise
    finally:
        demo.close()


def main():
    stop_on_signals()
    try:
        return run(settings_from_environment())
    except (Failed, psycopg2.Error, OSError, subprocess.SubprocessError) as error:
        print("demo: %s" % str(error).strip(), file=sys.stderr, flush=True)
        return 2
    except SystemExit as ended:
        print("demo: interrupted, everything is stopped", file=sys.stderr, flush=True)
        return ended.code
    finally:
        stop_all()


if __name__ == "__main__":
    sys.exit(main())
