/*-------------------------------------------------------------------------
 *
 * scram_client.c
 *	  The client's side of SCRAM: we prove ourselves to a server.
 *
 * The messages are drawn in scram_server.c.  The user name is left empty:
 * PostgreSQL takes it from the startup packet.  Servers are not trusted: the
 * nonce must continue ours, the number of iterations is bounded, and without
 * the server's signature the login is not done.
 *
 *-------------------------------------------------------------------------
 */
#include <openssl/crypto.h>

#include "base/memory.h"
#include "scram/scram_internal.h"

#define BARE_PREFIX "n=,r="
#define SALT_MAX 256

typedef enum ClientStep
{
	NOT_STARTED,
	AWAIT_SERVER_FIRST,
	AWAIT_SERVER_FINAL,
	ENDED
} ClientStep;

struct ScramClient
{
	ClientStep	step;
	char	   *password;		/* owned; or the keys a client has proven */
	Buf			nonce;			/* ours */
	Buf			auth_message;
	uint8_t		server_signature[SCRAM_KEY_SIZE];	/* what it must prove */
};

typedef struct ServerFirst
{
	Slice		nonce;
	uint8_t		salt[SALT_MAX];
	int			salt_len;
	int			iterations;
} ServerFirst;

static ScramStatus handle_server_first(ScramClient *scram, Slice input, Buf *out);
static ScramStatus handle_server_final(ScramClient *scram, Slice input);
static bool parse_server_first(const ScramClient *scram, Slice input, ServerFirst *first);
static bool find_keys(const ScramClient *scram, const ServerFirst *first, ScramKeys *keys);
static bool make_proof(ScramClient *scram, const ServerFirst *first, uint8_t proof[SCRAM_KEY_SIZE]);

ScramClient *
scram_client_create(const char *password_or_keys)
{
	ScramClient *scram = mem_alloc(sizeof(ScramClient));

	scram->step = NOT_STARTED;
	scram->password = mem_strdup(password_or_keys);
	return scram;
}

void
scram_client_destroy(ScramClient *scram)
{
	if (scram == NULL)
		return;
	OPENSSL_cleanse(scram->password, strlen(scram->password));
	mem_free(scram->password);
	scram_wipe(&scram->nonce);
	scram_wipe(&scram->auth_message);
	OPENSSL_cleanse(scram, sizeof(ScramClient));
	mem_free(scram);
}

bool
scram_client_first(ScramClient *scram, Buf *out, Error *error)
{
	buf_clear(&scram->nonce);
	if (!scram_append_nonce(&scram->nonce))
		return error_set(error, SQLSTATE_INTERNAL_ERROR, "could not generate a random nonce");
	buf_clear(&scram->auth_message);
	buf_append_string(&scram->auth_message, BARE_PREFIX);
	buf_append(&scram->auth_message, buf_slice(&scram->nonce));

	buf_append_string(out, "n,,");
	buf_append(out, buf_slice(&scram->auth_message));
	scram->step = AWAIT_SERVER_FIRST;
	return true;
}

ScramStatus
scram_client_step(ScramClient *scram, Slice input, Buf *out)
{
	ScramStatus status = SCRAM_MALFORMED;

	if (scram_message_is_sane(input))
	{
		if (scram->step == AWAIT_SERVER_FIRST)
			status = handle_server_first(scram, input, out);
		else if (scram->step == AWAIT_SERVER_FINAL)
			status = handle_server_final(scram, input);
	}
	scram->step = status == SCRAM_CONTINUE ? AWAIT_SERVER_FINAL : ENDED;
	return status;
}

static ScramStatus
handle_server_first(ScramClient *scram, Slice input, Buf *out)
{
	ServerFirst first;
	Buf			reply = BUF_INIT;
	uint8_t		proof[SCRAM_KEY_SIZE];
	bool		ok;

	if (!parse_server_first(scram, input, &first))
		return SCRAM_MALFORMED;
	buf_append_string(&reply, "c=biws,r=");
	buf_append(&reply, first.nonce);

	buf_append_string(&scram->auth_message, ",");
	buf_append(&scram->auth_message, input);
	buf_append_string(&scram->auth_message, ",");
	buf_append(&scram->auth_message, buf_slice(&reply));

	ok = make_proof(scram, &first, proof);
	if (ok)
	{
		buf_append(out, buf_slice(&reply));
		buf_append_string(out, ",p=");
		scram_append_base64(out, proof, SCRAM_KEY_SIZE);
	}
	buf_release(&reply);
	return ok ? SCRAM_CONTINUE : SCRAM_FAILED;
}

static bool
parse_server_first(const ScramClient *scram, Slice input, ServerFirst *first)
{
	Slice		own = buf_slice(&scram->nonce);
	Slice		rest = input;
	Slice		salt;
	Slice		iterations;

	if (!scram_read_attribute(&rest, 'r', &first->nonce) ||
		!scram_read_attribute(&rest, 's', &salt) ||
		!scram_read_attribute(&rest, 'i', &iterations) || rest.len > 0)
		return false;
	if (!scram_nonce_is_valid(first->nonce) || first->nonce.len <= own.len ||
		memcmp(first->nonce.data, own.data, own.len) != 0)
		return false;
	first->salt_len = scram_decode_base64(salt, first->salt, SALT_MAX);
	return first->salt_len > 0 && scram_read_iterations(iterations, &first->iterations);
}

/* RFC 5802, section 3; also notes what the server will have to sign. */
static bool
make_proof(ScramClient *scram, const ServerFirst *first, uint8_t proof[SCRAM_KEY_SIZE])
{
	Slice		auth_message = buf_slice(&scram->auth_message);
	ScramKeys	keys;
	uint8_t		stored_key[SCRAM_KEY_SIZE];
	bool		ok;

	ok = find_keys(scram, first, &keys) &&
		scram_hash(keys.client_key, stored_key) &&
		scram_hmac(stored_key, auth_message, proof) &&
		scram_hmac(keys.server_key, auth_message, scram->server_signature);
	for (int i = 0; ok && i < SCRAM_KEY_SIZE; i++)
		proof[i] ^= keys.client_key[i];
	OPENSSL_cleanse(&keys, sizeof(keys));
	OPENSSL_cleanse(stored_key, sizeof(stored_key));
	return ok;
}

/* Those of a password depend on the server's salt; those a client has proven are there already. */
static bool
find_keys(const ScramClient *scram, const ServerFirst *first, ScramKeys *keys)
{
	ScramSalt	salt = {first->salt, first->salt_len, first->iterations};
	uint8_t		salted[SCRAM_KEY_SIZE];
	bool		ok;

	if (scram_secret_is_keys(scram->password))
		return scram_parse_keys(scram->password, keys);
	ok = scram_salt_password(scram->password, salt, salted) &&
		scram_hmac(salted, slice_from_string("Client Key"), keys->client_key) &&
		scram_hmac(salted, slice_from_string("Server Key"), keys->server_key);
	OPENSSL_cleanse(salted, sizeof(salted));
	return ok;
}

static ScramStatus
handle_server_final(ScramClient *scram, Slice input)
{
	Slice		rest = input;
	Slice		value;
	char		name;
	uint8_t		signature[SCRAM_KEY_SIZE];

	if (!scram_read_any(&rest, &name, &value) || rest.len > 0)
		return SCRAM_MALFORMED;
	if (name == 'e')
		return SCRAM_FAILED;
	if (name != 'v' || scram_decode_base64(value, signature, SCRAM_KEY_SIZE) != SCRAM_KEY_SIZE)
		return SCRAM_MALFORMED;
	return CRYPTO_memcmp(signature, scram->server_signature, SCRAM_KEY_SIZE) == 0 ?
		SCRAM_DONE : SCRAM_FAILED;
}
