/*-------------------------------------------------------------------------
 *
 * board_catalog.c
 *	  The tables of the schema andon: found, read, written as their owner.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "base/spi_util.h"
#include "board/board_catalog.h"

Oid
board_catalog_relid(const char *name)
{
	Oid			schema = get_namespace_oid("andon", true);

	return OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
}

Oid
board_catalog_owner(void)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(board_catalog_relid("board")));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the table andon.board does not exist"),
				 errhint("CREATE EXTENSION andon.")));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* The first index whose leading column it is serves the scan. */
void
board_catalog_scan(const char *table, AttrNumber attno, Oid value, LOCKMODE mode,
				   CatalogRowReader reader, void *arg)
{
	Oid			relid = board_catalog_relid(table);
	Oid			index = InvalidOid;
	Relation	rel;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	ListCell   *cell;

	if (!OidIsValid(relid))
		return;
	rel = table_open(relid, mode);
	foreach(cell, RelationGetIndexList(rel))
	{
		HeapTuple	entry = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));

		if (HeapTupleIsValid(entry))
		{
			if (((Form_pg_index) GETSTRUCT(entry))->indkey.values[0] == attno)
				index = lfirst_oid(cell);
			ReleaseSysCache(entry);
		}
	}
	ScanKeyInit(&key, attno, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(value));
	scan = systable_beginscan(rel, index, OidIsValid(index), NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		reader(rel, tuple, arg);
	systable_endscan(scan);
	table_close(rel, mode);
}

void
board_catalog_run(const char *sql, int nargs, Oid *types, Datum *values)
{
	OwnerScope	scope;
	int			rc;

	spi_util_enter_internal(&scope, board_catalog_owner());
	rc = SPI_execute_with_args(sql, nargs, types, values, NULL, false, 0);
	spi_util_leave_owner(&scope);
	if (rc < 0)
		elog(ERROR, "query on the tables of andon failed: %s", SPI_result_code_string(rc));
}
