"""Many operators claim orders at once: each order goes to one of them, in board order."""

import bisect
import os
import random
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from testcase import ClusterTestCase  # noqa: E402

CLAIMERS = 16
WRITERS = 4
SCHEMA = """
    SELECT andon.drop_board(board) FROM andon.boards;
    DROP TABLE IF EXISTS items, orders;
    CREATE TABLE orders (id int PRIMARY KEY, status text NOT NULL, priority int, operator int, times int NOT NULL DEFAULT 0);
    CREATE TABLE items (order_id int, price int);
    CREATE INDEX ON items (order_id);
    INSERT INTO orders SELECT i, 'NEW', i %% 7 FROM generate_series(1, %d) i;
    -- what a second claim of the same order would leave behind
    CREATE OR REPLACE FUNCTION count_claims() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.times := OLD.times + 1; RETURN NEW; END $$;
    CREATE TRIGGER count_claims BEFORE UPDATE OF status ON orders FOR EACH ROW EXECUTE FUNCTION count_claims();
    SELECT andon.create_board('public.b', $$
        SELECT o.id, o.status, o.priority, o.operator, sum(i.price) AS total
        FROM orders o LEFT JOIN items i ON i.order_id = o.id GROUP BY o.id
    $$, '{id}', 'status', 'priority DESC');
"""


class Claimer(threading.Thread):
    """Claims until no order is left; notes when each claim began and ended."""

    def __init__(self, number, connection):
        super().__init__()
        self.number = number
        self.connection = connection
        self.claims = []             # (began, ended, [id])
        self.error = None

    def run(self):
        try:
            self.connection.autocommit = True
            cursor = self.connection.cursor()
            while True:
                began = time.monotonic()
                cursor.execute("SELECT array_agg((o->>'id')::int) FROM jsonb_array_elements("
                               "andon.claim('b', 'NEW', 'WORK', jsonb_build_object('operator', %s), %s)) o",
                               (self.number, random.randint(1, 9)))
                taken = cursor.fetchone()[0]
                if taken:
                    self.claims.append((began, time.monotonic(), taken))
                    continue
                cursor.execute("SELECT count(*) FROM b WHERE status = 'NEW'")
                if cursor.fetchone()[0] == 0:
                    return
        except Exception as error:
            self.error = error


class Writer(threading.Thread):
    """Adds items to orders: they hold an order's key lock, not its row."""

    def __init__(self, connection, orders):
        super().__init__()
        self.connection = connection
        self.orders = orders
        self.stop = False
        self.error = None

    def run(self):
        try:
            cursor = self.connection.cursor()
            while not self.stop:
                for order in sorted(random.sample(range(1, self.orders + 1), 3)):
                    cursor.execute("INSERT INTO items VALUES (%s, 1)", (order,))
                self.connection.commit()
        except Exception as error:
            self.error = error


class Claim(ClusterTestCase):
    def claim_all(self, orders, writers):
        self.sql(SCHEMA % orders)
        claimers = [Claimer(number, self.cluster.primary.connect(self.dbname)) for number in range(CLAIMERS)]
        others = [Writer(self.cluster.primary.connect(self.dbname), orders) for _ in range(writers)]
        for thread in others + claimers:
            thread.start()
        for thread in claimers:
            thread.join()
        for thread in others:
            thread.stop = True
            thread.join()
        for thread in others + claimers:
            thread.connection.close()
            self.assertIsNone(thread.error)
        return claimers

    def assert_each_claimed_once(self, orders, claimers):
        taken = sorted(order for claimer in claimers for claim in claimer.claims for order in claim[2])
        self.assertEqual(taken, list(range(1, orders + 1)))
        self.assertEqual(self.sql("SELECT count(*) FROM orders WHERE times <> 1 OR status <> 'WORK'")[0][0], 0)
        for claimer in claimers:
            mine = [row[0] for row in self.sql("SELECT id FROM orders WHERE operator = %s", (claimer.number,))]
            self.assertEqual(sorted(mine), sorted(order for claim in claimer.claims for order in claim[2]))
        self.assertEqual(self.sql("SELECT count(*) FROM andon.check_board('b')")[0][0], 0)

    def test_each_order_once_and_in_order(self):
        orders = 10000
        claimers = self.claim_all(orders, writers=0)
        self.assert_each_claimed_once(orders, claimers)
        self.assertGreater(len([claimer for claimer in claimers if claimer.claims]), 1)
        rows = self.sql("SELECT id FROM b ORDER BY priority DESC, id")
        place = {row[0]: number for number, row in enumerate(rows)}
        claims = [claim for claimer in claimers for claim in claimer.claims]
        for _, _, taken in claims:
            self.assertEqual(taken, sorted(taken, key=place.get))
        # In order up to concurrency: what a claim passed over, another had under way before it ended.
        by_start = sorted(claims)
        first_after = [orders] * (len(by_start) + 1)
        for i in reversed(range(len(by_start))):
            first_after[i] = min(first_after[i + 1], place[by_start[i][2][0]])
        starts = [claim[0] for claim in by_start]
        for _, ended, taken in claims:
            self.assertLess(place[taken[-1]], first_after[bisect.bisect_right(starts, ended)])

    def test_each_order_once_among_writers(self):
        orders = 2000
        self.assert_each_claimed_once(orders, self.claim_all(orders, WRITERS))


if __name__ == "__main__":
    unittest.main()
