/*-------------------------------------------------------------------------
 *
 * tls.h
 *	  TLS: what a connection is encrypted with, and one encrypted connection.
 *
 * Besides scram/ only net/tls*.c know OpenSSL.  A TlsContext is made of a
 * configuration and the files it names, once per (re)load; it never changes,
 * is counted and may be used by all threads.  A Tls is one connection's; it
 * does no reading and writing of its own: net/stream_tls.c gives it bytes and
 * takes bytes from it through TlsTransport.
 *
 * What is fixed for all: no renegotiation, no compression, no session tickets
 * or caches, the server's order of ciphers, ALPN "postgresql".  A key that is
 * protected by a passphrase is refused: there is nobody to ask.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_NET_TLS_H
#define ROUTER_NET_TLS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/slice.h"

#define TLS_TEXT_SIZE 256

/* Whose connections, and with that which end we are. */
typedef enum TlsSide
{
	TLS_OF_CLIENTS,				/* they connect to us: we show our certificate */
	TLS_OF_SERVERS				/* we connect to a node */
} TlsSide;

/* In the order of PgBouncer's words; each is at least as strict as the one before. */
typedef enum TlsMode
{
	TLS_MODE_DISABLE,
	TLS_MODE_ALLOW,				/* the same as prefer, on both sides */
	TLS_MODE_PREFER,
	TLS_MODE_REQUIRE,
	TLS_MODE_VERIFY_CA,
	TLS_MODE_VERIFY_FULL		/* of servers: their name too */
} TlsMode;

typedef struct TlsConfig
{
	TlsMode		mode;
	const char *key_file;		/* "": none; like all below */
	const char *cert_file;		/* and what is between it and the authority */
	const char *ca_file;
	const char *protocols;		/* "secure", "all", "legacy", or "tlsv1.2,tlsv1.3" */
	const char *ciphers;		/* up to TLS 1.2: OpenSSL's words, or "default", "secure", "all" */
	bool		is_direct;		/* of servers: begin without SSLRequest; from TLS_MODE_REQUIRE on */
} TlsConfig;

typedef struct TlsContext TlsContext;

/* A reference; NULL: error names option, file and reason.  *context is NULL
 * with TLS_MODE_DISABLE, which is no failure. */
extern bool tls_context_create(TlsSide side, const TlsConfig *config, TlsContext **context, Error *error)
			__attribute__((warn_unused_result));
extern TlsContext *tls_context_ref(TlsContext *context);	/* NULL is fine */
extern void tls_context_unref(TlsContext *context); /* NULL is fine */
extern TlsMode tls_context_mode(const TlsContext *context); /* NULL: TLS_MODE_DISABLE */
extern bool tls_context_is_direct(const TlsContext *context);	/* NULL: no */

/* ---- one connection ---- */
typedef struct Tls Tls;

typedef struct TlsTransport
{
	ssize_t		(*receive) (void *arg, char *into, size_t size);	/* as recv() of a non-blocking socket */
	void		(*send) (void *arg, Slice bytes);	/* takes all of it */
	void	   *arg;
} TlsTransport;

typedef enum TlsStatus
{
	TLS_DONE,
	TLS_WANTS_INPUT,			/* again when more has arrived */
	TLS_FAILED					/* tls_why() */
} TlsStatus;

/* host: whom we connect to, for the check of its name; NULL: TLS_OF_CLIENTS. */
extern Tls *tls_create(TlsContext *context, const char *host, const TlsTransport *transport);
extern void tls_destroy(Tls *tls);	/* NULL is fine */

extern TlsStatus tls_shake_hands(Tls *tls);

/* Fills into as far as what has arrived goes.  0: the end; -1: errno is
 * EAGAIN (nothing there yet) or the connection is of no use (tls_why()). */
extern ssize_t tls_read(Tls *tls, char *into, size_t size);
extern bool tls_has_more(const Tls *tls);	/* the last tls_read() did not come as far as EAGAIN */
extern bool tls_write(Tls *tls, Slice bytes);	/* all of it; false: tls_why() */
extern void tls_say_goodbye(Tls *tls);	/* close_notify; no-op before the handshake is done */

extern const char *tls_why(const Tls *tls); /* "" while all is well */
extern bool tls_has_alpn(const Tls *tls);	/* both agreed on "postgresql" */

/* "TLSv1.3/TLS_AES_256_GCM_SHA384" */
extern void tls_describe(const Tls *tls, char *out, size_t size);

/* The common name of the peer's certificate, if that was demanded and verified. */
extern bool tls_peer_name(const Tls *tls, char *out, size_t size);

#endif							/* ROUTER_NET_TLS_H */
