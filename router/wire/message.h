/*-------------------------------------------------------------------------
 *
 * message.h
 *	  Readers of message bodies, from clients and from servers.
 *
 * Every reader checks every length against the end of the body and answers
 * false for a body that is not what PostgreSQL would send or accept.  Slices
 * point into the body.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_WIRE_MESSAGE_H
#define ROUTER_WIRE_MESSAGE_H

#include <stdint.h>

#include "base/slice.h"

/* A cursor over a body; a failed read sets bad and answers zero values. */
typedef struct Reader
{
	const char *at;
	const char *end;
	bool		bad;
} Reader;

extern Reader reader_make(Slice body);
extern uint8_t read_u8(Reader *reader);
extern uint16_t read_u16(Reader *reader);
extern uint32_t read_u32(Reader *reader);
extern Slice read_bytes(Reader *reader, size_t n);
extern Slice read_string(Reader *reader);	/* up to a NUL, which is consumed */
extern bool reader_at_end(const Reader *reader);	/* everything read, nothing bad */

/* Query */
extern bool message_parse_query(Slice body, Slice *text);

typedef struct ParseMessage
{
	Slice		statement;		/* empty: unnamed */
	Slice		text;
	uint16_t	nparams;
	Slice		param_types;	/* nparams OIDs as sent, 4 bytes each */
} ParseMessage;

extern bool message_parse_parse(Slice body, ParseMessage *message);

typedef struct BindMessage
{
	Slice		portal;
	Slice		statement;
	Slice		rest;			/* formats and parameters, not looked into */
} BindMessage;

/* Works on the beginning of a long body too: only both names must be there. */
extern bool message_parse_bind_head(Slice body, BindMessage *message);

typedef struct TargetMessage	/* Describe and Close */
{
	char		kind;			/* 'S' statement or 'P' portal */
	Slice		name;
} TargetMessage;

extern bool message_parse_target(Slice body, TargetMessage *message);

typedef struct ExecuteMessage
{
	Slice		portal;
	uint32_t	max_rows;
} ExecuteMessage;

extern bool message_parse_execute(Slice body, ExecuteMessage *message);

/* Can the router read what it has to read in a client's message of this type?  Of a Bind, its names. */
extern bool message_is_readable(char type, Slice body);

/* ErrorResponse and NoticeResponse; missing fields are empty slices. */
typedef struct ErrorFields
{
	Slice		severity;		/* 'V', else 'S' */
	Slice		sqlstate;
	Slice		message;
	Slice		detail;
	Slice		hint;
	Slice		routine;		/* the function of PostgreSQL's that raised it */
} ErrorFields;

extern bool message_parse_error(Slice body, ErrorFields *fields);

/* The same of the beginning of a body: what is cut off is missing; true if severity and SQLSTATE are there. */
extern bool message_parse_error_head(Slice head, ErrorFields *fields);
extern bool message_parse_parameter_status(Slice body, Slice *name, Slice *value);
extern bool message_parse_backend_key(Slice body, uint32_t *pid, Slice *key);
extern bool message_parse_ready(Slice body, char *tx_status);	/* 'I', 'T' or 'E' */

/* The first column of a DataRow in text form; NULL gives data == NULL. */
extern bool message_parse_first_column(Slice body, Slice *value);

typedef struct AuthRequest
{
	uint32_t	kind;			/* 0 ok, 3 clear text, 5 md5, 10 SASL, 11 continue, 12 final */
	Slice		rest;			/* salt, mechanisms or SASL data */
} AuthRequest;

extern bool message_parse_auth(Slice body, AuthRequest *request);

/* Is the mechanism among those of an AuthenticationSASL (kind 10)? */
extern bool message_offers_mechanism(Slice mechanisms, const char *name);

/* SASLInitialResponse, the first 'p' of a SASL login */
typedef struct SaslInitialMessage
{
	Slice		mechanism;
	Slice		data;			/* data == NULL: none was sent */
} SaslInitialMessage;

extern bool message_parse_sasl_initial(Slice body, SaslInitialMessage *message);

/* LSN in PostgreSQL's text form "16/B374D848". */
extern bool message_parse_lsn(Slice text, uint64_t *lsn);

#endif							/* ROUTER_WIRE_MESSAGE_H */
