/*-------------------------------------------------------------------------
 *
 * config_options.h
 *	  The option table, and values as text.
 *
 * One row is all there is to know of an option of the section [router].  Used
 * by config.c, which fills a Config with it, and by config_report.c.
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

/* Set the field from text; false: why says what is allowed. */
extern bool config_option_set(const ConfigOption *option, Config *config, const char *text, Buf *why);

/* Append the field's value as config_option_set() would read it. */
extern void config_option_print(const ConfigOption *option, const Config *config, Buf *out);
extern void config_option_copy(const ConfigOption *option, Config *to, const Config *from);
extern bool config_option_equals(const ConfigOption *option, const Config *a, const Config *b);
extern void config_option_free(const ConfigOption *option, Config *config);

/* What may be written, for the reference: "1 to 65535", "session, eventual, primary". */
extern void config_option_describe(const ConfigOption *option, Buf *out);

/* The most similar of names (NULL-terminated) if it is similar at all, or NULL. */
extern const char *config_nearest(const char *name, const char *const *names);

#endif							/* ROUTER_APP_CONFIG_OPTIONS_H */
