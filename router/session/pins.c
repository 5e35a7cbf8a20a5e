/*-------------------------------------------------------------------------
 *
 * pins.c
 *	  The kinds of state that keep a session on its server, as a table.
 *
 * The query runs with the client's settings: every name and operator in it is
 * PostgreSQL's own by schema, whatever search_path says.  Temporary objects
 * are found by what depends on their schema, which an index serves; the same
 * question to pg_class would read all of it.
 *
 *-------------------------------------------------------------------------
 */
#include "session/pins.h"

#include "session/prepared.h"

typedef struct PinKind
{
	unsigned	bit;
	const char *name;
	const char *is_there;		/* SQL, true while there is some; NULL: nobody can tell */
} PinKind;

static const PinKind pin_kinds[] = {
	{PIN_TEMPORARY, "temporary object",
		"EXISTS (SELECT FROM pg_catalog.pg_depend"
		" WHERE refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass"
	" AND refobjid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema())"},
	{PIN_LOCK, "session advisory lock",
		"EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype OPERATOR(pg_catalog.=) 'advisory'"
	" AND pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid())"},
	{PIN_LISTEN, "LISTEN", "EXISTS (SELECT FROM pg_catalog.pg_listening_channels())"},
	{PIN_CURSOR, "cursor WITH HOLD", "EXISTS (SELECT FROM pg_catalog.pg_cursors WHERE is_holdable)"},
	{PIN_PREPARED, "PREPARE", "EXISTS (SELECT FROM pg_catalog.pg_prepared_statements"
	" WHERE from_sql OR NOT pg_catalog.starts_with(name, '" PREPARED_NAME_PREFIX "'))"},
	{PIN_ROLE, "SET ROLE", "pg_catalog.current_setting('role') OPERATOR(pg_catalog.<>) 'none'"},
	{PIN_OTHER, "session state", NULL},
	{PIN_UNREAD, "statement could not be read", NULL},
};

#define PIN_KINDS (sizeof(pin_kinds) / sizeof(pin_kinds[0]))

bool
pins_can_be_asked(unsigned pins)
{
	for (size_t i = 0; i < PIN_KINDS; i++)
	{
		if ((pins & pin_kinds[i].bit) && pin_kinds[i].is_there == NULL)
			return false;
	}
	return pins != 0;
}

void
pins_build_query(unsigned pins, Buf *sql)
{
	const char *join = "SELECT ";

	for (size_t i = 0; i < PIN_KINDS; i++)
	{
		const PinKind *kind = &pin_kinds[i];

		if (!(pins & kind->bit) || kind->is_there == NULL)
			continue;
		buf_printf(sql, "%sCASE WHEN %s THEN %u ELSE 0 END", join, kind->is_there, kind->bit);
		join = " OPERATOR(pg_catalog.+) ";
	}
}

bool
pins_parse_answer(Slice value, unsigned *pins)
{
	unsigned	bits = 0;

	if (value.len == 0 || value.len > 4)
		return false;
	for (size_t i = 0; i < value.len; i++)
	{
		if (value.data[i] < '0' || value.data[i] > '9')
			return false;
		bits = bits * 10 + (unsigned) (value.data[i] - '0');
	}
	*pins = bits;
	return true;
}

const char *
pins_name(unsigned pins)
{
	for (size_t i = 0; i < PIN_KINDS; i++)
	{
		if (pins & pin_kinds[i].bit)
			return pin_kinds[i].name;
	}
	return NULL;
}
