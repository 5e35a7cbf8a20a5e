/*
 * config_target.h
 *		What the targets that end in a configuration have in common.
 */
#ifndef TESTS_FUZZ_CONFIG_TARGET_H
#define TESTS_FUZZ_CONFIG_TARGET_H

#include "app/config.h"
#include "tests/fuzz/target.h"

/* NULL: it is none, and the errors say why. */
static inline Config *
parse_config(Slice text)
{
	ConfigErrors errors = CONFIG_ERRORS_INIT;
	Config	   *config = config_parse(text, "fuzz.ini", &errors);

	require((config == NULL) == (errors.count > 0));
	config_errors_release(&errors);
	return config;
}

/* False: it is no configuration.  One that is, printed, is read as what prints the same. */
static inline bool
reads_back(Slice text)
{
	Config	   *config = parse_config(text);
	Config	   *again;
	Buf			printed = BUF_INIT;
	Buf			reprinted = BUF_INIT;

	if (config == NULL)
		return false;
	config_print(config, &printed);
	again = parse_config(buf_slice(&printed));
	require(again != NULL);
	config_print(again, &reprinted);
	require(slice_equals(buf_slice(&printed), buf_slice(&reprinted)));
	config_unref(config);
	config_unref(again);
	buf_release(&printed);
	buf_release(&reprinted);
	return true;
}

#endif							/* TESTS_FUZZ_CONFIG_TARGET_H */
