/*
 * test_memory.c
 *	  What allocation promises, and that asking for what cannot be had ends
 *	  the process with one log line (docs/decisions/0001-out-of-memory.md).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/memory.h"

/* AddressSanitizer would end the process itself, before we see the NULL. */
extern const char *__asan_default_options(void);
extern const char *__tsan_default_options(void);

const char *
__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

const char *
__tsan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void
memory_is_zeroed_and_never_null(void **state)
{
	char	   *bytes = mem_alloc(1000);
	char	   *none = mem_alloc(0);

	for (int i = 0; i < 1000; i++)
		assert_int_equal(bytes[i], 0);
	assert_non_null(none);
	none = mem_realloc(none, 0);
	assert_non_null(none);
	bytes[999] = 'x';
	bytes = mem_realloc(bytes, 100000);
	assert_int_equal(bytes[999], 'x');
	mem_free(bytes);
	mem_free(none);
	mem_free(NULL);
}

static void
strings_are_copied(void **state)
{
	char	   *copy = mem_strdup("abc");
	char	   *part = mem_strndup(slice_make("abc\0def", 7));
	char	   *empty = mem_strndup(slice_make(NULL, 0));

	assert_string_equal(copy, "abc");
	assert_memory_equal(part, "abc\0def\0", 8);
	assert_string_equal(empty, "");
	mem_free(copy);
	mem_free(part);
	mem_free(empty);
}

static void
ask_alloc(void)
{
	mem_alloc((size_t) PTRDIFF_MAX - 4096);
}

static void
ask_realloc(void)
{
	mem_free(mem_realloc(mem_alloc(1), (size_t) PTRDIFF_MAX - 4096));
}

static void
ask_buf(void)
{
	Buf			buf = BUF_INIT;

	buf_append_string(&buf, "x");
	buf_reserve(&buf, SIZE_MAX);
}

/* Run ask in a child; returns its exit status, and what it wrote in output. */
static int
run_child(void (*ask) (void), char *output, size_t size)
{
	int			ends[2];
	int			status;
	ssize_t		len;
	pid_t		child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0)
	{
		const struct rlimit no_core = {0, 0};

		signal(SIGABRT, SIG_DFL);
		setrlimit(RLIMIT_CORE, &no_core);
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		ask();
		_exit(0);
	}
	close(ends[1]);
	for (size_t used = 0; (len = read(ends[0], output + used, size - 1 - used)) > 0; used += (size_t) len)
		output[used + (size_t) len] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void
what_cannot_be_had_aborts_with_a_line(void **state)
{
	void		(*const asks[]) (void) = {ask_alloc, ask_realloc, ask_buf};

	for (int i = 0; i < 3; i++)
	{
		char		output[65536] = "";
		int			status = run_child(asks[i], output, sizeof(output));

		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
			fail_msg("case %d: status %d: %s", i, status, output);
		assert_non_null(strstr(output, " ERROR out_of_memory bytes=9223372036854"));
	}
}

static void
the_clock_does_not_go_back(void **state)
{
	uint64_t	last = clock_now_us();

	for (int i = 0; i < 10000; i++)
	{
		uint64_t	now = clock_now_us();

		assert_true(now >= last);
		last = now;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_and_never_null),
		cmocka_unit_test(strings_are_copied),
		cmocka_unit_test(what_cannot_be_had_aborts_with_a_line),
		cmocka_unit_test(the_clock_does_not_go_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
