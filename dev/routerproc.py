"""An andon-router in front of the nodes of a cluster (pgcluster.py), and ways to look at it.

Its configuration is written anew at each start() and reload() from what the
object holds; HTTP, the console and the log tell what it does.
"""

import contextlib
import http.client
import json
import re
import signal
import subprocess

import psycopg2

from pgcluster import fetch
from programs import DEADLINE_SECS, Failed, Process, free_port, wait_until


class Router(Process):
    """andon-router in front of nodes.

    options are those of the section [router]; the ones below are defaults for
    tests. sections adds or replaces others: {"databases": {"mes": "dbname=mes"}}.
    users is the auth_file, name to password; by default the cluster's.
    """

    def __init__(self, cluster, options=None, sections=None, users=None, nodes=None, name="router"):
        super().__init__(cluster.rundir, name)
        self.cluster = cluster
        self.host = "127.0.0.1"
        self.port = free_port()
        self.http_port = free_port()
        self.users = dict(cluster.passwords) if users is None else dict(users)
        self.users.setdefault("postgres", "")
        self.options = {
            "listen_addr": self.host,
            "listen_port": self.port,
            "http_addr": self.host,
            "http_port": self.http_port,
            "workers": 2,
            "pool_mode": "transaction",
            "auth_type": cluster.auth,
            "auth_file": self.rundir.file(name + ".users"),
            "admin_users": "postgres",
            "log_format": "json",
        }
        self.options.update(options or {})
        self.sections = {
            "nodes": {node.name: "host=%s port=%d" % (node.host, node.port) for node in nodes or cluster.nodes},
            "databases": {"*": ""},
        }
        self.sections.update(sections or {})
        self.config_path = self.rundir.file(name + ".ini")
        self.arguments = []         # on its command line
        self.environment = {}

    def write_config(self):
        lines = []
        for section, entries in dict(router=self.options, **self.sections).items():
            lines.append("[%s]" % section)
            lines += ["%s = %s" % (key, value) for key, value in entries.items() if value is not None]
            lines.append("")
        self.rundir.write(self.name + ".ini", "\n".join(lines))
        self.rundir.write(self.name + ".users", "".join(
            '"%s" "%s"\n' % (user.replace('"', '""'), (password or "").replace('"', '""'))
            for user, password in self.users.items()))

    def start(self, wait=True):
        """Starts it; with wait, returns once /ready says that a node takes work."""
        self.write_config()
        self.launch([self.rundir.program("andon-router"), "-c", self.config_path, *self.arguments], dict({
            "ASAN_OPTIONS": "abort_on_error=1", "TSAN_OPTIONS": "halt_on_error=0 exitcode=66",
            "UBSAN_OPTIONS": "print_stacktrace=1"}, **self.environment))
        if wait:
            self.wait_ready(self.is_ready)
        return self

    def check_config(self):
        """(exit code, output) of --check-config on the configuration as written now."""
        self.write_config()
        command = [self.rundir.program("andon-router"), "-c", self.config_path, "--check-config"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env=self.rundir.environment(), cwd=self.rundir.path, **self.rundir.as_user())
        return done.returncode, done.stdout

    def http(self, path, method="GET"):
        """(status, body); (0, "") while nothing listens."""
        connection = http.client.HTTPConnection(self.host, self.http_port, timeout=10)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def is_ready(self):
        return self.http("/ready")[0] == 200

    def connect(self, dbname="postgres", user="postgres", autocommit=True, **options):
        if self.users.get(user):
            options.setdefault("password", self.users[user])
        options.setdefault("connect_timeout", 10)
        options.setdefault("sslmode", "prefer")
        connection = psycopg2.connect(host=self.host, port=self.port, dbname=dbname, user=user, **options)
        connection.autocommit = autocommit
        return connection

    def query(self, sql, params=None, dbname="postgres", user="postgres"):
        with contextlib.closing(self.connect(dbname, user)) as connection:
            return fetch(connection, sql, params)

    def value(self, sql, params=None, dbname="postgres", user="postgres"):
        return self.query(sql, params, dbname, user)[0][0]

    def show(self, what):
        """SHOW ... of the admin console, as a list of dicts."""
        with contextlib.closing(self.connect("andon")) as connection:
            with connection.cursor() as cursor:
                cursor.execute("SHOW " + what)
                names = [column.name for column in cursor.description]
                return [dict(zip(names, row)) for row in cursor.fetchall()]

    def reload(self, wait_for_event=None):
        """Writes the configuration as it is now and sends SIGHUP."""
        seen = len(self.events(wait_for_event)) if wait_for_event else 0
        self.write_config()
        self.signal(signal.SIGHUP)
        if wait_for_event:
            wait_until(lambda: len(self.events(wait_for_event)) > seen, what="event " + wait_for_event)

    def stop(self, timeout=DEADLINE_SECS):
        """SIGTERM, which drains; returns the exit code. Logs of a crash are kept."""
        code = self.process.returncode if self.process else 0
        if self.is_running():
            self.sigcont()
            self.signal(signal.SIGTERM)
            code = self.wait_end(timeout)
        self._forget()
        if code not in (0, None) or "Sanitizer" in self.log():
            self.rundir.keep_logs = True
        return code

    def log_entries(self):
        """The lines of the JSON log; other lines (a sanitizer's report) come as text."""
        entries = []
        for line in self.log().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                entry = {"text": line}
            entries.append(entry if isinstance(entry, dict) else {"text": line})
        return entries

    def events(self, name):
        return [entry for entry in self.log_entries() if entry.get("event") == name]

    def metrics(self):
        """{(name, (("label", "value"), ...)): value} from /metrics."""
        status, body = self.http("/metrics")
        if status != 200:
            raise Failed("/metrics answered %d" % status)
        values = {}
        for line in body.splitlines():
            found = re.match(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? +(\S+)", line)
            if found and not line.startswith("#"):
                labels = tuple(sorted(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found.group(2) or "")))
                values[found.group(1), labels] = float(found.group(3))
        return values

    def metric(self, name, **labels):
        """The sum of a metric over all its series that have these labels."""
        wanted = set(labels.items())
        return sum(value for (found, has), value in self.metrics().items()
                   if found == name and wanted <= set(has))

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        if kind is not None and issubclass(kind, Exception):
            self.rundir.keep_logs = True
        self.close()
