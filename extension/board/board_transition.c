/*-------------------------------------------------------------------------
 *
 * board_transition.c
 *	  The changes of status that a board allows, as its catalog row has them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "board/board_transition.h"

static BoardTransition *parse_one(char *text);
static char *trim(char *text);

List *
board_transition_parse(ArrayType *texts)
{
	List	   *result = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	deconstruct_array(texts, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("an allowed transition must not be NULL")));
		result = lappend(result, parse_one(TextDatumGetCString(elements[i])));
	}
	return result;
}

ArrayType *
board_transition_format(List *transitions)
{
	Datum	   *texts = palloc(sizeof(Datum) * (list_length(transitions) + 1));
	ListCell   *cell;

	foreach(cell, transitions)
	{
		BoardTransition *transition = lfirst(cell);

		texts[foreach_current_index(cell)] =
			CStringGetTextDatum(psprintf("%s>%s", transition->from ? transition->from : "",
										 transition->to ? transition->to : ""));
	}
	return construct_array(texts, list_length(transitions), TEXTOID, -1, false, TYPALIGN_INT);
}

static BoardTransition *
parse_one(char *text)
{
	BoardTransition *result = palloc0(sizeof(BoardTransition));
	char	   *arrow = strchr(text, '>');

	if (arrow)
	{
		result->from = trim(pnstrdup(text, arrow - text));
		result->to = trim(arrow + 1);
	}
	if (arrow == NULL || strchr(arrow + 1, '>') || (!result->from && !result->to))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid transition \"%s\"", text),
				 errhint("Write a step as 'NEW>PAID', a way onto the board as '>NEW', a way off it as 'SENT>'; a status that has a '>' in its name cannot be named.")));
	return result;
}

/* NULL if nothing is left. */
static char *
trim(char *text)
{
	char	   *end = text + strlen(text);

	while (*text == ' ')
		text++;
	while (end > text && end[-1] == ' ')
		*--end = '\0';
	return *text ? text : NULL;
}
