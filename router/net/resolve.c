/*-------------------------------------------------------------------------
 *
 * resolve.c
 *	  Host names and users of the system, looked up in a helper thread.
 *
 * The system's getaddrinfo() knows every source of names the machine is set
 * up for, but blocks.  So a thread takes what is asked for from one list,
 * looks it up and puts it on another, which the loop empties when it is told.
 *
 * The thread may hang in a lookup for many seconds when the loop ends.  Then
 * it is not waited for: the thread is detached and is the one to free the
 * Resolver, so nothing it touches goes away under it.
 *
 * Resolver.lock guards both lists and is_closed.  A Resolution is touched by
 * the thread while it is on no list, except fn and user_fn, which are the
 * loop's alone.
 *
 *-------------------------------------------------------------------------
 */
#include "net/resolve.h"

#include <pthread.h>
#include <pwd.h>
#include <stdio.h>

#include "base/list.h"
#include "base/memory.h"
#include "net/loop_internal.h"

struct Resolution
{
	ListNode	node;
	char	   *host;			/* owned; NULL: a user is looked up */
	int			port;
	uid_t		uid;
	char	   *user_name;		/* owned; NULL: not found */
	struct addrinfo *found;		/* owned until delivered */
	int			gai_error;
	ResolveCallback fn;			/* NULL: cancelled, or a user's */
	ResolveUserCallback user_fn;
	void	   *arg;
};

typedef struct Resolver
{
	Loop	   *loop;			/* valid while !is_closed */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	List		asked;			/* of Resolution */
	List		done;			/* of Resolution */
	bool		is_closed;
	LoopTask	at_end;
} Resolver;

static Resolver *resolver_create(Loop *loop);
static void resolver_close(void *arg);
static void *resolver_main(void *arg);
static Resolution *resolver_take(Resolver *resolver);
static void resolver_free(Resolver *resolver);
static Resolution *resolution_ask(Loop *loop, Resolution *resolution);
static char *look_up_user(uid_t uid);
static void resolution_look_up(Resolution *resolution);
static void resolution_free(Resolution *resolution);
static void free_all(List *list);
static void deliver_one(void *arg);
static struct addrinfo *look_up(const char *host, int port, int flags, int *gai_error);

struct addrinfo *
resolve_numeric(const char *host, int port)
{
	char		bare[64];
	size_t		len = strlen(host);
	int			gai_error;

	if (len > 2 && len < sizeof(bare) && host[0] == '[' && host[len - 1] == ']')
	{
		snprintf(bare, sizeof(bare), "%.*s", (int) len - 2, host + 1);
		host = bare;
	}
	return look_up(host, port, AI_NUMERICHOST, &gai_error);
}

Resolution *
resolve_start(Loop *loop, const char *host, int port, ResolveCallback fn, void *arg)
{
	Resolution *resolution = mem_alloc(sizeof(Resolution));

	resolution->host = mem_strdup(host);
	resolution->port = port;
	resolution->fn = fn;
	resolution->arg = arg;
	return resolution_ask(loop, resolution);
}

Resolution *
resolve_user_start(Loop *loop, uint32_t uid, ResolveUserCallback fn, void *arg)
{
	Resolution *resolution = mem_alloc(sizeof(Resolution));

	resolution->uid = uid;
	resolution->user_fn = fn;
	resolution->arg = arg;
	return resolution_ask(loop, resolution);
}

/* Hand it to the thread; NULL, and it is freed, where there can be none. */
static Resolution *
resolution_ask(Loop *loop, Resolution *resolution)
{
	Resolver  **resolver = loop_resolver(loop);

	if (*resolver == NULL)
		*resolver = resolver_create(loop);
	if (*resolver == NULL)
	{
		resolution_free(resolution);
		return NULL;
	}
	pthread_mutex_lock(&(*resolver)->lock);
	list_push_tail(&(*resolver)->asked, &resolution->node);
	pthread_cond_signal(&(*resolver)->changed);
	pthread_mutex_unlock(&(*resolver)->lock);
	return resolution;
}

void
resolve_cancel(Resolution *resolution)
{
	resolution->fn = NULL;
	resolution->user_fn = NULL;
}

static Resolver *
resolver_create(Loop *loop)
{
	Resolver   *resolver = mem_alloc(sizeof(Resolver));
	pthread_t	thread;

	resolver->loop = loop;
	pthread_mutex_init(&resolver->lock, NULL);
	pthread_cond_init(&resolver->changed, NULL);
	list_init(&resolver->asked);
	list_init(&resolver->done);
	if (pthread_create(&thread, NULL, resolver_main, resolver) == 0)
	{
		pthread_detach(thread);
		resolver->at_end = (LoopTask) {.fn = resolver_close, .arg = resolver};
		loop_at_end(loop, &resolver->at_end);
	}
	else
	{
		resolver_free(resolver);
		resolver = NULL;
	}
	return resolver;
}

/* The loop ends: forget all that is asked for. */
static void
resolver_close(void *arg)
{
	Resolver   *resolver = arg;

	pthread_mutex_lock(&resolver->lock);
	resolver->is_closed = true;
	pthread_cond_signal(&resolver->changed);
	pthread_mutex_unlock(&resolver->lock);
}

static void *
resolver_main(void *arg)
{
	Resolver   *resolver = arg;
	Resolution *resolution;

	while ((resolution = resolver_take(resolver)) != NULL)
	{
		resolution_look_up(resolution);

		pthread_mutex_lock(&resolver->lock);
		list_push_tail(&resolver->done, &resolution->node);
		if (!resolver->is_closed)
			loop_post(resolver->loop, deliver_one, resolver);
		pthread_mutex_unlock(&resolver->lock);
	}
	resolver_free(resolver);
	return NULL;
}

/* Wait for something to look up; NULL: the loop has ended. */
static Resolution *
resolver_take(Resolver *resolver)
{
	ListNode   *node = NULL;

	pthread_mutex_lock(&resolver->lock);
	while (!resolver->is_closed && (node = list_pop_head(&resolver->asked)) == NULL)
		pthread_cond_wait(&resolver->changed, &resolver->lock);
	pthread_mutex_unlock(&resolver->lock);
	return node == NULL ? NULL : list_entry(node, Resolution, node);
}

/* In the loop's thread, once for each that was done. */
static void
deliver_one(void *arg)
{
	Resolver   *resolver = arg;
	ListNode   *node;

	pthread_mutex_lock(&resolver->lock);
	node = list_pop_head(&resolver->done);
	pthread_mutex_unlock(&resolver->lock);

	if (node != NULL)
	{
		Resolution *resolution = list_entry(node, Resolution, node);
		struct addrinfo *found = resolution->found;

		resolution->found = NULL;
		if (resolution->fn != NULL)
			resolution->fn(resolution->arg, found, resolution->gai_error);
		else if (found != NULL)
			freeaddrinfo(found);
		if (resolution->user_fn != NULL)
			resolution->user_fn(resolution->arg, resolution->user_name);
		resolution_free(resolution);
	}
}

static void
resolver_free(Resolver *resolver)
{
	free_all(&resolver->asked);
	free_all(&resolver->done);
	pthread_cond_destroy(&resolver->changed);
	pthread_mutex_destroy(&resolver->lock);
	mem_free(resolver);
}

static void
free_all(List *list)
{
	ListNode   *node;

	while ((node = list_pop_head(list)) != NULL)
		resolution_free(list_entry(node, Resolution, node));
}

static void
resolution_look_up(Resolution *resolution)
{
	if (resolution->host != NULL)
		resolution->found = look_up(resolution->host, resolution->port, AI_ADDRCONFIG,
									&resolution->gai_error);
	else
		resolution->user_name = look_up_user(resolution->uid);
}

static void
resolution_free(Resolution *resolution)
{
	if (resolution->found != NULL)
		freeaddrinfo(resolution->found);
	mem_free(resolution->host);
	mem_free(resolution->user_name);
	mem_free(resolution);
}

static struct addrinfo *
look_up(const char *host, int port, int flags, int *gai_error)
{
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = flags | AI_NUMERICSERV
	};
	struct addrinfo *found = NULL;
	char		service[16];

	snprintf(service, sizeof(service), "%d", port);
	*gai_error = getaddrinfo(host, service, &hints, &found);
	return *gai_error == 0 ? found : NULL;
}

static char *
look_up_user(uid_t uid)
{
	char		text[16384];
	struct passwd entry;
	struct passwd *found = NULL;

	if (getpwuid_r(uid, &entry, text, sizeof(text), &found) != 0 || found == NULL)
		return NULL;
	return mem_strdup(found->pw_name);
}
