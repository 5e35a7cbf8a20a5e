/*-------------------------------------------------------------------------
 *
 * classify_utility.c
 *	  Which kind of statement it is, and what it leaves behind.
 *
 * One switch over the types of statements.  What is not in it is taken for
 * DDL: not a read, and facts may be stale after it.  What is temporary is not
 * among the facts (nobody else sees it), and what was dropped cannot make a read
 * of what was none, since a name counts as the worst that has it.  Queries inside (of
 * EXPLAIN, COPY, DECLARE, CREATE TABLE AS) are walked, so that what they are
 * and leave behind counts for the whole.
 *
 *-------------------------------------------------------------------------
 */
#include "sql/classify_internal.h"

#include <strings.h>

#include "nodes/value.h"

static void walk_query(Walk *walk, const Node *query);
static void walk_TransactionStmt(Walk *walk, const TransactionStmt *statement);
static void walk_ExplainStmt(Walk *walk, const ExplainStmt *statement);
static void walk_CopyStmt(Walk *walk, const CopyStmt *statement);
static void walk_DeclareCursorStmt(Walk *walk, const DeclareCursorStmt *statement);
static void walk_FetchStmt(Walk *walk, const FetchStmt *statement);
static void walk_ClosePortalStmt(Walk *walk, const ClosePortalStmt *statement);
static void walk_PrepareStmt(Walk *walk, const PrepareStmt *statement);
static void walk_ExecuteStmt(Walk *walk, const ExecuteStmt *statement);
static void walk_DeallocateStmt(Walk *walk, const DeallocateStmt *statement);
static void walk_DiscardStmt(Walk *walk, const DiscardStmt *statement);
static void walk_ConstraintsSetStmt(Walk *walk, const ConstraintsSetStmt *statement);
static void walk_ListenStmt(Walk *walk, const ListenStmt *statement);
static void walk_UnlistenStmt(Walk *walk, const UnlistenStmt *statement);
static void walk_CreateStmt(Walk *walk, const CreateStmt *statement);
static void walk_CreateTableAsStmt(Walk *walk, const CreateTableAsStmt *statement);
static void walk_ViewStmt(Walk *walk, const ViewStmt *statement);
static void walk_CreateSeqStmt(Walk *walk, const CreateSeqStmt *statement);
static void walk_CreateFunctionStmt(Walk *walk, const CreateFunctionStmt *statement);
static void walk_DropStmt(Walk *walk, const DropStmt *statement);
static void walk_LoadStmt(Walk *walk, const LoadStmt *statement);
static void walk_CallStmt(Walk *walk, const CallStmt *statement);
static void walk_DoStmt(Walk *walk, const DoStmt *statement);
static void walk_ddl(Walk *walk);
static void walk_set_kind(Walk *walk, StatementKind kind, const char *why, const char *name);

#define NODE_CASE(type) case T_##type: walk_##type(walk, (const type *) statement); break

void
walk_statement(Walk *walk, const Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_SelectStmt:
			if (!walk_set_config(walk, (const SelectStmt *) statement))
				walk_query(walk, statement);
			break;
		case T_InsertStmt:
		case T_UpdateStmt:
		case T_DeleteStmt:
		case T_MergeStmt:
			walk_query(walk, statement);
			break;

		NODE_CASE(TransactionStmt);
		NODE_CASE(VariableSetStmt);
		NODE_CASE(VariableShowStmt);
		NODE_CASE(ConstraintsSetStmt);
		NODE_CASE(DiscardStmt);
		NODE_CASE(ExplainStmt);
		NODE_CASE(CopyStmt);
		NODE_CASE(DeclareCursorStmt);
		NODE_CASE(FetchStmt);
		NODE_CASE(ClosePortalStmt);
		NODE_CASE(PrepareStmt);
		NODE_CASE(ExecuteStmt);
		NODE_CASE(DeallocateStmt);
		NODE_CASE(ListenStmt);
		NODE_CASE(UnlistenStmt);
		NODE_CASE(LoadStmt);
		NODE_CASE(CallStmt);
		NODE_CASE(DoStmt);
		NODE_CASE(CreateStmt);
		NODE_CASE(CreateTableAsStmt);
		NODE_CASE(ViewStmt);
		NODE_CASE(CreateSeqStmt);
		NODE_CASE(CreateFunctionStmt);
		NODE_CASE(DropStmt);

		/* acts on the database, but changes no fact */
		case T_NotifyStmt:
		case T_TruncateStmt:
		case T_LockStmt:
		case T_VacuumStmt:
		case T_ClusterStmt:
		case T_ReindexStmt:
		case T_CheckPointStmt:
		case T_RefreshMatViewStmt:
		case T_AlterSystemStmt:
		case T_GrantStmt:
		case T_GrantRoleStmt:
		case T_CreateRoleStmt:
		case T_AlterRoleStmt:
		case T_AlterRoleSetStmt:
		case T_DropRoleStmt:
		case T_AlterDatabaseSetStmt:
		case T_AlterDefaultPrivilegesStmt:
		case T_IndexStmt:
		case T_CreateTrigStmt:
		case T_CreateStatsStmt:
		case T_CommentStmt:
		case T_SecLabelStmt:
			walk_lower(walk, VERDICT_PRIMARY, "a command for the primary", NULL);
			break;

		default:
			walk_ddl(walk);
	}
}

static void
walk_query(Walk *walk, const Node *query)
{
	walk_node(walk, query);
}

static void
walk_ddl(Walk *walk)
{
	walk_flag(walk, STATEMENT_IS_DDL);
	walk_lower(walk, VERDICT_PRIMARY, "changes the catalog", NULL);
}

/* What this session alone sees and no fact tells of; with its transaction it goes by itself. */
static void
walk_temporary(Walk *walk, const char *what, bool outlives_transaction)
{
	walk_lower(walk, VERDICT_PRIMARY, "changes the catalog", NULL);
	if (outlives_transaction)
		walk_pin(walk, PIN_TEMPORARY, what);
}

/* A kind of its own, handled by the session; never a read. */
static void
walk_set_kind(Walk *walk, StatementKind kind, const char *why, const char *name)
{
	walk->result->kind = kind;
	walk_lower(walk, VERDICT_PRIMARY, why, NULL);
	if (name != NULL)
		walk_copy_name(walk->result->set_name, sizeof(walk->result->set_name), name);
}

/* ---- transactions and session ---- */

static void
walk_TransactionStmt(Walk *walk, const TransactionStmt *statement)
{
	const char *why = "a transaction command";

	if (statement->chain)
		walk_flag(walk, STATEMENT_CHAIN);
	switch (statement->kind)
	{
		case TRANS_STMT_BEGIN:
		case TRANS_STMT_START:
			walk_set_kind(walk, STATEMENT_BEGIN, why, NULL);
			if (!walk_transaction_options(walk, statement->options))
			{
				walk->result->kind = STATEMENT_QUERY;
				walk_flag(walk, STATEMENT_HAS_TRANSACTION);
			}
			break;
		case TRANS_STMT_COMMIT:
			walk_set_kind(walk, STATEMENT_COMMIT, why, NULL);
			break;
		case TRANS_STMT_ROLLBACK:
			walk_set_kind(walk, STATEMENT_ROLLBACK, why, NULL);
			break;
		case TRANS_STMT_RELEASE:
			walk_flag(walk, STATEMENT_RELEASE);
			walk_set_kind(walk, STATEMENT_SAVEPOINT, why, statement->savepoint_name);
			break;
		case TRANS_STMT_ROLLBACK_TO:
			walk_flag(walk, STATEMENT_ROLLBACK_TO);
			walk_set_kind(walk, STATEMENT_SAVEPOINT, why, statement->savepoint_name);
			break;
		case TRANS_STMT_SAVEPOINT:
			walk_set_kind(walk, STATEMENT_SAVEPOINT, why, statement->savepoint_name);
			break;
		case TRANS_STMT_PREPARE:
		case TRANS_STMT_COMMIT_PREPARED:
		case TRANS_STMT_ROLLBACK_PREPARED:
			walk_set_kind(walk, STATEMENT_TWO_PHASE, why, NULL);
			break;
	}
}

static void
walk_ConstraintsSetStmt(Walk *walk, const ConstraintsSetStmt *statement)
{
	walk_set_kind(walk, STATEMENT_SET_LOCAL, "a setting of the transaction", NULL);
}

static void
walk_DiscardStmt(Walk *walk, const DiscardStmt *statement)
{
	if (statement->target == DISCARD_ALL)
		walk_set_kind(walk, STATEMENT_DISCARD_ALL, "resets the session", NULL);
	else
	{
		walk_flag(walk, STATEMENT_ENDS_STATE);
		walk_lower(walk, VERDICT_PRIMARY, "resets part of the session", NULL);
	}
}

static void
walk_ListenStmt(Walk *walk, const ListenStmt *statement)
{
	walk_set_kind(walk, STATEMENT_LISTEN, "notifications come from the primary", statement->conditionname);
	walk_pin(walk, PIN_LISTEN, "LISTEN");
}

static void
walk_UnlistenStmt(Walk *walk, const UnlistenStmt *statement)
{
	walk_flag(walk, STATEMENT_ENDS_STATE);
	walk_set_kind(walk, STATEMENT_UNLISTEN, "notifications come from the primary", statement->conditionname);
}

static void
walk_LoadStmt(Walk *walk, const LoadStmt *statement)
{
	walk_lower(walk, VERDICT_PRIMARY, "loads a library into the session", NULL);
	walk_pin(walk, PIN_OTHER, "LOAD");
}

/* ---- prepared statements of SQL ---- */

static void
walk_PrepareStmt(Walk *walk, const PrepareStmt *statement)
{
	walk_lower(walk, VERDICT_PRIMARY, "a prepared statement of the session", statement->name);
	walk_pin(walk, PIN_PREPARED, "PREPARE");
	walk_prepared_name(walk, statement->name);
}

static void
walk_ExecuteStmt(Walk *walk, const ExecuteStmt *statement)
{
	walk_lower(walk, VERDICT_PRIMARY, "a prepared statement of the session", statement->name);
	walk_pin(walk, PIN_PREPARED, "EXECUTE");
	walk_prepared_name(walk, statement->name);
}

static void
walk_DeallocateStmt(Walk *walk, const DeallocateStmt *statement)
{
	walk_flag(walk, STATEMENT_ENDS_STATE);
	walk_set_kind(walk, STATEMENT_DEALLOCATE, "a prepared statement of the session", statement->name);
	if (statement->name != NULL)
		walk_prepared_name(walk, statement->name);
}

/* ---- statements around a query ---- */

/* It runs where its query would; without ANALYZE nothing runs, so nothing is left behind. */
static void
walk_ExplainStmt(Walk *walk, const ExplainStmt *statement)
{
	bool		was_executed = walk->is_executed;
	bool		has_analyze = false;
	const ListCell *cell;

	foreach(cell, statement->options)
	{
		const DefElem *option = lfirst(cell);

		if (strcasecmp(option->defname, "analyze") == 0)
			has_analyze = true;
	}
	walk->is_executed = was_executed && has_analyze;
	if (IsA(statement->query, SelectStmt))
		walk_query(walk, statement->query);
	else
	{
		walk_lower(walk, VERDICT_PRIMARY, "EXPLAIN of what is not a query", NULL);
		walk_statement(walk, statement->query);
	}
	walk->is_executed = was_executed;
}

static void
walk_CopyStmt(Walk *walk, const CopyStmt *statement)
{
	if (statement->filename == NULL && !statement->is_program)
		walk->result->kind = STATEMENT_COPY;
	else
		walk_lower(walk, VERDICT_PRIMARY, "COPY with a file or program of the server", NULL);
	if (statement->is_from)
		walk_lower(walk, VERDICT_PRIMARY, "COPY FROM", statement->relation->relname);
	else if (statement->query != NULL)
		walk_query(walk, statement->query);
	else
		walk_relation(walk, statement->relation);
}

static void
walk_DeclareCursorStmt(Walk *walk, const DeclareCursorStmt *statement)
{
	if ((statement->options & CURSOR_OPT_HOLD) != 0)
	{
		walk_lower(walk, VERDICT_PRIMARY, "a cursor that outlives its transaction", statement->portalname);
		walk_pin(walk, PIN_CURSOR, "cursor WITH HOLD");
	}
	walk_query(walk, statement->query);
}

/* A cursor is on the server that declared it, and what it runs was judged then. */
static void
walk_FetchStmt(Walk *walk, const FetchStmt *statement)
{
}

static void
walk_ClosePortalStmt(Walk *walk, const ClosePortalStmt *statement)
{
	walk_flag(walk, STATEMENT_ENDS_STATE);
}

static void
walk_CallStmt(Walk *walk, const CallStmt *statement)
{
	walk_lower(walk, VERDICT_PRIMARY, "CALL may do anything", NULL);
	walk_flag(walk, STATEMENT_HAS_TRANSACTION);
	walk_node(walk, (const Node *) statement->funccall);
}

static void
walk_DoStmt(Walk *walk, const DoStmt *statement)
{
	walk_lower(walk, VERDICT_PRIMARY, "DO may do anything", NULL);
	walk_flag(walk, STATEMENT_HAS_TRANSACTION);
}

/* ---- what can be made temporary ---- */

static void
walk_CreateStmt(Walk *walk, const CreateStmt *statement)
{
	if (walk_is_temporary(statement->relation))
		walk_temporary(walk, "temporary table", statement->oncommit != ONCOMMIT_DROP);
	else
		walk_ddl(walk);
}

static void
walk_CreateTableAsStmt(Walk *walk, const CreateTableAsStmt *statement)
{
	if (walk_is_temporary(statement->into->rel))
		walk_temporary(walk, "temporary table", statement->into->onCommit != ONCOMMIT_DROP);
	else
		walk_ddl(walk);
	if (IsA(statement->query, SelectStmt))
		walk_query(walk, statement->query);
	else
		walk_statement(walk, statement->query);
}

static void
walk_ViewStmt(Walk *walk, const ViewStmt *statement)
{
	if (walk_is_temporary(statement->view))
		walk_temporary(walk, "temporary view", true);
	else
		walk_ddl(walk);
}

static void
walk_CreateSeqStmt(Walk *walk, const CreateSeqStmt *statement)
{
	if (walk_is_temporary(statement->sequence))
		walk_temporary(walk, "temporary sequence", true);
	else
		walk_ddl(walk);
}

static void
walk_CreateFunctionStmt(Walk *walk, const CreateFunctionStmt *statement)
{
	const Node *schema = linitial(statement->funcname);

	walk_ddl(walk);
	if (list_length(statement->funcname) > 1 && strncmp(strVal(schema), "pg_temp", strlen("pg_temp")) == 0)
		walk_pin(walk, PIN_TEMPORARY, "temporary function");
}

static void
walk_DropStmt(Walk *walk, const DropStmt *statement)
{
	walk_lower(walk, VERDICT_PRIMARY, "changes the catalog", NULL);
	walk_flag(walk, STATEMENT_ENDS_STATE);
}
