/*-------------------------------------------------------------------------
 *
 * json.h
 *	  Values as JSON text, the way PostgreSQL's to_json() writes them.
 *
 * Used for keys in payloads and messages: numbers and booleans stand bare,
 * dates and times in ISO 8601, all else as strings.  Appends to a StringInfo
 * of the caller's.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_BASE_JSON_H
#define ANDON_BASE_JSON_H

#include "postgres.h"

#include "lib/stringinfo.h"

extern void json_append_value(StringInfo buf, Oid type, Datum value);

/* {"name":value,...} without blanks; values are not NULL. */
extern void json_append_object(StringInfo buf, int n, char *const *names,
							   const Oid *types, const Datum *values);

/* Takes the blanks between its parts out of what jsonb's output function wrote; the same text. */
extern char *json_compact(char *text);

#endif							/* ANDON_BASE_JSON_H */
