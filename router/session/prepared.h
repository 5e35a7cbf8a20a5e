/*-------------------------------------------------------------------------
 *
 * prepared.h
 *	  Prepared statements in transaction pooling.
 *
 * A client's statement is a name for a Prepared: text and parameter types,
 * shared by all clients of the worker that prepared the same.  On servers it
 * is called andon_<number>; which server has which is the server's knowledge
 * (backend/server.h).  A Prepared lives while somebody names it, and the last
 * PREPARED_KEEP of them longer; its number is never used again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_SESSION_PREPARED_H
#define ROUTER_SESSION_PREPARED_H

#include <stdint.h>

#include "base/slice.h"

#define PREPARED_NAME_PREFIX "andon_"
#define PREPARED_NAME_SIZE 32
#define PREPARED_KEEP 1024

typedef struct Prepared Prepared;
typedef struct PreparedTable PreparedTable; /* all of one worker */
typedef struct PreparedMap PreparedMap; /* names of one client */

extern PreparedTable *prepared_table_create(void);
extern void prepared_table_destroy(PreparedTable *table);
extern size_t prepared_table_count(const PreparedTable *table);

/* The shared statement of that text and types; a reference.  is_new: nobody has asked for it lately. */
extern Prepared *prepared_get(PreparedTable *table, Slice text, uint16_t nparams, Slice param_types,
							  bool *is_new);
extern Prepared *prepared_ref(Prepared *prepared);
extern void prepared_unref(Prepared *prepared); /* NULL is fine */
extern uint64_t prepared_number(const Prepared *prepared);
extern Slice prepared_text(const Prepared *prepared);
extern uint16_t prepared_nparams(const Prepared *prepared);
extern Slice prepared_param_types(const Prepared *prepared);

/* The name it has on servers, written to buffer. */
extern Slice prepared_server_name(uint64_t number, char buffer[PREPARED_NAME_SIZE]);

/* A client's names.  The unnamed statement is the empty name.  An empty map owns no memory. */
extern PreparedMap *prepared_map_create(void);
extern void prepared_map_destroy(PreparedMap *map);	/* NULL is fine */
extern Prepared *prepared_map_find(const PreparedMap *map, Slice name); /* borrowed; NULL: unknown */
extern void prepared_map_put(PreparedMap *map, Slice name, Prepared *prepared);	/* takes the reference */
extern bool prepared_map_remove(PreparedMap *map, Slice name);
extern void prepared_map_clear(PreparedMap *map);
extern size_t prepared_map_count(const PreparedMap *map);

#endif							/* ROUTER_SESSION_PREPARED_H */
