/*-------------------------------------------------------------------------
 *
 * board_options.c
 *	  The options of a board, as create_board and alter_board take them.
 *
 * board.c reads the log option and enable_always again from what is stored; the
 * others are stored resolved, in columns and tables of their own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"

#include "base/compat.h"
#include "board/board.h"
#include "board/board_options.h"
#include "contract/andon_contract.h"

static const char *const option_names[] = {
	[BOARD_OPTION_STATIC] = "static",
	[BOARD_OPTION_TRUSTED] = "trusted",
	[BOARD_OPTION_CHANNEL] = "channel",
	[BOARD_OPTION_LOG] = "log",
	[BOARD_OPTION_ENABLE_ALWAYS] = "enable_always",
};

static BoardOption find_option(const char *name);
static void parse_option(BoardOptions *options, BoardOption option, JsonbValue *value);
static void check_log(const char *text);
static bool option_bool(const char *name, JsonbValue *value);
static char *option_string(const char *name, JsonbValue *value);
static List *option_strings(const char *name, JsonbValue *value);
static Oid	resolve_table(const char *name);
static Oid	resolve_function(const char *name);

void
board_options_parse(Jsonb *json, bool may_be_null, BoardOptions *options)
{
	JsonbIterator *iterator = JsonbIteratorInit(&json->root);
	JsonbValue	value;

	memset(options, 0, sizeof(BoardOptions));
	if (JsonbIteratorNext(&iterator, &value, false) != WJB_BEGIN_OBJECT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the options of a board must be a JSON object"),
				 errhint("For example '{\"static\": [\"rates\"]}'.")));
	while (JsonbIteratorNext(&iterator, &value, true) == WJB_KEY)
	{
		BoardOption option = find_option(pnstrdup(value.val.string.val, value.val.string.len));

		(void) JsonbIteratorNext(&iterator, &value, true);
		options->named[option] = true;
		if (value.type != jbvNull || !may_be_null)
			parse_option(options, option, &value);
	}
}

char *
board_options_find_channel(const char *channel, const char *board_name, Oid relid)
{
	char	   *result = channel ? pstrdup(channel) : psprintf("%s%s", ANDON_CHANNEL_PREFIX, board_name);
	Oid			other;

	if (result[0] == '\0' || strlen(result) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("channel name \"%s\" must have between 1 and %d bytes",
						result, NAMEDATALEN - 1),
				 errhint("Choose one with options => '{\"channel\": \"name\"}'.")));
	other = board_find_by_channel(result);
	if ((OidIsValid(other) && other != relid) || strcmp(result, ANDON_CHANNEL_ALERT) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("channel \"%s\" is taken", result),
				 OidIsValid(other) && get_rel_name(other)
				 ? errdetail("It is the channel of board \"%s\".", get_rel_name(other)) : 0,
				 errhint("Choose another one with options => '{\"channel\": \"name\"}'.")));
	return result;
}

/* What makes a board what it is is no option. */
static BoardOption
find_option(const char *name)
{
	static const char *const fixed[] = {"query", "key", "status", "order_by"};

	for (int i = 0; i < lengthof(option_names); i++)
		if (strcmp(name, option_names[i]) == 0)
			return i;
	for (int i = 0; i < lengthof(fixed); i++)
		if (strcmp(name, fixed[i]) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"%s\" is not an option of a board", name),
					 errdetail("It is given to andon.create_board() once and stays."),
					 errhint("To change it, drop the board with andon.drop_board() and create it again.")));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown board option \"%s\"", name),
			 errhint("Options are: static, trusted, channel, log, enable_always.")));
}

static void
parse_option(BoardOptions *options, BoardOption option, JsonbValue *value)
{
	const char *name = option_names[option];
	ListCell   *cell;

	switch (option)
	{
		case BOARD_OPTION_STATIC:
			foreach(cell, option_strings(name, value))
				options->static_relids = list_append_unique_oid(options->static_relids,
																resolve_table(lfirst(cell)));
			break;
		case BOARD_OPTION_TRUSTED:
			foreach(cell, option_strings(name, value))
				options->trusted_procs = lappend_oid(options->trusted_procs,
													 resolve_function(lfirst(cell)));
			break;
		case BOARD_OPTION_CHANNEL:
			options->channel = option_string(name, value);
			break;
		case BOARD_OPTION_LOG:
			check_log(option_string(name, value));
			break;
		case BOARD_OPTION_ENABLE_ALWAYS:
			options->enable_always = option_bool(name, value);
			break;
	}
}

static void
check_log(const char *text)
{
	BoardLog	log;

	if (!board_parse_log(text, strlen(text), &log))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown value \"%s\" of board option \"log\"", text),
				 errhint("Use \"all\", \"transitions\" or \"off\".")));
}

static bool
option_bool(const char *name, JsonbValue *value)
{
	if (value->type != jbvBool)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("board option \"%s\" must be true or false", name)));
	return value->val.boolean;
}

static char *
option_string(const char *name, JsonbValue *value)
{
	if (value->type != jbvString)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("board option \"%s\" must be a string", name)));
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/* A list of strings; one string alone will do. */
static List *
option_strings(const char *name, JsonbValue *value)
{
	List	   *result = NIL;
	bool		is_list = value->type == jbvBinary &&
		JsonContainerIsArray(value->val.binary.data);

	if (value->type == jbvString)
		return list_make1(option_string(name, value));
	for (uint32 i = 0; is_list && i < JsonContainerSize(value->val.binary.data); i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(value->val.binary.data, i);

		is_list = element->type == jbvString;
		if (is_list)
			result = lappend(result, option_string(name, element));
	}
	if (!is_list)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("board option \"%s\" must be a list of names", name),
				 errhint("For example '{\"%s\": [\"name\"]}'.", name)));
	return result;
}

static Oid
resolve_table(const char *name)
{
	List	   *names = compat_string_to_name_list(name);

	return RangeVarGetRelid(makeRangeVarFromNameList(names), AccessShareLock, false);
}

/* A signature, or a name alone if only one function has it. */
static Oid
resolve_function(const char *name)
{
	if (strchr(name, '('))
		return DatumGetObjectId(DirectFunctionCall1(regprocedurein, CStringGetDatum(name)));
	return DatumGetObjectId(DirectFunctionCall1(regprocin, CStringGetDatum(name)));
}
