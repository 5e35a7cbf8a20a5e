/*-------------------------------------------------------------------------
 *
 * pg_link.c
 *	  One libpq connection that never stops the loop.
 *
 *	  RESOLVING -> CONNECTING -> IDLE <-> BUSY
 *	       any of them -> FAILED
 *
 * While it connects libpq may replace its socket by another one, of the same
 * number even.  So the watch is taken off before PQconnectPoll() and a new one
 * is made after it.
 *
 *-------------------------------------------------------------------------
 */
#include "topology/pg_link.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/memory.h"
#include "net/resolve.h"

#define WHY_SIZE 256

/* What a role or database may have set must not change what our statements mean. */
#define PINNED_OPTIONS \
	"-c search_path=pg_catalog -c default_transaction_isolation=read\\ committed " \
	"-c default_transaction_read_only=on -c statement_timeout=0 -c lock_timeout=0 -c idle_session_timeout=0 " \
	"-c DateStyle=ISO -c jit=off"

/* libpq's own "allow" begins without; ours is PgBouncer's. */
static const char *const libpq_modes[] = {
	[TLS_MODE_DISABLE] = "disable",
	[TLS_MODE_ALLOW] = "prefer",
	[TLS_MODE_PREFER] = "prefer",
	[TLS_MODE_REQUIRE] = "require",
	[TLS_MODE_VERIFY_CA] = "verify-ca",
	[TLS_MODE_VERIFY_FULL] = "verify-full",
};

typedef enum LinkState
{
	LINK_RESOLVING,
	LINK_CONNECTING,
	LINK_IDLE,
	LINK_BUSY,
	LINK_FAILED
} LinkState;

struct PgLink
{
	Loop	   *loop;
	const PgLinkEvents *events;
	void	   *owner;
	LinkState	state;
	char	   *host;			/* owned copies of the target */
	int			port;
	char	   *user;
	char	   *password;
	char	   *database;
	const TlsConfig *tls;		/* borrowed; may be NULL */
	Resolution *resolution;		/* not NULL while RESOLVING */
	PGconn	   *conn;			/* owned */
	LoopWatch  *watch;			/* owned; on the socket of conn */
	PGresult   *result;			/* owned; of the statement that runs */
	LoopTimer  *failure;		/* reports a failure in its turn */
	char		why[WHY_SIZE];
};

static void on_resolved(void *arg, struct addrinfo *found, int gai_error);
static void begin_connect(PgLink *link, const char *hosts, const char *addresses);
static void continue_connect(PgLink *link);
static void watch_socket(PgLink *link, bool want_read, bool want_write);
static void on_socket(void *arg, bool readable, bool writable);
static void sent(PgLink *link, int ok);
static void flush_output(PgLink *link);
static void read_answer(PgLink *link);
static void read_notifications(PgLink *link);
static void finish_answer(PgLink *link);
static void fail(PgLink *link, const char *why);
static void on_failure(void *arg);
static void ignore_notice(void *arg, const PGresult *result);
static void copy_reason(char *to, size_t size, const char *text);

PgLink *
pg_link_open(Loop *loop, const PgLinkTarget *target, const PgLinkEvents *events, void *owner)
{
	PgLink	   *link = mem_alloc(sizeof(PgLink));
	struct addrinfo *numeric;

	link->loop = loop;
	link->events = events;
	link->owner = owner;
	link->host = mem_strdup(target->host);
	link->port = target->port;
	link->user = mem_strdup(target->user);
	link->password = target->password != NULL ? mem_strdup(target->password) : NULL;
	link->database = mem_strdup(target->database);
	link->tls = target->tls;
	link->failure = loop_timer_create(loop, on_failure, link);

	if (link->host[0] == '/')
		begin_connect(link, link->host, NULL);
	else if ((numeric = resolve_numeric(link->host, link->port)) != NULL)
		on_resolved(link, numeric, 0);
	else
	{
		link->state = LINK_RESOLVING;
		link->resolution = resolve_start(loop, link->host, link->port, on_resolved, link);
		if (link->resolution == NULL)
			fail(link, "could not start a thread to look the name up");
	}
	return link;
}

void
pg_link_close(PgLink *link)
{
	if (link == NULL)
		return;
	if (link->resolution != NULL)
		resolve_cancel(link->resolution);
	loop_watch_destroy(link->watch);
	loop_timer_destroy(link->failure);
	PQclear(link->result);
	PQfinish(link->conn);
	mem_free(link->host);
	mem_free(link->user);
	mem_free(link->password);
	mem_free(link->database);
	mem_free(link);
}

const char *
pg_link_address(const PgLink *link)
{
	const char *address = PQhostaddr(link->conn);

	return address != NULL ? address : "";
}

/* ---------------------------------------------------------------- connecting */

/* libpq takes as many names as addresses: the name is repeated. */
static void
on_resolved(void *arg, struct addrinfo *found, int gai_error)
{
	PgLink	   *link = arg;
	Buf			hosts = BUF_INIT;
	Buf			addresses = BUF_INIT;
	char		text[NI_MAXHOST];

	link->resolution = NULL;
	if (found == NULL)
	{
		fail(link, gai_strerror(gai_error));
		return;
	}
	for (const struct addrinfo *each = found; each != NULL; each = each->ai_next)
	{
		if (getnameinfo(each->ai_addr, each->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST) != 0)
			continue;
		buf_printf(&hosts, "%s%s", buf_len(&hosts) > 0 ? "," : "", link->host);
		buf_printf(&addresses, "%s%s", buf_len(&addresses) > 0 ? "," : "", text);
	}
	freeaddrinfo(found);
	buf_append_u8(&hosts, 0);
	buf_append_u8(&addresses, 0);
	begin_connect(link, buf_slice(&hosts).data, buf_slice(&addresses).data);
	buf_release(&hosts);
	buf_release(&addresses);
}

static void
begin_connect(PgLink *link, const char *hosts, const char *addresses)
{
	char		port[16];
	const char *const names[] = {
		"host", "port", "user", "password", "dbname", "application_name", "client_encoding",
		"options", "gssencmode", "target_session_attrs", "sslmode", "sslrootcert", "sslcert", "sslkey",
		"sslnegotiation", addresses != NULL ? "hostaddr" : NULL, NULL
	};
	const char *const values[] = {
		hosts, port, link->user, link->password, link->database, "andon-monitor", "UTF8",
		PINNED_OPTIONS, "disable", "any", link->tls != NULL ? libpq_modes[link->tls->mode] : NULL,
		link->tls != NULL && link->tls->mode >= TLS_MODE_VERIFY_CA ? link->tls->ca_file : NULL,
		link->tls != NULL ? link->tls->cert_file : NULL, link->tls != NULL ? link->tls->key_file : NULL,
		link->tls != NULL && link->tls->is_direct && PQlibVersion() >= 170000 ? "direct" : NULL, addresses, NULL
	};

	snprintf(port, sizeof(port), "%d", link->port);
	link->state = LINK_CONNECTING;
	link->conn = PQconnectStartParams(names, values, 0);
	if (link->conn == NULL)
		fail(link, "out of memory");
	else if (PQstatus(link->conn) == CONNECTION_BAD)
		fail(link, PQerrorMessage(link->conn));
	else
	{
		PQsetNoticeReceiver(link->conn, ignore_notice, NULL);
		watch_socket(link, false, true);
	}
}

static void
continue_connect(PgLink *link)
{
	PostgresPollingStatusType status;

	loop_watch_destroy(link->watch);
	link->watch = NULL;
	status = PQconnectPoll(link->conn);
	switch (status)
	{
		case PGRES_POLLING_READING:
			watch_socket(link, true, false);
			break;
		case PGRES_POLLING_OK:
			PQsetnonblocking(link->conn, 1);
			link->state = LINK_IDLE;
			watch_socket(link, true, false);
			link->events->on_open(link->owner);
			break;
		case PGRES_POLLING_FAILED:
			fail(link, PQerrorMessage(link->conn));
			break;
		default:
			watch_socket(link, false, true);
			break;
	}
}

static void
watch_socket(PgLink *link, bool want_read, bool want_write)
{
	if (link->watch == NULL)
		link->watch = loop_watch_create(link->loop, PQsocket(link->conn), on_socket, link);
	loop_watch_set(link->watch, want_read, want_write);
}

static void
on_socket(void *arg, bool readable, bool writable)
{
	PgLink	   *link = arg;

	if (link->state == LINK_CONNECTING)
	{
		continue_connect(link);
		return;
	}
	if (writable)
		flush_output(link);
	if (readable && link->state != LINK_FAILED)
		read_answer(link);
}

/* ---------------------------------------------------------------- statements */

void
pg_link_query(PgLink *link, const char *sql)
{
	sent(link, PQsendQuery(link->conn, sql));
}

void
pg_link_prepare(PgLink *link, const char *name, const char *sql)
{
	sent(link, PQsendPrepare(link->conn, name, sql, 0, NULL));
}

void
pg_link_execute(PgLink *link, const char *name, const char *parameter)
{
	sent(link, PQsendQueryPrepared(link->conn, name, 1, &parameter, NULL, NULL, 0));
}

static void
sent(PgLink *link, int ok)
{
	link->state = LINK_BUSY;
	if (ok)
		flush_output(link);
	else
		fail(link, PQerrorMessage(link->conn));
}

static void
flush_output(PgLink *link)
{
	int			left = PQflush(link->conn);

	if (left < 0)
		fail(link, PQerrorMessage(link->conn));
	else
		watch_socket(link, true, left > 0);
}

static void
read_answer(PgLink *link)
{
	if (!PQconsumeInput(link->conn))
	{
		fail(link, PQerrorMessage(link->conn));
		return;
	}
	read_notifications(link);
	if (link->state != LINK_BUSY)
		return;
	while (!PQisBusy(link->conn))
	{
		PGresult   *result = PQgetResult(link->conn);

		if (result == NULL)
		{
			finish_answer(link);
			return;
		}
		if (link->result == NULL)
			link->result = result;
		else
			PQclear(result);
	}
}

/* What was notified before a statement's answer is told before it. */
static void
read_notifications(PgLink *link)
{
	PGnotify   *notification;
	bool		has_any = false;

	while ((notification = PQnotifies(link->conn)) != NULL)
	{
		PQfreemem(notification);
		has_any = true;
	}
	if (has_any && link->events->on_notify != NULL)
		link->events->on_notify(link->owner);
}

static void
finish_answer(PgLink *link)
{
	PGresult   *result = link->result;

	link->result = NULL;
	if (PQstatus(link->conn) == CONNECTION_BAD)
		fail(link, PQresultErrorMessage(result));
	else
	{
		link->state = LINK_IDLE;
		link->events->on_answer(link->owner, result);
	}
	PQclear(result);
}

/* ---------------------------------------------------------------- failures */

/* May be within a call of the owner: so the owner is told by a timer. */
static void
fail(PgLink *link, const char *why)
{
	copy_reason(link->why, sizeof(link->why), why);
	link->state = LINK_FAILED;
	loop_watch_destroy(link->watch);
	link->watch = NULL;
	loop_timer_start(link->failure, 0);
}

static void
on_failure(void *arg)
{
	PgLink	   *link = arg;

	link->events->on_failed(link->owner, link->why);
}

static void
ignore_notice(void *arg, const PGresult *result)
{
}

/* The first line, without libpq's "connection to server at ... failed: ". */
static void
copy_reason(char *to, size_t size, const char *text)
{
	const char *reason = text != NULL ? text : "";
	const char *failed = strstr(reason, " failed: ");
	size_t		len;

	if (strncmp(reason, "connection to server", 20) == 0 && failed != NULL)
		reason = failed + strlen(" failed: ");
	len = strcspn(reason, "\n");
	if (len == 0)
		snprintf(to, size, "connection lost");
	else
		snprintf(to, size, "%.*s", (int) (len < size ? len : size - 1), reason);
}
