/*-------------------------------------------------------------------------
 *
 * board_ddl.c
 *	  DDL of a board itself, of the type of its status, and of our schema.
 *
 * A board is two relations that belong together: its table and the view of its
 * definition, which is read with the rights of the view's owner.  Who gives the
 * table to another means both.
 *
 * A status that is an enum is known to the board by value, and to the rules of
 * its transitions by name: when the name changes, so do they.  What the change
 * log has said stays said.
 *
 * Maintenance finds the catalog of boards by the name of its schema, and where
 * there is no such schema there are no boards: under another name all of them
 * would stand still without a word.  PostgreSQL itself lets a schema be renamed
 * from under an extension.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/tablecmds.h"
#include "nodes/parsenodes.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/spi_util.h"
#include "board/board.h"
#include "board/board_status.h"
#include "board/board_transition.h"
#include "contract/andon_contract.h"
#include "maintain/board_ddl.h"
#include "maintain/sla.h"
#include "maintain/transition_rule.h"

static Oid	find_owner(Oid relid);
static bool rename_in_rule(List *rule, const char *from, const char *to);
static void check_fits_rule(const Board *board, const char *status);

void
board_ddl_check_statement(const Node *statement)
{
	const RenameStmt *rename = (const RenameStmt *) statement;

	if (IsA(statement, RenameStmt) && rename->renameType == OBJECT_SCHEMA &&
		strcmp(rename->subname, ANDON_SCHEMA) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("schema \"%s\" cannot be renamed", ANDON_SCHEMA),
				 errdetail("Extension andon lives in it, and is found by this name.")));
}

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

/* Past all privileges: who may give away the one has been checked. */
bool
board_ddl_follow_owner(Oid relid)
{
	Board	   *board = board_load_record(relid);
	Oid			owner = find_owner(relid);

	if (board == NULL || !OidIsValid(owner) || !OidIsValid(find_owner(board->view)) ||
		find_owner(board->view) == owner)
		return false;
	ATExecChangeOwner(board->view, owner, true, AccessExclusiveLock);
	CommandCounterIncrement();
	return true;
}

void
board_ddl_rename_status(Oid type, const char *from, const char *to)
{
	ListCell   *cell;

	foreach(cell, board_list_all())
	{
		Board	   *board = board_load(lfirst_oid(cell));

		if (board == NULL || board_status_type(board) != type)
			continue;
		sla_rename_status(board->relid, from, to);
		if (rename_in_rule(board->transitions, from, to))
		{
			check_fits_rule(board, to);
			transition_store_rule(board->relid, board_transition_format(board->transitions));
		}
	}
}

static void
check_fits_rule(const Board *board, const char *status)
{
	size_t		length = strlen(status);

	if (length == 0 || status[0] == ' ' || status[length - 1] == ' ' || strchr(status, '>'))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("status \"%s\" cannot be named in the transitions of board %s",
						status, board->qualified),
				 errdetail("They are written as FROM>TO, with blanks around a name left out."),
				 errhint("Choose another name, or take the rule off with andon.set_transitions() first.")));
}

static bool
rename_in_rule(List *rule, const char *from, const char *to)
{
	bool		renamed = false;
	ListCell   *cell;

	foreach(cell, rule)
	{
		BoardTransition *transition = lfirst(cell);
		char	  **ends[] = {&transition->from, &transition->to};

		for (int i = 0; i < lengthof(ends); i++)
			if (*ends[i] && strcmp(*ends[i], from) == 0)
			{
				*ends[i] = pstrdup(to);
				renamed = true;
			}
	}
	return renamed;
}

/* InvalidOid if the relation is gone. */
static Oid
find_owner(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}
