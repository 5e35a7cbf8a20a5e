/*-------------------------------------------------------------------------
 *
 * import.c
 *	  Reads a PgBouncer configuration and writes a router.ini.
 *
 * In PgBouncer each database says where its server is; here [nodes] are the
 * servers of one cluster, and which of them is the primary is found out.  So all
 * hosts of [databases] become nodes, and several of them are told of: they must
 * be a primary and its replicas.
 *
 * The syntax is PgBouncer's own: lines, comments at the beginning of one only,
 * %include, names in double quotes, connection strings of key=value words.
 *
 *-------------------------------------------------------------------------
 */
#include "app/import.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/config_entries.h"
#include "app/config_internal.h"
#include "app/import_internal.h"
#include "base/memory.h"

#define BLANKS " \t\r\v\f"
#define DEPTH_MAX 10
#define DEFAULT_SOCKET_DIR "/var/run/postgresql"

typedef enum Section
{
	SECTION_OTHER,
	SECTION_DATABASES,
	SECTION_USERS,
	SECTION_PGBOUNCER,
	SECTION_PEERS
} Section;

/* Where the words of one database or user go. */
typedef struct Entry
{
	const char *name;
	char	   *host;			/* owned, like all here; NULL: not said */
	char	   *port;
	char	   *user;
	char	   *password;
} Entry;

static bool read_file(Import *import, const char *path);
static void read_line(Import *import, char *line, Section *section);
static void read_section(Import *import, const char *name, Section *section);
static void read_entry(Import *import, char *line, Section section);
static char *trim(char *text);
static bool take_name(char **text, char **name);
static void read_database(Import *import, const char *name, char *text);
static void read_user(Import *import, const char *name, char *text);
static bool next_word(char **text, char **key, char **value);
static void write_word(Import *import, const ConfigWord *words, void *scratch, Buf *out, const char *key, const char *value);
static bool take_place(Entry *entry, const char *key, const char *value);
static void add_nodes(Import *import, const Entry *entry);
static void add_node(Import *import, const char *host, const char *port);
static void keep_secret(Import *import, const Entry *entry);
static void write_result(Import *import, Buf *out);
static bool check_result(Import *import, Buf *out);

bool
import_pgbouncer(const char *path, Buf *out, Buf *notes)
{
	Import		import = {.notes = notes, .scratch = config_create("router.ini")};
	bool		ok = read_file(&import, path);

	if (ok)
	{
		import.path = path;
		import.line = 0;
		import_defaults(&import);
		if (import.addresses.count == 0)
		{
			add_node(&import, DEFAULT_SOCKET_DIR, "5432");
			import_note(&import, "no database says where its server is: [nodes] has %s", DEFAULT_SOCKET_DIR);
		}
		if (import.addresses.count > 1)
			import_note(&import, "[nodes] has %d servers: they must be one primary and its replicas;"
						" another cluster takes another router", import.addresses.count);
		if (!names_has(&import.set, "monitor_user"))
			import_note(&import, "monitor_user is postgres: name a role in it that may log in to every database");
		write_result(&import, out);
		ok = check_result(&import, out);
	}
	buf_release(&import.router);
	buf_release(&import.nodes);
	buf_release(&import.databases);
	buf_release(&import.users);
	buf_release(&import.secrets);
	names_release(&import.set);
	names_release(&import.addresses);
	mem_free(import.auth_user);
	config_unref(import.scratch);
	return ok;
}

void
import_note(Import *import, const char *format,...)
{
	va_list		args;
	char	   *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	if (import->line > 0)
		buf_printf(import->notes, "%s:%d: %s\n", import->path, import->line, text);
	else
		buf_printf(import->notes, "%s: %s\n", import->path, text);
	free(text);
}

/* ---------------------------------------------------------------- lines */

static bool
read_file(Import *import, const char *path)
{
	FILE	   *file = fopen(path, "re");
	const char *outer_path = import->path;
	int			outer_line = import->line;
	Section		section = SECTION_OTHER;
	char	   *line = NULL;
	size_t		size = 0;

	if (file == NULL)
	{
		if (import->path == NULL)
			import->path = path;
		import_note(import, "%s cannot be read: %s", path, strerror(errno));
		return false;
	}
	import->path = path;
	for (import->line = 1; getline(&line, &size, file) >= 0; import->line++)
		read_line(import, line, &section);
	free(line);
	fclose(file);
	import->path = outer_path;
	import->line = outer_line;
	return true;
}

static void
read_line(Import *import, char *line, Section *section)
{
	char	   *text = trim(line);
	size_t		len = strlen(text);

	if (len == 0 || *text == ';' || *text == '#')
		return;
	if (strncmp(text, "%include", 8) == 0 && strchr(BLANKS, text[8]) != NULL)
	{
		if (import->depth == DEPTH_MAX)
			import_note(import, "%%include is too deep: this file is left out");
		else
		{
			import->depth++;
			read_file(import, trim(text + 8));
			import->depth--;
		}
	}
	else if (*text == '[' && text[len - 1] == ']')
	{
		text[len - 1] = '\0';
		read_section(import, trim(text + 1), section);
	}
	else
		read_entry(import, text, *section);
}

static void
read_section(Import *import, const char *name, Section *section)
{
	static const char *const names[] = {"databases", "users", "pgbouncer", "peers"};

	*section = SECTION_OTHER;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		if (strcmp(names[i], name) == 0)
			*section = (Section) (SECTION_DATABASES + i);
	}
	if (*section == SECTION_OTHER)
		import_note(import, "section [%s] is not known: its lines are left out", name);
	else if (*section == SECTION_PEERS)
		import_note(import, "[peers] is not converted: cancel requests find their process without it");
}

static void
read_entry(Import *import, char *line, Section section)
{
	char	   *name;

	if (section == SECTION_OTHER || section == SECTION_PEERS)
		return;					/* told at its section */
	if (!take_name(&line, &name))
		import_note(import, "the line is not understood: it is no \"name = value\"");
	else if (section == SECTION_PGBOUNCER)
		import_option(import, name, line);
	else if (*name == '\0' || strpbrk(name, "=:;#[]\n") != NULL || strcmp(trim(name), name) != 0)
		import_note(import, "a name with such characters cannot stand in a router.ini: this line is left out");
	else if (section == SECTION_DATABASES)
		read_database(import, name, line);
	else
		read_user(import, name, line);
}

static char *
trim(char *text)
{
	char	   *end;

	text += strspn(text, BLANKS "\n");
	end = text + strlen(text);
	while (end > text && strchr(BLANKS "\n", end[-1]) != NULL)
		end--;
	*end = '\0';
	return text;
}

/* "name = ", the name maybe in double quotes; text is what follows. */
static bool
take_name(char **text, char **name)
{
	char	   *at = *text;
	char	   *to = at;
	char	   *equals;

	*name = at;
	if (*at != '"')
	{
		equals = strchr(at, '=');
		if (equals == NULL)
			return false;
		*equals = '\0';
		*name = trim(at);
		*text = trim(equals + 1);
		return **name != '\0';
	}
	for (at++; *at != '\0' && (*at != '"' || at[1] == '"'); at++)
	{
		*to++ = *at;
		if (*at == '"')
			at++;
	}
	if (*at != '"')
		return false;
	at += 1 + strspn(at + 1, BLANKS);
	if (*at != '=')
		return false;
	*to = '\0';
	*text = trim(at + 1);
	return true;
}

/* ---------------------------------------------------------------- entries */

static void
read_database(Import *import, const char *name, char *text)
{
	ConfigDatabase scratch = {0};
	Entry		entry = {.name = name};
	Buf			words = BUF_INIT;
	char	   *key;
	char	   *value;

	config_words_init(config_database_words, &scratch);
	while (next_word(&text, &key, &value))
	{
		if (!take_place(&entry, key, value))
			write_word(import, config_database_words, &scratch, &words, key, value);
	}
	if (*text != '\0')
		import_note(import, "the connection string of %s is not understood from one of its words on", name);
	buf_printf(&import->databases, "%s =%.*s\n", name, (int) buf_len(&words), buf_len(&words) ? buf_slice(&words).data : "");
	add_nodes(import, &entry);
	keep_secret(import, &entry);
	buf_release(&words);
	config_words_free(config_database_words, &scratch);
	mem_free(entry.host);
	mem_free(entry.port);
	mem_free(entry.user);
	mem_free(entry.password);
}

static void
read_user(Import *import, const char *name, char *text)
{
	ConfigUser	scratch = {0};
	Buf			words = BUF_INIT;
	char	   *key;
	char	   *value;

	config_words_init(config_user_words, &scratch);
	while (next_word(&text, &key, &value))
		write_word(import, config_user_words, &scratch, &words, key, value);
	if (*text != '\0')
		import_note(import, "the words of %s are not understood from one of them on", name);
	buf_printf(&import->users, "%s =%.*s\n", name, (int) buf_len(&words), buf_len(&words) ? buf_slice(&words).data : "");
	buf_release(&words);
	config_words_free(config_user_words, &scratch);
}

/* "key = value", blanks around "=" allowed, '' in quotes is one; both are made in place.  False: the end, or no word. */
static bool
next_word(char **text, char **key, char **value)
{
	char	   *at = *text + strspn(*text, BLANKS);
	char	   *start = at;
	char	   *to;
	size_t		key_len = strcspn(at, "=" BLANKS);

	at += key_len;
	at += strspn(at, BLANKS);
	*text = start;
	if (key_len == 0 || *at != '=')
		return false;
	at += 1 + strspn(at + 1, BLANKS);
	*value = to = at;
	if (*at == '\'')
	{
		for (at++; *at != '\0' && (*at != '\'' || at[1] == '\''); at++)
		{
			*to++ = *at;
			if (*at == '\'')
				at++;
		}
		if (*at != '\'')
			return false;
		at++;
	}
	else
		to = at += strcspn(at, BLANKS);
	*text = *at != '\0' ? at + 1 : at;
	*to = '\0';
	start[key_len] = '\0';
	*key = start;
	return true;
}

/* Where a server is and as whom to go there: not words of a database here. */
static bool
take_place(Entry *entry, const char *key, const char *value)
{
	char	  **place = strcmp(key, "host") == 0 ? &entry->host : strcmp(key, "port") == 0 ? &entry->port :
		strcmp(key, "password") == 0 ? &entry->password : NULL;

	if (strcmp(key, "user") == 0 && entry->user == NULL)
		entry->user = mem_strdup(value);	/* and is a word, too */
	if (place == NULL)
		return false;
	mem_free(*place);
	*place = mem_strdup(value);
	return true;
}

static void
write_word(Import *import, const ConfigWord *words, void *scratch, Buf *out, const char *key, const char *value)
{
	const ConfigWord *word;
	Buf			why = BUF_INIT;

	if (strcmp(key, "reserve_pool") == 0)
		key = "reserve_pool_size";
	if (strcmp(key, "pool_mode") == 0 && strcmp(value, "statement") == 0)
	{
		import_note(import, "pool_mode=statement is transaction here: there is no statement pooling");
		value = "transaction";
	}
	word = config_find_word(words, key);
	if (word == NULL)
		import_note(import, "%s is not converted: %s", key, import_why_no_word(words, key));
	else if (strstr(value, " ;") != NULL || !config_word_set(word, scratch, value, &why))
		import_note(import, "%s is not converted: the router allows other values", key);
	else
	{
		buf_append_string(out, " ");
		config_print_word(out, key, value);
	}
	buf_release(&why);
}

/* ---------------------------------------------------------------- nodes, secrets */

static void
add_nodes(Import *import, const Entry *entry)
{
	const char *port = entry->port != NULL ? entry->port : "5432";
	char	   *hosts = mem_strdup(entry->host != NULL && entry->host[0] != '\0' ? entry->host : DEFAULT_SOCKET_DIR);
	char	   *rest = hosts;
	char	   *host;

	while ((host = strsep(&rest, ",")) != NULL)
	{
		if (*trim(host) != '\0')
			add_node(import, trim(host), port);
	}
	mem_free(hosts);
}

/* Each once.  Its name is its address, as far as a name may have such letters. */
static void
add_node(Import *import, const char *host, const char *port)
{
	char	   *address;
	char		name[64];
	size_t		len = 0;

	if (asprintf(&address, "%s %s", host, port) < 0)
		abort();
	if (names_add(&import->addresses, address))
	{
		if (*host == '/')
			len = (size_t) snprintf(name, sizeof(name), "local");
		for (const char *c = host; *host != '/' && *c != '\0' && len < sizeof(name) - 8; c++)
			name[len++] = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.", *c) != NULL ? *c : '_';
		name[len] = '\0';
		if (strcmp(port, "5432") != 0 && strlen(port) <= 5)
			snprintf(name + len, sizeof(name) - len, "-%s", port);
		buf_printf(&import->nodes, "%s = ", name);
		config_print_word(&import->nodes, "host", host);
		buf_printf(&import->nodes, " port=%s\n", port);
	}
	free(address);
}

static void
keep_secret(Import *import, const Entry *entry)
{
	const char *parts[] = {entry->user, entry->password};

	if (entry->password == NULL)
		return;
	import_note(import, "the password of %s belongs into auth_file: it is in the result, as a comment", entry->name);
	if (entry->user == NULL)
		return;
	buf_append_string(&import->secrets, ";");
	for (int i = 0; i < 2; i++)
	{
		buf_append_string(&import->secrets, " \"");
		for (const char *c = parts[i]; *c != '\0'; c++)
			buf_printf(&import->secrets, *c == '"' ? "\"\"" : "%c", *c);
		buf_append_string(&import->secrets, "\"");
	}
	buf_append_string(&import->secrets, "\n");
}

/* ---------------------------------------------------------------- the result */

static void
write_section(Buf *out, const char *head, Buf *body)
{
	if (buf_len(body) == 0)
		return;
	buf_append_string(out, head);
	buf_append(out, buf_slice(body));
}

static void
write_result(Import *import, Buf *out)
{
	write_section(out, "; Lines for auth_file, of passwords in connection strings. Take them from here.\n", &import->secrets);
	write_section(out, "[router]\n", &import->router);
	write_section(out, "\n[nodes]\n", &import->nodes);
	write_section(out, "\n[databases]\n", &import->databases);
	write_section(out, "\n[users]\n", &import->users);
}

static bool
check_result(Import *import, Buf *out)
{
	ConfigErrors errors = CONFIG_ERRORS_INIT;
	Config	   *config = config_parse(buf_slice(out), "router.ini", &errors);

	for (int i = 0; i < errors.count; i++)
		buf_printf(import->notes, "the result is not good yet: %s\n", errors.items[i]);
	config_errors_release(&errors);
	config_unref(config);
	return config != NULL;
}
