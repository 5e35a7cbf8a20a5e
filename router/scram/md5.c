/*-------------------------------------------------------------------------
 *
 * md5.c
 *	  PostgreSQL's md5 password response.
 *
 *	  "md5" || md5( hex(md5(password || user)) || salt )
 *
 * The inner digest is what PostgreSQL stores, so a stored md5 secret can take
 * the password's place.  The digest itself is libpgcommon's; it fails where
 * the system's cryptographic policy forbids md5.
 *
 *-------------------------------------------------------------------------
 */
#include <postgres_fe.h>

#include <common/md5.h>
#include <openssl/crypto.h>

#include "scram/scram.h"

bool
md5_is_secret(const char *secret)
{
	return strlen(secret) == MD5_PASSWD_LEN && strncmp(secret, "md5", 3) == 0 &&
		strspn(secret + 3, MD5_PASSWD_CHARSET) == MD5_PASSWD_LEN - 3;
}

bool
md5_make_response(const char *password_or_md5, const char *user, const uint8_t salt[4],
				  char out[MD5_TEXT_SIZE])
{
	char		stored[MD5_TEXT_SIZE];
	const char *error;

	if (md5_is_secret(password_or_md5))
		memcpy(stored, password_or_md5, sizeof(stored));
	else if (!pg_md5_encrypt(password_or_md5, (const void *) user, strlen(user), stored, &error))
		return false;
	return pg_md5_encrypt(stored + 3, (const void *) salt, 4, out, &error);
}

bool
md5_response_is_right(const char *password_or_md5, const char *user, const uint8_t salt[4], Slice response)
{
	char		expected[MD5_TEXT_SIZE];

	return md5_make_response(password_or_md5, user, salt, expected) && response.len == MD5_PASSWD_LEN &&
		CRYPTO_memcmp(expected, response.data, MD5_PASSWD_LEN) == 0;
}
