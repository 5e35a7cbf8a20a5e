/*-------------------------------------------------------------------------
 *
 * config.h
 *	  What router.ini says, as one immutable struct.
 *
 * A Config is filled once, checked whole, and never changed: a reload makes a
 * new one.  It is reference counted and may be read by any thread that has a
 * reference.  Only app/ sees it; every module has its own small config struct,
 * which app/ fills from this one.
 *
 * Which options there are, their types, defaults and words is the table in
 * config_options.c; it fills the struct, writes SHOW CONFIG, the reference and
 * the sample file.  Passwords are in auth_file only, so nothing in here is
 * secret.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_APP_CONFIG_H
#define ROUTER_APP_CONFIG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "app/config_errors.h"
#include "auth/method.h"
#include "backend/pool.h"
#include "base/buf.h"
#include "base/log.h"
#include "net/tls.h"
#include "policy/consistency.h"
#include "session/context.h"

typedef struct ConfigNode
{
	char	   *name;			/* owned, like all strings here */
	char	   *host;
	int			port;
	int			weight;			/* its share of the reads; 0: none */
} ConfigNode;

#define CONFIG_INHERIT (-1)		/* not said there: what is said more generally holds */

/* The words are told in config_entries.c. */
typedef struct ConfigDatabase
{
	char	   *name;			/* as clients name it; "*": any other */
	char	   *server_name;	/* as the nodes name it; "" for "*": the same */
	char	   *user;			/* "": the client's */
	char	   *auth_dbname;	/* "": that of the router */
	char	   *connect_query;	/* "": none */
	int			pool_mode;
	int			pool_size;
	int			min_pool_size;
	int			reserve_pool_size;
	int			max_db_connections;
	int			max_db_client_connections;
} ConfigDatabase;

typedef struct ConfigUser
{
	char	   *name;
	int			pool_mode;
	int			pool_size;
	int			reserve_pool_size;
	int			max_user_connections;
	int			max_user_client_connections;
} ConfigUser;

/* One line of [routes]; what it does not say fits everybody. */
typedef struct ConfigRoute
{
	char	   *name;
	char	   *database;		/* patterns, with * and ? */
	char	   *user;
	char	   *application;
	int			target;			/* a RouteTarget */
} ConfigRoute;

/* Times in microseconds, sizes in bytes; 0: no limit, where the option says so. */
typedef struct Config
{
	atomic_int	refcount;
	char	   *path;			/* of the file, as given */

	char	   *listen_addr;	/* comma-separated; "": no TCP */
	int			listen_port;
	int			so_reuseport;	/* 0: no, 1: yes */
	char	   *unix_socket_dir;	/* "": no unix socket */
	int			workers;

	PoolMode	pool_mode;
	PinSessions pin_sessions;
	int			default_pool_size;
	int			min_pool_size;
	int			reserve_pool_size;
	uint64_t	reserve_pool_timeout_us;
	int			max_db_connections;
	int			max_user_connections;
	int			max_client_conn;
	int			max_db_client_connections;
	int			max_user_client_connections;
	int			max_prepared_statements;
	int			max_client_prepared_statements;
	uint64_t	server_lifetime_us;
	uint64_t	server_idle_timeout_us;
	uint64_t	server_check_delay_us;
	char	   *server_check_query; /* "": none */
	char	   *server_reset_query; /* "": nothing but DISCARD ALL */
	int			server_round_robin;
	int			server_fast_close;
	uint64_t	server_connect_timeout_us;
	uint64_t	server_login_retry_us;
	uint64_t	server_reset_timeout_us;

	Consistency consistency;
	uint64_t	replica_wait_us;
	uint64_t	max_replica_lag_us;
	uint64_t	max_replica_lag_bytes;
	uint64_t	slow_start_us;
	int			max_fallback_reads;

	char	   *monitor_user;
	char	   *monitor_database;
	uint64_t	probe_interval_us;
	uint64_t	probe_timeout_us;
	uint64_t	dns_max_ttl_us;
	uint64_t	facts_interval_us;

	AuthMethod	auth_type;
	char	   *auth_file;		/* "": none; relative paths begin at the folder of router.ini */
	char	   *auth_hba_file;	/* for AUTH_HBA; the same */
	char	   *auth_user;		/* "": nobody is looked up */
	char	   *auth_query;
	char	   *auth_dbname;	/* "": monitor_database */
	uint64_t	auth_query_keep_us;

	TlsMode		client_tls_sslmode;
	char	   *client_tls_key_file;	/* "": none; paths like auth_file, here and below */
	char	   *client_tls_cert_file;
	char	   *client_tls_ca_file;
	char	   *client_tls_protocols;
	char	   *client_tls_ciphers;
	TlsMode		server_tls_sslmode;
	int			server_tls_direct;	/* 1: without SSLRequest */
	char	   *server_tls_key_file;
	char	   *server_tls_cert_file;
	char	   *server_tls_ca_file;
	char	   *server_tls_protocols;
	char	   *server_tls_ciphers;
	TlsContext *client_tls;		/* what these and their files make, by config_load_tls(); may be NULL */
	TlsContext *server_tls;

	uint64_t	query_wait_timeout_us;
	uint64_t	query_timeout_us;
	uint64_t	idle_transaction_timeout_us;
	uint64_t	client_idle_timeout_us;
	uint64_t	client_login_timeout_us;
	uint64_t	client_write_timeout_us;
	uint64_t	drain_timeout_us;
	uint64_t	drain_grace_us;
	uint64_t	takeover_grace_us;
	uint64_t	stats_period_us;

	LogFormat	log_format;
	LogLevel	log_level;

	char	   *admin_database;
	char	   *admin_users;	/* comma-separated */
	char	   *stats_users;	/* comma-separated */
	char	   *http_addr;
	int			http_port;		/* 0: no HTTP */

	ConfigNode *nodes;			/* in the order of the file */
	int			nnodes;
	ConfigDatabase *databases;
	int			ndatabases;
	ConfigUser *users;
	int			nusers;
	ConfigRoute *routes;		/* in the order of the file: the first that fits counts */
	int			nroutes;
} Config;

/* A reference, or NULL with errors filled. */
extern Config *config_load(const char *path, ConfigErrors *errors);
extern Config *config_parse(Slice text, const char *path, ConfigErrors *errors);

/* Read the keys and certificates it names; before it is shared. */
extern bool config_load_tls(Config *config, Error *error) __attribute__((warn_unused_result));
extern Config *config_ref(Config *config);
extern void config_unref(Config *config);	/* NULL is fine */

/*
 * What a reload leaves as it is: tell(arg, name) for each changed option that
 * only a restart applies ("[nodes]" for that section); returns how many.
 */
extern int	config_reload_check(const Config *running, const Config *loaded,
								void (*tell) (void *arg, const char *name), void *arg);

/* The configuration that runs after a reload: loaded, but with what needs a
 * restart as it is running.  A new reference. */
extern Config *config_merge_reload(const Config *running, const Config *loaded);

/*
 * The configuration that runs after SET name = value: a new reference, or NULL
 * with errors filled.  Options that only a restart applies are refused.
 */
extern Config *config_with_option(const Config *running, const char *name, const char *value, ConfigErrors *errors);

/* The servers' name of a database a client may name (may be name itself), or NULL. */
extern const char *config_find_database(const Config *config, const char *name);

/* Where auth_query is run for a client that names this database; never NULL. */
extern const char *config_find_auth_database(const Config *config, const char *name);

/* What [users] says of a user; NULL: nothing. */
extern const ConfigUser *config_find_user(const Config *config, const char *name);

/* What holds for that user in that database, beyond the options. */
extern void config_find_limits(const Config *config, const char *name, const char *user, PoolLimits *limits);
extern void config_find_account(const Config *config, const char *name, const char *user, AccountConfig *account);

/* The name of the line of [routes] that fits, and what it asks for; NULL: none does. */
extern const char *config_find_rule(const Config *config, const RouteSubject *subject, RouteTarget *target);

/* Is name in a comma-separated list of the configuration? */
extern bool config_list_has(const char *list, const char *name);

/* The n-th item (from 0) of such a list; an empty slice: there are no more. */
extern Slice config_list_item(const char *list, int n);

/* Fill what the modules want; what session gets points into config, which must
 * live as long as session is in force. */
extern void config_fill_pool(const Config *config, PoolConfig *pool);
extern void config_fill_session(const Config *config, SessionConfig *session);

/* ---- views of it: SHOW CONFIG, --print-config, the reference, the sample ---- */
typedef struct ConfigItem
{
	const char *section;
	const char *name;
	const char *value;
	const char *default_value;	/* NULL: none (nodes, databases) */
	bool		needs_restart;
	const char *doc;			/* one line */
} ConfigItem;

extern void config_each_item(const Config *config, void (*fn) (void *arg, const ConfigItem *item), void *arg);
extern void config_print(const Config *config, Buf *out);	/* as a file that gives the same configuration */
extern void config_write_markdown(Buf *out);	/* docs/reference/config.md */
extern void config_write_sample(Buf *out);	/* etc/router.ini */

#endif							/* ROUTER_APP_CONFIG_H */
