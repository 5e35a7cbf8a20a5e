/*-------------------------------------------------------------------------
 *
 * test_relay_open.c
 *	  Units that are sent before they are whole: Flush, COPY, long messages.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/session/talk.h"

#define LONG_BYTES (200 * 1024)

static char *
long_query(const char *text, size_t len)
{
	char	   *query = mem_alloc(len + 1);
	size_t		used = (size_t) snprintf(query, len, "Q %s -- ", text);

	memset(query + used, 'x', len - used);
	return query;
}

/* A Bind of one parameter that long. */
static void
say_long_bind(Talker *talker, const char *statement, size_t len)
{
	Buf			out = BUF_INIT;
	Slice		none = {"", 0};
	char	   *value = mem_alloc(len);

	build_bind_head(&out, none, slice_from_string(statement), 2 + 2 + 4 + len + 2);
	buf_append_u16(&out, 0);
	buf_append_u16(&out, 1);
	buf_append_u32(&out, (uint32_t) len);
	buf_append(&out, slice_make(value, len));
	buf_append_u16(&out, 0);
	say_bytes(talker, buf_slice(&out));
	buf_release(&out);
	mem_free(value);
}

/* ---------------------------------------------------------------- Flush */

static void
what_only_prepares_is_closed_by_the_router(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P s SELECT a FROM t|D S s|H");
	hears(&t, "1 t T");
	was_sent(&south, "P:andon_1=SELECT a FROM t\nD:S/andon_1\nS");
	say(&t, "B s|E|S");
	hears(&t, "2 D:south C:SELECT 1 Z:I");
	say(&t, "H|D S none|H|P x SELECT 1|B x|E");
	hears(&t, "E:26000");
	say(&t, "S|B x|S");
	hears(&t, "Z:I E:26000 Z:I");
	hang_up(&t);
}

static void
what_is_executed_before_flush_goes_to_the_primary(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P - SELECT a FROM t|B -|E|H");
	hears(&t, "1 2 D:north C:SELECT 1");
	was_sent(&north, "P:=SELECT a FROM t\nB:/\nE:\nH");
	say(&t, "P - INSERT INTO t VALUES (1)|B -|E|H");
	hears(&t, "1 2 C:INSERT 0 1");
	say(&t, "S|Q SHOW andon.floor");
	hears(&t, "Z:I T D:7:1:0/1100 C:SHOW Z:I");
	was_sent(&north, "P:=INSERT INTO t VALUES (1)\nB:/\nE:\nH\nS");
	hang_up(&t);
}

/* Guards: a local answer behind the last of the server's is not kept for the next message. */
static void
local_answers_come_with_flush(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P s INSERT INTO t VALUES (1)|B s|E|C S s|H");
	hears(&t, "1 2 C:INSERT 0 1 3");
	say(&t, "P s INSERT INTO t VALUES (1)|H");
	hears(&t, "1");
	say(&t, "S");
	hears(&t, "Z:I");
	was_sent(&north, "P:andon_1=INSERT INTO t VALUES (1)\nB:/andon_1\nE:\nH\nH\nS");
	hang_up(&t);
}

static void
after_an_error_all_up_to_sync_is_dropped(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P - SELECT 'fail 22012'|B -|E|H");
	hears(&t, "1 2 E:22012");
	say(&t, "P s SELECT 1|B s|E|H|S|B s|S");
	hears(&t, "Z:I E:26000 Z:I");
	was_sent(&north, "P:=SELECT 'fail 22012'\nB:/\nE:\nskipped H\nS\nB:/s\nS");
	hang_up(&t);
}

/* Guards: what comes behind Flush is looked at as in a whole unit. */
static void
what_follows_flush_may_pin(void **state)
{
	Talker		t;
	Talker		other;

	log_in(&t);
	log_in(&other);
	say(&t, "P - INSERT INTO t VALUES (1)|B -|E|H");
	hears(&t, "1 2 C:INSERT 0 1");
	say(&t, "P - SET search_path = mine|B -|E|S");
	hears(&t, "1 2 C:SET Z:I");
	say(&other, "Q INSERT INTO t VALUES ('guc search_path') RETURNING a");
	hears(&other, "T D:- C:INSERT 0 1 Z:I");
	assert_int_equal(north.fake.logins, 2);
	say(&t, "Q INSERT INTO t VALUES ('guc search_path') RETURNING a");
	hears(&t, "T D:mine C:INSERT 0 1 Z:I");
	hang_up(&t);
	hang_up(&other);
}

static void
flush_in_a_transaction_on_a_replica_stays_there(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q BEGIN READ ONLY|Q SELECT 1");
	hears(&t, "C:BEGIN Z:T T D:south C:SELECT 1 Z:T");
	say(&t, "P - SELECT a FROM t|B -|E|H");
	hears(&t, "1 2 D:south C:SELECT 1");
	say(&t, "P - INSERT INTO t VALUES (1)|B -|E|S|Q COMMIT");
	hears(&t, "1 E:25006 Z:E C:ROLLBACK Z:I");
	say(&t, "Q BEGIN READ ONLY|Q SELECT 1|P - INSERT INTO t VALUES (1)|B -|E|H");
	hears(&t, "C:BEGIN Z:T T D:south C:SELECT 1 Z:T E:25006");
	say(&t, "B -|E|S|Q ROLLBACK");
	hears(&t, "Z:E C:ROLLBACK Z:I");
	was_sent(&north, "");
	hang_up(&t);
}

static void
a_server_that_is_waited_for_gets_the_rest(void **state)
{
	Talker		a;
	Talker		b;

	pool_config.limits.pool_size = 1;
	pool_set_configure(pools, &pool_config);
	log_in(&a);
	log_in(&b);
	say(&a, "Q BEGIN|Q INSERT INTO t VALUES (1)");
	hears(&a, "C:BEGIN Z:T C:INSERT 0 1 Z:T");
	say(&b, "P - INSERT INTO t VALUES (2)|B -|E|H|B -|E|S");
	hears(&b, "");
	say(&a, "Q COMMIT");
	hears(&a, "C:COMMIT Z:I");
	hears(&b, "1 2 C:INSERT 0 1 2 C:INSERT 0 1 Z:I");
	hang_up(&a);
	hang_up(&b);
}

/* ---------------------------------------------------------------- COPY */

static void
copy_in_by_a_simple_query(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q COPY t FROM STDIN");
	hears(&t, "G");
	say(&t, "d 1|d 2|c");
	hears(&t, "C:COPY 2 Z:I");
	say(&t, "Q COPY t FROM STDIN|d 1|f");
	hears(&t, "G E:57014 Z:I");
	say(&t, "Q COPY t FROM STDIN|d bad");
	hears(&t, "G E:22P02 Z:I");
	say(&t, "d 3|d 4|c|Q INSERT INTO t VALUES (1)");
	hears(&t, "C:INSERT 0 1 Z:I");
	hang_up(&t);
}

/* It hung: the data was dropped before the server could ask for it, which then waited for it for ever. */
static void
copy_data_comes_with_its_statement(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P in COPY t FROM STDIN|B in|E|d 1|d 2|c|S");
	hears(&t, "1 2 G C:COPY 2 Z:I");
	say(&t, "B in|E|d 1|c|P - SELECT a FROM t|B -|E|S");
	hears(&t, "2 G C:COPY 1 1 2 D:north C:SELECT 1 Z:I");
	say(&t, "B in|E|d 1|c|B in|E|d 2|d 3|c|S");
	hears(&t, "2 G C:COPY 1 2 G C:COPY 2 Z:I");
	say(&t, "B in|E|d 1|f|B in|E|d 2|c|S|B in|E|d bad|c|S");
	hears(&t, "2 G E:57014 Z:I 2 G E:22P02 Z:I");
	say(&t, "Q BEGIN|B in|E|d 1|c|S|Q COMMIT");
	hears(&t, "C:BEGIN Z:T 2 G C:COPY 1 Z:T C:COMMIT Z:I");
	/* what nobody has asked for is let go, as PostgreSQL does */
	say(&t, "d 1|c|P - INSERT INTO t VALUES (1)|d 2|B -|E|d 3|c|f|S|B none|E|d 4|c|S|d 5|Q INSERT INTO t VALUES (2)");
	hears(&t, "1 2 C:INSERT 0 1 Z:I E:26000 Z:I C:INSERT 0 1 Z:I");
	hang_up(&t);
}

/* Guards: as in PostgreSQL, nobody has to send Sync or Flush to be asked for data. */
static void
copy_asks_for_data_at_once(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P - COPY t FROM STDIN|B -|E");
	hears(&t, "1 2 G");
	say(&t, "d 1|c|S");
	hears(&t, "C:COPY 1 Z:I");
	was_sent(&north, "P:=COPY t FROM STDIN\nB:/\nE:\nH\nd:1\nc\nS");
	say(&t, "P - COPY t FROM STDIN -- 'fail 42P01'|B -|E");
	hears(&t, "E:42P01");
	say(&t, "d 1|c|S");
	hears(&t, "Z:I");
	say(&t, "P - INSERT INTO t VALUES (1)|B -|E");
	hears(&t, "");
	say(&t, "S");
	hears(&t, "1 2 C:INSERT 0 1 Z:I");
	hang_up(&t);
}

/* The Sync that came with the statement never reaches the server: during COPY it would be lost. */
static void
copy_in_by_the_extended_protocol(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P - COPY t FROM STDIN|B -|E|S");
	hears(&t, "1 2 G");
	say(&t, "d 1|S|H|c|S");
	hears(&t, "C:COPY 1 Z:I");
	was_sent(&north, "P:=COPY t FROM STDIN\nB:/\nE:\nH\nd:1\nS\nH\nc\nS");
	say(&t, "P - COPY t FROM STDIN|B -|E|S|d bad");
	hears(&t, "1 2 G E:22P02");
	say(&t, "d 2|c|S|Q INSERT INTO t VALUES (1)");
	hears(&t, "Z:I C:INSERT 0 1 Z:I");
	say(&t, "P - COPY t FROM STDIN -- 'fail 42P01'|B -|E|S");
	hears(&t, "E:42P01 Z:I");
	hang_up(&t);
}

static void
copy_in_within_a_transaction(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q BEGIN|P - COPY t FROM STDIN|B -|E|S");
	hears(&t, "C:BEGIN Z:T 1 2 G");
	say(&t, "f|S|Q ROLLBACK");
	hears(&t, "E:57014 Z:E C:ROLLBACK Z:I");
	hang_up(&t);
}

static void
long_copy_data_streams(void **state)
{
	Talker		t;
	char	   *data;

	log_in(&t);
	say(&t, "Q COPY t FROM STDIN");
	hears(&t, "G");
	data = long_query("", LONG_BYTES);
	data[0] = 'd';
	say(&t, data);
	say(&t, "c");
	hears(&t, "C:COPY 1 Z:I");
	mem_free(data);
	hang_up(&t);
}

/* Guards: an error in the middle of a long message does not cost the transaction its server. */
static void
copy_that_fails_within_a_long_message(void **state)
{
	Talker		t;
	Buf			out = BUF_INIT;
	char	   *rest = mem_alloc(LONG_BYTES);

	log_in(&t);
	say(&t, "Q BEGIN|Q COPY t FROM STDIN");
	hears(&t, "C:BEGIN Z:T G");
	buf_append_u8(&out, 'd');
	buf_append_u32(&out, 4 + LONG_BYTES);
	buf_append(&out, slice_make(rest, LONG_BYTES / 2));
	say_bytes(&t, buf_slice(&out));
	hears(&t, "");

	/* the server gives up on its own */
	pg_give_up_copy(&north, "53100");
	hears(&t, "E:53100");
	say_bytes(&t, slice_make(rest, LONG_BYTES / 2));
	hears(&t, "Z:E");
	say(&t, "c|Q SELECT 1|Q ROLLBACK");
	hears(&t, "E:25P02 Z:E C:ROLLBACK Z:I");
	assert_int_equal(north.fake.logins, 1);
	buf_release(&out);
	mem_free(rest);
	hang_up(&t);
}

/* ---------------------------------------------------------------- long messages */

static void
a_long_query_goes_to_the_primary_and_pins(void **state)
{
	Talker		t;
	char	   *query = long_query("SELECT 1", LONG_BYTES);

	log_in(&t);
	say(&t, query);
	hears(&t, "T D:north C:SELECT 1 Z:I");
	catch_up();
	say(&t, "Q SELECT 1");
	hears(&t, "T D:north C:SELECT 1 Z:I");
	mem_free(query);
	hang_up(&t);
}

/* Guards: a long Query that no server could take ends with ReadyForQuery. */
static void
a_long_query_that_is_refused(void **state)
{
	Talker		t;
	char	   *query = long_query("INSERT INTO t VALUES (1)", LONG_BYTES);
	TopologyView *view = make_view();

	log_in(&t);
	context.config.query_wait_timeout_us = 1000;
	view->primary = -1;
	view->nodes[0].identity.role = NODE_UNKNOWN;
	session_context_set_view(&context, view);
	say(&t, query);
	say(&t, "Q SELECT 1");
	hears(&t, "E:57P03 Z:I T D:south C:SELECT 1 Z:I");
	mem_free(query);
	hang_up(&t);
}

static void
a_long_bind_streams(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "P s INSERT INTO t VALUES (1)|S");
	hears(&t, "1 Z:I");
	say_long_bind(&t, "s", LONG_BYTES);
	say(&t, "E|S");
	hears(&t, "2 C:INSERT 0 1 Z:I");
	was_sent(&north, "P:andon_1=INSERT INTO t VALUES (1)\nS\nH\nB:/andon_1\nE:\nS");

	/* and in a transaction on a replica it is refused */
	catch_up();
	say(&t, "Q BEGIN READ ONLY|Q SELECT 1");
	hears(&t, "C:BEGIN Z:T T D:south C:SELECT 1 Z:T");
	say_long_bind(&t, "s", LONG_BYTES);
	say(&t, "E|S|Q ROLLBACK");
	hears(&t, "E:25006 Z:E C:ROLLBACK Z:I");
	say_long_bind(&t, "andon_1", LONG_BYTES);
	say(&t, "E|S");
	hears(&t, "E:26000 Z:I");
	hang_up(&t);
}

static void
many_messages_make_a_long_unit(void **state)
{
	Talker		t;
	Buf			script = BUF_INIT;
	Buf			expected = BUF_INIT;

	log_in(&t);
	buf_append_string(&script, "P s INSERT INTO t VALUES (1)");
	buf_append_string(&expected, "1");
	for (int i = 0; i < 4000; i++)
	{
		buf_append_string(&script, "|B s|E");
		buf_append_string(&expected, " 2 C:INSERT 0 1");
	}
	buf_append_string(&script, "|S");
	buf_append_string(&expected, " Z:I");
	buf_append_u8(&script, 0);
	buf_append_u8(&expected, 0);
	say(&t, script.data);
	hears(&t, expected.data);
	buf_release(&script);
	buf_release(&expected);
	hang_up(&t);
}

static void
a_long_row_passes_in_pieces(void **state)
{
	Talker		t;

	log_in(&t);
	say(&t, "Q SELECT 'big'|Q SELECT 1");
	hears(&t, "T D:307200*b C:SELECT 1 Z:I T D:south C:SELECT 1 Z:I");
	hang_up(&t);
}

/* Guards: a local answer does not fall into a row that is half passed. */
static void
local_answers_wait_for_a_long_row(void **state)
{
	Talker		t;
	FakeConnection *connection;
	Buf			row = BUF_INIT;
	char	   *value = mem_alloc(LONG_BYTES);

	log_in(&t);
	say(&t, "P s INSERT INTO t VALUES (1)|S|P - INSERT INTO t VALUES ('hang')|B -|E|H");
	hears(&t, "1 Z:I 1 2");
	connection = list_entry(list_first(&north.fake.connections), FakeConnection, node);
	buf_append_u8(&row, 'D');
	buf_append_u32(&row, 4 + 2 + 4 + LONG_BYTES);
	buf_append_u16(&row, 1);
	buf_append_u32(&row, LONG_BYTES);
	memset(value, 'v', LONG_BYTES);
	buf_append(&row, slice_make(value, LONG_BYTES - 10));
	fake_send(connection, &row);
	hears(&t, "");
	say(&t, "C S s|H");
	hears(&t, "");
	stream_write(connection->stream, slice_make(value, 10));
	hears(&t, "D:204800*v");
	pg_wake(&north, false);
	hears(&t, "C:INSERT 0 1 3");
	say(&t, "S");
	hears(&t, "Z:I");
	mem_free(value);
	hang_up(&t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_talk, teardown_talk)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_only_prepares_is_closed_by_the_router),
		TEST(what_is_executed_before_flush_goes_to_the_primary),
		TEST(local_answers_come_with_flush),
		TEST(after_an_error_all_up_to_sync_is_dropped),
		TEST(what_follows_flush_may_pin),
		TEST(flush_in_a_transaction_on_a_replica_stays_there),
		TEST(a_server_that_is_waited_for_gets_the_rest),
		TEST(copy_in_by_a_simple_query),
		TEST(copy_data_comes_with_its_statement),
		TEST(copy_asks_for_data_at_once),
		TEST(copy_in_by_the_extended_protocol),
		TEST(copy_in_within_a_transaction),
		TEST(long_copy_data_streams),
		TEST(copy_that_fails_within_a_long_message),
		TEST(a_long_query_goes_to_the_primary_and_pins),
		TEST(a_long_query_that_is_refused),
		TEST(a_long_bind_streams),
		TEST(many_messages_make_a_long_unit),
		TEST(a_long_row_passes_in_pieces),
		TEST(local_answers_wait_for_a_long_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
