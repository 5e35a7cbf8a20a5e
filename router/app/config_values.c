/*-------------------------------------------------------------------------
 *
 * config_values.c
 *	  Values of options: read from text, checked, printed, copied, compared.
 *
 * Times and sizes need a unit, so that nobody has to know which one is meant.
 *
 *-------------------------------------------------------------------------
 */
#include "app/config_values.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/memory.h"

typedef struct Unit
{
	const char *name;
	uint64_t	factor;
} Unit;

/* from the smallest up */
static const Unit time_units[] = {
	{"us", 1}, {"ms", US_PER_MS}, {"s", US_PER_SEC}, {"min", 60 * US_PER_SEC}, {"h", 3600 * US_PER_SEC},
	{"d", 24 * 3600 * US_PER_SEC}, {NULL, 0}
};
static const Unit size_units[] = {
	{"B", 1}, {"kB", 1 << 10}, {"MB", 1 << 20}, {"GB", 1 << 30}, {NULL, 0}
};

static bool set_string(const ConfigOption *option, Config *config, const char *text, Buf *why);
static bool set_int(const ConfigOption *option, Config *config, const char *text, Buf *why);
static bool set_quantity(const ConfigOption *option, Config *config, const char *text, Buf *why);
static bool set_choice(const ConfigOption *option, Config *config, const char *text, Buf *why);
static bool parse_number(const char *text, uint64_t *number, const char **rest);
static bool is_in_range(const ConfigOption *option, uint64_t value);
static const Unit *units_of(const ConfigOption *option);
static const Unit *find_unit(const Unit *units, const char *name);
static void print_quantity(const Unit *units, uint64_t value, Buf *out);

static char **
string_field(const ConfigOption *option, const Config *config)
{
	return (char **) ((char *) config + option->offset);
}

static int *
int_field(const ConfigOption *option, const Config *config)
{
	return (int *) ((char *) config + option->offset);
}

static uint64_t *
quantity_field(const ConfigOption *option, const Config *config)
{
	return (uint64_t *) ((char *) config + option->offset);
}

/* ---------------------------------------------------------------- from text */

bool
config_value_set(const ConfigOption *option, Config *config, const char *text, Buf *why)
{
	switch (option->type)
	{
		case OPTION_STRING:
		case OPTION_PATH:
		case OPTION_LIST:
			return set_string(option, config, text, why);
		case OPTION_INT:
			return set_int(option, config, text, why);
		case OPTION_TIME:
		case OPTION_SIZE:
			return set_quantity(option, config, text, why);
		case OPTION_CHOICE:
			return set_choice(option, config, text, why);
	}
	return false;
}

static bool
set_string(const ConfigOption *option, Config *config, const char *text, Buf *why)
{
	char	  **field = string_field(option, config);
	const char *slash = option->type == OPTION_PATH && *text != '\0' && *text != '/' ?
		strrchr(config->path, '/') : NULL;
	Buf			path = BUF_INIT;

	if (slash != NULL)
		buf_append(&path, slice_make(config->path, (size_t) (slash + 1 - config->path)));
	buf_append_string(&path, text);
	mem_free(*field);
	*field = mem_strndup(buf_slice(&path));
	buf_release(&path);
	return true;
}

static bool
set_int(const ConfigOption *option, Config *config, const char *text, Buf *why)
{
	uint64_t	number;
	const char *rest;

	if (!parse_number(text, &number, &rest) || *rest != '\0' || !is_in_range(option, number))
	{
		buf_append_string(why, "must be a whole number, ");
		config_value_describe(option, why);
		return false;
	}
	*int_field(option, config) = (int) number;
	return true;
}

static bool
set_quantity(const ConfigOption *option, Config *config, const char *text, Buf *why)
{
	const Unit *units = units_of(option);
	const Unit *unit;
	const char *rest;
	uint64_t	number;

	if (parse_number(text, &number, &rest))
	{
		rest += strspn(rest, " \t");
		unit = find_unit(units, rest);
		if (number == 0 && *rest == '\0')
			unit = &units[0];
		if (unit != NULL && number <= UINT64_MAX / unit->factor && is_in_range(option, number * unit->factor))
		{
			*quantity_field(option, config) = number * unit->factor;
			return true;
		}
		if (*rest == '\0' && number != 0)
		{
			buf_printf(why, "has no unit: write %" PRIu64 "%s or %" PRIu64 "%s, for example",
					   number, units[1].name, number, units[2].name);
			return false;
		}
	}
	buf_append_string(why, option->type == OPTION_TIME ? "must be a time with its unit (us, ms, s, min, h, d), " :
					  "must be a size with its unit (B, kB, MB, GB), ");
	config_value_describe(option, why);
	return false;
}

static bool
set_choice(const ConfigOption *option, Config *config, const char *text, Buf *why)
{
	for (int i = 0; option->choices[i] != NULL; i++)
	{
		if (strcmp(option->choices[i], text) == 0)
		{
			*int_field(option, config) = i;
			return true;
		}
	}
	buf_append_string(why, "must be one of: ");
	config_value_describe(option, why);
	return false;
}

static bool
parse_number(const char *text, uint64_t *number, const char **rest)
{
	char	   *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*number = strtoull(text, &end, 10);
	*rest = end;
	return errno == 0;
}

static bool
is_in_range(const ConfigOption *option, uint64_t value)
{
	return (value == 0 && option->zero_allowed) || (value >= option->min && value <= option->max);
}

static const Unit *
units_of(const ConfigOption *option)
{
	return option->type == OPTION_TIME ? time_units : size_units;
}

static const Unit *
find_unit(const Unit *units, const char *name)
{
	for (const Unit *unit = units; unit->name != NULL; unit++)
	{
		if (strcasecmp(unit->name, name) == 0)
			return unit;
	}
	return NULL;
}

/* ---------------------------------------------------------------- to text */

void
config_value_print(const ConfigOption *option, const Config *config, Buf *out)
{
	switch (option->type)
	{
		case OPTION_STRING:
		case OPTION_PATH:
		case OPTION_LIST:
			buf_append_string(out, *string_field(option, config));
			break;
		case OPTION_INT:
			buf_printf(out, "%d", *int_field(option, config));
			break;
		case OPTION_TIME:
		case OPTION_SIZE:
			print_quantity(units_of(option), *quantity_field(option, config), out);
			break;
		case OPTION_CHOICE:
			buf_append_string(out, option->choices[*int_field(option, config)]);
			break;
	}
}

/* In the largest unit that needs no fraction. */
static void
print_quantity(const Unit *units, uint64_t value, Buf *out)
{
	const Unit *best = &units[0];

	for (const Unit *unit = units; unit->name != NULL; unit++)
	{
		if (value % unit->factor == 0)
			best = unit;
	}
	if (value == 0)
		buf_append_string(out, "0");
	else
		buf_printf(out, "%" PRIu64 "%s", value / best->factor, best->name);
}

void
config_value_describe(const ConfigOption *option, Buf *out)
{
	switch (option->type)
	{
		case OPTION_STRING:
			buf_append_string(out, "text");
			break;
		case OPTION_PATH:
			buf_append_string(out, "path");
			break;
		case OPTION_LIST:
			buf_append_string(out, "list");
			break;
		case OPTION_INT:
			buf_printf(out, "%s%" PRIu64 " to %" PRIu64, option->zero_allowed ? "0 or " : "",
					   option->min, option->max);
			break;
		case OPTION_TIME:
		case OPTION_SIZE:
			buf_append_string(out, option->zero_allowed ? "0 or " : "");
			print_quantity(units_of(option), option->min, out);
			buf_append_string(out, " to ");
			print_quantity(units_of(option), option->max, out);
			break;
		case OPTION_CHOICE:
			for (int i = 0; option->choices[i] != NULL; i++)
				buf_printf(out, "%s%s", i > 0 ? ", " : "", option->choices[i]);
			break;
	}
}

/* ---------------------------------------------------------------- fields */

void
config_value_copy(const ConfigOption *option, Config *to, const Config *from)
{
	switch (option->type)
	{
		case OPTION_STRING:
		case OPTION_PATH:
		case OPTION_LIST:
			{
				char	   *copy = mem_strdup(*string_field(option, from));

				mem_free(*string_field(option, to));
				*string_field(option, to) = copy;
				break;
			}
		case OPTION_INT:
		case OPTION_CHOICE:
			*int_field(option, to) = *int_field(option, from);
			break;
		case OPTION_TIME:
		case OPTION_SIZE:
			*quantity_field(option, to) = *quantity_field(option, from);
			break;
	}
}

bool
config_value_equals(const ConfigOption *option, const Config *a, const Config *b)
{
	switch (option->type)
	{
		case OPTION_STRING:
		case OPTION_PATH:
		case OPTION_LIST:
			return strcmp(*string_field(option, a), *string_field(option, b)) == 0;
		case OPTION_INT:
		case OPTION_CHOICE:
			return *int_field(option, a) == *int_field(option, b);
		case OPTION_TIME:
		case OPTION_SIZE:
			return *quantity_field(option, a) == *quantity_field(option, b);
	}
	return false;
}

void
config_value_free(const ConfigOption *option, Config *config)
{
	if (option->type == OPTION_STRING || option->type == OPTION_PATH || option->type == OPTION_LIST)
		mem_free(*string_field(option, config));
}
