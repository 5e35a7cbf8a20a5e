/*-------------------------------------------------------------------------
 *
 * source_access.c
 *	  What the owner of a board must be allowed to do with its sources.
 *
 * The rights asked for are the owner's, also where a superuser acts for him:
 * what is made here must last in the owner's name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "base/compat.h"
#include "base/spi_util.h"
#include "maintain/source_access.h"

void
source_access_check(Oid source, const SourceAccess *wanted)
{
	AclMode		rights = wanted->is_static ? ACL_SELECT : ACL_SELECT | ACL_TRIGGER;

	if (pg_class_aclmask(source, wanted->owner, rights, ACLMASK_ALL) != rights)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for source table %s", get_rel_name(source)),
				 errdetail("A board's owner needs SELECT%s on its sources.",
						   wanted->is_static ? "" : " and TRIGGER"),
				 errhint("GRANT SELECT%s ON %s TO %s.", wanted->is_static ? "" : ", TRIGGER",
						 spi_util_relation_name(source),
						 quote_identifier(GetUserNameFromId(wanted->owner, false)))));
	if (wanted->enable_always && !wanted->is_static &&
		!compat_is_relation_owner(source, wanted->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of source table %s", get_rel_name(source)),
				 errdetail("With option enable_always its triggers fire in replication too."),
				 errhint("Let the table's owner own the board, or leave the option out.")));
}
