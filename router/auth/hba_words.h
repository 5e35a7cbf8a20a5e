/*-------------------------------------------------------------------------
 *
 * hba_words.h
 *	  A line of pg_hba.conf taken apart: fields, each a list of words.
 *
 * As PostgreSQL's hba.c: blanks separate fields, commas the words of one;
 * double quotes take the meaning from keywords, blanks and commas, two of them
 * inside quotes are one; # begins a comment.  Used by hba.c only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_AUTH_HBA_WORDS_H
#define ROUTER_AUTH_HBA_WORDS_H

#include <stdbool.h>

#include "base/slice.h"

#define HBA_MAX_FIELDS 16

typedef struct HbaWord
{
	char	   *text;			/* owned */
	bool		is_quoted;		/* no keyword */
} HbaWord;

typedef struct HbaField
{
	HbaWord    *words;			/* owned; one at least */
	int			count;
} HbaField;

typedef struct HbaFields
{
	HbaField	items[HBA_MAX_FIELDS];
	int			count;			/* 0: an empty line */
} HbaFields;

/* False: why says what is wrong; fields are to be released either way. */
extern bool hba_split(Slice line, HbaFields *fields, const char **why);
extern void hba_fields_release(HbaFields *fields);
extern void hba_field_release(HbaField *field);

/* The word, not quoted? */
extern bool hba_word_is(const HbaWord *word, const char *keyword);

#endif							/* ROUTER_AUTH_HBA_WORDS_H */
