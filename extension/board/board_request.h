/*-------------------------------------------------------------------------
 *
 * board_request.h
 *	  What create_board was asked for, checked as far as it can be without
 *	  making anything.
 *
 * board_request_parse() reads the arguments; board_request_resolve() matches
 * them with the columns of the definition's view.  Both raise ERROR with what
 * to do in the HINT.  Memory is the current context's.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_BOARD_BOARD_REQUEST_H
#define ANDON_BOARD_BOARD_REQUEST_H

#include "postgres.h"

#include "access/attnum.h"
#include "fmgr.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "board/board_options.h"

typedef struct BoardRequest
{
	char	   *schema;
	char	   *name;
	char	   *view_name;
	char	   *query;
	List	   *key_names;		/* of char * */
	char	   *status;
	char	   *order_by;		/* as given; may be NULL */
	List	   *order_items;	/* of raw SortBy nodes on plain columns */
	Jsonb	   *json;			/* the options as given */
	BoardOptions options;		/* with its channel, never NULL */

	/* filled by board_request_resolve() */
	int			ncolumns;
	AttrNumber *key_attnos;
	AttrNumber	status_attno;
	char	   *order_columns;	/* index columns behind the status, quoted */
} BoardRequest;

/* The arguments of andon.create_board(). */
extern BoardRequest *board_request_parse(FunctionCallInfo fcinfo);

/* Finds key, status and order columns in the view. */
extern void board_request_resolve(BoardRequest *request, Oid view);

#endif							/* ANDON_BOARD_BOARD_REQUEST_H */
