/*-------------------------------------------------------------------------
 *
 * shape.h
 *	  A statement's text without the values of its literals.
 *
 * Programs that do not use parameters send a new text for each value.  Two
 * texts of the same shape have the same parse tree but for the values of
 * constants, so the statement cache keeps what was decided by shape; it keeps
 * by text where a decision looked at such a value (StatementClass.reads_constant).
 *
 *	  SELECT * FROM t WHERE a = 17 AND b = 'x'	  ->  SELECT * FROM t WHERE a = # AND b = '#
 *
 * where # is a zero byte, which no text has.  Only INSERT, UPDATE, DELETE,
 * SELECT, VALUES and WITH have a shape, and only up to what needs PostgreSQL's
 * scanner to be read: a comment, a dollar quote, a string with a prefix, a
 * second statement.  The rest follows as it stands.
 *
 * Assumes standard_conforming_strings = on and an encoding in which bytes below
 * 0x80 stand for themselves: other sessions' texts are not looked at at all
 * (UnitContext.unsafe_lexing).
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_SQL_SHAPE_H
#define ROUTER_SQL_SHAPE_H

#include <stdbool.h>

#include "base/slice.h"

#define SHAPE_MAX_TEXT 4096		/* a longer text has none */

/* The shape, written into buffer; or the text itself where it has none or is its own. */
extern Slice shape_of_text(Slice text, char buffer[SHAPE_MAX_TEXT]);

/* Is what shape_of_text() gave for one text the shape of another, too?  Costs less than to find it; false for a long text. */
extern bool shape_is_of(Slice shape, Slice text);

#endif							/* ROUTER_SQL_SHAPE_H */
