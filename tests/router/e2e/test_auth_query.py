"""Users that are not in auth_file: auth_query finds their secrets, as they are now."""

import contextlib
import threading

import psycopg2

from authcase import AuthCase
from pgcluster import fetch
from programs import wait_until
from pgwire import StartupMessage

WRONG = 'password authentication failed for user "%s"'


class QueryCase(AuthCase):
    """The router knows two users: its monitor and the one who looks up the others."""
    cluster_options = {"replicas": 1, "auth": "md5"}
    router_options = {"auth_user": "lookup", "server_login_retry": "10ms", "log_level": "debug"}

    @classmethod
    def prepare(cls):
        super().prepare()
        if not cls.sql("SELECT 1 FROM pg_roles WHERE rolname = 'lookup'"):
            cls.sql("ALTER ROLE postgres PASSWORD 'the monitor'; CREATE ROLE lookup LOGIN SUPERUSER PASSWORD 'l00kup';"
                    " CREATE ROLE plainlookup LOGIN PASSWORD 'pl00kup'; CREATE ROLE verifier LOGIN PASSWORD 'ver1fied'")
            cls.sql("SET password_encryption = 'md5'; CREATE ROLE hashed LOGIN PASSWORD 'h4shed'")
        cls.sql("GRANT ALL ON t TO public")
        cls.cluster.wait_caught_up()

    @classmethod
    def start_router(cls, options=None, sections=None, **more):
        more.setdefault("users", {"postgres": "the monitor", "lookup": "l00kup", "plainlookup": "pl00kup"})
        return super().start_router(options, sections, **more)

    @classmethod
    def wait_reads_on_replicas(cls, router, user="postgres"):
        """Nothing here asks where a read runs."""

    def role(self, name, password, more="LOGIN"):
        """A role for one test; also not there any more is fine at its end."""
        self.addCleanup(self.sql, 'DROP ROLE IF EXISTS "%s"' % name)
        self.sql('CREATE ROLE "%s" %s PASSWORD \'%s\'' % (name, more, password))

    def connects(self, user, password, router=None, **options):
        options.setdefault("dbname", self.dbname)
        with contextlib.closing((router or self.router).connect(user=user, password=password, **options)) as connection:
            self.assertEqual(fetch(connection, "SELECT session_user"), [(user,)])
            self.assertEqual(fetch(connection, "UPDATE t SET v = v WHERE id = 1 RETURNING 1"), [(1,)])

    def refuses(self, user, password, words=None, router=None, **options):
        options.setdefault("dbname", self.dbname)
        with self.assertRaises(psycopg2.OperationalError) as caught:
            (router or self.router).connect(user=user, password=password, **options).close()
        self.assertIn(words or WRONG % user, str(caught.exception))

    def everywhere(self, check, *args):
        """Logins go to either worker."""
        for _ in range(4):
            check(*args)


class Default(QueryCase):
    """The query of its own, over pg_shadow."""

    def tearDown(self):
        log = self.router.log()
        for secret in ("l00kup", "ver1fied", "h4shed", "SCRAM-SHA-256$", "SCRAM-SHA-256-KEYS"):
            self.assertNotIn(secret, log)
        super().tearDown()

    def test_each_kind_of_secret(self):
        """Guards: md5 and SCRAM secrets of the servers prove clients and log in to the servers, primary and replica."""
        for user, password in (("verifier", "ver1fied"), ("hashed", "h4shed")):
            with self.subTest(user):
                self.everywhere(self.connects, user, password)
                self.everywhere(self.refuses, user, password.upper())
                wait_until(lambda: self.reads_where(user, password) == self.cluster.replicas[0].name,
                           what="a read on the replica")

    def reads_where(self, user, password):
        """Replicas get reads once the worker knows the database's catalog."""
        with contextlib.closing(self.router.connect(self.dbname, user=user, password=password)) as connection:
            return fetch(connection, "SELECT here()")[0][0]

    def test_created_and_dropped(self):
        """Guards: a user is known from its creation to its end, also when it was asked for before."""
        self.everywhere(self.refuses, "comes", "c0mes")
        self.role("comes", "c0mes")
        self.everywhere(self.connects, "comes", "c0mes")
        self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'comes'; DROP ROLE comes")
        self.everywhere(self.refuses, "comes", "c0mes")

    def test_password_changed(self):
        """Guards: the new password holds at once, the old one no more; servers are logged in to with the new one."""
        self.role("changes", "b3fore")
        for password, old in (("b3fore", "aft3r"), ("aft3r", "b3fore"), ("b3fore", "aft3r")):
            self.sql("ALTER ROLE changes PASSWORD '%s'" % password)
            self.everywhere(self.connects, "changes", password)
            self.everywhere(self.refuses, "changes", old)
            self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'changes'")

    def test_valid_until(self):
        """Guards: a password past its time is refused like a wrong one; one that never ends is not."""
        self.role("expires", "exp1res", "LOGIN VALID UNTIL '2001-01-01'")
        self.refuses("expires", "exp1res")
        for until in ("infinity", "2999-01-01"):
            self.sql("ALTER ROLE expires VALID UNTIL '%s'" % until)
            self.connects("expires", "exp1res")
        self.sql("ALTER ROLE expires VALID UNTIL '-infinity'")
        self.refuses("expires", "exp1res")

    def test_who_has_no_password_sounds_like_who_is_not(self):
        """Guards: no password, no login right, no such user, an odd name: the same messages and the same salt twice."""
        self.role("wordless", "x")
        self.sql("ALTER ROLE wordless PASSWORD NULL")
        self.role("group", "gr0up", "NOLOGIN")
        told = set()
        for user in ("wordless", "group", "nobody-of-that-name", "' OR true --", "x" * 100, "verifier"):
            wires = [self.scram(user, "guess") for _ in range(2)]
            salts = [wire.first()[-1].body.split(b",")[1:] for wire in wires]
            self.assertEqual(salts[0], salts[1], "the salt of %s must not change" % user)
            fields = self.assertRefused(user, "guess", "28P01")
            told.add((fields["M"].replace(user, "USER"), str(sorted(fields)), len(salts[0][0])))
        self.assertEqual(len(told), 1, told)

    def test_users_of_auth_file_are_not_looked_up(self):
        """Guards: auth_file comes first."""
        self.connects("lookup", "l00kup")
        self.refuses("lookup", "guess")
        self.connects("postgres", "the monitor")

    def test_what_clients_of_auth_user_set(self):
        """Guards: a client that logs in as auth_user, in the database that is asked, changes nothing of the question."""
        with contextlib.closing(self.router.connect("postgres", user="lookup", password="l00kup")) as connection:
            fetch(connection, "SET search_path = pg_temp")
            fetch(connection, "SET default_transaction_read_only = on")
            fetch(connection, "SELECT 1")
        self.everywhere(self.connects, "verifier", "ver1fied")

    def test_many_at_once(self):
        """Guards: logins of one name share questions, and none is forgotten; those of other names wait their turn."""
        names = ["verifier"] * 24 + ["hashed"] * 8 + ["nobody-%d" % i for i in range(16)]
        passwords = {"verifier": "ver1fied", "hashed": "h4shed"}
        outcome = {}

        def log_in(i):
            try:
                self.router.connect(self.dbname, user=names[i], password=passwords.get(names[i], "x"),
                                    connect_timeout=60).close()
                outcome[i] = True
            except psycopg2.OperationalError as error:
                outcome[i] = (WRONG % names[i]) not in str(error)
        threads = [threading.Thread(target=log_in, args=(i,)) for i in range(len(names))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([i for i in range(len(names)) if outcome[i] != (names[i] in passwords)], [])

    def test_client_that_leaves(self):
        """Guards: a client that hangs up while it is looked up leaves nothing behind."""
        for i in range(40):
            wire = self.wire(startup=False)
            wire.send(StartupMessage(user="leaves-%d" % i, database=self.dbname))
            wire.close()
        self.connects("verifier", "ver1fied")
        wait_until(lambda: self.router.metric("andon_router_clients", state="auth") == 0, what="no client in auth")

    def test_primary_is_gone(self):
        """Guards: without a primary a replica is asked, so that readers still come in."""
        primary = self.cluster.primary
        self.router.connect(self.dbname, user="verifier", password="ver1fied").close()
        primary.stop()
        try:
            def reads():
                try:
                    with contextlib.closing(self.router.connect(self.dbname, user="verifier", password="ver1fied",
                                                                connect_timeout=60)) as connection:
                        return fetch(connection, "/* andon:replica */ SELECT 1") == [(1,)]
                except psycopg2.OperationalError as error:
                    self.assertNotIn("password authentication failed", str(error))
                    return False
            wait_until(reads, what="a login by way of the replica")
        finally:
            primary.start()
            self.cluster.wait_streaming()


class Kept(QueryCase):
    """auth_query_cache: answers are kept, and never lock out a password that is right now for more than one try."""
    router_options = dict(QueryCase.router_options, auth_query_cache="1h", workers=1)

    def test_kept_until_a_login_fails(self):
        """Guards: a kept secret is asked for anew after a failure, and so is a kept nobody."""
        self.role("keeps", "b3fore")
        self.connects("keeps", "b3fore")
        self.sql("ALTER ROLE keeps PASSWORD 'aft3r'")
        self.refuses("keeps", "aft3r")
        self.connects("keeps", "aft3r")
        self.connects("keeps", "aft3r")
        self.refuses("later", "l4ter")
        self.role("later", "l4ter")
        self.connects("later", "l4ter")

    def test_more_names_than_are_kept(self):
        """Guards: names made up by clients cost a bounded memory."""
        for i in range(50):
            self.refuses("made-up-%d" % i, "x")
        self.connects("verifier", "ver1fied")

    def test_reload_forgets(self):
        """Guards: after a reload each name is asked for anew."""
        self.role("reloads", "b3fore")
        self.connects("reloads", "b3fore")
        self.sql("ALTER ROLE reloads PASSWORD 'aft3r'")
        self.router.reload("configuration_reloaded")
        self.connects("reloads", "aft3r")


class Custom(QueryCase):
    """A function of the DBA's, in a database of its own, for a user without rights."""
    FUNCTION = """
        CREATE FUNCTION public.user_lookup(INOUT name text, OUT secret text) SECURITY DEFINER LANGUAGE sql AS
        $$ SELECT usename, passwd FROM pg_catalog.pg_shadow WHERE usename = $1 AND usename <> 'lookup' $$;
    """

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.sql(cls.FUNCTION)

    @classmethod
    def start_router(cls, options=None, sections=None, **more):
        options = dict(options, auth_user="plainlookup", auth_query="SELECT * FROM user_lookup($1)")
        return super().start_router(options, {"databases": {"*": "auth_dbname=" + cls.dbname, "postgres": ""}}, **more)

    def reload_with(self, **options):
        self.router.options.update(options)
        self.router.reload("configuration_reloaded")

    def test_function(self):
        """Guards: any query of one parameter and two columns will do."""
        self.everywhere(self.connects, "verifier", "ver1fied")
        self.everywhere(self.refuses, "nobody-of-that-name", "x")

    def test_database_of_the_question(self):
        """Guards: auth_dbname of the line in [databases], else of the router; the console asks there, too."""
        self.refuses("verifier", "ver1fied", "could not look up the user", dbname="postgres")
        self.assertIn("user_lookup", self.router.events("auth_query_failed")[-1]["reason"])
        self.reload_with(auth_dbname=self.dbname)
        try:
            with contextlib.closing(self.router.connect("postgres", user="verifier", password="ver1fied")) as connection:
                self.assertEqual(fetch(connection, "SELECT 1"), [(1,)])
            self.refuses("verifier", "ver1fied", "admin_users", dbname="andon")
        finally:
            self.router.options.pop("auth_dbname")
            self.router.reload("configuration_reloaded")

    def test_questions_that_cannot_be_answered(self):
        """Guards: a wrong query lets nobody in, tells everybody the same, and the log why; a reload cures it."""
        good = self.router.options["auth_query"]
        cases = (("SELECT $1::text", "two columns"),
                 ("SELECT $1::text, 'x' FROM generate_series(1, 2)", "more than one row"),
                 ("SELECT $1::text, 'SCRAM-SHA-256$4096:x'", "cannot be read"),
                 ("SELECT $1::text, 1 / 0", "division by zero"),
                 ("SELEKT $1", "syntax error"))
        try:
            for query, reason in cases:
                with self.subTest(query):
                    self.reload_with(auth_query=query)
                    for user in ("verifier", "nobody-of-that-name"):
                        fields = self.assertRefusedAtOnce(user, "57P03")
                        self.assertNotIn(user, fields["M"])
                    self.assertIn(reason, self.router.events("auth_query_failed")[-1]["reason"])
            self.reload_with(auth_query="SELECT 'lookup'::text, $1::text || 'is in'")
            self.assertRefused("verifier", "verifieris in", "28P01")
            self.reload_with(auth_query=good, auth_user="nobody-of-that-name")
            self.assertRefusedAtOnce("verifier", "57P03")
        finally:
            self.reload_with(auth_query=good, auth_user="plainlookup")
        self.everywhere(self.connects, "verifier", "ver1fied")

    def assertRefusedAtOnce(self, user, sqlstate):
        wire = self.wire(startup=False)
        wire.send(StartupMessage(user=user, database=self.dbname))
        return self.assertFatal(wire.read("RE")[-1], sqlstate, "could not look up the user")
