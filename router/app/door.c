/*-------------------------------------------------------------------------
 *
 * door.c
 *	  Where other router processes of this user on this host come in.
 *
 * The number of the door is the process's generation, which its cancel keys
 * name: it is free when nobody else has it.  The first packet says what is
 * wanted; the link then belongs to whoever serves that:
 *
 *	  cancel NUMBER KEY			cancel_route.c
 *	  takeover ...				handover.c
 *
 * Where no door can be had the router works without: it then cannot be taken
 * over from, and cancel requests that reach another process are lost.
 *
 *-------------------------------------------------------------------------
 */
#include "app/router_internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "backend/cancel.h"
#include "base/log.h"
#include "base/memory.h"

#define VISITORS_MAX 128

/* One who has not said yet what it wants. */
typedef struct Visitor
{
	ListNode	node;			/* in router->visitors */
	Router	   *router;
	PeerLink   *link;			/* owned */
} Visitor;

static void on_knock(void *arg, PeerLink *link);
static void on_packet(void *owner, PeerPacket *packet);
static void on_closed(void *owner);
static PeerLink *visitor_free(Visitor *visitor);
static bool begins(const PeerPacket *packet, const char *word);

static const PeerEvents visitor_events = {on_packet, on_closed};

void
door_open(Router *router)
{
	list_init(&router->visitors);
	list_init(&router->cancels);
	for (int i = 0; i < CANCEL_GENERATIONS; i++)
	{
		router->generation = (int) (((unsigned) getpid() + (unsigned) i) % CANCEL_GENERATIONS);
		router->door = peer_door_open(router->loop, router->generation, on_knock, router);
		if (router->door != NULL)
			return;
		if (errno != EADDRINUSE)
			break;
	}
	LOG_WARN("door_failed", LF_STR("reason", strerror(errno)),
			 LF_STR("effect", "this process cannot be taken over from"));
}

void
door_close(Router *router)
{
	LIST_FOREACH(node, &router->visitors)
		peer_link_destroy(visitor_free(list_entry(node, Visitor, node)));
	cancel_route_close(router);
	peer_door_close(router->door);
	router->door = NULL;
}

static void
on_knock(void *arg, PeerLink *link)
{
	Router	   *router = arg;
	Visitor    *visitor;

	if (router->visitors.count >= VISITORS_MAX)
	{
		peer_link_destroy(link);
		return;
	}
	visitor = mem_alloc(sizeof(Visitor));
	visitor->router = router;
	visitor->link = link;
	list_push_tail(&router->visitors, &visitor->node);
	peer_link_set_owner(link, &visitor_events, visitor);
}

static void
on_packet(void *owner, PeerPacket *packet)
{
	Visitor    *visitor = owner;
	Router	   *router = visitor->router;
	PeerLink   *link = visitor_free(visitor);

	if (begins(packet, "cancel "))
		cancel_route_visitor(router, link, packet);
	else if (begins(packet, "takeover "))
		handover_on_request(router, link, packet);
	else
		peer_link_destroy(link);
}

static void
on_closed(void *owner)
{
	peer_link_destroy(visitor_free(owner));
}

/* The link it had is the caller's now. */
static PeerLink *
visitor_free(Visitor *visitor)
{
	PeerLink   *link = visitor->link;

	list_remove(&visitor->router->visitors, &visitor->node);
	mem_free(visitor);
	return link;
}

static bool
begins(const PeerPacket *packet, const char *word)
{
	return strncmp(packet->data, word, strlen(word)) == 0;
}
