/*-------------------------------------------------------------------------
 *
 * unit.c
 *	  Reads a unit: which statements it executes and what they are.
 *
 * In the extended protocol a statement counts when it is bound; its text is
 * that of a Parse earlier in the unit or of a name the client prepared before.
 * What a unit only parses or describes counts too where it decides whether a
 * replica can do it: preparing a write there fails.
 *
 *-------------------------------------------------------------------------
 */
#include "session/unit.h"

#include "wire/frame.h"
#include "wire/message.h"

/* More than that in one unit, and nobody looks which text a name has. */
#define UNIT_MAX_PARSES 64

/* Texts of the Parse messages seen so far in the unit. */
typedef struct UnitTexts
{
	int			count;
	bool		overflowed;
	struct
	{
		Slice		name;
		Slice		text;
	}			parses[UNIT_MAX_PARSES];
} UnitTexts;

typedef enum UnitTextStatus
{
	UNIT_TEXT_KNOWN,
	UNIT_TEXT_UNKNOWN,			/* no statement has that name: the server will say so */
	UNIT_TEXT_UNREADABLE
} UnitTextStatus;

/* What unit_walk() tells about; each may be NULL. */
typedef struct UnitVisitor
{
	void		(*on_statement) (void *arg, Slice text, UnitTextStatus status);
	void		(*on_prepared) (void *arg, Slice text, UnitTextStatus status);	/* parsed or described */
	void		(*on_message) (void *arg, char type);
	void	   *arg;
} UnitVisitor;

static void unit_walk(Slice messages, const PreparedMap *prepared, const UnitVisitor *visitor);
static void unit_visit(const Frame *frame, const PreparedMap *prepared, UnitTexts *texts, const UnitVisitor *visitor);
static UnitTextStatus unit_find_text(const UnitTexts *texts, const PreparedMap *prepared, Slice name, Slice *text);

/* ---------------------------------------------------------------- the summary */

typedef struct SummaryArg
{
	const UnitContext *context;
	UnitSummary *summary;
} SummaryArg;

static void
summary_add_unread(UnitSummary *summary, unsigned flags, const char *why)
{
	summary->flags = (summary->flags & ~(unsigned) STATEMENT_IS_READ) | flags;
	summary->kind = STATEMENT_QUERY;
	summary->why = why;
}

static bool
is_transaction_command(StatementKind kind)
{
	return kind == STATEMENT_BEGIN || kind == STATEMENT_COMMIT || kind == STATEMENT_ROLLBACK ||
		kind == STATEMENT_SAVEPOINT || kind == STATEMENT_TWO_PHASE;
}

static void
summary_add_class(UnitSummary *summary, const StatementClass *class)
{
	bool		is_first = summary->statements == 1;
	unsigned	read = class->flags & STATEMENT_IS_READ & (is_first ? ~0U : summary->flags);

	summary->flags = ((summary->flags | class->flags) & ~(unsigned) STATEMENT_IS_READ) | read;
	if (is_first || !(class->flags & STATEMENT_IS_READ))
		summary->why = class->why;
	if (class->flags & STATEMENT_LEAVES_STATE)
		unit_pin(summary, class->pins, class->pin_reason);
	if (class->flags & STATEMENT_SET_CONFIG)
		summary->has_session_command = true;
	switch (class->kind)
	{
		case STATEMENT_SET:
		case STATEMENT_RESET:
		case STATEMENT_DISCARD_ALL:
			summary->has_session_command = true;
			break;
		case STATEMENT_COPY:
			summary->has_copy_in |= !(class->flags & STATEMENT_IS_READ);
			break;
		default:
			break;
	}

	if (!is_first && (is_transaction_command(summary->kind) || is_transaction_command(class->kind)))
		summary->flags |= STATEMENT_HAS_TRANSACTION;
	summary->kind = is_first ? class->kind : STATEMENT_QUERY;
}

static void
summary_add(SummaryArg *arg, Slice text, UnitTextStatus status)
{
	UnitSummary *summary = arg->summary;

	summary->statements++;
	if (status == UNIT_TEXT_UNKNOWN)
		summary_add_unread(summary, 0, "unknown statement name");
	else if (status == UNIT_TEXT_UNREADABLE)
		summary_add_unread(summary, STATEMENT_UNPARSED, "too many statements in one unit");
	else if (arg->context->unsafe_lexing)
	{
		summary_add_unread(summary, STATEMENT_UNPARSED, "the session's text encoding cannot be read safely");
		unit_pin(summary, PIN_UNREAD, "unreadable text encoding");
	}
	else
		summary_add_class(summary, statement_cache_get(arg->context->statements, text));
	if (summary->flags & STATEMENT_UNPARSED)
		unit_pin(summary, PIN_UNREAD, "statement could not be read");
	if (summary->statements > 1 && summary->has_session_command)
		unit_pin(summary, PIN_OTHER, "session command among several statements");
}

static void
summarize_statement(void *arg, Slice text, UnitTextStatus status)
{
	summary_add(arg, text, status);
}

static void
summarize_prepared(void *arg, Slice text, UnitTextStatus status)
{
	SummaryArg *a = arg;
	const StatementClass *class;

	/* an unknown name fails the same everywhere */
	if (status == UNIT_TEXT_UNKNOWN)
		return;
	if (status == UNIT_TEXT_UNREADABLE || a->context->unsafe_lexing)
	{
		a->summary->prepares_write = true;
		return;
	}
	class = statement_cache_get(a->context->statements, text);
	a->summary->prepares_write |= !(class->flags & (STATEMENT_IS_READ | STATEMENT_NODE_LOCAL));

	/* described as what EXECUTE runs: that has to be there */
	if ((class->flags & STATEMENT_USES_PREPARED) && class->kind != STATEMENT_DEALLOCATE)
	{
		a->summary->flags |= STATEMENT_USES_PREPARED;
		unit_pin(a->summary, PIN_PREPARED, "prepared statement of SQL");
	}
}

static void
summarize_message(void *arg, char type)
{
	UnitSummary *summary = ((SummaryArg *) arg)->summary;

	if (type == 'Q')
		summary->is_simple = summary->statements == 0;
	else if (type == 'F')
		summary->has_function_call = true;
	else if (type == 'E')
		summary->has_execute = true;
}

void
unit_summarize(Slice messages, const UnitContext *context, UnitSummary *summary)
{
	SummaryArg	arg = {context, summary};

	memset(summary, 0, sizeof(*summary));
	summary->kind = STATEMENT_QUERY;
	unit_walk(messages, context->prepared,
			  &(UnitVisitor) {summarize_statement, summarize_prepared, summarize_message, &arg});
	if (summary->has_function_call)
		summary->flags &= ~(unsigned) STATEMENT_IS_READ;
	summary->only_prepares = summary->statements == 0 && !summary->has_function_call && !summary->has_execute;
}

void
unit_add_statement(const UnitContext *context, Slice text, UnitSummary *summary)
{
	SummaryArg	arg = {context, summary};

	summary_add(&arg, text, text.data == NULL ? UNIT_TEXT_UNKNOWN : UNIT_TEXT_KNOWN);
	summary->only_prepares = false;
}

void
unit_add_unreadable(UnitSummary *summary)
{
	summary->statements++;
	summary->only_prepares = false;
	summary_add_unread(summary, STATEMENT_UNPARSED, "statement too long to be read");
	unit_pin(summary, PIN_UNREAD, summary->why);
}

void
unit_pin(UnitSummary *summary, unsigned pins, const char *reason)
{
	summary->pins |= pins;
	if (!summary->pin_reason)
		summary->pin_reason = reason;
}

/* ---------------------------------------------------------------- the only one */

typedef struct SoleArg
{
	int			statements;
	int			executions;
	Slice		text;
	bool		is_known;
} SoleArg;

static void
note_sole(void *arg, Slice text, UnitTextStatus status)
{
	SoleArg    *sole = arg;

	sole->statements++;
	sole->text = text;
	sole->is_known = status == UNIT_TEXT_KNOWN;
}

static void
note_execution(void *arg, char type)
{
	SoleArg    *sole = arg;

	if (type == 'Q' || type == 'E')
		sole->executions++;
	else if (type == 'F')
		sole->executions += 2;	/* never the only one */
}

const StatementClass *
unit_sole_statement(Slice messages, const UnitContext *context, Slice *text)
{
	SoleArg		sole = {0, 0, {NULL, 0}, false};

	unit_walk(messages, context->prepared, &(UnitVisitor) {note_sole, NULL, note_execution, &sole});
	if (sole.statements != 1 || sole.executions != 1 || !sole.is_known || context->unsafe_lexing)
		return NULL;
	*text = sole.text;
	return statement_cache_get(context->statements, sole.text);
}

static void
learn_statement(void *arg, Slice text, UnitTextStatus status)
{
	if (status == UNIT_TEXT_KNOWN)
		statement_cache_learn_primary(arg, text);
}

void
unit_learn_primary(Slice messages, const UnitContext *context)
{
	unit_walk(messages, context->prepared, &(UnitVisitor) {learn_statement, NULL, NULL, context->statements});
}

/* ---------------------------------------------------------------- the walk */

static void
unit_walk(Slice messages, const PreparedMap *prepared, const UnitVisitor *visitor)
{
	UnitTexts	texts;
	Frame		frame;

	texts.count = 0;
	texts.overflowed = false;
	while (frame_parse(messages, &frame) == FRAME_OK)
	{
		if (visitor->on_message)
			visitor->on_message(visitor->arg, frame.type);
		unit_visit(&frame, prepared, &texts, visitor);
		messages = slice_skip(messages, frame.total_len);
	}
}

static void
unit_visit(const Frame *frame, const PreparedMap *prepared, UnitTexts *texts, const UnitVisitor *visitor)
{
	ParseMessage parse;
	BindMessage bind;
	TargetMessage target;
	Slice		text = {NULL, 0};
	UnitTextStatus status;

	if (frame->type == 'Q' && message_parse_query(frame->body, &text))
		visitor->on_statement(visitor->arg, text, UNIT_TEXT_KNOWN);
	else if (frame->type == 'P' && message_parse_parse(frame->body, &parse))
	{
		if (texts->count < UNIT_MAX_PARSES)
		{
			texts->parses[texts->count].name = parse.statement;
			texts->parses[texts->count++].text = parse.text;
		}
		else
			texts->overflowed = true;
		if (visitor->on_prepared)
			visitor->on_prepared(visitor->arg, parse.text, UNIT_TEXT_KNOWN);
	}
	else if (frame->type == 'B' && message_parse_bind_head(frame->body, &bind))
	{
		status = unit_find_text(texts, prepared, bind.statement, &text);
		visitor->on_statement(visitor->arg, text, status);
	}
	else if (frame->type == 'D' && visitor->on_prepared && frame->body.len > 0 && frame->body.data[0] == 'S' &&
			 message_parse_target(frame->body, &target))
	{
		status = unit_find_text(texts, prepared, target.name, &text);
		visitor->on_prepared(visitor->arg, text, status);
	}
}

static UnitTextStatus
unit_find_text(const UnitTexts *texts, const PreparedMap *prepared, Slice name, Slice *text)
{
	Prepared   *found;

	if (texts->overflowed)
		return UNIT_TEXT_UNREADABLE;
	for (int i = texts->count; i-- > 0;)
	{
		if (slice_equals(texts->parses[i].name, name))
		{
			*text = texts->parses[i].text;
			return UNIT_TEXT_KNOWN;
		}
	}
	found = prepared_map_find(prepared, name);
	if (found == NULL)
		return UNIT_TEXT_UNKNOWN;
	*text = prepared_text(found);
	return UNIT_TEXT_KNOWN;
}

/* What pins a session would pin it to the replica. */
bool
unit_looks_at_nothing(const UnitSummary *summary)
{
	return summary->only_prepares || summary->kind == STATEMENT_ROLLBACK || summary->kind == STATEMENT_SET ||
		summary->kind == STATEMENT_RESET || summary->kind == STATEMENT_DISCARD_ALL ||
		summary->kind == STATEMENT_DEALLOCATE;
}

bool
unit_is_allowed_on_replica(const UnitSummary *summary)
{
	if (summary->pin_reason || summary->has_function_call)
		return false;
	if (summary->statements == 0 || (summary->flags & (STATEMENT_IS_READ | STATEMENT_NODE_LOCAL)))
		return true;
	if (summary->statements != 1)
		return false;
	switch (summary->kind)
	{
		case STATEMENT_EMPTY:
		case STATEMENT_COMMIT:
		case STATEMENT_ROLLBACK:
		case STATEMENT_SAVEPOINT:
		case STATEMENT_SET_LOCAL:
		case STATEMENT_SET:
		case STATEMENT_RESET:
		case STATEMENT_SHOW:
			return true;
		default:
			return false;
	}
}
