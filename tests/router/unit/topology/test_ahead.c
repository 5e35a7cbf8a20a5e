/*-------------------------------------------------------------------------
 *
 * test_ahead.c
 *	  Proofs that the primary shows what replicas have shown.
 *
 * First the schedules that the design names, then a small world of commits,
 * hidden and shown, with samples under way in any order: no proof may ever
 * claim what is not so, and when all is shown every proof must succeed.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topology/ahead.h"

#define SOUTH 1
#define WEST 2

static void
primary_says(Ahead *ahead, uint64_t sampled_us, uint64_t xmax, uint64_t next_xid, const char *running)
{
	ahead_note_primary(ahead, &(NodeSample) {.sampled_us = sampled_us, .xmax = xmax, .next_xid = next_xid,
					   .running = running, .flush_lsn = sampled_us});
}

static void
replica_says(Ahead *ahead, int node, uint64_t sampled_us, uint64_t xmax, const char *committed)
{
	uint64_t	asked;

	(void) ahead_question(ahead, &asked);
	ahead_note_replica(ahead, node, &(NodeSample) {.sampled_us = sampled_us, .xmax = xmax, .committed = committed,
					   .lsn = sampled_us, .asked = asked});
}

static uint64_t
hidden_us(const Ahead *ahead, int node)
{
	TopologyView *view = topology_view_create(3);
	uint64_t	hidden;

	ahead_fill_view(ahead, view, 1000);
	hidden = view->nodes[node].hidden_us;
	topology_view_unref(view);
	return hidden;
}

/* Guards: where nothing commits one answer of the replica is enough. */
static void
what_is_known_already_is_enough(void **state)
{
	Ahead		ahead = {0};

	primary_says(&ahead, 10, 100, 100, "");
	assert_int_equal(ahead.all.shown_us, 10);
	replica_says(&ahead, SOUTH, 20, 100, "");
	assert_int_equal(ahead.replicas[SOUTH].shown_us, 20);
	assert_int_equal(ahead.replicas[WEST].shown_us, 0);
	ahead_forget_primary(&ahead);
	assert_int_equal(ahead.replicas[SOUTH].shown_us, 20);
}

/* Guards: the last number of all is hidden; no snapshot lists it. */
static void
the_newest_is_hidden(void **state)
{
	Ahead		ahead = {0};

	primary_says(&ahead, 10, 100, 101, "");
	replica_says(&ahead, SOUTH, 20, 101, "");
	assert_int_equal(hidden_us(&ahead, SOUTH), 0);
	primary_says(&ahead, 30, 100, 101, "");	/* maybe asked before the replica has answered */
	assert_int_equal(hidden_us(&ahead, SOUTH), 0);
	primary_says(&ahead, 40, 100, 101, "");
	assert_int_equal(hidden_us(&ahead, SOUTH), 980);
	assert_int_equal(ahead.replicas[SOUTH].shown_us, 0);
	primary_says(&ahead, 50, 101, 101, "");
	assert_int_equal(ahead.replicas[SOUTH].shown_us, 20);
	assert_int_equal(hidden_us(&ahead, SOUTH), 0);
	ahead_forget_primary(&ahead);
}

/* Guards: of three that run the replica shows one; the others are not waited for. */
static void
one_of_three_is_hidden(void **state)
{
	Ahead		ahead = {0};
	uint64_t	asked;

	primary_says(&ahead, 10, 101, 101, "90,95,100");
	assert_string_equal(ahead_question(&ahead, &asked), "{90,95,100}");
	replica_says(&ahead, SOUTH, 20, 101, "95");
	assert_int_equal(hidden_us(&ahead, SOUTH), 0);	/* it answered before the proof began */
	replica_says(&ahead, SOUTH, 30, 101, "95");
	assert_int_equal(hidden_us(&ahead, SOUTH), 980);
	primary_says(&ahead, 40, 102, 103, "90,95,100");
	assert_int_equal(ahead.replicas[SOUTH].shown_us, 0);
	primary_says(&ahead, 50, 103, 103, "90,100,102");
	assert_int_equal(ahead.replicas[SOUTH].shown_us, 20);
	ahead_forget_primary(&ahead);
}

/* Guards: an answer about an older snapshot says nothing of those that came since. */
static void
an_answer_to_an_older_question(void **state)
{
	Ahead		ahead = {0};

	primary_says(&ahead, 10, 90, 90, "");
	primary_says(&ahead, 20, 101, 101, "95");
	replica_says(&ahead, SOUTH, 30, 101, "95");
	ahead_note_replica(&ahead, SOUTH, &(NodeSample) {.sampled_us = 25, .xmax = 101, .committed = "", .asked = 1});
	assert_int_equal(ahead.replicas[SOUTH].shown_us, 0);

	/* nor does one to a question from before the primary was lost */
	ahead_forget_primary(&ahead);
	primary_says(&ahead, 40, 101, 101, "95");
	replica_says(&ahead, SOUTH, 50, 101, "95");
	ahead_note_replica(&ahead, SOUTH, &(NodeSample) {.sampled_us = 25, .xmax = 101, .committed = "", .asked = 2});
	assert_int_equal(ahead.replicas[SOUTH].shown_us, 0);
	ahead_forget_primary(&ahead);
}

/* Guards: for a replica that is gone another may speak, once it had all that there was. */
static void
another_replica_denies(void **state)
{
	Ahead		ahead = {0};

	primary_says(&ahead, 100, 101, 101, "95");
	replica_says(&ahead, WEST, 90, 101, "");	/* its position is not that far */
	replica_says(&ahead, WEST, 110, 101, "");	/* it is now, but when was that snapshot taken? */
	assert_int_equal(ahead.all.shown_us, 0);
	replica_says(&ahead, WEST, 120, 101, "");
	assert_int_equal(ahead.all.shown_us, 100);

	primary_says(&ahead, 200, 101, 101, "95");
	replica_says(&ahead, WEST, 210, 101, "");
	ahead_forget_replica(&ahead, WEST);
	replica_says(&ahead, WEST, 220, 101, "");
	assert_int_equal(ahead.all.shown_us, 100);
	ahead_forget_primary(&ahead);
}

/* ---------------------------------------------------------------- a world */

#define FIRST_XID 3
#define XIDS 400
#define STEPS 4000
#define NODES 3

typedef enum XidState
{
	XID_NONE,
	XID_RUNS,
	XID_LOGGED,					/* committed in the log; the primary hides it */
	XID_SHOWN,
	XID_ABORTED
} XidState;

/* A question on its way to a node, or its answer on the way back. */
typedef struct Letter
{
	bool		is_under_way;
	bool		is_answered;
	char		question[XIDS * 4];
	char		list[XIDS * 4];
	NodeSample	sample;
} Letter;

typedef struct World
{
	Ahead		ahead;
	XidState	xids[XIDS];
	uint64_t	next_xid;
	uint64_t	log[XIDS];		/* numbers in the order in which they ended */
	uint64_t	logged;
	uint64_t	replayed[NODES];
	uint64_t	now_us;
	uint64_t	replayed_then[NODES][STEPS * 2];	/* by time */
	Letter		letters[NODES];
} World;

static uint64_t
latest_ended(const World *world, uint64_t replayed)
{
	uint64_t	latest = FIRST_XID - 1;

	for (uint64_t i = 0; i < replayed; i++)
		latest = world->log[i] > latest ? world->log[i] : latest;
	return latest;
}

static bool
is_replayed(const World *world, uint64_t xid, uint64_t replayed)
{
	for (uint64_t i = 0; i < replayed; i++)
		if (world->log[i] == xid)
			return world->xids[xid] != XID_ABORTED;
	return false;
}

static void
append_xid(char *list, uint64_t xid)
{
	sprintf(list + strlen(list), "%s%llu", *list ? "," : "", (unsigned long long) xid);
}

static void
answer_as_primary(const World *world, Letter *letter)
{
	uint64_t	xmax = FIRST_XID;

	for (uint64_t xid = FIRST_XID; xid < world->next_xid; xid++)
		if (world->xids[xid] >= XID_SHOWN)
			xmax = xid + 1;
	for (uint64_t xid = FIRST_XID; xid < xmax; xid++)
		if (world->xids[xid] < XID_SHOWN)
			append_xid(letter->list, xid);
	letter->sample.xmax = xmax;
	letter->sample.next_xid = world->next_xid;
	letter->sample.flush_lsn = world->logged;
	letter->sample.running = letter->list;
}

static void
answer_as_replica(const World *world, int node, Letter *letter)
{
	uint64_t	replayed = world->replayed[node];
	char	   *at = letter->question + 1;

	letter->sample.xmax = latest_ended(world, replayed) + 1;
	while (*at >= '0' && *at <= '9')
	{
		uint64_t	xid = strtoull(at, &at, 10);

		if (is_replayed(world, xid, replayed))
			append_xid(letter->list, xid);
		at += *at == ',';
	}
	letter->sample.committed = letter->list;
}

/* Replay goes on while the replica answers: its position may be later than what it says beside. */
static void
move_letter(World *world, int node)
{
	Letter	   *letter = &world->letters[node];

	if (!letter->is_under_way)
	{
		*letter = (Letter) {.is_under_way = true, .sample = {.sampled_us = world->now_us}};
		strcpy(letter->question, ahead_question(&world->ahead, &letter->sample.asked));
	}
	else if (!letter->is_answered)
	{
		letter->is_answered = true;
		if (node == 0)
			answer_as_primary(world, letter);
		else
			answer_as_replica(world, node, letter);
	}
	else
	{
		letter->is_under_way = false;
		letter->sample.lsn = world->replayed[node];
		if (node == 0)
			ahead_note_primary(&world->ahead, &letter->sample);
		else
			ahead_note_replica(&world->ahead, node, &letter->sample);
	}
}

static void
move_transactions(World *world)
{
	uint64_t	xid = FIRST_XID + (uint64_t) rand() % (world->next_xid - FIRST_XID + 1);

	if (xid == world->next_xid)
	{
		if (xid < XIDS && rand() % 4 == 0)
			world->xids[world->next_xid++] = XID_RUNS;
	}
	else if (world->xids[xid] == XID_RUNS && xid % 7 != 0)	/* some run for ever */
	{
		world->xids[xid] = rand() % 8 == 0 ? XID_ABORTED : XID_LOGGED;
		world->log[world->logged++] = xid;
	}
	else if (world->xids[xid] == XID_LOGGED && rand() % 3 == 0)
		world->xids[xid] = XID_SHOWN;
}

static void
check_claim(const World *world, int node, uint64_t shown_us)
{
	uint64_t	replayed = shown_us > 0 ? world->replayed_then[node][shown_us - 1] : 0;

	for (uint64_t i = 0; i < replayed; i++)
		if (world->xids[world->log[i]] == XID_LOGGED)
			fail_msg("number %d was shown by node %d before %d, and is hidden at %d", (int) world->log[i], node,
					 (int) shown_us, (int) world->now_us);
}

static void
step(World *world, bool quiet)
{
	int			node = rand() % NODES;

	world->now_us++;
	if (!quiet)
		move_transactions(world);
	if (node > 0 && world->replayed[node] < world->logged && rand() % node == 0)
		world->replayed[node]++;
	for (int i = 1; i < NODES; i++)
		world->replayed_then[i][world->now_us] = world->replayed[i];
	move_letter(world, rand() % NODES);
	if (rand() % 200 == 0)
		ahead_forget_primary(&world->ahead);
	for (int i = 1; i < NODES; i++)
	{
		check_claim(world, i, world->ahead.replicas[i].shown_us);
		check_claim(world, i, world->ahead.all.shown_us);
	}
}

/* Guards: whatever commits, hides and is asked in whatever order, nothing is claimed that is not so. */
static void
no_claim_is_false(void **state)
{
	World	   *world = malloc(sizeof(World));

	for (unsigned seed = 0; seed < 40; seed++)
	{
		uint64_t	claims = 0;
		uint64_t	quiet_us;

		srand(seed);
		memset(world, 0, sizeof(*world));
		world->now_us = 1;
		world->next_xid = FIRST_XID;
		while (world->now_us < STEPS)
		{
			uint64_t	before = world->ahead.replicas[SOUTH].shown_us + world->ahead.all.shown_us;

			step(world, false);
			claims += world->ahead.replicas[SOUTH].shown_us + world->ahead.all.shown_us != before;
		}
		assert_true(claims > 20);

		/* all is shown in the end; those that run for ever do not keep that from being known */
		for (uint64_t xid = FIRST_XID; xid < world->next_xid; xid++)
			if (world->xids[xid] == XID_LOGGED)
				world->xids[xid] = XID_SHOWN;
		quiet_us = world->now_us;
		while (world->now_us < STEPS * 2 - 1)
			step(world, true);
		for (int i = 1; i < NODES; i++)
			assert_true(world->ahead.replicas[i].shown_us > quiet_us);
		assert_true(world->ahead.all.shown_us > quiet_us);
		ahead_forget_primary(&world->ahead);
	}
	free(world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_known_already_is_enough),
		cmocka_unit_test(the_newest_is_hidden),
		cmocka_unit_test(one_of_three_is_hidden),
		cmocka_unit_test(an_answer_to_an_older_question),
		cmocka_unit_test(another_replica_denies),
		cmocka_unit_test(no_claim_is_false),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
