/*-------------------------------------------------------------------------
 *
 * config_internal.h
 *	  How a Config is filled; for config.c and config_read*.c only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_APP_CONFIG_INTERNAL_H
#define ROUTER_APP_CONFIG_INTERNAL_H

#include "app/config.h"

/* All options at their defaults, no nodes, no databases; one reference. */
extern Config *config_create(const char *path);

/* The strings are copied. */
extern void config_add_node(Config *config, const char *name, const char *host, int port, int weight);

/* With nothing said but the name; to be filled by the caller, valid until the next is added. */
extern ConfigDatabase *config_add_database(Config *config, const char *name);
extern ConfigUser *config_add_user(Config *config, const char *name);
extern ConfigRoute *config_add_route(Config *config, const char *name);

#endif							/* ROUTER_APP_CONFIG_INTERNAL_H */
