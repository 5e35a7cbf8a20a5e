/*-------------------------------------------------------------------------
 *
 * scram.h
 *	  SCRAM-SHA-256 and md5, both roles, over bytes: no sockets, no clock.
 *
 * Follows RFC 5802, RFC 7677 and PostgreSQL's "SASL Authentication".  SASLprep,
 * base64 and md5 are PostgreSQL's own (libpgcommon), the hashes OpenSSL's
 * (docs/decisions/0002-scram-cryptography.md).  Channel binding is not offered.
 * Used by auth/ (we are the server) and backend/server_login (we are the
 * client).
 *
 * Deriving keys from a password takes about a millisecond of processor time on
 * purpose: scram_make_verifier(), scram_derive_keys() and the client's step
 * after the server's first message do it.  Passwords and keys are wiped when
 * an exchange is destroyed.
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
#define SCRAM_DEFAULT_ITERATIONS 4096	/* PostgreSQL's own */
#define SCRAM_MAX_ITERATIONS 1000000	/* a peer that asks for more wants our time */
#define SCRAM_MESSAGE_MAX 1024	/* PostgreSQL's PG_MAX_SASL_MESSAGE_LENGTH */

/* ---- what is stored of a password: "SCRAM-SHA-256$iter:salt$stored:server" ---- */
typedef struct ScramVerifier
{
	int			iterations;
	uint8_t		salt[64];
	int			salt_len;
	uint8_t		stored_key[SCRAM_KEY_SIZE];
	uint8_t		server_key[SCRAM_KEY_SIZE];
} ScramVerifier;

/* False: not a verifier of that form, or over the limits of this header. */
extern bool scram_parse_verifier(const char *text, ScramVerifier *verifier);

/* Set stored_key and server_key from a password and the salt and iterations there. */
extern bool scram_derive_keys(const char *password, ScramVerifier *verifier, Error *error);
extern bool scram_make_verifier(const char *password, ScramVerifier *verifier, Error *error);	/* random salt */

/*
 * A verifier for a user that does not exist: stable per user and secret, never
 * matches.  Its salt and iterations are also the ones to use for a user whose
 * plain password we have, so that both look alike from outside.
 */
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

/*
 * Feed each SASL message of the client; after anything but SCRAM_CONTINUE the
 * exchange is over.  Nothing is appended to out unless there is something to
 * send.  The user name in the message is ignored, as PostgreSQL ignores it.
 */
extern ScramServer *scram_server_create(const ScramVerifier *verifier, bool is_mock);
extern void scram_server_destroy(ScramServer *scram);	/* NULL is fine */
extern ScramStatus scram_server_step(ScramServer *scram, Slice input, Buf *out);

/*
 * ---- what a client's proof gives away ----
 *
 * With a verifier alone nobody can log in anywhere.  A client that proves
 * itself against it reveals its ClientKey, and with that the router can log in
 * where the same verifier is stored, as PgBouncer does.  The text form
 * ("SCRAM-SHA-256-KEYS$client:server") takes a password's place within the
 * process; it is never written anywhere.
 */
#define SCRAM_KEYS_TEXT_SIZE 128

/* After SCRAM_DONE; false before. */
extern bool scram_server_keys(const ScramServer *scram, char out[SCRAM_KEYS_TEXT_SIZE])
			__attribute__((warn_unused_result));
extern bool scram_secret_is_keys(const char *secret);

/* Were these keys proven against that verifier (its text)? */
extern bool scram_keys_fit(const char *keys, const char *verifier);

/* ---- client role: we prove ourselves to a server ---- */
typedef struct ScramClient ScramClient;

/*
 * SCRAM_DONE only after the server proved that it knows the password too.
 * SCRAM_FAILED: it could not, or told us of an error.
 */
extern ScramClient *scram_client_create(const char *password_or_keys);
extern void scram_client_destroy(ScramClient *scram);	/* NULL is fine */
extern bool scram_client_first(ScramClient *scram, Buf *out, Error *error);
extern ScramStatus scram_client_step(ScramClient *scram, Slice input, Buf *out);	/* verifies the server too */

/* ---- md5, as PostgreSQL sends it: "md5" + 32 hex digits, terminated ---- */
#define MD5_TEXT_SIZE 36
extern bool md5_make_response(const char *password_or_md5, const char *user, const uint8_t salt[4],
							  char out[MD5_TEXT_SIZE]);

/* Is the client's answer to that salt the right one?  Takes the same time for every wrong one. */
extern bool md5_response_is_right(const char *password_or_md5, const char *user, const uint8_t salt[4],
								  Slice response);

/* Does a stored secret have the form "md5" + 32 hex digits? */
extern bool md5_is_secret(const char *secret);

/* Cryptographically strong random bytes. */
extern bool scram_random_bytes(void *out, size_t n);

#endif							/* ROUTER_SCRAM_SCRAM_H */
