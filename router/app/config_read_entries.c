/*-------------------------------------------------------------------------
 *
 * config_read_entries.c
 *	  A line of [nodes], [databases], [users] or [routes].
 *
 * Each is a name, "=" and words of the form key=value.  What the words of the
 * last three may be is a table (config_entries.h); a node has three, of which
 * host must be there.  A name that is there twice is an error that tells of the
 * first.
 *
 *-------------------------------------------------------------------------
 */
#include "app/config_read_entries.h"

#include <stdlib.h>
#include <string.h>

#include "app/config_entries.h"
#include "base/memory.h"

#define NODE_WEIGHT_MAX 1000
#define NODE_NAME_MAX 63

/* One "key=value" word of a node or database. */
typedef struct Word
{
	char	   *key;
	char	   *value;
} Word;

static bool read_node_words(ConfigReader *reader, int line, ConfigNode *node, const char *text);
static bool is_node_name(const char *name);
static void note_line(int **lines, int count, int line);
static void read_words(ConfigReader *reader, int line, const ConfigWord *words, const char *what, void *entry,
					   const char *value);
static void unknown_word(ConfigReader *reader, int line, const ConfigWord *words, const char *what, const char *key);
static bool next_word(const char **text, Word *word, const char **why);
static void free_word(Word *word);
static bool parse_number(const char *text, int min, int max, int *number);

/* ---------------------------------------------------------------- nodes */

void
config_read_node(ConfigReader *reader, int line, const char *name, const char *value)
{
	Config	   *config = reader->config;
	ConfigNode	node = {.port = 5432, .weight = 1};
	bool		ok;

	for (int i = 0; i < config->nnodes; i++)
	{
		if (strcmp(config->nodes[i].name, name) == 0)
		{
			COMPLAIN(reader, line, "node %s is there twice, first in line %d", name, reader->node_lines[i]);
			return;
		}
	}
	ok = read_node_words(reader, line, &node, value == NULL ? "" : value);
	if (!is_node_name(name))
		COMPLAIN(reader, line, "\"%s\" is no name for a node: letters, digits, \"_\", \"-\" and \".\", at most %d", name,
				 NODE_NAME_MAX);
	else if (ok && node.host == NULL)
		COMPLAIN(reader, line, "node %s has no host: write %s = host=10.0.0.1 port=5432", name, name);
	else if (config->nnodes == TOPOLOGY_MAX_NODES)
		COMPLAIN(reader, line, "there are more than %d nodes", TOPOLOGY_MAX_NODES);
	else
	{
		/* also one with a wrong word, so that other errors are not made up */
		reader->node_lines[config->nnodes] = line;
		config_add_node(config, name, node.host != NULL ? node.host : "", node.port, node.weight);
	}
	mem_free(node.host);
}

static bool
read_node_words(ConfigReader *reader, int line, ConfigNode *node, const char *text)
{
	Word		word;
	const char *why = NULL;
	bool		ok = true;

	while (next_word(&text, &word, &why))
	{
		if (strcmp(word.key, "host") == 0 && node->host == NULL && *word.value != '\0')
		{
			node->host = word.value;
			word.value = NULL;
		}
		else if (strcmp(word.key, "port") == 0)
		{
			if (!parse_number(word.value, 1, 65535, &node->port))
			{
				COMPLAIN(reader, line, "port=%s: must be a whole number, 1 to 65535", word.value);
				ok = false;
			}
		}
		else if (strcmp(word.key, "weight") == 0)
		{
			if (!parse_number(word.value, 0, NODE_WEIGHT_MAX, &node->weight))
			{
				COMPLAIN(reader, line, "weight=%s: must be a whole number, 0 to %d", word.value, NODE_WEIGHT_MAX);
				ok = false;
			}
		}
		else
		{
			if (strcmp(word.key, "password") == 0 || strcmp(word.key, "user") == 0)
				COMPLAIN(reader, line, "a node has no %s: users and passwords are in auth_file", word.key);
			else if (strcmp(word.key, "host") == 0)
				COMPLAIN(reader, line, "host must be given once and not be empty");
			else
				COMPLAIN(reader, line, "unknown \"%s\"; a node has host, port and weight", word.key);
			ok = false;
		}
		free_word(&word);
	}
	if (why != NULL)
		COMPLAIN(reader, line, "%s", why);
	return ok && why == NULL;
}

static bool
is_node_name(const char *name)
{
	size_t		len = strlen(name);

	return len > 0 && len <= NODE_NAME_MAX &&
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == len;
}

static bool
parse_number(const char *text, int min, int max, int *number)
{
	size_t		len = strlen(text);

	if (len == 0 || len > 5 || strspn(text, "0123456789") != len)
		return false;
	*number = atoi(text);
	return *number >= min && *number <= max;
}

/* ---------------------------------------------------------------- databases, users */

void
config_read_database(ConfigReader *reader, int line, const char *name, const char *value)
{
	Config	   *config = reader->config;
	ConfigDatabase *database;

	for (int i = 0; i < config->ndatabases; i++)
	{
		if (strcmp(config->databases[i].name, name) == 0)
		{
			COMPLAIN(reader, line, "database %s is there twice, first in line %d", name, reader->database_lines[i]);
			return;
		}
	}
	note_line(&reader->database_lines, config->ndatabases, line);
	database = config_add_database(config, name);
	read_words(reader, line, config_database_words, "database", database, value);
	if (*database->server_name == '\0' && strcmp(name, "*") != 0)
	{
		mem_free(database->server_name);
		database->server_name = mem_strdup(name);
	}
}

void
config_read_user(ConfigReader *reader, int line, const char *name, const char *value)
{
	Config	   *config = reader->config;

	for (int i = 0; i < config->nusers; i++)
	{
		if (strcmp(config->users[i].name, name) == 0)
		{
			COMPLAIN(reader, line, "user %s is there twice, first in line %d", name, reader->user_lines[i]);
			return;
		}
	}
	note_line(&reader->user_lines, config->nusers, line);
	read_words(reader, line, config_user_words, "user", config_add_user(config, name), value);
}

void
config_read_route(ConfigReader *reader, int line, const char *name, const char *value)
{
	Config	   *config = reader->config;
	ConfigRoute *route;
	int			before = reader->errors->count;

	for (int i = 0; i < config->nroutes; i++)
	{
		if (strcmp(config->routes[i].name, name) == 0)
		{
			COMPLAIN(reader, line, "route %s is there twice, first in line %d", name, reader->route_lines[i]);
			return;
		}
	}
	note_line(&reader->route_lines, config->nroutes, line);
	route = config_add_route(config, name);
	read_words(reader, line, config_route_words, "route", route, value);
	if (reader->errors->count > before)
		return;
	if (route->target == CONFIG_INHERIT)
		COMPLAIN(reader, line, "route %s has no target: write target=primary, target=replica or target=auto", name);
	else if (*route->application == '\0' && *route->user == '\0' && *route->database == '\0')
		COMPLAIN(reader, line, "route %s says of no session: write application=, user= or database= and a pattern; * fits all", name);
}

static void
note_line(int **lines, int count, int line)
{
	*lines = mem_realloc(*lines, (size_t) (count + 1) * sizeof(int));
	(*lines)[count] = line;
}

/* what: "database", "user" or "route" */
static void
read_words(ConfigReader *reader, int line, const ConfigWord *words, const char *what, void *entry, const char *value)
{
	const char *text = value == NULL ? "" : value;
	const char *why = NULL;
	Word		word;

	while (next_word(&text, &word, &why))
	{
		const ConfigWord *known = config_find_word(words, word.key);
		Buf			wrong = BUF_INIT;

		if (known != NULL && !config_word_set(known, entry, word.value, &wrong))
			COMPLAIN(reader, line, "%.*s", (int) buf_len(&wrong), buf_slice(&wrong).data);
		else if (known == NULL)
			unknown_word(reader, line, words, what, word.key);
		buf_release(&wrong);
		free_word(&word);
	}
	if (why != NULL)
		COMPLAIN(reader, line, "%s", why);
}

static void
unknown_word(ConfigReader *reader, int line, const ConfigWord *words, const char *what, const char *key)
{
	Buf			list = BUF_INIT;

	if (strcmp(key, "host") == 0 || strcmp(key, "port") == 0)
		COMPLAIN(reader, line, "a %s has no %s: servers are listed in [nodes]", what, key);
	else if (strcmp(key, "password") == 0)
		COMPLAIN(reader, line, "a %s has no password here: passwords are in auth_file", what);
	else
	{
		for (; words->key != NULL; words++)
			buf_printf(&list, "%s%s", buf_len(&list) > 0 ? ", " : "", words->key);
		COMPLAIN(reader, line, "unknown \"%s\"; a %s has %.*s", key, what, (int) buf_len(&list), buf_slice(&list).data);
	}
	buf_release(&list);
}

/* ---------------------------------------------------------------- words */

/*
 * The next "key=value"; a value with blanks stands in quotes, '' inside them is
 * one quote.  False at the end, or with why set.
 */
static bool
next_word(const char **text, Word *word, const char **why)
{
	const char *at = *text + strspn(*text, " \t");
	size_t		key_len = strcspn(at, "= \t");
	Buf			value = BUF_INIT;

	if (*at == '\0')
		return false;
	if (key_len == 0 || at[key_len] != '=')
	{
		*why = "expected words of the form key=value";
		return false;
	}
	word->key = mem_strndup(slice_make(at, key_len));
	at += key_len + 1;
	if (*at == '\'')
	{
		for (at++; *at != '\0' && (*at != '\'' || at[1] == '\''); at++)
		{
			buf_append_u8(&value, (uint8_t) *at);
			if (*at == '\'')
				at++;
		}
		if (*at == '\'')
			at++;
		else
			*why = "a quote is not closed";
	}
	else
	{
		size_t		len = strcspn(at, " \t");

		buf_append(&value, slice_make(at, len));
		at += len;
	}
	word->value = mem_strndup(buf_slice(&value));
	buf_release(&value);
	*text = at;
	if (*why == NULL)
		return true;
	free_word(word);
	return false;
}

static void
free_word(Word *word)
{
	mem_free(word->key);
	mem_free(word->value);
}
