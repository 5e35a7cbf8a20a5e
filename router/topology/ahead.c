/*-------------------------------------------------------------------------
 *
 * ahead.c
 *	  Proves that the primary shows what replicas have shown; see ahead.h.
 *
 * Lists are short, as many transactions as run at once, and ascending: they
 * are compared side by side.
 *
 *-------------------------------------------------------------------------
 */
#include "topology/ahead.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static void proof_begin(AheadProof *proof, const PrimarySnapshot *primary, uint64_t since_us, uint64_t bound);
static void proof_note_primary(AheadProof *proof, const PrimarySnapshot *primary);
static void proof_note_replica(AheadProof *proof, const PrimarySnapshot *primary, uint64_t asked,
							   uint64_t bound, const XidList *committed);
static void proof_list(AheadProof *proof, const PrimarySnapshot *primary);
static void proof_keep(AheadProof *proof, const XidList *those);
static void proof_settle(AheadProof *proof);
static void proof_drop(AheadProof *proof);
static bool proof_is_refuted(const AheadProof *proof, const PrimarySnapshot *primary);
static bool xid_list_parse(XidList *list, const char *text);
static void xid_list_release(XidList *list);

void
ahead_forget_primary(Ahead *ahead)
{
	for (int i = 0; i < TOPOLOGY_MAX_NODES; i++)
		proof_drop(&ahead->replicas[i]);
	proof_drop(&ahead->all);
	xid_list_release(&ahead->primary.running);
	ahead->primary.xmax = 0;	/* its number stays: answers about it are still to come */
	mem_free(ahead->question);
	ahead->question = NULL;
}

void
ahead_forget_replica(Ahead *ahead, int node)
{
	proof_drop(&ahead->replicas[node]);
	ahead->replay_lsns[node] = 0;
}

const char *
ahead_question(const Ahead *ahead, uint64_t *asked)
{
	*asked = ahead->primary.number;
	return ahead->question != NULL ? ahead->question : "{}";
}

void
ahead_note_primary(Ahead *ahead, const NodeSample *sample)
{
	PrimarySnapshot *primary = &ahead->primary;
	size_t		size = strlen(sample->running) + 3;

	if (!xid_list_parse(&primary->running, sample->running))
		return;
	primary->number++;
	primary->xmax = sample->xmax;
	ahead->question = mem_realloc(ahead->question, size);
	snprintf(ahead->question, size, "{%s}", sample->running);
	for (int i = 0; i < TOPOLOGY_MAX_NODES; i++)
		proof_note_primary(&ahead->replicas[i], primary);
	proof_note_primary(&ahead->all, primary);
	if (ahead->all.since_us == 0)
	{
		ahead->all_flush_lsn = sample->flush_lsn;
		proof_begin(&ahead->all, primary, sample->sampled_us, sample->next_xid);
	}
}

void
ahead_note_replica(Ahead *ahead, int node, const NodeSample *sample)
{
	const PrimarySnapshot *primary = &ahead->primary;
	AheadProof *proof = &ahead->replicas[node];
	XidList		committed = {0};

	if (xid_list_parse(&committed, sample->committed))
	{
		proof_note_replica(proof, primary, sample->asked, sample->xmax, &committed);
		if (ahead->replay_lsns[node] >= ahead->all_flush_lsn)
			proof_note_replica(&ahead->all, primary, sample->asked, sample->xmax, &committed);
		if (proof->since_us == 0)
			proof_begin(proof, primary, sample->sampled_us, sample->xmax);
	}
	ahead->replay_lsns[node] = sample->lsn;
	xid_list_release(&committed);
}

void
ahead_fill_view(const Ahead *ahead, TopologyView *view, uint64_t now_us)
{
	view->shown_us = ahead->all.shown_us;
	for (int i = 0; i < view->nnodes; i++)
	{
		const AheadProof *proof = &ahead->replicas[i];

		view->nodes[i].shown_us = proof->shown_us;
		if (proof_is_refuted(proof, &ahead->primary))
			view->nodes[i].hidden_us = now_us - proof->since_us;
	}
}

/* ---------------------------------------------------------------- one proof */

/* What the primary said last may be its end already. */
static void
proof_begin(AheadProof *proof, const PrimarySnapshot *primary, uint64_t since_us, uint64_t bound)
{
	proof->since_us = since_us;
	proof->bound = bound;
	proof->begun = primary->number;
	proof_note_primary(proof, primary);
}

static void
proof_note_primary(AheadProof *proof, const PrimarySnapshot *primary)
{
	if (proof->since_us == 0 || primary->xmax == 0)
		return;
	if (proof->listed != 0)
		proof_keep(proof, &primary->running);
	else if (primary->xmax >= proof->bound)
		proof_list(proof, primary);
	proof_settle(proof);
}

/* Of those that ran in the primary's snapshot of that number these are committed there. */
static void
proof_note_replica(AheadProof *proof, const PrimarySnapshot *primary, uint64_t asked,
				   uint64_t bound, const XidList *committed)
{
	if (proof->since_us == 0)
		return;
	if (proof->listed == 0 && bound < proof->bound)
	{
		proof->bound = bound;
		proof_note_primary(proof, primary);
	}
	else if (proof->listed != 0 && asked >= proof->listed)
	{
		proof_keep(proof, committed);
		proof->is_denied = true;
		proof_settle(proof);
	}
}

static void
proof_list(AheadProof *proof, const PrimarySnapshot *primary)
{
	int			count = 0;

	while (count < primary->running.count && primary->running.xids[count] < proof->bound)
		count++;
	proof->listed = primary->number;
	proof->left.count = count;
	if (count == 0)
		return;
	proof->left.xids = mem_realloc(proof->left.xids, (size_t) count * sizeof(uint64_t));
	memcpy(proof->left.xids, primary->running.xids, (size_t) count * sizeof(uint64_t));
}

/* Take off what is not among those. */
static void
proof_keep(AheadProof *proof, const XidList *those)
{
	XidList    *left = &proof->left;
	int			kept = 0;

	for (int i = 0, j = 0; i < left->count; i++)
	{
		while (j < those->count && those->xids[j] < left->xids[i])
			j++;
		if (j < those->count && those->xids[j] == left->xids[i])
			left->xids[kept++] = left->xids[i];
	}
	left->count = kept;
}

static void
proof_settle(AheadProof *proof)
{
	if (proof->listed == 0 || proof->left.count > 0)
		return;
	proof->shown_us = proof->since_us;
	proof_drop(proof);
}

static void
proof_drop(AheadProof *proof)
{
	xid_list_release(&proof->left);
	*proof = (AheadProof) {.shown_us = proof->shown_us};
}

/*
 * The primary hides something, for now; it is not just that it has not been
 * asked since.  The snapshot after the next one was asked for when the replica
 * had answered.
 */
static bool
proof_is_refuted(const AheadProof *proof, const PrimarySnapshot *primary)
{
	return proof->since_us != 0 && (proof->listed != 0 ? proof->is_denied : primary->number > proof->begun + 1);
}

/* ---------------------------------------------------------------- lists */

/* False: it is not a list; then it is empty. */
static bool
xid_list_parse(XidList *list, const char *text)
{
	const char *at = text;
	char	   *end;

	list->count = 0;
	if (*text == '\0')
		return true;
	list->xids = mem_realloc(list->xids, (strlen(text) / 2 + 1) * sizeof(uint64_t));
	for (;; at = end + 1)
	{
		uint64_t	xid;

		errno = 0;
		xid = strtoull(at, &end, 10);
		if (*at < '0' || *at > '9' || errno != 0 || (*end != ',' && *end != '\0') ||
			(list->count > 0 && xid <= list->xids[list->count - 1]))
			break;
		list->xids[list->count++] = xid;
		if (*end == '\0')
			return true;
	}
	list->count = 0;
	return false;
}

static void
xid_list_release(XidList *list)
{
	mem_free(list->xids);
	*list = (XidList) {0};
}
