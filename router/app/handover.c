/*-------------------------------------------------------------------------
 *
 * handover.c
 *	  A new process takes the listening sockets over from the one that runs.
 *
 * Not one connection attempt fails: the sockets themselves go from process to
 * process, with what waits in them, and are never closed (why not otherwise:
 * docs/decisions/0006-restart.md).
 *
 *	  new process (--takeover)				  old process (door.c)
 *	  ------------------------------------	  --------------------------------------
 *	  reads its configuration; what is wrong
 *	  ends it here
 *	  to all doors: "takeover 1 PID PORT ..."-> "no", if it does not listen there
 *											<- "sockets", descriptors; "end"
 *	  PREPARING: monitor and workers start,	  SERVING, as if nothing were
 *	  nothing is accepted
 *	  a node answers: SERVING, "go"			-> GRACE: workers stop listening, copies
 *											   of the sockets are closed, HTTP rests
 *											<- "gone"; systemd is told of the new one
 *	  clients of both go on; cancel requests find the right one (cancel_route.c)
 *
 * What can happen in between, seen from the side that is left:
 *
 *	  the new one ends before "go"			 the old one goes on as if nothing were
 *	  no node answers the new one			 it ends after PREPARE_TIMEOUT, the same
 *	  the old one ends before "go"			 the new one serves at once: clients wait
 *											 in the sockets it has
 *	  the old one is stopped (SIGSTOP)		 it offers nothing; the port is taken, the
 *											 new one ends
 *	  two new ones at once					 the first is offered, the second is not
 *	  the unix socket's file				 is the new one's from "go" (or the old
 *											 one's end) on: the old one leaves it alone
 *	  the service manager's sockets			 are handed on like others, and stay with it
 *
 * SIGUSR2 starts the new process from the old: the program's file as it is by
 * then, the same configuration file, this process named.  That way it is of
 * the same service to systemd, which the old one tells of it.
 *
 *-------------------------------------------------------------------------
 */
#include "app/router_internal.h"

#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/cancel.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/service_manager.h"

#define HANDOVER_VERSION 1
#define ANSWER_TIMEOUT_US (5 * US_PER_SEC)
#define PREPARE_TIMEOUT_US (60 * US_PER_SEC)

extern char **environ;

static int	ask_all(Router *router, PeerLink **links);
static bool listen_to_offer(PeerLink *link, Sockets *sockets, uint64_t until_us);
static bool take_offered(PeerPacket *packet, Sockets *sockets);
static void on_predecessor_packet(void *owner, PeerPacket *packet);
static void on_predecessor_gone(void *owner);
static void on_prepare_timeout(void *arg);
static bool is_meant(const Router *router, const PeerPacket *packet);
static bool have_common_item(const char *a, const char *b);
static bool offer_sockets(Router *router);
static void on_successor_packet(void *owner, PeerPacket *packet);
static void on_successor_gone(void *owner);

static const PeerEvents predecessor_events = {on_predecessor_packet, on_predecessor_gone};
static const PeerEvents successor_events = {on_successor_packet, on_successor_gone};

static const char *const use_words[] = {[SOCKET_CLIENTS] = "clients", [SOCKET_HTTP] = "http"};
static const char *const kind_words[] = {[SOCKET_OWN] = "own", [SOCKET_SHARED] = "shared", [SOCKET_MANAGED] = "managed"};

/* ---------------------------------------------------------------- the new process */

bool
handover_ask(Router *router, Error *error)
{
	PeerLink   *links[CANCEL_GENERATIONS];
	uint64_t	until_us = clock_now_us() + ANSWER_TIMEOUT_US;
	int			offers = 0;

	if (ask_all(router, links) == 0)
		LOG_INFO("takeover_from_nobody");
	for (int i = 0; i < CANCEL_GENERATIONS; i++)
	{
		if (links[i] != NULL && listen_to_offer(links[i], router->sockets, until_us))
		{
			offers++;
			peer_link_destroy(router->predecessor);
			router->predecessor = links[i];
		}
		else
			peer_link_destroy(links[i]);
	}
	if (offers <= 1)
		return true;
	error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "%d routers listen on port %d", offers, router->config->listen_port);
	error_set_hint(error, "Say which one ends: --takeover=PID.");
	return false;
}

/* All at once: one that does not answer costs its time once. */
static int
ask_all(Router *router, PeerLink **links)
{
	Buf			out = BUF_INIT;
	int			asked = 0;

	buf_printf(&out, "takeover %d %d %d\n%s\n%s\n", HANDOVER_VERSION, (int) router->start.predecessor,
			   router->config->listen_port, router->config->listen_addr, router->config->unix_socket_dir);
	for (int i = 0; i < CANCEL_GENERATIONS; i++)
	{
		links[i] = router->door && i == router->generation ? NULL : peer_knock(router->loop, i);
		if (links[i] == NULL)
			continue;
		if (peer_link_send(links[i], buf_slice(&out), NULL, 0))
			asked++;
	}
	buf_release(&out);
	return asked;
}

/* False: it does not listen where we want to, or does not answer. */
static bool
listen_to_offer(PeerLink *link, Sockets *sockets, uint64_t until_us)
{
	PeerPacket *packet = mem_alloc(sizeof(PeerPacket));
	bool		has_offered = false;

	for (;;)
	{
		uint64_t	now_us = clock_now_us();

		if (!peer_link_receive(link, until_us > now_us ? until_us - now_us : 0, packet) ||
			(has_offered = strcmp(packet->data, "end") == 0) || !take_offered(packet, sockets))
			break;
	}
	mem_free(packet);
	return has_offered;
}

/* "sockets" and a line "USE KIND" for each descriptor. */
static bool
take_offered(PeerPacket *packet, Sockets *sockets)
{
	const char *line = packet->data;
	bool		ok = strncmp(line, "sockets\n", 8) == 0;

	for (int i = 0; ok && i < packet->nfds; i++)
	{
		char		use[16] = "";
		char		kind[16] = "";

		line = strchr(line, '\n') + 1;
		ok = sscanf(line, "%15s %15s", use, kind) == 2 && strchr(line, '\n') != NULL;
		if (!ok)
			break;
		sockets_hand(sockets, packet->fds[i], strcmp(use, "http") == 0 ? SOCKET_HTTP : SOCKET_CLIENTS,
					 strcmp(kind, "managed") == 0 ? SOCKET_MANAGED :
					 strcmp(kind, "shared") == 0 ? SOCKET_SHARED : SOCKET_OWN);
		packet->fds[i] = -1;
	}
	peer_packet_close_fds(packet);
	return ok;
}

void
handover_prepare(Router *router)
{
	LOG_INFO("takeover_begins", LF_INT("from", peer_link_pid(router->predecessor)));
	router->prepare_timer = loop_timer_create(router->loop, on_prepare_timeout, router);
	loop_timer_start(router->prepare_timer, PREPARE_TIMEOUT_US);
	peer_link_set_owner(router->predecessor, &predecessor_events, router);
}

void
handover_go(Router *router)
{
	loop_timer_stop(router->prepare_timer);
	if (!peer_link_send(router->predecessor, slice_from_string("go"), NULL, 0))
		LOG_WARN("takeover_alone", LF_STR("reason", "the process before does not answer"));
}

static void
on_predecessor_packet(void *owner, PeerPacket *packet)
{
	Router	   *router = owner;

	if (strcmp(packet->data, "gone") == 0)
		LOG_INFO("takeover_done", LF_INT("from", peer_link_pid(router->predecessor)));
}

/* It has gone before its time: what it had is ours. */
static void
on_predecessor_gone(void *owner)
{
	Router	   *router = owner;

	peer_link_destroy(router->predecessor);
	router->predecessor = NULL;
	loop_timer_stop(router->prepare_timer);
	if (router->phase == PHASE_PREPARING)
	{
		LOG_WARN("takeover_alone", LF_STR("reason", "the process before has ended"));
		router_begin_serving(router);
	}
}

static void
on_prepare_timeout(void *arg)
{
	router_fail(arg, "no node answers: the process before goes on");
}

/* ---------------------------------------------------------------- the old process */

void
handover_on_request(Router *router, PeerLink *link, const PeerPacket *packet)
{
	if (router->phase == PHASE_SERVING && router->successor == NULL && is_meant(router, packet))
	{
		router->successor = link;
		peer_link_set_owner(link, &successor_events, router);
		if (offer_sockets(router))
		{
			LOG_INFO("handover_offered", LF_INT("to", peer_link_pid(link)));
			return;
		}
		router->successor = NULL;
	}
	peer_link_destroy(link);
}

/* It wants to listen somewhere we do, and us if it named one. */
static bool
is_meant(const Router *router, const PeerPacket *packet)
{
	const Config *config = router->first_config;
	char		addresses[PEER_PACKET_MAX];
	char		dir[PEER_PACKET_MAX];
	int			version;
	int			pid;
	int			port;
	int			at = 0;
	size_t		len;

	if (sscanf(packet->data, "takeover %d %d %d%n", &version, &pid, &port, &at) != 3 || packet->data[at] != '\n')
		return false;
	len = strcspn(packet->data + at + 1, "\n");
	memcpy(addresses, packet->data + at + 1, len);
	addresses[len] = '\0';
	at += 1 + (int) len;
	if (packet->data[at] != '\n')
		return false;
	len = strcspn(packet->data + at + 1, "\n");
	memcpy(dir, packet->data + at + 1, len);
	dir[len] = '\0';
	return version == HANDOVER_VERSION && (pid == 0 || pid == (int) getpid()) && port == config->listen_port &&
		(have_common_item(addresses, config->listen_addr) ||
		 (dir[0] != '\0' && strcmp(dir, config->unix_socket_dir) == 0));
}

static bool
have_common_item(const char *a, const char *b)
{
	Slice		one;
	Slice		other;

	for (int i = 0; (one = config_list_item(a, i)).len > 0; i++)
	{
		for (int j = 0; (other = config_list_item(b, j)).len > 0; j++)
		{
			if (slice_equals(one, other))
				return true;
		}
	}
	return false;
}

static bool
offer_sockets(Router *router)
{
	int			count = sockets_count(router->sockets);
	bool		ok = true;

	for (int done = 0; ok && done < count;)
	{
		Buf			out = BUF_INIT;
		int			fds[PEER_FDS_MAX];
		int			nfds = 0;

		buf_append_string(&out, "sockets\n");
		for (; done < count && nfds < PEER_FDS_MAX; done++)
		{
			const ListenSocket *socket = sockets_get(router->sockets, done);

			buf_printf(&out, "%s %s\n", use_words[socket->use], kind_words[socket->kind]);
			fds[nfds++] = socket->fd;
		}
		ok = peer_link_send(router->successor, buf_slice(&out), fds, nfds);
		buf_release(&out);
	}
	return ok && peer_link_send(router->successor, slice_from_string("end"), NULL, 0);
}

static void
on_successor_packet(void *owner, PeerPacket *packet)
{
	Router	   *router = owner;

	if (strcmp(packet->data, "go") != 0 || router->phase != PHASE_SERVING)
		return;
	router->has_successor = true;
	sockets_leave_unix(router->sockets);
	service_manager_tell_successor(peer_link_pid(router->successor));
	router_yield(router);
}

/* Before "go": it has failed, and we go on. */
static void
on_successor_gone(void *owner)
{
	Router	   *router = owner;

	if (!router->has_successor)
		LOG_WARN("handover_failed", LF_INT("to", peer_link_pid(router->successor)));
	peer_link_destroy(router->successor);
	router->successor = NULL;
}

void
handover_done(Router *router)
{
	if (router->successor == NULL)
		return;
	LOG_INFO("handover_done", LF_INT("to", peer_link_pid(router->successor)));
	if (!peer_link_send(router->successor, slice_from_string("gone"), NULL, 0))
		LOG_DEBUG("handover_silent");
}

/* We end: who was offered the sockets has them, and is told by the end of the link. */
void
handover_give_up(Router *router)
{
	if (router->successor == NULL)
		return;
	sockets_leave_unix(router->sockets);
	peer_link_destroy(router->successor);
	router->successor = NULL;
}

/* Where the sockets are still the process's before, so is the file. */
void
handover_close(Router *router)
{
	if (router->predecessor && router->phase == PHASE_PREPARING && router->sockets)
		sockets_leave_unix(router->sockets);
	peer_link_destroy(router->predecessor);
	peer_link_destroy(router->successor);
	loop_timer_destroy(router->prepare_timer);
}

/* ---------------------------------------------------------------- SIGUSR2 */

void
handover_start_successor(void *arg)
{
	Router	   *router = arg;
	char		takeover[32];
	char	   *command[] = {(char *) router->start.program, (char *) "-c", (char *) router->config->path, takeover, NULL};
	posix_spawnattr_t attributes;
	sigset_t	none;
	sigset_t	usual;
	pid_t		pid;
	int			failure;

	if (router->phase != PHASE_SERVING)
	{
		LOG_WARN("successor_refused", LF_STR("reason", "this process does not listen"));
		return;
	}
	snprintf(takeover, sizeof(takeover), "--takeover=%d", (int) getpid());
	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGCHLD);
	sigaddset(&usual, SIGPIPE);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &usual);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	failure = posix_spawnp(&pid, router->start.program, NULL, &attributes, command, environ);
	posix_spawnattr_destroy(&attributes);
	if (failure != 0)
		LOG_ERROR("successor_failed", LF_STR("program", router->start.program), LF_STR("reason", strerror(failure)));
	else
		LOG_INFO("successor_started", LF_INT("pid", pid));
}
