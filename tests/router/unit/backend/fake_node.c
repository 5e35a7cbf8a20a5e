/*-------------------------------------------------------------------------
 *
 * fake_node.c
 *	  The fake node: logins of every kind, the queries of backend/, misbehaviour.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/backend/fake_node.h"

#include <sys/resource.h>

/* ---------------------------------------------------------------- replies */

void
fake_send(FakeConnection *connection, Buf *out)
{
	stream_write(connection->stream, buf_slice(out));
	buf_release(out);
}

void
fake_parameter(Buf *out, const char *name, const char *value)
{
	build_parameter_status(out, slice_from_string(name), slice_from_string(value));
}

static void
fake_welcome(FakeConnection *connection)
{
	FakeNode   *fake = connection->fake;
	char		key[4] = {'k', 'e', 'y', (char) fake->logins};
	Buf			out = BUF_INIT;

	if (fake->refuse != NULL)
	{
		build_error(&out, "FATAL", fake->refuse);
		fake_send(connection, &out);
		stream_destroy(connection->stream, STREAM_FLUSH);
		list_remove(&fake->connections, &connection->node);
		mem_free(connection);
		return;
	}
	connection->is_in = true;
	connection->pid = 1000 + (uint32_t) ++fake->logins;
	build_auth(&out, 0, slice_make("", 0));
	fake_parameter(&out, "server_version", "15.20");
	fake_parameter(&out, "in_hot_standby", fake->is_standby ? "on" : "off");
	if (fake->conforming_strings != NULL)
		fake_parameter(&out, "standard_conforming_strings", fake->conforming_strings);
	build_backend_key(&out, connection->pid, slice_make(key, 4));
	build_ready(&out, 'I');
	fake_send(connection, &out);
}

void
fake_answer_query(FakeConnection *connection, Slice text)
{
	FakeNode   *fake = connection->fake;
	const char *const column[] = {"c"};
	const char *const value[] = {"1"};
	Buf			out = BUF_INIT;
	Error		error;

	buf_append(&fake->queries, text);
	buf_append_u8(&fake->queries, '\n');
	if (fake->hold_replies)
		return;
	if (slice_equals_string(text, "SELECT andon.enable_commit_lsn()") && fake->extension_fails)
	{
		error_set(&error, "42501", "permission denied");
		build_error(&out, "ERROR", &error);
	}
	else if (slice_equals_string(text, "SELECT andon.enable_commit_lsn()"))
	{
		build_text_row_description(&out, column, 1);
		build_text_row(&out, value, 1);
		build_command_complete(&out, "SELECT 1");
		fake_parameter(&out, "andon.commit_lsn", "0/0");
	}
	else if (text.len > 8 && memcmp(text.data, "SELECT 1", 8) == 0)
	{
		build_text_row_description(&out, column, 1);
		if (fake->has_extension)
			build_text_row(&out, value, 1);
		build_command_complete(&out, "SELECT");
	}
	else
		build_command_complete(&out, "DISCARD ALL");
	build_ready(&out, 'I');
	fake_send(connection, &out);
}

/* ---------------------------------------------------------------- login */

void
fake_ask(FakeConnection *connection)
{
	FakeNode   *fake = connection->fake;
	Buf			out = BUF_INIT;

	switch (fake->auth)
	{
		case FAKE_TRUST:
			fake_welcome(connection);
			return;
		case FAKE_CLEAR_TEXT:
			build_auth(&out, 3, slice_make("", 0));
			break;
		case FAKE_MD5:
			build_auth(&out, 5, slice_make("salt", 4));
			break;
		case FAKE_SCRAM:
		case FAKE_SCRAM_UNPROVEN:
			build_auth(&out, 10, slice_make("SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0", 34));
			break;
		case FAKE_UNKNOWN:
			build_auth(&out, 7, slice_make("", 0));
			break;
	}
	fake_send(connection, &out);
}

static void
fake_wrong_password(FakeConnection *connection)
{
	static Error error;

	error_set(&error, SQLSTATE_INVALID_PASSWORD, "password authentication failed for user \"app\"");
	connection->fake->refuse = &error;
	fake_welcome(connection);
}

/* "r=nonce,s=salt,i=4096", the nonce longer. */
static void
fake_lengthen_nonce(const FakeNode *fake, Buf *first)
{
	Buf			longer = BUF_INIT;
	Slice		text = buf_slice(first);
	size_t		nonce_end = (size_t) ((const char *) memchr(text.data, ',', text.len) - text.data);

	buf_append(&longer, slice_make(text.data, nonce_end));
	memset(buf_reserve(&longer, fake->long_nonce), 'x', fake->long_nonce);
	buf_commit(&longer, fake->long_nonce);
	buf_append(&longer, slice_skip(text, nonce_end));
	buf_clear(first);
	buf_append(first, buf_slice(&longer));
	buf_release(&longer);
}

static void
fake_check_scram(FakeConnection *connection, Slice body)
{
	FakeNode   *fake = connection->fake;
	Buf			out = BUF_INIT;
	Buf			sasl = BUF_INIT;
	ScramStatus status;

	if (connection->scram == NULL)
	{
		ScramVerifier verifier;
		Error		error;
		Reader		reader = reader_make(body);

		assert_true(slice_equals_string(read_string(&reader), SCRAM_MECHANISM));
		body = read_bytes(&reader, read_u32(&reader));
		if (fake->verifier != NULL)
			verifier = *fake->verifier;
		else
			assert_true(scram_make_verifier(fake->password, &verifier, &error));
		connection->scram = scram_server_create(&verifier, false);
	}
	status = scram_server_step(connection->scram, body, &sasl);
	if (fake->auth == FAKE_SCRAM_UNPROVEN)
		status = SCRAM_DONE;
	else if (status == SCRAM_CONTINUE)
	{
		if (fake->long_nonce > 0)
			fake_lengthen_nonce(fake, &sasl);
		build_auth(&out, 11, buf_slice(&sasl));
	}
	else if (status == SCRAM_DONE)
		build_auth(&out, 12, buf_slice(&sasl));
	buf_release(&sasl);
	fake_send(connection, &out);
	if (status == SCRAM_CONTINUE)
		return;
	scram_server_destroy(connection->scram);
	connection->scram = NULL;
	if (status == SCRAM_DONE)
		fake_welcome(connection);
	else
		fake_wrong_password(connection);
}

static void
fake_check_password(FakeConnection *connection, Slice body)
{
	FakeNode   *fake = connection->fake;
	char		wanted[64];

	if (fake->auth == FAKE_SCRAM || fake->auth == FAKE_SCRAM_UNPROVEN)
	{
		fake_check_scram(connection, body);
		return;
	}
	snprintf(wanted, sizeof(wanted), "%s", fake->password);
	if (fake->auth == FAKE_MD5)
		assert_true(md5_make_response(fake->password, "app", (const uint8_t *) "salt", wanted));
	if (slice_equals(body, slice_make(wanted, strlen(wanted) + 1)))
		fake_welcome(connection);
	else
		fake_wrong_password(connection);
}

static void
fake_copy_param(char *to, size_t size, Slice value)
{
	snprintf(to, size, "%.*s", (int) value.len, value.len > 0 ? value.data : "");
}

static void
fake_note_startup(FakeConnection *connection, const Startup *startup)
{
	FakeNode   *fake = connection->fake;
	size_t		used = 0;

	connection->is_walsender = startup_find_param(startup, "replication").len > 0;
	for (int i = 0; i < startup->nparams && used < sizeof(fake->startup); i++)
		used += (size_t) snprintf(fake->startup + used, sizeof(fake->startup) - used, "%s%s=%s", i > 0 ? " " : "",
								  startup->params[i].name.data, startup->params[i].value.data);
}

static size_t
fake_start(FakeConnection *connection, Slice data)
{
	FakeNode   *fake = connection->fake;
	Startup		startup;

	switch (startup_parse(data, &startup))
	{
		case STARTUP_PARTIAL:
			return 0;
		case STARTUP_CANCEL:
			fake->cancels++;
			fake->cancel_pid = startup.cancel_pid;
			connection->is_started = connection->is_cancel = true;
			if (!fake->hold_cancels)
			{
				stream_destroy(connection->stream, STREAM_FLUSH);
				list_remove(&fake->connections, &connection->node);
				mem_free(connection);
			}
			return data.len;
		case STARTUP_SESSION:
			fake->startups++;
			fake_note_startup(connection, &startup);
			fake_copy_param(fake->application, sizeof(fake->application),
							startup_find_param(&startup, "application_name"));
			fake_copy_param(fake->read_only, sizeof(fake->read_only),
							startup_find_param(&startup, "default_transaction_read_only"));
			fake_copy_param(fake->report_lsn, sizeof(fake->report_lsn),
							startup_find_param(&startup, "andon.report_commit_lsn"));
			connection->is_started = true;
			if (fake->greeting.len > 0)
				stream_write(connection->stream, fake->greeting);
			else if (!fake->is_mute)
				fake_ask(connection);
			return startup.total_len;
		default:
			fail_msg("not a startup packet");
			return 0;
	}
}

static size_t
fake_on_data(void *owner, Slice data)
{
	FakeConnection *connection = owner;
	FakeNode   *fake = connection->fake;
	Frame		frame;
	Slice		text;

	if (!connection->is_started)
		return fake_start(connection, data);
	if (connection->is_in && fake->on_messages != NULL)
		return fake->on_messages(connection, data);
	if (frame_parse(data, &frame) != FRAME_OK)
		return 0;
	if (frame.type == 'p')
		fake_check_password(connection, frame.body);
	else if (frame.type == 'X')
		fake->terminated++;
	else
	{
		assert_int_equal(frame.type, 'Q');
		assert_true(message_parse_query(frame.body, &text));
		fake_answer_query(connection, text);
		if (frame.total_len < data.len && fake->connections.count > 0)
			return frame.total_len + fake_on_data(owner, slice_skip(data, frame.total_len));
	}
	return frame.total_len;
}

void
fake_on_closed(void *owner, const char *why)
{
	FakeConnection *connection = owner;

	if (connection->fake->on_gone != NULL)
		connection->fake->on_gone(connection);
	scram_server_destroy(connection->scram);
	stream_destroy(connection->stream, STREAM_DROP);
	list_remove(&connection->fake->connections, &connection->node);
	mem_free(connection);
}

static const StreamEvents fake_events = {.on_data = fake_on_data, .on_closed = fake_on_closed};

static void
fake_on_accept(void *arg, int fd, const PeerAddress *peer)
{
	FakeNode   *fake = arg;
	FakeConnection *connection = mem_alloc(sizeof(FakeConnection));

	fake->accepted++;
	connection->fake = fake;
	list_push_tail(&fake->connections, &connection->node);
	connection->stream = stream_create(fake->loop, fd, &fake_events, connection);
}

void
fake_listen(FakeNode *fake)
{
	const SocketWish wish = {.address = "127.0.0.1", .port = fake->port, .count = 1};
	ListenerConfig config = {.nworkers = 1};
	Error		error;

	fake->sockets = sockets_create();
	if (!sockets_open_tcp(fake->sockets, &wish, &error) || !sockets_listen(fake->sockets, &error))
		fail_msg("%s", error.message);
	config.sockets = fake->sockets;
	fake->listener = listener_create(fake->loop, &config, fake_on_accept, fake);
	fake->port = socket_port(sockets_get(fake->sockets, 0)->fd);
}

void
fake_stop_listening(FakeNode *fake)
{
	listener_destroy(fake->listener);
	sockets_destroy(fake->sockets);
	fake->listener = NULL;
	fake->sockets = NULL;
}

void
fake_node_init(FakeNode *fake, Loop *loop)
{
	memset(fake, 0, sizeof(*fake));
	fake->loop = loop;
	list_init(&fake->connections);
	fake_listen(fake);
}

/* Ends all its connections, as a crash would. */
void
fake_node_crash(FakeNode *fake)
{
	while (!list_is_empty(&fake->connections))
		fake_on_closed(list_entry(list_first(&fake->connections), FakeConnection, node), "crash");
}

void
fake_node_fini(FakeNode *fake)
{
	fake_stop_listening(fake);
	fake_node_crash(fake);
	buf_release(&fake->queries);
}

/* Send these bytes through each connection that is logged in. */
void
fake_node_send(FakeNode *fake, Buf *out)
{
	LIST_FOREACH(node, &fake->connections)
	{
		FakeConnection *connection = list_entry(node, FakeConnection, node);

		if (connection->is_in)
			stream_write(connection->stream, buf_slice(out));
	}
	buf_release(out);
}

bool
fake_node_was_asked(FakeNode *fake, const char *text)
{
	buf_append_u8(&fake->queries, 0);
	fake->queries.end--;
	return strstr(fake->queries.data + fake->queries.start, text) != NULL;
}

long
most_memory_kb(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

/* ---------------------------------------------------------------- a view */

TopologyView *
fake_view(FakeNode *const *nodes, int nnodes)
{
	TopologyView *view = topology_view_create(nnodes);

	view->system_id = 7;
	for (int i = 0; i < nnodes; i++)
	{
		view->nodes[i].name = i == 0 ? "north" : "south";
		view->nodes[i].host = "127.0.0.1";
		view->nodes[i].port = nodes[i]->port;
		view->nodes[i].identity = (NodeIdentity) {7, 1, nodes[i]->is_standby ? NODE_REPLICA : NODE_PRIMARY, 1};
		view->nodes[i].is_usable = true;
		view->nodes[i].sampled_us = clock_now_us();
	}
	return view;
}
