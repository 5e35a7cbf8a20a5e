/*-------------------------------------------------------------------------
 *
 * config_report.c
 *	  The configuration and its options as people read them.
 *
 * All from the option table: the rows of SHOW CONFIG, --print-config, the
 * reference and the sample file, so that none of them can be out of date.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "app/config.h"
#include "app/config_entries.h"
#include "app/config_options.h"
#include "app/config_values.h"
#include "base/memory.h"

#define RULER "; ----------------------------------------------------------------\n"

static void each_option(const Config *config, void (*fn) (void *arg, const ConfigItem *item), void *arg);
static void print_item(void *arg, const ConfigItem *item);
static void write_words(Buf *out, const char *section, const char *intro, const ConfigWord *words);
static const char *terminated(Buf *buf);

/* ---------------------------------------------------------------- what runs */

void
config_each_item(const Config *config, void (*fn) (void *arg, const ConfigItem *item), void *arg)
{
	Buf			value = BUF_INIT;

	each_option(config, fn, arg);
	for (int i = 0; i < config->nnodes; i++)
	{
		ConfigItem	item = {"nodes", config->nodes[i].name, NULL, NULL, true, "A PostgreSQL server; its role is found out"};

		buf_clear(&value);
		config_print_word(&value, "host", config->nodes[i].host);
		buf_printf(&value, " port=%d", config->nodes[i].port);
		if (config->nodes[i].weight != 1)
			buf_printf(&value, " weight=%d", config->nodes[i].weight);
		item.value = terminated(&value);
		fn(arg, &item);
	}
	for (int i = 0; i < config->ndatabases; i++)
	{
		ConfigItem	item = {"databases", config->databases[i].name, NULL, NULL, false, "A database clients may name"};

		buf_clear(&value);
		config_words_print(config_database_words, &config->databases[i], &value);
		item.value = terminated(&value);
		fn(arg, &item);
	}
	for (int i = 0; i < config->nusers; i++)
	{
		ConfigItem	item = {"users", config->users[i].name, NULL, NULL, false, "What holds for this user"};

		buf_clear(&value);
		config_words_print(config_user_words, &config->users[i], &value);
		item.value = terminated(&value);
		fn(arg, &item);
	}
	for (int i = 0; i < config->nroutes; i++)
	{
		ConfigItem	item = {"routes", config->routes[i].name, NULL, NULL, false, "Where such sessions ask to be run"};

		buf_clear(&value);
		config_words_print(config_route_words, &config->routes[i], &value);
		item.value = terminated(&value);
		fn(arg, &item);
	}
	buf_release(&value);
}

static void
each_option(const Config *config, void (*fn) (void *arg, const ConfigItem *item), void *arg)
{
	Buf			value = BUF_INIT;

	for (int i = 0; i < config_option_count; i++)
	{
		const ConfigOption *option = &config_options[i];
		ConfigItem	item = {"router", option->name, NULL, option->default_text, option->needs_restart, option->doc};

		buf_clear(&value);
		config_value_print(option, config, &value);
		item.value = terminated(&value);
		fn(arg, &item);
	}
	buf_release(&value);
}

typedef struct Printer
{
	Buf		   *out;
	const char *section;
} Printer;

void
config_print(const Config *config, Buf *out)
{
	Printer		printer = {out, ""};

	config_each_item(config, print_item, &printer);
}

static void
print_item(void *arg, const ConfigItem *item)
{
	Printer    *printer = arg;

	if (strcmp(printer->section, item->section) != 0)
		buf_printf(printer->out, "%s[%s]\n", *printer->section != '\0' ? "\n" : "", item->section);
	printer->section = item->section;
	buf_printf(printer->out, "%s =%s%s\n", item->name, *item->value != '\0' ? " " : "", item->value);
}

static const char *
terminated(Buf *buf)
{
	buf_append_u8(buf, 0);
	return buf_slice(buf).data;
}

/* ---------------------------------------------------------------- what there is */

/*
 * One table per group.  A bar inside a cell would end it: no text of ours has
 * one.
 */
void
config_write_markdown(Buf *out)
{
	const char *group = "";

	for (int i = 0; i < config_option_count; i++)
	{
		const ConfigOption *option = &config_options[i];

		if (strcmp(group, option->group) != 0)
			buf_printf(out, "%s### %s\n\n| option | default | allowed | applied by | meaning |\n|---|---|---|---|---|\n",
					   *group != '\0' ? "\n" : "", option->group);
		group = option->group;
		buf_printf(out, "| `%s` | %s%s%s | ", option->name, *option->default_text != '\0' ? "`" : "",
				   *option->default_text != '\0' ? option->default_text : "none",
				   *option->default_text != '\0' ? "`" : "");
		config_value_describe(option, out);
		buf_printf(out, " | %s | %s |\n", option->needs_restart ? "restart" : "reload", option->doc);
	}
	write_words(out, "[databases]", "NAME = KEY=VALUE ..., one line per database that clients may name; * is any other. "
				"Applied by a reload.", config_database_words);
	write_words(out, "[users]", "NAME = KEY=VALUE ..., for users that something else holds for. Applied by a reload.",
				config_user_words);
	write_words(out, "[routes]", "NAME = KEY=VALUE ..., rules for sessions by who they are: the first line of which all fits counts. "
				"A hint in a statement and SET andon.route come before them. Applied by a reload, to sessions that are there too.",
				config_route_words);
}

static void
write_words(Buf *out, const char *section, const char *intro, const ConfigWord *words)
{
	buf_printf(out, "\n### %s\n\n%s\n\n| key | allowed | meaning |\n|---|---|---|\n", section, intro);
	for (; words->key != NULL; words++)
	{
		buf_printf(out, "| `%s` | ", words->key);
		config_word_describe(words, out);
		buf_printf(out, " | %s |\n", words->doc);
	}
}

void
config_write_sample(Buf *out)
{
	const char *group = "";

	buf_append_string(out,
					  "; Configuration of andon-router, with every option.\n"
					  "; Options that are comments show their defaults. SIGHUP or RELOAD on the\n"
					  "; console applies changes; those marked (restart) wait for a restart.\n"
					  "; Check a file with: andon-router -c router.ini --check-config\n"
					  "\n[router]\n");
	for (int i = 0; i < config_option_count; i++)
	{
		const ConfigOption *option = &config_options[i];

		if (strcmp(group, option->group) != 0)
			buf_printf(out, "\n" RULER "; %s\n" RULER, option->group);
		group = option->group;
		buf_printf(out, "\n; %s%s.\n", option->doc, option->needs_restart ? " (restart)" : "");
		if (option->example != NULL)
			buf_printf(out, "%s = %s\n", option->name, option->example);
		else
			buf_printf(out, ";%s =%s%s\n", option->name, *option->default_text != '\0' ? " " : "",
					   option->default_text);
	}
	buf_append_string(out,
					  "\n" RULER "; The PostgreSQL servers: one primary and its streaming replicas. Which is\n"
					  "; which is found out. (restart)\n" RULER
					  "\n[nodes]\n"
					  "north = host=127.0.0.1 port=5432\n"
					  ";south = host=10.0.0.2 port=5432\n"
					  "\n" RULER "; The databases clients may name; * is any other, under its own name.\n" RULER
					  "\n[databases]\n"
					  "* =\n"
					  ";shop = dbname=mes pool_size=5\n"
					  "\n" RULER "; Users that something else holds for.\n" RULER
					  "\n[users]\n"
					  ";batch = pool_mode=session max_user_connections=3\n"
					  "\n" RULER "; Rules for sessions by who they are; the first line that fits counts.\n" RULER
					  "\n[routes]\n"
					  ";reporting = application=grafana* target=replica\n"
					  ";booking = user=cashier database=shop target=primary\n");
}
