/*-------------------------------------------------------------------------
 *
 * tls_internal.h
 *	  What tls.c and tls_context.c share; sees OpenSSL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_NET_TLS_INTERNAL_H
#define ROUTER_NET_TLS_INTERNAL_H

#include <stdatomic.h>

#include <openssl/ssl.h>

#include "net/tls.h"

struct TlsContext
{
	atomic_int	refcount;
	TlsSide		side;
	TlsMode		mode;
	bool		is_direct;
	SSL_CTX    *ssl;			/* owned */
};

/* OpenSSL's words for what has just failed in this thread. */
extern void tls_reason_of_errors(char *out, size_t size);

#endif							/* ROUTER_NET_TLS_INTERNAL_H */
