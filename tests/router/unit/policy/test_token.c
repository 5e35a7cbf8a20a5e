/*
 * test_token.c
 *	  Tokens: when a session's floor may be told, and which ones are taken over.
 *
 * The cluster: system 7, timeline 2; node 0 is the primary at LSN 1000, node 1 a
 * replica at 900, both sampled at time 50.  Until 600 its timeline was 1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/token.h"

#define SAMPLED 50
#define NOW 60

static TopologyView *
make_view(void)
{
	TopologyView *view = topology_view_create(2);

	view->system_id = 7;
	view->primary = 0;
	view->former_timeline = 1;
	view->fork_lsn = 0x600;
	for (int i = 0; i < 2; i++)
	{
		NodeView   *node = &view->nodes[i];

		node->identity = (NodeIdentity) {7, 100 + i, i == 0 ? NODE_PRIMARY : NODE_REPLICA, 2};
		node->is_usable = true;
		node->lsn = node->visible_lsn = i == 0 ? 0x1000 : 0x900;
		node->sampled_us = SAMPLED;
	}
	view->nodes[0].visible_lsn = 0x950;
	return view;
}

/* What a session shows that has its floor at 800 and last read there, until then. */
typedef struct ShowCase
{
	const char *name;
	int			last_node;
	uint64_t	uncovered_us;
	const char *broken;			/* nodes that are not usable, by digit */
	const char *shown;			/* NULL: not yet */
} ShowCase;

static const ShowCase show_cases[] = {
	/* name                                        node uncovered broken shown */
	{"it has committed, and read nothing since", 0, 0, "", "7:2:0/800"},
	{"it has read nothing at all", -1, 0, "", "7:2:0/800"},
	{"what it read a sample covers", 1, 40, "", "7:2:0/900"},
	{"no sample was begun since", 1, SAMPLED, "", NULL},
	{"it has read on the primary", 0, 40, "", "7:2:0/950"},
	{"and there is no sample since", 0, SAMPLED, "", NULL},
	{"its replica is gone: the primary has all that one had", 1, 40, "1", "7:2:0/1000"},
	{"and no sample since", 1, SAMPLED, "1", NULL},
	{"its replica is gone, and there is no primary", 1, 40, "01", NULL},
	{"there is no primary: its replica tells", 1, 40, "0", "7:2:0/900"},
	{"there is no primary, and nothing to cover", -1, 0, "0", "7:2:0/800"},
};

static void
break_nodes(TopologyView *view, const char *broken)
{
	for (const char *c = broken; *c; c++)
	{
		view->nodes[*c - '0'].is_usable = false;
		if (*c == '0')
			view->primary = -1;
	}
}

static void
a_token_covers_what_was_read(void **state)
{
	for (size_t i = 0; i < sizeof(show_cases) / sizeof(show_cases[0]); i++)
	{
		const ShowCase *c = &show_cases[i];
		TopologyView *view = make_view();
		SessionPosition position;
		char		text[TOKEN_SIZE] = "";

		break_nodes(view, c->broken);
		position_init(&position);
		position_raise(&position, 0x800, 2);
		if (c->last_node >= 0)
			position_note_read(&position, c->last_node, &view->nodes[c->last_node].identity, c->uncovered_us);
		if (token_show(&position, view, text) != (c->shown ? TOKEN_DONE : TOKEN_NOT_YET) ||
			(c->shown && strcmp(text, c->shown) != 0))
			fail_msg("%s: %s", c->name, text);
		topology_view_unref(view);
	}
}

/* Taken by a session whose floor is 500 of timeline 1. */
typedef struct TakeCase
{
	const char *name;
	const char *text;
	const char *broken;
	TokenOutcome outcome;
	Lsn			floor;			/* then */
	uint32_t	timeline;
} TakeCase;

static const TakeCase take_cases[] = {
	/* name                             text                 broken outcome       floor timeline */
	{"one as it should be", "7:2:0/980", "", TOKEN_DONE, 0x980, 2},
	{"of a primary that is ahead of its sample", "7:2:0/2000", "", TOKEN_DONE, 0x2000, 2},
	{"floors never fall", "7:1:0/400", "", TOKEN_DONE, 0x500, 1},
	{"of a session that has seen nothing", "7:0:0/0", "", TOKEN_DONE, 0x500, 1},
	{"of the timeline before", "7:1:0/550", "", TOKEN_DONE, 0x550, 1},
	{"what that had beyond all that has survived is lost", "7:1:0/2000", "", TOKEN_DONE, 0x1000, 2},
	{"of a later timeline than is known", "7:3:0/980", "", TOKEN_NOT_YET, 0x500, 1},
	{"the same while there is no primary", "7:3:0/980", "0", TOKEN_NOT_YET, 0x500, 1},
	{"while there is no primary, of the replicas' timeline", "7:2:0/980", "0", TOKEN_DONE, 0x980, 2},
	{"while nobody answers", "7:2:0/980", "01", TOKEN_NOT_YET, 0x500, 1},
	{"of another cluster", "8:2:0/980", "", TOKEN_FOREIGN, 0x500, 1},
	{"of another cluster that is further", "8:3:0/980", "", TOKEN_FOREIGN, 0x500, 1},
	{"a bare LSN", "0/980", "", TOKEN_MALFORMED, 0x500, 1},
	{"an LSN without its timeline", "7:0:0/980", "", TOKEN_MALFORMED, 0x500, 1},
	{"no LSN", "7:2:", "", TOKEN_MALFORMED, 0x500, 1},
	{"no timeline", "7:0/980", "", TOKEN_MALFORMED, 0x500, 1},
	{"more behind it", "7:2:0/980 ", "", TOKEN_MALFORMED, 0x500, 1},
	{"more before it", " 7:2:0/980", "", TOKEN_MALFORMED, 0x500, 1},
	{"a sign", "7:-2:0/980", "", TOKEN_MALFORMED, 0x500, 1},
	{"too large a number", "77777777777777777777777:2:0/980", "", TOKEN_MALFORMED, 0x500, 1},
	{"too large a timeline", "7:4294967296:0/980", "", TOKEN_MALFORMED, 0x500, 1},
	{"nothing", "", "", TOKEN_MALFORMED, 0x500, 1},
	{"anything", "nonsense", "", TOKEN_MALFORMED, 0x500, 1},
};

static void
a_token_is_of_this_cluster_and_a_timeline_it_knows(void **state)
{
	for (size_t i = 0; i < sizeof(take_cases) / sizeof(take_cases[0]); i++)
	{
		const TakeCase *c = &take_cases[i];
		TopologyView *view = make_view();
		SessionPosition position;
		TokenOutcome outcome;

		break_nodes(view, c->broken);
		position_init(&position);
		position_raise(&position, 0x500, 1);
		outcome = token_take(&position, view, c->text, NOW);
		if (outcome != c->outcome || position.floor != c->floor || position.floor_timeline != c->timeline)
			fail_msg("%s: %d, floor %llX of %u", c->name, outcome, (unsigned long long) position.floor, position.floor_timeline);
		assert_int_equal(position.hideable_us, outcome == TOKEN_DONE ? NOW : 0);
		topology_view_unref(view);
	}
}

/* Guards: what one session shows another takes, whatever the size of its numbers. */
static void
what_is_shown_is_taken(void **state)
{
	TopologyView *view = make_view();
	SessionPosition here;
	SessionPosition there;
	char		text[TOKEN_SIZE];

	view->system_id = UINT64_MAX;
	view->nodes[0].identity.timeline = UINT32_MAX;
	position_init(&here);
	position_init(&there);
	position_raise(&here, UINT64_MAX, UINT32_MAX);
	assert_int_equal(token_show(&here, view, text), TOKEN_DONE);
	assert_string_equal(text, "18446744073709551615:4294967295:FFFFFFFF/FFFFFFFF");
	assert_int_equal(token_take(&there, view, text, NOW), TOKEN_DONE);
	assert_true(there.floor == UINT64_MAX && there.floor_timeline == UINT32_MAX);
	view->system_id = 0;		/* no node has ever answered */
	assert_int_equal(token_show(&here, view, text), TOKEN_NOT_YET);
	assert_int_equal(token_take(&there, view, text, NOW), TOKEN_NOT_YET);
	topology_view_unref(view);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_covers_what_was_read),
		cmocka_unit_test(a_token_is_of_this_cluster_and_a_timeline_it_knows),
		cmocka_unit_test(what_is_shown_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
