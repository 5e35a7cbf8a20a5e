/*-------------------------------------------------------------------------
 *
 * test_stream_tls.c
 *	  The stream when it is encrypted: the same promises to its owner.
 *
 * Two streams of one loop, one accepts and one connects, and between them a
 * wire that the test moves the bytes along: all that there is, or a few, or
 * none, or others.  Certificates are made by the openssl command, once.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/net/stream_owner.h"

#include <sys/socket.h>

#include "net/tls.h"

#define BIG (4 * 1024 * 1024)

typedef struct Wire
{
	Buf			bytes;			/* on their way */
	size_t		sent;			/* so far */
} Wire;

static Owner *us;				/* accepts */
static Owner *peer;				/* connects */
static Wire from_us;
static Wire from_peer;
static size_t per_turn;			/* bytes moved in one turn, each way */
static char folder[] = "/tmp/andon-test-tls-XXXXXX";
static TlsContext *accepting;
static TlsContext *connecting;

/* ---------------------------------------------------------------- the wire */

static void
move_bytes(const Owner *from, Wire *wire, const Owner *to)
{
	size_t		before = buf_len(&wire->bytes);
	size_t		len;
	ssize_t		n;

	if (from->fd >= 0)
		peer_receive(from, &wire->bytes);
	wire->sent += buf_len(&wire->bytes) - before;
	len = buf_len(&wire->bytes) < per_turn ? buf_len(&wire->bytes) : per_turn;
	n = len > 0 && to->fd >= 0 ? send(to->fd, buf_slice(&wire->bytes).data, len, MSG_NOSIGNAL) : 0;
	if (n > 0)
		buf_consume(&wire->bytes, (size_t) n);
}

/* Turns of the loop, and of the wire. */
static void
pass_turns(int n)
{
	while (n-- > 0)
	{
		run_turns(1);
		move_bytes(us, &from_us, peer);
		move_bytes(peer, &from_peer, us);
	}
}

#define pass_until(condition) turn_until(pass_turns(1), condition)

static int
setup(void **state)
{
	owners_setup(state);
	per_turn = SIZE_MAX;
	us = owner_open();
	peer = owner_open();
	from_us = from_peer = (Wire) {0};
	return 0;
}

static int
teardown(void **state)
{
	buf_release(&from_us.bytes);
	buf_release(&from_peer.bytes);
	return owners_teardown(state);
}

static void
begin(Owner *end, TlsContext *context, const char *host)
{
	owner_start_tls(end, &(StreamTlsPlan) {.context = context, .host = host});
}

static void
begin_both(void)
{
	begin(us, accepting, NULL);
	begin(peer, connecting, "127.0.0.1");
}

static void
secure(void)
{
	begin_both();
	pass_until(us->secured == 1 && peer->secured == 1);
}

/* ---------------------------------------------------------------- contexts */

static void
command(const char *format,...)
{
	char		line[1024];
	size_t		len;
	va_list		args;

	len = (size_t) snprintf(line, sizeof(line), "cd %s && ( ", folder);
	va_start(args, format);
	len += (size_t) vsnprintf(line + len, sizeof(line) - len, format, args);
	va_end(args);
	snprintf(line + len, sizeof(line) - len, " ) >/dev/null 2>&1");
	if (system(line) != 0)
		fail_msg("failed: %s", line);
}

#define NEW_KEY "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"

static int
make_certificates(void **state)
{
	if (mkdtemp(folder) == NULL)
		return -1;
	for (int i = 0; i < 2; i++)
		command("openssl req -x509 " NEW_KEY " -keyout ca%d.key -out ca%d.crt -subj /CN=ca%d -days 9", i, i, i);
	command("openssl req " NEW_KEY " -keyout us.key -out us.csr -subj /CN=us");
	command("echo 'subjectAltName = IP:127.0.0.1, DNS:*.example.org' > us.ext");
	command("openssl x509 -req -in us.csr -CA ca0.crt -CAkey ca0.key -CAcreateserial -days 9 -extfile us.ext -out us.crt");
	return 0;
}

static TlsContext *
make_context(TlsSide side, TlsMode mode, const char *ca, const char *protocols)
{
	static char paths[3][128];
	TlsConfig	config = {.mode = mode, .key_file = "", .cert_file = "", .ca_file = "", .protocols = protocols, .ciphers = "default"};
	TlsContext *context;
	Error		error;

	snprintf(paths[0], sizeof(paths[0]), "%s/us.key", folder);
	snprintf(paths[1], sizeof(paths[1]), "%s/us.crt", folder);
	snprintf(paths[2], sizeof(paths[2]), "%s/%s", folder, ca);
	if (side == TLS_OF_CLIENTS)
	{
		config.key_file = paths[0];
		config.cert_file = paths[1];
	}
	if (mode >= TLS_MODE_VERIFY_CA)
		config.ca_file = paths[2];
	if (!tls_context_create(side, &config, &context, &error))
		fail_msg("%s", error.message);
	return context;
}

static int
make_contexts(void **state)
{
	if (make_certificates(state) != 0)
		return -1;
	accepting = make_context(TLS_OF_CLIENTS, TLS_MODE_REQUIRE, "", "secure");
	connecting = make_context(TLS_OF_SERVERS, TLS_MODE_VERIFY_FULL, "ca0.crt", "secure");
	return 0;
}

static int
drop_contexts(void **state)
{
	tls_context_unref(accepting);
	tls_context_unref(connecting);
	command("rm -r %s", folder);
	return 0;
}

/* ---------------------------------------------------------------- tests */

static void
bytes_pass_both_ways(void **state)
{
	char		text[STREAM_TLS_TEXT_SIZE];

	stream_describe_tls(us->stream, text, sizeof(text));
	assert_string_equal(text, "");
	secure();
	owner_write(us, "hello", 5);
	owner_write(peer, "world", 5);
	pass_until(buf_len(&us->seen) == 5 && buf_len(&peer->seen) == 5);
	owner_assert_seen(us, "world");
	owner_assert_seen(peer, "hello");
	stream_describe_tls(us->stream, text, sizeof(text));
	assert_memory_equal(text, "TLSv1.3/TLS_", 12);
	assert_true(stream_is_tls(us->stream));
}

/* Nothing written early may go out in clear text. */
static void
early_writes_wait_for_the_handshake(void **state)
{
	per_turn = 0;
	begin_both();
	owner_write(us, "secret one", 10);
	owner_write(peer, "secret two", 10);
	pass_turns(5);
	assert_null(memmem(buf_slice(&from_us.bytes).data, buf_len(&from_us.bytes), "secret", 6));
	assert_null(memmem(buf_slice(&from_peer.bytes).data, buf_len(&from_peer.bytes), "secret", 6));
	per_turn = SIZE_MAX;
	pass_until(buf_len(&us->seen) == 10 && buf_len(&peer->seen) == 10);
	owner_assert_seen(peer, "secret one");
}

static void
byte_by_byte(void **state)
{
	per_turn = 1;
	secure();
	owner_write(us, "a message", 9);
	owner_write(peer, "another message", 15);
	pass_until(buf_len(&us->seen) == 15 && buf_len(&peer->seen) == 9);
	owner_assert_seen(peer, "a message");
}

/* The high water mark, the drained event and the order of bytes are those of any stream. */
static void
big_writes(void **state)
{
	char	   *bytes = make_pattern(BIG);

	secure();
	owner_write(us, bytes, BIG);
	assert_true(stream_is_full(us->stream));
	owner_write(us, "end", 3);
	pass_until(buf_len(&peer->seen) == BIG + 3);
	assert_memory_equal(buf_slice(&peer->seen).data, bytes, BIG);
	pass_until(us->drained == 1);
	assert_false(stream_is_full(us->stream));
	assert_int_equal(stream_queued(us->stream), 0);
	free(bytes);
}

/* What OpenSSL holds makes no socket readable: the stream must come back to it by itself. */
static void
nothing_is_forgotten_while_paused(void **state)
{
	const size_t len = 300 * 1000;
	char	   *bytes = make_pattern(len);

	secure();
	us->in_data = owner_pause;
	owner_write(peer, bytes, len);
	for (size_t seen = 0; seen < len; seen = buf_len(&us->seen))
	{
		pass_until(buf_len(&us->seen) > seen);
		seen = buf_len(&us->seen);
		pass_turns(10);
		assert_int_equal(buf_len(&us->seen), seen);
		stream_resume(us->stream);
	}
	assert_memory_equal(buf_slice(&us->seen).data, bytes, len);
	free(bytes);
}

static void
corked_writes_share_a_record(void **state)
{
	size_t		before;

	secure();
	pass_turns(5);
	before = from_us.sent;
	stream_cork(us->stream);
	for (int i = 0; i < 100; i++)
		owner_write(us, "0123456789", 10);
	pass_turns(5);
	assert_int_equal(from_us.sent, before);
	stream_uncork(us->stream);
	pass_until(buf_len(&peer->seen) == 1000);
	assert_true(from_us.sent - before < 1000 + 64);
}

static void
begin_in_data(Owner *owner)
{
	StreamTlsPlan plan = {.context = accepting, .needs_alpn = true};

	owner->in_data = NULL;
	owner->take = SIZE_MAX;
	stream_start_tls(owner->stream, &plan);
}

/* The hello was read before anybody knew that it is one. */
static void
what_on_data_leaves_is_the_handshake(void **state)
{
	us->take = 0;
	us->in_data = begin_in_data;
	begin(peer, connecting, "127.0.0.1");
	pass_until(us->secured == 1 && peer->secured == 1);
	owner_write(peer, "startup", 7);
	pass_until(buf_len(&us->seen) == 7);
	owner_assert_seen(us, "startup");
}

static void
goodbye_ends_it_though_the_socket_lives(void **state)
{
	secure();
	owner_write(peer, "last words", 10);
	owner_flush(peer);
	pass_until(us->closed == 1);
	owner_assert_seen(us, "last words");
	assert_string_equal(us->why, "end of file");
}

static void
cut_off_without_goodbye(void **state)
{
	secure();
	peer_close(us);
	pass_until(us->closed == 1);
	assert_string_equal(us->why, "end of file");
	owner_write(us, "to nobody", 9);
}

static void
cut_off_in_the_handshake(void **state)
{
	per_turn = 100;
	begin_both();
	pass_turns(2);
	peer_close(us);
	pass_until(us->closed == 1);
	assert_string_equal(us->why, "end of file");
	assert_int_equal(us->secured, 0);
}

/* A write that finds the connection broken is reported later, as without TLS. */
static void
a_broken_connection_is_reported_later(void **state)
{
	secure();
	peer_close(us);
	owner_write(us, "one", 3);
	owner_write(us, "two", 3);
	assert_int_equal(us->closed, 0);
	pass_until(us->closed == 1);
	pass_turns(3);
	assert_int_equal(us->closed, 1);
}

static void
forged_bytes_end_it(void **state)
{
	secure();
	owner_write(peer, "good", 4);
	pass_until(buf_len(&us->seen) == 4);
	assert_int_equal(send(us->fd, "\x17\x03\x03\x00\x20" "0123456789abcdef0123456789abcdef", 37, 0), 37);
	pass_until(us->closed == 1);
	assert_memory_equal(us->why, "TLS: ", 5);
	owner_assert_seen(us, "good");
}

static void
clear_text_is_no_handshake(void **state)
{
	begin(us, accepting, NULL);
	owner_write(peer, "GET / HTTP/1.1\r\n\r\n", 18);
	pass_until(us->closed == 1);
	assert_memory_equal(us->why, "TLS: ", 5);
	assert_int_equal(us->secured, 0);
	assert_int_equal(buf_len(&us->seen), 0);
}

static void
assert_not_believed(TlsContext *context, const char *host, const char *words)
{
	begin(us, accepting, NULL);
	begin(peer, context, host);
	pass_until(peer->closed == 1 && us->closed == 1);
	assert_int_equal(peer->secured, 0);
	if (strstr(peer->why, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", peer->why, words);
	assert_int_equal(buf_len(&peer->seen), 0);
}

static void
a_stranger_s_certificate(void **state)
{
	TlsContext *context = make_context(TLS_OF_SERVERS, TLS_MODE_VERIFY_CA, "ca1.crt", "secure");

	assert_not_believed(context, "127.0.0.1", "unable to get local issuer certificate");
	tls_context_unref(context);
}

static void
another_name(void **state)
{
	assert_not_believed(connecting, "example.com", "hostname mismatch");
}

static void
another_address(void **state)
{
	assert_not_believed(connecting, "127.0.0.2", "IP address mismatch");
}

/* No protocol in common. */
static void
another_protocol(void **state)
{
	TlsContext *context = make_context(TLS_OF_SERVERS, TLS_MODE_REQUIRE, "", "tlsv1.2");
	TlsContext *kept = accepting;

	accepting = make_context(TLS_OF_CLIENTS, TLS_MODE_REQUIRE, "", "tlsv1.3");
	assert_not_believed(context, "127.0.0.1", "protocol version");
	tls_context_unref(context);
	tls_context_unref(accepting);
	accepting = kept;
}

static void
a_name_that_fits(void **state)
{
	begin(us, accepting, NULL);
	begin(peer, connecting, "north.example.org");
	pass_until(us->secured == 1 && peer->secured == 1);
}

static void
destroyed_when_secured(void **state)
{
	us->in_secured = peer->in_secured = owner_flush;
	begin_both();
	pass_until(us->secured == 1 && us->stream == NULL);
	pass_turns(5);
}

static void
destroyed_in_on_data(void **state)
{
	secure();
	us->in_data = owner_flush;
	owner_write(peer, "go", 2);
	pass_until(us->stream == NULL);
	pass_until(peer->closed == 1);
	assert_string_equal(peer->why, "end of file");
}

/* The context may go when the configuration does; connections keep what they need. */
static void
connections_outlive_the_configuration(void **state)
{
	TlsContext *context = make_context(TLS_OF_CLIENTS, TLS_MODE_REQUIRE, "", "secure");

	begin(us, context, NULL);
	tls_context_unref(context);
	begin(peer, connecting, "127.0.0.1");
	pass_until(us->secured == 1 && peer->secured == 1);
	owner_write(us, "still here", 10);
	pass_until(buf_len(&peer->seen) == 10);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bytes_pass_both_ways),
		TEST(early_writes_wait_for_the_handshake),
		TEST(byte_by_byte),
		TEST(big_writes),
		TEST(nothing_is_forgotten_while_paused),
		TEST(corked_writes_share_a_record),
		TEST(what_on_data_leaves_is_the_handshake),
		TEST(goodbye_ends_it_though_the_socket_lives),
		TEST(cut_off_without_goodbye),
		TEST(cut_off_in_the_handshake),
		TEST(a_broken_connection_is_reported_later),
		TEST(forged_bytes_end_it),
		TEST(clear_text_is_no_handshake),
		TEST(a_stranger_s_certificate),
		TEST(another_name),
		TEST(another_address),
		TEST(another_protocol),
		TEST(a_name_that_fits),
		TEST(destroyed_when_secured),
		TEST(destroyed_in_on_data),
		TEST(connections_outlive_the_configuration),
	};

	return cmocka_run_group_tests(tests, make_contexts, drop_contexts);
}
