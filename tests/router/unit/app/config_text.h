/*-------------------------------------------------------------------------
 *
 * config_text.h
 *	  A configuration from text, as tests have it: right, or wrong in given ways.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TESTS_CONFIG_TEXT_H
#define TESTS_CONFIG_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/config.h"

/* The least that is a configuration, in four lines; the fifth is of [router] still. */
#define BASE "[nodes]\nnorth = host=10.0.0.1\n[router]\nauth_file = users.txt\n"

/* One that has all sections. */
#define WORDS BASE "default_pool_size = 20\nmax_user_connections = 7\nmin_pool_size = 1\n" \
	"[databases]\nshop = dbname=mes pool_size=5 reserve_pool_size=2 min_pool_size=0 max_db_connections=9 " \
	"pool_mode=session connect_query='SELECT ''x''' max_db_client_connections=3\n" \
	"as_bob = dbname=mes user=bob\n* =\n" \
	"[users]\nbob = pool_size=3 pool_mode=transaction max_user_connections=0 max_user_client_connections=4\n" \
	"[routes]\nreporting = application='grafana *' target=replica\nbooking = user=cash* database=sho? target=primary\n" \
	"plain = user=cashier target=auto\nrest = database=* target=replica\n"

/* Read as etc/router.ini; must be right. */
extern Config *parse(const char *text);

/* Must be wrong in exactly these ways. */
#define ERRORS(text, ...) assert_errors(text, (const char *const[]) {__VA_ARGS__, NULL})
extern void assert_errors(const char *text, const char *const *wanted);

/* The buffer as a string: a NUL is appended. */
extern const char *terminated(Buf *buf);

#endif							/* TESTS_CONFIG_TEXT_H */
