/*-------------------------------------------------------------------------
 *
 * fake_pg.h
 *	  Enough of a PostgreSQL server for the sessions' tests, on a fake node.
 *
 * It follows the protocol as PostgreSQL does (transaction status, skipping to
 * Sync after an error, COPY, statements and portals with names), knows
 * settings and the position of the log, and writes down each message it gets,
 * one per line:
 *
 *	  Q:text  P:name=text  B:portal/statement  D:S/name  E:portal  C:S/name  S  H  d:bytes
 *
 * What a text does is told by its first words; what goes wrong by words
 * anywhere in it: 'fail 42P01' raises that error, 'hang' waits until the test
 * says go on or a cancel request comes, 'die' ends the connection, 'big' gives a
 * row of BIG_ROW bytes.  A row's value is the node's name; 'guc NAME' in a text
 * makes it that setting as the server has it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TESTS_FAKE_PG_H
#define TESTS_FAKE_PG_H

#include "router/unit/backend/fake_node.h"

#include <strings.h>

#define PG_NAMES 64
#define BIG_ROW (300 * 1024)
#define LSN_STEP 0x100

typedef struct PgNode
{
	FakeNode	fake;			/* first: a FakeNode is a PgNode */
	const char *name;
	uint64_t   *wal;			/* the insert position of the cluster */
	Lsn			replayed;		/* of a replica */
	Buf			log;			/* what it was sent, a line each */
	const char *fail_text;		/* statements with these words fail here only; NULL: none */
	const char *fail_sqlstate;
	const char *dies_at;		/* a statement with these words ends its connection; NULL: none */
	int			hanging;		/* statements that have begun to wait */
	bool		go_on;			/* they wait no longer */
} PgNode;

typedef struct PgName
{
	char		name[64];
	char	   *text;			/* owned; NULL: free */
} PgName;

typedef enum PgCopy
{
	PG_NO_COPY,
	PG_COPY_SIMPLE,
	PG_COPY_EXTENDED
} PgCopy;

typedef struct PgBackend
{
	FakeConnection *connection;
	PgNode	   *node;
	char		status;
	bool		skips;			/* to the next Sync */
	bool		wrote;			/* in the transaction */
	bool		is_hanging;
	bool		was_cancelled;
	bool		is_gone;
	PgCopy		copy;
	size_t		copied;
	PgName		statements[PG_NAMES];
	PgName		portals[PG_NAMES];
	PgName		gucs[PG_NAMES];
	PgName		gucs_at_begin[PG_NAMES];
	Buf			out;
} PgBackend;

/* ---------------------------------------------------------------- names */

static inline PgName *
pg_find(PgName *names, const char *name)
{
	for (int i = 0; i < PG_NAMES; i++)
	{
		if (names[i].text != NULL && strcmp(names[i].name, name) == 0)
			return &names[i];
	}
	return NULL;
}

static inline void
pg_forget(PgName *names, const char *name)
{
	PgName	   *found = pg_find(names, name);

	if (found != NULL)
	{
		mem_free(found->text);
		found->text = NULL;
	}
}

static inline void
pg_put(PgName *names, const char *name, const char *text)
{
	pg_forget(names, name);
	for (int i = 0; i < PG_NAMES; i++)
	{
		if (names[i].text == NULL)
		{
			snprintf(names[i].name, sizeof(names[i].name), "%s", name);
			names[i].text = mem_strdup(text);
			return;
		}
	}
	fail_msg("too many names");
}

static inline void
pg_clear(PgName *names)
{
	for (int i = 0; i < PG_NAMES; i++)
	{
		mem_free(names[i].text);
		names[i].text = NULL;
	}
}

/* As DEALLOCATE ALL: the unnamed statement stays. */
static inline void
pg_clear_named(PgName *names)
{
	for (int i = 0; i < PG_NAMES; i++)
	{
		if (names[i].text == NULL || names[i].name[0] == '\0')
			continue;
		mem_free(names[i].text);
		names[i].text = NULL;
	}
}

static inline void
pg_copy_names(PgName *to, const PgName *from)
{
	pg_clear(to);
	for (int i = 0; i < PG_NAMES; i++)
	{
		to[i] = from[i];
		to[i].text = from[i].text == NULL ? NULL : mem_strdup(from[i].text);
	}
}

/* ---------------------------------------------------------------- words */

static inline bool
pg_begins(const char *text, const char *word)
{
	return strncasecmp(text, word, strlen(word)) == 0;
}

/* The text behind blanks and comments. */
static inline const char *
pg_skip_comment(const char *text)
{
	for (;;)
	{
		const char *end = strncmp(text, "/*", 2) == 0 ? strstr(text, "*/") : NULL;

		if (end != NULL)
			text = end + 2;
		else if (*text == ' ')
			text++;
		else
			return text;
	}
}

static inline bool
pg_gives_rows(const char *text)
{
	return pg_begins(text, "SELECT") || pg_begins(text, "SHOW") || strcasestr(text, "RETURNING") != NULL;
}

static inline bool
pg_is_write(const char *text)
{
	return pg_begins(text, "INSERT") || pg_begins(text, "UPDATE") || pg_begins(text, "DELETE") ||
		pg_begins(text, "CREATE") || pg_begins(text, "COPY");
}

static inline bool
pg_ends_transaction(const char *text)
{
	return pg_begins(text, "COMMIT") || (pg_begins(text, "ROLLBACK") && strcasestr(text, " TO ") == NULL);
}

/* ---------------------------------------------------------------- statements */

static inline bool
pg_raise(PgBackend *backend, const char *sqlstate, const char *message)
{
	Error		error = {0};

	error_set(&error, sqlstate, "%s", message);
	build_error(&backend->out, "ERROR", &error);
	if (backend->status == 'T')
		backend->status = 'E';
	else if (backend->status == 'I')
		pg_copy_names(backend->gucs, backend->gucs_at_begin);	/* all up to the last Sync is one transaction */
	backend->wrote = false;
	return false;
}

/* Errors that the words of the text ask for; true: none. */
static inline bool
pg_check_words(PgBackend *backend, const char *text)
{
	const char *word = strstr(text, "'fail ");
	char		sqlstate[6];

	if (backend->node->fail_text != NULL && strstr(text, backend->node->fail_text) != NULL)
		return pg_raise(backend, backend->node->fail_sqlstate, "fails on this node");
	if (word == NULL)
		return true;
	snprintf(sqlstate, sizeof(sqlstate), "%s", word + strlen("'fail "));
	return pg_raise(backend, sqlstate, "fails as asked");
}

static inline void
pg_begin(PgBackend *backend)
{
	if (backend->status != 'I')
		return;
	backend->status = 'T';
	backend->wrote = false;
}

static inline void
pg_report_commit(PgBackend *backend)
{
	char		value[32];

	if (!backend->wrote)
		return;
	backend->wrote = false;
	*backend->node->wal += LSN_STEP;
	snprintf(value, sizeof(value), "0/%X", (unsigned) *backend->node->wal);
	if (backend->node->fake.has_extension)
		fake_parameter(&backend->out, "andon.commit_lsn", value);
}

static inline const char *
pg_end(PgBackend *backend, const char *text)
{
	bool		commits = pg_begins(text, "COMMIT") && backend->status != 'E';

	if (backend->status != 'I' && !commits)
	{
		pg_copy_names(backend->gucs, backend->gucs_at_begin);
		backend->wrote = false;
	}
	backend->status = 'I';
	if (commits)
		pg_report_commit(backend);
	return commits ? "COMMIT" : "ROLLBACK";
}

/* SET name TO value and SET name = value, the name maybe quoted. */
static inline void
pg_set(PgBackend *backend, const char *text)
{
	char		name[64];
	char		value[64];

	if (pg_begins(text, "RESET ALL"))
		pg_clear(backend->gucs);
	else if (sscanf(text, "%*[RESETreset] \"%63[^\"]\"", name) == 1 && pg_begins(text, "RESET"))
		pg_forget(backend->gucs, name);
	else if (pg_begins(text, "RESET") && sscanf(text, "%*s %63s", name) == 1)
		pg_forget(backend->gucs, name);
	else if (sscanf(text, "%*s \"%63[^\"]\" TO '%63[^']'", name, value) == 2 ||
			 sscanf(text, "%*s %63[^ =] = '%63[^']'", name, value) == 2 ||
			 sscanf(text, "%*s %63[^ =] = %63[^ ;]", name, value) == 2)
		pg_put(backend->gucs, name, value);
	else
		fail_msg("the fake does not read: %s", text);
}

static inline void
pg_row(PgBackend *backend, const char *text)
{
	const char *word = strstr(text, "'guc ");
	char		name[64];
	const PgName *guc;
	const char *value = backend->node->name;
	char	   *big = NULL;
	char		lsn[32];

	if (strstr(text, "pg_current_wal_insert_lsn") != NULL)
	{
		snprintf(lsn, sizeof(lsn), "0/%X", (unsigned) *backend->node->wal);
		value = lsn;
	}
	else if (word != NULL && sscanf(word, "'guc %63[^']'", name) == 1)
	{
		guc = pg_find(backend->gucs, name);
		value = guc != NULL ? guc->text : "-";
	}
	else if (strstr(text, "'big'") != NULL)
	{
		big = mem_alloc(BIG_ROW + 1);
		memset(big, 'b', BIG_ROW);
		value = big;
	}
	build_text_row(&backend->out, &value, 1);
	mem_free(big);
}

/* Run it but for its description; false: it failed. */
static inline bool
pg_run(PgBackend *backend, const char *text, bool is_simple)
{
	const char *const column[] = {"c"};
	const char *tag = "SELECT 1";

	if (backend->status == 'E' && !pg_ends_transaction(text) && !pg_begins(text, "ROLLBACK"))
		return pg_raise(backend, SQLSTATE_IN_FAILED_TRANSACTION, "current transaction is aborted");
	if (!pg_check_words(backend, text))
		return false;
	if (pg_is_write(text) && backend->node->fake.is_standby && strstr(text, "TO STDOUT") == NULL)
		return pg_raise(backend, SQLSTATE_READ_ONLY_TRANSACTION, "cannot execute in a read-only transaction");
	if (pg_begins(text, "BEGIN") || pg_begins(text, "START"))
	{
		pg_begin(backend);
		tag = "BEGIN";
	}
	else if (pg_ends_transaction(text))
		tag = pg_end(backend, text);
	else if (pg_begins(text, "ROLLBACK"))
	{
		backend->status = 'T';
		tag = "ROLLBACK";
	}
	else if (pg_begins(text, "SET") || pg_begins(text, "RESET"))
	{
		pg_set(backend, text);
		tag = pg_begins(text, "SET") ? "SET" : "RESET";
	}
	else if (pg_begins(text, "DISCARD ALL") || pg_begins(text, "DEALLOCATE ALL"))
	{
		if (pg_begins(text, "DISCARD") && backend->status != 'I')
			return pg_raise(backend, "25001", "DISCARD ALL cannot run inside a transaction block");
		pg_clear_named(backend->statements);
		if (pg_begins(text, "DISCARD"))
			pg_clear(backend->gucs);
		tag = pg_begins(text, "DISCARD") ? "DISCARD ALL" : "DEALLOCATE ALL";
	}
	else if (pg_begins(text, "DEALLOCATE "))
	{
		const char *name = text + strlen("DEALLOCATE ");

		if (pg_find(backend->statements, name) == NULL)
			return pg_raise(backend, SQLSTATE_UNDEFINED_PSTATEMENT, "prepared statement does not exist");
		pg_forget(backend->statements, name);
		tag = "DEALLOCATE";
	}
	else if (pg_begins(text, "COPY") && strcasestr(text, "FROM STDIN") != NULL)
	{
		buf_append(&backend->out, slice_make("G\0\0\0\7\0\0\0", 8));
		backend->copy = is_simple ? PG_COPY_SIMPLE : PG_COPY_EXTENDED;
		backend->copied = 0;
		backend->wrote = true;
		return true;
	}
	else if (pg_is_write(text))
	{
		backend->wrote = true;
		tag = pg_begins(text, "INSERT") ? "INSERT 0 1" : pg_begins(text, "UPDATE") ? "UPDATE 1" : "OK";
	}
	else if (!pg_gives_rows(text))
		tag = "OK";
	if (pg_gives_rows(text))
	{
		if (is_simple)
			build_text_row_description(&backend->out, column, 1);
		pg_row(backend, text);
	}
	build_command_complete(&backend->out, tag);
	return true;
}

static inline void
pg_ready(PgBackend *backend)
{
	if (backend->status == 'I')
	{
		pg_report_commit(backend);
		pg_copy_names(backend->gucs_at_begin, backend->gucs);
	}
	build_ready(&backend->out, backend->status);
}

/* ---------------------------------------------------------------- messages */

static inline void
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

static inline bool
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

static inline bool
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

static inline bool
pg_handle_Describe(PgBackend *backend, char kind, const char *name)
{
	const char *const column[] = {"c"};
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

static inline bool
pg_handle_Execute(PgBackend *backend, const char *portal)
{
	const PgName *found = pg_find(backend->portals, portal);

	if (found == NULL)
		return pg_raise(backend, "34000", "portal does not exist");
	return pg_run(backend, pg_skip_comment(found->text), false);
}

static inline bool
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

static inline void
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
static inline bool
pg_waits(PgBackend *backend, const char *text)
{
	if (strstr(text, "'hang'") == NULL || backend->node->go_on || backend->was_cancelled)
		return false;
	if (!backend->is_hanging)
		backend->node->hanging++;
	backend->is_hanging = true;
	return true;
}

static inline void
pg_die(void *arg)
{
	fake_on_closed(arg, "told to die");
}

/* Silent from here on, gone at the end of this turn. */
static inline bool
pg_dies(PgBackend *backend, const char *text)
{
	const char *dies_at = backend->node->dies_at;

	if (strstr(text, "'die'") == NULL && (dies_at == NULL || strstr(text, dies_at) == NULL))
		return false;
	backend->is_gone = true;
	loop_later(backend->node->fake.loop, pg_die, backend->connection);
	return true;
}

static inline const char *
pg_name(Slice name)
{
	return name.len > 0 ? name.data : "";	/* a message ends its strings itself */
}

/* One message; false: not now, it is left unread. */
static inline bool
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

static inline PgBackend *
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

static inline size_t
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

static inline void
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

static inline void
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

static inline void
pg_node_fini(PgNode *node)
{
	fake_node_fini(&node->fake);
	buf_release(&node->log);
}

/* What hangs goes on, or fails as cancelled. */
static inline void
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

#endif							/* TESTS_FAKE_PG_H */
