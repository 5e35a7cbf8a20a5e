/*-------------------------------------------------------------------------
 *
 * method.h
 *	  Proves a client to us: one exchange, as a state machine over bytes.
 *
 * The session feeds it the bodies of 'p' messages and sends what it appends
 * to out.  Unknown users take the same steps and time as known ones with a
 * wrong password: they are shown a salt that stays the same per name, and where
 * the table has plain secrets (derive_always) every login derives keys once, as
 * a login of such a user must.
 *
 * What can prove a user:
 *
 *	  AUTH_SCRAM_SHA_256  a plain secret or a SCRAM verifier; an md5 secret or
 *						  none fails like a wrong password, and the log reason
 *						  says why
 *	  AUTH_MD5			  a plain or md5 secret; who has a verifier is asked for
 *						  SCRAM instead, as PostgreSQL and PgBouncer do
 *	  AUTH_PEER, AUTH_CERT	the name the system or a certificate knows the client
 *						  by (proven_name) must be the user's
 *	  AUTH_TRUST		  nothing is asked, and unknown names are admitted: whether
 *						  the user exists is the server's to say
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_AUTH_METHOD_H
#define ROUTER_AUTH_METHOD_H

#include "auth/users.h"
#include "base/buf.h"
#include "base/error.h"

typedef enum AuthMethod
{
	AUTH_TRUST,
	AUTH_SCRAM_SHA_256,
	AUTH_MD5,
	AUTH_PEER,
	AUTH_HBA,					/* auth_type only: auth_hba_file says which */
	AUTH_CERT,
	AUTH_REJECT					/* in auth_hba_file only */
} AuthMethod;

typedef enum AuthStatus
{
	AUTH_CONTINUE,				/* send out, wait for the next 'p' */
	AUTH_OK,					/* out ends with AuthenticationOk */
	AUTH_FAILED					/* error says why, in words that reveal nothing; log_reason says the truth */
} AuthStatus;

typedef struct AuthExchange AuthExchange;

typedef struct AuthRequestInfo
{
	AuthMethod	method;
	const char *user_name;
	const User *user;			/* NULL: unknown; borrowed until destroy */
	const unsigned char *mock_secret;	/* random per process */
	int			mock_secret_len;
	const char *proven_name;	/* peer, cert: who the client is; NULL: not known; borrowed for the call of begin */
	bool		mock_is_md5;	/* with AUTH_MD5, what unknown users are asked for; else SCRAM */
	bool		derive_always;	/* user_table_has_plain() of the user's table */
} AuthRequestInfo;

/* Copies user_name; user and mock_secret must outlive the exchange. */
extern AuthExchange *auth_exchange_create(const AuthRequestInfo *info);
extern void auth_exchange_destroy(AuthExchange *exchange);	/* NULL is fine */
extern AuthStatus auth_exchange_begin(AuthExchange *exchange, Buf *out, Error *error);
extern AuthStatus auth_exchange_handle(AuthExchange *exchange, Slice body, Buf *out, Error *error);

/* After AUTH_OK: the keys its proof gave away (scram.h), with which to log in to servers; NULL: none. */
extern const char *auth_exchange_keys(const AuthExchange *exchange);

/* Why it failed, for the log only; empty while it did not. */
extern const char *auth_exchange_log_reason(const AuthExchange *exchange);

#endif							/* ROUTER_AUTH_METHOD_H */
