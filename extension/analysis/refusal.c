/*-------------------------------------------------------------------------
 *
 * refusal.c
 *	  What a definition must not contain, and how it is told.
 *
 * A board is kept by refreshing the keys that a changed row leads to.  Refused
 * is what can change the result without such a row: time and session
 * (now(), current_user), functions that may read tables unseen, sources on
 * which no trigger can stand, and clauses whose effect is not a matter of
 * single keys (a top-level LIMIT).
 *
 * Built-in STABLE functions are allowed, except those that look at the
 * session, the transaction, the catalogs or the clock: what remains depends
 * on settings, and the settings are pinned when a board is maintained.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/catalog.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rls.h"
#include "utils/syscache.h"

#include "analysis/refusal.h"
#include "board/board.h"
#include "board/board_catalog.h"

/* Built-in stable functions without arguments that depend on settings only. */
static const char *const allowed_without_arguments[] = {
	"get_current_ts_config", "getdatabaseencoding", "json_build_array", "json_build_object",
	"jsonb_build_array", "jsonb_build_object", "pg_client_encoding"
};

/* The same among those whose names start with pg_. */
static const char *const allowed_pg_functions[] = {
	"pg_char_to_encoding", "pg_collation_for", "pg_column_size", "pg_encoding_to_char", "pg_typeof"
};

/* Built-in stable functions that see more than their arguments and settings. */
static const char *const refused_prefixes[] = {
	"col_description", "current_", "database_to_xml", "format_type", "has_", "inet_client", "inet_server",
	"obj_description", "pg_", "regclass", "regcollation", "regconfig", "regdictionary", "regnamespace",
	"regoper", "regproc", "regrole", "regtype", "row_security_active", "schema_to_xml",
	"shobj_description", "table_to_xml", "to_reg", "txid_"
};

static bool
name_is_listed(const char *name, const char *const *list, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(name, list[i]) == 0)
			return true;
	return false;
}

static bool
stable_builtin_is_refused(const char *name, int nargs)
{
	if (strncmp(name, "pg_", 3) == 0 &&
		name_is_listed(name, allowed_pg_functions, lengthof(allowed_pg_functions)))
		return false;
	if (nargs == 0)
		return !name_is_listed(name, allowed_without_arguments, lengthof(allowed_without_arguments));
	if (nargs == 1 && (strcmp(name, "age") == 0 || strcmp(name, "mxid_age") == 0))
		return true;			/* counts from today, or from the newest transaction */
	for (int i = 0; i < lengthof(refused_prefixes); i++)
		if (strncmp(name, refused_prefixes[i], strlen(refused_prefixes[i])) == 0)
			return true;
	return false;
}

static void
refuse_function(Oid funcid, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("a board's definition cannot use function %s", format_procedure(funcid)),
			 errdetail("%s", detail),
			 errhint("%s", hint)));
}

static void
refuse_user_function(Oid funcid)
{
	StringInfoData name;
	char	   *hint;

	initStringInfo(&name);
	escape_json(&name, format_procedure_qualified(funcid));
	hint = psprintf(_("If its result depends on its arguments alone, declare it IMMUTABLE or name it in options => {\"trusted\": [%s]}; else write what it reads into the definition."),
					name.data);

	refuse_function(funcid, _("It is not IMMUTABLE: it may read tables that the board would not see changing."), hint);
}

static void
check_builtin(Oid funcid, Form_pg_proc proc)
{
	if (proc->provolatile == PROVOLATILE_VOLATILE)
		refuse_function(funcid,
						_("It is volatile: its result changes without any source changing."),
						_("Store the value in a column of a source table instead."));
	if (proc->provolatile == PROVOLATILE_STABLE &&
		stable_builtin_is_refused(NameStr(proc->proname), proc->pronargs))
		refuse_function(funcid,
						_("Its result depends on the clock, the session, the transaction or the catalogs, not on the sources."),
						_("Leave it out of the definition and apply it when the board is read."));
}

static bool
check_function(Oid funcid, void *context)
{
	const DefinitionOptions *options = context;
	HeapTuple	tuple;

	if (list_member_oid(options->trusted_procs, funcid))
		return false;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", funcid);
	if (funcid < FirstNormalObjectId)
		check_builtin(funcid, (Form_pg_proc) GETSTRUCT(tuple));
	else if (((Form_pg_proc) GETSTRUCT(tuple))->provolatile != PROVOLATILE_IMMUTABLE)
		refuse_user_function(funcid);
	ReleaseSysCache(tuple);
	return false;
}

/* All that can compute its result: also over a window that moves, or by parts. */
static void
check_aggregate_functions(Form_pg_aggregate aggregate, const DefinitionOptions *options)
{
	const Oid	funcids[] = {
		aggregate->aggtransfn, aggregate->aggfinalfn,
		aggregate->aggmtransfn, aggregate->aggminvtransfn, aggregate->aggmfinalfn,
		aggregate->aggcombinefn, aggregate->aggserialfn, aggregate->aggdeserialfn
	};

	for (int i = 0; i < lengthof(funcids); i++)
		if (OidIsValid(funcids[i]))
			check_function(funcids[i], (void *) options);
}

/* An aggregate is always marked immutable; what counts are its functions. */
static void
check_aggregate(Oid aggfnoid, const DefinitionOptions *options)
{
	HeapTuple	tuple;
	Form_pg_aggregate aggregate;

	if (aggfnoid < FirstNormalObjectId || list_member_oid(options->trusted_procs, aggfnoid))
		return;
	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggfnoid));
	if (!HeapTupleIsValid(tuple))
		return;					/* a window function that is no aggregate */
	aggregate = (Form_pg_aggregate) GETSTRUCT(tuple);
	check_aggregate_functions(aggregate, options);
	ReleaseSysCache(tuple);
}

void
refusal_check_expression(Node *node, const DefinitionOptions *options)
{
	if (IsA(node, SQLValueFunction))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a board's definition cannot use CURRENT_DATE, CURRENT_TIMESTAMP, CURRENT_USER and the like"),
				 errdetail("Their result depends on the clock or the session, not on the sources."),
				 errhint("Leave it out of the definition and apply it when the board is read.")));
	if (IsA(node, NextValueExpr))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a board's definition cannot draw from a sequence"),
				 errdetail("Its result changes without any source changing."),
				 errhint("Store the value in a column of a source table instead.")));
	if (IsA(node, Aggref))
		check_aggregate(((Aggref *) node)->aggfnoid, options);
	else if (IsA(node, WindowFunc))
		check_aggregate(((WindowFunc *) node)->winfnoid, options);
	check_functions_in_node(node, check_function, (void *) options);
}

/* ----- clauses ----- */

static void
refuse_clause(const char *clause, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("a board's definition cannot use %s", clause),
			 errdetail("%s", detail),
			 hint ? errhint("%s", hint) : 0));
}

static bool
setop_has_except(Node *node)
{
	SetOperationStmt *setop = (SetOperationStmt *) node;

	return node != NULL && IsA(node, SetOperationStmt) &&
		(setop->op == SETOP_EXCEPT || setop_has_except(setop->larg) || setop_has_except(setop->rarg));
}

void
refusal_check_query(const Query *query, bool is_top)
{
	ListCell   *lc;

	if (query->commandType != CMD_SELECT || query->utilityStmt != NULL || query->hasModifyingCTE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a board's definition must be one SELECT"),
				 errdetail("It must not change data or run a command."),
				 errhint("Leave INSERT, UPDATE and DELETE out of WITH.")));
	if (setop_has_except(query->setOperations))
		refuse_clause("EXCEPT",
					  _("It compares whole results: no condition on the key can be moved into it."),
					  _("Write NOT EXISTS with the equality inside."));
	if (query->groupingSets != NIL)
		refuse_clause("GROUPING SETS, ROLLUP or CUBE",
					  _("A row of a grouping set that leaves the key out belongs to no key."),
					  _("GROUP BY the key alone."));
	if (query->rowMarks != NIL)
		refuse_clause("FOR UPDATE or FOR SHARE",
					  _("Keeping a board must not lock the sources' rows."),
					  _("Leave the clause out."));
	if (is_top && (query->limitCount != NULL || query->limitOffset != NULL))
		refuse_clause("LIMIT or OFFSET at its top level",
					  _("Whether a key is on the board would depend on the other keys."),
					  _("Leave it out and apply it when the board is read."));
	foreach(lc, query->cteList)
		if (lfirst_node(CommonTableExpr, lc)->cterecursive)
			refuse_clause("a recursive WITH",
						  _("No chain of equalities of known length leads from its rows to the key."),
						  _("Keep what the recursion finds in a column of a source table."));
	foreach(lc, query->rtable)
		if (lfirst_node(RangeTblEntry, lc)->tablesample != NULL)
			refuse_clause("TABLESAMPLE",
						  _("Its result changes without any source changing."),
						  _("Choose rows by a condition on their columns."));
}

/* ----- tables ----- */

/* The way out that always works: as it would be written in options. */
static int
hint_static(Oid relid)
{
	StringInfoData name;

	initStringInfo(&name);
	escape_json(&name, quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
												  get_rel_name(relid)));
	return errhint("If its changes need not show at once, name it in options => {\"static\": [%s]}: they are then ignored until refresh_board().",
				   name.data);
}

static void
refuse_table(Oid relid, const char *detail, bool static_helps)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("table \"%s\" cannot be a source of a board", get_rel_name(relid)),
			 errdetail("%s", detail),
			 static_helps ? hint_static(relid) : 0));
}

static const char *
kind_reason(char relkind)
{
	switch (relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
			return NULL;
		case RELKIND_FOREIGN_TABLE:
			return _("It is a foreign table: changes made on the other server fire no trigger here.");
		case RELKIND_MATVIEW:
			return _("It is a materialized view: refreshing it fires no trigger.");
		default:
			return _("It is not a table: changes of it fire no trigger.");
	}
}

/* Children whose changes nobody would see. */
static void
check_children(Oid relid)
{
	ListCell   *lc;
	List	   *children;

	if (!has_subclass(relid))
		return;
	children = find_all_inheritors(relid, NoLock, NULL);
	foreach(lc, children)
	{
		Oid			child = lfirst_oid(lc);
		const char *reason = kind_reason(get_rel_relkind(child));

		if (reason == NULL && get_rel_persistence(child) == RELPERSISTENCE_TEMP)
			reason = _("It is temporary: other sessions do not see its rows.");
		if (reason != NULL)
			refuse_table(relid, psprintf(_("Of its child \"%s\": %s"), get_rel_name(child), reason), true);
	}
	list_free(children);
}

static void
check_row_security(Oid relid, Oid as_user)
{
	if (check_enable_rls(relid, as_user, true) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("table \"%s\" cannot be a source of a board", get_rel_name(relid)),
				 errdetail("Row-level security applies to \"%s\", with whose rights it is read: a policy can hide rows without any source changing.",
						   GetUserNameFromId(as_user, false)),
				 errhint("Let a role own the board that bypasses the table's policies, and put policies on the board.")));
}

void
refusal_check_hop(Oid relid, Oid owner)
{
	check_row_security(relid, owner);
}

void
refusal_check_table(const RangeTblEntry *rte, Oid as_user, bool is_static)
{
	Oid			relid = rte->relid;
	char		persistence = get_rel_persistence(relid);

	if (persistence == RELPERSISTENCE_TEMP)
		refuse_table(relid, _("It is temporary: other sessions do not see its rows."), false);
	if (get_rel_namespace(relid) == get_rel_namespace(board_catalog_relid("board")))
		refuse_table(relid, _("It belongs to the extension itself."), false);
	if (board_load(relid) != NULL)
		refuse_table(relid, _("It is a board: boards do not follow each other."), false);
	check_row_security(relid, as_user);
	if (is_static)
		return;
	if (kind_reason(rte->relkind) != NULL)
		refuse_table(relid, kind_reason(rte->relkind), true);
	if (IsCatalogRelationOid(relid))
		refuse_table(relid, _("It is a system catalog: changes of it fire no trigger."), true);
	if (persistence == RELPERSISTENCE_UNLOGGED)
		refuse_table(relid, _("It is unlogged: a crash empties it and fires no trigger."), true);
	if (rte->inh)
		check_children(relid);
}

void
refusal_check_column(Oid relid, AttrNumber attno)
{
	if (attno < 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a board's definition cannot use system column \"%s\" of table \"%s\"",
						get_attname(relid, attno, false), get_rel_name(relid)),
				 errdetail("System columns change without the row changing."),
				 errhint("Use columns of the table.")));
}

void
refusal_no_path(Oid relid, const char *alias, const char *reason, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("no path leads from table \"%s\" (\"%s\" in the definition) to the key of the board",
					get_rel_name(relid), alias),
			 errdetail("%s", reason),
			 hint ? errhint("%s", hint) : hint_static(relid)));
}
