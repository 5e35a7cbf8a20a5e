/*-------------------------------------------------------------------------
 *
 * server_proof.c
 *	  Our answers to a node's authentication requests.
 *
 * A request is answered once: what comes out of turn ends the login.  Where an
 * answer cannot be given, or would give the password away, the error says what
 * to change and where.
 *
 *-------------------------------------------------------------------------
 */
#include "backend/server_proof.h"

#include <string.h>

#include "base/memory.h"
#include "scram/scram.h"
#include "wire/build.h"
#include "wire/message.h"

/* AuthenticationRequest kinds */
#define AUTH_KIND_OK 0
#define AUTH_KIND_CLEAR_TEXT 3
#define AUTH_KIND_MD5 5
#define AUTH_KIND_SASL 10
#define AUTH_KIND_SASL_CONTINUE 11
#define AUTH_KIND_SASL_FINAL 12

#define HINT_USE_SCRAM "Use scram-sha-256 for the router's connections in the node's pg_hba.conf."

typedef enum ProofStep
{
	STEP_ASKED,					/* nothing has been said, or a password */
	STEP_SASL,					/* in the SCRAM exchange */
	STEP_SASL_PROVEN,			/* the node has proven itself too; its Ok is awaited */
	STEP_DONE
} ProofStep;

struct ServerProof
{
	ProofStep	step;
	const char *user;			/* borrowed */
	const char *node_name;		/* borrowed */
	char	   *secret;			/* owned, wiped; NULL: none */
	bool		is_local;
	ScramClient *scram;			/* owned; NULL outside the exchange */
};

static ProofStatus begin(ServerProof *proof, const AuthRequest *request, Buf *out, Error *error);
static ProofStatus answer_clear_text(ServerProof *proof, Buf *out, Error *error);
static ProofStatus answer_md5(ServerProof *proof, Slice salt, Buf *out, Error *error);
static ProofStatus begin_scram(ServerProof *proof, Slice mechanisms, Buf *out, Error *error);
static ProofStatus continue_scram(ServerProof *proof, Slice data, bool is_final, Buf *out, Error *error);
static bool has_mechanism(Slice mechanisms, const char *name);
static bool is_hashed(const char *secret);
static ProofStatus refuse(const ServerProof *proof, Error *error, const char *what, const char *hint);
static ProofStatus complain(Error *error, const char *what);

ServerProof *
server_proof_create(const ProofPlan *plan)
{
	ServerProof *proof = mem_alloc(sizeof(ServerProof));

	proof->user = plan->user;
	proof->node_name = plan->node_name;
	proof->secret = plan->secret == NULL ? NULL : mem_strdup(plan->secret);
	proof->is_local = plan->is_local;
	return proof;
}

void
server_proof_destroy(ServerProof *proof)
{
	if (proof == NULL)
		return;
	if (proof->secret != NULL)
		explicit_bzero(proof->secret, strlen(proof->secret));
	mem_free(proof->secret);
	scram_client_destroy(proof->scram);
	mem_free(proof);
}

ProofStatus
server_proof_step(ServerProof *proof, Slice body, Buf *out, Error *error)
{
	AuthRequest request;

	if (!message_parse_auth(body, &request))
		return complain(error, "a malformed authentication request");
	switch (request.kind)
	{
		case AUTH_KIND_OK:
			if (proof->step != STEP_ASKED && proof->step != STEP_SASL_PROVEN)
				return complain(error, "an end of authentication without proof");
			proof->step = STEP_DONE;
			return PROOF_DONE;
		case AUTH_KIND_CLEAR_TEXT:
		case AUTH_KIND_MD5:
		case AUTH_KIND_SASL:
			if (proof->step != STEP_ASKED)
				return complain(error, "a second authentication");
			return begin(proof, &request, out, error);
		case AUTH_KIND_SASL_CONTINUE:
		case AUTH_KIND_SASL_FINAL:
			if (proof->step != STEP_SASL)
				return complain(error, "SASL data outside an exchange");
			return continue_scram(proof, request.rest, request.kind == AUTH_KIND_SASL_FINAL, out, error);
		default:
			return refuse(proof, error, "asks for an authentication method the router does not know", HINT_USE_SCRAM);
	}
}

static ProofStatus
begin(ServerProof *proof, const AuthRequest *request, Buf *out, Error *error)
{
	if (proof->secret == NULL || proof->secret[0] == '\0')
		return refuse(proof, error, "asks for a password, and none is known",
					  "Add the user with its password to auth_file.");
	if (request->kind == AUTH_KIND_CLEAR_TEXT)
		return answer_clear_text(proof, out, error);
	if (request->kind == AUTH_KIND_MD5)
		return answer_md5(proof, request->rest, out, error);
	return begin_scram(proof, request->rest, out, error);
}

static ProofStatus
answer_clear_text(ServerProof *proof, Buf *out, Error *error)
{
	if (!proof->is_local)
		return refuse(proof, error, "asks for the password in clear text over the network", HINT_USE_SCRAM);
	if (is_hashed(proof->secret))
		return refuse(proof, error, "asks for the password itself, and only a hash of it is known",
					  "Put the plain password into auth_file, or use md5 or trust on the node.");
	build_password(out, slice_make(proof->secret, strlen(proof->secret) + 1));
	return PROOF_CONTINUE;
}

static ProofStatus
answer_md5(ServerProof *proof, Slice salt, Buf *out, Error *error)
{
	char		response[MD5_TEXT_SIZE];

	if (salt.len != 4)
		return complain(error, "a malformed authentication request");
	if (is_hashed(proof->secret) && !md5_is_secret(proof->secret))
		return refuse(proof, error, "asks for md5, and only a SCRAM verifier is known",
					  "Put the plain password into auth_file.");
	if (!md5_make_response(proof->secret, proof->user, (const uint8_t *) salt.data, response))
		return refuse(proof, error, "asks for md5, which this system's cryptography refuses", HINT_USE_SCRAM);
	build_password(out, slice_make(response, strlen(response) + 1));
	return PROOF_CONTINUE;
}

static ProofStatus
begin_scram(ServerProof *proof, Slice mechanisms, Buf *out, Error *error)
{
	Buf			first = BUF_INIT;
	bool		made;

	if (!has_mechanism(mechanisms, SCRAM_MECHANISM))
		return refuse(proof, error, "offers no SASL mechanism the router knows", HINT_USE_SCRAM);
	if (is_hashed(proof->secret) && !scram_secret_is_keys(proof->secret))
		return refuse(proof, error, "asks for SCRAM-SHA-256, and only a hash of the password is known",
					  "Let the user log in to the router with SCRAM against the node's own verifier, "
					  "or put the plain password into auth_file.");
	proof->scram = scram_client_create(proof->secret);
	made = scram_client_first(proof->scram, &first, error);
	if (made)
	{
		build_sasl_initial(out, SCRAM_MECHANISM, buf_slice(&first));
		proof->step = STEP_SASL;
	}
	buf_release(&first);
	return made ? PROOF_CONTINUE : PROOF_REFUSED;
}

static ProofStatus
continue_scram(ServerProof *proof, Slice data, bool is_final, Buf *out, Error *error)
{
	Buf			answer = BUF_INIT;
	ScramStatus status = scram_client_step(proof->scram, data, &answer);
	bool		ok = status == (is_final ? SCRAM_DONE : SCRAM_CONTINUE);

	if (ok && is_final)
		proof->step = STEP_SASL_PROVEN;
	else if (ok)
		build_password(out, buf_slice(&answer));
	buf_release(&answer);
	if (ok)
		return PROOF_CONTINUE;
	if (status == SCRAM_FAILED)
		return refuse(proof, error, "could not prove that it knows the password",
					  "Somebody may be answering in its place.");
	return complain(error, "malformed SCRAM data");
}

/* mechanisms: strings with terminators, the last one empty */
static bool
has_mechanism(Slice mechanisms, const char *name)
{
	Reader		reader = reader_make(mechanisms);

	for (;;)
	{
		Slice		mechanism = read_string(&reader);

		if (reader.bad || mechanism.len == 0)
			return false;
		if (slice_equals_string(mechanism, name))
			return true;
	}
}

/* What is known of the password without knowing it. */
static bool
is_hashed(const char *secret)
{
	return md5_is_secret(secret) || scram_secret_is_keys(secret) ||
		strncmp(secret, SCRAM_MECHANISM "$", sizeof(SCRAM_MECHANISM)) == 0;
}

static ProofStatus
refuse(const ServerProof *proof, Error *error, const char *what, const char *hint)
{
	error_set(error, SQLSTATE_INVALID_AUTHORIZATION, "cannot log in as \"%s\": node \"%s\" %s",
			  proof->user, proof->node_name, what);
	error_set_hint(error, "%s", hint);
	return PROOF_REFUSED;
}

static ProofStatus
complain(Error *error, const char *what)
{
	error_set(error, SQLSTATE_PROTOCOL_VIOLATION, "%s", what);
	return PROOF_PROTOCOL;
}
