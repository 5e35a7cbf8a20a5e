/*-------------------------------------------------------------------------
 *
 * console_parse.h
 *	  The words of a command sent to the console, and its argument.
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

#include <stdint.h>

#include "base/slice.h"

#define CONSOLE_MAX_WORDS 2
#define CONSOLE_WORD_SIZE 32	/* no word of a command is as long */
#define CONSOLE_NAME_SIZE 256	/* nor is the name of a database or an option, longer ones are no names */

typedef struct ConsoleWords
{
	char		word[CONSOLE_MAX_WORDS][CONSOLE_WORD_SIZE]; /* in upper case; longer ones are cut */
	int			count;			/* 0 and is_plain: an empty command */
	bool		is_plain;		/* the words are the whole command */
	bool		has_more;		/* another command follows after a semicolon */
	Slice		argument;		/* what follows the first word; borrowed from the text */
} ConsoleWords;

extern void console_parse(Slice text, ConsoleWords *words);

/* One name, as it stands or in double quotes.  False: it is none, or more follows. */
extern bool console_parse_name(Slice text, char name[CONSOLE_NAME_SIZE]);
extern bool console_parse_number(Slice text, uint64_t *number);

/*
 * NAME = VALUE, or NAME TO VALUE; the value may stand in single quotes.  It is
 * borrowed from the text, is_quoted says that '' in it is one quote.
 */
extern bool console_parse_setting(Slice text, char name[CONSOLE_NAME_SIZE], Slice *value, bool *is_quoted);

/* What EXPLAIN ROUTE is asked about; a name that was not given is empty. */
typedef struct ConsoleRoute
{
	char		database[CONSOLE_NAME_SIZE];
	char		user[CONSOLE_NAME_SIZE];
	char		application[CONSOLE_NAME_SIZE];
	Slice		statement;		/* borrowed, '' in it is one quote */
} ConsoleRoute;

/* ROUTE [DATABASE [USER [APPLICATION]]] 'STATEMENT' */
extern bool console_parse_route(Slice text, ConsoleRoute *route);

#endif							/* ROUTER_ADMIN_CONSOLE_PARSE_H */
