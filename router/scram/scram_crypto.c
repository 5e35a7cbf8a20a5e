/*-------------------------------------------------------------------------
 *
 * scram_crypto.c
 *	  The functions of RFC 5802, section 2.2, on OpenSSL.
 *
 * Safe in any thread; the only thing kept is which SHA-256 OpenSSL found.  Its
 * one-call functions (HMAC(), SHA256()) look for it by name in each call, which
 * takes five times as long as the hash of a SCRAM message itself.  PBKDF2 is
 * OpenSSL's, too: it does in one millisecond what libpgcommon's loop does in
 * three, and it runs on an event loop; see
 * docs/decisions/0002-scram-cryptography.md.
 *
 * A password that SASLprep refuses is used as it is, as PostgreSQL does: it
 * may be in another encoding.
 *
 *-------------------------------------------------------------------------
 */
#include <postgres_fe.h>

#include <common/saslprep.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sys/random.h>

#include "base/memory.h"
#include "scram/scram_internal.h"

#define SHA256_BLOCK_SIZE 64
#define HMAC_INNER 0x36
#define HMAC_OUTER 0x5C

static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256;			/* kept to the end of the process; NULL: there is none */

static void find_sha256(void);
static bool hash(EVP_MD_CTX *context, Slice prefix, Slice text, uint8_t out[SCRAM_KEY_SIZE]);
static void make_pad(const uint8_t key[SCRAM_KEY_SIZE], uint8_t with, uint8_t pad[SHA256_BLOCK_SIZE]);

/* The kernel's generator, as OpenSSL's is seeded from it and asks more of each call. */
bool
scram_random_bytes(void *out, size_t n)
{
	for (size_t done = 0; done < n;)
	{
		ssize_t		got = getrandom((char *) out + done, n - done, 0);

		if (got < 0 && errno != EINTR)
			return false;
		done += got > 0 ? (size_t) got : 0;
	}
	return true;
}

/* RFC 2104, with a key shorter than a block. */
bool
scram_hmac(const uint8_t key[SCRAM_KEY_SIZE], Slice text, uint8_t out[SCRAM_KEY_SIZE])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t		pad[SHA256_BLOCK_SIZE];
	uint8_t		inner[SCRAM_KEY_SIZE];
	const Slice prefix = slice_make((const char *) pad, sizeof(pad));
	bool		ok;

	make_pad(key, HMAC_INNER, pad);
	ok = hash(context, prefix, text, inner);
	make_pad(key, HMAC_OUTER, pad);
	ok = ok && hash(context, prefix, slice_make((const char *) inner, sizeof(inner)), out);
	OPENSSL_cleanse(pad, sizeof(pad));
	OPENSSL_cleanse(inner, sizeof(inner));
	EVP_MD_CTX_free(context);
	return ok;
}

bool
scram_hash(const uint8_t key[SCRAM_KEY_SIZE], uint8_t out[SCRAM_KEY_SIZE])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool		ok = hash(context, slice_make(NULL, 0), slice_make((const char *) key, SCRAM_KEY_SIZE), out);

	EVP_MD_CTX_free(context);
	return ok;
}

static void
find_sha256(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

/* SHA-256 of the prefix and the text; context may be NULL: no memory. */
static bool
hash(EVP_MD_CTX *context, Slice prefix, Slice text, uint8_t out[SCRAM_KEY_SIZE])
{
	pthread_once(&sha256_once, find_sha256);
	return context != NULL && sha256 != NULL &&
		EVP_DigestInit_ex(context, sha256, NULL) == 1 &&
		EVP_DigestUpdate(context, prefix.data, prefix.len) == 1 &&
		EVP_DigestUpdate(context, text.data, text.len) == 1 &&
		EVP_DigestFinal_ex(context, out, NULL) == 1;
}

static void
make_pad(const uint8_t key[SCRAM_KEY_SIZE], uint8_t with, uint8_t pad[SHA256_BLOCK_SIZE])
{
	memset(pad, with, SHA256_BLOCK_SIZE);
	for (int i = 0; i < SCRAM_KEY_SIZE; i++)
		pad[i] ^= key[i];
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
