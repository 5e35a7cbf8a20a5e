/*-------------------------------------------------------------------------
 *
 * tls.c
 *	  One encrypted connection, with OpenSSL 3.
 *
 * OpenSSL reads and writes through a BIO of our own, whose writes always
 * succeed (the stream queues), so that it only ever waits for input.  A
 * failure is put into words where it is met, once; from then on nothing is
 * read or written.
 *
 *-------------------------------------------------------------------------
 */
#include "net/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/memory.h"
#include "net/tls_internal.h"

#define UNASKED_MAX (64 * 1024)

struct Tls
{
	TlsContext *context;		/* a reference */
	SSL		   *ssl;			/* owned */
	TlsTransport transport;
	size_t		unasked;		/* bytes sent since the last write, none of which was ours */
	bool		is_writing;
	bool		is_done;		/* the handshake */
	bool		has_more;		/* OpenSSL may hold more than was read */
	bool		has_ended;		/* the peer said goodbye */
	bool		at_end;			/* of the transport */
	int			io_errno;		/* what the transport failed with */
	char		why[TLS_TEXT_SIZE];
};

static void name_host(SSL *ssl, const char *host, TlsMode mode);
static TlsStatus note_failure(Tls *tls, int result);
static BIO_METHOD *transport_method(void);
static void make_transport_method(void);
static int	transport_read(BIO *bio, char *into, int size);
static int	transport_write(BIO *bio, const char *bytes, int len);
static long transport_control(BIO *bio, int command, long number, void *pointer);

/* ---------------------------------------------------------------- connections */

Tls *
tls_create(TlsContext *context, const char *host, const TlsTransport *transport)
{
	Tls		   *tls = mem_alloc(sizeof(Tls));
	BIO		   *bio = BIO_new(transport_method());

	tls->context = tls_context_ref(context);
	tls->transport = *transport;
	tls->ssl = SSL_new(context->ssl);
	if (tls->ssl == NULL || bio == NULL)
	{
		BIO_free(bio);
		snprintf(tls->why, sizeof(tls->why), "out of memory for TLS");
		return tls;
	}
	BIO_set_data(bio, tls);
	BIO_set_init(bio, 1);
	SSL_set_bio(tls->ssl, bio, bio);
	if (context->side == TLS_OF_CLIENTS)
		SSL_set_accept_state(tls->ssl);
	else
	{
		SSL_set_connect_state(tls->ssl);
		name_host(tls->ssl, host, context->mode);
	}
	return tls;
}

void
tls_destroy(Tls *tls)
{
	if (tls == NULL)
		return;
	SSL_free(tls->ssl);
	tls_context_unref(tls->context);
	mem_free(tls);
}

/* Whom we want to talk to; addresses are not names (RFC 6066). */
static void
name_host(SSL *ssl, const char *host, TlsMode mode)
{
	unsigned char address[sizeof(struct in6_addr)];
	bool		is_address = inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
	bool		ok = true;

	if (!is_address)
		ok = SSL_set_tlsext_host_name(ssl, host) == 1;
	if (mode == TLS_MODE_VERIFY_FULL && is_address)
		ok = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
	else if (mode == TLS_MODE_VERIFY_FULL)
	{
		SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
		ok = ok && SSL_set1_host(ssl, host) == 1;
	}
	/* a name that cannot be checked must not pass: nothing matches this one */
	if (!ok && mode == TLS_MODE_VERIFY_FULL)
		(void) SSL_set1_host(ssl, "invalid.invalid");
}

TlsStatus
tls_shake_hands(Tls *tls)
{
	int			result;

	if (tls->is_done)
		return TLS_DONE;
	if (tls->why[0] != '\0')
		return TLS_FAILED;
	ERR_clear_error();
	tls->unasked = 0;
	result = SSL_do_handshake(tls->ssl);
	if (result == 1)
	{
		tls->is_done = tls->has_more = true;
		return TLS_DONE;
	}
	return note_failure(tls, result);
}

ssize_t
tls_read(Tls *tls, char *into, size_t size)
{
	size_t		got = 0;
	size_t		n;

	tls->has_more = true;
	while (got < size && tls->has_more && !tls->has_ended && tls->why[0] == '\0')
	{
		int			result;

		ERR_clear_error();
		result = SSL_read_ex(tls->ssl, into + got, size - got, &n);
		if (result == 1)
			got += n;
		else if (SSL_get_error(tls->ssl, result) == SSL_ERROR_ZERO_RETURN)
			tls->has_ended = true;
		else if (note_failure(tls, result) == TLS_WANTS_INPUT)
			tls->has_more = false;
	}
	if (got > 0)
		return (ssize_t) got;
	if (tls->has_ended || (tls->why[0] != '\0' && tls->at_end))
		return 0;
	errno = tls->has_more ? EPROTO : EAGAIN;
	return -1;
}

bool
tls_has_more(const Tls *tls)
{
	return tls->has_more;
}

bool
tls_write(Tls *tls, Slice bytes)
{
	size_t		written;
	int			result;

	if (bytes.len == 0)
		return true;
	ERR_clear_error();
	tls->unasked = 0;
	tls->is_writing = true;
	result = SSL_write_ex(tls->ssl, bytes.data, bytes.len, &written);
	tls->is_writing = false;
	if (result == 1)
		return true;
	if (note_failure(tls, result) != TLS_FAILED)
		snprintf(tls->why, sizeof(tls->why), "TLS: cannot write");
	return false;
}

void
tls_say_goodbye(Tls *tls)
{
	if (!tls->is_done || tls->why[0] != '\0')
		return;
	ERR_clear_error();
	(void) SSL_shutdown(tls->ssl);
	ERR_clear_error();
}

const char *
tls_why(const Tls *tls)
{
	return tls->why;
}

bool
tls_has_alpn(const Tls *tls)
{
	const unsigned char *chosen;
	unsigned int len;

	SSL_get0_alpn_selected(tls->ssl, &chosen, &len);
	return len > 0;
}

void
tls_describe(const Tls *tls, char *out, size_t size)
{
	if (tls->is_done)
		snprintf(out, size, "%s/%s", SSL_get_version(tls->ssl), SSL_get_cipher_name(tls->ssl));
	else if (size > 0)
		out[0] = '\0';
}

bool
tls_peer_name(const Tls *tls, char *out, size_t size)
{
	X509	   *certificate = tls->is_done && tls->context->mode >= TLS_MODE_VERIFY_CA &&
		SSL_get_verify_result(tls->ssl) == X509_V_OK ? SSL_get0_peer_certificate(tls->ssl) : NULL;
	const X509_NAME *subject = certificate != NULL ? X509_get_subject_name(certificate) : NULL;
	int			at = subject != NULL ? X509_NAME_get_index_by_NID((X509_NAME *) subject, NID_commonName, -1) : -1;
	unsigned char *text = NULL;
	int			len = at >= 0 ?
		ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))) : -1;
	bool		ok = len > 0 && (size_t) len < size && memchr(text, 0, (size_t) len) == NULL;

	if (ok)
		snprintf(out, size, "%.*s", len, (const char *) text);
	if (len >= 0)
		OPENSSL_free(text);
	return ok;
}

/* ---------------------------------------------------------------- failures */

static TlsStatus
note_failure(Tls *tls, int result)
{
	int			kind = SSL_get_error(tls->ssl, result);
	long		verdict = SSL_get_verify_result(tls->ssl);
	char		reason[TLS_TEXT_SIZE / 2];

	if (kind == SSL_ERROR_WANT_READ)
		return TLS_WANTS_INPUT;
	if (tls->why[0] != '\0')
		return TLS_FAILED;
	if (tls->io_errno != 0)
		snprintf(tls->why, sizeof(tls->why), "%s", strerror(tls->io_errno));
	else if (tls->at_end)
		snprintf(tls->why, sizeof(tls->why), "end of file");
	else
	{
		tls_reason_of_errors(reason, sizeof(reason));
		if (!tls->is_done && verdict != X509_V_OK && tls->context->mode >= TLS_MODE_VERIFY_CA)
			snprintf(tls->why, sizeof(tls->why), "TLS: %s: %s", reason, X509_verify_cert_error_string(verdict));
		else
			snprintf(tls->why, sizeof(tls->why), "TLS: %s", reason);
	}
	ERR_clear_error();
	return TLS_FAILED;
}

/* ---------------------------------------------------------------- transport */

static BIO_METHOD *transport_methods;	/* made once, the same for all; never freed */
static pthread_once_t transport_once = PTHREAD_ONCE_INIT;

static BIO_METHOD *
transport_method(void)
{
	(void) pthread_once(&transport_once, make_transport_method);
	return transport_methods;
}

static void
make_transport_method(void)
{
	transport_methods = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "andon-stream");
	if (transport_methods == NULL)
		return;
	BIO_meth_set_read(transport_methods, transport_read);
	BIO_meth_set_write(transport_methods, transport_write);
	BIO_meth_set_ctrl(transport_methods, transport_control);
}

static int
transport_read(BIO *bio, char *into, int size)
{
	Tls		   *tls = BIO_get_data(bio);
	ssize_t		n = tls->transport.receive(tls->transport.arg, into, (size_t) size);

	BIO_clear_retry_flags(bio);
	if (n > 0)
		return (int) n;
	if (n == 0)
		tls->at_end = true;
	else if (errno == EAGAIN || errno == EINTR)
		BIO_set_retry_read(bio);
	else
		tls->io_errno = errno;
	return n == 0 ? 0 : -1;
}

/*
 * A peer may make us answer without end (requests to change keys) and read
 * nothing of it: then it has had its share.
 */
static int
transport_write(BIO *bio, const char *bytes, int len)
{
	Tls		   *tls = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (!tls->is_writing)
		tls->unasked += (size_t) len;
	if (tls->unasked > UNASKED_MAX)
	{
		tls->io_errno = EPROTO;
		return -1;
	}
	tls->transport.send(tls->transport.arg, slice_make(bytes, (size_t) len));
	return len;
}

static long
transport_control(BIO *bio, int command, long number, void *pointer)
{
	const Tls  *tls = BIO_get_data(bio);

	if (command == BIO_CTRL_EOF)
		return tls->at_end;
	return command == BIO_CTRL_FLUSH ? 1 : 0;
}
