/*-------------------------------------------------------------------------
 *
 * test_config_report.c
 *	  A configuration printed, and the files that are made of the option table.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/app/config_text.h"

#include <stdio.h>

#include "app/config_options.h"

/* ---------------------------------------------------------------- print */

static void
may_not_differ(void *arg, const char *name)
{
	fail_msg("%s differs", name);
}

/* What is printed reads back as the same. */
static void
print_reads_back(void **state)
{
	Config	   *config = parse(BASE "query_timeout = 90s\nreplica_wait = 0\nmax_replica_lag_bytes = 1536kB\n"
							   "[nodes]\nsouth = host='/a b''c' port=7\n[databases]\nx = dbname='y z'\n*=\n");
	ConfigErrors errors = CONFIG_ERRORS_INIT;
	Buf			first = BUF_INIT;
	Buf			second = BUF_INIT;
	Config	   *again;

	config_print(config, &first);
	again = config_parse(buf_slice(&first), "router.ini", &errors);
	assert_non_null(again);
	config_print(again, &second);
	assert_string_equal(terminated(&first), terminated(&second));
	assert_int_equal(config_reload_check(config, again, may_not_differ, NULL), 0);
	assert_string_equal(config_find_database(again, "x"), "y z");
	assert_non_null(strstr(first.data, "\nquery_timeout = 90s\n"));
	assert_non_null(strstr(first.data, "\nsouth = host='/a b''c' port=7\n"));
	buf_release(&first);
	buf_release(&second);
	config_unref(again);
	config_unref(config);
}

/* Guards: what is printed reads back as the same, and a reload takes these sections over. */
static void
words_survive_print_and_reload(void **state)
{
	Config	   *config = parse(WORDS);
	Config	   *merged = config_merge_reload(config, config);
	Buf			printed[2] = {BUF_INIT, BUF_INIT};
	ConfigErrors errors = CONFIG_ERRORS_INIT;
	Config	   *again;

	config_print(config, &printed[0]);
	again = config_parse(slice_from_string(terminated(&printed[0])), "router.ini", &errors);
	assert_non_null(again);
	config_print(again, &printed[1]);
	assert_string_equal(buf_slice(&printed[0]).data, terminated(&printed[1]));
	buf_clear(&printed[1]);
	config_print(merged, &printed[1]);
	assert_string_equal(buf_slice(&printed[0]).data, terminated(&printed[1]));
	assert_non_null(strstr(buf_slice(&printed[0]).data, "\nbob = pool_mode=transaction pool_size=3 "));
	for (int i = 0; i < 2; i++)
		buf_release(&printed[i]);
	config_unref(again);
	config_unref(merged);
	config_unref(config);
}

/* ---------------------------------------------------------------- the table */

static void
count_item(void *arg, const ConfigItem *item)
{
	assert_true(strlen(item->doc) > 0);
	++*(int *) arg;
}

static void
each_item(void **state)
{
	Config	   *config = parse(BASE);
	int			items = 0;

	config_each_item(config, count_item, &items);
	assert_int_equal(items, config_option_count + 2);
	config_unref(config);
}

/* A row that cannot be read back, or that breaks the reference's tables. */
static void
table_is_sound(void **state)
{
	for (int i = 0; i < config_option_count; i++)
	{
		const ConfigOption *option = &config_options[i];

		assert_ptr_equal(config_find_option(option->name), option);
		assert_null(strchr(option->doc, '|'));
		assert_true(option->doc[strlen(option->doc) - 1] != '.');
		if (option->type == OPTION_INT)
			assert_true(option->max <= INT32_MAX);
	}
}

/* ---------------------------------------------------------------- files */

/* The sample is a configuration, and its commented options are the defaults. */
static void
sample_is_valid(void **state)
{
	Buf			sample = BUF_INIT;
	Buf			open = BUF_INIT;
	Buf			printed[2] = {BUF_INIT, BUF_INIT};
	Config	   *config;
	const char *nodes;

	config_write_sample(&sample);
	nodes = strstr(terminated(&sample), "\n[nodes]");
	for (const char *at = sample.data; *at != '\0'; at++)
	{
		if ((at == sample.data || at[-1] == '\n') && at[0] == ';' && at[1] >= 'a' && at[1] <= 'z' && at < nodes)
			continue;			/* of [router]: what other sections have are examples */
		buf_append_u8(&open, (uint8_t) *at);
	}
	buf_append_u8(&open, 0);
	config = parse(sample.data);
	config_print(config, &printed[0]);
	config_unref(config);
	config = parse(open.data);
	config_print(config, &printed[1]);
	config_unref(config);
	assert_string_equal(terminated(&printed[0]), terminated(&printed[1]));
	buf_release(&sample);
	buf_release(&open);
	buf_release(&printed[0]);
	buf_release(&printed[1]);
}

static void
assert_file_is(const char *path, Buf *wanted)
{
	FILE	   *file = fopen(path, "re");
	Buf			text = BUF_INIT;

	if (file == NULL)
		fail_msg("%s cannot be read", path);
	buf_commit(&text, fread(buf_reserve(&text, 100000), 1, 100000, file));
	fclose(file);
	if (strstr(terminated(&text), terminated(wanted)) == NULL)
		fail_msg("%s is out of date: renew it with andon-router --dump-reference", path);
	buf_release(&text);
	buf_release(wanted);
}

/* The committed files are what the table says; the working directory is the top of the tree. */
static void
files_are_current(void **state)
{
	Buf			sample = BUF_INIT;
	Buf			markdown = BUF_INIT;

	config_write_sample(&sample);
	config_write_markdown(&markdown);
	assert_file_is("etc/router.ini", &sample);
	assert_file_is("docs/reference/config.md", &markdown);
}

static void
minimal_file_is_valid(void **state)
{
	ConfigErrors errors = CONFIG_ERRORS_INIT;
	Config	   *config = config_load("etc/router-minimal.ini", &errors);

	if (config == NULL)
		fail_msg("%s", errors.items[0]);
	config_unref(config);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(print_reads_back),
		cmocka_unit_test(words_survive_print_and_reload),
		cmocka_unit_test(each_item),
		cmocka_unit_test(table_is_sound),
		cmocka_unit_test(sample_is_valid),
		cmocka_unit_test(files_are_current),
		cmocka_unit_test(minimal_file_is_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
