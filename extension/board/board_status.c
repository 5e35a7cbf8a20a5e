/*-------------------------------------------------------------------------
 *
 * board_status.c
 *	  A status that comes in as text, for a board.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/lsyscache.h"

#include "board/board_status.h"

char *
board_status_normalize(const Board *board, const char *status)
{
	Oid			type;
	int32		typmod;
	Oid			collation;
	Oid			input;
	Oid			ioparam;
	Oid			output;
	bool		is_varlena;
	char	   *result;

	get_atttypetypmodcoll(board->relid, board->status_attno, &type, &typmod, &collation);
	type = getBaseTypeAndTypmod(type, &typmod);
	getTypeInputInfo(type, &input, &ioparam);
	getTypeOutputInfo(type, &output, &is_varlena);
	result = OidOutputFunctionCall(output, OidInputFunctionCall(input, pstrdup(status), ioparam,
																typmod));
	if (type == BPCHAROID)
		for (char *end = result + strlen(result); end > result && end[-1] == ' ';)
			*--end = '\0';
	return result;
}

Oid
board_status_type(const Board *board)
{
	return getBaseType(get_atttype(board->relid, board->status_attno));
}
