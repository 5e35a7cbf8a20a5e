/*-------------------------------------------------------------------------
 *
 * startup.h
 *	  The first packet of a connection: startup, SSL, GSS or cancel request.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_WIRE_STARTUP_H
#define ROUTER_WIRE_STARTUP_H

#include <stdint.h>

#include "base/slice.h"

#define STARTUP_MAX_LEN 10004	/* PostgreSQL's MAX_STARTUP_PACKET_LENGTH and the length word */
#define STARTUP_MAX_PARAMS 64
#define STARTUP_MINOR_MAX 2		/* protocol 3.2, of PostgreSQL 18: long cancel keys */
#define STARTUP_VERSION_3_2 (3 << 16 | 2)

typedef enum StartupKind
{
	STARTUP_PARTIAL,			/* more bytes are needed */
	STARTUP_MALFORMED,
	STARTUP_SSL,
	STARTUP_GSSENC,
	STARTUP_CANCEL,
	STARTUP_SESSION
} StartupKind;

typedef struct StartupParam
{
	Slice		name;
	Slice		value;
} StartupParam;

typedef struct Startup
{
	StartupKind kind;
	size_t		total_len;		/* bytes of the packet */
	uint32_t	version;		/* major << 16 | minor; of STARTUP_SESSION, and of
								 * STARTUP_MALFORMED when only the major is not 3 */
	uint32_t	cancel_pid;		/* STARTUP_CANCEL only */
	Slice		cancel_key;		/* 4 to 256 bytes; STARTUP_CANCEL only */
	int			nparams;		/* STARTUP_SESSION only; slices into the packet */
	StartupParam params[STARTUP_MAX_PARAMS];
	const char *why;			/* STARTUP_MALFORMED: what is wrong */
} Startup;

/*
 * Judges a packet by its first eight bytes, then waits for all of it.  What is
 * refused: a length PostgreSQL refuses, SSL and GSS requests that are not eight
 * bytes, cancel keys outside 4 to 256 bytes, a major version other than 3 (any
 * minor is fine: offer less with build_negotiate_version()), parameters that do
 * not end with the packet, come twice, or are more than STARTUP_MAX_PARAMS.
 */
extern StartupKind startup_parse(Slice data, Startup *startup);

/* The value of a parameter; data is NULL when it was not sent. */
extern Slice startup_find_param(const Startup *startup, const char *name);

#endif							/* ROUTER_WIRE_STARTUP_H */
