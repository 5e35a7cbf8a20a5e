/*-------------------------------------------------------------------------
 *
 * board_ddl.c
 *	  DDL of a board itself, and of the type of its status.
 *
 * A board is two relations that belong together: its table and the view of its
 * definition, which is read with the rights of the view's owner.  Who gives the
 * table to another means both.
 *
 * A status that is an enum is known to the board by value, and to the rules of
 * its transitions by name: when the name changes, so do they.  What the change
 * log has said stays said.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/lsyscache.h"

#include "base/spi_util.h"
#include "board/board.h"
#include "maintain/board_ddl.h"

/* Columns of the definition are known by position, so they may be renamed. */
void
board_ddl_check_columns(Oid relid)
{
	Board	   *board = board_load_record(relid);
	bool		is_whole = true;
	int			ncolumns = 0;

	if (board == NULL || board->state == BOARD_RESTORING)
		return;
	while (OidIsValid(get_atttype(board->view, ncolumns + 1)))
		ncolumns++;
	for (AttrNumber attno = 1; attno <= ncolumns; attno++)
		is_whole = is_whole && get_atttype(relid, attno) == get_atttype(board->view, attno);
	is_whole = is_whole &&
		get_attnum(relid, BOARD_SINCE) == ncolumns + 1 &&
		get_atttype(relid, ncolumns + 1) == TIMESTAMPTZOID &&
		get_attnum(relid, BOARD_VERSION) == ncolumns + 2 &&
		get_atttype(relid, ncolumns + 2) == INT8OID;
	if (!is_whole)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the columns of board %s cannot be dropped or changed",
						spi_util_relation_name(relid)),
				 errdetail("They are those of its definition, view %s, and \"%s\" and \"%s\".",
						   spi_util_relation_name(board->view), BOARD_SINCE, BOARD_VERSION),
				 errhint("Drop the board with andon.drop_board() and create it again with another definition.")));
}

