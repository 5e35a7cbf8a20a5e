/*-------------------------------------------------------------------------
 *
 * board_plan.c
 *	  What a backend needs to maintain one board, derived once.
 *
 * Built on first use in a backend and again after a change of a relation it
 * rests on.  Nothing is planned here: a hop's query and the refresh queries
 * are prepared when they are first needed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "common/hashfn.h"
#include "rewrite/rewriteHandler.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "analysis/settings_use.h"
#include "base/json.h"
#include "board/board_cache.h"
#include "maintain/board_plan.h"

static BoardPlan *build_plan(Board *board);
static void find_settings(BoardPlan *plan);
static void build_path(BoardPlan *plan, PlanPath *path, const DirtyPath *from);
static void find_distances(BoardPlan *plan);
static int	find_or_add_link(BoardPlan *plan, const PathHop *hop);
static bool link_is_of_hop(const PlanLink *link, const PathHop *hop);
static uint64 fingerprint_plan(const BoardPlan *plan);
static uint64 hash_attnos(uint64 hash, const AttrNumber *attnos, int n);
static void release_plan(void *arg);

BoardPlan *
board_plan_get(Oid relid)
{
	BoardEntry *entry = board_cache_get(relid);

	if (entry->board == NULL)
		return NULL;
	if (entry->plan == NULL)
	{
		MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
													  "andon board plan",
													  ALLOCSET_SMALL_SIZES);
		MemoryContext old = MemoryContextSwitchTo(context);
		BoardPlan  *plan = build_plan(entry->board);
		ListCell   *cell;

		plan->context = context;
		MemoryContextSwitchTo(old);
		foreach(cell, entry->board->sources)
			board_cache_watch(lfirst_oid(cell));
		MemoryContextSetParent(context, entry->context);
		entry->plan = plan;
		entry->plan_release = release_plan;
	}
	return entry->plan;
}

BoardPlan *
board_plan_get_or_error(Oid relid)
{
	BoardPlan  *plan = board_plan_get(relid);

	if (plan == NULL)
		board_raise_not_found(relid);
	return plan;
}

Definition *
board_plan_analyse(const Board *board)
{
	Relation	view = relation_open(board->view, AccessShareLock);
	DefinitionOptions options = {0};
	Definition *definition;

	options.board_name = board->qualified;
	options.owner = board->owner;
	for (int i = 0; i < board->nkeys; i++)
		options.key_names = lappend(options.key_names,
									pstrdup(NameStr(TupleDescAttr(RelationGetDescr(view),
																  board->key_attnos[i] - 1)->attname)));
	options.static_relids = board->static_sources;
	options.trusted_procs = board->trusted;
	definition = definition_analyse(get_view_query(view), &options);
	relation_close(view, NoLock);
	return definition;
}

FastColumns *
board_plan_find_fast(const Board *board, const Definition *definition)
{
	Relation	view = relation_open(board->view, AccessShareLock);
	FastColumns *fast = fast_columns_find(definition, get_view_query(view));

	relation_close(view, NoLock);
	return fast;
}

bool
board_plan_writes_need_settings(BoardPlan *plan)
{
	if (!plan->writes_known)
	{
		Relation	table = table_open(plan->board->relid, AccessShareLock);

		plan->writes_need_settings = settings_use_in_writes(table);
		plan->writes_known = true;
		table_close(table, NoLock);
	}
	return plan->writes_need_settings;
}

List *
board_plan_settings(BoardPlan *plan)
{
	return plan->needs_settings || board_plan_writes_need_settings(plan) ? plan->board->settings : NIL;
}

int
board_plan_first_path(const BoardPlan *plan, const SourceUse *source)
{
	int			first = 0;

	for (const SourceUse *before = plan->definition->sources; before < source; before++)
		first += before->npaths;
	return first;
}

char *
board_plan_format_key(const BoardPlan *plan, const Datum *key)
{
	StringInfoData buf;
	char	   *names[INDEX_MAX_KEYS];

	for (int i = 0; i < plan->key->n; i++)
		names[i] = plan->board->column_names[plan->board->key_attnos[i] - 1];
	initStringInfo(&buf);
	json_append_object(&buf, plan->key->n, names, plan->definition->key_types, key);
	return buf.data;
}

void
board_plan_raise_not_single(const BoardPlan *plan, const Datum *key)
{
	ereport(ERROR,
			(errcode(ERRCODE_CARDINALITY_VIOLATION),
			 errmsg("the definition of board %s gives more than one row for a key",
					plan->board->qualified),
			 errdetail("Key: %s.", board_plan_format_key(plan, key)),
			 errhint("Aggregate the rows or choose one of them (LATERAL ... LIMIT 1), or add columns to the key.")));
}

static BoardPlan *
build_plan(Board *board)
{
	BoardPlan  *plan = palloc0(sizeof(BoardPlan));
	Definition *definition = board_plan_analyse(board);
	int			nhops = 0;
	int			p = 0;

	plan->board = board;
	plan->definition = definition;
	plan->key = value_shape_create(definition->nkeys, definition->key_types,
								   definition->key_eqops, definition->key_collations,
								   EQUALITY_LEFT);
	plan->key_equal = palloc0(sizeof(FmgrInfo) * definition->nkeys);
	for (int i = 0; i < definition->nkeys; i++)
		fmgr_info(get_opcode(definition->key_eqops[i]), &plan->key_equal[i]);

	for (int s = 0; s < definition->nsources; s++)
	{
		plan->npaths += definition->sources[s].npaths;
		for (int i = 0; i < definition->sources[s].npaths; i++)
			nhops += definition->sources[s].paths[i].nhops;
	}
	plan->paths = palloc0(sizeof(PlanPath) * Max(plan->npaths, 1));
	plan->links = palloc0(sizeof(PlanLink) * Max(nhops, 1));
	for (int s = 0; s < definition->nsources; s++)
		for (int i = 0; i < definition->sources[s].npaths; i++)
			build_path(plan, &plan->paths[p++], &definition->sources[s].paths[i]);
	find_distances(plan);
	plan->fast = board_plan_find_fast(board, definition);
	plan->fingerprint = fingerprint_plan(plan);
	find_settings(plan);
	return plan;
}

static void
find_settings(BoardPlan *plan)
{
	Relation	view = relation_open(plan->board->view, AccessShareLock);

	plan->needs_settings = settings_use_in_query(get_view_query(view), plan->board->sources);
	relation_close(view, NoLock);
}

static void
build_path(BoardPlan *plan, PlanPath *path, const DirtyPath *from)
{
	path->path = from;
	path->nhops = from->nhops;
	path->hops = palloc0(sizeof(PlanHop) * Max(from->nhops, 1));
	for (int h = 0; h < from->nhops; h++)
	{
		const PathHop *hop = &from->hops[h];

		path->hops[h].hop = hop;
		path->hops[h].link = find_or_add_link(plan, hop);
		path->hops[h].carried = value_shape_create(hop->nmatch, hop->carried_types,
												   hop->match_eqops, hop->match_collations,
												   EQUALITY_RIGHT);
	}
	path->start = from->nhops > 0 ? path->hops[0].carried : plan->key;
}

/* Links of a circle (of parts and their parents, say) end with the same distance. */
static void
find_distances(BoardPlan *plan)
{
	for (int pass = 0; pass < plan->nlinks; pass++)
		for (int p = 0; p < plan->npaths; p++)
			for (int behind = 0, h = plan->paths[p].nhops - 1; h >= 0; h--)
			{
				PlanLink   *link = &plan->links[plan->paths[p].hops[h].link];

				link->distance = Max(link->distance, Min(behind + 1, plan->nlinks));
				behind = link->distance;
			}
}

static int
find_or_add_link(BoardPlan *plan, const PathHop *hop)
{
	PlanLink   *link = plan->links;
	Oid		   *types;

	while (link < plan->links + plan->nlinks && !link_is_of_hop(link, hop))
		link++;
	if (link == plan->links + plan->nlinks)
	{
		types = palloc(sizeof(Oid) * hop->nmatch);
		for (int i = 0; i < hop->nmatch; i++)
			types[i] = get_atttype(hop->relid, hop->match_attnos[i]);
		link->relid = hop->relid;
		link->n = hop->nmatch;
		link->attnos = hop->match_attnos;
		link->eqops = hop->match_eqops;
		link->shape = value_shape_create(hop->nmatch, types, hop->match_eqops,
										 hop->match_collations, EQUALITY_LEFT);
		plan->nlinks++;
	}

	/*
	 * A row whose carried columns change is as new to the path as one whose
	 * match columns change.
	 */
	for (int i = 0; i < hop->nmatch; i++)
		link->watched = bms_add_member(link->watched, hop->match_attnos[i]);
	for (int i = 0; i < hop->nout; i++)
		link->watched = bms_add_member(link->watched, hop->out_attnos[i]);
	return link - plan->links;
}

static bool
link_is_of_hop(const PlanLink *link, const PathHop *hop)
{
	return link->relid == hop->relid && link->n == hop->nmatch &&
		memcmp(link->attnos, hop->match_attnos, sizeof(AttrNumber) * hop->nmatch) == 0 &&
		memcmp(link->eqops, hop->match_eqops, sizeof(Oid) * hop->nmatch) == 0;
}

static uint64
fingerprint_plan(const BoardPlan *plan)
{
	uint64		hash = plan->definition->nkeys;

	for (int i = 0; i < plan->definition->nkeys; i++)
		hash = hash_combine64(hash, plan->definition->key_types[i]);
	if (plan->fast)
		hash = hash_combine64(hash, bms_hash_value(plan->fast->attnos));
	for (int p = 0; p < plan->npaths; p++)
	{
		const DirtyPath *path = plan->paths[p].path;

		hash = hash_attnos(hash, path->start_attnos, path->nstart);
		for (int h = 0; h < path->nhops; h++)
		{
			const PathHop *hop = &path->hops[h];

			hash = hash_combine64(hash, hop->relid);
			hash = hash_attnos(hash, hop->match_attnos, hop->nmatch);
			hash = hash_attnos(hash, hop->out_attnos, hop->nout);
			for (int i = 0; i < hop->nmatch; i++)
			{
				hash = hash_combine64(hash, hop->match_eqops[i]);
				hash = hash_combine64(hash, hop->carried_types[i]);
			}
		}
	}
	return hash;
}

static uint64
hash_attnos(uint64 hash, const AttrNumber *attnos, int n)
{
	hash = hash_combine64(hash, n);
	for (int i = 0; i < n; i++)
		hash = hash_combine64(hash, attnos[i]);
	return hash;
}

static void
release_plan(void *arg)
{
	BoardPlan  *plan = arg;

	for (int p = 0; p < plan->npaths; p++)
		for (int h = 0; h < plan->paths[p].nhops; h++)
			if (plan->paths[p].hops[h].query)
				SPI_freeplan(plan->paths[p].hops[h].query);
	if (plan->refresh_one)
		kept_query_destroy(plan->refresh_one);
	if (plan->refresh_few)
		SPI_freeplan(plan->refresh_few);
	if (plan->refresh_many)
		SPI_freeplan(plan->refresh_many);
}
