/*-------------------------------------------------------------------------
 *
 * method.h
 *	  Proves a client to us: one exchange, as a state machine over bytes.
 *
 * The session feeds it the bodies of 'p' messages and sends what it appends
 * to out.  Unknown users take the same steps and time as known ones with a
 * wrong password.
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
	AUTH_SCRAM_SHA_256
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
} AuthRequestInfo;

extern AuthExchange *auth_exchange_create(const AuthRequestInfo *info);
extern void auth_exchange_destroy(AuthExchange *exchange);	/* NULL is fine */
extern AuthStatus auth_exchange_begin(AuthExchange *exchange, Buf *out, Error *error);
extern AuthStatus auth_exchange_handle(AuthExchange *exchange, Slice body, Buf *out, Error *error);
extern const char *auth_exchange_log_reason(const AuthExchange *exchange);

#endif							/* ROUTER_AUTH_METHOD_H */
