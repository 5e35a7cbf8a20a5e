/*-------------------------------------------------------------------------
 *
 * database_ddl.c
 *	  Statements that a connected feed worker would make fail, and others that
 *	  it should know of.
 *
 *	  statement										the worker
 *	  ---------------------------------------------	---------------------------
 *	  DROP DATABASE d								leaves d before it begins,
 *	  ALTER DATABASE d RENAME, SET TABLESPACE, ...	and comes back, if it still
 *	  CREATE DATABASE ... TEMPLATE d				may, when it has ended
 *	  CREATE EXTENSION, DROP of one or its schema	looks around at the commit
 *	  COMMIT PREPARED, ROLLBACK PREPARED			looks for what it has told
 *
 * An entry is let go when the transaction has ended, whatever way: before that
 * nobody else sees what the statement has done, and a worker would come back to
 * what was.  CREATE DATABASE names its template in an option, template1 if there
 * is none.  Names that do not exist are left to the statement to complain about.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/objectaddress.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/memutils.h"

#include "feed/feed_database.h"
#include "feed/slots.h"
#include "workers/database_ddl.h"

/* All arguments of the hook. */
typedef struct UtilityCall
{
	PlannedStmt *statement;
	const char *query;
	bool		is_read_only;
	ProcessUtilityContext context;
	ParamListInfo params;
	QueryEnvironment *environment;
	DestReceiver *dest;
	QueryCompletion *completion;
} UtilityCall;

static ProcessUtility_hook_type previous_hook = NULL;

/* What this transaction holds; in TopMemoryContext. */
static FeedDatabase **held = NULL;
static int	nheld = 0;
static int	held_room = 0;

static void on_utility(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
					   ProcessUtilityContext context, ParamListInfo params,
					   QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc);
static Oid	find_held_database(Node *statement);
static const char *find_template(CreatedbStmt *statement);
static bool concerns_extensions(Node *statement);
static bool ends_prepared(Node *statement);
static void run_held(Oid database, const UtilityCall *call);
static void run_utility(const UtilityCall *call);

void
database_ddl_init(void)
{
	previous_hook = ProcessUtility_hook;
	ProcessUtility_hook = on_utility;
}

static void
on_utility(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
		   ProcessUtilityContext context, ParamListInfo params,
		   QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc)
{
	UtilityCall call = {pstmt, queryString, readOnlyTree, context, params, queryEnv, dest, qc};
	Node	   *statement = pstmt->utilityStmt;
	Oid			database = find_held_database(statement);
	/* the statement's own memory may not outlive it */
	bool		is_of_extensions = concerns_extensions(statement);
	bool		is_of_prepared = ends_prepared(statement);

	if (OidIsValid(database))
		run_held(database, &call);
	else
		run_utility(&call);
	if (is_of_extensions)
		slots_note_change();
	if (is_of_prepared)
		feed_database_ask_for(MyDatabaseId);
}

static Oid
find_held_database(Node *statement)
{
	const char *name = NULL;

	switch (nodeTag(statement))
	{
		case T_DropdbStmt:
			name = ((DropdbStmt *) statement)->dbname;
			break;
		case T_AlterDatabaseStmt:
			name = ((AlterDatabaseStmt *) statement)->dbname;
			break;
		case T_CreatedbStmt:
			name = find_template((CreatedbStmt *) statement);
			break;
		case T_RenameStmt:
			if (((RenameStmt *) statement)->renameType == OBJECT_DATABASE)
				name = ((RenameStmt *) statement)->subname;
			break;
		default:
			break;
	}
	return name ? get_database_oid(name, true) : InvalidOid;
}

static const char *
find_template(CreatedbStmt *statement)
{
	ListCell   *cell;

	foreach(cell, statement->options)
	{
		DefElem    *option = lfirst(cell);

		if (strcmp(option->defname, "template") == 0 && option->arg)
			return defGetString(option);
	}
	return "template1";
}

static bool
concerns_extensions(Node *statement)
{
	if (IsA(statement, DropStmt))
		return ((DropStmt *) statement)->removeType == OBJECT_EXTENSION ||
			((DropStmt *) statement)->removeType == OBJECT_SCHEMA;
	return IsA(statement, CreateExtensionStmt) || IsA(statement, AlterExtensionStmt) ||
		IsA(statement, DropOwnedStmt);
}

static bool
ends_prepared(Node *statement)
{
	TransactionStmtKind kind;

	if (!IsA(statement, TransactionStmt))
		return false;
	kind = ((TransactionStmt *) statement)->kind;
	return kind == TRANS_STMT_COMMIT_PREPARED || kind == TRANS_STMT_ROLLBACK_PREPARED;
}

static void
run_held(Oid database, const UtilityCall *call)
{
	FeedDatabase *entry;

	if (nheld == held_room)
	{
		int			room = held_room + 8;

		held = held ? repalloc(held, sizeof(FeedDatabase *) * room) :
			MemoryContextAlloc(TopMemoryContext, sizeof(FeedDatabase *) * room);
		held_room = room;
	}
	entry = feed_database_hold(database);
	if (entry)
	{
		held[nheld++] = entry;
		feed_database_wait_vacant(database);
	}
	run_utility(call);
}

void
database_ddl_on_transaction_end(void)
{
	while (nheld > 0)
		feed_database_let_go(held[--nheld]);
}

static void
run_utility(const UtilityCall *call)
{
	ProcessUtility_hook_type run = previous_hook ? previous_hook : standard_ProcessUtility;

	run(call->statement, call->query, call->is_read_only, call->context, call->params,
		call->environment, call->dest, call->completion);
}
