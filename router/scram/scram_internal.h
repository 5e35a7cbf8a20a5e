/*-------------------------------------------------------------------------
 *
 * scram_internal.h
 *	  What both roles of SCRAM share; for scram/ and its tests only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_SCRAM_SCRAM_INTERNAL_H
#define ROUTER_SCRAM_SCRAM_INTERNAL_H

#include "scram/scram.h"

/* ---- cryptography; false only when the library fails ---- */
extern bool scram_hmac(const uint8_t key[SCRAM_KEY_SIZE], Slice text, uint8_t out[SCRAM_KEY_SIZE]);
extern bool scram_hash(const uint8_t key[SCRAM_KEY_SIZE], uint8_t out[SCRAM_KEY_SIZE]);

typedef struct ScramSalt
{
	const uint8_t *bytes;
	int			len;
	int			iterations;
} ScramSalt;

/* SASLprep and PBKDF2: RFC 5802's SaltedPassword. */
extern bool scram_salt_password(const char *password, ScramSalt salt, uint8_t out[SCRAM_KEY_SIZE]);

/* RFC 5802's ClientKey and ServerKey. */
typedef struct ScramKeys
{
	uint8_t		client_key[SCRAM_KEY_SIZE];
	uint8_t		server_key[SCRAM_KEY_SIZE];
} ScramKeys;

/* False: the secret is not of that form. */
extern bool scram_parse_keys(const char *secret, ScramKeys *keys);
extern void scram_write_keys(const ScramKeys *keys, char out[SCRAM_KEYS_TEXT_SIZE]);

/* ---- the text form of messages ---- */

/* Take "x=value" and the comma behind it, if any, from the start of rest. */
extern bool scram_read_any(Slice *rest, char *name, Slice *value);

/* The same, when the name is known. */
extern bool scram_read_attribute(Slice *rest, char name, Slice *value);

extern bool scram_nonce_is_valid(Slice nonce);
extern bool scram_read_iterations(Slice text, int *iterations);

/* Length of what was decoded, or -1: not canonical base64, or more than size bytes. */
extern int	scram_decode_base64(Slice text, uint8_t *out, int size);
extern void scram_append_base64(Buf *out, const uint8_t *bytes, int len);
extern bool scram_append_nonce(Buf *out);	/* a fresh one */

/* Could this be a SASL message at all: not too long, no NUL in it? */
extern bool scram_message_is_sane(Slice message);

/* Wipe and free a buffer that held secrets. */
extern void scram_wipe(Buf *buf);

/* The exchange with a nonce of the caller's, for known test vectors. */
extern ScramServer *scram_server_create_with_nonce(const ScramVerifier *verifier, bool is_mock,
												   const char *nonce);

#endif							/* ROUTER_SCRAM_SCRAM_INTERNAL_H */
