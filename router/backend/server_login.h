/*-------------------------------------------------------------------------
 *
 * server_login.h
 *	  From a connection to a server that may be used: proves us to the node.
 *
 *	  TLS, if it is to be -> startup -> authentication -> parameters, key -> ReadyForQuery
 *	  and on a primary: is andon.enable_commit_lsn() there? -> call it
 *	  and if the configuration has one: connect_query
 *
 * The pool attaches a login to each server it creates and is told once how it
 * ended.  How a node is told the password, or not: server_proof.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_BACKEND_SERVER_LOGIN_H
#define ROUTER_BACKEND_SERVER_LOGIN_H

#include "backend/server.h"
#include "base/error.h"

typedef enum LoginFailure
{
	LOGIN_REFUSED,				/* the node answered, and not this way: wrong password, no such database */
	LOGIN_NODE_TROUBLE			/* not reached, starting up, shutting down, another role, not PostgreSQL */
} LoginFailure;

typedef struct ServerLoginEvents
{
	void		(*on_ready) (void *owner, Server *server);	/* still in LOGIN: the owner moves it on */
	void		(*on_failed) (void *owner, Server *server, LoginFailure failure, const Error *error);
	/* the owner closes it */
} ServerLoginEvents;

/* Before the loop runs again after server_create(); password and query (run last; NULL or
 * "": none) are copied. */
extern void server_login_attach(Server *server, const char *password, const char *connect_query,
								const ServerLoginEvents *events, void *owner);

/*
 * The server is one client's alone: its startup packet is that (copied; names
 * and values, then NULL), and nothing is asked or set there once it is logged in.
 */
extern void server_login_set_startup(Server *server, const char *const *names_and_values);

/* The stream is connected; it is encrypted. */
extern void server_login_begin(Server *server);
extern void server_login_secured(Server *server);

/* It took too long: on_failed is called now. */
extern void server_login_give_up(Server *server);

/* Forget what the login needed; the password is wiped. */
extern void server_login_destroy(Server *server);

#endif							/* ROUTER_BACKEND_SERVER_LOGIN_H */
