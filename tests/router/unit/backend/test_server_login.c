/*-------------------------------------------------------------------------
 *
 * test_server_login.c
 *	  Logging in to a node: each way to prove who we are, each way to fail.
 *
 * Through the pool, as the router does it: a waiter gets a server, or the
 * error that says why not.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/backend/pool_fixture.h"

/* Ask for a server and wait for the outcome. */
static void
log_in(Asker *asker, const char *password)
{
	PoolTarget	target = {.database = "mes", .user = "app", .password = password};

	*asker = (Asker) {0};
	fake.password = "pencil";
	show_node();
	asker_ask(asker, pool_set_get(set, &target));
	wait_until(fake.loop, asker->granted || asker->failed);
}

static void
assert_logs_in(FakeAuth auth, const char *password)
{
	Asker		asker;

	fake.auth = auth;
	log_in(&asker, password);
	if (asker.failed)
		fail_msg("%s", asker.error.message);
	assert_int_equal(server_state(asker.server), SERVER_ACTIVE);
	asker_give(&asker, CHECKIN_CLEAN);
}

static void
assert_refused(FakeAuth auth, const char *password, const char *sqlstate, PoolFailure failure)
{
	Asker		asker;

	fake.auth = auth;
	log_in(&asker, password);
	assert_true(asker.failed);
	assert_string_equal(asker.error.sqlstate, sqlstate);
	assert_int_equal(asker.waiter.failure, failure);
	assert_int_equal(suspected, failure == POOL_NODE_LOST ? 1 : 0);
}

static void
trust(void **state)
{
	assert_logs_in(FAKE_TRUST, NULL);
	assert_string_equal(fake.application, "andon-router");
}

static void
scram(void **state)
{
	assert_logs_in(FAKE_SCRAM, "pencil");
}

/* What a client's proof gave away takes the password's place. */
static void
scram_keys(void **state)
{
	ScramVerifier verifier;
	ScramServer *server;
	ScramClient *client = scram_client_create("pencil");
	Buf			to_server = BUF_INIT;
	Buf			to_client = BUF_INIT;
	char		keys[SCRAM_KEYS_TEXT_SIZE];
	Error		error;

	assert_true(scram_make_verifier("pencil", &verifier, &error));
	fake.verifier = &verifier;
	server = scram_server_create(&verifier, false);
	assert_true(scram_client_first(client, &to_server, &error));
	assert_int_equal(scram_server_step(server, buf_slice(&to_server), &to_client), SCRAM_CONTINUE);
	assert_false(scram_server_keys(server, keys));
	buf_clear(&to_server);
	assert_int_equal(scram_client_step(client, buf_slice(&to_client), &to_server), SCRAM_CONTINUE);
	buf_clear(&to_client);
	assert_int_equal(scram_server_step(server, buf_slice(&to_server), &to_client), SCRAM_DONE);
	assert_true(scram_server_keys(server, keys));
	scram_client_destroy(client);
	scram_server_destroy(server);
	buf_release(&to_server);
	buf_release(&to_client);

	assert_logs_in(FAKE_SCRAM, keys);
	assert_int_equal(fake.logins, 1);
	pool_set_reconnect(set, NULL);
	assert_refused(FAKE_MD5, keys, SQLSTATE_INVALID_AUTHORIZATION, POOL_REFUSED);
}

/* Another verifier of the same password: the keys are of no use there. */
static void
scram_keys_of_another_verifier(void **state)
{
	assert_refused(FAKE_SCRAM, "SCRAM-SHA-256-KEYS$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
				   ":AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "28P01", POOL_REFUSED);
}

static void
md5(void **state)
{
	assert_logs_in(FAKE_MD5, "pencil");
}

static void
wrong_password(void **state)
{
	assert_refused(FAKE_SCRAM, "crayon", "28P01", POOL_REFUSED);
}

static void
wrong_md5(void **state)
{
	assert_refused(FAKE_MD5, "crayon", "28P01", POOL_REFUSED);
}

static void
no_password(void **state)
{
	assert_refused(FAKE_SCRAM, NULL, SQLSTATE_INVALID_AUTHORIZATION, POOL_REFUSED);
}

/* A verifier proves others to us, not us to others. */
static void
only_a_verifier(void **state)
{
	assert_refused(FAKE_SCRAM, "SCRAM-SHA-256$4096:c2FsdA==$x:y", SQLSTATE_INVALID_AUTHORIZATION, POOL_REFUSED);
}

/* Whoever answers on a network address must not get the password itself. */
static void
clear_text_is_not_sent(void **state)
{
	assert_refused(FAKE_CLEAR_TEXT, "pencil", SQLSTATE_INVALID_AUTHORIZATION, POOL_REFUSED);
}

static void
unknown_method(void **state)
{
	assert_refused(FAKE_UNKNOWN, "pencil", SQLSTATE_INVALID_AUTHORIZATION, POOL_REFUSED);
}

/* An Ok in the middle of SCRAM comes from somebody who does not know the password. */
static void
node_must_prove_itself(void **state)
{
	assert_refused(FAKE_SCRAM_UNPROVEN, "pencil", SQLSTATE_PROTOCOL_VIOLATION, POOL_NODE_LOST);
}

/* A nonce of any length continues ours: what is too long is not signed and sent back. */
static void
nonce_of_a_kilobyte(void **state)
{
	fake.long_nonce = 1024;
	assert_refused(FAKE_SCRAM, "pencil", SQLSTATE_PROTOCOL_VIOLATION, POOL_NODE_LOST);
}

static void
nonce_of_60_kilobytes(void **state)
{
	fake.long_nonce = 60 * 1024;
	assert_refused(FAKE_SCRAM, "pencil", SQLSTATE_PROTOCOL_VIOLATION, POOL_NODE_LOST);
}

static void
nonce_longer_than_any_login_message(void **state)
{
	fake.long_nonce = 1024 * 1024;
	assert_refused(FAKE_SCRAM, "pencil", SQLSTATE_PROTOCOL_VIOLATION, POOL_NODE_LOST);
}

static void
server_error_is_passed_on(void **state)
{
	Error		error;

	error_set(&error, SQLSTATE_UNDEFINED_DATABASE, "database \"mes\" does not exist");
	error_set_hint(&error, "make it");
	fake.refuse = &error;
	assert_refused(FAKE_TRUST, NULL, SQLSTATE_UNDEFINED_DATABASE, POOL_REFUSED);
}

/* Starting up: not about us, another node may do. */
static void
starting_node_is_trouble(void **state)
{
	Error		error;

	error_set(&error, SQLSTATE_CANNOT_CONNECT_NOW, "the database system is starting up");
	fake.refuse = &error;
	assert_refused(FAKE_TRUST, NULL, SQLSTATE_CANNOT_CONNECT_NOW, POOL_NODE_LOST);
}

static void
nobody_listens(void **state)
{
	fake_stop_listening(&fake);
	turn_loop(fake.loop);
	assert_refused(FAKE_TRUST, NULL, SQLSTATE_CANNOT_CONNECT_NOW, POOL_NODE_LOST);
	fake_listen(&fake);
}

static void
role_differs_from_view(void **state)
{
	Asker		asker;

	log_in(&asker, NULL);
	asker_give(&asker, CHECKIN_CLOSE);
	show_node();
	fake.is_standby = true;
	ask(&asker);
	wait_until(fake.loop, asker.failed);
	assert_int_equal(asker.waiter.failure, POOL_NODE_LOST);
}

/* ---- garbage instead of an answer: an error, no crash, nothing kept ---- */

static void
assert_garbage_refused(const char *bytes, size_t len)
{
	fake.greeting = slice_make(bytes, len);
	assert_refused(FAKE_TRUST, "pencil", SQLSTATE_PROTOCOL_VIOLATION, POOL_NODE_LOST);
}

static void
oversized_length(void **state)
{
	assert_garbage_refused("R\x7f\xff\xff\xff\0\0\0\0", 9);
}

static void
negative_length(void **state)
{
	assert_garbage_refused("R\xff\xff\xff\xff", 5);
}

static void
not_postgres(void **state)
{
	assert_garbage_refused("HTTP/1.1 400 Bad Request\r\n", 26);
}

static void
short_authentication(void **state)
{
	assert_garbage_refused("R\0\0\0\6\0\0", 7);
}

static void
ready_before_ok(void **state)
{
	assert_garbage_refused("Z\0\0\0\5I", 6);
}

static void
sasl_out_of_order(void **state)
{
	assert_garbage_refused("R\0\0\0\10\0\0\0\14", 9);
}

static void
short_md5_salt(void **state)
{
	assert_garbage_refused("R\0\0\0\12\0\0\0\5xy", 11);
}

static void
row_before_login(void **state)
{
	assert_garbage_refused("D\0\0\0\6\0\0", 7);
}

/* ---- commit positions ---- */

static bool
logs_in_reporting(void)
{
	Asker		asker;
	bool		reports;

	log_in(&asker, NULL);
	assert_false(asker.failed);
	reports = server_reports_commit_lsn(asker.server);
	assert_null(server_find_parameter(asker.server, "andon.commit_lsn"));
	asker_give(&asker, CHECKIN_CLEAN);
	return reports;
}

static void
extension_reports(void **state)
{
	fake.has_extension = true;
	assert_true(logs_in_reporting());
	assert_string_equal(fake.report_lsn, "on");
	assert_string_equal(fake.read_only, "");
}

/* The call is not even tried where it would write an error into the node's log. */
static void
no_extension(void **state)
{
	assert_false(logs_in_reporting());
	assert_false(fake_node_was_asked(&fake, "SELECT andon.enable_commit_lsn()"));
}

static void
extension_call_fails(void **state)
{
	fake.has_extension = fake.extension_fails = true;
	assert_false(logs_in_reporting());
}

static void
replica_is_read_only(void **state)
{
	fake.is_standby = fake.has_extension = true;
	assert_false(logs_in_reporting());
	assert_string_equal(fake.read_only, "on");
	assert_string_equal(fake.report_lsn, "");
	assert_int_equal(buf_len(&fake.queries), 0);
}

static void
parameters_are_kept(void **state)
{
	Asker		asker;

	log_in(&asker, NULL);
	assert_string_equal(server_find_parameter(asker.server, "server_version"), "15.20");
	server_note_parameter(asker.server, slice_from_string("server_version"), slice_from_string("16"));
	assert_string_equal(server_find_parameter(asker.server, "server_version"), "16");
	assert_int_equal(server_parameter_count(asker.server), 2);
	asker_give(&asker, CHECKIN_CLEAN);
}

/* Guards: a server that reports ever more settings is not followed without end. */
static void
parameters_are_bounded(void **state)
{
	Asker		asker;
	char		name[32];

	log_in(&asker, NULL);
	for (int i = 0; i < 500; i++)
	{
		snprintf(name, sizeof(name), "made.up_%d", i);
		server_note_parameter(asker.server, slice_from_string(name), slice_from_string("1"));
	}
	assert_int_equal(server_parameter_count(asker.server), 64);
	assert_true(settings_count(server_reported(asker.server)) <= 64);
	assert_true(server_note_parameter(asker.server, slice_from_string("made.up_0"), slice_from_string("2")));
	assert_string_equal(settings_find(server_reported(asker.server), "made.up_0"), "2");
	assert_false(server_note_parameter(asker.server, slice_from_string("made.up_499"), slice_from_string("2")));
	asker_give(&asker, CHECKIN_CLEAN);
}

static void
statements_least_used_goes(void **state)
{
	Asker		asker;

	log_in(&asker, NULL);
	for (uint64_t number = 1; number <= 10; number++)
		assert_int_equal(server_add_statement(asker.server, number), 0);
	assert_true(server_has_statement(asker.server, 1));
	assert_int_equal(server_add_statement(asker.server, 11), 2);
	assert_false(server_has_statement(asker.server, 2));
	assert_int_equal(server_add_statement(asker.server, 1), 0);
	server_remove_statement(asker.server, 3);
	assert_int_equal(server_add_statement(asker.server, 12), 0);
	assert_int_equal(server_add_statement(asker.server, 13), 4);
	server_forget_statements(asker.server);
	assert_false(server_has_statement(asker.server, 13));
	asker_give(&asker, CHECKIN_CLEAN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(trust), TEST(scram), TEST(scram_keys), TEST(scram_keys_of_another_verifier), TEST(md5),
		TEST(wrong_password), TEST(wrong_md5), TEST(no_password), TEST(only_a_verifier), TEST(clear_text_is_not_sent), TEST(unknown_method), TEST(node_must_prove_itself),
		TEST(nonce_of_a_kilobyte), TEST(nonce_of_60_kilobytes), TEST(nonce_longer_than_any_login_message),
		TEST(server_error_is_passed_on), TEST(starting_node_is_trouble), TEST(nobody_listens),
		TEST(role_differs_from_view),
		TEST(oversized_length), TEST(negative_length), TEST(not_postgres), TEST(short_authentication),
		TEST(ready_before_ok), TEST(sasl_out_of_order), TEST(short_md5_salt), TEST(row_before_login),
		TEST(extension_reports), TEST(no_extension), TEST(extension_call_fails), TEST(replica_is_read_only),
		TEST(parameters_are_kept), TEST(parameters_are_bounded), TEST(statements_least_used_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
