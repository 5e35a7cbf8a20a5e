/*-------------------------------------------------------------------------
 *
 * error.h
 *	  Why an operation failed, in PostgreSQL's terms.
 *
 * Functions that can fail return false and fill an Error of the caller.  The
 * finder returns, the handler logs or sends it: one event, one line.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_BASE_ERROR_H
#define ROUTER_BASE_ERROR_H

#include <stdbool.h>

#include "base/compiler.h"

#define ERROR_MESSAGE_SIZE 512
#define ERROR_TEXT_SIZE 256

/* SQLSTATEs the router raises (router.md §3, 5, 9, 12; PostgreSQL Appendix A) */
#define SQLSTATE_PROTOCOL_VIOLATION "08P01"
#define SQLSTATE_CONNECTION_FAILURE "08006"
#define SQLSTATE_TRANSACTION_RESOLUTION_UNKNOWN "08007"
#define SQLSTATE_FEATURE_NOT_SUPPORTED "0A000"
#define SQLSTATE_INVALID_AUTHORIZATION "28000"
#define SQLSTATE_INVALID_PASSWORD "28P01"
#define SQLSTATE_READ_ONLY_TRANSACTION "25006"
#define SQLSTATE_IN_FAILED_TRANSACTION "25P02"
#define SQLSTATE_UNDEFINED_PSTATEMENT "26000"
#define SQLSTATE_UNDEFINED_DATABASE "3D000"
#define SQLSTATE_SERIALIZATION_FAILURE "40001"
#define SQLSTATE_SYNTAX_ERROR "42601"
#define SQLSTATE_INSUFFICIENT_PRIVILEGE "42501"
#define SQLSTATE_INVALID_CURSOR_NAME "34000"
#define SQLSTATE_DUPLICATE_PSTATEMENT "42P05"
#define SQLSTATE_INSUFFICIENT_RESOURCES "53000"
#define SQLSTATE_TOO_MANY_CONNECTIONS "53300"
#define SQLSTATE_LIMIT_EXCEEDED "53400"
#define SQLSTATE_PROGRAM_LIMIT_EXCEEDED "54000"
#define SQLSTATE_NOT_IN_PREREQUISITE_STATE "55000"
#define SQLSTATE_UNDEFINED_OBJECT "42704"
#define SQLSTATE_QUERY_CANCELED "57014"
#define SQLSTATE_ADMIN_SHUTDOWN "57P01"
#define SQLSTATE_CANNOT_CONNECT_NOW "57P03"
#define SQLSTATE_CONFIG_FILE_ERROR "F0000"
#define SQLSTATE_INTERNAL_ERROR "XX000"

typedef struct Error
{
	char		sqlstate[6];
	char		message[ERROR_MESSAGE_SIZE];
	char		detail[ERROR_TEXT_SIZE];	/* empty: none */
	char		hint[ERROR_TEXT_SIZE];	/* empty: none */
	const char *routine;		/* static, or NULL: of PostgreSQL's, where drivers go by it */
} Error;

/*
 * Fill an error; always returns false, so that "return error_set(...)" reads well.
 */
extern COLD bool error_set(Error *error, const char *sqlstate, const char *format,...)
			__attribute__((format(printf, 3, 4)));
extern void error_set_detail(Error *error, const char *format,...) __attribute__((format(printf, 2, 3)));
extern void error_set_hint(Error *error, const char *format,...) __attribute__((format(printf, 2, 3)));

#endif							/* ROUTER_BASE_ERROR_H */
