/*-------------------------------------------------------------------------
 *
 * import_internal.h
 *	  What the two halves of the import share.
 *
 *	  import.c			reads the files, writes the sections
 *	  import_rules.c	what becomes of each option of [pgbouncer], and why words are none here
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_APP_IMPORT_INTERNAL_H
#define ROUTER_APP_IMPORT_INTERNAL_H

#include "app/config.h"
#include "app/config_entries.h"
#include "app/import.h"
#include "base/names.h"

typedef struct Import
{
	Buf			router;			/* what goes into each section */
	Buf			nodes;
	Buf			databases;
	Buf			users;
	Buf			secrets;		/* comments: lines for auth_file */
	Buf		   *notes;			/* borrowed */
	Names		set;			/* options of [router] that are written */
	Names		addresses;		/* "host port" of the nodes written */
	char	   *auth_user;		/* owned; NULL: none */
	Config	   *scratch;		/* a reference: values are tried on it */
	const char *path;			/* of the file being read */
	int			line;
	int			depth;			/* of %include */
} Import;

extern void import_note(Import *import, const char *format,...) __attribute__((format(printf, 2, 3)));

/* One line of [pgbouncer]. */
extern void import_option(Import *import, const char *name, const char *value);

/* Why there is no such word of [databases] or [users] here; words says of which of them. */
extern const char *import_why_no_word(const ConfigWord *words, const char *key);

/* Options that PgBouncer has by default otherwise than the router. */
extern void import_defaults(Import *import);

#endif							/* ROUTER_APP_IMPORT_INTERNAL_H */
