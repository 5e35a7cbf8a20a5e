/*-------------------------------------------------------------------------
 *
 * build.h
 *	  Writers of messages: each appends one whole message to a buffer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_WIRE_BUILD_H
#define ROUTER_WIRE_BUILD_H

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

/* A message of any type whose body the caller appends between begin and end. */
extern size_t build_begin(Buf *out, char type);
extern void build_end(Buf *out, size_t mark);

#define BUILD_READY_SIZE 6

/* to servers */
extern void build_startup(Buf *out, const char *const *names_and_values);	/* NULL-terminated pairs */
extern void build_ssl_request(Buf *out);
extern void build_cancel(Buf *out, uint32_t pid, Slice key);
extern void build_query(Buf *out, Slice text);
extern void build_parse(Buf *out, Slice statement, Slice text, uint16_t nparams, Slice param_types);
extern void build_bind_head(Buf *out, Slice portal, Slice statement, size_t rest_len);	/* caller sends the rest */
extern void build_target(Buf *out, char type, char kind, Slice name);	/* Describe 'D' or Close 'C' */
extern void build_execute(Buf *out, Slice portal, uint32_t max_rows);
extern void build_sync(Buf *out);
extern void build_terminate(Buf *out);
extern void build_password(Buf *out, Slice bytes);	/* 'p': password or SASL response, as given */
extern void build_sasl_initial(Buf *out, const char *mechanism, Slice data);
extern void build_copy_fail(Buf *out, const char *reason);

/* to clients */
extern void build_auth(Buf *out, uint32_t kind, Slice rest);
extern void build_parameter_status(Buf *out, Slice name, Slice value);
extern void build_backend_key(Buf *out, uint32_t pid, Slice key);
extern void build_ready(Buf *out, char tx_status);
extern Slice build_ready_in(char message[BUILD_READY_SIZE], char tx_status);	/* the same without a buffer */
extern void build_error(Buf *out, const char *severity, const Error *error);	/* "ERROR" or "FATAL" */
extern void build_notice(Buf *out, const Error *error);	/* severity NOTICE */
extern void build_command_complete(Buf *out, const char *tag);
extern void build_empty(Buf *out, char type);	/* ParseComplete '1', BindComplete '2', NoData 'n' ... */
extern void build_negotiate_version(Buf *out, uint32_t minor, const Slice *options, int noptions);

/* Result sets made by the router: all columns are text. */
extern void build_text_row_description(Buf *out, const char *const *columns, int ncolumns);
extern void build_text_row(Buf *out, const char *const *values, int ncolumns);	/* NULL value: SQL null */

#endif							/* ROUTER_WIRE_BUILD_H */
