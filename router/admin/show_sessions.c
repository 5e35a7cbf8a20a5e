/*-------------------------------------------------------------------------
 *
 * show_sessions.c
 *	  Connections.  SHOW CLIENTS: every session of every worker, the console's
 *	  included; SHOW SERVERS: those to the nodes; SHOW SOCKETS: what both have
 *	  passed on.
 *
 * They begin with the same columns, PgBouncer's in its order.  A server's
 * database is the one its clients name.  ptr names a connection, C or S and a
 * number that no other of the process has or had; link is the ptr of the one it
 * is joined with.
 *
 *-------------------------------------------------------------------------
 */
#include "admin/console_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "session/client.h"

#define CONNECTION_COLUMNS \
	{"type", RESULT_ORDER}, \
	{"user", RESULT_ORDER}, \
	{"database", RESULT_ORDER}, \
	{"replication", RESULT_TEXT}, \
	{"state", RESULT_TEXT}, \
	{"addr", RESULT_ORDER}, \
	{"port", RESULT_ORDER}, \
	{"local_addr", RESULT_TEXT}, \
	{"local_port", RESULT_TEXT}, \
	{"connect_time", RESULT_ORDER}, \
	{"request_time", RESULT_TEXT}, \
	{"wait", RESULT_MAX_SECONDS},	/* for a server */ \
	{"wait_us", RESULT_MAX_MICROSECONDS}, \
	{"close_needed", RESULT_TEXT},	/* of servers */ \
	{"ptr", RESULT_TEXT}, \
	{"link", RESULT_TEXT}, \
	{"remote_pid", RESULT_TEXT},	/* the backend; of clients by the unix socket the process */ \
	{"tls", RESULT_TEXT}, \
	{"application_name", RESULT_TEXT},	/* of a server its client's */ \
	{"prepared_statements", RESULT_TEXT}, \
	{"id", RESULT_TEXT}

static const ResultColumn client_columns[] = {
	CONNECTION_COLUMNS,
	{"node", RESULT_TEXT},		/* of the server it holds */
	{"tx_status", RESULT_TEXT},
	{"floor", RESULT_TEXT},
	{"pin_reason", RESULT_TEXT},
	{"route", RESULT_TEXT},		/* what it asks for, and how */
	{"route_rule", RESULT_TEXT},
	{"worker", RESULT_TEXT},
};

static const ResultColumn server_columns[] = {
	CONNECTION_COLUMNS,
	{"node", RESULT_TEXT},
	{"role", RESULT_TEXT},
	{"tx_status", RESULT_TEXT},
	{"worker", RESULT_TEXT},
};

static const ResultColumn socket_columns[] = {
	CONNECTION_COLUMNS,
	{"received", RESULT_TEXT},	/* bytes */
	{"sent", RESULT_TEXT},
	{"send_remain", RESULT_TEXT},	/* bytes the other end has not taken yet */
	{"paused", RESULT_TEXT},	/* 1: not read, since who gets it does not keep up */
	{"worker", RESULT_TEXT},
};

const ResultShape show_clients_shape = RESULT_SHAPE(client_columns);
const ResultShape show_servers_shape = RESULT_SHAPE(server_columns);
const ResultShape show_sockets_shape = RESULT_SHAPE(socket_columns);

/* A client that holds a server. */
typedef struct Holder
{
	uint64_t	server_id;
	uint64_t	client_id;
	const char *application_name;	/* borrowed */
} Holder;

typedef struct Visit
{
	Result	   *result;
	SessionContext *context;
	int			worker;
	uint64_t	now_us;
	bool		only_active;
	Holder	   *holders;		/* by server_id, while servers are shown */
	size_t		nholders;
} Visit;

/* What the columns of both kinds are made of. */
typedef struct Connection
{
	const char *type;
	uint64_t	id;
	const char *user;
	const char *database;
	const char *replication;
	const char *state;
	const char *address;
	int			port;
	uint64_t	connected_us;
	uint64_t	request_us;
	uint64_t	wait_us;
	bool		is_retired;
	const char *link_type;
	uint64_t	link_id;		/* 0: none */
	uint64_t	pid;			/* 0: not known */
	const char *application_name;
	uint64_t	statements;
	const Stream *stream;		/* NULL: closed */
} Connection;

static Visit begin_visit(ConsoleRun *run, int worker, SessionContext *context);
static void each_server(Visit *visit, void (*fn) (void *arg, const Server *server));
static void note_holder(void *arg, const ClientStats *stats);
static int	compare_holders(const void *a, const void *b);
static Holder find_holder(const Visit *visit, uint64_t server_id);
static void add_client(void *arg, const ClientStats *stats);
static void add_server(void *arg, const Server *server);
static void add_sockets(Visit *visit);
static void add_client_socket(void *arg, const ClientStats *stats);
static void add_server_socket(void *arg, const Server *server);
static void begin_client_row(const Visit *visit, const ClientStats *stats);
static void begin_server_row(const Visit *visit, const ServerStats *stats);
static void begin_row(const Visit *visit, const Connection *connection);
static void add_ptr(Result *result, const char *type, uint64_t id);
static void add_bytes(const Visit *visit, const Stream *stream);

void
show_clients(ConsoleRun *run, int worker, SessionContext *context)
{
	Visit		visit = begin_visit(run, worker, context);

	client_each(context, add_client, &visit);
}

void
show_servers(ConsoleRun *run, int worker, SessionContext *context)
{
	Visit		visit = begin_visit(run, worker, context);

	each_server(&visit, add_server);
}

void
show_sockets(ConsoleRun *run, int worker, SessionContext *context)
{
	Visit		visit = begin_visit(run, worker, context);

	add_sockets(&visit);
}

void
show_active_sockets(ConsoleRun *run, int worker, SessionContext *context)
{
	Visit		visit = begin_visit(run, worker, context);

	visit.only_active = true;
	add_sockets(&visit);
}

static Visit
begin_visit(ConsoleRun *run, int worker, SessionContext *context)
{
	return (Visit) {.result = run->result, .context = context, .worker = worker, .now_us = clock_now_us()};
}

/* Servers do not know who holds them; clients do. */
static void
each_server(Visit *visit, void (*fn) (void *arg, const Server *server))
{
	client_each(visit->context, note_holder, visit);
	if (visit->nholders > 0)
		qsort(visit->holders, visit->nholders, sizeof(Holder), compare_holders);
	pool_set_each_server(visit->context->pools, fn, visit);
	mem_free(visit->holders);
}

static void
note_holder(void *arg, const ClientStats *stats)
{
	Visit	   *visit = arg;

	if (stats->server_id == 0)
		return;
	visit->holders = mem_realloc(visit->holders, (visit->nholders + 1) * sizeof(Holder));
	visit->holders[visit->nholders++] = (Holder) {stats->server_id, stats->id, stats->application_name};
}

static int
compare_holders(const void *a, const void *b)
{
	uint64_t	id_a = ((const Holder *) a)->server_id;
	uint64_t	id_b = ((const Holder *) b)->server_id;

	return (id_a > id_b) - (id_a < id_b);
}

/* With nothing in it, if no client holds that server. */
static Holder
find_holder(const Visit *visit, uint64_t server_id)
{
	const Holder wanted = {.server_id = server_id};
	const Holder *found = visit->nholders == 0 ? NULL :
		bsearch(&wanted, visit->holders, visit->nholders, sizeof(Holder), compare_holders);

	return found != NULL ? *found : (Holder) {.application_name = ""};
}

static void
add_client(void *arg, const ClientStats *stats)
{
	const Visit *visit = arg;
	Result	   *result = visit->result;
	const char tx_status[2] = {stats->tx_status, '\0'};

	begin_client_row(visit, stats);
	show_node_name(result, visit->context, stats->node);
	result_add_text(result, tx_status);
	result_add_lsn(result, stats->floor);
	result_add_text(result, stats->pin_reason);
	result_add_text(result, route_target_names[stats->wish->target]);
	result_add_text(result, stats->wish->is_set ? "SET andon.route" : stats->wish->rule);
	result_add_number(result, (uint64_t) visit->worker);
}

static void
add_server(void *arg, const Server *server)
{
	const Visit *visit = arg;
	Result	   *result = visit->result;
	ServerStats stats;
	char		tx_status[2] = {0};

	server_stats(server, &stats);
	tx_status[0] = stats.tx_status;
	begin_server_row(visit, &stats);
	show_node_name(result, visit->context, stats.node);
	show_node_role(result, visit->context, stats.node);
	result_add_text(result, tx_status);
	result_add_number(result, (uint64_t) visit->worker);
}

static void
add_sockets(Visit *visit)
{
	client_each(visit->context, add_client_socket, visit);
	each_server(visit, add_server_socket);
}

static void
add_client_socket(void *arg, const ClientStats *stats)
{
	const Visit *visit = arg;

	if (visit->only_active && stats->state == CLIENT_READY && stats->server_id == 0)
		return;
	begin_client_row(visit, stats);
	add_bytes(visit, stats->stream);
}

static void
add_server_socket(void *arg, const Server *server)
{
	const Visit *visit = arg;
	ServerStats stats;

	server_stats(server, &stats);
	if (visit->only_active && stats.state == SERVER_IDLE)
		return;
	begin_server_row(visit, &stats);
	add_bytes(visit, stats.stream);
}

static void
begin_client_row(const Visit *visit, const ClientStats *stats)
{
	uint64_t	since_us = stats->waiting_since_us;

	begin_row(visit, &(Connection) {
			  .type = "C",
			  .id = stats->id,
			  .user = stats->user,
			  .database = stats->database,
			  .replication = stats->replication,
			  .state = client_state_name(stats->state),
			  .address = stats->peer->text,
			  .port = stats->peer->port,
			  .connected_us = stats->connected_us,
			  .request_us = stats->request_us,
			  .wait_us = since_us != 0 && visit->now_us > since_us ? visit->now_us - since_us : 0,
			  .link_type = "S",
			  .link_id = stats->server_id,
			  .pid = (uint64_t) stats->peer->pid,
			  .application_name = stats->application_name,
			  .statements = stats->statements,
			  .stream = stats->stream,
			  });
}

static void
begin_server_row(const Visit *visit, const ServerStats *stats)
{
	const Holder holder = find_holder(visit, stats->id);

	begin_row(visit, &(Connection) {
			  .type = "S",
			  .id = stats->id,
			  .user = stats->user,
			  .database = stats->name,
			  .replication = "none",	/* replication connections belong to no pool */
			  .state = server_state_name(stats->state),
			  .address = stats->address,
			  .port = stats->port,
			  .connected_us = stats->connected_us,
			  .request_us = stats->used_us,
			  .is_retired = stats->is_retired,
			  .link_type = "C",
			  .link_id = holder.client_id,
			  .pid = stats->pid,
			  .application_name = holder.application_name,
			  .statements = stats->statements,
			  .stream = stats->stream,
			  });
}

static void
begin_row(const Visit *visit, const Connection *connection)
{
	Result	   *result = visit->result;
	PeerAddress local = {0};
	char		tls[STREAM_TLS_TEXT_SIZE] = "";

	if (connection->stream)
	{
		stream_describe_local(connection->stream, &local);
		stream_describe_tls(connection->stream, tls, sizeof(tls));
	}
	result_begin_row(result);
	result_add_text(result, connection->type);
	result_add_text(result, connection->user);
	result_add_text(result, connection->database);
	result_add_text(result, connection->replication);
	result_add_text(result, connection->state);
	result_add_text(result, connection->address);
	result_add_number(result, (uint64_t) connection->port);
	result_add_text(result, local.text);
	result_add_number(result, (uint64_t) local.port);
	result_add_time(result, connection->connected_us, visit->now_us);
	result_add_time(result, connection->request_us, visit->now_us);
	result_add_number(result, connection->wait_us);
	result_add_number(result, connection->wait_us);
	result_add_number(result, connection->is_retired);
	add_ptr(result, connection->type, connection->id);
	add_ptr(result, connection->link_type, connection->link_id);
	result_add_number(result, connection->pid);
	result_add_text(result, tls);
	result_add_text(result, connection->application_name);
	result_add_number(result, connection->statements);
	result_add_number(result, connection->id);
}

/* "" where there is none, as in PgBouncer. */
static void
add_ptr(Result *result, const char *type, uint64_t id)
{
	char		text[32] = "";

	if (id != 0)
		snprintf(text, sizeof(text), "%s%llu", type, (unsigned long long) id);
	result_add_text(result, text);
}

static void
add_bytes(const Visit *visit, const Stream *stream)
{
	StreamStats bytes = {0};

	if (stream)
		stream_stats(stream, &bytes);
	result_add_number(visit->result, bytes.received_bytes);
	result_add_number(visit->result, bytes.sent_bytes);
	result_add_number(visit->result, stream ? stream_queued(stream) : 0);
	result_add_number(visit->result, stream && stream_is_paused(stream));
	result_add_number(visit->result, (uint64_t) visit->worker);
}
