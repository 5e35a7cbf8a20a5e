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
#include <string.h>

#include "base/buf.h"
#include "net/stream.h"
#include "router/unit/topology/probed_node.h"

#define SSL_REQUEST 80877103

typedef struct ProbedConnection
{
	ListNode	node;
	ProbedNode *fake;
	Stream	   *stream;
	bool		is_started;
} ProbedConnection;

static void
begin_message(Buf *out, char type, uint32_t body_len)
{
	buf_append_u8(out, (uint8_t) type);
	buf_append_u32(out, body_len + 4);
}

static void
append_columns(Buf *out, int n)
{
	begin_message(out, 'T', 2 + (uint32_t) n * (2 + 18));
	buf_append_u16(out, (uint16_t) n);
	for (int i = 0; i < n; i++)
	{
		buf_append(out, slice_make("c", 2));	/* with its terminator */
		buf_append_u32(out, 0);
		buf_append_u16(out, 0);
		buf_append_u32(out, 25);
		buf_append_u16(out, 0xFFFF);
		buf_append_u32(out, 0xFFFFFFFF);
		buf_append_u16(out, 0);
	}
}

static void
append_row(Buf *out, int n, char values[][32])
{
	uint32_t	len = 2;

	for (int i = 0; i < n; i++)
		len += 4 + (uint32_t) strlen(values[i]);
	begin_message(out, 'D', len);
	buf_append_u16(out, (uint16_t) n);
	for (int i = 0; i < n; i++)
	{
		buf_append_u32(out, (uint32_t) strlen(values[i]));
		buf_append_string(out, values[i]);
	}
	begin_message(out, 'C', 9);
	buf_append(out, slice_make("SELECT 1", 9));
}

static void
append_ready(Buf *out)
{
	begin_message(out, 'Z', 1);
	buf_append_u8(out, 'I');
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
	append_ready(out);
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
			begin_message(out, '1', 0);
			break;
		case 'B':
			begin_message(out, '2', 0);
			break;
		case 'D':
			append_columns(out, 10);
			break;
		case 'E':
			answer_probe(fake, out);
			break;
		case 'S':
			append_ready(out);
			break;
		default:
			break;
	}
}

static void
answer_startup(ProbedConnection *connection, const unsigned char *packet, Buf *out)
{
	uint32_t	code = (uint32_t) packet[4] << 24 | (uint32_t) packet[5] << 16 |
		(uint32_t) packet[6] << 8 | packet[7];

	if (code == SSL_REQUEST)
	{
		buf_append_u8(out, 'N');
		return;
	}
	connection->is_started = true;
	begin_message(out, 'R', 4);
	buf_append_u32(out, 0);
	append_ready(out);
}

static size_t
on_data(void *arg, Slice data)
{
	ProbedConnection *connection = arg;
	Buf			out = BUF_INIT;
	size_t		used = 0;

	for (;;)
	{
		size_t		type_len = connection->is_started ? 1 : 0;
		const unsigned char *at = (const unsigned char *) data.data + used;
		size_t		len;

		if (data.len - used < type_len + 4)
			break;
		len = type_len + ((size_t) at[type_len] << 24 | (size_t) at[type_len + 1] << 16 |
						  (size_t) at[type_len + 2] << 8 | at[type_len + 3]);
		if (data.len - used < len)
			break;
		if (connection->is_started)
			answer(connection->fake, (char) at[0], &out);
		else
			answer_startup(connection, at, &out);
		used += len;
	}
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
