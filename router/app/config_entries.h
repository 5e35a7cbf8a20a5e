/*-------------------------------------------------------------------------
 *
 * config_entries.h
 *	  What a line of [databases], [users] or [routes] may say.
 *
 * One row of a table per "key=value" word, as config_options.h has one per
 * option: it is what the reader sets, what is printed, and what a reload
 * copies.  Used by the files of the configuration only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_APP_CONFIG_ENTRIES_H
#define ROUTER_APP_CONFIG_ENTRIES_H

#include "app/config.h"

typedef enum ConfigWordType
{
	CONFIG_WORD_TEXT,			/* char *; "": not said */
	CONFIG_WORD_INT,			/* int; CONFIG_INHERIT: not said */
	CONFIG_WORD_CHOICE			/* int: index into choices; the same */
} ConfigWordType;

typedef struct ConfigWord
{
	const char *key;			/* NULL ends a table */
	ConfigWordType type;
	size_t		offset;			/* in the entry */
	int			min;			/* INT */
	int			max;
	const char *const *choices; /* CHOICE: NULL-terminated */
	const char *doc;			/* one line; no trailing period */
} ConfigWord;

extern const ConfigWord config_database_words[];	/* of a ConfigDatabase, but for its name */
extern const ConfigWord config_user_words[];	/* of a ConfigUser */
extern const ConfigWord config_route_words[];	/* of a ConfigRoute */

extern const ConfigWord *config_find_word(const ConfigWord *words, const char *key);	/* NULL: unknown */
extern void config_words_init(const ConfigWord *words, void *entry);	/* nothing said */
extern void config_words_copy(const ConfigWord *words, void *to, const void *from);	/* to: initialized */
extern void config_words_free(const ConfigWord *words, void *entry);

/* Set from text; false: why says what is wrong, also when it was set before. */
extern bool config_word_set(const ConfigWord *word, void *entry, const char *text, Buf *why);

/* What may be written: "1 to 100", "text", "transaction, session". */
extern void config_word_describe(const ConfigWord *word, Buf *out);
extern void config_words_print(const ConfigWord *words, const void *entry, Buf *out);	/* as it is read */

/* "key=value", the value in quotes where the reader needs them. */
extern void config_print_word(Buf *out, const char *key, const char *value);

#endif							/* ROUTER_APP_CONFIG_ENTRIES_H */
