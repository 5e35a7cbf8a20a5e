/*-------------------------------------------------------------------------
 *
 * board_catalog.h
 *	  The tables of the schema andon: found, read, written as their owner.
 *
 * They belong to the extension's owner, whoever asks.  They are read by index
 * scans, which ask for no privilege, and written by statements that run as the
 * owner; whether the user may is for the callers to check.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_BOARD_BOARD_CATALOG_H
#define ANDON_BOARD_BOARD_CATALOG_H

#include "postgres.h"

#include "access/attnum.h"
#include "access/htup.h"
#include "storage/lockdefs.h"
#include "utils/relcache.h"

/* InvalidOid if there is no such table, or the extension is not there. */
extern Oid	board_catalog_relid(const char *name);

/* Who owns them.  ERROR if the extension is not there. */
extern Oid	board_catalog_owner(void);

/*
 * Calls reader for each row of a table whose OID column attno has the value;
 * none if there is no such table.
 */
typedef void (*CatalogRowReader) (Relation rel, HeapTuple tuple, void *arg);

extern void board_catalog_scan(const char *table, AttrNumber attno, Oid value, LOCKMODE mode,
							   CatalogRowReader reader, void *arg);

/* Runs a statement as the owner, with nothing but pg_catalog in its search_path.  SPI is connected. */
extern void board_catalog_run(const char *sql, int nargs, Oid *types, Datum *values);

#endif							/* ANDON_BOARD_BOARD_CATALOG_H */
