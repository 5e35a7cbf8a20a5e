/*-------------------------------------------------------------------------
 *
 * topology_view.c
 *	  What is known of the nodes at one moment: an immutable snapshot.
 *
 * Names and hosts are the monitor's, which outlives its views; so a copy is
 * one piece of memory and the reference count is all there is to manage.
 *
 *-------------------------------------------------------------------------
 */
#include "policy/topology_view.h"

#include <string.h>

#include "base/memory.h"

static bool node_is_alike(const NodeView *node, const NodeView *before);
static size_t view_size(int nnodes);

TopologyView *
topology_view_create(int nnodes)
{
	TopologyView *view = mem_alloc(view_size(nnodes));

	view->refcount = 1;
	view->primary = -1;
	view->nnodes = nnodes;
	for (int i = 0; i < nnodes; i++)
		view->nodes[i].weight = 1;
	return view;
}

TopologyView *
topology_view_copy(const TopologyView *view)
{
	TopologyView *copy = topology_view_create(view->nnodes);

	/* Not the count, which others change meanwhile. */
	copy->number = view->number;
	copy->state = view->state;
	copy->system_id = view->system_id;
	copy->primary = view->primary;
	copy->former_timeline = view->former_timeline;
	copy->fork_lsn = view->fork_lsn;
	copy->has_synchronous = view->has_synchronous;
	copy->shown_us = view->shown_us;
	memcpy(copy->nodes, view->nodes, (size_t) view->nnodes * sizeof(NodeView));
	return copy;
}

TopologyView *
topology_view_ref(TopologyView *view)
{
	__atomic_add_fetch(&view->refcount, 1, __ATOMIC_RELAXED);
	return view;
}

void
topology_view_unref(TopologyView *view)
{
	/* The last one must see all that the others read: hence both orders. */
	if (view != NULL && __atomic_sub_fetch(&view->refcount, 1, __ATOMIC_ACQ_REL) == 0)
		mem_free(view);
}

bool
topology_view_is_alike(const TopologyView *view, const TopologyView *before)
{
	if (view->nnodes != before->nnodes || view->system_id != before->system_id || view->primary != before->primary ||
		view->former_timeline != before->former_timeline || view->fork_lsn != before->fork_lsn ||
		view->has_synchronous != before->has_synchronous)
		return false;
	for (int i = 0; i < view->nnodes; i++)
		if (!node_is_alike(&view->nodes[i], &before->nodes[i]))
			return false;
	return true;
}

/* A position that is not known any more is more than a position. */
static bool
node_is_alike(const NodeView *node, const NodeView *before)
{
	return node_identity_equals(&node->identity, &before->identity) &&
		node->is_usable == before->is_usable &&
		node->usable_since_us == before->usable_since_us &&
		node->weight == before->weight &&
		(node->lsn != 0) == (before->lsn != 0) &&
		strcmp(node->address, before->address) == 0 &&
		strcmp(node->why, before->why) == 0;
}

bool
node_identity_equals(const NodeIdentity *a, const NodeIdentity *b)
{
	return a->system_id == b->system_id &&
		a->postmaster_start_us == b->postmaster_start_us &&
		a->role == b->role &&
		a->timeline == b->timeline;
}

const char *
node_role_name(NodeRole role)
{
	switch (role)
	{
		case NODE_PRIMARY:
			return "primary";
		case NODE_REPLICA:
			return "replica";
		case NODE_UNKNOWN:
			break;
	}
	return "unknown";
}

static size_t
view_size(int nnodes)
{
	return sizeof(TopologyView) + (size_t) nnodes * sizeof(NodeView);
}
