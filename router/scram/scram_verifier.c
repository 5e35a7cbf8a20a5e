/*-------------------------------------------------------------------------
 *
 * scram_verifier.c
 *	  What is stored of a password: reading, making and pretending it.
 *
 * PostgreSQL's form (pg_authid.rolpassword):
 *
 *	  SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>
 *
 * Salt and keys are base64.  A verifier of a user that does not exist is made
 * from a secret of the process, so that the salt an attacker is shown for a
 * name stays the same from one try to the next, as a real one would.
 *
 *-------------------------------------------------------------------------
 */
#include <openssl/crypto.h>

#include "scram/scram_internal.h"

#define PREFIX SCRAM_MECHANISM "$"
#define DEFAULT_SALT_LEN 16
#define TEXT_MAX 512			/* more than the longest verifier within the limits */

static bool take_until(Slice *rest, char end, Slice *part);
static bool decode_key(Slice text, uint8_t key[SCRAM_KEY_SIZE]);
static void digest_user(const char *label, const char *user, const uint8_t key[SCRAM_KEY_SIZE],
						uint8_t out[SCRAM_KEY_SIZE]);

bool
scram_parse_verifier(const char *text, ScramVerifier *verifier)
{
	Slice		rest = slice_from_string(text);
	Slice		iterations;
	Slice		salt;
	Slice		stored_key;

	if (rest.len > TEXT_MAX || strncmp(text, PREFIX, strlen(PREFIX)) != 0)
		return false;
	rest = slice_skip(rest, strlen(PREFIX));
	if (!take_until(&rest, ':', &iterations) || !take_until(&rest, '$', &salt) ||
		!take_until(&rest, ':', &stored_key))
		return false;

	verifier->salt_len = scram_decode_base64(salt, verifier->salt, sizeof(verifier->salt));
	return verifier->salt_len > 0 &&
		scram_read_iterations(iterations, &verifier->iterations) &&
		decode_key(stored_key, verifier->stored_key) &&
		decode_key(rest, verifier->server_key);
}

bool
scram_make_verifier(const char *password, ScramVerifier *verifier, Error *error)
{
	verifier->iterations = SCRAM_DEFAULT_ITERATIONS;
	verifier->salt_len = DEFAULT_SALT_LEN;
	if (!scram_random_bytes(verifier->salt, DEFAULT_SALT_LEN))
		return error_set(error, SQLSTATE_INTERNAL_ERROR, "could not generate random salt");
	return scram_derive_keys(password, verifier, error);
}

bool
scram_derive_keys(const char *password, ScramVerifier *verifier, Error *error)
{
	ScramSalt	salt = {verifier->salt, verifier->salt_len, verifier->iterations};
	uint8_t		salted[SCRAM_KEY_SIZE];
	uint8_t		client_key[SCRAM_KEY_SIZE];
	bool		ok;

	ok = scram_salt_password(password, salt, salted) &&
		scram_hmac(salted, slice_from_string("Client Key"), client_key) &&
		scram_hash(client_key, verifier->stored_key) &&
		scram_hmac(salted, slice_from_string("Server Key"), verifier->server_key);
	OPENSSL_cleanse(salted, sizeof(salted));
	OPENSSL_cleanse(client_key, sizeof(client_key));
	if (!ok)
		return error_set(error, SQLSTATE_INTERNAL_ERROR, "could not derive keys from a password");
	return true;
}

void
scram_make_mock_verifier(const char *user, const uint8_t *secret, int secret_len,
						 ScramVerifier *verifier)
{
	uint8_t		key[SCRAM_KEY_SIZE] = {0};
	uint8_t		digest[SCRAM_KEY_SIZE];

	memcpy(key, secret, secret_len < SCRAM_KEY_SIZE ? (size_t) secret_len : SCRAM_KEY_SIZE);
	digest_user("salt", user, key, digest);
	memcpy(verifier->salt, digest, DEFAULT_SALT_LEN);
	verifier->salt_len = DEFAULT_SALT_LEN;
	verifier->iterations = SCRAM_DEFAULT_ITERATIONS;
	digest_user("stored", user, key, verifier->stored_key);
	digest_user("server", user, key, verifier->server_key);
	OPENSSL_cleanse(key, sizeof(key));
}

/* If the library fails the digest stays zero: the user is unknown either way. */
static void
digest_user(const char *label, const char *user, const uint8_t key[SCRAM_KEY_SIZE],
			uint8_t out[SCRAM_KEY_SIZE])
{
	Buf			text = BUF_INIT;

	buf_printf(&text, "%s:%s", label, user);
	if (!scram_hmac(key, buf_slice(&text), out))
		memset(out, 0, SCRAM_KEY_SIZE);
	buf_release(&text);
}

static bool
take_until(Slice *rest, char end, Slice *part)
{
	const char *at = rest->len == 0 ? NULL : memchr(rest->data, end, rest->len);

	if (at == NULL)
		return false;
	*part = slice_make(rest->data, (size_t) (at - rest->data));
	*rest = slice_skip(*rest, part->len + 1);
	return true;
}

static bool
decode_key(Slice text, uint8_t key[SCRAM_KEY_SIZE])
{
	return scram_decode_base64(text, key, SCRAM_KEY_SIZE) == SCRAM_KEY_SIZE;
}
