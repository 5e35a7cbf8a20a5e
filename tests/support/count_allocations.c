/*
 * count_allocations.c
 *		Counts a program's allocations, for the test that there are none per query.
 *
 * Preloaded (LD_PRELOAD), it stands before glibc's malloc(), calloc() and
 * realloc() and adds one for each call to the number in the file that
 * ALLOCATIONS_FILE names: eight bytes, in the byte order of the machine.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *ptr, size_t size);

static _Atomic(atomic_ulong *) allocations;

static void __attribute__((constructor))
open_file(void)
{
	const char *path = getenv("ALLOCATIONS_FILE");
	int			fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
	void	   *mapped;

	if (fd < 0 || ftruncate(fd, sizeof(atomic_ulong)) != 0)
		return;
	mapped = mmap(NULL, sizeof(atomic_ulong), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (mapped != MAP_FAILED)
		atomic_store(&allocations, mapped);
}

static void
count_one(void)
{
	atomic_ulong *counter = atomic_load_explicit(&allocations, memory_order_acquire);

	if (counter != NULL)
		atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

void *
malloc(size_t size)
{
	count_one();
	return __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	count_one();
	return __libc_calloc(count, size);
}

void *
realloc(void *ptr, size_t size)
{
	count_one();
	return __libc_realloc(ptr, size);
}
