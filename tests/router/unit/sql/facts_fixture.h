/*
 * facts_fixture.h
 *		A small database for the tests of the classifier, as its facts tell it.
 *
 * Plain tables t, u, orders; a view v, an unlogged table scratch, a sequence
 * ids; functions good (stable) and evil (volatile) of a user, and those of
 * PostgreSQL the tests call.  The column name rowfn may be a volatile function
 * of the row; ===  is an operator, evil_domain a type with a volatile function.
 */
#ifndef TESTS_FACTS_FIXTURE_H
#define TESTS_FACTS_FIXTURE_H

#include "sql/facts.h"

#define MANY 32767

static const struct
{
	const char *name;
	int			nargs_min;
	int			nargs_max;
	FunctionFact fact;
}			fixture_functions[] = {
	{"good", 1, 1, FUNCTION_STABLE},
	{"good", 2, 3, FUNCTION_STABLE},
	{"evil", 1, 1, FUNCTION_PRIMARY_ONLY},
	{"mixed", 1, 1, FUNCTION_STABLE},	/* in one schema */
	{"mixed", 1, 1, FUNCTION_PRIMARY_ONLY}, /* and in another */
	{"table_to_xml", 4, 4, FUNCTION_STABLE},
	{"table_to_xmlschema", 4, 4, FUNCTION_STABLE},
	{"schema_to_xml", 4, 4, FUNCTION_STABLE},
	{"database_to_xml_and_xmlschema", 3, 3, FUNCTION_STABLE},
	{"timeofday", 0, 0, FUNCTION_BUILTIN_VOLATILE},
	{"timeofday", 0, 0, FUNCTION_PRIMARY_ONLY}, /* a user's that hides PostgreSQL's */

	{"avg", 1, 1, FUNCTION_STABLE},
	{"btrim", 1, 2, FUNCTION_STABLE},
	{"clock_timestamp", 0, 0, FUNCTION_BUILTIN_VOLATILE},
	{"concat", 1, MANY, FUNCTION_STABLE},
	{"count", 0, 1, FUNCTION_STABLE},
	{"crosstab", 1, 2, FUNCTION_STABLE},
	{"current_setting", 1, 2, FUNCTION_STABLE},
	{"dblink", 1, 3, FUNCTION_PRIMARY_ONLY},
	{"dblink_exec", 1, 3, FUNCTION_PRIMARY_ONLY},
	{"extract", 2, 2, FUNCTION_STABLE},
	{"gen_random_uuid", 0, 0, FUNCTION_BUILTIN_VOLATILE},
	{"generate_series", 2, 3, FUNCTION_STABLE},
	{"int4", 1, 1, FUNCTION_STABLE},
	{"json_to_recordset", 1, 1, FUNCTION_STABLE},
	{"like_escape", 2, 2, FUNCTION_STABLE},
	{"lo_create", 1, 1, FUNCTION_BUILTIN_VOLATILE},
	{"lo_get", 1, 3, FUNCTION_BUILTIN_VOLATILE},
	{"lo_open", 2, 2, FUNCTION_BUILTIN_VOLATILE},
	{"lo_unlink", 1, 1, FUNCTION_BUILTIN_VOLATILE},
	{"lower", 1, 1, FUNCTION_STABLE},
	{"max", 1, 1, FUNCTION_STABLE},
	{"nextval", 1, 1, FUNCTION_BUILTIN_VOLATILE},
	{"now", 0, 0, FUNCTION_STABLE},
	{"percentile_cont", 2, 2, FUNCTION_STABLE},
	{"pg_advisory_lock", 1, 2, FUNCTION_BUILTIN_VOLATILE},
	{"pg_advisory_xact_lock", 1, 2, FUNCTION_BUILTIN_VOLATILE},
	{"pg_backend_pid", 0, 0, FUNCTION_STABLE},
	{"pg_create_physical_replication_slot", 1, 3, FUNCTION_BUILTIN_VOLATILE},
	{"pg_current_wal_lsn", 0, 0, FUNCTION_BUILTIN_VOLATILE},
	{"pg_drop_replication_slot", 1, 1, FUNCTION_BUILTIN_VOLATILE},
	{"pg_get_userbyid", 1, 1, FUNCTION_STABLE},
	{"pg_input_error_info", 2, 2, FUNCTION_STABLE},
	{"pg_input_is_valid", 2, 2, FUNCTION_STABLE},
	{"pg_is_in_recovery", 0, 0, FUNCTION_BUILTIN_VOLATILE},
	{"pg_last_wal_replay_lsn", 0, 0, FUNCTION_BUILTIN_VOLATILE},
	{"pg_logical_emit_message", 3, 3, FUNCTION_BUILTIN_VOLATILE},
	{"pg_logical_slot_get_changes", 3, MANY, FUNCTION_BUILTIN_VOLATILE},
	{"pg_notify", 2, 2, FUNCTION_BUILTIN_VOLATILE},
	{"pg_promote", 0, 2, FUNCTION_BUILTIN_VOLATILE},
	{"pg_read_file", 1, 4, FUNCTION_BUILTIN_VOLATILE},
	{"pg_reload_conf", 0, 0, FUNCTION_BUILTIN_VOLATILE},
	{"pg_replication_origin_session_setup", 1, 1, FUNCTION_BUILTIN_VOLATILE},
	{"pg_sleep", 1, 1, FUNCTION_BUILTIN_VOLATILE},
	{"pg_stat_get_activity", 1, 1, FUNCTION_STABLE},
	{"pg_stat_reset", 0, 0, FUNCTION_BUILTIN_VOLATILE},
	{"pg_stat_reset_shared", 1, 1, FUNCTION_BUILTIN_VOLATILE},
	{"pg_switch_wal", 0, 0, FUNCTION_BUILTIN_VOLATILE},
	{"pg_table_is_visible", 1, 1, FUNCTION_STABLE},
	{"pg_terminate_backend", 1, 2, FUNCTION_BUILTIN_VOLATILE},
	{"pg_total_relation_size", 1, 1, FUNCTION_BUILTIN_VOLATILE},
	{"pg_wal_replay_pause", 0, 0, FUNCTION_BUILTIN_VOLATILE},
	{"query_to_xml", 4, 4, FUNCTION_BUILTIN_VOLATILE},
	{"random", 0, 0, FUNCTION_BUILTIN_VOLATILE},
	{"row_number", 0, 0, FUNCTION_STABLE},
	{"set_config", 3, 3, FUNCTION_BUILTIN_VOLATILE},
	{"setseed", 1, 1, FUNCTION_BUILTIN_VOLATILE},
	{"setval", 2, 3, FUNCTION_BUILTIN_VOLATILE},
	{"similar_to_escape", 1, 2, FUNCTION_STABLE},
	{"substring", 2, 3, FUNCTION_STABLE},
	{"sum", 1, 1, FUNCTION_STABLE},
	{"system_user", 0, 0, FUNCTION_STABLE},
	{"timezone", 2, 2, FUNCTION_STABLE},
	{"txid_current", 0, 0, FUNCTION_STABLE},
	{"unnest", 1, 1, FUNCTION_STABLE},
	{"upper", 1, 1, FUNCTION_STABLE},
	{"uuidv7", 0, 1, FUNCTION_BUILTIN_VOLATILE},
	{"version", 0, 0, FUNCTION_STABLE},
	{"xmlexists", 2, 2, FUNCTION_STABLE},
};

static const char *const fixture_tables[] = {
	"t", "u", "orders", "pg_class", "pg_locks", "pg_namespace", "pg_settings", "pg_stat_activity",
	"pg_stat_user_tables", "pg_statistic", "pg_stats", "pg_wait_events", "pg_tables", "columns",
};

static const char *const fixture_primary_relations[] = {"v", "scratch", "ids"};

static const char *const fixture_operators[] = {
	"=", "<>", "<", "<=", ">", ">=", "+", "-", "*", "/", "||", "~~", "~~*", "!~~", "~", "->", "->>", "@>", "&&",
};

static const char *const fixture_types[] = {
	"bool", "bpchar", "date", "float8", "int4", "int8", "interval", "json", "jsonb", "numeric", "oid",
	"record", "regclass", "text", "timestamp", "timestamptz", "uuid", "varchar", "xml",
};

#define FIXTURE_EACH(array) \
	for (size_t i = 0; i < sizeof(array) / sizeof((array)[0]); i++)

static inline Facts *
fixture_facts(void)
{
	Facts	   *facts = facts_create("mes");

	FIXTURE_EACH(fixture_functions)
		facts_add_function(facts, slice_from_string(fixture_functions[i].name), fixture_functions[i].nargs_min,
						   fixture_functions[i].nargs_max, fixture_functions[i].fact);
	FIXTURE_EACH(fixture_tables)
		facts_add_relation(facts, slice_from_string(fixture_tables[i]), RELATION_PLAIN);
	FIXTURE_EACH(fixture_primary_relations)
		facts_add_relation(facts, slice_from_string(fixture_primary_relations[i]), RELATION_PRIMARY_ONLY);
	FIXTURE_EACH(fixture_operators)
		facts_add_operator(facts, slice_from_string(fixture_operators[i]), NAME_SAFE);
	FIXTURE_EACH(fixture_types)
		facts_add_type(facts, slice_from_string(fixture_types[i]), NAME_SAFE);
	facts_add_operator(facts, slice_from_string("==="), NAME_UNSAFE);
	facts_add_type(facts, slice_from_string("evil_domain"), NAME_UNSAFE);
	facts_add_unsafe_attribute(facts, slice_from_string("rowfn"));
	facts_set_position(facts, 0x1000);
	return facts;
}

#endif							/* TESTS_FACTS_FIXTURE_H */
