/*
 * test_hba.c
 *	  The auth_hba_file: which line decides, and what is refused with which words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/hba.h"

/* Parse from memory of exactly the text's size. */
static Hba *
parse(const char *text, Error *error)
{
	size_t		len = strlen(text);
	char	   *exact = malloc(len > 0 ? len : 1);
	Hba		   *hba;

	memcpy(exact, text, len);
	hba = hba_parse(slice_make(exact, len), "hba.conf", error);
	free(exact);
	return hba;
}

static Hba *
good(const char *text)
{
	Error		error;
	Hba		   *hba = parse(text, &error);

	if (hba == NULL)
		fail_msg("%s", error.message);
	return hba;
}

/* The line that decides for a client; address NULL: the unix socket; 0: none. */
static int
line_of(const Hba *hba, const char *address, HbaRequest *request)
{
	HbaAnswer	answer;

	request->is_local = address == NULL;
	if (address != NULL)
		request->ip_len = inet_pton(AF_INET, address, request->ip) == 1 ? 4 : 16;
	if (request->ip_len == 16)
		assert_int_equal(inet_pton(AF_INET6, address, request->ip), 1);
	return hba_find(hba, request, &answer) ? answer.line : 0;
}

static int
line_for(const Hba *hba, const char *address, bool is_tls, const char *database, const char *user)
{
	return line_of(hba, address, &(HbaRequest) {.database = database,.user = user,.is_tls = is_tls});
}

static int
line_for_replication(const Hba *hba, const char *address, const char *user)
{
	return line_of(hba, address, &(HbaRequest) {.database = "replication",.user = user,.is_replication = true});
}

static void
the_first_line_that_fits_decides(void **state)
{
	Hba		   *hba = good("# who may come in\n"
						   "\n"
						   "local  all       postgres            peer\n"
						   "local  all       all                 md5 # by password\n"
						   "host   mes,crm   anna,\"bob b\"  10.1.0.0/16  scram-sha-256\n"
						   "host   mes       all  10.1.2.3/32    reject\n"
						   "host   sameuser  all  10.1.2.0 255.255.255.0  trust\r\n"
						   "hostssl all      all  fd00::/8       cert\n"
						   "hostnossl all    all  ::1/128        md5\n"
						   "host  replication all 0.0.0.0/0      trust\n"
						   "host  all \"all\"     0.0.0.0/0      trust\n"
						   "host  \"replication\" zoe all        trust");
	static const struct
	{
		const char *address;
		bool		is_tls;
		const char *database;
		const char *user;
		int			line;
	}			cases[] = {
		{NULL, false, "mes", "postgres", 3},
		{NULL, false, "mes", "anna", 4},
		{"10.1.2.3", false, "mes", "anna", 5},
		{"10.1.2.3", true, "crm", "bob b", 5},
		{"10.1.2.3", false, "mes", "bob", 6},
		{"10.1.2.4", false, "mes", "bob", 0},
		{"10.2.2.3", false, "mes", "anna", 0},
		{"10.1.2.77", false, "bob", "bob", 7},
		{"10.1.3.77", false, "bob", "bob", 0},
		{"fd12::7", true, "mes", "anna", 8},
		{"fd12::7", false, "mes", "anna", 0},
		{"fe80::7", true, "mes", "anna", 0},
		{"::1", false, "mes", "anna", 9},
		{"::1", true, "mes", "anna", 0},
		{"1.2.3.4", false, "replication", "anna", 0},	/* the keyword names no database */
		{"1.2.3.4", false, "mes", "all", 11},	/* quoted, it is a user */
		{"1.2.3.4", false, "mes", "anna", 0},
		{"::7", false, "replication", "zoe", 12},
		{"1.2.3.4", false, "replication", "zoe", 12},
	};

	assert_int_equal(line_for_replication(hba, "1.2.3.4", "anna"), 10);
	assert_int_equal(line_for_replication(hba, "::7", "zoe"), 0);	/* quoted, it is a database */
	assert_int_equal(line_for_replication(hba, NULL, "postgres"), 0);	/* all is of databases */
	assert_int_equal(hba_count(hba), 10);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		int			line = line_for(hba, cases[i].address, cases[i].is_tls, cases[i].database, cases[i].user);

		if (line != cases[i].line)
			fail_msg("case %zu: line %d instead of %d", i, line, cases[i].line);
	}
	hba_unref(hba_ref(hba));
	hba_unref(hba);
	hba_unref(NULL);
}

/* Guards: a mask of any length covers exactly its addresses. */
static void
masks_cover_what_they_say(void **state)
{
	static const struct
	{
		const char *rule;
		const char *inside;
		const char *outside;	/* NULL: there is none */
	}			cases[] = {
		{"0.0.0.0/0", "255.255.255.255", "::"},
		{"128.0.0.0/1", "255.1.1.1", "127.255.255.255"},
		{"10.20.30.0/23", "10.20.31.255", "10.20.32.0"},
		{"10.20.30.40/31", "10.20.30.41", "10.20.30.42"},
		{"10.20.30.40/32", "10.20.30.40", "10.20.30.41"},
		{"10.20.30.40 255.0.0.255", "10.9.9.40", "10.20.30.41"},
		{"10.20.30.40/24", "10.20.30.1", "10.20.31.40"},	/* bits behind the mask do not count */
		{"::/0", "ffff::", "1.2.3.4"},
		{"2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"},
		{"2001:db8::1/128", "2001:db8::1", "2001:db8::2"},
		{"2001:db8:: ffff:ffff::", "2001:db8:1::", "2001:db9::"},
		{"all", "::1", NULL},
		{"all", "1.2.3.4", NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		char		text[128];
		Hba		   *hba;

		snprintf(text, sizeof(text), "host all all %s trust", cases[i].rule);
		hba = good(text);
		assert_int_equal(line_for(hba, cases[i].inside, false, "d", "u"), 1);
		if (cases[i].outside != NULL)
			assert_int_equal(line_for(hba, cases[i].outside, false, "d", "u"), 0);
		assert_int_equal(line_for(hba, NULL, false, "d", "u"), 0);
		hba_unref(hba);
	}
}

static void
words_are_taken_apart_as_postgresql_does(void **state)
{
	Hba		   *hba = good("\xEF\xBB\xBF" "local a, b,\t c\tx trust\n"
						   "local \"q\"\"q\" \"a,b\",\"c d\"e trust#comment\n"
						   "local d \\\n"
						   "  y \\\n"
						   "  trust\n"
						   "local \"\" z trust\n");

	assert_int_equal(line_for(hba, NULL, false, "c", "x"), 1);
	assert_int_equal(line_for(hba, NULL, false, "q\"q", "a,b"), 2);
	assert_int_equal(line_for(hba, NULL, false, "q\"q", "c de"), 2);
	assert_int_equal(line_for(hba, NULL, false, "d", "y"), 3);
	assert_int_equal(line_for(hba, NULL, false, "", "z"), 6);
	hba_unref(hba);
}

/* Guards: nothing that PostgreSQL would act on is skipped. */
static void
what_is_not_known_is_an_error(void **state)
{
	static const struct
	{
		const char *text;
		const char *message;
	}			cases[] = {
		{"local all all", "hba.conf:1: the line ends too early"},
		{"host all all trust", "hba.conf:1: \"trust\" is not an IP address; host names are not supported"},
		{"\n\nremote all all all trust", "hba.conf:3: unknown connection type \"remote\""},
		{"hostgssenc all all all trust", "hba.conf:1: the connection type \"hostgssenc\" is not supported"},
		{"include_dir more", "hba.conf:1: \"include_dir\" is not supported"},
		{"local,host all all all trust", "hba.conf:1: the connection type is a list"},
		{"local all +staff trust", "hba.conf:1: the members of a role, \"+staff\", are not supported as a user"},
		{"local samerole all trust", "hba.conf:1: \"samerole\" is not supported"},
		{"local @dbs all trust", "hba.conf:1: a file of names, \"@dbs\", is not supported"},
		{"local all /^a trust", "hba.conf:1: a regular expression, \"/^a\", is not supported"},
		{"host all all 10.0.0.0/33 trust", "hba.conf:1: invalid CIDR mask \"/33\""},
		{"host all all 10.0.0.0/ trust", "hba.conf:1: invalid CIDR mask \"/\""},
		{"host all all 10.0.0.0/-1 trust", "hba.conf:1: invalid CIDR mask \"/-1\""},
		{"host all all ::/129 trust", "hba.conf:1: invalid CIDR mask \"/129\""},
		{"host all all 10.0.0.0 trust", "hba.conf:1: the address has no mask"},
		{"host all all 10.0.0.0 trust x", "hba.conf:1: \"trust\" is not a mask"},
		{"host all all 10.0.0.0 ffff:: trust", "hba.conf:1: address and mask are not of the same kind"},
		{"host all all 10.0.0.0 255.0.0.0", "hba.conf:1: the address has no mask"},
		{"host all all 10.0.0.0/8", "hba.conf:1: the line has no method"},
		{"host all all example.com md5", "hba.conf:1: \"example.com\" is not an IP address; host names are not supported"},
		{"host all all samenet md5", "hba.conf:1: the address \"samenet\" is not supported"},
		{"host all all all ldap ldapserver=x", "hba.conf:1: options of a method, \"ldapserver=x\", are not supported"},
		{"host all all all password", "hba.conf:1: the method \"password\" is not supported"},
		{"local all all peer map=m", "hba.conf:1: options of a method, \"map=m\", are not supported"},
		{"host all all all peer", "hba.conf:1: peer is only possible through the unix socket"},
		{"host all all all cert", "hba.conf:1: cert is only possible with hostssl"},
		{"local all \"all trust", "hba.conf:1: a quote is not closed"},
		{"local all a, trust", "hba.conf:1: the line ends too early"},
		{"local all a , b trust", "hba.conf:1: a list ends with a comma, or has nothing between two"},
		{"local all a,,b trust", "hba.conf:1: a list ends with a comma, or has nothing between two"},
		{"local all a trust,md5", "hba.conf:1: the method is a list"},
		{"local \\\nall \\\n +x trust\n", "hba.conf:1: the members of a role, \"+x\", are not supported as a user"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		Error		error = {0};
		Hba		   *hba = parse(cases[i].text, &error);

		if (hba != NULL)
			fail_msg("accepted: %s", cases[i].text);
		assert_string_equal(error.message, cases[i].message);
		assert_string_not_equal(error.hint, "");
	}
}

static void
zero_bytes_and_long_lines_are_errors(void **state)
{
	Error		error;

	assert_null(hba_parse(slice_make("local a\0b all trust", 19), "hba.conf", &error));
	assert_string_equal(error.message, "hba.conf:1: the line has a zero byte in it");
	assert_null(parse("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", &error));
	assert_string_equal(error.message, "hba.conf:1: the line has too many fields");
}

static void
an_empty_file_lets_nobody_in(void **state)
{
	Hba		   *hba = good("");
	Hba		   *trust = good("local all all trust\nhost all all all reject");
	Hba		   *md5 = good("local all all trust\nhost all all all md5\n");

	assert_int_equal(line_for(hba, NULL, false, "d", "u"), 0);
	assert_int_equal(line_for(hba, "127.0.0.1", false, "d", "u"), 0);
	assert_false(hba_needs_secrets(hba));
	assert_false(hba_needs_secrets(trust));
	assert_true(hba_needs_secrets(md5));
	hba_unref(hba);
	hba_unref(trust);
	hba_unref(md5);
}

static void
a_file_that_is_not_there_is_named(void **state)
{
	Error		error;

	assert_null(hba_load("/nonexistent/hba.conf", &error));
	assert_string_equal(error.message,
						"could not open auth_hba_file \"/nonexistent/hba.conf\": No such file or directory");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_line_that_fits_decides),
		cmocka_unit_test(masks_cover_what_they_say),
		cmocka_unit_test(words_are_taken_apart_as_postgresql_does),
		cmocka_unit_test(what_is_not_known_is_an_error),
		cmocka_unit_test(zero_bytes_and_long_lines_are_errors),
		cmocka_unit_test(an_empty_file_lets_nobody_in),
		cmocka_unit_test(a_file_that_is_not_there_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
