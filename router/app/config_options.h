/*-------------------------------------------------------------------------
 *
 * config_options.h
 *	  The option table.
 *
 * One row is all there is to know of an option of the section [router].  The
 * files of the configuration walk it: to fill a Config (config.c), to read one
 * (config_read.c), to print it and its reference (config_report.c).
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_APP_CONFIG_OPTIONS_H
#define ROUTER_APP_CONFIG_OPTIONS_H

#include "app/config.h"

typedef enum OptionType
{
	OPTION_STRING,				/* char * */
	OPTION_PATH,				/* char *; relative to the folder of router.ini */
	OPTION_LIST,				/* char *; comma-separated */
	OPTION_INT,					/* int */
	OPTION_TIME,				/* uint64_t, microseconds */
	OPTION_SIZE,				/* uint64_t, bytes */
	OPTION_CHOICE				/* int: index into choices */
} OptionType;

typedef struct ConfigOption
{
	const char *name;
	OptionType	type;
	size_t		offset;			/* of the field in Config */
	const char *default_text;
	uint64_t	min;			/* INT, TIME, SIZE; in the field's unit */
	uint64_t	max;
	const char *const *choices; /* CHOICE: NULL-terminated */
	bool		zero_allowed;	/* 0 means "no limit" or "off", whatever min is */
	bool		needs_restart;
	const char *example;		/* set in the sample file; NULL: its default, as a comment */
	const char *group;			/* heading in the reference and the sample */
	const char *doc;			/* one line; no trailing period */
} ConfigOption;

extern const ConfigOption config_options[];
extern const int config_option_count;

extern const ConfigOption *config_find_option(const char *name);	/* NULL: unknown */

#endif							/* ROUTER_APP_CONFIG_OPTIONS_H */
