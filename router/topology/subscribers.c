/*-------------------------------------------------------------------------
 *
 * subscribers.c
 *	  Who is told of each new view and of each new set of facts.
 *
 * What is posted carries all it takes to deliver it: it may arrive after the
 * monitor was stopped.
 *
 *-------------------------------------------------------------------------
 */
#include "topology/subscribers.h"

#include "base/memory.h"

typedef struct FactsPost
{
	void		(*fn) (void *arg, Facts *facts);
	void	   *arg;
	Facts	   *facts;			/* a reference */
} FactsPost;

static void deliver_facts(void *arg);

void
subscribers_add(Subscribers *subscribers, const MonitorSubscriber *subscriber)
{
	size_t		size = (size_t) (subscribers->count + 1) * sizeof(MonitorSubscriber);

	subscribers->all = mem_realloc(subscribers->all, size);
	subscribers->all[subscribers->count++] = *subscriber;
}

void
subscribers_fini(Subscribers *subscribers)
{
	mem_free(subscribers->all);
	*subscribers = (Subscribers) {0};
}

void
subscribers_post_view(const Subscribers *subscribers, TopologyView *view, bool wakes_all)
{
	for (int i = 0; i < subscribers->count; i++)
	{
		const MonitorSubscriber *subscriber = &subscribers->all[i];
		bool		is_awaited = view_slot_put(subscriber->views, topology_view_ref(view));

		if (is_awaited || wakes_all)
			loop_post(subscriber->loop, subscriber->on_view, subscriber->arg);
	}
	topology_view_unref(view);
}

void
subscribers_post_facts(const Subscribers *subscribers, Facts *facts)
{
	for (int i = 0; i < subscribers->count; i++)
	{
		const MonitorSubscriber *subscriber = &subscribers->all[i];
		FactsPost  *post;

		if (subscriber->on_facts == NULL)
			continue;
		post = mem_alloc(sizeof(FactsPost));
		*post = (FactsPost) {subscriber->on_facts, subscriber->arg, facts_ref(facts)};
		loop_post(subscriber->loop, deliver_facts, post);
	}
}

static void
deliver_facts(void *arg)
{
	FactsPost  *post = arg;

	post->fn(post->arg, post->facts);
	mem_free(post);
}
