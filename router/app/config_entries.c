/*-------------------------------------------------------------------------
 *
 * config_entries.c
 *	  The words of [databases], [users] and [routes].
 *
 * To add one: a field in ConfigDatabase, ConfigUser or ConfigRoute, a row here, and
 * whoever needs it.  Names and meanings are PgBouncer's where it has them.
 *
 *-------------------------------------------------------------------------
 */
#include "app/config_entries.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define OF_DATABASE(field) .offset = offsetof(ConfigDatabase, field)
#define OF_USER(field) .offset = offsetof(ConfigUser, field)
#define OF_ROUTE(field) .offset = offsetof(ConfigRoute, field)
#define TEXT .type = CONFIG_WORD_TEXT
#define NUMBER(least, most) .type = CONFIG_WORD_INT, .min = least, .max = most
#define MODE .type = CONFIG_WORD_CHOICE, .choices = mode_names

static const char *const mode_names[] = {
	[POOL_MODE_TRANSACTION] = "transaction", [POOL_MODE_SESSION] = "session", NULL
};

const ConfigWord config_database_words[] = {
	{.key = "dbname", TEXT, OF_DATABASE(server_name),
	.doc = "Its name on the nodes, if it is another one"},
	{.key = "user", TEXT, OF_DATABASE(user),
	.doc = "Whoever the client is, the nodes are logged in to as this user; its password is in auth_file"},
	{.key = "pool_mode", MODE, OF_DATABASE(pool_mode),
	.doc = "Instead of pool_mode"},
	{.key = "pool_size", NUMBER(1, 10000), OF_DATABASE(pool_size),
	.doc = "Instead of default_pool_size"},
	{.key = "min_pool_size", NUMBER(0, 10000), OF_DATABASE(min_pool_size),
	.doc = "Instead of min_pool_size"},
	{.key = "reserve_pool_size", NUMBER(0, 10000), OF_DATABASE(reserve_pool_size),
	.doc = "Instead of reserve_pool_size"},
	{.key = "max_db_connections", NUMBER(0, 100000), OF_DATABASE(max_db_connections),
	.doc = "Instead of max_db_connections"},
	{.key = "max_db_client_connections", NUMBER(0, 1000000), OF_DATABASE(max_db_client_connections),
	.doc = "Instead of max_db_client_connections"},
	{.key = "connect_query", TEXT, OF_DATABASE(connect_query),
	.doc = "Run on each new server before clients get it; an error is logged. What it SETs, DISCARD ALL undoes"},
	{.key = "auth_dbname", TEXT, OF_DATABASE(auth_dbname),
	.doc = "Instead of auth_dbname"},
	{.key = NULL}
};

const ConfigWord config_user_words[] = {
	{.key = "pool_mode", MODE, OF_USER(pool_mode),
	.doc = "Instead of pool_mode, also the database's"},
	{.key = "pool_size", NUMBER(1, 10000), OF_USER(pool_size),
	.doc = "Instead of default_pool_size, also the database's"},
	{.key = "reserve_pool_size", NUMBER(0, 10000), OF_USER(reserve_pool_size),
	.doc = "Instead of reserve_pool_size, also the database's"},
	{.key = "max_user_connections", NUMBER(0, 100000), OF_USER(max_user_connections),
	.doc = "Instead of max_user_connections"},
	{.key = "max_user_client_connections", NUMBER(0, 1000000), OF_USER(max_user_client_connections),
	.doc = "Instead of max_user_client_connections"},
	{.key = NULL}
};

const ConfigWord config_route_words[] = {
	{.key = "target", .type = CONFIG_WORD_CHOICE, .choices = route_target_names, OF_ROUTE(target),
	.doc = "Where: primary: nowhere else; replica: reads to replicas, also in session pooling, and what tells of the node; auto: as if there were no rule. Writes go to the primary in any case"},
	{.key = "application", TEXT, OF_ROUTE(application),
	.doc = "Sessions whose application_name fits this pattern; * stands for any characters, ? for one"},
	{.key = "user", TEXT, OF_ROUTE(user),
	.doc = "Sessions of users that fit it"},
	{.key = "database", TEXT, OF_ROUTE(database),
	.doc = "Sessions in databases that fit it, as clients name them"},
	{.key = NULL}
};

static bool set_text(char **field, const char *key, const char *text, Buf *why);
static bool set_choice(const ConfigWord *word, int *field, const char *text, Buf *why);

static char **
text_field(const ConfigWord *word, const void *entry)
{
	return (char **) ((char *) entry + word->offset);
}

static int *
int_field(const ConfigWord *word, const void *entry)
{
	return (int *) ((char *) entry + word->offset);
}

const ConfigWord *
config_find_word(const ConfigWord *words, const char *key)
{
	for (; words->key != NULL; words++)
	{
		if (strcmp(words->key, key) == 0)
			return words;
	}
	return NULL;
}

void
config_words_init(const ConfigWord *words, void *entry)
{
	for (; words->key != NULL; words++)
	{
		if (words->type == CONFIG_WORD_TEXT)
			*text_field(words, entry) = mem_strdup("");
		else
			*int_field(words, entry) = CONFIG_INHERIT;
	}
}

void
config_words_copy(const ConfigWord *words, void *to, const void *from)
{
	for (; words->key != NULL; words++)
	{
		if (words->type != CONFIG_WORD_TEXT)
		{
			*int_field(words, to) = *int_field(words, from);
			continue;
		}
		mem_free(*text_field(words, to));
		*text_field(words, to) = mem_strdup(*text_field(words, from));
	}
}

void
config_words_free(const ConfigWord *words, void *entry)
{
	for (; words->key != NULL; words++)
	{
		if (words->type == CONFIG_WORD_TEXT)
			mem_free(*text_field(words, entry));
	}
}

/* ---------------------------------------------------------------- text */

bool
config_word_set(const ConfigWord *word, void *entry, const char *text, Buf *why)
{
	size_t		len = strlen(text);
	int		   *field = int_field(word, entry);

	if (word->type == CONFIG_WORD_TEXT)
		return set_text(text_field(word, entry), word->key, text, why);
	if (*field != CONFIG_INHERIT)
	{
		buf_printf(why, "%s must be given once", word->key);
		return false;
	}
	if (word->type == CONFIG_WORD_CHOICE)
		return set_choice(word, field, text, why);
	if (len > 0 && len < 9 && strspn(text, "0123456789") == len && atoi(text) >= word->min && atoi(text) <= word->max)
	{
		*field = atoi(text);
		return true;
	}
	buf_printf(why, "%s=%s: must be a whole number, %d to %d", word->key, text, word->min, word->max);
	return false;
}

static bool
set_text(char **field, const char *key, const char *text, Buf *why)
{
	if (**field != '\0' || *text == '\0')
	{
		buf_printf(why, "%s must be given once and not be empty", key);
		return false;
	}
	mem_free(*field);
	*field = mem_strdup(text);
	return true;
}

static bool
set_choice(const ConfigWord *word, int *field, const char *text, Buf *why)
{
	for (int i = 0; word->choices[i] != NULL; i++)
	{
		if (strcmp(word->choices[i], text) == 0)
		{
			*field = i;
			return true;
		}
	}
	buf_printf(why, "%s=%s: must be one of: ", word->key, text);
	config_word_describe(word, why);
	return false;
}

void
config_word_describe(const ConfigWord *word, Buf *out)
{
	if (word->type == CONFIG_WORD_INT)
		buf_printf(out, "%d to %d", word->min, word->max);
	else if (word->type == CONFIG_WORD_TEXT)
		buf_append_string(out, "text");
	else
		for (int i = 0; word->choices[i] != NULL; i++)
			buf_printf(out, "%s%s", i > 0 ? ", " : "", word->choices[i]);
}

void
config_words_print(const ConfigWord *words, const void *entry, Buf *out)
{
	for (; words->key != NULL; words++)
	{
		const char *text = words->type == CONFIG_WORD_TEXT ? *text_field(words, entry) : NULL;
		int			number = text != NULL ? 0 : *int_field(words, entry);

		if (text != NULL ? *text == '\0' : number == CONFIG_INHERIT)
			continue;
		if (buf_len(out) > 0)
			buf_append_u8(out, ' ');
		if (text == NULL && words->type == CONFIG_WORD_INT)
			buf_printf(out, "%s=%d", words->key, number);
		else
			config_print_word(out, words->key, text != NULL ? text : words->choices[number]);
	}
}

/* In quotes where next_word() of config_read_entries.c needs them. */
void
config_print_word(Buf *out, const char *key, const char *value)
{
	bool		plain = strcspn(value, " \t'") == strlen(value);

	buf_printf(out, "%s=%s", key, plain ? value : "'");
	if (plain)
		return;
	for (; *value != '\0'; value++)
	{
		if (*value == '\'')
			buf_append_u8(out, '\'');
		buf_append_u8(out, (uint8_t) *value);
	}
	buf_append_u8(out, '\'');
}
