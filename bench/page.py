"""What a page of a board costs, against the query on its index that gives the same rows.

From the environment (make bench B=page SECS=4 ROUNDS=3 ROWS=200000):
    SECS     of one pgbench run (2)
    ROUNDS   counted turns (3)
    ROWS     of the board, in nine statuses (200000)

One client, 50 rows. page() gives each row as jsonb, with a cursor; so does the bare query, but for
the cursor, of which it gives the columns. The plain rows are shown beside, for what jsonb costs.
"""

import contextlib

from pgcluster import Cluster, fetch
from programs import stop_on_signals

from measure import Report, in_turn, option, pgbench

SECS = option("SECS", 2)
ROUNDS = option("ROUNDS", 3)
ROWS = option("ROWS", 200000)
SCHEMA = (
    """CREATE TABLE orders (id int PRIMARY KEY, status text NOT NULL, priority int, created_at timestamptz,
                            customer text, items int, total numeric)""",
    """INSERT INTO orders
       SELECT i, (ARRAY['NEW','PAID','CUT','SET','POLISH','CHECK','PACK','SHIP','HOLD'])[i %% 9 + 1], i * 7919 %% 5,
              timestamptz '2024-01-01' + i * interval '1 min', 'customer ' || i, i %% 6, i / 7.0
       FROM generate_series(1, %d) i""",
    "SELECT andon.create_board('public.b', 'SELECT * FROM orders', '{id}', 'status', 'priority DESC, created_at')",
    "VACUUM ANALYZE b",
)
BARE = "SELECT %s FROM b WHERE status = 'PAID' ORDER BY priority DESC, created_at, id LIMIT 50;"
NINE = "{NEW,PAID,CUT,SET,POLISH,CHECK,PACK,SHIP,HOLD}"


def cursor_of(connection, statuses):
    return fetch(connection, "SELECT cursor FROM andon.page('b', %s, NULL, 50) OFFSET 49", (statuses,))[0][0]


def main():
    stop_on_signals()
    with Cluster(settings={"shared_buffers": "256MB"}) as cluster:
        cluster.create_database("page")
        with contextlib.closing(cluster.primary.connect("page")) as connection:
            for statement in SCHEMA:
                fetch(connection, statement % ROWS if "%d" in statement else statement)
            one, nine = cursor_of(connection, "{PAID}"), cursor_of(connection, NINE)
        compare(cluster, {
            "bare query, jsonb": BARE % "to_jsonb(b), priority, created_at, id",
            "bare query, plain rows": BARE % "*",
            "page of one status": "SELECT * FROM andon.page('b', '{PAID}');",
            "page of one status, the next": "SELECT * FROM andon.page('b', '{PAID}', '%s');" % one,
            "page of nine statuses": "SELECT * FROM andon.page('b', '%s');" % NINE,
            "page of nine statuses, the next": "SELECT * FROM andon.page('b', '%s', '%s');" % (NINE, nine),
            "page of whatever statuses there are": "SELECT * FROM andon.page('b');",
        })


def compare(cluster, scripts):
    report = Report("page")
    took = in_turn({name: lambda script=script: pgbench(cluster, "page", script, 1, SECS)["latency_ms"]
                    for name, script in scripts.items()}, ROUNDS)
    aims = {"page of one status": "<= 1.2", "page of nine statuses": "<= 5"}
    for name in took:
        report.add(name, took[name] * 1000, "us", took.ratio(name, "bare query, jsonb"), aims.get(name, ""))
    report.finish({"rows_of_the_board": ROWS, "secs": SECS, "rounds": ROUNDS})
