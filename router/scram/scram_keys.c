/*-------------------------------------------------------------------------
 *
 * scram_keys.c
 *	  ClientKey and ServerKey in a password's place.
 *
 *	  SCRAM-SHA-256-KEYS$<ClientKey>:<ServerKey>
 *
 * Both in base64.  The form is the router's own and is not accepted in
 * auth_file nor from auth_query: keys come from a client's proof only.
 *
 *-------------------------------------------------------------------------
 */
#include <openssl/crypto.h>

#include "scram/scram_internal.h"

#define PREFIX SCRAM_MECHANISM "-KEYS$"

bool
scram_parse_keys(const char *secret, ScramKeys *keys)
{
	const char *client = secret + strlen(PREFIX);
	const char *colon;

	if (!scram_secret_is_keys(secret) || (colon = strchr(client, ':')) == NULL)
		return false;
	return scram_decode_base64(slice_make(client, (size_t) (colon - client)), keys->client_key,
							   SCRAM_KEY_SIZE) == SCRAM_KEY_SIZE &&
		scram_decode_base64(slice_from_string(colon + 1), keys->server_key, SCRAM_KEY_SIZE) == SCRAM_KEY_SIZE;
}

void
scram_write_keys(const ScramKeys *keys, char out[SCRAM_KEYS_TEXT_SIZE])
{
	Buf			text = BUF_INIT;

	buf_append_string(&text, PREFIX);
	scram_append_base64(&text, keys->client_key, SCRAM_KEY_SIZE);
	buf_append_string(&text, ":");
	scram_append_base64(&text, keys->server_key, SCRAM_KEY_SIZE);
	memcpy(out, buf_slice(&text).data, buf_len(&text));
	out[buf_len(&text)] = '\0';
	scram_wipe(&text);
}

bool
scram_secret_is_keys(const char *secret)
{
	return strncmp(secret, PREFIX, strlen(PREFIX)) == 0;
}

bool
scram_keys_fit(const char *keys, const char *verifier)
{
	ScramKeys	own;
	ScramVerifier stored;
	uint8_t		hashed[SCRAM_KEY_SIZE];
	bool		fit;

	fit = scram_parse_keys(keys, &own) && scram_parse_verifier(verifier, &stored) &&
		scram_hash(own.client_key, hashed) &&
		CRYPTO_memcmp(hashed, stored.stored_key, SCRAM_KEY_SIZE) == 0 &&
		CRYPTO_memcmp(own.server_key, stored.server_key, SCRAM_KEY_SIZE) == 0;
	OPENSSL_cleanse(&own, sizeof(own));
	return fit;
}
