/*-------------------------------------------------------------------------
 *
 * tls_context.c
 *	  What connections are encrypted with: configuration and files become an
 *	  SSL_CTX.
 *
 * Whatever is wrong with them is told with the option's name, the file and
 * the reason.  Options have PgBouncer's names, words and meaning; what is
 * switched off is so in PostgreSQL's be-secure-openssl.c too.
 *
 *-------------------------------------------------------------------------
 */
#include "net/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/log.h"
#include "base/memory.h"
#include "net/tls_internal.h"

#define ALPN_NAME "postgresql"

/* Option names of one side, for errors. */
typedef struct OptionNames
{
	const char *mode;
	const char *key_file;
	const char *cert_file;
	const char *ca_file;
	const char *protocols;
	const char *ciphers;
} OptionNames;

#define OPTION_NAMES(side) { \
	side "_tls_sslmode", side "_tls_key_file", side "_tls_cert_file", \
	side "_tls_ca_file", side "_tls_protocols", side "_tls_ciphers"}

static const OptionNames option_names[] = {
	[TLS_OF_CLIENTS] = OPTION_NAMES("client"),
	[TLS_OF_SERVERS] = OPTION_NAMES("server"),
};

static const unsigned char alpn_wire[] = {sizeof(ALPN_NAME) - 1, 'p', 'o', 's', 't', 'g', 'r', 'e', 's', 'q', 'l'};

/* No protocol means all but those named. */
static const struct
{
	const char *word;
	uint64_t	option;
}			protocol_words[] = {
	{"tlsv1.0", SSL_OP_NO_TLSv1},
	{"tlsv1.1", SSL_OP_NO_TLSv1_1},
	{"tlsv1.2", SSL_OP_NO_TLSv1_2},
	{"tlsv1.3", SSL_OP_NO_TLSv1_3},
	{NULL, 0}
};

/* PgBouncer's short words. */
static const struct
{
	const char *word;
	const char *meaning;
}			cipher_words[] = {
	{"default", "HIGH:!aNULL:!MD5"},
	{"secure", "HIGH:!aNULL:!MD5"},
	{"fast", "HIGH:!aNULL:!MD5"},
	{"normal", "HIGH:!aNULL:!MD5"},
	{"compat", "HIGH:!aNULL:!MD5"},
	{"all", "ALL:!aNULL:!eNULL"},
	{NULL, NULL}
};

static bool check_options(TlsSide side, const TlsConfig *config, Error *error);
static bool set_up(TlsContext *context, const TlsConfig *config, Error *error);
static bool load_certificate(TlsContext *context, const TlsConfig *config, Error *error);
static bool load_authorities(TlsContext *context, const TlsConfig *config, Error *error);
static bool set_protocols(TlsContext *context, const char *text, Error *error);
static bool set_ciphers(TlsContext *context, const char *text, Error *error);
static bool is_readable(const char *option, const char *path, Error *error);
static bool file_failed(const char *option, const char *path, const char *what, Error *error);
static void warn_of_expiry(SSL_CTX *ssl, const char *path);
static int	refuse_passphrase(char *buf, int size, int rwflag, void *arg);
static int	choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen,
						const unsigned char *in, unsigned int inlen, void *arg);

bool
tls_context_create(TlsSide side, const TlsConfig *config, TlsContext **context, Error *error)
{
	TlsContext *made;

	*context = NULL;
	if (config->mode == TLS_MODE_DISABLE)
		return true;
	if (!check_options(side, config, error))
		return false;
	made = mem_alloc(sizeof(TlsContext));
	atomic_init(&made->refcount, 1);
	made->side = side;
	made->mode = config->mode;
	made->is_direct = config->is_direct;
	ERR_clear_error();
	made->ssl = SSL_CTX_new(side == TLS_OF_CLIENTS ? TLS_server_method() : TLS_client_method());
	if (made->ssl == NULL)
		(void) error_set(error, SQLSTATE_INTERNAL_ERROR, "OpenSSL could not be set up");
	else if (set_up(made, config, error))
	{
		*context = made;
		return true;
	}
	ERR_clear_error();
	tls_context_unref(made);
	return false;
}

TlsContext *
tls_context_ref(TlsContext *context)
{
	if (context != NULL)
		atomic_fetch_add(&context->refcount, 1);
	return context;
}

void
tls_context_unref(TlsContext *context)
{
	if (context == NULL || atomic_fetch_sub(&context->refcount, 1) > 1)
		return;
	SSL_CTX_free(context->ssl);
	mem_free(context);
}

TlsMode
tls_context_mode(const TlsContext *context)
{
	return context == NULL ? TLS_MODE_DISABLE : context->mode;
}

bool
tls_context_is_direct(const TlsContext *context)
{
	return context != NULL && context->is_direct;
}

/* What a mode cannot do without. */
static bool
check_options(TlsSide side, const TlsConfig *config, Error *error)
{
	const OptionNames *names = &option_names[side];
	bool		has_key = config->key_file[0] != '\0';
	bool		has_cert = config->cert_file[0] != '\0';

	if (side == TLS_OF_CLIENTS && (!has_key || !has_cert))
		error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "%s needs %s and %s", names->mode, names->key_file,
				  names->cert_file);
	else if (has_key != has_cert)
		error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "%s and %s are of use only together", names->key_file,
				  names->cert_file);
	else if (config->mode >= TLS_MODE_VERIFY_CA && config->ca_file[0] == '\0')
		error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "%s=%s needs %s", names->mode,
				  config->mode == TLS_MODE_VERIFY_CA ? "verify-ca" : "verify-full", names->ca_file);
	else
		return true;
	return false;
}

static bool
set_up(TlsContext *context, const TlsConfig *config, Error *error)
{
	SSL_CTX    *ssl = context->ssl;

	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
						SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ssl, 0);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ssl, 1);
	SSL_CTX_set_default_passwd_cb(ssl, refuse_passphrase);
	if (context->side == TLS_OF_CLIENTS)
	{
		(void) SSL_CTX_set_dh_auto(ssl, 1);
		SSL_CTX_set_alpn_select_cb(ssl, choose_alpn, NULL);
	}
	else
		(void) SSL_CTX_set_alpn_protos(ssl, alpn_wire, sizeof(alpn_wire));
	return set_protocols(context, config->protocols, error) && set_ciphers(context, config->ciphers, error) &&
		load_certificate(context, config, error) && load_authorities(context, config, error);
}

static bool
load_certificate(TlsContext *context, const TlsConfig *config, Error *error)
{
	const OptionNames *names = &option_names[context->side];

	if (config->cert_file[0] == '\0')
		return true;
	if (!is_readable(names->cert_file, config->cert_file, error) ||
		!is_readable(names->key_file, config->key_file, error))
		return false;
	if (SSL_CTX_use_certificate_chain_file(context->ssl, config->cert_file) != 1)
		return file_failed(names->cert_file, config->cert_file, "has no certificate that can be used", error);
	if (SSL_CTX_use_PrivateKey_file(context->ssl, config->key_file, SSL_FILETYPE_PEM) != 1)
	{
		unsigned long first = ERR_peek_error();

		if (ERR_GET_LIB(first) == ERR_LIB_X509 && ERR_GET_REASON(first) == X509_R_KEY_VALUES_MISMATCH)
			return file_failed(names->key_file, config->key_file, "does not belong to the certificate", error);
		return file_failed(names->key_file, config->key_file, "has no private key that can be used", error);
	}
	if (SSL_CTX_check_private_key(context->ssl) != 1)
		return file_failed(names->key_file, config->key_file, "does not belong to the certificate", error);
	warn_of_expiry(context->ssl, config->cert_file);
	return true;
}

static bool
load_authorities(TlsContext *context, const TlsConfig *config, Error *error)
{
	const OptionNames *names = &option_names[context->side];
	int			flags = SSL_VERIFY_PEER;

	SSL_CTX_set_verify(context->ssl, SSL_VERIFY_NONE, NULL);
	if (config->ca_file[0] == '\0')
		return true;
	if (!is_readable(names->ca_file, config->ca_file, error))
		return false;
	if (SSL_CTX_load_verify_file(context->ssl, config->ca_file) != 1)
		return file_failed(names->ca_file, config->ca_file, "has no certificate that can be used", error);
	if (config->mode < TLS_MODE_VERIFY_CA)
		return true;
	if (context->side == TLS_OF_CLIENTS)
	{
		flags |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
		SSL_CTX_set_client_CA_list(context->ssl, SSL_load_client_CA_file(config->ca_file));
	}
	SSL_CTX_set_verify(context->ssl, flags, NULL);
	return true;
}

static bool
set_protocols(TlsContext *context, const char *text, Error *error)
{
	uint64_t	off = SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 | SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3;

	if (strcasecmp(text, "secure") == 0 || strcasecmp(text, "default") == 0 || text[0] == '\0')
		text = "tlsv1.2,tlsv1.3";
	else if (strcasecmp(text, "all") == 0 || strcasecmp(text, "legacy") == 0)
		text = "tlsv1.0,tlsv1.1,tlsv1.2,tlsv1.3";
	for (const char *at = text + strspn(text, ", :"); *at != '\0'; at += strspn(at, ", :"))
	{
		size_t		len = strcspn(at, ", :");
		int			i = 0;

		while (protocol_words[i].word != NULL &&
			   (strlen(protocol_words[i].word) != len || strncasecmp(protocol_words[i].word, at, len) != 0))
			i++;
		if (protocol_words[i].word == NULL)
		{
			error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "%s: there is no protocol \"%.*s\"",
					  option_names[context->side].protocols, (int) (len < 64 ? len : 64), at);
			error_set_hint(error, "secure, all, legacy, or a list of tlsv1.0, tlsv1.1, tlsv1.2, tlsv1.3.");
			return false;
		}
		off &= ~protocol_words[i].option;
		at += len;
	}
	SSL_CTX_set_min_proto_version(context->ssl, TLS1_VERSION);
	SSL_CTX_set_options(context->ssl, off);
	return true;
}

static bool
set_ciphers(TlsContext *context, const char *text, Error *error)
{
	char		reason[TLS_TEXT_SIZE];

	if (text[0] == '\0')
		text = "default";
	for (int i = 0; cipher_words[i].word != NULL; i++)
	{
		if (strcasecmp(cipher_words[i].word, text) == 0)
		{
			text = cipher_words[i].meaning;
			break;
		}
	}
	if (SSL_CTX_set_cipher_list(context->ssl, text) == 1)
		return true;
	tls_reason_of_errors(reason, sizeof(reason));
	return error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "%s: OpenSSL does not take \"%.100s\": %s",
					 option_names[context->side].ciphers, text, reason);
}

static bool
is_readable(const char *option, const char *path, Error *error)
{
	int			fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "could not read %s \"%s\": %s", option, path,
						 strerror(errno));
	close(fd);
	return true;
}

static bool
file_failed(const char *option, const char *path, const char *what, Error *error)
{
	char		reason[TLS_TEXT_SIZE];

	tls_reason_of_errors(reason, sizeof(reason));
	return error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "%s \"%s\" %s: %s", option, path, what, reason);
}

/* It can be shown, and whoever verifies it will refuse it. */
static void
warn_of_expiry(SSL_CTX *ssl, const char *path)
{
	const X509 *certificate = SSL_CTX_get0_certificate(ssl);

	if (certificate != NULL && X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0)
		LOG_WARN("tls_certificate_expired", LF_STR("file", path));
}

static int
refuse_passphrase(char *buf, int size, int rwflag, void *arg)
{
	return -1;
}

static int
choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen,
			const unsigned char *in, unsigned int inlen, void *arg)
{
	unsigned char *chosen;

	if (SSL_select_next_proto(&chosen, outlen, alpn_wire, sizeof(alpn_wire), in, inlen) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* The first in the queue is the cause; what follows tells where it passed. */
void
tls_reason_of_errors(char *out, size_t size)
{
	unsigned long code = ERR_peek_error();
	const char *text = code == 0 ? "no reason given" :
		ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code)) : ERR_reason_error_string(code);

	if (text != NULL)
		snprintf(out, size, "%s", text);
	else
		snprintf(out, size, "OpenSSL error %lx", code);
}
