/*-------------------------------------------------------------------------
 *
 * scram.h
 *	  SCRAM-SHA-256 and md5, both roles, over bytes: no sockets, no clock.
 *
 * Follows RFC 5802, RFC 7677 and PostgreSQL's "SASL Authentication"; the
 * cryptography and SASLprep are PostgreSQL's own (libpgcommon).  Channel
 * binding is not offered.  Used by auth/ (we are the server) and
 * backend/server_login (we are the client).
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_SCRAM_SCRAM_H
#define ROUTER_SCRAM_SCRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

#define SCRAM_MECHANISM "SCRAM-SHA-256"
#define SCRAM_KEY_SIZE 32

/* ---- what is stored of a password: "SCRAM-SHA-256$iter:salt$stored:server" ---- */
typedef struct ScramVerifier
{
	int			iterations;
	uint8_t		salt[64];
	int			salt_len;
	uint8_t		stored_key[SCRAM_KEY_SIZE];
	uint8_t		server_key[SCRAM_KEY_SIZE];
} ScramVerifier;

extern bool scram_parse_verifier(const char *text, ScramVerifier *verifier);
extern bool scram_make_verifier(const char *password, ScramVerifier *verifier, Error *error);	/* random salt */

/* A verifier for a user that does not exist: stable per user, never matches. */
extern void scram_make_mock_verifier(const char *user, const uint8_t *secret, int secret_len,
									 ScramVerifier *verifier);

/* ---- server role: a client proves itself to us ---- */
typedef struct ScramServer ScramServer;

typedef enum ScramStatus
{
	SCRAM_CONTINUE,				/* out holds the next SASL data to send */
	SCRAM_DONE,					/* proven; out holds the final SASL data */
	SCRAM_MALFORMED,			/* the peer broke the protocol */
	SCRAM_FAILED				/* wrong password (or mock user) */
} ScramStatus;

extern ScramServer *scram_server_create(const ScramVerifier *verifier, bool is_mock);
extern void scram_server_destroy(ScramServer *scram);
extern ScramStatus scram_server_step(ScramServer *scram, Slice input, Buf *out);

/* ---- client role: we prove ourselves to a server ---- */
typedef struct ScramClient ScramClient;

extern ScramClient *scram_client_create(const char *password);
extern void scram_client_destroy(ScramClient *scram);
extern bool scram_client_first(ScramClient *scram, Buf *out, Error *error);
extern ScramStatus scram_client_step(ScramClient *scram, Slice input, Buf *out);	/* verifies the server too */

/* ---- md5, as PostgreSQL sends it: "md5" + 32 hex digits, terminated ---- */
#define MD5_TEXT_SIZE 36
extern bool md5_make_response(const char *password_or_md5, const char *user, const uint8_t salt[4],
							  char out[MD5_TEXT_SIZE]);

/* Cryptographically strong random bytes. */
extern bool scram_random_bytes(void *out, size_t n);

#endif							/* ROUTER_SCRAM_SCRAM_H */
