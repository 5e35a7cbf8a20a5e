/*-------------------------------------------------------------------------
 *
 * roles.h
 *	  Decides from the latest samples who is primary and who may get work.
 *
 * A pure function of what was known before and what the nodes say now.  Its
 * rules, in the order in which they are applied:
 *
 *	1. The cluster is that of the first primary that was seen.  While none was,
 *	   it is that of most of the answering nodes.  Other nodes are foreign.
 *	2. A primary keeps its place until it is silent or no longer a primary.
 *	3. A primary of a higher timeline replaces it, once it has said so twice.
 *	   On the same timeline two primaries cannot both be right: the one that
 *	   had the place keeps it, also while it is silent.
 *	4. Whoever was left behind on an older timeline gets nothing, also if it
 *	   is the only primary that answers.
 *	5. A replica must be on the primary's timeline.  On the one before it is
 *	   still good if it has not replayed past what both surely share, and if
 *	   no primary is left there whom it may be following.
 *
 * There is never more than one primary, and none is better than a wrong one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_TOPOLOGY_ROLES_H
#define ROUTER_TOPOLOGY_ROLES_H

#include "policy/topology_view.h"

/* What a node says of itself. */
typedef struct RolesNode
{
	bool		answers;		/* in time; else the rest is what it said last */
	NodeIdentity identity;		/* system_id 0: it never said anything */
	int			agreeing;		/* samples in a row of this identity */
	Lsn			lsn;			/* 0: not known */
	uint32_t	promoted_from;	/* of a primary: the timeline on which it was a replica, in this life; 0: not known */
	Lsn			began_lsn;		/* of a primary: where its timeline began, if promoted_from is known */
} RolesNode;

/* What is remembered from one decision to the next; starts zeroed but for primary = last_primary = -1. */
typedef struct RolesState
{
	uint64_t	system_id;		/* 0: not known */
	bool		is_certain;		/* system_id is that of a primary we had */
	int			primary;		/* -1: none */
	int			last_primary;	/* who had the place last; -1: nobody ever */
	uint32_t	timeline;		/* of the last primary; 0: there was none */
	uint32_t	former_timeline;	/* of the one before it; 0: none */
	Lsn			fork_lsn;		/* where the last primary's timeline left former_timeline; 0: not known */
} RolesState;

typedef enum RolesVerdict
{
	VERDICT_USABLE,
	VERDICT_SILENT,
	VERDICT_FOREIGN,
	VERDICT_OLD_PRIMARY,
	VERDICT_SECOND_PRIMARY,		/* same timeline as the one that has the place */
	VERDICT_UNCONFIRMED_PRIMARY,
	VERDICT_OLD_TIMELINE,
	VERDICT_OTHER_TIMELINE		/* ahead of the primary's */
} RolesVerdict;

#define ROLES_STATE_INIT {.primary = -1, .last_primary = -1}

/* nodes and verdicts have nnodes elements; state is brought forward. */
extern void roles_decide(RolesState *state, const RolesNode *nodes, int nnodes, RolesVerdict *verdicts);

/* In words for people; "" for VERDICT_USABLE. */
extern const char *roles_verdict_text(RolesVerdict verdict);

#endif							/* ROUTER_TOPOLOGY_ROLES_H */
