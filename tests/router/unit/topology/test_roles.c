/*-------------------------------------------------------------------------
 *
 * test_roles.c
 *	  Who is primary, who may get work: stories of clusters as a table.
 *
 * A story is a list of moments.  Each says what the nodes answer, in a short
 * form, and what is decided.  A node is
 *
 *	  P1 R1		primary, replica on timeline 1 (answers; has said so often)
 *	  p2		primary on timeline 2, said for the first time
 *	  -P1 -R1	the same, but it does not answer any more
 *	  .			never heard of
 *	  P1@b		of the cluster b instead of a
 *	  R1=500	replica, known to be at LSN 500
 *	  P2=500	a primary whose timeline left the one before it there; P3=500<1:
 *				left timeline 1
 *
 * The verdicts, one letter per node: U usable, s silent, f foreign, o old
 * primary, 2 second primary, u unconfirmed, t old timeline, x other timeline.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "topology/roles.h"

#define MOMENTS_MAX 8
#define NODES_MAX 5

typedef struct Moment
{
	const char *nodes;
	int			primary;
	const char *verdicts;
} Moment;

typedef struct Story
{
	const char *name;
	Moment		moments[MOMENTS_MAX];
} Story;

static const Story stories[] = {
	{"a primary and its replicas", {
		{"P1 R1 R1", 0, "UUU"},
	}},
	{"the primary need not be listed first", {
		{"R1 P1", 1, "UU"},
	}},
	{"no primary yet: replicas take reads", {
		{"R1 . R1", -1, "UsU"},
		{"R1 P1 R1", 1, "UUU"},
	}},
	{"a silent replica gets nothing until it answers", {
		{"P1 -R1", 0, "Us"},
		{"P1 R1", 0, "UU"},
	}},
	{"failover to a higher timeline needs a second answer", {
		{"P1 R1=500 R1=500", 0, "UUU"},
		{"-P1 R1=500 R1=500", -1, "sUU"},
		{"-P1 p2=500 R1=500", -1, "suU"},
		{"-P1 P2=500 R1=500", 1, "sUU"},
		{"-P1 P2=500 R2=900", 1, "sUU"},
	}},
	{"a thawed old primary gets nothing", {
		{"P1 R1", 0, "UU"},
		{"-P1 P2", 1, "sU"},
		{"P1 P2", 1, "oU"},
		{"P1 -P2", -1, "os"},	/* not even when it is alone */
		{"P1 P2", 1, "oU"},
		{"R2 P2", 1, "UU"},		/* it has rejoined */
	}},
	{"a higher timeline wins over a primary that still answers", {
		{"P1 R1", 0, "UU"},
		{"P1 p2", 0, "Uu"},
		{"P1 P2", 1, "oU"},
	}},
	{"two on one timeline: the one that had the place keeps it", {
		{"P1 R1", 0, "UU"},
		{"P1 P1", 0, "U2"},
		{"-P1 P1", -1, "s2"},
		{"P1 P1", 0, "U2"},
	}},
	{"two at the start: the higher timeline", {
		{"P1 P3 R3", 1, "oUU"},
	}},
	{"two on one timeline at the start: the first", {
		{"P1 P1", 0, "U2"},
	}},
	{"an old primary alone at the start, its replicas have moved on", {
		{"P1 . R2", -1, "osU"},
		{"P1 P2 R2", 1, "oUU"},
	}},
	{"a restart of the primary changes nothing", {
		{"P4 R4", 0, "UU"},
		{"-P4 R4", -1, "sU"},
		{"p4 R4", 0, "UU"},
	}},
	{"a primary that became a replica is no primary", {
		{"P1 R1", 0, "UU"},
		{"R1 R1", -1, "UU"},
		{"R1 p2", -1, "Uu"},
		{"R2 P2", 1, "UU"},
		{"p3 R2=100", -1, "uU"},
		{"P3 R2=100", 0, "Ut"}, /* and back again */
	}},
	{"a replica behind the fork is good, past it it is not", {
		{"P1 R1=500 R1=500 R1=600", 0, "UUUU"},
		{"-P1 P2=500 R1=500 R1=600", 1, "sUUt"},
		{"-P1 P2=500 R1=300 R1=0", 1, "sUUt"},	/* not known: not good */
	}},
	{"whom an old primary may still lead past the fork is not good", {
		{"P1 R1=500 R1=400", 0, "UUU"},
		{"P1 P2=500 R1=400", 1, "oUt"},
		{"-P1 P2=500 R1=400", 1, "sUU"},
		{"P1 P2=500 R1=400", 1, "oUt"},
		{"R2=500 P2=500 R1=400", 1, "UUU"},
	}},
	{"a timeline that was not seen may part from ours before", {
		{"P1 R1=500 R1=400", 0, "UUU"},
		{"-P1 P3=500<1 R1=400", 1, "sUt"},
	}},
	{"it left another timeline than ours", {
		{"P2 R1=500 R2=400", 0, "UtU"},
		{"-P2 P3=500<1 R2=400", 1, "sUt"},
	}},
	{"where the fork was is not known: the old timeline is not good", {
		{"P1 R1=500", 0, "UU"},
		{"-P1 P2=0", 1, "sU"},
		{"R1=1 P2", 1, "tU"},
	}},
	{"two timelines back is not good", {
		{"P1 R1=500 R1=400", 0, "UUU"},
		{"-P1 P2=500 R1=400", 1, "sUU"},
		{"R2=800 -P2 R1=400", -1, "UsU"},
		{"P3=800 -P2 R1=400", 0, "Ust"},
	}},
	{"a replica ahead of the primary's timeline is the odd one", {
		{"P1 R1 R2", -1, "oUU"},	/* at the start it is evidence */
		{"P2 R1 R2", 0, "UtU"},
		{"P2 R2 R3", 0, "UUx"},	/* later the primary we have counts */
		{"-P2 R2 R3", -1, "sUU"},
	}},
	{"a foreign primary is refused", {
		{"P1 P9@b", 0, "Uf"},
		{"-P1 P9@b", -1, "sf"},
		{"-P1 R9@b", -1, "sf"},
	}},
	{"a foreign replica is refused", {
		{"P1@b R1 R1@b", 0, "UfU"},
	}},
	{"without a primary the cluster is that of most nodes", {
		{"R1@b R1 R1", -1, "fUU"},
		{"R1@b -R1 -R1", -1, "Uff"},	/* not certain until there is a primary */
		{"R1@b P1 R1", 1, "fUU"},
		{"R1@b -P1 -R1", -1, "fss"},
	}},
	{"nobody answers", {
		{". .", -1, "ss"},
		{"P1 .", 0, "Us"},
		{"-P1 .", -1, "ss"},
	}},
};

static int
parse_nodes(const char *text, RolesNode *nodes)
{
	int			n = 0;
	char		copy[128];

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
	{
		RolesNode  *node = &nodes[n++];
		const char *at = strchr(word, '@');
		const char *equals = strchr(word, '=');
		const char *from = strchr(word, '<');
		Lsn			lsn = equals != NULL ? strtoull(equals + 1, NULL, 10) : 0;

		assert_true(n <= NODES_MAX);
		*node = (RolesNode) {0};
		if (*word == '.')
			continue;
		node->answers = *word != '-';
		if (*word == '-')
			word++;
		assert_non_null(strchr("PpR", *word));
		node->identity.system_id = at != NULL ? 200 + (uint64_t) at[1] : 100;
		node->identity.role = tolower(*word) == 'p' ? NODE_PRIMARY : NODE_REPLICA;
		node->identity.timeline = (uint32_t) strtoul(word + 1, NULL, 10);
		node->agreeing = *word == 'p' ? 1 : 9;
		node->lsn = lsn;
		node->began_lsn = lsn;
		if (lsn != 0 && node->identity.role == NODE_PRIMARY)
			node->promoted_from = from ? (uint32_t) strtoul(from + 1, NULL, 10) : node->identity.timeline - 1;
	}
	return n;
}

static char
letter(RolesVerdict verdict)
{
	static const char letters[] = {
		[VERDICT_USABLE] = 'U',
		[VERDICT_SILENT] = 's',
		[VERDICT_FOREIGN] = 'f',
		[VERDICT_OLD_PRIMARY] = 'o',
		[VERDICT_SECOND_PRIMARY] = '2',
		[VERDICT_UNCONFIRMED_PRIMARY] = 'u',
		[VERDICT_OLD_TIMELINE] = 't',
		[VERDICT_OTHER_TIMELINE] = 'x'
	};

	return letters[verdict];
}

static void
the_stories_end_as_told(void **state)
{
	for (size_t s = 0; s < sizeof(stories) / sizeof(stories[0]); s++)
	{
		RolesState	roles = ROLES_STATE_INIT;

		for (const Moment *moment = stories[s].moments; moment->nodes != NULL; moment++)
		{
			RolesNode	nodes[NODES_MAX];
			RolesVerdict verdicts[NODES_MAX];
			int			n = parse_nodes(moment->nodes, nodes);
			char		got[NODES_MAX + 1] = "";

			roles_decide(&roles, nodes, n, verdicts);
			for (int i = 0; i < n; i++)
				got[i] = letter(verdicts[i]);
			if (roles.primary != moment->primary || strcmp(got, moment->verdicts) != 0)
				fail_msg("%s: \"%s\": primary %d and %s, not %d and %s", stories[s].name,
						 moment->nodes, roles.primary, got, moment->primary, moment->verdicts);
		}
	}
}

/* Whatever the nodes say, nobody but the primary we have is usable as one, and
 * who has the place answers as one. */
static void
there_is_never_more_than_one_primary(void **state)
{
	uint32_t	seed = 12345;

	for (int round = 0; round < 2000; round++)
	{
		RolesState	roles = ROLES_STATE_INIT;

		for (int moment = 0; moment < 20; moment++)
		{
			RolesNode	nodes[3];
			RolesVerdict verdicts[3];
			uint32_t	before = roles.timeline;

			for (int i = 0; i < 3; i++)
			{
				seed = seed * 1664525 + 1013904223;
				nodes[i] = (RolesNode) {
					.answers = (seed >> 10) % 4 != 0,
					.identity = {
						.system_id = (seed >> 12) % 8 == 0 ? 2 : 1,
						.role = (seed >> 15) % 2 == 0 ? NODE_PRIMARY : NODE_REPLICA,
						.timeline = 1 + (seed >> 16) % 4
					},
					.agreeing = 1 + (int) ((seed >> 18) % 2),
					.lsn = (seed >> 20) % 4,
					.promoted_from = (seed >> 22) % 4,
					.began_lsn = (seed >> 24) % 4
				};
			}
			roles_decide(&roles, nodes, 3, verdicts);
			for (int i = 0; i < 3; i++)
				if (nodes[i].identity.role == NODE_PRIMARY && verdicts[i] == VERDICT_USABLE)
					assert_int_equal(roles.primary, i);
			assert_true(roles.timeline >= before);
			if (roles.primary >= 0)
			{
				assert_int_equal(verdicts[roles.primary], VERDICT_USABLE);
				assert_int_equal(nodes[roles.primary].identity.role, NODE_PRIMARY);
				assert_int_equal(nodes[roles.primary].identity.system_id, roles.system_id);
			}
		}
	}
}

static void
every_refusal_has_words(void **state)
{
	assert_string_equal(roles_verdict_text(VERDICT_USABLE), "");
	for (RolesVerdict verdict = VERDICT_SILENT; verdict <= VERDICT_OTHER_TIMELINE; verdict++)
	{
		NodeView	view;

		assert_true(strlen(roles_verdict_text(verdict)) > 0);
		assert_true(strlen(roles_verdict_text(verdict)) < sizeof(view.why));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_stories_end_as_told),
		cmocka_unit_test(there_is_never_more_than_one_primary),
		cmocka_unit_test(every_refusal_has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
