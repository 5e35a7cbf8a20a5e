/*-------------------------------------------------------------------------
 *
 * loop.c
 *	  One thread's event loop: timers, descriptors, signals, a mailbox.
 *
 * A turn of the loop is: wait for events and run their callbacks, then the
 * tasks that asked for a turn (loop_next_turn), then what was put off to its
 * end (loop_later).  libevent does the waiting, one EVLOOP_ONCE at a time,
 * without locks: only the mailbox is shared, and it has its own mutex and an
 * eventfd to wake the loop.
 *
 * Timers are lazy.  Most are deadlines that are moved forward or stopped long
 * before they pass, once or more per query.  So stopping one and moving it
 * later only note the new deadline; libevent's timer stays where it is, and
 * when it fires too early it is set for the rest.
 *
 * Signals come through signalfd, since libevent's own way to catch them is
 * tied to one loop of the process.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/loop_internal.h"

typedef struct Call
{
	LoopCallback fn;
	void	   *arg;
} Call;

typedef struct CallQueue
{
	Call	   *calls;			/* owned */
	size_t		count;
	size_t		cap;
} CallQueue;

struct Loop
{
	struct event_base *base;
	uint64_t	now_us;			/* 0: nobody has asked in this turn yet */
	List		tasks;			/* of LoopTask, for the next turn */
	List		at_end;			/* of LoopTask */
	CallQueue	later;
	char	   *scratch;		/* owned; NULL until first used */
	size_t		scratch_size;
	struct Resolver *resolver;	/* its own owner; NULL until first used */
	int			flushing;

	pthread_mutex_t mailbox_lock;
	CallQueue	mailbox;		/* under mailbox_lock */
	bool		wake_sent;		/* under mailbox_lock: the eventfd was written */
	atomic_bool stop;
	int			wake_fd;
	struct event wake_event;
};

struct LoopTimer
{
	Loop	   *loop;
	LoopCallback fn;
	void	   *arg;
	uint64_t	deadline_us;	/* 0: not running */
	uint64_t	armed_us;		/* when libevent's timer fires; 0: it is not set */
	struct event event;
};

struct LoopWatch
{
	Loop	   *loop;
	int			fd;
	short		wanted;			/* EV_READ | EV_WRITE, as set in event */
	LoopWatchCallback fn;
	void	   *arg;
	struct event event;
};

struct LoopSignal
{
	LoopCallback fn;
	void	   *arg;
	int			signo;
	int			fd;
	struct event event;
};

static void loop_turn(Loop *loop);
static void run_tasks(Loop *loop);
static void run_later(Loop *loop);
static void run_mailbox(Loop *loop);
static void wake_up(Loop *loop);
static void call_queue_push(CallQueue *queue, LoopCallback fn, void *arg);
static void on_wake(evutil_socket_t fd, short what, void *arg);
static void on_timer(evutil_socket_t fd, short what, void *arg);
static void timer_arm(LoopTimer *timer, uint64_t now_us);
static void on_watch(evutil_socket_t fd, short what, void *arg);
static void on_signal(evutil_socket_t fd, short what, void *arg);

/* ---------------------------------------------------------------- the loop */

Loop *
loop_create(void)
{
	Loop	   *loop = mem_alloc(sizeof(Loop));
	struct event_config *config = event_config_new();

	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	loop->base = event_base_new_with_config(config);
	event_config_free(config);
	loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (loop->base == NULL || loop->wake_fd < 0)
	{
		LOG_ERROR("loop_create_failed", LF_STR("reason", strerror(errno)));
		abort();
	}
	list_init(&loop->tasks);
	list_init(&loop->at_end);
	pthread_mutex_init(&loop->mailbox_lock, NULL);
	event_assign(&loop->wake_event, loop->base, loop->wake_fd, EV_READ | EV_PERSIST, on_wake, loop);
	event_add(&loop->wake_event, NULL);

	/* A peer that is gone is an error of send(), not a reason to die. */
	signal(SIGPIPE, SIG_IGN);
	return loop;
}

void
loop_destroy(Loop *loop)
{
	ListNode   *node;

	while ((node = list_pop_head(&loop->at_end)) != NULL)
	{
		LoopTask   *task = list_entry(node, LoopTask, node);

		task->fn(task->arg);
	}
	run_later(loop);
	event_del(&loop->wake_event);
	close(loop->wake_fd);
	event_base_free(loop->base);
	pthread_mutex_destroy(&loop->mailbox_lock);
	mem_free(loop->mailbox.calls);
	mem_free(loop->later.calls);
	mem_free(loop->scratch);
	mem_free(loop);
}

void
loop_run(Loop *loop)
{
	while (!atomic_load_explicit(&loop->stop, memory_order_acquire))
		loop_turn(loop);

	/* What was posted before the stop is still delivered. */
	run_mailbox(loop);
	run_later(loop);
	atomic_store_explicit(&loop->stop, false, memory_order_release);
	buf_end_thread();			/* most threads end with their loop */
}

void
loop_stop(Loop *loop)
{
	atomic_store_explicit(&loop->stop, true, memory_order_release);
	pthread_mutex_lock(&loop->mailbox_lock);
	wake_up(loop);
	pthread_mutex_unlock(&loop->mailbox_lock);
}

static void
loop_turn(Loop *loop)
{
	/* What was put off before the loop ran must not wait for an event. */
	bool		is_due = !list_is_empty(&loop->tasks) || loop->later.count > 0;

	loop->now_us = 0;
	event_base_loop(loop->base, is_due ? EVLOOP_NONBLOCK : EVLOOP_ONCE);
	run_tasks(loop);
	run_later(loop);
}

uint64_t
loop_now_us(const Loop *loop)
{
	/* Turns in which nobody asks do not read the clock. */
	if (loop->now_us == 0)
		((Loop *) loop)->now_us = clock_now_us();
	return loop->now_us;
}

struct event_base *
loop_event_base(Loop *loop)
{
	return loop->base;
}

char *
loop_scratch(Loop *loop, size_t size)
{
	if (loop->scratch_size < size)
	{
		loop->scratch = mem_realloc(loop->scratch, size);
		loop->scratch_size = size;
	}
	return loop->scratch;
}

struct Resolver **
loop_resolver(Loop *loop)
{
	return &loop->resolver;
}

int *
loop_flushing(Loop *loop)
{
	return &loop->flushing;
}

/* ------------------------------------------------- tasks, later, mailbox */

void
loop_next_turn(Loop *loop, LoopTask *task)
{
	if (!list_node_is_linked(&task->node))
		list_push_tail(&loop->tasks, &task->node);
}

void
loop_next_turn_cancel(Loop *loop, LoopTask *task)
{
	if (list_node_is_linked(&task->node))
		list_remove(&loop->tasks, &task->node);
}

void
loop_at_end(Loop *loop, LoopTask *task)
{
	if (!list_node_is_linked(&task->node))
		list_push_tail(&loop->at_end, &task->node);
}

void
loop_at_end_cancel(Loop *loop, LoopTask *task)
{
	if (list_node_is_linked(&task->node))
		list_remove(&loop->at_end, &task->node);
}

/* Run the tasks that wait now; what they schedule waits for the next turn. */
static void
run_tasks(Loop *loop)
{
	LoopTask	mark = {{NULL, NULL}, NULL, NULL};

	if (list_is_empty(&loop->tasks))
		return;
	list_push_tail(&loop->tasks, &mark.node);
	for (;;)
	{
		LoopTask   *task = list_entry(list_pop_head(&loop->tasks), LoopTask, node);

		if (task == &mark)
			break;
		task->fn(task->arg);
	}
}

void
loop_later(Loop *loop, LoopCallback fn, void *arg)
{
	call_queue_push(&loop->later, fn, arg);
}

/* What is put off while this runs is run as well: nothing outlives its turn. */
static void
run_later(Loop *loop)
{
	for (size_t i = 0; i < loop->later.count; i++)
	{
		Call		call = loop->later.calls[i];

		call.fn(call.arg);
	}
	loop->later.count = 0;
}

void
loop_post(Loop *loop, LoopCallback fn, void *arg)
{
	pthread_mutex_lock(&loop->mailbox_lock);
	call_queue_push(&loop->mailbox, fn, arg);
	wake_up(loop);
	pthread_mutex_unlock(&loop->mailbox_lock);
}

/* With the lock held, so that the loop cannot be gone meanwhile: its owner
 * saw the post before it stopped the loop. */
static void
wake_up(Loop *loop)
{
	const uint64_t one = 1;

	if (loop->wake_sent)
		return;
	loop->wake_sent = true;
	while (write(loop->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	run_mailbox(arg);
}

static void
run_mailbox(Loop *loop)
{
	CallQueue	taken;
	uint64_t	count;

	/* First the mark, then the queue: a post behind our back wakes us anew. */
	pthread_mutex_lock(&loop->mailbox_lock);
	if (read(loop->wake_fd, &count, sizeof(count)) < 0)
		count = 0;
	loop->wake_sent = false;
	taken = loop->mailbox;
	loop->mailbox = (CallQueue) {NULL, 0, 0};
	pthread_mutex_unlock(&loop->mailbox_lock);

	for (size_t i = 0; i < taken.count; i++)
		taken.calls[i].fn(taken.calls[i].arg);
	mem_free(taken.calls);
}

static void
call_queue_push(CallQueue *queue, LoopCallback fn, void *arg)
{
	if (queue->count == queue->cap)
	{
		queue->cap = queue->cap == 0 ? 16 : queue->cap * 2;
		queue->calls = mem_realloc(queue->calls, queue->cap * sizeof(Call));
	}
	queue->calls[queue->count++] = (Call) {fn, arg};
}

/* ---------------------------------------------------------------- timers */

LoopTimer *
loop_timer_create(Loop *loop, LoopCallback fn, void *arg)
{
	LoopTimer  *timer = mem_alloc(sizeof(LoopTimer));

	timer->loop = loop;
	timer->fn = fn;
	timer->arg = arg;
	evtimer_assign(&timer->event, loop->base, on_timer, timer);
	return timer;
}

void
loop_timer_start(LoopTimer *timer, uint64_t delay_us)
{
	uint64_t	now_us = loop_now_us(timer->loop);

	timer->deadline_us = now_us + delay_us;
	if (timer->armed_us == 0 || timer->armed_us > timer->deadline_us)
		timer_arm(timer, now_us);
}

void
loop_timer_stop(LoopTimer *timer)
{
	timer->deadline_us = 0;
}

bool
loop_timer_is_running(const LoopTimer *timer)
{
	return timer->deadline_us != 0;
}

void
loop_timer_destroy(LoopTimer *timer)
{
	if (timer == NULL)
		return;
	event_del(&timer->event);
	mem_free(timer);
}

static void
timer_arm(LoopTimer *timer, uint64_t now_us)
{
	uint64_t	delay_us = timer->deadline_us > now_us ? timer->deadline_us - now_us : 0;
	struct timeval tv = {
		.tv_sec = (time_t) (delay_us / US_PER_SEC),
		.tv_usec = (suseconds_t) (delay_us % US_PER_SEC)
	};

	timer->armed_us = timer->deadline_us;
	event_add(&timer->event, &tv);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	LoopTimer  *timer = arg;
	uint64_t	now_us = loop_now_us(timer->loop);

	timer->armed_us = 0;
	if (timer->deadline_us == 0)
		return;
	if (timer->deadline_us > now_us)
	{
		timer_arm(timer, now_us);
		return;
	}
	timer->deadline_us = 0;
	timer->fn(timer->arg);
}

/* ---------------------------------------------------------------- watches */

LoopWatch *
loop_watch_create(Loop *loop, int fd, LoopWatchCallback fn, void *arg)
{
	LoopWatch  *watch = mem_alloc(sizeof(LoopWatch));

	watch->loop = loop;
	watch->fd = fd;
	watch->fn = fn;
	watch->arg = arg;
	return watch;
}

void
loop_watch_set(LoopWatch *watch, bool want_read, bool want_write)
{
	short		wanted = (short) ((want_read ? EV_READ : 0) | (want_write ? EV_WRITE : 0));

	if (wanted == watch->wanted)
		return;
	if (watch->wanted != 0)
		event_del(&watch->event);
	watch->wanted = wanted;
	if (wanted != 0)
	{
		event_assign(&watch->event, watch->loop->base, watch->fd, wanted | EV_PERSIST, on_watch, watch);
		event_add(&watch->event, NULL);
	}
}

void
loop_watch_destroy(LoopWatch *watch)
{
	if (watch == NULL)
		return;
	if (watch->wanted != 0)
		event_del(&watch->event);
	mem_free(watch);
}

static void
on_watch(evutil_socket_t fd, short what, void *arg)
{
	LoopWatch  *watch = arg;

	watch->fn(watch->arg, (what & EV_READ) != 0, (what & EV_WRITE) != 0);
}

/* ---------------------------------------------------------------- signals */

LoopSignal *
loop_signal_create(Loop *loop, int signo, LoopCallback fn, void *arg)
{
	LoopSignal *sig = mem_alloc(sizeof(LoopSignal));
	sigset_t	set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	pthread_sigmask(SIG_BLOCK, &set, NULL);

	sig->fn = fn;
	sig->arg = arg;
	sig->signo = signo;
	sig->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (sig->fd < 0)
	{
		LOG_ERROR("loop_signal_failed", LF_INT("signal", signo), LF_STR("reason", strerror(errno)));
		abort();
	}
	event_assign(&sig->event, loop->base, sig->fd, EV_READ | EV_PERSIST, on_signal, sig);
	event_add(&sig->event, NULL);
	return sig;
}

void
loop_signal_destroy(LoopSignal *sig)
{
	if (sig == NULL)
		return;
	event_del(&sig->event);
	close(sig->fd);
	mem_free(sig);
}

static void
on_signal(evutil_socket_t fd, short what, void *arg)
{
	LoopSignal *sig = arg;
	struct signalfd_siginfo info;

	/* The last thing done: the callback may destroy sig. */
	if (read(fd, &info, sizeof(info)) == (ssize_t) sizeof(info))
		sig->fn(sig->arg);
}
