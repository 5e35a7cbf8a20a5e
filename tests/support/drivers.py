"""The base of tests whose client is a program in another language.

Such a program runs a list of cases and prints {"case": null or why it failed}.
Each case becomes a subtest, so that one that fails does not hide the others.
A program's cases also pass against PostgreSQL itself, which is tried too: what
they expect is what a server does, not what the router happens to do.

nap() is there to be cancelled: a read to the router, as here() is, it says by a
notice when it runs and on which node, and would then sleep far longer than any
case waits. The router holds what a replica sends until the first row, notices
too: a read that is to be heard of has a row before its nap.
"""

from routercase import RouterTestCase, run_driver

NAP = """
CREATE FUNCTION nap() RETURNS text STABLE LANGUAGE plpgsql AS $$
BEGIN RAISE NOTICE 'asleep on %', here(); PERFORM pg_sleep(600); RETURN 'awake'; END $$;
"""
OBJECTS = NAP + "CREATE TABLE items (id serial PRIMARY KEY, name text NOT NULL)"

# Where a read runs is not to depend on how late a busy machine makes the replicas.
TRANSACTION_POOLING = {"workers": 2, "default_pool_size": 6, "max_replica_lag": 0, "replica_wait": "20s"}
ONE_WORKER = {"workers": 1, "default_pool_size": 5, "max_replica_lag": 0, "replica_wait": "20s", "max_prepared_statements": 10}
SESSION_POOLING = {"workers": 2, "pool_mode": "session", "default_pool_size": 40}


class DriverCase(RouterTestCase):
    @classmethod
    def prepare(cls):
        super().prepare()
        cls.sql(OBJECTS)

    def reads_on(self):
        """The nodes that reads run on."""
        if self.router.options["pool_mode"] == "session":
            return [self.primary_name]
        return self.replica_names()

    def check_cases(self, command, **options):
        outcomes = run_driver(command, **options)
        self.assertTrue(outcomes, "no case ran")
        for case, failure in outcomes.items():
            with self.subTest(case):
                self.assertIsNone(failure)
        self.assertAlive()
