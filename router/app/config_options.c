/*-------------------------------------------------------------------------
 *
 * config_options.c
 *	  The option table.
 *
 * To add an option: a field in Config, a row here, and whoever needs it.  The
 * order of rows is that of the reference and the sample file.
 *
 *-------------------------------------------------------------------------
 */
#include "app/config_options.h"

#include <string.h>

#include "base/clock.h"

#define MINUTE_US (60 * US_PER_SEC)
#define HOUR_US (60 * MINUTE_US)
#define DAY_US (24 * HOUR_US)
#define KB 1024ULL
#define MB (1024 * KB)
#define GB (1024 * MB)

/* in the order of the enums */
static const char *const no_yes[] = {
	"no", "yes", NULL
};
static const char *const pool_modes[] = {
	[POOL_MODE_TRANSACTION] = "transaction", [POOL_MODE_SESSION] = "session", NULL
};
static const char *const consistencies[] = {
	[CONSISTENCY_SESSION] = "session", [CONSISTENCY_GLOBAL] = "global", [CONSISTENCY_EVENTUAL] = "eventual",
	[CONSISTENCY_PRIMARY] = "primary", NULL
};
static const char *const auth_types[] = {
	[AUTH_TRUST] = "trust", [AUTH_SCRAM_SHA_256] = "scram-sha-256", [AUTH_MD5] = "md5",
	[AUTH_PEER] = "peer", [AUTH_HBA] = "hba", [AUTH_CERT] = "cert", NULL
};
static const char *const tls_modes[] = {
	[TLS_MODE_DISABLE] = "disable", [TLS_MODE_ALLOW] = "allow", [TLS_MODE_PREFER] = "prefer",
	[TLS_MODE_REQUIRE] = "require", [TLS_MODE_VERIFY_CA] = "verify-ca", [TLS_MODE_VERIFY_FULL] = "verify-full", NULL
};
static const char *const tls_negotiations[] = {"postgres", "direct", NULL};
static const char *const pin_choices[] = {
	[PIN_SESSIONS_ALLOW] = "allow", [PIN_SESSIONS_REFUSE] = "refuse", NULL
};
static const char *const switches[] = {"off", "on", NULL};
static const char *const log_formats[] = {
	[LOG_FORMAT_TEXT] = "text", [LOG_FORMAT_JSON] = "json", NULL
};
static const char *const log_levels[] = {
	[LOG_LEVEL_DEBUG] = "debug", [LOG_LEVEL_INFO] = "info", [LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_ERROR] = "error", NULL
};

#define FIELD(field) .offset = offsetof(Config, field)
#define LISTENING .group = "Listening"
#define POOLS .group = "Pools and servers"
#define READS .group = "Reads and consistency"
#define NODES .group = "Watching the nodes"
#define AUTHENTICATION .group = "Authentication"
#define TLS .group = "TLS"
#define LIMITS .group = "Time limits"
#define LOGGING .group = "Log"
#define WINDOWS .group = "Console and HTTP"

const ConfigOption config_options[] = {
	{.name = "listen_addr", .type = OPTION_LIST, FIELD(listen_addr), .default_text = "127.0.0.1",
		.needs_restart = true, LISTENING,
	.doc = "Addresses to listen on, separated by commas; * is all; empty: no TCP"},
	{.name = "listen_port", .type = OPTION_INT, FIELD(listen_port), .default_text = "6543", .min = 1, .max = 65535,
		.needs_restart = true, LISTENING,
	.doc = "Port, also in the name of the unix socket"},
	{.name = "unix_socket_dir", .type = OPTION_STRING, FIELD(unix_socket_dir), .default_text = "",
		.needs_restart = true, LISTENING,
	.doc = "Folder for a unix socket; empty: none"},
	{.name = "so_reuseport", .type = OPTION_CHOICE, FIELD(so_reuseport), .default_text = "no",
		.choices = no_yes, .needs_restart = true, LISTENING,
	.doc = "yes: other routers of this user may listen on the same addresses beside this one"},
	{.name = "workers", .type = OPTION_INT, FIELD(workers), .default_text = "2", .min = 1, .max = 64,
		.needs_restart = true, LISTENING,
	.doc = "Threads that serve clients, each with clients and servers of its own"},
	{.name = "max_client_conn", .type = OPTION_INT, FIELD(max_client_conn), .default_text = "1000",
		.min = 1, .max = 1000000, LISTENING,
	.doc = "Clients at most, over all workers; one more is refused with 53300"},
	{.name = "max_db_client_connections", .type = OPTION_INT, FIELD(max_db_client_connections), .default_text = "0",
		.min = 1, .max = 1000000, .zero_allowed = true, LISTENING,
	.doc = "Clients of one database at most, over all workers; one more is refused with 53300; 0: no limit"},
	{.name = "max_user_client_connections", .type = OPTION_INT, FIELD(max_user_client_connections), .default_text = "0",
		.min = 1, .max = 1000000, .zero_allowed = true, LISTENING,
	.doc = "Clients of one user at most, over all workers; one more is refused with 53300; 0: no limit"},

	{.name = "pool_mode", .type = OPTION_CHOICE, FIELD(pool_mode), .default_text = "transaction",
		.choices = pool_modes, POOLS,
	.doc = "When a client's server goes back to the pool: after each transaction, or when the client leaves"},
	{.name = "pin_sessions", .type = OPTION_CHOICE, FIELD(pin_sessions), .default_text = "allow",
		.choices = pin_choices, POOLS,
	.doc = "State that no other server has (temporary tables, session locks, LISTEN, WITH HOLD cursors, PREPARE): allow: the session keeps its server until it is gone; refuse: an error instead"},
	{.name = "default_pool_size", .type = OPTION_INT, FIELD(default_pool_size), .default_text = "20",
		.min = 1, .max = 10000, POOLS,
	.doc = "Servers at most per node, database and user, over all workers"},
	{.name = "min_pool_size", .type = OPTION_INT, FIELD(min_pool_size), .default_text = "0",
		.min = 0, .max = 10000, POOLS,
	.doc = "Servers kept ready per node, database and user, over all workers, while clients of that database and user are there"},
	{.name = "reserve_pool_size", .type = OPTION_INT, FIELD(reserve_pool_size), .default_text = "0",
		.min = 0, .max = 10000, POOLS,
	.doc = "Servers beyond default_pool_size for clients that have waited for reserve_pool_timeout"},
	{.name = "reserve_pool_timeout", .type = OPTION_TIME, FIELD(reserve_pool_timeout_us), .default_text = "5s",
		.min = US_PER_MS, .max = HOUR_US, .zero_allowed = true, POOLS,
	.doc = "How long a client waits before the reserve is used; 0: not at all"},
	{.name = "max_db_connections", .type = OPTION_INT, FIELD(max_db_connections), .default_text = "0",
		.min = 1, .max = 100000, .zero_allowed = true, POOLS,
	.doc = "Servers at most per node and database, of all users and workers; 0: no limit"},
	{.name = "max_user_connections", .type = OPTION_INT, FIELD(max_user_connections), .default_text = "0",
		.min = 1, .max = 100000, .zero_allowed = true, POOLS,
	.doc = "Servers at most per node and user, of all databases and workers; 0: no limit"},
	{.name = "max_prepared_statements", .type = OPTION_INT, FIELD(max_prepared_statements), .default_text = "200",
		.min = 1, .max = 100000, POOLS,
	.doc = "Prepared statements kept on a server; the least recently used one is closed for a new one"},
	{.name = "max_client_prepared_statements", .type = OPTION_INT, FIELD(max_client_prepared_statements),
		.default_text = "10000", .min = 1, .max = 10000000, .zero_allowed = true, POOLS,
	.doc = "Prepared statements with names that one session may have; one more is refused with 53400; 0: no limit"},
	{.name = "server_lifetime", .type = OPTION_TIME, FIELD(server_lifetime_us), .default_text = "1h",
		.min = US_PER_SEC, .max = 365 * DAY_US, .zero_allowed = true, POOLS,
	.doc = "A server older than this is closed when it is not in use, those of a pool one after the other; 0: never"},
	{.name = "server_idle_timeout", .type = OPTION_TIME, FIELD(server_idle_timeout_us), .default_text = "10min",
		.min = US_PER_SEC, .max = 365 * DAY_US, .zero_allowed = true, POOLS,
	.doc = "A server not used for this long is closed; 0: never"},
	{.name = "server_check_delay", .type = OPTION_TIME, FIELD(server_check_delay_us), .default_text = "30s",
		.min = US_PER_MS, .max = DAY_US, .zero_allowed = true, POOLS,
	.doc = "A server idle for longer is asked server_check_query before a client gets it; 0: each time"},
	{.name = "server_check_query", .type = OPTION_STRING, FIELD(server_check_query), .default_text = "SELECT 1", POOLS,
	.doc = "What a server must answer to be taken for alive; empty: it is not asked"},
	{.name = "server_reset_query", .type = OPTION_STRING, FIELD(server_reset_query), .default_text = "DISCARD ALL", POOLS,
	.doc = "Run when a client gives a server back in session pooling or has left state there; DISCARD ALL follows in any case"},
	{.name = "server_round_robin", .type = OPTION_CHOICE, FIELD(server_round_robin), .default_text = "off",
		.choices = switches, POOLS,
	.doc = "on: the server that was idle longest is used next; off: the one used last"},
	{.name = "server_fast_close", .type = OPTION_CHOICE, FIELD(server_fast_close), .default_text = "off",
		.choices = switches, POOLS,
	.doc = "on: a session that keeps a server which is to be closed (RECONNECT, another role or address of its node) is ended with 57P01 once it is in no transaction; off: it keeps it as long as it likes"},
	{.name = "server_connect_timeout", .type = OPTION_TIME, FIELD(server_connect_timeout_us), .default_text = "5s",
		.min = 10 * US_PER_MS, .max = HOUR_US, POOLS,
	.doc = "Connecting and logging in to a node must be done in this time"},
	{.name = "server_login_retry", .type = OPTION_TIME, FIELD(server_login_retry_us), .default_text = "1s",
		.min = 10 * US_PER_MS, .max = HOUR_US, POOLS,
	.doc = "Pause after a node refused a login; until then clients are told its error at once"},
	{.name = "server_reset_timeout", .type = OPTION_TIME, FIELD(server_reset_timeout_us), .default_text = "5s",
		.min = 10 * US_PER_MS, .max = HOUR_US, POOLS,
	.doc = "DISCARD ALL between two clients, or server_check_query, must be done in this time, or the server is closed"},

	{.name = "consistency", .type = OPTION_CHOICE, FIELD(consistency), .default_text = "session",
		.choices = consistencies, READS,
	.doc = "session: never older than what the session wrote or saw; global: nor than what any session of the router was told is committed; eventual: any replica within the lag limits; primary: no replicas"},
	{.name = "replica_wait", .type = OPTION_TIME, FIELD(replica_wait_us), .default_text = "50ms",
		.min = US_PER_MS, .max = MINUTE_US, .zero_allowed = true, READS,
	.doc = "How long a read waits for a replica to catch up before it goes to the primary; 0: it does not wait"},
	{.name = "max_replica_lag", .type = OPTION_TIME, FIELD(max_replica_lag_us), .default_text = "10s",
		.min = US_PER_MS, .max = 365 * DAY_US, .zero_allowed = true, READS,
	.doc = "A replica further behind in time gets no reads; 0: no limit"},
	{.name = "max_replica_lag_bytes", .type = OPTION_SIZE, FIELD(max_replica_lag_bytes), .default_text = "0",
		.min = 1, .max = 1024 * GB, .zero_allowed = true, READS,
	.doc = "A replica further behind in WAL gets no reads; 0: no limit"},
	{.name = "slow_start", .type = OPTION_TIME, FIELD(slow_start_us), .default_text = "10s",
		.min = US_PER_MS, .max = HOUR_US, .zero_allowed = true, READS,
	.doc = "A replica that comes (back) begins with a tenth of its reads and has all of them after this time; 0: at once"},
	{.name = "max_fallback_reads", .type = OPTION_INT, FIELD(max_fallback_reads), .default_text = "20",
		.min = 0, .max = 100000, READS,
	.doc = "Reads that run on the primary at a time because no replica can have them; others wait for a place or a replica; 0: no limit"},

	{.name = "monitor_user", .type = OPTION_STRING, FIELD(monitor_user), .default_text = "postgres",
		.needs_restart = true, NODES,
	.doc = "Who asks the nodes what they are; its password is in auth_file; a member of pg_monitor sees all that is of use"},
	{.name = "monitor_database", .type = OPTION_STRING, FIELD(monitor_database), .default_text = "postgres",
		.needs_restart = true, NODES,
	.doc = "Database the monitor connects to"},
	{.name = "probe_interval", .type = OPTION_TIME, FIELD(probe_interval_us), .default_text = "100ms",
		.min = 10 * US_PER_MS, .max = HOUR_US, .needs_restart = true, NODES,
	.doc = "Time between two samples of each node's role and position"},
	{.name = "probe_timeout", .type = OPTION_TIME, FIELD(probe_timeout_us), .default_text = "2s",
		.min = 50 * US_PER_MS, .max = HOUR_US, .needs_restart = true, NODES,
	.doc = "A node that has not answered for this long gets no work"},
	{.name = "dns_max_ttl", .type = OPTION_TIME, FIELD(dns_max_ttl_us), .default_text = "15s",
		.min = 10 * US_PER_MS, .max = DAY_US, .zero_allowed = true, .needs_restart = true, NODES,
	.doc = "The names of nodes are looked up again after this time; connections to addresses they do not have any more are given up, those in use when they come back; 0: never"},
	{.name = "facts_interval", .type = OPTION_TIME, FIELD(facts_interval_us), .default_text = "1min",
		.min = US_PER_SEC, .max = DAY_US, .needs_restart = true, NODES,
	.doc = "The catalog facts that tell reads from writes are read again after this time, or sooner on an unknown name or DDL"},

	{.name = "auth_type", .type = OPTION_CHOICE, FIELD(auth_type), .default_text = "scram-sha-256",
		.choices = auth_types, AUTHENTICATION,
	.doc = "How clients prove who they are; md5: SCRAM for who has a verifier; peer: the unix socket's user; cert: the name in the certificate; hba: auth_hba_file says; trust: not at all"},
	{.name = "auth_file", .type = OPTION_PATH, FIELD(auth_file), .default_text = "",
		.example = "users.txt", AUTHENTICATION,
	.doc = "Users and secrets, one \"name\" \"secret\" a line, as PgBouncer's; they log in to the nodes, too"},
	{.name = "auth_hba_file", .type = OPTION_PATH, FIELD(auth_hba_file), .default_text = "", AUTHENTICATION,
	.doc = "Who must prove what, in the format of pg_hba.conf; read with auth_type = hba"},
	{.name = "auth_user", .type = OPTION_STRING, FIELD(auth_user), .default_text = "", AUTHENTICATION,
	.doc = "Who looks up users that are not in auth_file, by auth_query; its password is in auth_file; empty: nobody is looked up"},
	{.name = "auth_query", .type = OPTION_STRING, FIELD(auth_query),
		.default_text = "SELECT usename, CASE WHEN valuntil OPERATOR(pg_catalog.<) pg_catalog.now() THEN NULL ELSE passwd END"
		" FROM pg_catalog.pg_shadow WHERE usename OPERATOR(pg_catalog.=) $1", AUTHENTICATION,
	.doc = "Gives name and secret of the user $1; no row: there is none; a null secret: no password is right"},
	{.name = "auth_dbname", .type = OPTION_STRING, FIELD(auth_dbname), .default_text = "", AUTHENTICATION,
	.doc = "Database, as the nodes name it, in which auth_query is run; a line of [databases] may name its own; empty: monitor_database"},
	{.name = "auth_query_cache", .type = OPTION_TIME, FIELD(auth_query_keep_us), .default_text = "0",
		.min = US_PER_MS, .max = HOUR_US, .zero_allowed = true, AUTHENTICATION,
	.doc = "An answer of auth_query is used again for this long, unless a login with it failed; 0: each login asks"},

	{.name = "client_tls_sslmode", .type = OPTION_CHOICE, FIELD(client_tls_sslmode), .default_text = "disable",
		.choices = tls_modes, TLS,
	.doc = "TLS for clients: allow and prefer offer it, require refuses clients without it (but for the unix socket), verify-ca and verify-full demand a certificate of client_tls_ca_file"},
	{.name = "client_tls_key_file", .type = OPTION_PATH, FIELD(client_tls_key_file), .default_text = "",
		TLS,
	.doc = "Private key of the certificate shown to clients; without passphrase"},
	{.name = "client_tls_cert_file", .type = OPTION_PATH, FIELD(client_tls_cert_file), .default_text = "",
		TLS,
	.doc = "Certificate shown to clients, and those between it and the authority"},
	{.name = "client_tls_ca_file", .type = OPTION_PATH, FIELD(client_tls_ca_file), .default_text = "",
		TLS,
	.doc = "Certificates of the authorities of clients' certificates"},
	{.name = "client_tls_protocols", .type = OPTION_LIST, FIELD(client_tls_protocols), .default_text = "secure",
		TLS,
	.doc = "secure (TLS 1.2 and 1.3), all, or a list of tlsv1.0, tlsv1.1, tlsv1.2, tlsv1.3"},
	{.name = "client_tls_ciphers", .type = OPTION_STRING, FIELD(client_tls_ciphers), .default_text = "default",
		TLS,
	.doc = "Ciphers up to TLS 1.2 in OpenSSL's words, or default, secure, all"},
	{.name = "server_tls_sslmode", .type = OPTION_CHOICE, FIELD(server_tls_sslmode), .default_text = "prefer",
		.choices = tls_modes, .needs_restart = true, TLS,
	.doc = "TLS to the nodes: allow and prefer ask for it and go on without, require insists, verify-ca checks the certificate, verify-full its name too; not for unix sockets"},
	{.name = "server_tls_negotiation", .type = OPTION_CHOICE, FIELD(server_tls_direct), .default_text = "postgres",
		.choices = tls_negotiations, .needs_restart = true, TLS,
	.doc = "direct begins TLS at once, as libpq's sslnegotiation does: for nodes from PostgreSQL 17 on, and proxies that go by the name in the handshake"},
	{.name = "server_tls_key_file", .type = OPTION_PATH, FIELD(server_tls_key_file), .default_text = "",
		.needs_restart = true, TLS,
	.doc = "Private key of the certificate shown to the nodes, if they want one"},
	{.name = "server_tls_cert_file", .type = OPTION_PATH, FIELD(server_tls_cert_file), .default_text = "",
		.needs_restart = true, TLS,
	.doc = "Certificate shown to the nodes"},
	{.name = "server_tls_ca_file", .type = OPTION_PATH, FIELD(server_tls_ca_file), .default_text = "",
		.needs_restart = true, TLS,
	.doc = "Certificates of the authorities of the nodes' certificates"},
	{.name = "server_tls_protocols", .type = OPTION_LIST, FIELD(server_tls_protocols), .default_text = "secure",
		.needs_restart = true, TLS,
	.doc = "secure (TLS 1.2 and 1.3), all, or a list of tlsv1.0, tlsv1.1, tlsv1.2, tlsv1.3"},
	{.name = "server_tls_ciphers", .type = OPTION_STRING, FIELD(server_tls_ciphers), .default_text = "default",
		.needs_restart = true, TLS,
	.doc = "Ciphers up to TLS 1.2 in OpenSSL's words, or default, secure, all"},

	{.name = "query_wait_timeout", .type = OPTION_TIME, FIELD(query_wait_timeout_us), .default_text = "30s",
		.min = US_PER_MS, .max = DAY_US, .zero_allowed = true, LIMITS,
	.doc = "How long a client waits for a server or for a primary before it gets 57P03; 0: without end"},
	{.name = "query_timeout", .type = OPTION_TIME, FIELD(query_timeout_us), .default_text = "0",
		.min = US_PER_MS, .max = 365 * DAY_US, .zero_allowed = true, LIMITS,
	.doc = "A query that runs longer is cancelled with 57014; 0: none is"},
	{.name = "idle_transaction_timeout", .type = OPTION_TIME, FIELD(idle_transaction_timeout_us), .default_text = "0",
		.min = US_PER_MS, .max = 365 * DAY_US, .zero_allowed = true, LIMITS,
	.doc = "A client that leaves a transaction idle for longer is disconnected; 0: none is"},
	{.name = "client_idle_timeout", .type = OPTION_TIME, FIELD(client_idle_timeout_us), .default_text = "0",
		.min = US_PER_MS, .max = 365 * DAY_US, .zero_allowed = true, LIMITS,
	.doc = "A client that asks nothing for longer, outside a transaction, is disconnected; 0: none is"},
	{.name = "client_login_timeout", .type = OPTION_TIME, FIELD(client_login_timeout_us), .default_text = "30s",
		.min = 10 * US_PER_MS, .max = HOUR_US, LIMITS,
	.doc = "From a client's connection to its first ReadyForQuery"},
	{.name = "client_write_timeout", .type = OPTION_TIME, FIELD(client_write_timeout_us), .default_text = "10min",
		.min = US_PER_MS, .max = DAY_US, .zero_allowed = true, LIMITS,
	.doc = "A client that has much to read and takes none of it for so long is disconnected, its query cancelled; 0: none is"},
	{.name = "drain_timeout", .type = OPTION_TIME, FIELD(drain_timeout_us), .default_text = "30s",
		.min = US_PER_MS, .max = DAY_US, .zero_allowed = true, LIMITS,
	.doc = "When the router drains, transactions may go on for this long; 0: until they end"},
	{.name = "drain_grace", .type = OPTION_TIME, FIELD(drain_grace_us), .default_text = "0",
		.min = US_PER_MS, .max = DAY_US, .zero_allowed = true, LIMITS,
	.doc = "After SIGTERM clients may go on for this long before it drains; 0: idle ones are told 57P01 at once"},
	{.name = "takeover_grace", .type = OPTION_TIME, FIELD(takeover_grace_us), .default_text = "1h",
		.min = US_PER_MS, .max = 30 * DAY_US, .zero_allowed = true, LIMITS,
	.doc = "The same when another process has taken over from this one"},

	{.name = "log_format", .type = OPTION_CHOICE, FIELD(log_format), .default_text = "json",
		.choices = log_formats, LOGGING,
	.doc = "One JSON object or one line of text per event, on standard error"},
	{.name = "log_level", .type = OPTION_CHOICE, FIELD(log_level), .default_text = "info",
		.choices = log_levels, LOGGING,
	.doc = "The least important events that are written"},

	{.name = "admin_database", .type = OPTION_STRING, FIELD(admin_database), .default_text = "andon", WINDOWS,
	.doc = "Name of the database that is the router's console"},
	{.name = "admin_users", .type = OPTION_LIST, FIELD(admin_users), .default_text = "", WINDOWS,
	.doc = "Users that may do all on the console, separated by commas"},
	{.name = "stats_users", .type = OPTION_LIST, FIELD(stats_users), .default_text = "", WINDOWS,
	.doc = "Users that may use SHOW on the console, separated by commas"},
	{.name = "stats_period", .type = OPTION_TIME, FIELD(stats_period_us), .default_text = "1min",
		.min = US_PER_SEC, .max = DAY_US, WINDOWS,
	.doc = "SHOW STATS tells the averages of the last period of this length"},
	{.name = "http_addr", .type = OPTION_STRING, FIELD(http_addr), .default_text = "127.0.0.1",
		.needs_restart = true, WINDOWS,
	.doc = "Address of /metrics, /live and /ready"},
	{.name = "http_port", .type = OPTION_INT, FIELD(http_port), .default_text = "8543", .min = 1, .max = 65535,
		.zero_allowed = true, .needs_restart = true, WINDOWS,
	.doc = "Port of /metrics, /live and /ready; 0: no HTTP"},
};
const int	config_option_count = sizeof(config_options) / sizeof(config_options[0]);

/* Choices are enums; the struct relies on their size. */
_Static_assert(sizeof(PoolMode) == sizeof(int) && sizeof(Consistency) == sizeof(int) &&
			   sizeof(AuthMethod) == sizeof(int) && sizeof(LogFormat) == sizeof(int) &&
			   sizeof(LogLevel) == sizeof(int) && sizeof(TlsMode) == sizeof(int), "an enum is not stored like an int");

const ConfigOption *
config_find_option(const char *name)
{
	for (int i = 0; i < config_option_count; i++)
	{
		if (strcmp(config_options[i].name, name) == 0)
			return &config_options[i];
	}
	return NULL;
}
