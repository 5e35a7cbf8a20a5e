/*-------------------------------------------------------------------------
 *
 * unit.c
 *	  Reads a unit: which statements it executes and what they are.
 *
 * In the extended protocol a statement counts when it is bound; its text is
 * that of a Parse earlier in the unit or of a name the client prepared before.
 *
 *-------------------------------------------------------------------------
 */
#include "session/unit.h"

#include "wire/frame.h"
#include "wire/message.h"

#define UNIT_MAX_PARSES 32

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

typedef void (*UnitStatement) (void *arg, Slice text, bool is_known);

static void unit_walk(Slice messages, const UnitContext *context, UnitSummary *summary,
					  UnitStatement fn, void *arg);
static bool unit_find_text(const UnitTexts *texts, const UnitContext *context, Slice name, Slice *text);

typedef struct SummaryArg
{
	const UnitContext *context;
	UnitSummary *summary;
} SummaryArg;

static void
summarize_statement(void *arg, Slice text, bool is_known)
{
	SummaryArg *a = arg;
	UnitSummary *summary = a->summary;
	const StatementClass *class;
	unsigned	read;

	summary->statements++;
	if (!is_known || a->context->unsafe_lexing)
	{
		summary->flags = (summary->flags & ~(unsigned) STATEMENT_IS_READ) | (is_known ? STATEMENT_UNPARSED : 0);
		summary->kind = STATEMENT_QUERY;
		summary->why = is_known ? "the session's text encoding cannot be read safely" : "unknown statement name";
		return;
	}
	class = statement_cache_get(a->context->statements, text);
	read = summary->statements == 1 ? class->flags & STATEMENT_IS_READ :
		summary->flags & class->flags & STATEMENT_IS_READ;
	summary->flags = ((summary->flags | class->flags) & ~(unsigned) STATEMENT_IS_READ) | read;
	summary->kind = summary->statements == 1 ? class->kind : STATEMENT_QUERY;
	if (class->flags & STATEMENT_LEAVES_STATE)
		summary->pin_reason = class->pin_reason;
	if (summary->statements == 1 || !(class->flags & STATEMENT_IS_READ))
		summary->why = class->why;
}

void
unit_summarize(Slice messages, const UnitContext *context, UnitSummary *summary)
{
	SummaryArg	arg = {context, summary};

	memset(summary, 0, sizeof(*summary));
	summary->kind = STATEMENT_QUERY;
	unit_walk(messages, context, summary, summarize_statement, &arg);
	if (summary->has_function_call)
		summary->flags &= ~(unsigned) STATEMENT_IS_READ;
	summary->only_prepares = summary->statements == 0 && !summary->has_function_call;
	if (context->unsafe_lexing && summary->statements > 0)
		summary->pin_reason = "unreadable text encoding";
	else if ((summary->flags & STATEMENT_UNPARSED) && !summary->pin_reason)
		summary->pin_reason = "statement could not be read";
}

typedef struct SoleArg
{
	int			count;
	Slice		text;
	bool		is_known;
} SoleArg;

static void
note_sole(void *arg, Slice text, bool is_known)
{
	SoleArg    *sole = arg;

	sole->count++;
	sole->text = text;
	sole->is_known = is_known;
}

const StatementClass *
unit_sole_statement(Slice messages, const UnitContext *context, Slice *text)
{
	SoleArg		sole = {0, {NULL, 0}, false};

	unit_walk(messages, context, NULL, note_sole, &sole);
	if (sole.count != 1 || !sole.is_known || context->unsafe_lexing)
		return NULL;
	*text = sole.text;
	return statement_cache_get(context->statements, sole.text);
}

static void
learn_statement(void *arg, Slice text, bool is_known)
{
	if (is_known)
		statement_cache_learn_primary(arg, text);
}

void
unit_learn_primary(Slice messages, const UnitContext *context)
{
	unit_walk(messages, context, NULL, learn_statement, context->statements);
}

/* Call fn for each statement that the unit executes, with its text. */
static void
unit_walk(Slice messages, const UnitContext *context, UnitSummary *summary, UnitStatement fn, void *arg)
{
	UnitTexts	texts = {.count = 0, .overflowed = false};
	Frame		frame;

	while (frame_parse(messages, &frame) == FRAME_OK)
	{
		ParseMessage parse;
		BindMessage bind;
		Slice		text = {NULL, 0};

		if (frame.type == 'Q' && message_parse_query(frame.body, &text))
		{
			if (summary)
				summary->is_simple = summary->statements == 0;
			fn(arg, text, true);
		}
		else if (frame.type == 'P' && message_parse_parse(frame.body, &parse))
		{
			if (texts.count < UNIT_MAX_PARSES)
			{
				texts.parses[texts.count].name = parse.statement;
				texts.parses[texts.count++].text = parse.text;
			}
			else
				texts.overflowed = true;
		}
		else if (frame.type == 'B' && message_parse_bind_head(frame.body, &bind))
		{
			bool		known = unit_find_text(&texts, context, bind.statement, &text);

			fn(arg, text, known);
		}
		else if (frame.type == 'F' && summary)
			summary->has_function_call = true;
		messages = slice_skip(messages, frame.total_len);
	}
}

static bool
unit_find_text(const UnitTexts *texts, const UnitContext *context, Slice name, Slice *text)
{
	Prepared   *prepared;

	if (texts->overflowed)
		return false;
	for (int i = texts->count; i-- > 0;)
	{
		if (slice_equals(texts->parses[i].name, name))
		{
			*text = texts->parses[i].text;
			return true;
		}
	}
	prepared = prepared_map_find(context->prepared, name);
	if (prepared == NULL)
		return false;
	*text = prepared_text(prepared);
	return true;
}
