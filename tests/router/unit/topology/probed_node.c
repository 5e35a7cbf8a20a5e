/*-------------------------------------------------------------------------
 *
 * probed_node.c
 *	  A node that says what the test wants.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/buf.h"
#include "net/stream.h"
#include "router/unit/topology/probed_node.h"
#include "wire/build.h"
#include "wire/frame.h"
#include "wire/startup.h"

typedef struct ProbedConnection
{
	ListNode	node;
	ProbedNode *fake;
	Stream	   *stream;
	bool		is_started;
} ProbedConnection;

static void
append_row(Buf *out, int n, char values[][32])
{
	const char *columns[10];

	for (int i = 0; i < n; i++)
		columns[i] = values[i];
	build_text_row(out, columns, n);
	build_command_complete(out, "SELECT 1");
}

/* All are called the same: nobody looks. */
static void
append_columns(Buf *out, int n)
{
	const char *columns[10];

	for (int i = 0; i < n; i++)
		columns[i] = "c";
	build_text_row_description(out, columns, n);
}

static void
answer_hello(const ProbedNode *fake, Buf *out)
{
	char		values[3][32];

	snprintf(values[0], sizeof(values[0]), "%llu", (unsigned long long) fake->system_id);
	snprintf(values[1], sizeof(values[1]), "%llu", (unsigned long long) fake->start_us);
	snprintf(values[2], sizeof(values[2]), "16777216");
	append_columns(out, 3);
	append_row(out, 3, values);
	build_ready(out, 'I');
}

static void
answer_probe(ProbedNode *fake, Buf *out)
{
	char		values[10][32];

	fake->probes++;
	snprintf(values[0], sizeof(values[0]), "%c", fake->in_recovery ? 't' : 'f');
	snprintf(values[1], sizeof(values[1]), "0/%X", fake->lsn);
	snprintf(values[2], sizeof(values[2]), fake->in_recovery ? "%u" : "%08X", fake->timeline);
	snprintf(values[3], sizeof(values[3]), "%c", fake->has_synchronous ? 't' : 'f');
	snprintf(values[4], sizeof(values[4]), "0");
	snprintf(values[5], sizeof(values[5]), "0/%X", fake->lsn - fake->unflushed);
	snprintf(values[6], sizeof(values[6]), "3:%u:%s", fake->ended + fake->runs, fake->runs ? "3" : "");
	snprintf(values[7], sizeof(values[7]), "0");
	snprintf(values[8], sizeof(values[8]), "%s", fake->shows ? "3" : "");
	snprintf(values[9], sizeof(values[9]), "0/%X", fake->began);
	append_row(out, 10, values);
}

static void
answer(ProbedNode *fake, char type, Buf *out)
{
	switch (type)
	{
		case 'Q':
			answer_hello(fake, out);
			break;
		case 'P':
			build_empty(out, '1');
			break;
		case 'B':
			build_empty(out, '2');
			break;
		case 'D':
			append_columns(out, 10);
			break;
		case 'E':
			answer_probe(fake, out);
			break;
		case 'S':
			build_ready(out, 'I');
			break;
		default:
			break;
	}
}

/* Bytes used; 0: it is not all there. */
static size_t
answer_startup(ProbedConnection *connection, Slice data, Buf *out)
{
	Startup		startup;

	switch (startup_parse(data, &startup))
	{
		case STARTUP_PARTIAL:
			return 0;
		case STARTUP_SESSION:
			connection->is_started = true;
			build_auth(out, 0, slice_make("", 0));
			build_ready(out, 'I');
			return startup.total_len;
		default:				/* SSLRequest */
			buf_append_u8(out, 'N');
			return startup.total_len;
	}
}

static size_t
on_data(void *arg, Slice data)
{
	ProbedConnection *connection = arg;
	Buf			out = BUF_INIT;
	size_t		used = 0;
	size_t		step;

	do
	{
		Slice		rest = slice_skip(data, used);
		Frame		frame;

		step = 0;
		if (!connection->is_started)
			step = answer_startup(connection, rest, &out);
		else if (frame_parse(rest, &frame) == FRAME_OK)
		{
			answer(connection->fake, frame.type, &out);
			step = frame.total_len;
		}
		used += step;
	} while (step > 0);
	stream_write(connection->stream, buf_slice(&out));
	buf_release(&out);
	return used;
}

static void
drop(ProbedConnection *connection)
{
	stream_destroy(connection->stream, STREAM_DROP);
	list_remove(&connection->fake->connections, &connection->node);
	free(connection);
}

static void
on_closed(void *arg, const char *why)
{
	drop(arg);
}

static const StreamEvents events = {.on_data = on_data, .on_closed = on_closed};

static void
on_accepted(void *arg, int fd, const PeerAddress *peer)
{
	ProbedNode *fake = arg;
	ProbedConnection *connection = calloc(1, sizeof(ProbedConnection));

	connection->fake = fake;
	connection->stream = stream_create(fake->loop, fd, &events, connection);
	list_push_tail(&fake->connections, &connection->node);
	if (fake->is_frozen)
		stream_pause(connection->stream);
}

void
probed_node_open(ProbedNode *fake)
{
	const SocketWish wish = {.address = fake->address ? fake->address : "127.0.0.1", .port = fake->port, .count = 1};
	Error		error;

	list_init(&fake->connections);
	fake->sockets = sockets_create();
	assert_true(sockets_open_tcp(fake->sockets, &wish, &error));
	assert_true(sockets_listen(fake->sockets, &error));
	fake->listener = listener_create(fake->loop, &(ListenerConfig) {fake->sockets, 0, 1}, on_accepted, fake);
	fake->port = socket_port(sockets_get(fake->sockets, 0)->fd);
}

void
probed_node_freeze(ProbedNode *fake, bool on)
{
	fake->is_frozen = on;
	LIST_FOREACH(node, &fake->connections)
	{
		ProbedConnection *connection = list_entry(node, ProbedConnection, node);

		if (on)
			stream_pause(connection->stream);
		else
			stream_resume(connection->stream);
	}
}

void
probed_node_drop_all(ProbedNode *fake)
{
	LIST_FOREACH(node, &fake->connections)
		drop(list_entry(node, ProbedConnection, node));
}

void
probed_node_kill(ProbedNode *fake)
{
	listener_destroy(fake->listener);
	sockets_destroy(fake->sockets);
	fake->listener = NULL;
	fake->sockets = NULL;
	probed_node_drop_all(fake);
}
