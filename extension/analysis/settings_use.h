/*-------------------------------------------------------------------------
 *
 * settings_use.h
 *	  May what a definition says, or what writing its board runs, depend on settings?
 *
 * Where it may, the settings of the board's creation are put in force for each
 * drain (spi_util.h), which costs a writer more than to find and write the row.
 * In doubt the answer is yes.
 *
 * Called when a board plan is built.  Reads catalogs only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_ANALYSIS_SETTINGS_USE_H
#define ANDON_ANALYSIS_SETTINGS_USE_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"
#include "utils/relcache.h"

/* May what the query, over these relations, gives depend on settings? */
extern bool settings_use_in_query(Query *query, const List *sources);

/* Does a write of a row of the table run anything of its owner's? */
extern bool settings_use_in_writes(Relation table);

#endif							/* ANDON_ANALYSIS_SETTINGS_USE_H */
