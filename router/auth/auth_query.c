/*-------------------------------------------------------------------------
 *
 * auth_query.c
 *	  Secrets of users that are not in auth_file, asked of a node.
 *
 *	  ask -> WAITING -> (a node, a place) -> ASKING -> (a server) -> SENT -> KEPT or freed
 *			    ^  the node is lost, or its connection  |
 *			    +---------------------------------------+
 *
 * A lookup is one name in one database.  At most PARALLEL_MAX of them hold or
 * want a server; the others wait their turn in line.  A node that fails is not
 * asked again by this lookup before the next view of the nodes; when none is
 * left, whoever gets the views is told that one is waited for (on_starved).
 *
 * The server comes from a pool that clients of auth_user may use, too: what
 * they have set is taken back before the question is sent.
 *
 *-------------------------------------------------------------------------
 */
#include "auth/auth_query.h"

#include <stdio.h>

#include "auth/auth_question.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"

#define PARALLEL_MAX 4

typedef enum LookupState
{
	LOOKUP_WAITING,				/* in AuthQuery.waiting */
	LOOKUP_ASKING,				/* wants a server */
	LOOKUP_SENT,				/* has one, which is answering */
	LOOKUP_KEPT					/* in AuthQuery.kept */
} LookupState;

struct AuthLookup
{
	UT_hash_handle hh;			/* by key */
	ListNode	node;			/* in the list of its state */
	AuthQuery  *query;			/* borrowed */
	char	   *key;			/* owned: database and user, each with its terminator */
	size_t		key_len;
	const char *database;		/* in key, like user */
	const char *user;
	LookupState state;
	List		waiters;		/* of AuthQueryWaiter */

	/* on its way */
	LoopTimer  *deadline;		/* owned; NULL: none */
	uint64_t	excluded;		/* nodes that failed it */
	int			target;			/* the node that is asked */
	Pool	   *pool;			/* a use of it; NULL: none */
	PoolWaiter	pool_waiter;
	Server	   *server;			/* checked out; NULL: none */
	AuthQuestion question;		/* on it */

	UserTable  *answer;			/* a reference; NULL: not answered */
	uint64_t	answered_us;
};

struct AuthQuery
{
	Loop	   *loop;			/* borrowed, like pools and settings */
	PoolSet    *pools;
	Settings   *no_settings;	/* a reference */
	TopologyView *view;			/* a reference; NULL before the first */
	char	   *user;			/* owned, like password and text; NULL: off */
	char	   *password;
	char	   *text;
	uint64_t	keep_us;
	uint64_t	timeout_us;
	AuthLookup *lookups;		/* hash table of all */
	List		waiting;		/* of AuthLookup */
	List		asking;			/* those in ASKING and SENT */
	List		kept;			/* the oldest answer first */
	bool		is_starved;		/* one of waiting has no node to ask in this view */
	void		(*on_starved) (void *arg);	/* NULL: nobody is told */
	void	   *starved_arg;
	uint64_t	found_md5;
	uint64_t	found_other;
	AuthQueryStats stats;
};

static AuthLookup *lookup_create(AuthQuery *query, const char *database, const char *user);
static AuthLookup *lookup_find(const AuthQuery *query, const char *database, const char *user);
static char *make_key(const char *database, const char *user, size_t *len);
static void lookup_free(AuthLookup *lookup);
static void drop_kept(AuthQuery *query);
static void start_waiting(AuthQuery *query);
static bool lookup_start(AuthLookup *lookup);
static int	choose_node(const AuthLookup *lookup);
static void lookup_send(AuthLookup *lookup, Server *server);
static void lookup_stop(AuthLookup *lookup, CheckinMode mode);
static void lookup_again(AuthLookup *lookup);
static void lookup_finish(AuthLookup *lookup);
static void count_kind(const AuthLookup *lookup);
static void lookup_fail(AuthLookup *lookup, const char *why);
static void on_question_end(void *owner, AuthQuestionEnd end);
static void take_waiters(AuthLookup *lookup, List *waiters);
static void tell(List *waiters, UserTable *answer, const char *why);
static void on_deadline(void *arg);
static void on_granted(void *owner, Server *server);
static void on_failed(void *owner, const Error *error);
static void set_text(char **field, const char *text);

AuthQuery *
auth_query_create(Loop *loop, PoolSet *pools, SettingsPool *settings)
{
	AuthQuery  *query = mem_alloc(sizeof(AuthQuery));

	query->loop = loop;
	query->pools = pools;
	query->no_settings = settings_empty(settings);
	list_init(&query->waiting);
	list_init(&query->asking);
	list_init(&query->kept);
	return query;
}

void
auth_query_destroy(AuthQuery *query)
{
	AuthLookup *lookup;
	AuthLookup *next;

	if (query == NULL)
		return;
	HASH_ITER(hh, query->lookups, lookup, next)
	{
		lookup_stop(lookup, CHECKIN_CLOSE);
		lookup_free(lookup);
	}
	settings_unref(query->no_settings);
	topology_view_unref(query->view);
	set_text(&query->user, NULL);
	set_text(&query->password, NULL);
	set_text(&query->text, NULL);
	mem_free(query);
}

void
auth_query_configure(AuthQuery *query, const AuthQueryConfig *config)
{
	drop_kept(query);
	set_text(&query->user, config->user[0] != '\0' ? config->user : NULL);
	set_text(&query->password, config->password);
	set_text(&query->text, config->query);
	query->keep_us = config->keep_us;
	query->timeout_us = config->timeout_us;
}

void
auth_query_set_view(AuthQuery *query, TopologyView *view)
{
	TopologyView *old = query->view;

	query->view = topology_view_ref(view);
	topology_view_unref(old);
	LIST_FOREACH(node, &query->waiting)
		list_entry(node, AuthLookup, node)->excluded = 0;
	start_waiting(query);
}

void
auth_query_on_starved(AuthQuery *query, void (*fn) (void *arg), void *arg)
{
	query->on_starved = fn;
	query->starved_arg = arg;
}

bool
auth_query_is_starved(const AuthQuery *query)
{
	return query->is_starved;
}

bool
auth_query_is_on(const AuthQuery *query)
{
	return query->user != NULL;
}

void
auth_query_ask(AuthQuery *query, const char *database, const char *user, AuthQueryWaiter *waiter)
{
	AuthLookup *lookup = lookup_find(query, database, user);

	if (lookup != NULL && lookup->state == LOOKUP_KEPT)
	{
		if (loop_now_us(query->loop) - lookup->answered_us < query->keep_us)
		{
			query->stats.kept_answers++;
			waiter->on_answer(waiter->owner, lookup->answer);
			return;
		}
		lookup_free(lookup);
		lookup = NULL;
	}
	if (lookup == NULL)
		lookup = lookup_create(query, database, user);
	waiter->lookup = lookup;
	list_push_tail(&lookup->waiters, &waiter->node);
	start_waiting(query);
}

/* A question that nobody waits for any more is not asked; one that was sent is left to end. */
void
auth_query_cancel(AuthQueryWaiter *waiter)
{
	AuthLookup *lookup = waiter->lookup;

	if (lookup == NULL)
		return;
	waiter->lookup = NULL;
	list_remove(&lookup->waiters, &waiter->node);
	if (list_is_empty(&lookup->waiters) && lookup->state != LOOKUP_SENT)
	{
		AuthQuery  *query = lookup->query;

		lookup_stop(lookup, CHECKIN_CLEAN);
		lookup_free(lookup);
		start_waiting(query);
	}
}

void
auth_query_forget(AuthQuery *query, const char *database, const char *user)
{
	AuthLookup *lookup = lookup_find(query, database, user);

	if (lookup != NULL && lookup->state == LOOKUP_KEPT)
		lookup_free(lookup);
}

bool
auth_query_is_mostly_md5(const AuthQuery *query)
{
	return query->found_md5 > query->found_other;
}

void
auth_query_stats(const AuthQuery *query, AuthQueryStats *stats)
{
	*stats = query->stats;
	stats->kept = (int) query->kept.count;
}

/* ---------------------------------------------------------------- lookups */

static AuthLookup *
lookup_create(AuthQuery *query, const char *database, const char *user)
{
	AuthLookup *lookup = mem_alloc(sizeof(AuthLookup));

	lookup->query = query;
	lookup->key = make_key(database, user, &lookup->key_len);
	lookup->database = lookup->key;
	lookup->user = lookup->key + strlen(database) + 1;
	list_init(&lookup->waiters);
	HASH_ADD_KEYPTR(hh, query->lookups, lookup->key, lookup->key_len, lookup);
	list_push_tail(&query->waiting, &lookup->node);
	if (query->timeout_us != 0)
	{
		lookup->deadline = loop_timer_create(query->loop, on_deadline, lookup);
		loop_timer_start(lookup->deadline, query->timeout_us);
	}
	return lookup;
}

static AuthLookup *
lookup_find(const AuthQuery *query, const char *database, const char *user)
{
	size_t		len;
	char	   *key = make_key(database, user, &len);
	AuthLookup *lookup;

	HASH_FIND(hh, query->lookups, key, len, lookup);
	mem_free(key);
	return lookup;
}

static char *
make_key(const char *database, const char *user, size_t *len)
{
	size_t		database_size = strlen(database) + 1;
	size_t		user_size = strlen(user) + 1;
	char	   *key = mem_alloc(database_size + user_size);

	memcpy(key, database, database_size);
	memcpy(key + database_size, user, user_size);
	*len = database_size + user_size;
	return key;
}

/* Nobody waits for it, and it holds no server. */
static void
lookup_free(AuthLookup *lookup)
{
	AuthQuery  *query = lookup->query;

	list_remove(lookup->state == LOOKUP_KEPT ? &query->kept :
				lookup->state == LOOKUP_WAITING ? &query->waiting : &query->asking, &lookup->node);
	HASH_DEL(query->lookups, lookup);
	loop_timer_destroy(lookup->deadline);
	auth_question_clear(&lookup->question);
	user_table_unref(lookup->answer);
	mem_free(lookup->key);
	mem_free(lookup);
}

static void
drop_kept(AuthQuery *query)
{
	while (!list_is_empty(&query->kept))
		lookup_free(list_entry(list_first(&query->kept), AuthLookup, node));
}

/* Those that can be asked now, first come first served. */
static void
start_waiting(AuthQuery *query)
{
	query->is_starved = false;
	LIST_FOREACH(node, &query->waiting)
	{
		if (query->asking.count >= PARALLEL_MAX)
			break;
		if (!lookup_start(list_entry(node, AuthLookup, node)))
			query->is_starved = true;
	}
	if (query->is_starved && query->on_starved != NULL)
		query->on_starved(query->starved_arg);
}

/* False: it goes on waiting, there is no node to ask. */
static bool
lookup_start(AuthLookup *lookup)
{
	AuthQuery  *query = lookup->query;
	int			node = choose_node(lookup);
	Server	   *server;

	if (node < 0)
		return false;
	list_remove(&query->waiting, &lookup->node);
	list_push_tail(&query->asking, &lookup->node);
	lookup->state = LOOKUP_ASKING;
	lookup->target = node;
	lookup->pool = pool_set_get(query->pools, &(PoolTarget) {
								.node = node,
								.database = lookup->database,
								.user = query->user ? query->user : "",
								.password = query->password,
								});
	lookup->pool_waiter.on_granted = on_granted;
	lookup->pool_waiter.on_failed = on_failed;
	lookup->pool_waiter.owner = lookup;
	lookup->pool_waiter.deadline_us = 0;	/* the lookup has one of its own */
	server = pool_checkout(lookup->pool, &lookup->pool_waiter);
	if (server != NULL)
		lookup_send(lookup, server);
	return true;
}

static int
choose_node(const AuthLookup *lookup)
{
	const TopologyView *view = lookup->query->view;

	if (view == NULL)
		return -1;
	if (view->primary >= 0 && (lookup->excluded & (UINT64_C(1) << view->primary)) == 0)
		return view->primary;
	for (int i = 0; i < view->nnodes; i++)
	{
		if (view->nodes[i].is_usable && (lookup->excluded & (UINT64_C(1) << i)) == 0)
			return i;
	}
	return -1;
}

static void
lookup_send(AuthLookup *lookup, Server *server)
{
	AuthQuery  *query = lookup->query;

	lookup->state = LOOKUP_SENT;
	lookup->server = server;
	lookup->question.text = query->text;
	lookup->question.user = lookup->user;
	lookup->question.no_settings = query->no_settings;
	lookup->question.on_end = on_question_end;
	lookup->question.owner = lookup;
	query->stats.questions++;
	auth_question_send(&lookup->question, server);
}

static void
on_question_end(void *owner, AuthQuestionEnd end)
{
	AuthLookup *lookup = owner;

	switch (end)
	{
		case QUESTION_ANSWERED:
			lookup_finish(lookup);
			break;
		case QUESTION_FAILED:
			lookup_stop(lookup, CHECKIN_CLOSE);
			lookup_fail(lookup, lookup->question.why);
			break;
		case QUESTION_LOST:
			lookup_again(lookup);
			break;
	}
}

/* Give back whatever it holds. */
static void
lookup_stop(AuthLookup *lookup, CheckinMode mode)
{
	pool_cancel_wait(&lookup->pool_waiter);
	if (lookup->server != NULL)
		pool_checkin(lookup->server, mode);
	lookup->server = NULL;
	if (lookup->pool != NULL)
		pool_release(lookup->pool);
	lookup->pool = NULL;
}

/* The node or its connection is gone: another one, or this one in the next view. */
static void
lookup_again(AuthLookup *lookup)
{
	AuthQuery  *query = lookup->query;

	lookup_stop(lookup, CHECKIN_CLOSE);
	auth_question_clear(&lookup->question);
	lookup->excluded |= UINT64_C(1) << lookup->target;
	lookup->state = LOOKUP_WAITING;
	list_remove(&query->asking, &lookup->node);
	list_push_head(&query->waiting, &lookup->node);
	start_waiting(query);
}

static void
lookup_finish(AuthLookup *lookup)
{
	AuthQuery  *query = lookup->query;
	List		waiters;
	UserTable  *answer;

	lookup_stop(lookup, CHECKIN_CLEAN);
	lookup->answer = lookup->question.answer;
	lookup->question.answer = NULL;
	if (lookup->answer != NULL)
		count_kind(lookup);
	else
		lookup->answer = user_table_make_empty();
	answer = user_table_ref(lookup->answer);
	take_waiters(lookup, &waiters);
	if (query->keep_us > 0)
	{
		list_remove(&query->asking, &lookup->node);
		list_push_tail(&query->kept, &lookup->node);
		lookup->state = LOOKUP_KEPT;
		lookup->answered_us = loop_now_us(query->loop);
		loop_timer_destroy(lookup->deadline);
		lookup->deadline = NULL;
		if (query->kept.count > AUTH_QUERY_MAX_KEPT)
			lookup_free(list_entry(list_first(&query->kept), AuthLookup, node));
	}
	else
		lookup_free(lookup);
	tell(&waiters, answer, NULL);
	user_table_unref(answer);
	start_waiting(query);
}

static void
count_kind(const AuthLookup *lookup)
{
	const User *user = user_table_find(lookup->answer, slice_from_string(lookup->user));

	if (user != NULL && user->kind == SECRET_MD5)
		lookup->query->found_md5++;
	else if (user != NULL && user->kind != SECRET_NONE)
		lookup->query->found_other++;
}

static void
lookup_fail(AuthLookup *lookup, const char *why)
{
	AuthQuery  *query = lookup->query;
	List		waiters;
	char		reason[ERROR_MESSAGE_SIZE];	/* why may be the lookup's */

	snprintf(reason, sizeof(reason), "%s", why);
	query->stats.failures++;
	LOG_WARN("auth_query_failed", LF_STR("database", lookup->database), LF_STR("reason", reason));
	take_waiters(lookup, &waiters);
	lookup_free(lookup);
	tell(&waiters, NULL, reason);
	start_waiting(query);
}

static void
take_waiters(AuthLookup *lookup, List *waiters)
{
	ListNode   *node;

	list_init(waiters);
	while ((node = list_pop_head(&lookup->waiters)) != NULL)
	{
		list_entry(node, AuthQueryWaiter, node)->lookup = NULL;
		list_push_tail(waiters, node);
	}
}

/* Waiters are on no lookup's list any more; each may end itself, not another. */
static void
tell(List *waiters, UserTable *answer, const char *why)
{
	ListNode   *node;

	while ((node = list_pop_head(waiters)) != NULL)
	{
		AuthQueryWaiter *waiter = list_entry(node, AuthQueryWaiter, node);

		if (answer != NULL)
			waiter->on_answer(waiter->owner, answer);
		else
			waiter->on_failed(waiter->owner, why);
	}
}

static void
on_deadline(void *arg)
{
	AuthLookup *lookup = arg;

	lookup_stop(lookup, CHECKIN_CLOSE);
	lookup_fail(lookup, "no answer in time");
}

static void
on_granted(void *owner, Server *server)
{
	lookup_send(owner, server);
}

static void
on_failed(void *owner, const Error *error)
{
	AuthLookup *lookup = owner;

	if (lookup->pool_waiter.failure == POOL_NODE_LOST)
	{
		lookup_again(lookup);
		return;
	}
	lookup_stop(lookup, CHECKIN_CLEAN);
	lookup_fail(lookup, error->message);
}

/* Old texts are wiped: one of them is a password. */
static void
set_text(char **field, const char *text)
{
	char	   *old = *field;

	*field = text == NULL ? NULL : mem_strdup(text);
	if (old != NULL)
		explicit_bzero(old, strlen(old));
	mem_free(old);
}
