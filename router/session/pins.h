/*-------------------------------------------------------------------------
 *
 * pins.h
 *	  State that keeps a session on its server, and how its end is found out.
 *
 *	  kind			 comes by						may end by				asked of the server
 *	  TEMPORARY		 CREATE TEMP ..., SELECT INTO	DROP, DISCARD TEMP		objects in pg_my_temp_schema()
 *	  LOCK			 pg_advisory_lock() and kin		pg_advisory_unlock()	pg_locks of the backend
 *	  LISTEN		 LISTEN							UNLISTEN				pg_listening_channels()
 *	  CURSOR		 DECLARE ... WITH HOLD			CLOSE					pg_cursors, is_holdable
 *	  PREPARED		 PREPARE, EXECUTE				DEALLOCATE				pg_prepared_statements, but the router's
 *	  ROLE			 SET ROLE						SET ROLE, RESET ROLE	current_setting('role')
 *	  OTHER, UNREAD	 LOAD, a SET not followed ...	DISCARD ALL only		nothing
 *
 * Each of them may also end with the transaction in which it came, if that is
 * rolled back.  Only after something that may have ended it, and outside of a
 * transaction, is the server asked, with one query about the kinds the session
 * has; when nothing is left the session is as others are, and its server is
 * reset before it is given on.  DISCARD ALL ends all of it.
 *
 * The bits are StatementClass.pins; pure, no session is seen here.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_SESSION_PINS_H
#define ROUTER_SESSION_PINS_H

#include "base/buf.h"
#include "sql/classify.h"

#define PIN_UNREAD 0x80			/* what a text that could not be read has done */

/* Can a server be asked whether all of that is over? */
extern bool pins_can_be_asked(unsigned pins);

/* Append the query that answers, in one column, the bits of those that are left. */
extern void pins_build_query(unsigned pins, Buf *sql);

/* The answer; false: not one. */
extern bool pins_parse_answer(Slice value, unsigned *pins);

/* The name of one of them, for SHOW CLIENTS; static. */
extern const char *pins_name(unsigned pins);

#endif							/* ROUTER_SESSION_PINS_H */
