/*-------------------------------------------------------------------------
 *
 * error.c
 *	  Filling an Error.
 *
 * Texts too long for their field are cut between characters, so that a long
 * name cannot turn a message into invalid UTF-8.
 *
 *-------------------------------------------------------------------------
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"

static void set_text(char *text, size_t size, const char *format, va_list args)
			__attribute__((format(printf, 3, 0)));

bool
error_set(Error *error, const char *sqlstate, const char *format,...)
{
	va_list		args;

	snprintf(error->sqlstate, sizeof(error->sqlstate), "%s", sqlstate);
	error->detail[0] = '\0';
	error->hint[0] = '\0';
	error->routine = NULL;
	va_start(args, format);
	set_text(error->message, sizeof(error->message), format, args);
	va_end(args);
	return false;
}

void
error_set_detail(Error *error, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	set_text(error->detail, sizeof(error->detail), format, args);
	va_end(args);
}

void
error_set_hint(Error *error, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	set_text(error->hint, sizeof(error->hint), format, args);
	va_end(args);
}

static void
set_text(char *text, size_t size, const char *format, va_list args)
{
	int			wanted = vsnprintf(text, size, format, args);

	if (wanted < 0)
		text[0] = '\0';
	else if ((size_t) wanted >= size)
		text[utf8_trim_len(slice_make(text, size - 1))] = '\0';
}
