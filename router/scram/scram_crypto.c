/*-------------------------------------------------------------------------
 *
 * scram_crypto.c
 *	  The functions of RFC 5802, section 2.2, on OpenSSL.
 *
 * Everything here is free of state and safe in any thread.  OpenSSL's PBKDF2
 * does in one millisecond what libpgcommon's loop does in three, and it runs
 * on an event loop; see docs/decisions/0002-scram-cryptography.md.
 *
 * A password that SASLprep refuses is used as it is, as PostgreSQL does: it
 * may be in another encoding.
 *
 *-------------------------------------------------------------------------
 */
#include <postgres_fe.h>

#include <common/saslprep.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "base/memory.h"
#include "scram/scram_internal.h"

bool
scram_random_bytes(void *out, size_t n)
{
	return n <= INT_MAX && RAND_bytes(out, (int) n) == 1;
}

bool
scram_hmac(const uint8_t key[SCRAM_KEY_SIZE], Slice text, uint8_t out[SCRAM_KEY_SIZE])
{
	return HMAC(EVP_sha256(), key, SCRAM_KEY_SIZE, (const unsigned char *) text.data, text.len,
				out, NULL) != NULL;
}

bool
scram_hash(const uint8_t key[SCRAM_KEY_SIZE], uint8_t out[SCRAM_KEY_SIZE])
{
	return SHA256(key, SCRAM_KEY_SIZE, out) != NULL;
}

bool
scram_salt_password(const char *password, ScramSalt salt, uint8_t out[SCRAM_KEY_SIZE])
{
	char	   *prepared = NULL;
	bool		is_prepared = pg_saslprep(password, &prepared) == SASLPREP_SUCCESS;
	const char *text = is_prepared ? prepared : password;
	size_t		len = strlen(text);
	bool		ok;

	ok = len <= INT_MAX && PKCS5_PBKDF2_HMAC(text, (int) len, salt.bytes, salt.len, salt.iterations,
											 EVP_sha256(), SCRAM_KEY_SIZE, out) == 1;
	if (is_prepared)
	{
		OPENSSL_cleanse(prepared, len);
		free(prepared);			/* libpgcommon's malloc(), not ours */
	}
	return ok;
}

void
scram_wipe(Buf *buf)
{
	if (buf->data != NULL)
		OPENSSL_cleanse(buf->data, buf->cap);
	buf_release(buf);
}
