/*-------------------------------------------------------------------------
 *
 * fake_pg_run.c
 *	  What statements do on the fake server, told by their first words.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/session/fake_pg_internal.h"

#include <strings.h>

#include "session/prepared.h"

/* ---------------------------------------------------------------- names */

PgName *
pg_find(PgName *names, const char *name)
{
	for (int i = 0; i < PG_NAMES; i++)
	{
		if (names[i].text != NULL && strcmp(names[i].name, name) == 0)
			return &names[i];
	}
	return NULL;
}

void
pg_forget(PgName *names, const char *name)
{
	PgName	   *found = pg_find(names, name);

	if (found != NULL)
	{
		mem_free(found->text);
		found->text = NULL;
	}
}

void
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

void
pg_clear(PgName *names)
{
	for (int i = 0; i < PG_NAMES; i++)
	{
		mem_free(names[i].text);
		names[i].text = NULL;
	}
}

/* As DEALLOCATE ALL: the unnamed statement stays. */
static void
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

static void
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

static bool
pg_begins(const char *text, const char *word)
{
	return strncasecmp(text, word, strlen(word)) == 0;
}

/* The text behind blanks and comments. */
const char *
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

bool
pg_gives_rows(const char *text)
{
	return pg_begins(text, "SELECT") || pg_begins(text, "SHOW") || strcasestr(text, "RETURNING") != NULL;
}

static bool
pg_is_write(const char *text)
{
	return pg_begins(text, "INSERT") || pg_begins(text, "UPDATE") || pg_begins(text, "DELETE") ||
		pg_begins(text, "CREATE") || pg_begins(text, "COPY");
}

bool
pg_ends_transaction(const char *text)
{
	return pg_begins(text, "COMMIT") || (pg_begins(text, "ROLLBACK") && strcasestr(text, " TO ") == NULL);
}

/* ---------------------------------------------------------------- statements */

/* An error as build_error() would write it, if errors were that long. */
static void
pg_build_long_error(Buf *out, const char *sqlstate, size_t message_bytes)
{
	size_t		mark = build_begin(out, 'E');

	buf_append(out, slice_make("SERROR\0VERROR\0C", 15));
	buf_append(out, slice_make(sqlstate, 6));
	buf_append_u8(out, 'M');
	memset(buf_reserve(out, message_bytes), 'm', message_bytes);
	buf_commit(out, message_bytes);
	buf_append(out, slice_make("\0\0", 2));
	build_end(out, mark);
}

bool
pg_raise(PgBackend *backend, const char *sqlstate, const char *message)
{
	Error		error = {0};

	error_set(&error, sqlstate, "%s", message);
	error.routine = backend->node->fail_routine;
	if (backend->node->error_bytes > 0)
		pg_build_long_error(&backend->out, error.sqlstate, backend->node->error_bytes);
	else
		build_error(&backend->out, "ERROR", &error);
	if (backend->status == 'T')
		backend->status = 'E';
	else if (backend->status == 'I')
		pg_copy_names(backend->gucs, backend->gucs_at_begin);	/* all up to the last Sync is one transaction */
	backend->wrote = false;
	return false;
}

/* Errors that the words of the text ask for; true: none. */
bool
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

static void
pg_begin(PgBackend *backend)
{
	if (backend->status != 'I')
		return;
	backend->status = 'T';
	backend->wrote = false;
}

static void
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

static const char *
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
static void
pg_set(PgBackend *backend, const char *text)
{
	char		name[64];
	char		value[64];

	if (pg_begins(text, "SET LOCAL") || pg_begins(text, "SET TRANSACTION"))
		return;
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

/* One that the router has not named. */
static bool
pg_has_clients_statement(const PgBackend *backend)
{
	for (int i = 0; i < PG_NAMES; i++)
	{
		const PgName *statement = &backend->statements[i];

		if (statement->text != NULL && statement->name[0] != '\0' && !pg_begins(statement->name, PREPARED_NAME_PREFIX))
			return true;
	}
	return false;
}

static void
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
	else if (strstr(text, "OPERATOR(pg_catalog.") != NULL || strstr(text, "SELECT CASE WHEN") == text)
		value = backend->node->state_left != NULL ? backend->node->state_left :
			strstr(text, "pg_prepared_statements") != NULL && pg_has_clients_statement(backend) ? "16" : "0";
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
bool
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
	else if (pg_begins(text, "EXECUTE "))
	{
		const PgName *found = pg_find(backend->statements, text + strlen("EXECUTE "));

		if (found == NULL)
			return pg_raise(backend, SQLSTATE_UNDEFINED_PSTATEMENT, "prepared statement does not exist");
		if (pg_begins(pg_skip_comment(found->text), "EXECUTE "))	/* itself, maybe */
			return pg_raise(backend, "54001", "stack depth limit exceeded");
		return pg_run(backend, pg_skip_comment(found->text), is_simple);
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

void
pg_ready(PgBackend *backend)
{
	if (backend->status == 'I')
	{
		pg_report_commit(backend);
		pg_copy_names(backend->gucs_at_begin, backend->gucs);
	}
	build_ready(&backend->out, backend->status);
}
