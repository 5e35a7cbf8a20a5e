/*-------------------------------------------------------------------------
 *
 * show_process.c
 *	  SHOW CONFIG, VERSION and HELP: what the router is and can do.
 *
 *-------------------------------------------------------------------------
 */
#include "admin/console_internal.h"

#include <stdio.h>

static const ResultColumn config_columns[] = {
	{"key", RESULT_TEXT},
	{"value", RESULT_TEXT},
	{"default", RESULT_TEXT},
	{"changeable", RESULT_TEXT},
};

static const ResultColumn version_columns[] = {
	{"version", RESULT_TEXT},
};

static const ResultColumn help_columns[] = {
	{"command", RESULT_TEXT},
	{"allowed_to", RESULT_TEXT},
	{"description", RESULT_TEXT},
};

const ResultShape show_config_shape = RESULT_SHAPE(config_columns);
const ResultShape show_version_shape = RESULT_SHAPE(version_columns);
const ResultShape show_help_shape = RESULT_SHAPE(help_columns);

static void add_setting(void *arg, const ConsoleSetting *setting);

void
show_config(ConsoleRun *run)
{
	const ConsoleSource *source = console_source(run->console);

	source->each_setting(source->arg, add_setting, run->result);
	console_run_send(run);
}

void
show_version(ConsoleRun *run)
{
	char		text[64];

	snprintf(text, sizeof(text), "andon-router %s", console_source(run->console)->version);
	result_begin_row(run->result);
	result_add_text(run->result, text);
	console_run_send(run);
}

void
show_help(ConsoleRun *run)
{
	for (int i = 0; i < console_command_count(); i++)
	{
		const ConsoleCommand *command = console_command_at(i);
		char		text[2 * CONSOLE_WORD_SIZE];

		snprintf(text, sizeof(text), "%s%s%s", command->verb, command->object ? " " : "",
				 command->object ? command->object : "");
		result_begin_row(run->result);
		result_add_text(run->result, text);
		result_add_text(run->result, command->permission == CONSOLE_STATS ? "admin_users, stats_users" : "admin_users");
		result_add_text(run->result, command->help);
	}
	console_run_send(run);
}

static void
add_setting(void *arg, const ConsoleSetting *setting)
{
	Result	   *result = arg;

	result_begin_row(result);
	result_add_text(result, setting->name);
	result_add_text(result, setting->value);
	result_add_text(result, setting->default_value);
	result_add_text(result, setting->is_reloadable ? "yes" : "no");
}
