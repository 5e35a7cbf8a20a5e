/*-------------------------------------------------------------------------
 *
 * auth_question.h
 *	  One question for a user's secret, on a server, and its answer.
 *
 * For auth_query.c, which has checked the server out and gives it back.  The
 * question holds the server from auth_question_send() until it tells its owner
 * how it ended; the owner may free it there.  It does not know who waits, nor
 * what comes after a node that was lost.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_AUTH_AUTH_QUESTION_H
#define ROUTER_AUTH_AUTH_QUESTION_H

#include "auth/users.h"
#include "backend/server.h"
#include "base/error.h"

typedef enum AuthQuestionEnd
{
	QUESTION_ANSWERED,			/* the server may be used on; answer is NULL: there is no such user */
	QUESTION_FAILED,			/* why says why; the server is of no more use */
	QUESTION_LOST				/* the server is gone */
} AuthQuestionEnd;

typedef struct AuthQuestion
{
	/* set by the owner; borrowed until the end */
	const char *text;			/* auth_query; wanted by auth_question_send() only */
	const char *user;
	Settings   *no_settings;	/* those of the pool: a question is asked without any */
	void		(*on_end) (void *owner, AuthQuestionEnd end);
	void	   *owner;

	/* the answer, for the owner to take */
	UserTable  *answer;
	char		why[ERROR_MESSAGE_SIZE];

	Server	   *server;			/* borrowed */
	int			ready_awaited;
	int			rows;
	bool		is_wrong;		/* the answer cannot be used; why says why */
} AuthQuestion;

extern void auth_question_send(AuthQuestion *question, Server *server);

/* What it has found so far is let go; also after the end. */
extern void auth_question_clear(AuthQuestion *question);

#endif							/* ROUTER_AUTH_AUTH_QUESTION_H */
