/*-------------------------------------------------------------------------
 *
 * ini.h
 *	  Reads the text of an INI file, line by line, with every error's line.
 *
 * inih does the parsing; this module sets it up, counts the lines it does not
 * count, and refuses what it would cut silently: lines over INI_LINE_LEN_MAX
 * bytes and section names over INI_SECTION_LEN_MAX.
 *
 *	  [section]
 *	  name = value           ; a comment, after a blank
 *	  # a comment line
 *
 * inih keeps its settings in global variables: one thread may read at a time
 * (the main thread; configuration is read nowhere else).
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_APP_INI_H
#define ROUTER_APP_INI_H

#include "base/slice.h"

#define INI_LINE_LEN_MAX 4000
#define INI_SECTION_LEN_MAX 49

typedef struct IniEvents
{
	/* value is NULL when the line has no "="; section is "" before the first one */
	void		(*on_entry) (void *arg, int line, const char *section, const char *name, const char *value);
	void		(*on_section) (void *arg, int line, const char *section);
	void		(*on_error) (void *arg, int line, const char *message);
} IniEvents;

extern void ini_read(Slice text, const IniEvents *events, void *arg);

#endif							/* ROUTER_APP_INI_H */
