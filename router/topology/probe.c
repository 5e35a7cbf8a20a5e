/*-------------------------------------------------------------------------
 *
 * probe.c
 *	  Keeps asking one node what it is.
 *
 *	  WAITING -> CONNECTING -> HELLO -> PREPARING -> READY <-> ASKING
 *	     ^ any failure: after a pause, that grows from try to try
 *
 * One timer is the deadline.  It starts when a question is sent while none is
 * open, or when the connection is lost, and only an answer stops it: a node
 * that is stopped in the middle of anything, also of our login, is silent
 * timeout_us later, whatever its TCP connections look like.
 *
 * A login that hangs is given up after a while as well, but later: a node
 * that is stopped takes connections all the same, and each one given up is one
 * more for it to look at when it is let go on.
 *
 *-------------------------------------------------------------------------
 */
#include "topology/probe.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/memory.h"
#include "policy/topology_view.h"
#include "topology/name_watch.h"

#define RETRY_FIRST_US (20 * US_PER_MS)
#define RETRY_LAST_US (500 * US_PER_MS)
#define LOGIN_TIMEOUT_MIN_US (3 * US_PER_SEC)
#define STATEMENT_NAME "andon_probe"
#define WHY_SIZE 256

typedef enum ProbeState
{
	PROBE_WAITING,
	PROBE_CONNECTING,
	PROBE_HELLO,
	PROBE_PREPARING,
	PROBE_READY,
	PROBE_ASKING
} ProbeState;

struct Probe
{
	Loop	   *loop;
	ProbeConfig config;
	const ProbeEvents *events;
	void	   *owner;
	ProbeState	state;
	PgLink	   *link;			/* owned; NULL while WAITING */
	NameWatch  *name;			/* owned; NULL: the host is not a name */
	char		address[NODE_ADDRESS_SIZE];	/* of the last link that was open */
	LoopTimer  *deadline;		/* runs while an answer is owed */
	LoopTimer  *retry;			/* WAITING: when to connect; CONNECTING to PREPARING: when to give up */
	uint64_t	pause_us;		/* before the next try */
	bool		is_asked;		/* a sample is wanted */
	NodeSample	sample;			/* of this connection; identity is known from HELLO on */
};

static void open_link(Probe *probe);
static void on_open(void *arg);
static void on_answer(void *arg, const PGresult *result);
static void on_failed(void *arg, const char *why);
static void handle_hello(Probe *probe, const PGresult *result);
static void handle_prepared(Probe *probe, const PGresult *result);
static void handle_sample(Probe *probe, const PGresult *result);
static void become_ready(Probe *probe);
static void ask(Probe *probe);
static void give_up(Probe *probe, const char *why);
static void lose(Probe *probe, const char *why);
static const char *address_in_use(void *arg);
static void on_moved(void *arg);
static void on_deadline(void *arg);
static void on_retry(void *arg);

static const PgLinkEvents link_events = {
	.on_open = on_open,
	.on_answer = on_answer,
	.on_failed = on_failed
};

static const NameWatchEvents name_events = {address_in_use, on_moved};

Probe *
probe_create(Loop *loop, const ProbeConfig *config, const ProbeEvents *events, void *owner)
{
	Probe	   *probe = mem_alloc(sizeof(Probe));

	probe->loop = loop;
	probe->config = *config;
	probe->events = events;
	probe->owner = owner;
	probe->pause_us = RETRY_FIRST_US;
	probe->deadline = loop_timer_create(loop, on_deadline, probe);
	probe->retry = loop_timer_create(loop, on_retry, probe);
	probe->is_asked = true;
	loop_timer_start(probe->deadline, config->timeout_us);
	probe->name = name_watch_create(loop, config->target.host, config->target.port, config->name_ttl_us,
									&name_events, probe);
	open_link(probe);
	return probe;
}

void
probe_destroy(Probe *probe)
{
	if (probe == NULL)
		return;
	name_watch_destroy(probe->name);
	pg_link_close(probe->link);
	loop_timer_destroy(probe->deadline);
	loop_timer_destroy(probe->retry);
	mem_free(probe);
}

void
probe_request(Probe *probe)
{
	if (probe->state == PROBE_READY)
		ask(probe);
	else
		probe->is_asked = true;
}

void
probe_hurry(Probe *probe)
{
	probe_request(probe);
	if (probe->state == PROBE_WAITING)
	{
		loop_timer_stop(probe->retry);
		open_link(probe);
	}
}

/* ---------------------------------------------------------------- the link */

static void
open_link(Probe *probe)
{
	uint64_t	patience_us = 2 * probe->config.timeout_us;

	probe->state = PROBE_CONNECTING;
	probe->link = pg_link_open(probe->loop, &probe->config.target, &link_events, probe);
	loop_timer_start(probe->retry, patience_us > LOGIN_TIMEOUT_MIN_US ? patience_us : LOGIN_TIMEOUT_MIN_US);
}

static void
on_open(void *arg)
{
	Probe	   *probe = arg;

	probe->state = PROBE_HELLO;
	snprintf(probe->address, sizeof(probe->address), "%s", pg_link_address(probe->link));
	pg_link_query(probe->link, sample_hello_sql);
}

static void
on_answer(void *arg, const PGresult *result)
{
	Probe	   *probe = arg;

	switch (probe->state)
	{
		case PROBE_HELLO:
			handle_hello(probe, result);
			break;
		case PROBE_PREPARING:
			handle_prepared(probe, result);
			break;
		case PROBE_ASKING:
			handle_sample(probe, result);
			break;
		default:
			break;
	}
}

static void
handle_hello(Probe *probe, const PGresult *result)
{
	Error		error;

	if (!sample_parse_hello(result, &probe->sample, &error))
	{
		give_up(probe, error.message);
		return;
	}
	probe->state = PROBE_PREPARING;
	pg_link_prepare(probe->link, STATEMENT_NAME, sample_probe_sql);
}

static void
handle_prepared(Probe *probe, const PGresult *result)
{
	const char *why = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		give_up(probe, why != NULL ? why : "the probe could not be prepared");
	else
	{
		loop_timer_stop(probe->retry);
		become_ready(probe);
	}
}

static void
handle_sample(Probe *probe, const PGresult *result)
{
	NodeSample	sample;
	Error		error;

	if (!sample_parse_probe(result, &probe->sample, &error))
	{
		give_up(probe, error.message);
		return;
	}
	sample = probe->sample;		/* the next question overwrites its time, and what it is about */
	probe->pause_us = RETRY_FIRST_US;
	loop_timer_stop(probe->deadline);
	become_ready(probe);
	probe->events->on_sample(probe->owner, probe->config.node, &sample);
}

static void
become_ready(Probe *probe)
{
	probe->state = PROBE_READY;
	if (probe->is_asked)
		ask(probe);
}

static void
ask(Probe *probe)
{
	probe->is_asked = false;
	probe->state = PROBE_ASKING;
	probe->sample.sampled_us = clock_now_us();
	if (!loop_timer_is_running(probe->deadline))
		loop_timer_start(probe->deadline, probe->config.timeout_us);
	pg_link_execute(probe->link, STATEMENT_NAME,
					probe->events->on_ask(probe->owner, probe->config.node, &probe->sample.asked));
}

/* ---------------------------------------------------------------- failures */

static void
on_failed(void *arg, const char *why)
{
	Probe	   *probe = arg;

	if (probe->state >= PROBE_READY)
		lose(probe, why);
	else
		give_up(probe, why);
}

/* A connection that worked is gone: the node may be well.  Try at once. */
static void
lose(Probe *probe, const char *why)
{
	char		kept[WHY_SIZE];

	snprintf(kept, sizeof(kept), "%s", why);
	pg_link_close(probe->link);
	if (!loop_timer_is_running(probe->deadline))
		loop_timer_start(probe->deadline, probe->config.timeout_us);
	probe->is_asked = true;
	open_link(probe);
	probe->events->on_lost(probe->owner, probe->config.node, kept);
}

const char *
probe_address(const Probe *probe)
{
	return probe->address;
}

/* One that is being opened goes where the name leads. */
static const char *
address_in_use(void *arg)
{
	Probe	   *probe = arg;

	return probe->state >= PROBE_READY ? probe->address : "";
}

static void
on_moved(void *arg)
{
	lose(arg, "its name has another address now");
}

/* The node refuses, or does not answer as a PostgreSQL we can use. */
static void
give_up(Probe *probe, const char *why)
{
	char		kept[WHY_SIZE];

	snprintf(kept, sizeof(kept), "%s", why);
	pg_link_close(probe->link);
	probe->link = NULL;
	probe->state = PROBE_WAITING;
	probe->is_asked = true;
	loop_timer_stop(probe->deadline);
	loop_timer_start(probe->retry, probe->pause_us);
	probe->pause_us = probe->pause_us * 2 < RETRY_LAST_US ? probe->pause_us * 2 : RETRY_LAST_US;
	probe->events->on_silent(probe->owner, probe->config.node, kept);
}

static void
on_deadline(void *arg)
{
	Probe	   *probe = arg;
	char		why[WHY_SIZE];

	snprintf(why, sizeof(why), "no answer within %llu ms",
			 (unsigned long long) (probe->config.timeout_us / US_PER_MS));

	/* What is asked on this connection may be answered much later, about long
	 * ago; a new one is as quick for a node that is well. */
	if (probe->state >= PROBE_READY)
	{
		pg_link_close(probe->link);
		probe->is_asked = true;
		open_link(probe);
	}
	probe->events->on_silent(probe->owner, probe->config.node, why);
}

static void
on_retry(void *arg)
{
	Probe	   *probe = arg;

	if (probe->state == PROBE_WAITING)
		open_link(probe);
	else
		give_up(probe, "the login took too long");
}
