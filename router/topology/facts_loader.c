/*-------------------------------------------------------------------------
 *
 * facts_loader.c
 *	  The catalog queries behind Facts, and what their answers mean.
 *
 * Each query answers with few columns and one row a name (a name and an arity
 * for functions): what the worst object of that name is.  The table at the end
 * of the queries says, per query, how many columns there must be and who reads
 * a row.  Objects below OID 16384 came with PostgreSQL.
 *
 * Temporary relations are left out: they are seen only by the session that
 * made them, and that session is pinned (classify.h, LEAVES_STATE).
 *
 *-------------------------------------------------------------------------
 */
#include "topology/facts_loader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "sql/classify_lists.h"

struct FactsLoader
{
	Facts	   *facts;			/* owned until finished */
	int			nresults;		/* how many answers were taken */
};

/*
 * insert LSN; an error on a node that is not the primary.  Settings on the way:
 * the planner's guesses are high enough for JIT, which would cost far more than
 * it saves, and no name here may mean anything else than PostgreSQL's.
 */
#define QUERY_POSITION \
	"SELECT pg_catalog.pg_current_wal_insert_lsn()" \
	"  FROM pg_catalog.set_config('jit', 'off', false) a," \
	"       pg_catalog.set_config('search_path', 'pg_catalog', false) b"

/*
 * name, plain?  A parent is as bad as the worst of its children: reading it
 * reads them.  Other table access methods than heap may do what they like.
 * What views and row-level security run is another question: QUERY_EXPANSIONS.
 */
#define QUERY_RELATIONS \
	"WITH RECURSIVE spoiled(oid) AS (" \
	"  SELECT i.inhparent FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid" \
	"   WHERE c.relkind = 'f' OR c.relkind IN ('r', 'p') AND c.relpersistence = 'u'" \
	"      OR c.relkind = 'r' AND c.relam <> 2" \
	"  UNION" \
	"  SELECT i.inhparent FROM spoiled s JOIN pg_inherits i ON i.inhrelid = s.oid)" \
	" SELECT c.relname, bool_and(" \
	"         c.relpersistence = 'p'" \
	"         AND (c.relkind IN ('r', 'm') AND c.relam = 2 OR c.relkind IN ('p', 'v'))" \
	"         AND NOT EXISTS (SELECT FROM spoiled s WHERE s.oid = c.oid))" \
	"   FROM pg_class c" \
	"  WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f', 'S') AND c.relpersistence <> 't'" \
	"    AND c.relnamespace <> 'pg_toast'::regnamespace" \
	"  GROUP BY c.relname"

/*
 * unsafe: types that may call a volatile function, by their own functions, by
 * a cast to them, by what a domain's check calls (found in its stored tree),
 * or by a type they are made of.
 */
#define WITH_UNSAFE_TYPES \
	"WITH RECURSIVE checks(typid, tree) AS (" \
	"  SELECT k.contypid, k.conbin::text FROM pg_constraint k WHERE k.contypid <> 0 AND k.contype = 'c')," \
	" parts(whole, part) AS (" \
	"  SELECT t.oid, t.typbasetype FROM pg_type t WHERE t.typtype = 'd'" \
	"  UNION ALL SELECT t.typarray, t.oid FROM pg_type t WHERE t.typarray <> 0" \
	"  UNION ALL SELECT r.rngtypid, r.rngsubtype FROM pg_range r" \
	"  UNION ALL SELECT r.rngmultitypid, r.rngsubtype FROM pg_range r" \
	"  UNION ALL SELECT t.oid, a.atttypid FROM pg_type t JOIN pg_attribute a ON a.attrelid = t.typrelid" \
	"             WHERE t.typtype = 'c' AND t.oid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped" \
	"  UNION ALL SELECT c.typid, m[1]::oid FROM checks c," \
	"                   regexp_matches(c.tree, ':resulttype ([0-9]+)', 'g') m)," \
	" unsafe(oid) AS (" \
	"  (SELECT t.oid FROM pg_type t JOIN pg_proc p ON p.oid IN (t.typinput, t.typmodin, t.typoutput)" \
	"    WHERE p.provolatile = 'v'" \
	"   UNION SELECT k.casttarget FROM pg_cast k JOIN pg_proc p ON p.oid = k.castfunc" \
	"    WHERE p.provolatile = 'v'" \
	"   UNION SELECT c.typid FROM checks c, regexp_matches(c.tree, ':(?:op)?funcid ([0-9]+)', 'g') m," \
	"                             pg_proc p WHERE p.oid = m[1]::oid AND p.provolatile = 'v')" \
	"  UNION SELECT s.whole FROM unsafe u JOIN parts s ON s.part = u.oid)"

/*
 * bad: functions that are volatile, or whose call is: an argument becomes an
 * unsafe type on its way in, or a default that is filled in calls a volatile
 * one.  The catalog says nothing of aggregates: they are as bad as the
 * functions they are made of.
 */
#define WITH_BAD_FUNCTIONS \
	WITH_UNSAFE_TYPES "," \
	" bad_alone(oid) AS (" \
	"  SELECT p.oid FROM pg_proc p" \
	"   WHERE p.provolatile = 'v'" \
	"      OR EXISTS (SELECT FROM unsafe u WHERE u.oid = p.prorettype OR u.oid = ANY (p.proargtypes))" \
	"      OR p.pronargdefaults > 0 AND EXISTS (" \
	"         SELECT FROM regexp_matches(p.proargdefaults::text, ':(?:op)?funcid ([0-9]+)', 'g') m" \
	"           JOIN pg_proc d ON d.oid = m[1]::oid WHERE d.provolatile = 'v'))," \
	" bad(oid) AS (" \
	"  SELECT oid FROM bad_alone" \
	"  UNION SELECT a.aggfnoid::oid FROM pg_aggregate a JOIN bad_alone b ON b.oid IN (" \
	"        a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn," \
	"        a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn))"

/*
 * name, least and greatest number of arguments, bad?, of PostgreSQL?  What
 * takes or gives type internal, or is a trigger, no query can call.
 */
#define QUERY_FUNCTIONS \
	WITH_BAD_FUNCTIONS \
	" SELECT p.proname, p.pronargs - p.pronargdefaults," \
	"        CASE WHEN p.provariadic <> 0 THEN 32767 ELSE p.pronargs END," \
	"        b.oid IS NOT NULL, p.oid < 16384" \
	"   FROM pg_proc p LEFT JOIN bad b ON b.oid = p.oid" \
	"  WHERE p.prokind <> 'p'" \
	"    AND p.prorettype NOT IN ('internal'::regtype, 'trigger'::regtype, 'event_trigger'::regtype," \
	"                             'language_handler'::regtype, 'fdw_handler'::regtype," \
	"                             'index_am_handler'::regtype, 'table_am_handler'::regtype," \
	"                             'tsm_handler'::regtype)" \
	"    AND 'internal'::regtype <> ALL (p.proargtypes::oid[])" \
	"  GROUP BY 1, 2, 3, 4, 5"

/* name of a bad function that t.name may call: its argument is a row, or may be one */
#define QUERY_ATTRIBUTES \
	WITH_BAD_FUNCTIONS \
	" SELECT DISTINCT p.proname FROM bad JOIN pg_proc p ON p.oid = bad.oid" \
	"   JOIN pg_type t ON t.oid = p.proargtypes[0] LEFT JOIN pg_type d ON d.oid = t.typbasetype" \
	"  WHERE p.prokind = 'f' AND p.pronargs - p.pronargdefaults <= 1" \
	"    AND (t.typtype IN ('c', 'p') OR t.typtype = 'd' AND d.typtype IN ('c', 'd')" \
	"         OR EXISTS (SELECT FROM pg_cast k JOIN pg_type s ON s.oid = k.castsource" \
	"                     WHERE k.casttarget = t.oid AND k.castcontext = 'i' AND s.typtype = 'c'))"

/* name, bad?, name of its function (if it did not come with PostgreSQL) */
#define QUERY_OPERATORS \
	WITH_BAD_FUNCTIONS \
	" SELECT o.oprname, b.oid IS NOT NULL, CASE WHEN o.oid < 16384 THEN '' ELSE p.proname END" \
	"   FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode LEFT JOIN bad b ON b.oid = p.oid" \
	"  GROUP BY 1, 2, 3"

/* name, unsafe? */
#define QUERY_TYPES \
	WITH_UNSAFE_TYPES \
	" SELECT t.typname, bool_or(u.oid IS NOT NULL)" \
	"   FROM pg_type t LEFT JOIN unsafe u ON u.oid = t.oid" \
	"  WHERE t.typnamespace <> 'pg_toast'::regnamespace" \
	"    AND NOT (t.oid < 16384 AND (t.typtype = 'c' OR t.typname LIKE '\\_pg\\_%'))" \
	"  GROUP BY t.typname"

/*
 * name, kind, of what?, bad?, of PostgreSQL?: what a view of a user, or a table
 * with row-level security, runs when it is read, out of the stored trees.  Of
 * kind 'relation' and 'function' it is a name; 'else' is a node that is not in
 * the list (FOR UPDATE, say, or what a later PostgreSQL invents), an unsafe
 * type.  current_setting() counts for nothing where each call names a setting
 * with a dot: the session brings those to every server.
 */
#define KNOWN_NODES \
	"'ALIAS','AGGREF','ARRAY','ARRAYCOERCEEXPR','ARRAYEXPR','BOOLEANTEST','BOOLEXPR','CASE','CASEEXPR'," \
	"'CASETESTEXPR','CASEWHEN','COALESCE','COALESCEEXPR','COERCETODOMAIN','COERCEVIAIO','COLLATEEXPR'," \
	"'COMMONTABLEEXPR','CONST','CONVERTROWTYPEEXPR','DISTINCTEXPR','FIELDSELECT','FROMEXPR','FUNCEXPR'," \
	"'GROUPINGFUNC','GROUPINGSET','JOINEXPR','MINMAX','MINMAXEXPR','NAMEDARGEXPR','NULLIFEXPR','NULLTEST'," \
	"'OPEXPR','PARAM','QUERY','RANGETBLENTRY','RANGETBLFUNCTION','RANGETBLREF','RELABELTYPE','ROW','ROWEXPR'," \
	"'RTE','RTEPERMISSIONINFO','SCALARARRAYOPEXPR','SETOPERATIONSTMT','SORTGROUPCLAUSE','SQLVALUEFUNCTION'," \
	"'SUBLINK','SUBSCRIPTINGREF','TARGETENTRY','VAR','WHEN','WINDOWCLAUSE','WINDOWFUNC'"
#define QUERY_EXPANSIONS \
	WITH_BAD_FUNCTIONS "," \
	" trees(relname, viewid, policyid, tree) AS (" \
	"  SELECT c.relname, c.oid, 0, r.ev_action::text FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class" \
	"   WHERE c.relkind = 'v' AND c.oid >= 16384 AND c.relpersistence = 'p' AND r.ev_type = '1'" \
	"  UNION ALL SELECT c.relname, 0, p.oid, p.polqual::text FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid" \
	"             WHERE c.relrowsecurity AND p.polcmd IN ('*', 'r') AND p.polqual IS NOT NULL)," \
	" nodes(relname, viewid, policyid, tag, field, ref) AS MATERIALIZED (" \
	"  SELECT DISTINCT relname, viewid, policyid, m[1], m[2], m[3]::oid" \
	"    FROM trees, regexp_matches(tree, '\\{([A-Z]+)" \
	"|:(relid|funcid|opfuncid|aggfnoid|winfnoid|opno|eqop|sortop|resulttype) ([0-9]+)', 'g') m)," \
	" calls(relname, viewid, policyid, funcid) AS (" \
	"  SELECT relname, viewid, policyid, ref FROM nodes WHERE field IN ('funcid', 'opfuncid', 'aggfnoid', 'winfnoid')" \
	"  UNION SELECT n.relname, n.viewid, n.policyid, o.oprcode::oid" \
	"          FROM nodes n JOIN pg_operator o ON o.oid = n.ref WHERE n.field IN ('opno', 'eqop', 'sortop'))" \
	" SELECT n.relname, 'relation', c.relname, false, false" \
	"   FROM nodes n JOIN pg_class c ON c.oid = n.ref WHERE n.field = 'relid' AND c.oid <> n.viewid" \
	" UNION SELECT k.relname, 'function', p.proname, b.oid IS NOT NULL, p.oid < 16384" \
	"   FROM calls k JOIN pg_proc p ON p.oid = k.funcid LEFT JOIN bad b ON b.oid = p.oid" \
	"  WHERE NOT (p.oid < 16384 AND p.proname = 'current_setting' AND COALESCE(CASE WHEN k.viewid <> 0" \
	"             THEN pg_get_viewdef(k.viewid)" \
	"             ELSE (SELECT pg_get_expr(y.polqual, y.polrelid) FROM pg_policy y WHERE y.oid = k.policyid)" \
	"             END, 'current_setting(') !~ 'current_setting\\((?!''[^'']*\\.[^'']*''::text[,)])')" \
	" UNION SELECT n.relname, 'else', lower(n.tag), false, false" \
	"   FROM nodes n WHERE n.tag NOT IN (" KNOWN_NODES ")" \
	" UNION SELECT n.relname, 'else', t.typname, false, false" \
	"   FROM nodes n JOIN unsafe u ON u.oid = n.ref JOIN pg_type t ON t.oid = u.oid WHERE n.field = 'resulttype'"

/* does an implicit cast call a volatile function? */
#define QUERY_CASTS \
	"SELECT EXISTS (SELECT FROM pg_cast k JOIN pg_proc p ON p.oid = k.castfunc" \
	"                WHERE k.castcontext = 'i' AND p.provolatile = 'v')"

const char *const facts_queries[FACTS_QUERY_COUNT] = {
	QUERY_POSITION,
	QUERY_RELATIONS,
	QUERY_FUNCTIONS,
	QUERY_ATTRIBUTES,
	QUERY_OPERATORS,
	QUERY_TYPES,
	QUERY_EXPANSIONS,
	QUERY_CASTS,
};

static bool read_position(Facts *facts, const PGresult *result, int row);
static bool read_relation(Facts *facts, const PGresult *result, int row);
static bool read_function(Facts *facts, const PGresult *result, int row);
static bool read_attribute(Facts *facts, const PGresult *result, int row);
static bool read_operator(Facts *facts, const PGresult *result, int row);
static bool read_type(Facts *facts, const PGresult *result, int row);
static bool read_casts(Facts *facts, const PGresult *result, int row);
static bool read_expansion(Facts *facts, const PGresult *result, int row);
static FunctionFact judge_function(const PGresult *result, int row);
static RelationFact judge_call(const char *name, FunctionFact fact);

/* What the answers look like, in the order of the queries. */
static const struct
{
	const char *name;
	int			ncolumns;
	int			min_rows;
	bool		(*read_row) (Facts *facts, const PGresult *result, int row);	/* false: not of the form */
}			answers[FACTS_QUERY_COUNT] = {
	{"position", 1, 1, read_position},
	{"relations", 2, 1, read_relation},
	{"functions", 5, 1, read_function},
	{"attributes", 1, 0, read_attribute},
	{"operators", 3, 1, read_operator},
	{"types", 2, 1, read_type},
	{"expansions", 5, 0, read_expansion},
	{"casts", 1, 1, read_casts},
};

FactsLoader *
facts_loader_create(const char *database)
{
	FactsLoader *loader = mem_alloc(sizeof(FactsLoader));

	loader->facts = facts_create(database);
	return loader;
}

void
facts_loader_destroy(FactsLoader *loader)
{
	if (loader == NULL)
		return;
	facts_unref(loader->facts);
	mem_free(loader);
}

bool
facts_loader_is_complete(const FactsLoader *loader)
{
	return loader->nresults == FACTS_QUERY_COUNT;
}

Facts *
facts_loader_finish(FactsLoader *loader)
{
	Facts	   *facts = loader->facts;

	facts_settle_readings(facts);
	mem_free(loader);
	return facts;
}

bool
facts_loader_add_result(FactsLoader *loader, const PGresult *result, Error *error)
{
	const char *name;
	int			nrows;

	if (facts_loader_is_complete(loader))
		return error_set(error, SQLSTATE_INTERNAL_ERROR, "catalog facts: an answer too many");
	name = answers[loader->nresults].name;
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		return error_set(error, SQLSTATE_INTERNAL_ERROR, "catalog facts (%s): %s",
						 name, PQresultErrorMessage(result));
	if (PQnfields(result) != answers[loader->nresults].ncolumns)
		return error_set(error, SQLSTATE_INTERNAL_ERROR, "catalog facts (%s): %d columns instead of %d",
						 name, PQnfields(result), answers[loader->nresults].ncolumns);
	nrows = PQntuples(result);
	if (nrows < answers[loader->nresults].min_rows)
		return error_set(error, SQLSTATE_INTERNAL_ERROR, "catalog facts (%s): no rows", name);
	for (int row = 0; row < nrows; row++)
		if (!answers[loader->nresults].read_row(loader->facts, result, row))
			return error_set(error, SQLSTATE_INTERNAL_ERROR, "catalog facts (%s): row %d makes no sense",
							 name, row);
	loader->nresults++;
	return true;
}

/* ---- values ---- */

static Slice
get_slice(const PGresult *result, int row, int column)
{
	return slice_make(PQgetvalue(result, row, column), (size_t) PQgetlength(result, row, column));
}

static bool
get_bool(const PGresult *result, int row, int column)
{
	return PQgetvalue(result, row, column)[0] == 't';
}

/* ---- rows ---- */

static bool
read_position(Facts *facts, const PGresult *result, int row)
{
	uint32_t	high;
	uint32_t	low;
	char		rest;

	if (sscanf(PQgetvalue(result, row, 0), "%" SCNx32 "/%" SCNx32 "%c", &high, &low, &rest) != 2)
		return false;
	facts_set_position(facts, (uint64_t) high << 32 | low);
	return true;
}

static bool
read_relation(Facts *facts, const PGresult *result, int row)
{
	facts_add_relation(facts, get_slice(result, row, 0),
					   get_bool(result, row, 1) ? RELATION_PLAIN : RELATION_PRIMARY_ONLY);
	return true;
}

static bool
read_function(Facts *facts, const PGresult *result, int row)
{
	int			nargs_min = atoi(PQgetvalue(result, row, 1));
	int			nargs_max = atoi(PQgetvalue(result, row, 2));

	if (nargs_min < 0 || nargs_max < nargs_min)
		return false;
	facts_add_function(facts, get_slice(result, row, 0), nargs_min, nargs_max, judge_function(result, row));
	return true;
}

/* Columns 3 and 4: bad?, of PostgreSQL? */
static FunctionFact
judge_function(const PGresult *result, int row)
{
	if (!get_bool(result, row, 3))
		return FUNCTION_STABLE;
	return get_bool(result, row, 4) ? FUNCTION_BUILTIN_VOLATILE : FUNCTION_PRIMARY_ONLY;
}

static bool
read_attribute(Facts *facts, const PGresult *result, int row)
{
	facts_add_unsafe_attribute(facts, get_slice(result, row, 0));
	return true;
}

static bool
read_operator(Facts *facts, const PGresult *result, int row)
{
	const FunctionRule *rule = classify_find_function_rule(PQgetvalue(result, row, 2));
	bool		is_denied = rule != NULL &&
		rule->kind >= FUNCTION_RULE_DENIED;

	facts_add_operator(facts, get_slice(result, row, 0),
					   is_denied || get_bool(result, row, 1) ? NAME_UNSAFE : NAME_SAFE);
	return true;
}

static bool
read_type(Facts *facts, const PGresult *result, int row)
{
	facts_add_type(facts, get_slice(result, row, 0), get_bool(result, row, 1) ? NAME_UNSAFE : NAME_SAFE);
	return true;
}

static bool
read_casts(Facts *facts, const PGresult *result, int row)
{
	if (get_bool(result, row, 0))
		facts_set_unsafe_casts(facts);
	return true;
}

static bool
read_expansion(Facts *facts, const PGresult *result, int row)
{
	Slice		relation = get_slice(result, row, 0);
	const char *kind = PQgetvalue(result, row, 1);
	const char *what = PQgetvalue(result, row, 2);

	if (strcmp(kind, "relation") == 0)
	{
		facts_add_reading(facts, relation, get_slice(result, row, 2));
		if (classify_is_node_local_relation(what))
			facts_add_relation(facts, relation, RELATION_NODE_LOCAL);
	}
	else if (strcmp(kind, "function") == 0)
		facts_add_relation(facts, relation, judge_call(what, judge_function(result, row)));
	else if (strcmp(kind, "else") == 0)
		facts_add_relation(facts, relation, RELATION_PRIMARY_ONLY);
	else
		return false;
	return true;
}

/* What a relation is whose reading calls such a function; the same rules as for a call in a statement. */
static RelationFact
judge_call(const char *name, FunctionFact fact)
{
	const FunctionRule *rule = classify_find_function_rule(name);

	if (rule != NULL && rule->kind >= FUNCTION_RULE_DENIED)
		return RELATION_PRIMARY_ONLY;
	if (fact == FUNCTION_PRIMARY_ONLY || (fact == FUNCTION_BUILTIN_VOLATILE && rule == NULL))
		return RELATION_PRIMARY_ONLY;
	if (rule != NULL && rule->kind == FUNCTION_RULE_NODE_LOCAL)
		return RELATION_NODE_LOCAL;
	return strcmp(name, "current_setting") == 0 ? RELATION_NODE_LOCAL : RELATION_PLAIN;
}
