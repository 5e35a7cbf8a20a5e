/*-------------------------------------------------------------------------
 *
 * test_relay_random.c
 *	  What a client hears through the router is what it hears from a server.
 *
 * Conversations are made up at random and held twice: through a session, over
 * two nodes whose servers several clients share, and with one server alone.
 * Both must sound the same, but for little (simplify).  Servers keep so few
 * statements that these are evicted and prepared again all the time.  SEED=n
 * holds one conversation again.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/session/talk.h"

#include <netinet/in.h>

#define CONVERSATIONS 20		/* of each run; CONVERSATIONS=1000 in the environment holds more */
#define UNITS 14

static uint32_t seed;

static unsigned
any(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % n;
}

#define PICK(array) (array)[any(sizeof(array) / sizeof((array)[0]))]

static const char *const texts[] = {
	"SELECT 1", "SELECT a FROM t", "SELECT 'guc timezone'", "SELECT 'guc search_path'", "SELECT 'fail 22012'",
	"SELECT 'fail 42703'", "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES ('guc timezone') RETURNING a",
	"UPDATE t SET a = 'fail 23505'", "BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ", "COMMIT", "ROLLBACK", "COMMIT",
	"ROLLBACK", "SET timezone = 'UTC'", "SET timezone = 'CET'", "SET search_path = x", "RESET timezone", "RESET ALL",
	"SET timezone = 'fail 22023'", "SAVEPOINT s", "LISTEN c", "BEGIN READ ONLY", "SET TRANSACTION READ ONLY",
	"SELECT 1", "SELECT a FROM t", "INSERT INTO t VALUES (2)", "EXECUTE a", "EXECUTE b", "DEALLOCATE b",
};

/* These take effect on names when they are executed, not when what is behind them is sent. */
static const char *const lone_texts[] = {"DEALLOCATE a", "DEALLOCATE ALL", "DISCARD ALL"};

static const char *const names[] = {"a", "b", "c", "-"};

/*
 * What the router has answered itself (BEGIN) cannot be described behind the
 * Sync or Flush it was answered at: docs/limits.md.  So what is described was
 * bound since then (is_bound), or run by a server.
 */
static void
add_extended_message(Buf *script, bool *is_bound)
{
	switch (any(9))
	{
		case 0:
		case 1:
			buf_printf(script, "P %s %s|", PICK(names), PICK(texts));
			break;
		case 2:
			buf_printf(script, "D S %s|", PICK(names));
			break;
		case 3:
			buf_printf(script, "C S %s|", PICK(names));
			break;
		case 4:
			buf_printf(script, "H|");
			*is_bound = false;
			break;
		case 5:
			buf_printf(script, "%sD P -|", *is_bound ? "" : "P - SELECT 1|B -|E|H|");
			break;
		case 6:
			buf_printf(script, "P - %s|B -|E|", PICK(texts));
			*is_bound = true;
			break;
		default:
			buf_printf(script, "B %s|E|", PICK(names));
			*is_bound = true;
			break;
	}
}

static void
add_unit(Buf *script)
{
	static const char *const whole_units[] = {
		"Q COPY t FROM STDIN|d 1|d 2|c|", "Q COPY t FROM STDIN|d bad|d 2|c|", "Q COPY t FROM STDIN|f|",
		"P copy COPY t FROM STDIN|B copy|E|S|d 1|c|S|C S copy|S|",
		"P copy COPY t FROM STDIN|B copy|E|S|d 1|d bad|c|S|C S copy|S|",
		"P copy COPY t FROM STDIN -- 'fail 42P01'|B copy|E|S|", "P - SELECT 1|B -|E|S|D P -|S|",
	};
	bool		is_bound = false;

	switch (any(12))
	{
		case 0:
			buf_append_string(script, PICK(whole_units));
			break;
		case 1:
		case 2:
		case 3:
		case 4:
			buf_printf(script, "Q %s|", PICK(texts));
			break;
		case 5:
			buf_printf(script, "Q %s|", PICK(lone_texts));
			break;
		case 6:
			buf_printf(script, "P lone %s|B lone|E|S|C S lone|S|", PICK(lone_texts));
			break;
		default:
			for (unsigned n = any(5); n > 0; n--)
				add_extended_message(script, &is_bound);
			buf_printf(script, "S|");
			break;
	}
}

/* Without what may differ: nodes, parameters, which error, the answers to Close. */
static void
simplify(const char *heard, Buf *out)
{
	char	   *copy = mem_strdup(heard);

	for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
	{
		if (strncmp(word, "S:", 2) == 0 || strcmp(word, "3") == 0)
			continue;
		if (strncmp(word, "E:", 2) == 0)
			word[1] = '\0';
		buf_printf(out, "%s ", strcmp(word, "D:south") == 0 ? "D:north" : word);
	}
	buf_append_u8(out, 0);
	mem_free(copy);
}

/* The replica is never behind for long. */
static void
listen_on(Talker *talker)
{
	listen_to(talker);
	if (!list_is_empty(&context.waiting))
		catch_up();
}

/* A server alone answers at once: it has said all when some turns bring nothing more. */
static void
hear_out(Talker *talker)
{
	size_t		len;
	int			quiet = 0;

	while (quiet < 3)
	{
		len = strlen(heard_text(talker));
		listen_on(talker);
		quiet = strlen(heard_text(talker)) == len ? quiet + 1 : 0;
	}
}

static const Transaction *
find_transaction(const Talker *talker)
{
	LIST_FOREACH(node, &context.clients)
	{
		const Client *client = list_entry(node, Client, node);

		if (client->key_pid == talker->pid)
			return &client->transaction;
	}
	fail_msg("the session is gone");
	return NULL;
}

/*
 * A transaction that failed before it had a server refuses whole units, which a
 * server would begin to answer.  One on a replica refuses all but reads, and the
 * server alone does not know what READ ONLY is.
 */
static void
add_unit_that_fits(Buf *script, const Transaction *transaction)
{
	static const char *const reads[] = {
		"Q SELECT 1|", "P - SELECT a FROM t|B -|D P -|E|S|", "Q SELECT 'fail 22012'|", "Q COMMIT|", "Q ROLLBACK|",
	};

	if (transaction->is_lost)
		buf_append_string(script, "Q ROLLBACK|");
	else if (transaction->on_replica)
		buf_append_string(script, PICK(reads));
	else
		add_unit(script);
}

/* Does the session come to say the same? */
static bool
sounds_like(Talker *routed, const char *direct)
{
	uint64_t	until = clock_now_us() + WAIT_SECS * US_PER_SEC;
	Buf			heard = BUF_INIT;
	bool		same = false;

	while (!same && !routed->is_closed && clock_now_us() < until)
	{
		listen_on(routed);
		buf_clear(&heard);
		simplify(heard_text(routed), &heard);
		same = strcmp(heard.data, direct) == 0;
		if (strlen(heard.data) > strlen(direct))
			break;
	}
	buf_release(&heard);
	return same;
}

static void
connect_to_north(Talker *talker)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t) north.fake.port)};

	memset(talker, 0, sizeof(*talker));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	talker->fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(talker->fd, (struct sockaddr *) &address, sizeof(address)), 0);
	say_startup(talker, NULL, NULL);
	hears(talker, "R S:server_version=15.20 S:in_hot_standby=off K Z:I");
}

/* Somebody else uses the servers in between. */
static void
interfere(Talker *other)
{
	static const char *const scripts[] = {
		"Q SET timezone = 'JST'", "P z INSERT INTO t VALUES (9)|B z|E|C S z|S", "Q SELECT 1",
		"P y SELECT 9|B y|E|C S y|S",
	};

	say(other, PICK(scripts));
	hear_out(other);
	buf_clear(&other->heard);
}

static void
hold_conversation(Talker *other, uint32_t with_seed)
{
	Talker		routed;
	Talker		direct;
	Buf			script = BUF_INIT;
	Buf			heard = BUF_INIT;

	seed = with_seed;
	log_in(&routed);
	connect_to_north(&direct);
	for (int i = 0; i < UNITS; i++)
	{
		size_t		begin = buf_len(&script);

		interfere(other);
		add_unit_that_fits(&script, find_transaction(&routed));
		buf_append_u8(&script, 0);
		script.end--;
		say(&routed, script.data + script.start + begin);
		say(&direct, script.data + script.start + begin);
		hear_out(&direct);
		buf_clear(&heard);
		simplify(heard_text(&direct), &heard);
		if (!sounds_like(&routed, heard.data))
			fail_msg("SEED=%u\n  %s\n  routed: %s\n  direct: %s", with_seed, script.data + script.start,
					 heard_text(&routed), heard_text(&direct));
		buf_clear(&routed.heard);
		buf_clear(&direct.heard);
	}
	hang_up(&routed);
	hang_up(&direct);
	buf_release(&script);
	buf_release(&heard);
}

static void
a_session_sounds_like_a_server(void **state)
{
	Talker		other;
	const char *only = getenv("SEED");
	const char *more = getenv("CONVERSATIONS");
	uint32_t	count = only != NULL ? 1 : more != NULL ? (uint32_t) atoi(more) : CONVERSATIONS;

	pool_config.max_prepared_statements = 2;
	pool_set_configure(pools, &pool_config);
	log_in(&other);
	for (uint32_t i = 1; i <= count; i++)
		hold_conversation(&other, only != NULL ? (uint32_t) strtoul(only, NULL, 10) : i * 2654435761U);
	hang_up(&other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_session_sounds_like_a_server, setup_talk, teardown_talk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
