/*-------------------------------------------------------------------------
 *
 * config_read_entries.h
 *	  A line of [nodes], [databases], [users] or [routes].
 *
 * For config_read.c, which reads all else of router.ini and makes the reader.
 * What is wrong with a line goes to the reader's errors.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_APP_CONFIG_READ_ENTRIES_H
#define ROUTER_APP_CONFIG_READ_ENTRIES_H

#include "app/config_internal.h"

/* What is known while a configuration is read; made and freed by config_read.c. */
typedef struct ConfigReader
{
	Config	   *config;
	ConfigErrors *errors;
	const char *source;			/* what errors begin with */
	int		   *option_lines;	/* per option: where it was set; 0: not */
	int			node_lines[TOPOLOGY_MAX_NODES];
	int		   *database_lines; /* per database */
	int		   *user_lines;		/* per user */
	int		   *route_lines;	/* per line of [routes] */
} ConfigReader;

#define COMPLAIN(reader, line, ...) \
	config_errors_add((reader)->errors, (reader)->source, (line), __VA_ARGS__)

/* name = value, as the line has them; value is NULL where it has no "=". */
extern void config_read_node(ConfigReader *reader, int line, const char *name, const char *value);
extern void config_read_database(ConfigReader *reader, int line, const char *name, const char *value);
extern void config_read_user(ConfigReader *reader, int line, const char *name, const char *value);
extern void config_read_route(ConfigReader *reader, int line, const char *name, const char *value);

#endif							/* ROUTER_APP_CONFIG_READ_ENTRIES_H */
