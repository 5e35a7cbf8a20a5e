/*-------------------------------------------------------------------------
 *
 * page_cursor.h
 *	  Cursors of andon.page(): a place in a board's order as short text.
 *
 * A cursor holds the values of a row in the columns of the board's order, as
 * text, with a number that stands for board and order and a checksum.  It is
 * made of letters, digits, '-' and '_' only (RFC 4648, base64url without
 * padding), so that it passes through URLs and HTML as it is.  It holds nothing
 * that the row itself does not show, and it proves nothing: who forges one gets
 * a place in rows that he may read anyway.  The values are for the input
 * functions of their columns and for parameters, never for the text of a query.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_REPORT_PAGE_CURSOR_H
#define ANDON_REPORT_PAGE_CURSOR_H

#include "postgres.h"

/* texts: n of them, NULL for NULL.  order: stands for the board and its order. */
extern char *page_cursor_format(uint32 order, int n, char *const *texts);

/* Fills texts; ERROR 22023 if it is no cursor of that order. */
extern void page_cursor_parse(const char *cursor, uint32 order, int n, char **texts);

#endif							/* ANDON_REPORT_PAGE_CURSOR_H */
