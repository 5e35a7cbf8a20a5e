/*-------------------------------------------------------------------------
 *
 * config_read.c
 *	  From router.ini to a Config.
 *
 * Five sections: [router] holds the options of the table, [nodes], [databases],
 * [users] and [routes] hold names with "key=value" words.  Reading goes on after an
 * error, so that one look tells all of them; what cannot be judged line by
 * line is checked at the end.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/config_entries.h"
#include "app/config_internal.h"
#include "app/config_options.h"
#include "app/config_values.h"
#include "app/ini.h"
#include "base/memory.h"
#include "base/nearest.h"

#define FILE_SIZE_MAX (1024 * 1024)
#define ERRORS_MAX 100
#define NODE_WEIGHT_MAX 1000
#define NODE_NAME_MAX 63

typedef enum Section
{
	SECTION_NONE,				/* before the first, or one that is not known: told already */
	SECTION_ROUTER,
	SECTION_NODES,
	SECTION_DATABASES,
	SECTION_USERS,
	SECTION_ROUTES
} Section;

static const char *const section_names[] = {"router", "nodes", "databases", "users", "routes", NULL};

/* What is known while a file is read. */
typedef struct ConfigReader
{
	Config	   *config;
	ConfigErrors *errors;
	const char *source;			/* what errors begin with */
	Section		section;
	bool		complained;		/* about entries before the first section */
	int		   *option_lines;	/* per option: where it was set; 0: not */
	int			node_lines[TOPOLOGY_MAX_NODES];
	int		   *database_lines; /* per database */
	int		   *user_lines;		/* per user */
	int		   *route_lines;	/* per line of [routes] */
} ConfigReader;

#define COMPLAIN(reader, line, ...) \
	add_error((reader)->errors, (reader)->source, (line), __VA_ARGS__)

/* One "key=value" word of a node or database. */
typedef struct Word
{
	char	   *key;
	char	   *value;
} Word;

static bool read_text(const char *path, Buf *text, ConfigErrors *errors);
static void add_error(ConfigErrors *errors, const char *path, int line, const char *format,...)
			__attribute__((format(printf, 4, 5)));
static void on_section(void *arg, int line, const char *section);
static void on_entry(void *arg, int line, const char *section, const char *name, const char *value);
static void on_error(void *arg, int line, const char *message);
static void read_option(ConfigReader *reader, int line, const char *name, const char *value);
static void unknown_option(ConfigReader *reader, int line, const char *name);
static void read_node(ConfigReader *reader, int line, const char *name, const char *value);
static bool read_node_words(ConfigReader *reader, int line, ConfigNode *node, const char *text);
static bool is_node_name(const char *name);
static void read_database(ConfigReader *reader, int line, const char *name, const char *value);
static void read_user(ConfigReader *reader, int line, const char *name, const char *value);
static void read_route(ConfigReader *reader, int line, const char *name, const char *value);
static void note_line(int **lines, int count, int line);
static void read_words(ConfigReader *reader, int line, const ConfigWord *words, const char *what, void *entry,
					   const char *value);
static void unknown_word(ConfigReader *reader, int line, const ConfigWord *words, const char *what, const char *key);
static bool next_word(const char **text, Word *word, const char **why);
static void free_word(Word *word);
static bool parse_number(const char *text, int min, int max, int *number);
static void check_whole(ConfigReader *reader);

/* ---------------------------------------------------------------- the file */

Config *
config_load(const char *path, ConfigErrors *errors)
{
	Buf			text = BUF_INIT;
	Config	   *config = NULL;

	if (read_text(path, &text, errors))
		config = config_parse(buf_slice(&text), path, errors);
	buf_release(&text);
	return config;
}

Config *
config_parse(Slice text, const char *path, ConfigErrors *errors)
{
	const IniEvents events = {on_entry, on_section, on_error};
	ConfigReader reader = {.config = config_create(path), .errors = errors, .source = path};
	int			before = errors->count;

	reader.option_lines = mem_alloc((size_t) config_option_count * sizeof(int));
	ini_read(text, &events, &reader);
	check_whole(&reader);
	mem_free(reader.option_lines);
	mem_free(reader.database_lines);
	mem_free(reader.user_lines);
	mem_free(reader.route_lines);
	if (errors->count == before)
		return reader.config;
	config_unref(reader.config);
	return NULL;
}

Config *
config_with_option(const Config *running, const char *name, const char *value, ConfigErrors *errors)
{
	const ConfigOption *option = config_find_option(name);
	ConfigReader reader = {.config = config_merge_reload(running, running), .errors = errors, .source = "SET"};
	int			before = errors->count;

	reader.option_lines = mem_alloc((size_t) config_option_count * sizeof(int));
	reader.database_lines = mem_alloc((size_t) (running->ndatabases + 1) * sizeof(int));
	if (option != NULL && option->needs_restart)
		COMPLAIN(&reader, 0, "%s is applied by a restart: change it in the file", name);
	else
		read_option(&reader, 0, name, value);
	if (errors->count == before)
		check_whole(&reader);
	mem_free(reader.option_lines);
	mem_free(reader.database_lines);
	if (errors->count == before)
		return reader.config;
	config_unref(reader.config);
	return NULL;
}

void
config_errors_release(ConfigErrors *errors)
{
	for (int i = 0; i < errors->count; i++)
		mem_free(errors->items[i]);
	mem_free(errors->items);
	*errors = (ConfigErrors) CONFIG_ERRORS_INIT;
}

static bool
read_text(const char *path, Buf *text, ConfigErrors *errors)
{
	FILE	   *file = fopen(path, "re");
	bool		ok;

	if (file == NULL)
	{
		add_error(errors, path, 0, "cannot be read: %s", strerror(errno));
		return false;
	}
	do
	{
		char	   *room = buf_reserve(text, 4096);
		size_t		n = fread(room, 1, 4096, file);

		buf_commit(text, n);
	} while (!feof(file) && !ferror(file) && buf_len(text) <= FILE_SIZE_MAX);
	ok = !ferror(file) && buf_len(text) <= FILE_SIZE_MAX;
	if (!ok)
		add_error(errors, path, 0, "cannot be read: %s",
				  ferror(file) ? strerror(errno) : "it is larger than 1 MB");
	fclose(file);
	return ok;
}

static void
add_error(ConfigErrors *errors, const char *path, int line, const char *format,...)
{
	Buf			text = BUF_INIT;
	char	   *message;
	va_list		args;

	if (errors->count > ERRORS_MAX)
		return;
	va_start(args, format);
	if (vasprintf(&message, format, args) < 0)
		abort();
	va_end(args);
	if (errors->count == ERRORS_MAX)
		buf_printf(&text, "%s: and more errors", path);
	else if (line > 0)
		buf_printf(&text, "%s:%d: %s", path, line, message);
	else
		buf_printf(&text, "%s: %s", path, message);
	free(message);
	errors->items = mem_realloc(errors->items, (size_t) (errors->count + 1) * sizeof(char *));
	errors->items[errors->count++] = mem_strndup(buf_slice(&text));
	buf_release(&text);
}

static void
on_error(void *arg, int line, const char *message)
{
	COMPLAIN((ConfigReader *) arg, line, "%s", message);
}

static void
on_section(void *arg, int line, const char *section)
{
	ConfigReader *reader = arg;
	const char *nearest;

	for (int i = 0; section_names[i] != NULL; i++)
	{
		if (strcmp(section_names[i], section) == 0)
		{
			reader->section = (Section) (SECTION_ROUTER + i);
			return;
		}
	}
	reader->section = SECTION_NONE;
	reader->complained = true;
	nearest = nearest_find(section, section_names);
	if (nearest != NULL)
		COMPLAIN(reader, line, "unknown section [%s]; did you mean [%s]?", section, nearest);
	else
		COMPLAIN(reader, line, "unknown section [%s]; there are [router], [nodes], [databases], [users] and [routes]", section);
}

static void
on_entry(void *arg, int line, const char *section, const char *name, const char *value)
{
	ConfigReader *reader = arg;

	switch (reader->section)
	{
		case SECTION_NONE:
			if (!reader->complained)
				COMPLAIN(reader, line, "\"%s\" stands before any section; begin with [router]", name);
			reader->complained = true;
			break;
		case SECTION_ROUTER:
			read_option(reader, line, name, value);
			break;
		case SECTION_NODES:
			read_node(reader, line, name, value);
			break;
		case SECTION_DATABASES:
			read_database(reader, line, name, value);
			break;
		case SECTION_USERS:
			read_user(reader, line, name, value);
			break;
		case SECTION_ROUTES:
			read_route(reader, line, name, value);
			break;
	}
}

static void
read_option(ConfigReader *reader, int line, const char *name, const char *value)
{
	const ConfigOption *option = config_find_option(name);
	int		   *first;
	Buf			why = BUF_INIT;

	if (option == NULL)
	{
		unknown_option(reader, line, name);
		return;
	}
	first = &reader->option_lines[option - config_options];
	if (value == NULL)
		COMPLAIN(reader, line, "%s has no value: write %s = ...", name, name);
	else if (*first != 0)
		COMPLAIN(reader, line, "%s is set twice, first in line %d", name, *first);
	else if (!config_value_set(option, reader->config, value, &why))
		COMPLAIN(reader, line, "%s = %s: %.*s", name, value, (int) buf_len(&why), buf_slice(&why).data);
	if (*first == 0)
		*first = line;
	buf_release(&why);
}

static void
unknown_option(ConfigReader *reader, int line, const char *name)
{
	const char **names = mem_alloc((size_t) (config_option_count + 1) * sizeof(char *));
	const char *nearest;

	for (int i = 0; i < config_option_count; i++)
		names[i] = config_options[i].name;
	nearest = nearest_find(name, names);
	if (nearest != NULL)
		COMPLAIN(reader, line, "unknown option \"%s\"; did you mean \"%s\"?", name, nearest);
	else
		COMPLAIN(reader, line, "unknown option \"%s\"", name);
	mem_free(names);
}

/* ---------------------------------------------------------------- nodes */

static void
read_node(ConfigReader *reader, int line, const char *name, const char *value)
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

static void
read_database(ConfigReader *reader, int line, const char *name, const char *value)
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

static void
read_user(ConfigReader *reader, int line, const char *name, const char *value)
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

static void
read_route(ConfigReader *reader, int line, const char *name, const char *value)
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

/* ---------------------------------------------------------------- the whole */

static void
check_whole(ConfigReader *reader)
{
	Config	   *config = reader->config;
	const char *console = config->admin_database;

	if (config->nnodes == 0)
		COMPLAIN(reader, 0, "there is no node: add one under [nodes], for example north = host=10.0.0.1 port=5432");
	for (int i = 1; i < config->nnodes; i++)
	{
		for (int j = 0; j < i; j++)
		{
			if (*config->nodes[i].host != '\0' && config->nodes[i].port == config->nodes[j].port &&
				strcmp(config->nodes[i].host, config->nodes[j].host) == 0)
				COMPLAIN(reader, reader->node_lines[i], "node %s is at the same host and port as %s",
						 config->nodes[i].name, config->nodes[j].name);
		}
	}
	for (int i = 0; i < config->ndatabases; i++)
	{
		if (strcmp(config->databases[i].name, console) == 0)
			COMPLAIN(reader, reader->database_lines[i], "database %s is the router's console; "
					 "choose another admin_database to reach it", console);
	}
	if (config->ndatabases == 0)
		config_add_database(config, "*");
	if ((config->auth_type == AUTH_SCRAM_SHA_256 || config->auth_type == AUTH_MD5) &&
		*config->auth_file == '\0' && *config->auth_user == '\0')
		COMPLAIN(reader, 0, "auth_type = %s needs auth_file, the file with users and secrets",
				 config->auth_type == AUTH_MD5 ? "md5" : "scram-sha-256");
	if (config->auth_type == AUTH_HBA && *config->auth_hba_file == '\0')
		COMPLAIN(reader, 0, "auth_type = hba needs auth_hba_file, in the format of pg_hba.conf");
	if (strstr(config->auth_query, "$1") == NULL)
		COMPLAIN(reader, 0, "auth_query has no $1, which stands for the user's name");
	if (config->auth_type == AUTH_PEER && *config->unix_socket_dir == '\0')
		COMPLAIN(reader, 0, "auth_type = peer needs unix_socket_dir: only there the system tells who a client is");
	if (config->auth_type == AUTH_CERT && config->client_tls_sslmode < TLS_MODE_VERIFY_CA)
		COMPLAIN(reader, 0, "auth_type = cert needs client_tls_sslmode = verify-ca: only then a certificate is demanded and checked");
	if (config->server_tls_direct && config->server_tls_sslmode < TLS_MODE_REQUIRE)
		COMPLAIN(reader, 0, "server_tls_negotiation = direct needs server_tls_sslmode = require: there is no asking, and no going on without");
	if (*config->listen_addr == '\0' && *config->unix_socket_dir == '\0')
		COMPLAIN(reader, 0, "there is nothing to listen on: set listen_addr or unix_socket_dir");
	if (config->probe_timeout_us < config->probe_interval_us)
		COMPLAIN(reader, 0, "probe_timeout must not be shorter than probe_interval");
	if (*config->monitor_user == '\0' || *config->monitor_database == '\0')
		COMPLAIN(reader, 0, "monitor_user and monitor_database must not be empty");
}
