/*-------------------------------------------------------------------------
 *
 * config_text.c
 *	  A configuration from text.
 *
 *-------------------------------------------------------------------------
 */
#include "router/unit/app/config_text.h"

static Config *
parse_all(const char *text, ConfigErrors *errors)
{
	return config_parse(slice_from_string(text), "etc/router.ini", errors);
}

Config *
parse(const char *text)
{
	ConfigErrors errors = CONFIG_ERRORS_INIT;
	Config	   *config = parse_all(text, &errors);

	if (config == NULL)
		fail_msg("%s", errors.items[0]);
	assert_int_equal(errors.count, 0);
	return config;
}

void
assert_errors(const char *text, const char *const *wanted)
{
	ConfigErrors errors = CONFIG_ERRORS_INIT;
	Config	   *config = parse_all(text, &errors);

	assert_null(config);
	for (int i = 0; i < errors.count || wanted[i] != NULL; i++)
	{
		if (i >= errors.count)
			fail_msg("not told: %s", wanted[i]);
		if (wanted[i] == NULL)
			fail_msg("told as well: %s", errors.items[i]);
		assert_string_equal(errors.items[i], wanted[i]);
	}
	config_errors_release(&errors);
}

const char *
terminated(Buf *buf)
{
	buf_append_u8(buf, 0);
	return buf_slice(buf).data;
}
