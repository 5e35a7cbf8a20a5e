/*-------------------------------------------------------------------------
 *
 * cancel_route.c
 *	  Brings a cancel request to whoever knows the client it is about.
 *
 * The kernel gives a cancel request to any worker, of any process that listens
 * on the port: of the one before while it drains, of one beside us.  The
 * number in the key names both (backend/cancel.h):
 *
 *	  sender's worker ---------------------------------------> owner's worker
 *	  sender's worker --> main --door--> main of the owner's process --> owner's worker
 *
 * and back, so that the sender's connection ends when the owner has acted.
 * Through the door goes "cancel NUMBER KEY", the key in hexadecimal; the answer
 * is the end of that link.  Nothing is believed but the key itself, which the
 * owner compares.  Anybody may send cancel requests, so what passes on to other
 * processes is limited; one too many is dropped like one with a wrong key.  One
 * to a process that is not there does not count: most guesses are that.
 *
 *-------------------------------------------------------------------------
 */
#include "app/router_internal.h"

#include <stdio.h>
#include <string.h>

#include "backend/cancel.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "session/client.h"

#define KEY_MAX_BYTES 256
#define ABROAD_AT_ONCE 64
#define ABROAD_PER_SECOND 500
#define ABROAD_TIMEOUT_US (5 * US_PER_SEC)

/* A cancel request on its way and back. */
typedef struct CancelPost
{
	ListNode	node;			/* in router->cancels while it has a link */
	Router	   *router;
	Worker	   *owner;			/* NULL: another process has it */
	Worker	   *sender;			/* NULL: it came through the door */
	PeerLink   *link;			/* owned; to that process, or from it; or NULL */
	LoopTimer  *timer;			/* owned; patience with that process */
	CancelRequest request;
	char		key[KEY_MAX_BYTES];
} CancelPost;

static CancelPost *post_create(Router *router, const CancelRequest *request);
static void post_destroy(CancelPost *post);
static void act(void *arg);
static void tell_sender(void *arg);
static void go_abroad(void *arg);
static bool knock(CancelPost *post);
static bool may_go_abroad(Router *router);
static bool send_abroad(CancelPost *post);
static void on_answer(void *owner, PeerPacket *packet);
static void on_abroad_done(void *owner);
static void on_visitor_served(void *arg);
static void on_visitor_gone(void *owner);
static bool parse_request(const PeerPacket *packet, CancelRequest *request, char *key);

static const PeerEvents abroad_events = {on_answer, on_abroad_done};
static const PeerEvents visitor_events = {on_answer, on_visitor_gone};

/* In the thread of the worker whose client sent it. */
bool
cancel_route_request(void *arg, const CancelRequest *request)
{
	Router	   *router = arg;
	int			owner = cancel_pid_worker(request->pid);
	bool		is_ours = cancel_pid_generation(request->pid) == router->generation;
	CancelPost *post;

	if (request->key.len > KEY_MAX_BYTES || (is_ours && owner >= router->nworkers) || (!is_ours && router->door == NULL))
		return false;
	post = post_create(router, request);
	post->sender = router->workers[cancel_pid_worker(request->sender_pid)];
	if (is_ours)
	{
		post->owner = router->workers[owner];
		worker_post(post->owner, act, post);
	}
	else
		loop_post(router->loop, go_abroad, post);
	return true;
}

/* In the main thread, with a link that is now ours. */
void
cancel_route_visitor(Router *router, PeerLink *link, const PeerPacket *packet)
{
	CancelRequest request = {0};
	char		key[KEY_MAX_BYTES];
	CancelPost *post;
	int			owner;

	if (!parse_request(packet, &request, key) || cancel_pid_generation(request.pid) != router->generation ||
		(owner = cancel_pid_worker(request.pid)) >= router->nworkers)
	{
		peer_link_destroy(link);
		return;
	}
	post = post_create(router, &request);
	post->owner = router->workers[owner];
	post->link = link;
	list_push_tail(&router->cancels, &post->node);
	peer_link_set_owner(link, &visitor_events, post);
	worker_post(post->owner, act, post);
}

void
cancel_route_close(Router *router)
{
	LIST_FOREACH(node, &router->cancels)
		post_destroy(list_entry(node, CancelPost, node));
}

static CancelPost *
post_create(Router *router, const CancelRequest *request)
{
	CancelPost *post = mem_alloc(sizeof(CancelPost));

	post->router = router;
	post->request = *request;
	memcpy(post->key, request->key.data, request->key.len);
	post->request.key.data = post->key;
	return post;
}

static void
post_destroy(CancelPost *post)
{
	if (list_node_is_linked(&post->node))
		list_remove(&post->router->cancels, &post->node);
	peer_link_destroy(post->link);
	loop_timer_destroy(post->timer);
	mem_free(post);
}

/* In the owner's thread. */
static void
act(void *arg)
{
	CancelPost *post = arg;

	client_cancel(worker_context(post->owner), post->request.pid, post->request.key);
	if (post->sender)
		worker_post(post->sender, tell_sender, post);
	else
		loop_post(post->router->loop, on_visitor_served, post);
}

/* In the sender's. */
static void
tell_sender(void *arg)
{
	CancelPost *post = arg;

	client_cancel_done(worker_context(post->sender), post->request.sender_pid, post->request.sender_key);
	mem_free(post);
}

/* ---------------------------------------------------------------- to another process; in the main thread */

static void
go_abroad(void *arg)
{
	CancelPost *post = arg;
	Router	   *router = post->router;

	if (!knock(post))
	{
		worker_post(post->sender, tell_sender, post);
		return;
	}
	list_push_tail(&router->cancels, &post->node);
	router->cancels_abroad++;
	post->timer = loop_timer_create(router->loop, on_abroad_done, post);
	loop_timer_start(post->timer, ABROAD_TIMEOUT_US);
	peer_link_set_owner(post->link, &abroad_events, post);
	if (!send_abroad(post))
		on_abroad_done(post);
}

static bool
knock(CancelPost *post)
{
	PeerLink   *link = peer_knock(post->router->loop, cancel_pid_generation(post->request.pid));

	if (link == NULL || !may_go_abroad(post->router))
	{
		peer_link_destroy(link);
		return false;
	}
	post->link = link;
	return true;
}

static bool
may_go_abroad(Router *router)
{
	uint64_t	now_us = loop_now_us(router->loop);

	if (now_us - router->cancels_second_us >= US_PER_SEC)
	{
		router->cancels_second_us = now_us;
		router->cancels_this_second = 0;
	}
	return router->cancels_abroad < ABROAD_AT_ONCE && router->cancels_this_second++ < ABROAD_PER_SECOND;
}

static bool
send_abroad(CancelPost *post)
{
	char		packet[32 + 2 * KEY_MAX_BYTES];
	int			len = snprintf(packet, sizeof(packet), "cancel %u ", post->request.pid);

	for (size_t i = 0; i < post->request.key.len; i++)
		len += snprintf(packet + len, sizeof(packet) - (size_t) len, "%02x", (unsigned char) post->key[i]);
	return peer_link_send(post->link, slice_make(packet, (size_t) len), NULL, 0);
}

/* Nothing is to come but the end. */
static void
on_answer(void *owner, PeerPacket *packet)
{
}

/* It has acted, is gone, or does not answer. */
static void
on_abroad_done(void *owner)
{
	CancelPost *post = owner;

	list_remove(&post->router->cancels, &post->node);
	post->router->cancels_abroad--;
	peer_link_destroy(post->link);
	post->link = NULL;
	loop_timer_destroy(post->timer);
	post->timer = NULL;
	worker_post(post->sender, tell_sender, post);
}

/* ---------------------------------------------------------------- from another process; in the main thread */

static void
on_visitor_served(void *arg)
{
	post_destroy(arg);
}

/* The request is with its owner, who answers in any case. */
static void
on_visitor_gone(void *owner)
{
}

static bool
parse_request(const PeerPacket *packet, CancelRequest *request, char *key)
{
	int			at = 0;
	size_t		len;

	if (sscanf(packet->data, "cancel %u %n", &request->pid, &at) != 1 || at == 0)
		return false;
	len = strlen(packet->data + at);
	if (len == 0 || len % 2 != 0 || len / 2 > KEY_MAX_BYTES)
		return false;
	for (size_t i = 0; i < len / 2; i++)
	{
		unsigned	byte;

		if (sscanf(packet->data + at + 2 * i, "%2x", &byte) != 1)
			return false;
		key[i] = (char) byte;
	}
	request->key = slice_make(key, len / 2);
	return true;
}
