/*-------------------------------------------------------------------------
 *
 * config_errors.h
 *	  All that is wrong with a configuration.
 *
 * Reading goes on after an error, so that one look tells all of them; after
 * the first hundred it only says that there are more.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_APP_CONFIG_ERRORS_H
#define ROUTER_APP_CONFIG_ERRORS_H

/* One "FILE:LINE: what" each, in order of lines. */
typedef struct ConfigErrors
{
	char	  **items;			/* owned */
	int			count;
} ConfigErrors;

#define CONFIG_ERRORS_INIT {NULL, 0}

/* line 0: of the whole. */
extern void config_errors_add(ConfigErrors *errors, const char *path, int line, const char *format,...)
			__attribute__((format(printf, 4, 5)));
extern void config_errors_release(ConfigErrors *errors);

#endif							/* ROUTER_APP_CONFIG_ERRORS_H */
