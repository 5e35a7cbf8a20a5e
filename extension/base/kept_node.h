/*-------------------------------------------------------------------------
 *
 * kept_node.h
 *	  Nodes of a plan that can be made as new after a run.
 *
 * As new is a node that is in the condition in which ExecInitNode() left it: no
 * scan is open, nothing is sorted, counted or remembered.  For each kind of node
 * it is written down here what that takes; of kinds that are not here, nothing
 * is kept.  For kept_query.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_BASE_KEPT_NODE_H
#define ANDON_BASE_KEPT_NODE_H

#include "postgres.h"

#include "nodes/execnodes.h"
#include "nodes/plannodes.h"

/* Can all nodes of this plan be made as new? */
extern bool kept_node_is_apt(const Plan *plan);

/*
 * Makes one node as new, not those below it.  All slots have been cleared before;
 * relations are still open.
 */
extern void kept_node_renew(PlanState *node);

#endif							/* ANDON_BASE_KEPT_NODE_H */
