/*-------------------------------------------------------------------------
 *
 * classify_lists.c
 *	  What is known by name of PostgreSQL's own functions and relations.
 *
 * How the tables were made: all functions of PostgreSQL 15, and those that came
 * up to 18, were gone through: what the catalog calls volatile, for what has no
 * effect; what it calls stable or immutable, for what has one, or tells of the
 * node.  What is volatile and not listed goes to the primary, so a list that is
 * too short costs speed, not truth.
 *
 * Sorted by name (test_classify_lists.c checks it): they are searched by halves.
 *
 *-------------------------------------------------------------------------
 */
#include "sql/classify_lists.h"

#include <stdlib.h>
#include <string.h>

#define HARMLESS FUNCTION_RULE_HARMLESS
#define NODE FUNCTION_RULE_NODE_LOCAL
#define DENIED FUNCTION_RULE_DENIED
#define PINS FUNCTION_RULE_PINS
#define LOCKS FUNCTION_RULE_LOCKS
#define UNLOCKS FUNCTION_RULE_UNLOCKS

static const FunctionRule function_rules[] = {
	{"array_sample", HARMLESS, "random bits"},
	{"array_shuffle", HARMLESS, "random bits"},
	{"clock_timestamp", HARMLESS, "the time of day"},
	{"connectby", DENIED, "runs what it is given as text"},
	{"crosstab", DENIED, "runs what it is given as text"},
	{"crosstab2", DENIED, "runs what it is given as text"},
	{"crosstab3", DENIED, "runs what it is given as text"},
	{"crosstab4", DENIED, "runs what it is given as text"},
	{"current_query", HARMLESS, "the text the client sent"},
	{"currval", DENIED, "asks what nextval() gave this session, on the primary"},
	{"database_to_xml", DENIED, "reads relations that only a text names"},
	{"database_to_xml_and_xmlschema", DENIED, "reads relations that only a text names"},
	{"dblink_connect", PINS, "dblink connection"},
	{"dblink_connect_u", PINS, "dblink connection"},
	{"gen_random_uuid", HARMLESS, "random bits"},
	{"icu_unicode_version", NODE, "the node's libraries"},
	{"inet_client_addr", NODE, "the address of the router's connection"},
	{"inet_client_port", NODE, "the port of the router's connection"},
	{"inet_server_addr", NODE, "the node's address"},
	{"inet_server_port", NODE, "the node's port"},
	{"lastval", DENIED, "asks what nextval() gave this session, on the primary"},
	{"nextval", DENIED, "advances a sequence"},
	{"pg_advisory_lock", LOCKS, "session advisory lock"},
	{"pg_advisory_lock_shared", LOCKS, "session advisory lock"},
	{"pg_advisory_unlock", UNLOCKS, "releases a lock of the session"},
	{"pg_advisory_unlock_all", UNLOCKS, "releases locks of the session"},
	{"pg_advisory_unlock_shared", UNLOCKS, "releases a lock of the session"},
	{"pg_advisory_xact_lock", DENIED, "a replica would grant a lock the primary grants too"},
	{"pg_advisory_xact_lock_shared", DENIED, "a replica would grant a lock the primary grants too"},
	{"pg_available_extension_versions", NODE, "reads the node's files"},
	{"pg_available_extensions", NODE, "reads the node's files"},
	{"pg_available_wal_summaries", NODE, "the node's files"},
	{"pg_backend_pid", NODE, "the process that serves the session"},
	{"pg_blocking_pids", NODE, "locks of the node"},
	{"pg_cancel_backend", DENIED, "acts on a process of the node"},
	{"pg_collation_actual_version", NODE, "the node's libraries"},
	{"pg_conf_load_time", NODE, "the node's configuration"},
	{"pg_config", NODE, "how the node was built"},
	{"pg_control_checkpoint", NODE, "the node's control file"},
	{"pg_control_init", NODE, "the node's control file"},
	{"pg_control_recovery", NODE, "the node's control file"},
	{"pg_control_system", NODE, "the node's control file"},
	{"pg_current_logfile", NODE, "the node's log"},
	{"pg_current_snapshot", NODE, "transactions of the node"},
	{"pg_current_wal_flush_lsn", NODE, "the node's WAL"},
	{"pg_current_wal_insert_lsn", NODE, "the node's WAL"},
	{"pg_current_wal_lsn", NODE, "the node's WAL"},
	{"pg_current_xact_id", DENIED, "stable by name, but takes a transaction id"},
	{"pg_current_xact_id_if_assigned", NODE, "transactions of the node"},
	{"pg_cursor", NODE, "cursors of the connection"},
	{"pg_database_collation_actual_version", NODE, "the node's libraries"},
	{"pg_database_size", NODE, "the node's files"},
	{"pg_export_snapshot", DENIED, "writes a file on the node"},
	{"pg_get_aios", NODE, "input and output of the node"},
	{"pg_get_backend_memory_contexts", NODE, "memory of the node's process"},
	{"pg_get_loaded_modules", NODE, "the node's libraries"},
	{"pg_get_replication_slots", NODE, "slots of the node"},
	{"pg_get_shmem_allocations", NODE, "memory of the node"},
	{"pg_get_shmem_allocations_numa", NODE, "memory of the node"},
	{"pg_get_wait_events", NODE, "the node's libraries may add some"},
	{"pg_get_wal_replay_pause_state", NODE, "the node's replay"},
	{"pg_get_wal_summarizer_state", NODE, "a process of the node"},
	{"pg_hba_file_rules", NODE, "the node's files"},
	{"pg_ident_file_mappings", NODE, "the node's files"},
	{"pg_indexes_size", NODE, "the node's files"},
	{"pg_input_error_info", DENIED, "runs the input of a type that only a text names"},
	{"pg_input_is_valid", DENIED, "runs the input of a type that only a text names"},
	{"pg_is_in_recovery", NODE, "the node's role: who looks for a primary must see one"},
	{"pg_is_wal_replay_paused", NODE, "the node's replay"},
	{"pg_jit_available", NODE, "the node's libraries"},
	{"pg_last_committed_xact", NODE, "transactions of the node"},
	{"pg_last_wal_receive_lsn", NODE, "the node's WAL"},
	{"pg_last_wal_replay_lsn", NODE, "the node's WAL"},
	{"pg_last_xact_replay_timestamp", NODE, "the node's replay"},
	{"pg_listening_channels", NODE, "channels of the connection"},
	{"pg_lock_status", NODE, "locks of the node"},
	{"pg_notification_queue_usage", NODE, "the node's queue"},
	{"pg_notify", DENIED, "sends a notification"},
	{"pg_numa_available", NODE, "how the node was built"},
	{"pg_partition_ancestors", HARMLESS, "reads the catalog"},
	{"pg_partition_tree", HARMLESS, "reads the catalog"},
	{"pg_postmaster_start_time", NODE, "the node's life"},
	{"pg_prepared_statement", NODE, "statements of the connection"},
	{"pg_prepared_xact", NODE, "transactions of the node"},
	{"pg_relation_filepath", NODE, "the node's files"},
	{"pg_relation_size", NODE, "the node's files"},
	{"pg_safe_snapshot_blocking_pids", NODE, "locks of the node"},
	{"pg_sequence_last_value", DENIED, "replicas see sequences ahead of the primary"},
	{"pg_show_all_file_settings", NODE, "the node's files"},
	{"pg_show_all_settings", NODE, "the node's configuration"},
	{"pg_sleep", HARMLESS, "waits"},
	{"pg_sleep_for", HARMLESS, "waits"},
	{"pg_sleep_until", HARMLESS, "waits"},
	{"pg_table_size", NODE, "the node's files"},
	{"pg_tablespace_size", NODE, "the node's files"},
	{"pg_terminate_backend", DENIED, "acts on a process of the node"},
	{"pg_total_relation_size", NODE, "the node's files"},
	{"pg_try_advisory_lock", LOCKS, "session advisory lock"},
	{"pg_try_advisory_lock_shared", LOCKS, "session advisory lock"},
	{"pg_try_advisory_xact_lock", DENIED, "a replica would grant a lock the primary grants too"},
	{"pg_try_advisory_xact_lock_shared", DENIED, "a replica would grant a lock the primary grants too"},
	{"pg_wal_summary_contents", NODE, "the node's files"},
	{"pg_walfile_name", NODE, "replicas refuse it"},
	{"pg_walfile_name_offset", NODE, "replicas refuse it"},
	{"pg_xact_commit_timestamp", NODE, "transactions of the node"},
	{"pg_xact_commit_timestamp_origin", NODE, "transactions of the node"},
	{"pg_xact_status", NODE, "transactions of the node"},
	{"random", HARMLESS, "random bits"},
	{"random_normal", HARMLESS, "random bits"},
	{"schema_to_xml", DENIED, "reads relations that only a text names"},
	{"schema_to_xml_and_xmlschema", DENIED, "reads relations that only a text names"},
	{"set_config", PINS, "set_config() for the session"},
	{"setseed", PINS, "seed of random()"},
	{"setval", DENIED, "sets a sequence"},
	{"system_user", NODE, "how the router logged in to the node"},
	{"table_to_xml", DENIED, "reads relations that only a text names"},
	{"table_to_xml_and_xmlschema", DENIED, "reads relations that only a text names"},
	{"timeofday", HARMLESS, "the time of day"},
	{"txid_current", DENIED, "stable by name, but takes a transaction id"},
	{"txid_current_if_assigned", NODE, "transactions of the node"},
	{"txid_current_snapshot", NODE, "transactions of the node"},
	{"txid_status", NODE, "transactions of the node"},
	{"uuidv4", HARMLESS, "random bits"},
	{"uuidv7", HARMLESS, "random bits and the time of day"},
	{"xpath_table", DENIED, "runs what it is given as text"},
};

/* Views of pg_catalog that tell of the node; those named pg_stat_... and pg_statio_... besides. */
static const char *const node_local_relations[] = {
	"pg_aios",
	"pg_available_extension_versions",
	"pg_available_extensions",
	"pg_backend_memory_contexts",
	"pg_config",
	"pg_cursors",
	"pg_file_settings",
	"pg_hba_file_rules",
	"pg_ident_file_mappings",
	"pg_locks",
	"pg_prepared_statements",
	"pg_prepared_xacts",
	"pg_replication_origin_status",
	"pg_replication_slots",
	"pg_sequences",				/* last_value: replicas see it ahead of the primary */
	"pg_settings",
	"pg_shmem_allocations",
	"pg_shmem_allocations_numa",
	"pg_wait_events",
};

static bool
string_is_in(const char *string, const char *const *strings, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(string, strings[i]) == 0)
			return true;
	return false;
}

#define IS_IN(string, strings) string_is_in((string), (strings), sizeof(strings) / sizeof((strings)[0]))

static int
compare_rule(const void *name, const void *rule)
{
	return strcmp(name, ((const FunctionRule *) rule)->name);
}

const FunctionRule *
classify_function_rules(size_t *count)
{
	*count = sizeof(function_rules) / sizeof(function_rules[0]);
	return function_rules;
}

const FunctionRule *
classify_find_function_rule(const char *name)
{
	static const FunctionRule statistics = {"pg_stat_get_*", NODE, "statistics of the node"};
	const FunctionRule *rule = bsearch(name, function_rules,
									   sizeof(function_rules) / sizeof(function_rules[0]),
									   sizeof(function_rules[0]), compare_rule);

	if (rule == NULL && strncmp(name, "pg_stat_get_", strlen("pg_stat_get_")) == 0)
		rule = &statistics;
	return rule;
}

bool
classify_is_node_local_relation(const char *name)
{
	if (strncmp(name, "pg_", 3) != 0)
		return false;
	return strncmp(name, "pg_stat_", strlen("pg_stat_")) == 0 ||
		strncmp(name, "pg_statio_", strlen("pg_statio_")) == 0 ||
		IS_IN(name, node_local_relations);
}

bool
classify_is_name_list_setting(const char *name)
{
	/* those with GUC_LIST_QUOTE in PostgreSQL's table; extensions cannot add any */
	static const char *const names[] = {
		"local_preload_libraries", "search_path", "session_preload_libraries",
		"shared_preload_libraries", "temp_tablespaces",
	};

	return IS_IN(name, names);
}

SettingUse
classify_setting_use(const char *name)
{
	/* Literals are read when a statement is prepared; casts that fold to constants count, too. */
	static const char *const meaning[] = {
		"array_nulls", "backslash_quote", "bytea_output", "client_encoding", "datestyle",
		"default_text_search_config", "extra_float_digits", "intervalstyle", "lc_monetary",
		"lc_numeric", "lc_time", "search_path", "standard_conforming_strings", "timezone",
		"timezone_abbreviations", "transform_null_equals", "xmlbinary", "xmloption",
	};
	static const char *const plans[] = {
		"constraint_exclusion", "cpu_index_tuple_cost", "cpu_operator_cost", "cpu_tuple_cost",
		"effective_cache_size", "from_collapse_limit", "geqo", "geqo_threshold", "join_collapse_limit",
		"max_parallel_workers_per_gather", "parallel_setup_cost", "parallel_tuple_cost",
		"random_page_cost", "row_security", "seq_page_cost",
	};

	if (IS_IN(name, meaning))
		return SETTING_DECIDES_MEANING;
	return strncmp(name, "enable_", strlen("enable_")) == 0 || IS_IN(name, plans) ?
		SETTING_OF_PLANS : SETTING_OF_NO_PLAN;
}

bool
classify_is_pinning_setting(const char *name)
{
	/* Who one is decides what SET may do next; a seed is used up as it is used. */
	static const char *const names[] = {"role", "seed", "session_authorization"};

	return IS_IN(name, names);
}

bool
classify_is_transaction_setting(const char *name)
{
	/* not transaction_timeout, which is a setting like statement_timeout */
	static const char *const names[] = {"transaction_deferrable", "transaction_isolation", "transaction_read_only"};

	return IS_IN(name, names);
}
