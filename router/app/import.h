/*-------------------------------------------------------------------------
 *
 * import.h
 *	  From a PgBouncer configuration to a router.ini: --import.
 *
 * Every line that has no equal here is told of, with what takes its place.
 * Passwords of connection strings go into the result as comments, since they
 * belong into auth_file; no note has a value in it that could be a secret.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_APP_IMPORT_H
#define ROUTER_APP_IMPORT_H

#include "base/buf.h"

/*
 * out: the text of a router.ini, which --check-config takes.  notes: one line
 * "FILE:LINE: what" each.  False: the file cannot be read, notes says why; or
 * the result is not good, and the last notes say what is missing.
 */
extern bool import_pgbouncer(const char *path, Buf *out, Buf *notes);

/* docs/reference/pgbouncer.md: what becomes of each option. */
extern void import_write_reference(Buf *out);

#endif							/* ROUTER_APP_IMPORT_H */
