/*-------------------------------------------------------------------------
 *
 * config_read.c
 *	  From router.ini to a Config.
 *
 * Five sections: [router] holds the options of the table, [nodes], [databases],
 * [users] and [routes] hold names with "key=value" words (config_read_entries.c).
 * Reading goes on after an error; what cannot be judged line by line is checked
 * at the end.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/config_options.h"
#include "app/config_read_entries.h"
#include "app/config_values.h"
#include "app/ini.h"
#include "base/memory.h"
#include "base/nearest.h"

#define FILE_SIZE_MAX (1024 * 1024)

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

typedef struct FileReader
{
	ConfigReader reader;
	Section		section;
	bool		complained;		/* about entries before the first section */
} FileReader;

static Config *finish_reading(ConfigReader *reader, int errors_before);
static bool read_text(const char *path, Buf *text, ConfigErrors *errors);
static void on_section(void *arg, int line, const char *section);
static void on_entry(void *arg, int line, const char *section, const char *name, const char *value);
static void on_error(void *arg, int line, const char *message);
static void read_option(ConfigReader *reader, int line, const char *name, const char *value);
static void unknown_option(ConfigReader *reader, int line, const char *name);
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
	int			before = errors->count;
	FileReader	file = {.reader = {.config = config_create(path), .errors = errors, .source = path}};

	file.reader.option_lines = mem_alloc((size_t) config_option_count * sizeof(int));
	ini_read(text, &events, &file);
	check_whole(&file.reader);
	return finish_reading(&file.reader, before);
}

Config *
config_with_option(const Config *running, const char *name, const char *value, ConfigErrors *errors)
{
	const ConfigOption *option = config_find_option(name);
	int			before = errors->count;
	ConfigReader reader = {.config = config_merge_reload(running, running), .errors = errors, .source = "SET"};

	reader.option_lines = mem_alloc((size_t) config_option_count * sizeof(int));
	reader.database_lines = mem_alloc((size_t) (running->ndatabases + 1) * sizeof(int));
	if (option != NULL && option->needs_restart)
		COMPLAIN(&reader, 0, "%s is applied by a restart: change it in the file", name);
	else
		read_option(&reader, 0, name, value);
	if (errors->count == before)
		check_whole(&reader);
	return finish_reading(&reader, before);
}

/* What was read, or NULL if there are more errors than before. */
static Config *
finish_reading(ConfigReader *reader, int errors_before)
{
	mem_free(reader->option_lines);
	mem_free(reader->database_lines);
	mem_free(reader->user_lines);
	mem_free(reader->route_lines);
	if (reader->errors->count == errors_before)
		return reader->config;
	config_unref(reader->config);
	return NULL;
}

static bool
read_text(const char *path, Buf *text, ConfigErrors *errors)
{
	FILE	   *file = fopen(path, "re");
	bool		ok;

	if (file == NULL)
	{
		config_errors_add(errors, path, 0, "cannot be read: %s", strerror(errno));
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
		config_errors_add(errors, path, 0, "cannot be read: %s",
						  ferror(file) ? strerror(errno) : "it is larger than 1 MB");
	fclose(file);
	return ok;
}

static void
on_error(void *arg, int line, const char *message)
{
	COMPLAIN(&((FileReader *) arg)->reader, line, "%s", message);
}

static void
on_section(void *arg, int line, const char *section)
{
	FileReader *file = arg;
	const char *nearest;

	for (int i = 0; section_names[i] != NULL; i++)
	{
		if (strcmp(section_names[i], section) == 0)
		{
			file->section = (Section) (SECTION_ROUTER + i);
			return;
		}
	}
	file->section = SECTION_NONE;
	file->complained = true;
	nearest = nearest_find(section, section_names);
	if (nearest != NULL)
		COMPLAIN(&file->reader, line, "unknown section [%s]; did you mean [%s]?", section, nearest);
	else
		COMPLAIN(&file->reader, line, "unknown section [%s]; there are [router], [nodes], [databases], [users] and [routes]", section);
}

static void
on_entry(void *arg, int line, const char *section, const char *name, const char *value)
{
	FileReader *file = arg;
	ConfigReader *reader = &file->reader;

	switch (file->section)
	{
		case SECTION_NONE:
			if (!file->complained)
				COMPLAIN(reader, line, "\"%s\" stands before any section; begin with [router]", name);
			file->complained = true;
			break;
		case SECTION_ROUTER:
			read_option(reader, line, name, value);
			break;
		case SECTION_NODES:
			config_read_node(reader, line, name, value);
			break;
		case SECTION_DATABASES:
			config_read_database(reader, line, name, value);
			break;
		case SECTION_USERS:
			config_read_user(reader, line, name, value);
			break;
		case SECTION_ROUTES:
			config_read_route(reader, line, name, value);
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
