/*-------------------------------------------------------------------------
 *
 * import_rules.c
 *	  What becomes of each option of PgBouncer: a table.
 *
 * Many have the same name and meaning here, but times need a unit.  A value is
 * tried on the router's own option before it is written, so that what is
 * written is good; what is not is told with the option's own words.
 *
 *-------------------------------------------------------------------------
 */
#include "app/import_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/config_options.h"
#include "app/config_values.h"
#include "base/memory.h"

typedef enum RuleKind
{
	RULE_SAME,					/* name and value */
	RULE_SECONDS,				/* the same, in seconds */
	RULE_CHOICE,				/* some values are others here */
	RULE_NONE					/* there is none: why */
} RuleKind;

typedef struct Rule
{
	const char *name;
	RuleKind	kind;
	const char *why;
} Rule;

#define LOG_WHY "the log goes to standard error, where systemd or the shell takes it; log_level and log_format shape it"
#define DNS_WHY "host names are looked up by the system"
#define NET_WHY "the router keeps to the system's own defaults for sockets"
#define NONE_NEEDED "the router needs no such limit"

static const Rule rules[] = {
	{"listen_addr", RULE_SAME, NULL}, {"listen_port", RULE_SAME, NULL}, {"unix_socket_dir", RULE_SAME, NULL},
	{"so_reuseport", RULE_NONE, "workers share the port anyway; see so_reuseport in router.ini before you set it"},
	{"unix_socket_mode", RULE_NONE, "protect the folder unix_socket_dir instead"},
	{"unix_socket_group", RULE_NONE, "protect the folder unix_socket_dir instead"},
	{"max_client_conn", RULE_SAME, NULL}, {"default_pool_size", RULE_SAME, NULL}, {"min_pool_size", RULE_SAME, NULL},
	{"reserve_pool_size", RULE_SAME, NULL}, {"reserve_pool_timeout", RULE_SECONDS, NULL},
	{"max_db_connections", RULE_SAME, NULL}, {"max_user_connections", RULE_SAME, NULL},
	{"max_db_client_connections", RULE_SAME, NULL}, {"max_user_client_connections", RULE_SAME, NULL},
	{"max_prepared_statements", RULE_SAME, NULL}, {"pool_mode", RULE_CHOICE, NULL},
	{"server_round_robin", RULE_CHOICE, NULL},
	{"server_lifetime", RULE_SECONDS, NULL}, {"server_idle_timeout", RULE_SECONDS, NULL},
	{"server_connect_timeout", RULE_SECONDS, NULL}, {"server_login_retry", RULE_SECONDS, NULL},
	{"server_check_delay", RULE_SECONDS, NULL}, {"server_check_query", RULE_SAME, NULL},
	{"server_reset_query", RULE_CHOICE, NULL},
	{"server_reset_query_always", RULE_NONE, "a server is reset whenever a client has left on it what the router does not follow"},
	{"server_fast_close", RULE_CHOICE, NULL},
	{"query_timeout", RULE_SECONDS, NULL}, {"query_wait_timeout", RULE_SECONDS, NULL},
	{"client_idle_timeout", RULE_SECONDS, NULL}, {"client_login_timeout", RULE_SECONDS, NULL},
	{"idle_transaction_timeout", RULE_SECONDS, NULL}, {"stats_period", RULE_SECONDS, NULL},
	{"query_wait_notify", RULE_NONE, "who waits is not told before query_wait_timeout; cl_waiting and maxwait of SHOW POOLS tell of it"},
	{"transaction_timeout", RULE_NONE, "query_timeout and idle_transaction_timeout limit its parts"},
	{"cancel_wait_timeout", RULE_NONE, "cancel requests are passed on at once"},
	{"suspend_timeout", RULE_NONE, "there is no SUSPEND"},
	{"autodb_idle_timeout", RULE_NONE, "what is known of a database without clients is let go by itself"},
	{"auth_type", RULE_CHOICE, NULL}, {"auth_file", RULE_SAME, NULL}, {"auth_hba_file", RULE_SAME, NULL},
	{"auth_user", RULE_SAME, NULL}, {"auth_query", RULE_SAME, NULL}, {"auth_dbname", RULE_SAME, NULL},
	{"auth_ident_file", RULE_NONE, "peer and cert take the system's or the certificate's name as it is: there are no maps"},
	{"auth_ldap_options", RULE_NONE, "there is no LDAP"},
	{"scram_iterations", RULE_NONE, "passwords in clear text are proven with PostgreSQL's 4096; other numbers come with a verifier in auth_file"},
	{"admin_users", RULE_SAME, NULL}, {"stats_users", RULE_SAME, NULL},
	{"client_tls_sslmode", RULE_SAME, NULL}, {"client_tls_key_file", RULE_SAME, NULL},
	{"client_tls_cert_file", RULE_SAME, NULL}, {"client_tls_ca_file", RULE_SAME, NULL},
	{"client_tls_protocols", RULE_SAME, NULL}, {"client_tls_ciphers", RULE_CHOICE, NULL},
	{"client_tls13_ciphers", RULE_NONE, "those of TLS 1.3 are OpenSSL's own"},
	{"client_tls_ecdhcurve", RULE_NONE, "OpenSSL chooses"}, {"client_tls_dheparams", RULE_NONE, "OpenSSL chooses"},
	{"server_tls_sslmode", RULE_SAME, NULL}, {"server_tls_key_file", RULE_SAME, NULL},
	{"server_tls_cert_file", RULE_SAME, NULL}, {"server_tls_ca_file", RULE_SAME, NULL},
	{"server_tls_protocols", RULE_SAME, NULL}, {"server_tls_ciphers", RULE_CHOICE, NULL},
	{"server_tls13_ciphers", RULE_NONE, "those of TLS 1.3 are OpenSSL's own"},
	{"logfile", RULE_NONE, LOG_WHY}, {"syslog", RULE_NONE, LOG_WHY}, {"syslog_ident", RULE_NONE, LOG_WHY},
	{"syslog_facility", RULE_NONE, LOG_WHY}, {"log_connections", RULE_NONE, LOG_WHY},
	{"log_disconnections", RULE_NONE, LOG_WHY}, {"log_pooler_errors", RULE_NONE, LOG_WHY},
	{"verbose", RULE_NONE, LOG_WHY}, {"log_stats", RULE_NONE, "/metrics and SHOW STATS have them"},
	{"pidfile", RULE_NONE, "systemd knows the process; the log's first line has its pid"},
	{"user", RULE_NONE, "start the router as that user: User= of its systemd unit"},
	{"service_name", RULE_NONE, "it has no Windows service"}, {"job_name", RULE_NONE, "it has no Windows service"},
	{"conffile", RULE_NONE, "the file is given with -c"},
	{"ignore_startup_parameters", RULE_NONE, "startup parameters are passed on as settings, and the server judges them"},
	{"track_extra_parameters", RULE_NONE, "settings a session makes follow it anyway"},
	{"disable_pqexec", RULE_NONE, "each statement of a string is looked at"},
	{"application_name_add_host", RULE_NONE, "SHOW CLIENTS has the address"},
	{"peer_id", RULE_NONE, "cancel requests find their process without it"},
	{"pkt_buf", RULE_NONE, NONE_NEEDED}, {"sbuf_loopcnt", RULE_NONE, NONE_NEEDED},
	{"max_packet_size", RULE_NONE, "messages may be as long as PostgreSQL's"},
	{"listen_backlog", RULE_NONE, NET_WHY}, {"tcp_defer_accept", RULE_NONE, NET_WHY},
	{"tcp_socket_buffer", RULE_NONE, NET_WHY}, {"tcp_keepalive", RULE_NONE, NET_WHY},
	{"tcp_keepcnt", RULE_NONE, NET_WHY}, {"tcp_keepidle", RULE_NONE, NET_WHY},
	{"tcp_keepintvl", RULE_NONE, NET_WHY}, {"tcp_user_timeout", RULE_NONE, NET_WHY},
	{"dns_max_ttl", RULE_SECONDS, NULL}, {"dns_nxdomain_ttl", RULE_NONE, DNS_WHY},
	{"dns_zone_check_period", RULE_NONE, DNS_WHY}, {"resolv_conf", RULE_NONE, DNS_WHY},
};

/* Words of [databases] and [users] that are none here: why, or what becomes of them. */
typedef struct WordRule
{
	const ConfigWord *words;
	const char *name;
	const char *why;
} WordRule;

#define FOR_ALL "the option of [router] holds for all"
#define BY_ALTER_DATABASE "set it by ALTER DATABASE"

static const WordRule word_rules[] = {
	{config_database_words, "host", "a line of [nodes]"}, {config_database_words, "port", "in the line of [nodes]"},
	{config_database_words, "password", "a comment in the result: it belongs into auth_file"},
	{config_database_words, "reserve_pool", "`reserve_pool_size`"},
	{config_database_words, "auth_user", FOR_ALL}, {config_database_words, "auth_query", FOR_ALL},
	{config_database_words, "query_wait_timeout", FOR_ALL}, {config_database_words, "server_lifetime", FOR_ALL},
	{config_database_words, "load_balance_hosts", "reads are spread over replicas anyway"},
	{config_database_words, "target_session_attrs", "which node is the primary is found out"},
	{config_database_words, "client_encoding", BY_ALTER_DATABASE}, {config_database_words, "datestyle", BY_ALTER_DATABASE},
	{config_database_words, "timezone", BY_ALTER_DATABASE},
	{config_user_words, "query_timeout", FOR_ALL "; for one: ALTER ROLE ... SET statement_timeout"},
	{config_user_words, "query_wait_timeout", FOR_ALL}, {config_user_words, "client_idle_timeout", FOR_ALL},
	{config_user_words, "idle_transaction_timeout",
	FOR_ALL "; for one: ALTER ROLE ... SET idle_in_transaction_session_timeout"},
	{config_user_words, "transaction_timeout", "ALTER ROLE ... SET transaction_timeout, from PostgreSQL 17 on"},
};

/* A value of PgBouncer's and the one here; NULL: there is none, why. */
typedef struct Choice
{
	const char *name;
	const char *from;
	const char *to;
	const char *why;
} Choice;

static const Choice choices[] = {
	{"pool_mode", "statement", "transaction", "there is no statement pooling: transactions of several statements are allowed"},
	{"auth_type", "plain", "scram-sha-256", "passwords are never asked for in clear text; the same auth_file serves SCRAM"},
	{"auth_type", "any", NULL, "no client logs in as somebody else"},
	{"auth_type", "pam", NULL, "there is no PAM"},
	{"auth_type", "ldap", NULL, "there is no LDAP"},
	{"client_tls_ciphers", "fast", "default", NULL},
	{"client_tls_ciphers", "normal", "default", NULL},
	{"server_tls_ciphers", "fast", "default", NULL},
	{"server_tls_ciphers", "normal", "default", NULL},
	{"server_reset_query", "DISCARD ALL", "", NULL},	/* is run anyway */
	{"server_round_robin", "1", "on", NULL},
	{"server_round_robin", "0", "off", NULL},
	{"server_fast_close", "1", "on", NULL},
	{"server_fast_close", "0", "off", NULL},
};

/* What PgBouncer does where its file says nothing, and the router does otherwise. */
static const Choice defaults[] = {
	{"listen_addr", NULL, "", NULL},
	{"listen_port", NULL, "6432", NULL},
	{"unix_socket_dir", NULL, "/tmp", NULL},
	{"pool_mode", NULL, "session", NULL},
	{"auth_type", NULL, "md5", NULL},
	{"query_wait_timeout", NULL, "120s", NULL},
	{"client_login_timeout", NULL, "60s", NULL},
	{"admin_database", NULL, "pgbouncer", NULL},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void write_words(const ConfigWord *words, const char *section, Buf *out);
static void write_choices(const char *name, Buf *out);
static void convert_choice(Import *import, const char *name, const char *value);
static void convert_seconds(Import *import, const char *name, const char *value);
static bool write_option(Import *import, const char *name, const char *value);

void
import_option(Import *import, const char *name, const char *value)
{
	const Rule *rule = NULL;

	for (size_t i = 0; i < COUNT_OF(rules) && rule == NULL; i++)
	{
		if (strcmp(rules[i].name, name) == 0)
			rule = &rules[i];
	}
	if (strcmp(name, "auth_user") == 0)
	{
		mem_free(import->auth_user);
		import->auth_user = mem_strdup(value);
	}
	if (rule == NULL)
		import_note(import, "%s is not converted: it is not known", name);
	else if (rule->kind == RULE_NONE)
		import_note(import, "%s is not converted: %s", name, rule->why);
	else if (names_has(&import->set, name))
		import_note(import, "%s is there twice: the first is kept", name);
	else if (rule->kind == RULE_CHOICE)
		convert_choice(import, name, value);
	else if (rule->kind == RULE_SECONDS)
		convert_seconds(import, name, value);
	else
		write_option(import, name, value);
}

const char *
import_why_no_word(const ConfigWord *words, const char *key)
{
	for (size_t i = 0; i < COUNT_OF(word_rules); i++)
	{
		if (word_rules[i].words == words && strcmp(word_rules[i].name, key) == 0)
			return word_rules[i].why;
	}
	return "there is no such word here";
}

void
import_defaults(Import *import)
{
	for (size_t i = 0; i < COUNT_OF(defaults); i++)
	{
		if (!names_has(&import->set, defaults[i].name))
			write_option(import, defaults[i].name, defaults[i].to);
	}
	/* a port that nobody knows of would be opened, and a second router on the host would not start */
	buf_append_string(&import->router, "; PgBouncer has no such port. For /metrics, /live and /ready each router of a host needs one of its own.\n");
	write_option(import, "http_port", "0");
	import_note(import, "http_port is 0: PgBouncer has no such port; set one, other routers on the host another,"
				" for /metrics, /live and /ready");
	/* PgBouncer asks its servers nothing of themselves */
	if (import->auth_user != NULL && import->auth_user[0] != '\0')
		write_option(import, "monitor_user", import->auth_user);
}

void
import_write_reference(Buf *out)
{
	static const char *const meaning[] = {
		[RULE_SAME] = "the same", [RULE_SECONDS] = "the same; a time has a unit", [RULE_CHOICE] = "the same",
	};

	buf_append_string(out, "# Options of PgBouncer\n\nWritten by `andon-router --dump-reference pgbouncer`: what"
					  " `--import` makes of each option of `[pgbouncer]` and each word\nof `[databases]` and `[users]`."
					  " [Coming from PgBouncer](../from-pgbouncer.md)"
					  " tells the rest.\n\n| PgBouncer | here |\n|---|---|\n");
	for (size_t i = 0; i < COUNT_OF(rules); i++)
	{
		buf_printf(out, "| `%s` | ", rules[i].name);
		if (rules[i].kind == RULE_NONE)
			buf_printf(out, "none: %s", rules[i].why);
		else
			buf_append_string(out, meaning[rules[i].kind]);
		write_choices(rules[i].name, out);
		buf_append_string(out, " |\n");
	}
	write_words(config_database_words, "databases", out);
	write_words(config_user_words, "users", out);
}

static void
write_words(const ConfigWord *words, const char *section, Buf *out)
{
	buf_printf(out, "\n| word of `[%s]` | here |\n|---|---|\n", section);
	for (const ConfigWord *word = words; word->key != NULL; word++)
		buf_printf(out, "| `%s` | the same |\n", word->key);
	for (size_t i = 0; i < COUNT_OF(word_rules); i++)
	{
		if (word_rules[i].words == words)
			buf_printf(out, "| `%s` | %s |\n", word_rules[i].name, word_rules[i].why);
	}
}

static void
write_choices(const char *name, Buf *out)
{
	for (size_t i = 0; i < COUNT_OF(choices); i++)
	{
		const Choice *choice = &choices[i];

		if (strcmp(choice->name, name) != 0)
			continue;
		if (choice->to == NULL)
			buf_printf(out, "; no `%s`", choice->from);
		else
			buf_printf(out, "; `%s` is %s%s%s", choice->from, choice->to[0] != '\0' ? "`" : "always done",
					   choice->to, choice->to[0] != '\0' ? "`" : "");
		if (choice->why != NULL)
			buf_printf(out, " (%s)", choice->why);
	}
}

static void
convert_choice(Import *import, const char *name, const char *value)
{
	for (size_t i = 0; i < COUNT_OF(choices); i++)
	{
		if (strcmp(choices[i].name, name) != 0 || strcmp(choices[i].from, value) != 0)
			continue;
		if (choices[i].to == NULL)
			import_note(import, "%s = %s is not converted: %s", name, value, choices[i].why);
		else if (write_option(import, name, choices[i].to) && choices[i].why != NULL)
			import_note(import, "%s = %s is %s here: %s", name, value, choices[i].to, choices[i].why);
		return;
	}
	write_option(import, name, value);
}

/* PgBouncer counts in seconds, also parts of them. */
static void
convert_seconds(Import *import, const char *name, const char *value)
{
	char		text[64];
	char	   *end;
	double		seconds = strtod(value, &end);

	if (end == value || *end != '\0' || !(seconds >= 0 && seconds < 1e9))
		import_note(import, "%s is not converted: it is no number of seconds", name);
	else
	{
		if (seconds == (double) (long) seconds)
			snprintf(text, sizeof(text), "%ld%s", (long) seconds, seconds > 0 ? "s" : "");
		else
			snprintf(text, sizeof(text), "%ldms", (long) (seconds * 1000 + 0.5));
		write_option(import, name, text);
	}
}

/* If the router takes the value. */
static bool
write_option(Import *import, const char *name, const char *value)
{
	const ConfigOption *option = config_find_option(name);
	Buf			why = BUF_INIT;
	bool		is_cut = strstr(value, " ;") != NULL || strchr(value, '\n') != NULL;
	bool		ok = option != NULL && !is_cut && config_value_set(option, import->scratch, value, &why);

	if (ok)
	{
		names_add(&import->set, name);
		buf_printf(&import->router, "%s =%s%s\n", name, value[0] != '\0' ? " " : "", value);
	}
	else
		import_note(import, "%s is not converted: the router's %s", name,
					is_cut ? "file takes a blank and \";\" for a comment" : "allows other values");
	buf_release(&why);
	return ok;
}
