/*-------------------------------------------------------------------------
 *
 * test_loop.c
 *	  The loop: order of what it runs, timers, mailbox, watches, signals.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/loop_internal.h"

typedef struct Trace
{
	Loop	   *loop;
	char		text[256];
	LoopTimer  *timer;
	LoopTimer  *other;
	LoopWatch  *watch;
	LoopTask	task;
	int			calls;
	uint64_t	at_us;
} Trace;

static void
note(Trace *trace, const char *word)
{
	assert_true(strlen(trace->text) + strlen(word) + 2 < sizeof(trace->text));
	strcat(trace->text, word);
	strcat(trace->text, " ");
}

static void
stop_now(void *arg)
{
	loop_stop(((Trace *) arg)->loop);
}

static void
later_b(void *arg)
{
	note(arg, "later-b");
}

static void
later_a(void *arg)
{
	note(arg, "later-a");
	loop_later(((Trace *) arg)->loop, later_b, arg);
}

static void
task_again(void *arg)
{
	Trace	   *trace = arg;

	note(trace, trace->calls++ == 0 ? "task" : "task-next-turn");
	if (trace->calls == 1)
		loop_next_turn(trace->loop, &trace->task);
	else
		stop_now(trace);
}

static void
posted(void *arg)
{
	Trace	   *trace = arg;

	loop_later(trace->loop, later_a, trace);
	loop_next_turn(trace->loop, &trace->task);
	loop_next_turn(trace->loop, &trace->task);	/* twice is once */
	note(trace, "posted");
}

/* Callbacks, then tasks, then what was put off, which may put off more. */
static void
a_turn_runs_callbacks_then_tasks_then_later(void **state)
{
	Trace		trace = {.loop = loop_create(), .task = {.fn = task_again, .arg = &trace}};

	loop_post(trace.loop, posted, &trace);
	loop_run(trace.loop);
	assert_string_equal(trace.text, "posted task later-a later-b task-next-turn ");
	loop_destroy(trace.loop);
}

static void
a_cancelled_task_does_not_run(void **state)
{
	Trace		trace = {.loop = loop_create(), .task = {.fn = task_again, .arg = &trace}};

	loop_next_turn(trace.loop, &trace.task);
	loop_next_turn_cancel(trace.loop, &trace.task);
	loop_next_turn_cancel(trace.loop, &trace.task);
	loop_post(trace.loop, stop_now, &trace);
	loop_run(trace.loop);
	assert_int_equal(trace.calls, 0);
	loop_destroy(trace.loop);
}

/* A stop that comes before loop_run() counts, and posts made before it are run. */
static void
stopping_delivers_what_was_posted_before(void **state)
{
	Trace		trace = {.loop = loop_create()};

	loop_post(trace.loop, later_b, &trace);
	loop_stop(trace.loop);
	loop_run(trace.loop);
	assert_string_equal(trace.text, "later-b ");

	/* The loop can be run again. */
	loop_post(trace.loop, stop_now, &trace);
	loop_run(trace.loop);
	loop_destroy(trace.loop);
}

#define POSTERS 4
#define POSTS 20000

typedef struct Counter
{
	Loop	   *loop;
	int			poster;
	int			next;			/* the number expected from this poster */
	int		   *left;			/* over all posters */
} Counter;

typedef struct Posted
{
	Counter    *counter;
	int			number;
} Posted;

static void
on_counted(void *arg)
{
	Posted	   *post = arg;

	assert_int_equal(post->number, post->counter->next);
	post->counter->next++;
	if (--*post->counter->left == 0)
		loop_stop(post->counter->loop);
	free(post);
}

static void *
post_many(void *arg)
{
	for (int i = 0; i < POSTS; i++)
	{
		Posted	   *post = malloc(sizeof(Posted));

		*post = (Posted) {arg, i};
		loop_post(((Counter *) arg)->loop, on_counted, post);
	}
	return NULL;
}

static void
posts_of_many_threads_arrive_once_and_in_order(void **state)
{
	Loop	   *loop = loop_create();
	int			left = POSTERS * POSTS;
	Counter		counters[POSTERS];
	pthread_t	threads[POSTERS];

	for (int i = 0; i < POSTERS; i++)
	{
		counters[i] = (Counter) {loop, i, 0, &left};
		assert_int_equal(pthread_create(&threads[i], NULL, post_many, &counters[i]), 0);
	}
	loop_run(loop);
	for (int i = 0; i < POSTERS; i++)
	{
		pthread_join(threads[i], NULL);
		assert_int_equal(counters[i].next, POSTS);
	}
	loop_destroy(loop);
}

/* ---------------------------------------------------------------- timers */

static void
on_first(void *arg)
{
	note(arg, "first");
}

static void
on_last(void *arg)
{
	Trace	   *trace = arg;

	note(trace, "last");
	trace->at_us = clock_now_us();
	loop_stop(trace->loop);
}

static void
timers_fire_in_order_and_not_early(void **state)
{
	Trace		trace = {.loop = loop_create()};
	uint64_t	start_us = clock_now_us();

	trace.timer = loop_timer_create(trace.loop, on_first, &trace);
	trace.other = loop_timer_create(trace.loop, on_last, &trace);
	loop_timer_start(trace.other, 30 * US_PER_MS);
	loop_timer_start(trace.timer, 10 * US_PER_MS);
	assert_true(loop_timer_is_running(trace.timer));
	loop_run(trace.loop);
	assert_string_equal(trace.text, "first last ");
	assert_true(trace.at_us >= start_us + 30 * US_PER_MS);
	assert_false(loop_timer_is_running(trace.timer));
	loop_timer_destroy(trace.timer);
	loop_timer_destroy(trace.other);
	loop_destroy(trace.loop);
}

/* Guards the lazy timer: libevent's fires at the old time and must be moved on. */
static void
a_timer_moved_later_fires_once_at_the_later_time(void **state)
{
	Trace		trace = {.loop = loop_create()};
	uint64_t	start_us = clock_now_us();

	trace.timer = loop_timer_create(trace.loop, on_last, &trace);
	loop_timer_start(trace.timer, 5 * US_PER_MS);
	loop_timer_start(trace.timer, 40 * US_PER_MS);
	loop_run(trace.loop);
	assert_string_equal(trace.text, "last ");
	assert_true(trace.at_us >= start_us + 40 * US_PER_MS);
	loop_timer_destroy(trace.timer);
	loop_destroy(trace.loop);
}

static void
a_timer_moved_earlier_fires_at_the_earlier_time(void **state)
{
	Trace		trace = {.loop = loop_create()};

	trace.timer = loop_timer_create(trace.loop, on_first, &trace);
	trace.other = loop_timer_create(trace.loop, on_last, &trace);
	loop_timer_start(trace.timer, 3600 * US_PER_SEC);
	loop_timer_start(trace.timer, 1 * US_PER_MS);
	loop_timer_start(trace.other, 20 * US_PER_MS);
	loop_run(trace.loop);
	assert_string_equal(trace.text, "first last ");
	loop_timer_destroy(trace.timer);
	loop_timer_destroy(trace.other);
	loop_destroy(trace.loop);
}

static void
a_stopped_timer_does_not_fire_and_can_be_started_again(void **state)
{
	Trace		trace = {.loop = loop_create()};

	trace.timer = loop_timer_create(trace.loop, on_first, &trace);
	trace.other = loop_timer_create(trace.loop, on_last, &trace);
	loop_timer_start(trace.timer, 1 * US_PER_MS);
	loop_timer_stop(trace.timer);
	assert_false(loop_timer_is_running(trace.timer));
	loop_timer_start(trace.other, 15 * US_PER_MS);
	loop_run(trace.loop);
	assert_string_equal(trace.text, "last ");

	loop_timer_start(trace.timer, 0);
	loop_timer_start(trace.other, 15 * US_PER_MS);
	loop_run(trace.loop);
	assert_string_equal(trace.text, "last first last ");
	loop_timer_destroy(trace.timer);
	loop_timer_destroy(trace.other);
	loop_destroy(trace.loop);
}

static void
destroy_both(void *arg)
{
	Trace	   *trace = arg;

	loop_timer_destroy(trace->timer);
	loop_timer_destroy(trace->other);
	trace->timer = trace->other = NULL;
	loop_post(trace->loop, stop_now, trace);
}

/* The other one may be due in the same turn: it must not run freed. */
static void
a_timer_may_destroy_itself_and_others(void **state)
{
	Trace		trace = {.loop = loop_create()};

	trace.timer = loop_timer_create(trace.loop, destroy_both, &trace);
	trace.other = loop_timer_create(trace.loop, destroy_both, &trace);
	loop_timer_start(trace.timer, 0);
	loop_timer_start(trace.other, 0);
	loop_run(trace.loop);
	assert_null(trace.timer);
	loop_destroy(trace.loop);
}

/* ---------------------------------------------------------------- watches, signals */

static void
on_watched(void *arg, bool readable, bool writable)
{
	Trace	   *trace = arg;

	if (writable)
	{
		note(trace, "writable");
		loop_watch_set(trace->watch, true, false);
	}
	if (readable)
	{
		note(trace, "readable");
		loop_watch_destroy(trace->watch);
		loop_stop(trace->loop);
	}
}

static void
a_watch_follows_what_is_wanted(void **state)
{
	Trace		trace = {.loop = loop_create()};
	int			ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	trace.watch = loop_watch_create(trace.loop, ends[1], on_watched, &trace);
	loop_watch_set(trace.watch, false, true);
	trace.other = loop_timer_create(trace.loop, stop_now, &trace);
	loop_timer_start(trace.other, 1 * US_PER_MS);
	loop_run(trace.loop);
	assert_string_equal(trace.text, "writable ");
	loop_watch_destroy(trace.watch);

	trace.watch = loop_watch_create(trace.loop, ends[0], on_watched, &trace);
	loop_watch_set(trace.watch, true, false);
	loop_run(trace.loop);
	assert_string_equal(trace.text, "writable readable ");
	loop_timer_destroy(trace.other);
	loop_destroy(trace.loop);
	close(ends[0]);
	close(ends[1]);
}

static void
signals_become_callbacks(void **state)
{
	Trace		trace = {.loop = loop_create()};
	LoopSignal *sig = loop_signal_create(trace.loop, SIGUSR1, on_last, &trace);

	raise(SIGUSR1);
	loop_run(trace.loop);
	assert_string_equal(trace.text, "last ");
	loop_signal_destroy(sig);
	loop_destroy(trace.loop);
}

static void
note_end(void *arg)
{
	note(arg, "end");
}

static void
tasks_for_the_end_run_when_the_loop_is_destroyed(void **state)
{
	Trace		trace = {.loop = loop_create(), .task = {.fn = note_end, .arg = &trace}};
	LoopTask	withdrawn = {.fn = note_end, .arg = &trace};

	loop_at_end(trace.loop, &trace.task);
	loop_at_end(trace.loop, &withdrawn);
	loop_at_end_cancel(trace.loop, &withdrawn);
	loop_later(trace.loop, later_a, &trace);
	loop_destroy(trace.loop);
	assert_string_equal(trace.text, "end later-a later-b ");
}

/* Nothing happens on the descriptors: what was put off must not wait for it. */
static void
what_was_put_off_before_the_loop_ran_is_run(void **state)
{
	Trace		trace = {.loop = loop_create()};

	loop_later(trace.loop, stop_now, &trace);
	loop_run(trace.loop);
	loop_destroy(trace.loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_turn_runs_callbacks_then_tasks_then_later),
		cmocka_unit_test(a_cancelled_task_does_not_run),
		cmocka_unit_test(what_was_put_off_before_the_loop_ran_is_run),
		cmocka_unit_test(stopping_delivers_what_was_posted_before),
		cmocka_unit_test(posts_of_many_threads_arrive_once_and_in_order),
		cmocka_unit_test(timers_fire_in_order_and_not_early),
		cmocka_unit_test(a_timer_moved_later_fires_once_at_the_later_time),
		cmocka_unit_test(a_timer_moved_earlier_fires_at_the_earlier_time),
		cmocka_unit_test(a_stopped_timer_does_not_fire_and_can_be_started_again),
		cmocka_unit_test(a_timer_may_destroy_itself_and_others),
		cmocka_unit_test(a_watch_follows_what_is_wanted),
		cmocka_unit_test(signals_become_callbacks),
		cmocka_unit_test(tasks_for_the_end_run_when_the_loop_is_destroyed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
