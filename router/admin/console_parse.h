/*-------------------------------------------------------------------------
 *
 * console_parse.h
 *	  The words of a command sent to the console.
 *
 * White space, comments of both kinds and semicolons at the end are skipped.
 * What the console is sent by mistake (SQL, a tool's catalog queries) is no
 * error here: its first words are kept, and is_plain says that they are not
 * all there is.  Pure.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_ADMIN_CONSOLE_PARSE_H
#define ROUTER_ADMIN_CONSOLE_PARSE_H

#include "base/slice.h"

#define CONSOLE_MAX_WORDS 2
#define CONSOLE_WORD_SIZE 32	/* no word of a command is as long */

typedef struct ConsoleWords
{
	char		word[CONSOLE_MAX_WORDS][CONSOLE_WORD_SIZE]; /* in upper case; longer ones are cut */
	int			count;			/* 0 and is_plain: an empty command */
	bool		is_plain;		/* the words are the whole command */
	bool		has_more;		/* another command follows after a semicolon */
} ConsoleWords;

extern void console_parse(Slice text, ConsoleWords *words);

#endif							/* ROUTER_ADMIN_CONSOLE_PARSE_H */
