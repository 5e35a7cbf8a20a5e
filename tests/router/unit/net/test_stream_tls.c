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
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/memory.h"
#include "net/stream.h"
#include "net/tls.h"

#define BIG (4 * 1024 * 1024)

typedef struct End End;

struct End
{
	Stream	   *stream;
	int			wire;			/* the test's end of its socket */
	Buf			on_wire;		/* what it sent and the other has not got yet */
	size_t		sent;			/* over the wire, so far */
	Buf			seen;
	int			secured;
	int			drained;
	int			closed;
	char		why[256];
	bool		pauses;			/* on_data pauses */
	bool		begins_tls;		/* on_data begins TLS and leaves what it was shown */
	bool		leaves;			/* on_data and on_secured destroy the stream */
	bool		inside;			/* a call of the owner into the stream is running */
};

static Loop *loop;
static End	us;					/* accepts */
static End	peer;				/* connects */
static size_t per_turn;			/* bytes moved in one turn, each way */
static char folder[] = "/tmp/andon-test-tls-XXXXXX";
static TlsContext *accepting;
static TlsContext *connecting;

/* ---------------------------------------------------------------- owners */

static size_t
on_data(void *owner, Slice data)
{
	End		   *end = owner;

	assert_false(end->inside);
	if (end->begins_tls)
	{
		StreamTlsPlan plan = {.context = accepting, .needs_alpn = true};

		end->begins_tls = false;
		stream_start_tls(end->stream, &plan);
		return 0;
	}
	buf_append(&end->seen, data);
	if (end->pauses)
		stream_pause(end->stream);
	if (end->leaves)
	{
		stream_destroy(end->stream, STREAM_FLUSH);
		end->stream = NULL;
	}
	return data.len;
}

static void
on_drained(void *owner)
{
	End		   *end = owner;

	assert_false(end->inside);
	end->drained++;
}

static void
on_closed(void *owner, const char *why)
{
	End		   *end = owner;

	assert_false(end->inside);
	end->closed++;
	snprintf(end->why, sizeof(end->why), "%s", why);
}

static void
on_secured(void *owner)
{
	End		   *end = owner;

	assert_false(end->inside);
	end->secured++;
	if (end->leaves)
	{
		stream_destroy(end->stream, STREAM_FLUSH);
		end->stream = NULL;
	}
}

static const StreamEvents events = {
	.on_data = on_data,
	.on_drained = on_drained,
	.on_closed = on_closed,
	.on_secured = on_secured
};

/* ---------------------------------------------------------------- the wire */

static void
move_bytes(End *from, End *to)
{
	ssize_t		n;
	size_t		len;

	while (from->wire >= 0 && (n = recv(from->wire, buf_reserve(&from->on_wire, 65536), 65536, 0)) > 0)
	{
		buf_commit(&from->on_wire, (size_t) n);
		from->sent += (size_t) n;
	}
	len = buf_len(&from->on_wire) < per_turn ? buf_len(&from->on_wire) : per_turn;
	n = len > 0 && to->wire >= 0 ? send(to->wire, buf_slice(&from->on_wire).data, len, MSG_NOSIGNAL) : 0;
	if (n > 0)
		buf_consume(&from->on_wire, (size_t) n);
}

static void
stop_loop(void *arg)
{
	loop_stop(arg);
}

/* One turn of the loop without waiting, and of the wire. */
static void
turn(void)
{
	loop_post(loop, stop_loop, loop);
	loop_run(loop);
	move_bytes(&us, &peer);
	move_bytes(&peer, &us);
}

#define run_until(condition) \
	do { \
		uint64_t	until_us_ = clock_now_us() + 30 * US_PER_SEC; \
		while (!(condition)) \
		{ \
			if (clock_now_us() > until_us_) \
				fail_msg("never: %s; us: \"%s\", peer: \"%s\"", #condition, us.why, peer.why); \
			turn(); \
		} \
	} while (0)

static void
run_turns(int n)
{
	while (n-- > 0)
		turn();
}

static void
open_end(End *end)
{
	int			fds[2];

	memset(end, 0, sizeof(*end));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	end->wire = fds[1];
	end->stream = stream_create(loop, fds[0], &events, end);
}

static void
close_end(End *end)
{
	stream_destroy(end->stream, STREAM_DROP);
	if (end->wire >= 0)
		close(end->wire);
	buf_release(&end->seen);
	buf_release(&end->on_wire);
}

static int
setup(void **state)
{
	loop = loop_create();
	per_turn = SIZE_MAX;
	open_end(&us);
	open_end(&peer);
	return 0;
}

static int
teardown(void **state)
{
	close_end(&us);
	close_end(&peer);
	loop_destroy(loop);
	return 0;
}

static void
put(End *end, const char *bytes, size_t len)
{
	end->inside = true;
	stream_write(end->stream, slice_make(bytes, len));
	end->inside = false;
}

static void
begin(End *end, TlsContext *context, const char *host)
{
	StreamTlsPlan plan = {.context = context, .host = host};

	end->inside = true;
	stream_start_tls(end->stream, &plan);
	end->inside = false;
}

static void
begin_both(void)
{
	begin(&us, accepting, NULL);
	begin(&peer, connecting, "127.0.0.1");
}

static void
secure(void)
{
	begin_both();
	run_until(us.secured == 1 && peer.secured == 1);
}

static void
assert_seen(const End *end, const char *text)
{
	Slice		seen = buf_slice(&end->seen);

	assert_int_equal(seen.len, strlen(text));
	assert_memory_equal(seen.data, text, seen.len);
}

static char *
pattern(size_t len)
{
	char	   *bytes = malloc(len);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (char) (i * 31 + i / 251);
	return bytes;
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
	TlsConfig	config = {mode, "", "", "", protocols, "default"};
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

	stream_describe_tls(us.stream, text, sizeof(text));
	assert_string_equal(text, "");
	secure();
	put(&us, "hello", 5);
	put(&peer, "world", 5);
	run_until(buf_len(&us.seen) == 5 && buf_len(&peer.seen) == 5);
	assert_seen(&us, "world");
	assert_seen(&peer, "hello");
	stream_describe_tls(us.stream, text, sizeof(text));
	assert_memory_equal(text, "TLSv1.3/TLS_", 12);
	assert_true(stream_is_tls(us.stream));
}

/* Nothing written early may go out in clear text. */
static void
early_writes_wait_for_the_handshake(void **state)
{
	per_turn = 0;
	begin_both();
	put(&us, "secret one", 10);
	put(&peer, "secret two", 10);
	run_turns(5);
	assert_null(memmem(buf_slice(&us.on_wire).data, buf_len(&us.on_wire), "secret", 6));
	assert_null(memmem(buf_slice(&peer.on_wire).data, buf_len(&peer.on_wire), "secret", 6));
	per_turn = SIZE_MAX;
	run_until(buf_len(&us.seen) == 10 && buf_len(&peer.seen) == 10);
	assert_seen(&peer, "secret one");
}

static void
byte_by_byte(void **state)
{
	per_turn = 1;
	secure();
	put(&us, "a message", 9);
	put(&peer, "another message", 15);
	run_until(buf_len(&us.seen) == 15 && buf_len(&peer.seen) == 9);
	assert_seen(&peer, "a message");
}

/* The high water mark, the drained event and the order of bytes are those of any stream. */
static void
big_writes(void **state)
{
	char	   *bytes = pattern(BIG);

	secure();
	put(&us, bytes, BIG);
	assert_true(stream_is_full(us.stream));
	put(&us, "end", 3);
	run_until(buf_len(&peer.seen) == BIG + 3);
	assert_memory_equal(buf_slice(&peer.seen).data, bytes, BIG);
	run_until(us.drained == 1);
	assert_false(stream_is_full(us.stream));
	assert_int_equal(stream_queued(us.stream), 0);
	free(bytes);
}

/* What OpenSSL holds makes no socket readable: the stream must come back to it by itself. */
static void
nothing_is_forgotten_while_paused(void **state)
{
	const size_t len = 300 * 1000;
	char	   *bytes = pattern(len);

	secure();
	us.pauses = true;
	put(&peer, bytes, len);
	for (size_t seen = 0; seen < len; seen = buf_len(&us.seen))
	{
		run_until(buf_len(&us.seen) > seen);
		seen = buf_len(&us.seen);
		run_turns(10);
		assert_int_equal(buf_len(&us.seen), seen);
		stream_resume(us.stream);
	}
	assert_memory_equal(buf_slice(&us.seen).data, bytes, len);
	free(bytes);
}

static void
corked_writes_share_a_record(void **state)
{
	size_t		before;

	secure();
	run_turns(5);
	before = us.sent;
	stream_cork(us.stream);
	for (int i = 0; i < 100; i++)
		put(&us, "0123456789", 10);
	run_turns(5);
	assert_int_equal(us.sent, before);
	stream_uncork(us.stream);
	run_until(buf_len(&peer.seen) == 1000);
	assert_true(us.sent - before < 1000 + 64);
}

/* The hello was read before anybody knew that it is one. */
static void
what_on_data_leaves_is_the_handshake(void **state)
{
	us.begins_tls = true;
	begin(&peer, connecting, "127.0.0.1");
	run_until(us.secured == 1 && peer.secured == 1);
	put(&peer, "startup", 7);
	run_until(buf_len(&us.seen) == 7);
	assert_seen(&us, "startup");
}

static void
goodbye_ends_it_though_the_socket_lives(void **state)
{
	secure();
	put(&peer, "last words", 10);
	stream_destroy(peer.stream, STREAM_FLUSH);
	peer.stream = NULL;
	run_until(us.closed == 1);
	assert_seen(&us, "last words");
	assert_string_equal(us.why, "end of file");
}

static void
cut_off_without_goodbye(void **state)
{
	secure();
	close(us.wire);
	us.wire = -1;
	run_until(us.closed == 1);
	assert_string_equal(us.why, "end of file");
	put(&us, "to nobody", 9);
}

static void
cut_off_in_the_handshake(void **state)
{
	per_turn = 100;
	begin_both();
	run_turns(2);
	close(us.wire);
	us.wire = -1;
	run_until(us.closed == 1);
	assert_string_equal(us.why, "end of file");
	assert_int_equal(us.secured, 0);
}

/* A write that finds the connection broken is reported later, as without TLS. */
static void
a_broken_connection_is_reported_later(void **state)
{
	secure();
	close(us.wire);
	us.wire = -1;
	put(&us, "one", 3);
	put(&us, "two", 3);
	assert_int_equal(us.closed, 0);
	run_until(us.closed == 1);
	run_turns(3);
	assert_int_equal(us.closed, 1);
}

static void
forged_bytes_end_it(void **state)
{
	secure();
	put(&peer, "good", 4);
	run_until(buf_len(&us.seen) == 4);
	assert_int_equal(send(us.wire, "\x17\x03\x03\x00\x20" "0123456789abcdef0123456789abcdef", 37, 0), 37);
	run_until(us.closed == 1);
	assert_memory_equal(us.why, "TLS: ", 5);
	assert_seen(&us, "good");
}

static void
clear_text_is_no_handshake(void **state)
{
	begin(&us, accepting, NULL);
	put(&peer, "GET / HTTP/1.1\r\n\r\n", 18);
	run_until(us.closed == 1);
	assert_memory_equal(us.why, "TLS: ", 5);
	assert_int_equal(us.secured, 0);
	assert_int_equal(buf_len(&us.seen), 0);
}

static void
assert_not_believed(TlsContext *context, const char *host, const char *words)
{
	begin(&us, accepting, NULL);
	begin(&peer, context, host);
	run_until(peer.closed == 1 && us.closed == 1);
	assert_int_equal(peer.secured, 0);
	if (strstr(peer.why, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", peer.why, words);
	assert_int_equal(buf_len(&peer.seen), 0);
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
	begin(&us, accepting, NULL);
	begin(&peer, connecting, "north.example.org");
	run_until(us.secured == 1 && peer.secured == 1);
}

static void
destroyed_when_secured(void **state)
{
	us.leaves = peer.leaves = true;
	begin_both();
	run_until(us.secured == 1 && us.stream == NULL);
	run_turns(5);
}

static void
destroyed_in_on_data(void **state)
{
	secure();
	us.leaves = true;
	put(&peer, "go", 2);
	run_until(us.stream == NULL);
	run_until(peer.closed == 1);
	assert_string_equal(peer.why, "end of file");
}

/* The context may go when the configuration does; connections keep what they need. */
static void
connections_outlive_the_configuration(void **state)
{
	TlsContext *context = make_context(TLS_OF_CLIENTS, TLS_MODE_REQUIRE, "", "secure");

	begin(&us, context, NULL);
	tls_context_unref(context);
	begin(&peer, connecting, "127.0.0.1");
	run_until(us.secured == 1 && peer.secured == 1);
	put(&us, "still here", 10);
	run_until(buf_len(&peer.seen) == 10);
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
