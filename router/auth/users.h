/*-------------------------------------------------------------------------
 *
 * users.h
 *	  Who may log in and with what secret: the auth_file.
 *
 * PgBouncer's format: one user a line, "name" "secret"; a quote inside is
 * doubled; lines that begin with ; or # are comments; what follows the secret
 * on its line is ignored.  The secret is a plain password, md5..., or a
 * SCRAM-SHA-256$ verifier.  Stricter than PgBouncer where it guesses: any other
 * line, a name given twice and a broken verifier are errors.
 *
 * A loaded table is immutable and may be read by any thread; a reload makes a
 * new one (reference counted, atomic).  Secrets are wiped with the table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_AUTH_USERS_H
#define ROUTER_AUTH_USERS_H

#include <stdbool.h>

#include "base/error.h"
#include "base/slice.h"

typedef enum SecretKind
{
	SECRET_NONE,				/* empty: no password login */
	SECRET_PLAIN,
	SECRET_MD5,
	SECRET_SCRAM
} SecretKind;

typedef struct User
{
	const char *name;
	const char *secret;			/* as in the file */
	SecretKind	kind;
} User;

typedef struct UserTable UserTable;

#define USER_TABLE_MAX_FILE (64 * 1024 * 1024)	/* bytes */

/* Errors name file and line; NULL then.  name is what messages call the text. */
extern UserTable *user_table_load(const char *path, Error *error);
extern UserTable *user_table_parse(Slice text, const char *name, Error *error);

/* A table of one user, as auth_query found it (no secret: an empty one); NULL: the secret is damaged. */
extern UserTable *user_table_make(Slice name, Slice secret);
extern UserTable *user_table_make_empty(void);
extern UserTable *user_table_ref(UserTable *table);
extern void user_table_unref(UserTable *table);	/* NULL is fine */
extern const User *user_table_find(const UserTable *table, Slice name);	/* NULL: unknown */
extern void user_table_each(const UserTable *table, void (*fn) (void *arg, const char *name), void *arg);
extern int	user_table_count(const UserTable *table);

/* Has any user a plain secret?  For AuthRequestInfo.derive_always. */
extern bool user_table_has_plain(const UserTable *table);

/* Would most of its users be asked for md5 where md5 is allowed?  For AuthRequestInfo.mock_is_md5. */
extern bool user_table_is_mostly_md5(const UserTable *table);

#endif							/* ROUTER_AUTH_USERS_H */
