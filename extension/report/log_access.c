/*-------------------------------------------------------------------------
 *
 * log_access.c
 *	  Who may see the change log of a board.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/rls.h"

#include "report/log_access.h"

void
log_access_check(const Board *board)
{
	AclResult	may = pg_class_aclcheck(board->relid, GetUserId(), ACL_SELECT);

	if (may != ACLCHECK_OK)
		aclcheck_error(may, OBJECT_TABLE, board->name);
	if (check_enable_rls(board->relid, InvalidOid, true) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the change log of board %s is not shown to you", board->qualified),
				 errdetail("Row-level security of the board applies to you, and the log has no policies."),
				 errhint("Ask the owner of the board.")));
}
