/*-------------------------------------------------------------------------
 *
 * classify.c
 *	  What a statement is, by walking its whole parse tree.
 *
 * A text is parsed by PostgreSQL's own parser into PostgreSQL's own structs,
 * in a memory context that goes with it, and each statement of it is walked
 * by classify_utility.c and classify_walk.c, which report what they find to
 * the functions here.  What cannot be parsed has the flag UNPARSED.
 *
 * The parser does not recurse: it keeps its stack on the heap and gives up at
 * 10 000 levels.  The trees it makes may still be deep (a + b + c ... leans to
 * the left), so the walk counts its depth.
 *
 * Trees can be walked only if the library was built from the same major
 * version of PostgreSQL as the headers: classify_check_parser() looks.
 *
 *-------------------------------------------------------------------------
 */
#include "sql/classify_internal.h"

#include "base/memory.h"
#include "sql/classify_lists.h"
#include "sql/hint.h"

/* Texts up to this size are terminated on the stack. */
#define SMALL_TEXT 4096

static void classify_terminated(const char *text, const Facts *facts, StatementClass *result);
static void classify_statements(const List *statements, const Facts *facts, StatementClass *result);
static Verdict classify_statement(const Node *statement, const Facts *facts, StatementClass *result);
static void classify_add_to_multi(StatementClass *multi, const StatementClass *part);
static void classify_set_verdict(StatementClass *result, Verdict verdict);
static void classify_unparsed(StatementClass *result, const char *why);
static unsigned parser_major_version(void);
static bool parser_makes_expected_tree(const List *tree);

static const char *const kind_names[] = {
	[STATEMENT_EMPTY] = "empty",
	[STATEMENT_QUERY] = "query",
	[STATEMENT_BEGIN] = "begin",
	[STATEMENT_COMMIT] = "commit",
	[STATEMENT_ROLLBACK] = "rollback",
	[STATEMENT_SAVEPOINT] = "savepoint",
	[STATEMENT_TWO_PHASE] = "two-phase",
	[STATEMENT_SET] = "set",
	[STATEMENT_RESET] = "reset",
	[STATEMENT_SET_LOCAL] = "set local",
	[STATEMENT_SET_TRANSACTION] = "set transaction",
	[STATEMENT_SHOW] = "show",
	[STATEMENT_DISCARD_ALL] = "discard all",
	[STATEMENT_DEALLOCATE] = "deallocate",
	[STATEMENT_LISTEN] = "listen",
	[STATEMENT_UNLISTEN] = "unlisten",
	[STATEMENT_COPY] = "copy",
	[STATEMENT_MULTI] = "multi",
};

const char *
statement_kind_name(StatementKind kind)
{
	return kind_names[kind];
}

static void
classify_init(StatementClass *result)
{
	result->kind = STATEMENT_QUERY;
	result->flags = 0;
	result->why = "";
	result->pin_reason = NULL;
	result->reads_constant = false;
	result->pins = 0;
	result->detail[0] = result->set_name[0] = result->set_value[0] = '\0';
}

void
classify_text(Slice text, const Facts *facts, StatementClass *result)
{
	char		small[SMALL_TEXT];
	char	   *terminated;

	classify_init(result);
	if (text.len > CLASSIFY_MAX_TEXT)
		classify_unparsed(result, "longer than the router parses");
	else if (text.len > 0 && memchr(text.data, '\0', text.len) != NULL)
		classify_unparsed(result, "has a zero byte in it");
	else
	{
		terminated = text.len < sizeof(small) ? small : mem_alloc(text.len + 1);
		if (text.len > 0)
			memcpy(terminated, text.data, text.len);
		terminated[text.len] = '\0';
		classify_terminated(terminated, facts, result);
		if (terminated != small)
			mem_free(terminated);
	}
	result->flags |= hint_parse(text);
}

static void
classify_terminated(const char *text, const Facts *facts, StatementClass *result)
{
	MemoryContext context = pg_query_enter_memory_context();
	PgQueryInternalParsetreeAndError parsed = parser_parse(text);

	if (parsed.error != NULL)
	{
		classify_unparsed(result, "the router's parser does not take it");
		pg_query_free_error(parsed.error);
	}
	else
		classify_statements(parsed.tree, facts, result);
	free(parsed.stderr_buffer);
	pg_query_exit_memory_context(context);
}

static void
classify_unparsed(StatementClass *result, const char *why)
{
	classify_init(result);
	result->flags = STATEMENT_UNPARSED;
	result->why = why;
}

void
classify_prepared_names(Slice text, ClassifyPreparedName tell, void *arg)
{
	MemoryContext context = pg_query_enter_memory_context();
	char	   *terminated = mem_strndup(text);
	PgQueryInternalParsetreeAndError parsed = parser_parse(terminated);
	StatementClass ignored;
	const ListCell *cell;

	classify_init(&ignored);
	foreach(cell, parsed.error == NULL ? parsed.tree : NIL)
	{
		Walk		walk = {.result = &ignored, .tell_name = tell, .tell_arg = arg};

		walk_statement(&walk, ((const RawStmt *) lfirst(cell))->stmt);
	}
	if (parsed.error != NULL)
		pg_query_free_error(parsed.error);
	free(parsed.stderr_buffer);
	mem_free(terminated);
	pg_query_exit_memory_context(context);
}

/* ---- statements ---- */

static void
classify_statements(const List *statements, const Facts *facts, StatementClass *result)
{
	Verdict		verdict = VERDICT_READ;
	const ListCell *cell;

	if (statements == NIL)
	{
		result->kind = STATEMENT_EMPTY;
		result->why = "nothing to run";
		result->flags = STATEMENT_IS_READ;
		return;
	}
	if (list_length(statements) == 1)
	{
		classify_set_verdict(result, classify_statement(linitial(statements), facts, result));
		return;
	}
	result->kind = STATEMENT_MULTI;
	foreach(cell, statements)
	{
		StatementClass part;
		Verdict		part_verdict;

		classify_init(&part);
		part_verdict = classify_statement(lfirst(cell), facts, &part);
		if (result->why[0] == '\0' || part_verdict > verdict)
		{
			verdict = part_verdict;
			result->why = part.why;
			memcpy(result->detail, part.detail, sizeof(result->detail));
		}
		classify_add_to_multi(result, &part);
	}
	classify_set_verdict(result, verdict);
}

/* What a statement does to the session as one of several: settings there cannot be followed. */
static void
classify_add_to_multi(StatementClass *multi, const StatementClass *part)
{
	const char *pin_reason = part->pin_reason;
	unsigned	pins = part->pins;

	switch (part->kind)
	{
		case STATEMENT_BEGIN:
		case STATEMENT_COMMIT:
		case STATEMENT_ROLLBACK:
		case STATEMENT_SAVEPOINT:
		case STATEMENT_TWO_PHASE:
		case STATEMENT_SET_TRANSACTION:
			multi->flags |= STATEMENT_HAS_TRANSACTION;
			break;
		case STATEMENT_RESET:
			if (strcmp(part->set_name, "all") == 0)
			{
				multi->flags |= STATEMENT_RESETS_ALL;
				break;
			}
			/* FALLTHROUGH */
		case STATEMENT_SET:
			pin_reason = "SET among several statements";
			pins = PIN_OTHER;
			break;
		case STATEMENT_DEALLOCATE:
			pin_reason = "DEALLOCATE among several statements";
			pins = PIN_PREPARED;
			break;
		case STATEMENT_DISCARD_ALL:
			pin_reason = "DISCARD ALL among several statements";
			pins = PIN_OTHER;
			break;
		default:
			break;
	}
	if (part->flags & STATEMENT_SET_CONFIG)
	{
		pin_reason = "set_config() among several statements";
		pins = PIN_OTHER;
	}
	if (pin_reason != NULL)
		multi->flags |= STATEMENT_LEAVES_STATE;
	if (multi->pin_reason == NULL)
		multi->pin_reason = pin_reason;
	multi->reads_constant |= part->reads_constant;
	multi->pins |= pins;
	multi->flags |= part->flags & (STATEMENT_HAS_TRANSACTION | STATEMENT_IS_DDL | STATEMENT_LOCAL_MEANING |
								   STATEMENT_ENDS_STATE | STATEMENT_USES_PREPARED);
}

static Verdict
classify_statement(const Node *statement, const Facts *facts, StatementClass *result)
{
	Walk		walk = {.facts = facts, .result = result, .is_executed = true};

	walk_statement(&walk, ((const RawStmt *) statement)->stmt);
	if (walk.has_types && facts != NULL && facts_has_unsafe_casts(facts))
		walk_lower(&walk, VERDICT_PRIMARY, "an implicit cast of this database calls a volatile function", NULL);
	if (walk.verdict == VERDICT_READ)
		result->why = "everything in it is known to be a read";
	return walk.verdict;
}

static void
classify_set_verdict(StatementClass *result, Verdict verdict)
{
	static const unsigned flags[] = {
		[VERDICT_READ] = STATEMENT_IS_READ,
		[VERDICT_NODE_LOCAL] = STATEMENT_NODE_LOCAL,
		[VERDICT_UNKNOWN] = STATEMENT_NEEDS_UNKNOWN,
		[VERDICT_PRIMARY] = 0,
		[VERDICT_TOO_DEEP] = STATEMENT_UNPARSED,
	};

	result->flags |= flags[verdict];
}

/* ---- what the walk reports ---- */

void
walk_lower(Walk *walk, Verdict verdict, const char *why, const char *name)
{
	if (verdict <= walk->verdict)
		return;
	walk->verdict = verdict;
	walk->result->why = why;
	walk_copy_name(walk->result->detail, sizeof(walk->result->detail), name == NULL ? "" : name);
}

void
walk_pin(Walk *walk, unsigned kind, const char *reason)
{
	if (!walk->is_executed)
		return;
	walk->result->flags |= STATEMENT_LEAVES_STATE;
	walk->result->pins |= kind;
	if (walk->result->pin_reason == NULL)
		walk->result->pin_reason = reason;
}

void
walk_flag(Walk *walk, unsigned flags)
{
	walk->result->flags |= flags;
}

void
walk_prepared_name(Walk *walk, const char *name)
{
	walk_flag(walk, STATEMENT_USES_PREPARED);
	if (walk->tell_name)
		walk->tell_name(walk->tell_arg, name);
}

void
walk_local_setting(Walk *walk, const char *name)
{
	if (walk->is_executed && classify_setting_use(name) == SETTING_DECIDES_MEANING &&
		strcmp(name, "search_path") != 0)	/* PostgreSQL looks at that one itself whenever a plan is used */
		walk_flag(walk, STATEMENT_LOCAL_MEANING);
}

bool
walk_copy_name(char *to, size_t size, const char *from)
{
	size_t		len = strnlen(from, size);
	bool		fits = len < size;

	if (!fits)
		len = size - 1;
	memcpy(to, from, len);
	to[len] = '\0';
	return fits;
}

/* ---- does the parser fit? ---- */

unsigned
classify_parser_major(void)
{
	return PARSER_MAJOR;
}

bool
classify_check_parser(void)
{
	MemoryContext context = pg_query_enter_memory_context();
	PgQueryInternalParsetreeAndError parsed = {NULL, NULL, NULL};
	bool		fits = parser_major_version() == PARSER_MAJOR;

	if (fits)
	{
		parsed = parser_parse("SELECT a FROM b.c WHERE d(1) = 'e'");
		fits = parsed.error == NULL && parser_makes_expected_tree(parsed.tree);
		if (parsed.error != NULL)
			pg_query_free_error(parsed.error);
		free(parsed.stderr_buffer);
	}
	pg_query_exit_memory_context(context);
	return fits;
}

/* The library says its version in what it parses: field 1 of the message, a varint. */
static unsigned
parser_major_version(void)
{
	PgQueryProtobufParseResult parsed = pg_query_parse_protobuf("SELECT 1");
	uint64_t	version = 0;

	if (parsed.error == NULL && parsed.parse_tree.len > 1 && parsed.parse_tree.data[0] == 0x08)
		for (size_t i = 1; i < parsed.parse_tree.len && i < 10; i++)
		{
			unsigned char byte = (unsigned char) parsed.parse_tree.data[i];

			version |= (uint64_t) (byte & 0x7f) << (7 * (i - 1));
			if ((byte & 0x80) == 0)
				break;
		}
	pg_query_free_protobuf_parse_result(parsed);
	return (unsigned) (version / 10000);
}

static bool
parser_makes_expected_tree(const List *tree)
{
	const RawStmt *raw = list_length(tree) == 1 ? linitial(tree) : NULL;
	const SelectStmt *select = raw != NULL && IsA(raw, RawStmt) ? (const SelectStmt *) raw->stmt : NULL;
	const RangeVar *relation;
	const A_Expr *where;
	const FuncCall *call;
	const A_Const *constant;

	if (select == NULL || !IsA(select, SelectStmt) || select->whereClause == NULL ||
		list_length(select->targetList) != 1 || list_length(select->fromClause) != 1)
		return false;
	relation = linitial(select->fromClause);
	where = (const A_Expr *) select->whereClause;
	if (!IsA(relation, RangeVar) || strcmp(relation->schemaname, "b") != 0 ||
		strcmp(relation->relname, "c") != 0 || !IsA(where, A_Expr) || where->kind != AEXPR_OP ||
		strcmp(walk_last_name(where->name), "=") != 0)
		return false;
	call = (const FuncCall *) where->lexpr;
	constant = (const A_Const *) where->rexpr;
	return IsA(call, FuncCall) && strcmp(walk_last_name(call->funcname), "d") == 0 &&
		list_length(call->args) == 1 && IsA(constant, A_Const) && !constant->isnull &&
		IsA(&constant->val, String) && strcmp(constant->val.sval.sval, "e") == 0;
}
