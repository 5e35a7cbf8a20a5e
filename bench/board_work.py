"""The work that boards are measured on, and what people write by hand instead of a board.

Orders of customers with items; most orders are closed, and the open ones are recent. The board has
one row per open order. Every variant is a database of its own, copied from one that holds the data.
"""

import contextlib

from pgcluster import fetch

OPEN_STATUSES = "{NEW,PAID,CUT,CAST,SET,POLISH,CHECK,PACK}"

SCHEMA = """
    CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE orders (
        id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customers, status text NOT NULL,
        priority int NOT NULL, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL);
    CREATE TABLE items (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, order_id int NOT NULL, price numeric NOT NULL);
    INSERT INTO customers SELECT g, 'customer ' || g FROM generate_series(1, 10000) g;
    INSERT INTO orders
        SELECT g, 1 + g %% 10000,
               CASE WHEN %(open)s THEN ('%(statuses)s'::text[])[1 + g %% 8] ELSE 'CLOSED' END,
               g %% 5, timestamptz '2024-01-01' + g * interval '1 minute', now()
        FROM generate_series(1, %(orders)d) g;
    INSERT INTO items (order_id, price)
        SELECT 1 + g %% %(orders)d, 10 + g %% 90 FROM generate_series(1, %(items)d) g;
    CREATE INDEX ON orders (customer_id);
    CREATE INDEX ON items (order_id);
"""

# 200 000 orders; of the last 30 000 three in ten are open.
OPEN_IN_WORK = "g > 170000 AND g % 10 BETWEEN 1 AND 3"
RANDOM_OPEN_ORDER = """
\\set id 170001 + 10 * random(0, 2999) + random(0, 2)
"""

DEFINITION = """
    SELECT o.id, o.status, o.priority, o.created_at, c.name AS customer,
           count(*) AS items, sum(i.price) AS total
    FROM orders o JOIN customers c ON c.id = o.customer_id JOIN items i ON i.order_id = o.id
    WHERE o.status <> 'CLOSED'
    %s
    GROUP BY o.id, c.id
"""

CREATE_EXTENSION = "CREATE EXTENSION IF NOT EXISTS andon"
CREATE_BOARD_WITH = ("SELECT andon.create_board('public.board', $$%s$$, '{id}', 'status',"
                     " 'priority DESC, created_at, id', '%%s')" % (DEFINITION % ""))
CREATE_BOARD = (CREATE_EXTENSION, CREATE_BOARD_WITH % '{"log": "off"}')

HAND_MADE = """
    CREATE TABLE board AS %s;
    ALTER TABLE board ADD PRIMARY KEY (id);
    CREATE INDEX ON board (status, priority DESC, created_at, id);
""" % (DEFINITION % "")

# The least that can be written by hand. It does not even notice an order that is closed.
STATUS_TRIGGER = HAND_MADE + """
    CREATE FUNCTION follow_status() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE board SET status = NEW.status WHERE id = NEW.id;
        RETURN NULL;
    END $$;
    CREATE TRIGGER follow AFTER UPDATE OF status ON orders
        FOR EACH ROW EXECUTE FUNCTION follow_status();
"""

# ON CONFLICT: two prices of one order changed at once would fail otherwise. That one of them may
# be missing from the total then is left as it is: this is the fast way, not the right one.
RECOMPUTE_TRIGGER = HAND_MADE + """
    CREATE FUNCTION recompute(k int) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM board WHERE id = k;
        INSERT INTO board %s ON CONFLICT DO NOTHING;
    END $$;
    CREATE FUNCTION follow_order() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM recompute(NEW.id);
        RETURN NULL;
    END $$;
    CREATE FUNCTION follow_item() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM recompute(NEW.order_id);
        RETURN NULL;
    END $$;
    CREATE TRIGGER follow AFTER INSERT OR UPDATE ON orders
        FOR EACH ROW EXECUTE FUNCTION follow_order();
    CREATE TRIGGER follow AFTER INSERT OR UPDATE ON items
        FOR EACH ROW EXECUTE FUNCTION follow_item();
""" % (DEFINITION % "AND o.id = k")

# What people write to tell others of a change.
NOTIFY_TRIGGER = """
    CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_notify('orders', json_build_object('id', NEW.id, 'status', NEW.status)::text);
        RETURN NULL;
    END $$;
    CREATE TRIGGER tell AFTER UPDATE OF status ON orders
        FOR EACH ROW EXECUTE FUNCTION tell();
"""

VARIANTS = {
    "plain": (),
    "status_trigger": (STATUS_TRIGGER,),
    "recompute_trigger": (RECOMPUTE_TRIGGER,),
    "notify_trigger": (NOTIFY_TRIGGER,),
    "andon": CREATE_BOARD,
    "feed": (CREATE_EXTENSION, CREATE_BOARD_WITH % "{}"),
}

CHANGE_STATUS = RANDOM_OPEN_ORDER + """
\\set s random(1, 8)
UPDATE orders SET status = ('%s'::text[])[:s], updated_at = now() WHERE id = :id;
""" % OPEN_STATUSES

# Items lie one after the other: item n is of order 1 + n % 200000.
CHANGE_PRICE = RANDOM_OPEN_ORDER + """
\\set item :id - 1 + 200000 * random(0, 2)
UPDATE items SET price = price + 1 WHERE id = :item;
"""

# For a work of N orders that are all open, change one of 10 000 neighbours.
CHANGE_STATUS_NEAR = """
\\set id random(1, 10000)
\\set s random(1, 8)
UPDATE orders SET status = ('%s'::text[])[:s], updated_at = now() WHERE id = :id;
""" % OPEN_STATUSES

FIRST_PAGE = """
SELECT * FROM board WHERE status = 'CUT' ORDER BY priority DESC, created_at, id LIMIT 50;
"""


def schema(orders, items, open_condition):
    return SCHEMA % {"orders": orders, "items": items, "open": open_condition, "statuses": OPEN_STATUSES}


def run_statements(cluster, dbname, *statements):
    with contextlib.closing(cluster.primary.connect(dbname)) as connection:
        for statement in statements:
            fetch(connection, statement)


def make_database(cluster, name, template, *statements):
    cluster.primary.query('CREATE DATABASE "%s" TEMPLATE "%s"' % (name, template))
    run_statements(cluster, name, *statements)
    return name


def drop_databases(cluster, *names):
    for name in names:
        cluster.primary.query('DROP DATABASE IF EXISTS "%s" WITH (FORCE)' % name)


def make_work(cluster):
    """The database `work`, which the variants are copies of."""
    cluster.create_database("work", extension=False)
    run_statements(cluster, "work", schema(200000, 600000, OPEN_IN_WORK), "VACUUM ANALYZE")


def make_variant(cluster, name):
    make_database(cluster, name, "work", *VARIANTS[name], "VACUUM ANALYZE")
