/*-------------------------------------------------------------------------
 *
 * fake_pg.c
 *	  The fake server's side of the protocol.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/session/fake_pg_internal.h"

/* ---------------------------------------------------------------- messages */

static void
pg_handle_Query(PgBackend *backend, const char *text)
{
	char		one[4096];
	bool		ok = true;

	if (*text == '\0')
		build_empty(&backend->out, 'I');
	if (strstr(text, "refused by") != NULL)
		ok = pg_raise(backend, SQLSTATE_SYNTAX_ERROR, "syntax error");
	while (ok && *text != '\0' && backend->copy == PG_NO_COPY)
	{
		const char *end = strchr(text, ';');

		snprintf(one, sizeof(one), "%.*s", (int) (end != NULL ? end - text : (long) strlen(text)), text);
		ok = pg_run(backend, pg_skip_comment(one), true);
		text = end != NULL ? pg_skip_comment(end + 1) : "";
	}
	if (backend->copy == PG_NO_COPY)
		pg_ready(backend);
}

static bool
pg_handle_Parse(PgBackend *backend, const char *name, const char *text)
{
	const char *words = pg_skip_comment(text);

	if (backend->status == 'E' && !pg_ends_transaction(words))
		return pg_raise(backend, SQLSTATE_IN_FAILED_TRANSACTION, "current transaction is aborted");
	if (*name != '\0' && pg_find(backend->statements, name) != NULL)
		return pg_raise(backend, SQLSTATE_DUPLICATE_PSTATEMENT, "prepared statement already exists");
	if ((strstr(text, "'fail 42") != NULL ||
		 (backend->node->fail_text != NULL && strncmp(backend->node->fail_sqlstate, "42", 2) == 0)) &&
		!pg_check_words(backend, text))
		return false;
	pg_put(backend->statements, name, text);
	build_empty(&backend->out, '1');
	return true;
}

static bool
pg_handle_Bind(PgBackend *backend, const char *portal, const char *name)
{
	const PgName *statement = pg_find(backend->statements, name);

	if (statement == NULL)
		return pg_raise(backend, SQLSTATE_UNDEFINED_PSTATEMENT, "prepared statement does not exist");
	if (backend->status == 'E' && !pg_ends_transaction(pg_skip_comment(statement->text)))
		return pg_raise(backend, SQLSTATE_IN_FAILED_TRANSACTION, "current transaction is aborted");
	pg_put(backend->portals, portal, statement->text);
	build_empty(&backend->out, '2');
	return true;
}

static bool
pg_handle_Describe(PgBackend *backend, char kind, const char *name)
{
	const char *const column[] = {backend->node->column != NULL ? backend->node->column : "c"};
	const PgName *found = pg_find(kind == 'S' ? backend->statements : backend->portals, name);

	if (found == NULL)
		return pg_raise(backend, kind == 'S' ? SQLSTATE_UNDEFINED_PSTATEMENT : "34000", "does not exist");
	/* PostgreSQL would still describe what gives no rows; through the router it may have to be prepared first */
	if (backend->status == 'E' && !pg_ends_transaction(pg_skip_comment(found->text)))
		return pg_raise(backend, SQLSTATE_IN_FAILED_TRANSACTION, "current transaction is aborted");
	if (kind == 'S')
	{
		size_t		mark = build_begin(&backend->out, 't');

		buf_append_u16(&backend->out, 0);
		build_end(&backend->out, mark);
	}
	if (pg_gives_rows(pg_skip_comment(found->text)))
		build_text_row_description(&backend->out, column, 1);
	else
		build_empty(&backend->out, 'n');
	return true;
}

static bool
pg_handle_Execute(PgBackend *backend, const char *portal)
{
	const PgName *found = pg_find(backend->portals, portal);

	if (found == NULL)
		return pg_raise(backend, "34000", "portal does not exist");
	return pg_run(backend, pg_skip_comment(found->text), false);
}

static bool
pg_handle_copy(PgBackend *backend, const Frame *frame)
{
	bool		was_simple = backend->copy == PG_COPY_SIMPLE;
	bool		ok = true;
	char		tag[32];

	switch (frame->type)
	{
		case 'd':
			backend->copied++;
			if (frame->body.len >= 3 && memcmp(frame->body.data, "bad", 3) == 0)
				ok = pg_raise(backend, "22P02", "invalid input syntax");
			break;
		case 'c':
			snprintf(tag, sizeof(tag), "COPY %zu", backend->copied);
			build_command_complete(&backend->out, tag);
			break;
		case 'f':
			ok = pg_raise(backend, SQLSTATE_QUERY_CANCELED, "COPY from stdin failed");
			break;
		case 'H':
		case 'S':
			return true;		/* not during COPY */
		default:
			fail_msg("message %c during COPY", frame->type);
	}
	if (frame->type == 'd' && ok)
		return true;
	backend->copy = PG_NO_COPY;
	if (was_simple)
	{
		pg_ready(backend);
		return true;
	}
	return ok;
}

static void
pg_log(PgNode *node, const char *format,...)
{
	char		line[8192];
	va_list		args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	buf_append_string(&node->log, line);
	buf_append_u8(&node->log, '\n');
}

/* A text that tells to wait does so until the test or a cancel request ends it. */
static bool
pg_waits(PgBackend *backend, const char *text)
{
	if (strstr(text, "'hang'") == NULL || backend->node->go_on || backend->was_cancelled)
		return false;
	if (!backend->is_hanging)
		backend->node->hanging++;
	backend->is_hanging = true;
	return true;
}

static void
pg_die(void *arg)
{
	fake_on_closed(arg, "told to die");
}

static void
pg_say_last_words(PgBackend *backend)
{
	Error		error = {0};

	if (backend->node->last_words == NULL)
		return;
	error_set(&error, SQLSTATE_ADMIN_SHUTDOWN, "%s", backend->node->last_words);
	build_error(&backend->out, "FATAL", &error);
}

/* Silent from here on, gone at the end of this turn. */
static bool
pg_dies(PgBackend *backend, const char *text)
{
	const char *dies_at = backend->node->dies_at;

	if (strstr(text, "'die'") == NULL && (dies_at == NULL || strstr(text, dies_at) == NULL))
		return false;
	pg_say_last_words(backend);
	backend->is_gone = true;
	loop_later(backend->node->fake.loop, pg_die, backend->connection);
	return true;
}

static const char *
pg_name(Slice name)
{
	return name.len > 0 ? name.data : "";	/* a message ends its strings itself */
}

/* One message; false: not now, it is left unread. */
static bool
pg_handle_message(PgBackend *backend, const Frame *frame)
{
	PgNode	   *node = backend->node;
	Slice		text;
	ParseMessage parse;
	BindMessage bind;
	TargetMessage target;
	ExecuteMessage execute;
	const PgName *portal;
	bool		ok = true;

	if (backend->is_gone)
		return false;
	if (backend->copy != PG_NO_COPY)
	{
		if (frame->type == 'd')
			pg_log(node, "d:%.*s", (int) (frame->body.len < 20 ? frame->body.len : 20), frame->body.data);
		else
			pg_log(node, "%c", frame->type);
		backend->skips = !pg_handle_copy(backend, frame);
		return true;
	}
	if (backend->skips && frame->type != 'S')
	{
		pg_log(node, "skipped %c", frame->type);
		return true;
	}
	switch (frame->type)
	{
		case 'Q':
			assert_true(message_parse_query(frame->body, &text));
			if (pg_waits(backend, text.data))
				return false;
			pg_log(node, "Q:%.*s", text.len > 2000 ? 20 : (int) text.len, text.data);
			if (pg_dies(backend, text.data))
				break;
			if (backend->was_cancelled)
			{
				pg_raise(backend, SQLSTATE_QUERY_CANCELED, "canceling statement due to user request");
				pg_ready(backend);
			}
			else
				pg_handle_Query(backend, pg_skip_comment(text.data));
			backend->was_cancelled = backend->is_hanging = false;
			break;
		case 'P':
			assert_true(message_parse_parse(frame->body, &parse));
			pg_log(node, "P:%s=%s", pg_name(parse.statement), pg_name(parse.text));
			ok = pg_handle_Parse(backend, pg_name(parse.statement), pg_name(parse.text));
			break;
		case 'B':
			assert_true(message_parse_bind_head(frame->body, &bind));
			pg_log(node, "B:%s/%s", pg_name(bind.portal), pg_name(bind.statement));
			ok = pg_handle_Bind(backend, pg_name(bind.portal), pg_name(bind.statement));
			break;
		case 'D':
			assert_true(message_parse_target(frame->body, &target));
			pg_log(node, "D:%c/%s", target.kind, pg_name(target.name));
			ok = pg_handle_Describe(backend, target.kind, pg_name(target.name));
			break;
		case 'C':
			assert_true(message_parse_target(frame->body, &target));
			pg_log(node, "C:%c/%s", target.kind, pg_name(target.name));
			pg_forget(target.kind == 'S' ? backend->statements : backend->portals, pg_name(target.name));
			build_empty(&backend->out, '3');
			break;
		case 'E':
			assert_true(message_parse_execute(frame->body, &execute));
			portal = pg_find(backend->portals, pg_name(execute.portal));
			if (portal != NULL && pg_waits(backend, portal->text))
				return false;
			pg_log(node, "E:%s", pg_name(execute.portal));
			if (portal != NULL && pg_dies(backend, portal->text))
				break;
			if (backend->was_cancelled)
				ok = pg_raise(backend, SQLSTATE_QUERY_CANCELED, "canceling statement due to user request");
			else
				ok = pg_handle_Execute(backend, pg_name(execute.portal));
			backend->was_cancelled = backend->is_hanging = false;
			break;
		case 'S':
			pg_log(node, "S");
			if (backend->status != 'T')
				pg_clear(backend->portals);
			backend->skips = false;
			pg_ready(backend);
			break;
		case 'H':
			pg_log(node, "H");
			break;
		case 'd':
		case 'c':
		case 'f':
			pg_log(node, "ignored %c", frame->type);
			break;
		default:
			fail_msg("the fake knows no message %d", frame->type);
	}
	if (!ok)
		backend->skips = true;
	return true;
}

static PgBackend *
pg_backend(FakeConnection *connection)
{
	PgBackend  *backend = connection->backend;

	if (backend == NULL)
	{
		connection->backend = backend = mem_alloc(sizeof(PgBackend));
		backend->connection = connection;
		backend->node = (PgNode *) connection->fake;
		backend->status = 'I';
	}
	return backend;
}

size_t
pg_on_messages(FakeConnection *connection, Slice data)
{
	PgBackend  *backend = pg_backend(connection);
	size_t		used = 0;
	Frame		frame;
	Slice		text;

	while (frame_parse(slice_skip(data, used), &frame) == FRAME_OK)
	{
		if (frame.type == 'X')
			connection->fake->terminated++;
		else if (frame.type == 'Q' && message_parse_query(frame.body, &text) &&
				 (strstr(text.data, "pg_catalog.pg_proc p") != NULL || strstr(text.data, "enable_commit_lsn") != NULL))
			fake_answer_query(connection, text);
		else if (!pg_handle_message(backend, &frame))
			break;
		used += frame.total_len;
	}
	if (buf_len(&backend->out) > 0)
		fake_send(connection, &backend->out);
	return used;
}

static void
pg_on_gone(FakeConnection *connection)
{
	PgBackend  *backend = connection->backend;

	if (backend == NULL)
		return;
	pg_clear(backend->statements);
	pg_clear(backend->portals);
	pg_clear(backend->gucs);
	pg_clear(backend->gucs_at_begin);
	buf_release(&backend->out);
	mem_free(backend);
}

/* ---------------------------------------------------------------- for tests */

void
pg_node_init(PgNode *node, Loop *on_loop, const char *name, bool is_standby, uint64_t *wal)
{
	memset(node, 0, sizeof(*node));
	fake_node_init(&node->fake, on_loop);
	node->fake.on_messages = pg_on_messages;
	node->fake.on_gone = pg_on_gone;
	node->fake.is_standby = is_standby;
	node->fake.has_extension = true;
	node->name = name;
	node->wal = wal;
	node->replayed = *wal;
}

void
pg_node_fini(PgNode *node)
{
	fake_node_fini(&node->fake);
	buf_release(&node->log);
}

/* What hangs goes on, or fails as cancelled. */
void
pg_wake(PgNode *node, bool cancelled)
{
	node->go_on = !cancelled;
	LIST_FOREACH(at, &node->fake.connections)
	{
		FakeConnection *connection = list_entry(at, FakeConnection, node);
		PgBackend  *backend = connection->backend;

		if (backend == NULL || !backend->is_hanging)
			continue;
		backend->was_cancelled = cancelled;
		stream_pause(connection->stream);
		stream_resume(connection->stream);
	}
}

void
pg_give_up_copy(PgNode *node, const char *sqlstate)
{
	FakeConnection *connection = list_entry(list_first(&node->fake.connections), FakeConnection, node);
	PgBackend  *backend = connection->backend;

	backend->copy = PG_NO_COPY;
	pg_raise(backend, sqlstate, "given up");
	pg_ready(backend);
	fake_send(connection, &backend->out);
}

void
pg_forget_statements(PgNode *node)
{
	FakeConnection *connection = list_entry(list_first(&node->fake.connections), FakeConnection, node);
	PgBackend  *backend = connection->backend;

	pg_clear(backend->statements);
}
