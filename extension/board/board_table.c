/*-------------------------------------------------------------------------
 *
 * board_table.c
 *	  The relations of a board: definition view, table, indexes.
 *
 * A board is small and rewritten all the time: pages keep room for new row
 * versions, and vacuum comes by the number of dead rows rather than by a share
 * of the table.  Each index is written by each change of a status, so a board
 * has only those that every board needs (docs/decisions/0003-board-indexes.md),
 * and their pages keep room too: one that is full has to be searched for dead
 * entries or split, which costs as much as dozens of entries.  The one for the
 * order ends with the key: there is nothing in it to deduplicate.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "base/spi_util.h"
#include "board/board_table.h"

#define STORAGE_OPTIONS \
	"fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, " \
	"autovacuum_vacuum_threshold = 500, autovacuum_analyze_scale_factor = 0.05"

/* Measured: see docs/decisions/0003-board-indexes.md. */
#define INDEX_OPTIONS	"fillfactor = 60"
#define ORDER_OPTIONS	INDEX_OPTIONS ", deduplicate_items = off"

static Oid	find_made(const BoardRequest *request, const char *name);

Oid
board_table_create_view(const BoardRequest *request)
{
	/* the line end closes a comment at the end of the query */
	spi_run(psprintf("CREATE VIEW %s AS\n%s\n",
					 quote_qualified_identifier(request->schema, request->view_name),
					 request->query));
	return find_made(request, request->view_name);
}

Oid
board_table_create(const BoardRequest *request)
{
	char	   *table = quote_qualified_identifier(request->schema, request->name);
	StringInfoData buf;

	spi_run(psprintf("CREATE TABLE %s WITH (%s) AS SELECT d.*, "
					 "pg_catalog.now() AS %s, 0::pg_catalog.int8 AS %s FROM %s d WITH NO DATA",
					 table, STORAGE_OPTIONS, BOARD_SINCE, BOARD_VERSION,
					 quote_qualified_identifier(request->schema, request->view_name)));

	initStringInfo(&buf);
	appendStringInfo(&buf, "ALTER TABLE %s ALTER %s SET NOT NULL, ALTER %s SET NOT NULL",
					 table, BOARD_SINCE, BOARD_VERSION);
	for (int i = 0; i < list_length(request->key_names); i++)
		appendStringInfo(&buf, ", ALTER %s SET NOT NULL",
						 quote_identifier(list_nth(request->key_names, i)));
	spi_run(buf.data);
	return find_made(request, request->name);
}

void
board_table_create_indexes(const BoardRequest *request)
{
	char	   *table = quote_qualified_identifier(request->schema, request->name);
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < list_length(request->key_names); i++)
		appendStringInfo(&buf, "%s%s", i ? ", " : "",
						 quote_identifier(list_nth(request->key_names, i)));
	spi_run(psprintf("ALTER TABLE %s ADD PRIMARY KEY (%s) WITH (%s)", table, buf.data, INDEX_OPTIONS));
	spi_run(psprintf("CREATE INDEX ON %s (%s%s) WITH (%s)", table,
					 quote_identifier(request->status), request->order_columns, ORDER_OPTIONS));
}

void
board_table_drop(const Board *board)
{
	if (get_rel_name(board->relid))
		spi_run(psprintf("DROP TABLE %s", spi_util_relation_name(board->relid)));
	if (get_rel_name(board->view))
		spi_run(psprintf("DROP VIEW %s", spi_util_relation_name(board->view)));
}

static Oid
find_made(const BoardRequest *request, const char *name)
{
	return get_relname_relid(name, get_namespace_oid(request->schema, false));
}
