/*-------------------------------------------------------------------------
 *
 * config_values.h
 *	  The value of one option in a Config, whatever its type.
 *
 * For those who walk the option table; a Config's own fields are read directly.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_APP_CONFIG_VALUES_H
#define ROUTER_APP_CONFIG_VALUES_H

#include "app/config_options.h"

/* Set the field from text; false: why says what is allowed. */
extern bool config_value_set(const ConfigOption *option, Config *config, const char *text, Buf *why);

/* Append the field's value as config_value_set() would read it. */
extern void config_value_print(const ConfigOption *option, const Config *config, Buf *out);
extern void config_value_copy(const ConfigOption *option, Config *to, const Config *from);
extern bool config_value_equals(const ConfigOption *option, const Config *a, const Config *b);
extern void config_value_free(const ConfigOption *option, Config *config);

/* What may be written, for the reference: "1 to 65535", "session, eventual, primary". */
extern void config_value_describe(const ConfigOption *option, Buf *out);

#endif							/* ROUTER_APP_CONFIG_VALUES_H */
