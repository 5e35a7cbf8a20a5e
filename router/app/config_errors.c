/*-------------------------------------------------------------------------
 *
 * config_errors.c
 *	  What is wrong with a configuration, line by line.
 *
 *-------------------------------------------------------------------------
 */
#include "app/config_errors.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/memory.h"

#define ERRORS_MAX 100

void
config_errors_add(ConfigErrors *errors, const char *path, int line, const char *format,...)
{
	Buf			text = BUF_INIT;
	char	   *message;
	va_list		args;

	if (errors->count > ERRORS_MAX)
		return;
	va_start(args, format);
	if (vasprintf(&message, format, args) < 0)
		abort();
	va_end(args);
	if (errors->count == ERRORS_MAX)
		buf_printf(&text, "%s: and more errors", path);
	else if (line > 0)
		buf_printf(&text, "%s:%d: %s", path, line, message);
	else
		buf_printf(&text, "%s: %s", path, message);
	free(message);
	errors->items = mem_realloc(errors->items, (size_t) (errors->count + 1) * sizeof(char *));
	errors->items[errors->count++] = mem_strndup(buf_slice(&text));
	buf_release(&text);
}

void
config_errors_release(ConfigErrors *errors)
{
	for (int i = 0; i < errors->count; i++)
		mem_free(errors->items[i]);
	mem_free(errors->items);
	*errors = (ConfigErrors) CONFIG_ERRORS_INIT;
}
