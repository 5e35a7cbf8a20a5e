/*-------------------------------------------------------------------------
 *
 * test_params.c
 *	  Which settings of a startup packet are followed, and which make texts
 *	  unreadable.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "session/params.h"

typedef struct StartupCase
{
	const char *name;
	const char *value;
	const char *settings;		/* name=value of each, or NULL: refused */
} StartupCase;

static const StartupCase startup_cases[] = {
	{"application_name", "psql", "application_name=psql;"},
	{"TimeZone", "UTC", "timezone=UTC;"},
	{"user", "app", ""},
	{"_pq_.command_tag", "on", ""},
	{"andon.floor", "0/1", ""},
	{"replication", "off", ""},
	{"geqo", "off", "geqo=off;"},
	{"My.Own", "a b", "my.own=a b;"},
	{"default_transaction_read_only", "off", NULL},
	{"idle_session_timeout", "5", NULL},
	{"transaction_timeout", "5", "transaction_timeout=5;"},
	{"transaction_isolation", "serializable", NULL},
	{"transaction_read_only", "on", NULL},
	{"transaction_deferrable", "on", NULL},
	{"role", "postgres", NULL},
	{"options", "", ""},
	{"options", "  -c search_path=a,b  --statement_timeout=5 -cjit=off ", "jit=off;search_path=a,b;statement_timeout=5;"},
	{"options", "-c search_path=a\\ b\\\\", "search_path=a b\\;"},
	{"options", "-c geqo=off", "geqo=off;"},
	{"options", "-c role=postgres", NULL},
	{"options", "-c search_path", NULL},
	{"options", "-c", ""},
	{"options", "-B 5", NULL},
	{"options", "search_path=a", NULL},
	{"a_name_that_is_longer_than_any_setting_of_postgresql_could_ever_be_hoped_to_be", "x", NULL},
};

static void
render(const Settings *settings, Buf *out)
{
	for (int i = 0; i < settings_count(settings); i++)
	{
		const char *name;
		const char *value;

		settings_item(settings, i, &name, &value);
		buf_printf(out, "%s=%s;", name, value);
	}
	buf_append_u8(out, 0);
}

static void
startup_parameters(void **state)
{
	SettingsPool *pool = settings_pool_create();

	for (size_t i = 0; i < sizeof(startup_cases) / sizeof(startup_cases[0]); i++)
	{
		const StartupCase *c = &startup_cases[i];
		Startup		startup = {.nparams = 1};
		Error		error = {0};
		Settings   *settings;
		Buf			out = BUF_INIT;

		startup.params[0] = (StartupParam) {slice_from_string(c->name), slice_from_string(c->value)};
		settings = params_from_startup(pool, &startup, &error);
		if (c->settings == NULL)
		{
			assert_null(settings);
			assert_string_equal(error.sqlstate, SQLSTATE_FEATURE_NOT_SUPPORTED);
			continue;
		}
		assert_non_null(settings);
		render(settings, &out);
		assert_string_equal(out.data, c->settings);
		buf_release(&out);
		settings_unref(settings);
	}
	settings_pool_destroy(pool);
}

static bool
is_unsafe(SettingsPool *pool, const char *name, const char *value, LexDefaults defaults)
{
	Settings   *none = settings_empty(pool);
	Settings   *settings = name ? settings_with(none, slice_from_string(name), slice_from_string(value)) :
		settings_empty(pool);
	bool		unsafe = params_are_unsafe_to_lex(settings, &defaults);

	settings_unref(none);
	settings_unref(settings);
	return unsafe;
}

static void
unreadable_texts(void **state)
{
	static const char *const safe[] = {"UTF8", "utf-8", "Unicode", "LATIN1", "latin-9", "EUC_JP", "SQL_ASCII", "WIN1252", "ISO_8859_5", "KOI8R"};
	static const char *const unsafe[] = {"SJIS", "Big5", "GBK", "UHC", "GB18030", "JOHAB", "SHIFT_JIS_2004", "", "nonsense"};
	SettingsPool *pool = settings_pool_create();
	LexDefaults none = params_lex_defaults(NULL, NULL);

	assert_false(is_unsafe(pool, NULL, NULL, none));
	for (size_t i = 0; i < sizeof(safe) / sizeof(safe[0]); i++)
		assert_false(is_unsafe(pool, "client_encoding", safe[i], none));
	for (size_t i = 0; i < sizeof(unsafe) / sizeof(unsafe[0]); i++)
		assert_true(is_unsafe(pool, "client_encoding", unsafe[i], none));
	assert_false(is_unsafe(pool, "standard_conforming_strings", "ON", none));
	assert_true(is_unsafe(pool, "standard_conforming_strings", "off", none));
	assert_true(is_unsafe(pool, "standard_conforming_strings", "o", none));
	settings_pool_destroy(pool);
}

/* Guards: a default of the server counts where the session has set nothing. */
static void
unreadable_by_default(void **state)
{
	SettingsPool *pool = settings_pool_create();
	LexDefaults off = params_lex_defaults("off", "UTF8");
	LexDefaults sjis = params_lex_defaults("on", "SJIS");

	assert_true(is_unsafe(pool, NULL, NULL, off));
	assert_true(is_unsafe(pool, "client_encoding", "UTF8", off));
	assert_false(is_unsafe(pool, "standard_conforming_strings", "on", off));
	assert_true(is_unsafe(pool, NULL, NULL, sjis));
	assert_false(is_unsafe(pool, "client_encoding", "UTF8", sjis));
	settings_pool_destroy(pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(startup_parameters),
		cmocka_unit_test(unreadable_texts),
		cmocka_unit_test(unreadable_by_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
