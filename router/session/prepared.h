/*-------------------------------------------------------------------------
 *
 * prepared.h
 *	  Prepared statements in transaction pooling.
 *
 * A client's statement is a name for a Prepared: text and parameter types,
 * shared by all clients of the worker that prepared the same.  On servers it
 * is called andon_<number>; which server has which is the server's knowledge
 * (backend/server.h).  A Prepared lives while somebody names it, and the last
 * PREPARED_KEEP of them (of PREPARED_KEEP_BYTES together) longer; its number is
 * never used again.
 *
 * Names are given and taken when a unit is sent, before the server has said
 * yes.  What a unit changes is written down in a PreparedLog, so that what an
 * error skipped, or a unit that is run again from its beginning, can be undone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_SESSION_PREPARED_H
#define ROUTER_SESSION_PREPARED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "wire/description.h"

#define PREPARED_NAME_PREFIX "andon_"
#define PREPARED_NAME_SIZE 32
#define PREPARED_KEEP 1024
#define PREPARED_KEEP_BYTES (16 * 1024 * 1024)

typedef struct Prepared Prepared;
typedef struct PreparedTable PreparedTable; /* all of one worker */
typedef struct PreparedMap PreparedMap; /* names of one client */

extern PreparedTable *prepared_table_create(void);
extern void prepared_table_destroy(PreparedTable *table);
extern size_t prepared_table_count(const PreparedTable *table);

/* What makes two statements the same. */
typedef struct PreparedKey
{
	Slice		text;
	uint16_t	nparams;
	Slice		param_types;	/* as in Parse */
	Slice		settings;		/* names and literals in the text may mean other things under others */
} PreparedKey;

/* The shared statement of that key; a reference.  is_new: nobody has asked for it lately. */
extern Prepared *prepared_get(PreparedTable *table, const PreparedKey *key, bool *is_new);

/* One of that key that nobody else is ever given; a reference. */
extern Prepared *prepared_make_private(PreparedTable *table, const PreparedKey *key);

/* Was it prepared under these settings? */
extern bool prepared_fits(const Prepared *prepared, Slice settings);

extern bool prepared_is_retired(const Prepared *prepared);

/* Its plan is of no use any more: who prepares the same from now on gets another number. */
extern void prepared_table_retire(PreparedTable *table, uint64_t number);
extern Prepared *prepared_ref(Prepared *prepared);
extern void prepared_unref(Prepared *prepared); /* NULL is fine */
extern uint64_t prepared_number(const Prepared *prepared);
extern Slice prepared_text(const Prepared *prepared);
extern uint16_t prepared_nparams(const Prepared *prepared);
extern Slice prepared_param_types(const Prepared *prepared);

/* The name it has on servers, written to buffer. */
extern Slice prepared_server_name(uint64_t number, char buffer[PREPARED_NAME_SIZE]);
extern bool prepared_is_server_name(Slice name);	/* could it be one of those? */

/* A client's names.  The unnamed statement is the empty name.  An empty map owns no memory. */
extern PreparedMap *prepared_map_create(void);
extern void prepared_map_destroy(PreparedMap *map);	/* NULL is fine */
extern Prepared *prepared_map_find(const PreparedMap *map, Slice name); /* borrowed; NULL: unknown */
extern void prepared_map_put(PreparedMap *map, Slice name, Prepared *prepared);	/* takes the reference */

/* What the client was told of it; forgotten when the name is given anew. */
extern void prepared_map_describe(PreparedMap *map, Slice name, uint64_t number, const Description *description);
extern Description prepared_map_description(const PreparedMap *map, Slice name);
extern bool prepared_map_has_descriptions(const PreparedMap *map);	/* of any, ever */

/*
 * A name may be placed: the session's server, and no other, has it as it is,
 * for SQL to find (placed.c).  Messages about it pass unchanged, and whether
 * there still is such a statement only that server knows.
 */
extern bool prepared_map_is_placed(const PreparedMap *map, Slice name);
extern bool prepared_map_has_placed(const PreparedMap *map);
extern void prepared_map_remove_placed(PreparedMap *map);	/* all of them */

extern bool prepared_map_remove(PreparedMap *map, Slice name);
extern void prepared_map_clear(PreparedMap *map);	/* as DEALLOCATE ALL: not the unnamed one */
extern size_t prepared_map_count(const PreparedMap *map);

typedef struct PreparedChange
{
	char	   *name;			/* owned; NULL: the unnamed statement */
	Prepared   *before;			/* a reference, or NULL: there was none */
	Description described;		/* as before */
	bool		was_placed;
} PreparedChange;

/* Zeroed before first use. */
typedef struct PreparedLog
{
	PreparedChange *changes;	/* owned */
	size_t		count;
	size_t		cap;
	size_t		answered;		/* the first of them are in force on the server too */
} PreparedLog;

extern void prepared_log_put(PreparedLog *log, PreparedMap *map, Slice name, Prepared *prepared);	/* takes the reference */
extern void prepared_log_place(PreparedLog *log, PreparedMap *map, Slice name);	/* not the unnamed one */
extern void prepared_log_remove(PreparedLog *log, PreparedMap *map, Slice name);
extern void prepared_log_undo(PreparedLog *log, PreparedMap *map, size_t keep);	/* all but the first keep changes */
extern void prepared_log_clear(PreparedLog *log);	/* forgets, keeps the memory */
extern void prepared_log_release(PreparedLog *log);

#endif							/* ROUTER_SESSION_PREPARED_H */
