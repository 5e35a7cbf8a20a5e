/*-------------------------------------------------------------------------
 *
 * server_proof.h
 *	  Proves to a node that we are who we say: its authentication requests, our answers.
 *
 * Follows PostgreSQL's documentation, "Message Flow: Start-up" and "SASL
 * Authentication".  SCRAM-SHA-256 (with the password or with the keys of a
 * client's proof), md5 (with the password or its md5) and trust; a password
 * goes in clear text only through a unix socket.  Neither side is taken at its
 * word: in SCRAM the node must prove that it knows the password, too.
 *
 * server_login.c drives it and does all sending; there are no sockets here.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_BACKEND_SERVER_PROOF_H
#define ROUTER_BACKEND_SERVER_PROOF_H

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

typedef struct ServerProof ServerProof;

typedef enum ProofStatus
{
	PROOF_CONTINUE,				/* send what was appended; the node goes on */
	PROOF_DONE,					/* the node lets us in */
	PROOF_REFUSED,				/* we cannot or will not answer this: error says why */
	PROOF_PROTOCOL				/* the node may not say this now: error's message is what it sent */
} ProofStatus;

typedef struct ProofPlan
{
	const char *user;			/* borrowed for the proof's life, like the next */
	const char *node_name;
	const char *secret;			/* copied, and wiped at the end; NULL: none is known */
	bool		is_local;		/* through a unix socket */
} ProofPlan;

extern ServerProof *server_proof_create(const ProofPlan *plan);
extern void server_proof_destroy(ServerProof *proof);	/* may be NULL */

/* The body of an AuthenticationRequest; an answer is appended to out, which holds secrets then. */
extern ProofStatus server_proof_step(ServerProof *proof, Slice body, Buf *out, Error *error);

#endif							/* ROUTER_BACKEND_SERVER_PROOF_H */
