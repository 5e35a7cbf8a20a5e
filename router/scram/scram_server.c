/*-------------------------------------------------------------------------
 *
 * scram_server.c
 *	  The server's side of SCRAM: a client proves itself to us.
 *
 *	  client: n,,n=,r=<nonce>
 *	  server: r=<nonce><our nonce>,s=<salt>,i=<iterations>
 *	  client: c=biws,r=<both nonces>,p=<proof>
 *	  server: v=<signature>
 *
 * The proof is judged last, after the form of the whole message, so that a
 * wrong password is told apart from a broken client.  A mock exchange does the
 * same work and then fails, whatever the proof was.
 *
 *-------------------------------------------------------------------------
 */
#include <openssl/crypto.h>

#include "base/memory.h"
#include "scram/scram_internal.h"

typedef enum ServerStep
{
	AWAIT_CLIENT_FIRST,
	AWAIT_CLIENT_FINAL,
	ENDED
} ServerStep;

struct ScramServer
{
	ServerStep	step;
	ScramVerifier verifier;
	bool		is_mock;
	bool		is_proven;
	uint8_t		client_key[SCRAM_KEY_SIZE]; /* once it is proven */
	char		binding_flag;	/* 'n' or 'y', as the client sent it */
	char	   *own_nonce;		/* owned; NULL: a random one */
	Buf			nonce;			/* the client's and ours */
	Buf			auth_message;	/* what both sides sign, as far as it is known */
};

typedef struct ClientFinal
{
	Slice		binding;
	Slice		nonce;
	Slice		without_proof;
	uint8_t		proof[SCRAM_KEY_SIZE];
} ClientFinal;

static ScramStatus handle_client_first(ScramServer *scram, Slice input, Buf *out);
static ScramStatus handle_client_final(ScramServer *scram, Slice input, Buf *out);
static bool parse_client_first(Slice input, Slice *bare, Slice *nonce);
static bool parse_client_final(Slice input, ClientFinal *final);
static bool proof_is_right(ScramServer *scram, const uint8_t proof[SCRAM_KEY_SIZE]);

ScramServer *
scram_server_create(const ScramVerifier *verifier, bool is_mock)
{
	ScramServer *scram = mem_alloc(sizeof(ScramServer));

	scram->step = AWAIT_CLIENT_FIRST;
	scram->verifier = *verifier;
	scram->is_mock = is_mock;
	return scram;
}

ScramServer *
scram_server_create_with_nonce(const ScramVerifier *verifier, bool is_mock, const char *nonce)
{
	ScramServer *scram = scram_server_create(verifier, is_mock);

	scram->own_nonce = mem_strdup(nonce);
	return scram;
}

void
scram_server_destroy(ScramServer *scram)
{
	if (scram == NULL)
		return;
	mem_free(scram->own_nonce);
	scram_wipe(&scram->nonce);
	scram_wipe(&scram->auth_message);
	OPENSSL_cleanse(scram, sizeof(ScramServer));
	mem_free(scram);
}

ScramStatus
scram_server_step(ScramServer *scram, Slice input, Buf *out)
{
	ScramStatus status = SCRAM_MALFORMED;

	if (scram_message_is_sane(input))
	{
		if (scram->step == AWAIT_CLIENT_FIRST)
			status = handle_client_first(scram, input, out);
		else if (scram->step == AWAIT_CLIENT_FINAL)
			status = handle_client_final(scram, input, out);
	}
	scram->step = status == SCRAM_CONTINUE ? AWAIT_CLIENT_FINAL : ENDED;
	return status;
}

bool
scram_server_keys(const ScramServer *scram, char out[SCRAM_KEYS_TEXT_SIZE])
{
	ScramKeys	keys;

	if (!scram->is_proven)
		return false;
	memcpy(keys.client_key, scram->client_key, SCRAM_KEY_SIZE);
	memcpy(keys.server_key, scram->verifier.server_key, SCRAM_KEY_SIZE);
	scram_write_keys(&keys, out);
	OPENSSL_cleanse(&keys, sizeof(keys));
	return true;
}

static ScramStatus
handle_client_first(ScramServer *scram, Slice input, Buf *out)
{
	Slice		bare;
	Slice		nonce;
	Buf			reply = BUF_INIT;

	if (!parse_client_first(input, &bare, &nonce))
		return SCRAM_MALFORMED;
	scram->binding_flag = input.data[0];
	buf_append(&scram->nonce, nonce);
	if (scram->own_nonce != NULL)
		buf_append_string(&scram->nonce, scram->own_nonce);
	else if (!scram_append_nonce(&scram->nonce))
		return SCRAM_FAILED;

	buf_append_string(&reply, "r=");
	buf_append(&reply, buf_slice(&scram->nonce));
	buf_append_string(&reply, ",s=");
	scram_append_base64(&reply, scram->verifier.salt, scram->verifier.salt_len);
	buf_printf(&reply, ",i=%d", scram->verifier.iterations);

	buf_append(&scram->auth_message, bare);
	buf_append_string(&scram->auth_message, ",");
	buf_append(&scram->auth_message, buf_slice(&reply));
	buf_append_string(&scram->auth_message, ",");
	buf_append(out, buf_slice(&reply));
	buf_release(&reply);
	return SCRAM_CONTINUE;
}

/*
 * "n,," or "y,,": no channel binding (which we do not offer) and no other
 * identity to act as (which PostgreSQL does not know).  Extensions behind the
 * nonce are allowed and ignored.
 */
static bool
parse_client_first(Slice input, Slice *bare, Slice *nonce)
{
	Slice		rest;
	Slice		ignored;
	char		name;

	if (input.len < 3 || (input.data[0] != 'n' && input.data[0] != 'y') ||
		memcmp(input.data + 1, ",,", 2) != 0)
		return false;
	rest = *bare = slice_skip(input, 3);
	if (!scram_read_attribute(&rest, 'n', &ignored) || !scram_read_attribute(&rest, 'r', nonce))
		return false;
	while (rest.len > 0)
	{
		if (!scram_read_any(&rest, &name, &ignored))
			return false;
	}
	return scram_nonce_is_valid(*nonce);
}

static ScramStatus
handle_client_final(ScramServer *scram, Slice input, Buf *out)
{
	ClientFinal final;
	uint8_t		signature[SCRAM_KEY_SIZE];

	if (!parse_client_final(input, &final) ||
		!slice_equals_string(final.binding, scram->binding_flag == 'n' ? "biws" : "eSws") ||
		!slice_equals(final.nonce, buf_slice(&scram->nonce)))
		return SCRAM_MALFORMED;

	buf_append(&scram->auth_message, final.without_proof);
	if (!proof_is_right(scram, final.proof) ||
		!scram_hmac(scram->verifier.server_key, buf_slice(&scram->auth_message), signature))
		return SCRAM_FAILED;
	buf_append_string(out, "v=");
	scram_append_base64(out, signature, SCRAM_KEY_SIZE);
	return SCRAM_DONE;
}

static bool
parse_client_final(Slice input, ClientFinal *final)
{
	Slice		rest = input;
	Slice		value;
	Slice		before;
	char		name;

	if (!scram_read_attribute(&rest, 'c', &final->binding) ||
		!scram_read_attribute(&rest, 'r', &final->nonce))
		return false;
	do
	{
		before = rest;
		if (!scram_read_any(&rest, &name, &value))
			return false;
	} while (name != 'p');
	if (rest.len > 0)
		return false;

	final->without_proof = slice_make(input.data, (size_t) (before.data - input.data) - 1);
	return scram_decode_base64(value, final->proof, SCRAM_KEY_SIZE) == SCRAM_KEY_SIZE;
}

/* RFC 5802: ClientKey = ClientProof XOR ClientSignature, and its hash is stored. */
static bool
proof_is_right(ScramServer *scram, const uint8_t proof[SCRAM_KEY_SIZE])
{
	uint8_t		client_key[SCRAM_KEY_SIZE];
	uint8_t		hashed[SCRAM_KEY_SIZE];
	bool		matches;

	if (!scram_hmac(scram->verifier.stored_key, buf_slice(&scram->auth_message), client_key))
		return false;
	for (int i = 0; i < SCRAM_KEY_SIZE; i++)
		client_key[i] ^= proof[i];
	matches = scram_hash(client_key, hashed) &&
		CRYPTO_memcmp(hashed, scram->verifier.stored_key, SCRAM_KEY_SIZE) == 0;
	scram->is_proven = matches && !scram->is_mock;
	if (scram->is_proven)
		memcpy(scram->client_key, client_key, SCRAM_KEY_SIZE);
	OPENSSL_cleanse(client_key, sizeof(client_key));
	return scram->is_proven;
}
