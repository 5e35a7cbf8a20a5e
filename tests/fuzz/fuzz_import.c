/*
 * fuzz_import.c
 *		A PgBouncer configuration, as --import takes it.
 *
 * The input up to its first NUL, then a database with a password, then the
 * rest, the first line of which goes on with that database's words. Properties:
 * the same file gives the same result and the same notes; notes are whole
 * lines, and there are some if the result is not good; a good result, printed,
 * is read as what prints the same; and no note depends on the password.
 *
 * Files that include others by a path with a folder in it are left out, so that
 * nothing is opened but what lies here.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "app/import.h"
#include "base/buf.h"
#include "tests/fuzz/config_target.h"

typedef struct Outcome
{
	bool		ok;
	Buf			result;
	Buf			notes;
} Outcome;

static void
make_text(Buf *text, Slice data, const char *password)
{
	const char *nul = memchr(data.data, 0, data.len);
	size_t		head = nul != NULL ? (size_t) (nul - data.data) : data.len;

	buf_clear(text);
	buf_append(text, slice_make(data.data, head));
	buf_printf(text, "\n[databases]\nkept = password=%s ", password);
	buf_append(text, slice_skip(data, head));
}

/* The text as a file that no disk sees. */
static void
import(int file, const Buf *text, Outcome *outcome)
{
	Slice		bytes = buf_slice(text);
	char		path[32];

	require(ftruncate(file, 0) == 0 && pwrite(file, bytes.data, bytes.len, 0) == (ssize_t) bytes.len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	*outcome = (Outcome) {.result = BUF_INIT, .notes = BUF_INIT};
	outcome->ok = import_pgbouncer(path, &outcome->result, &outcome->notes);
}

static void
release(Outcome *outcome)
{
	buf_release(&outcome->result);
	buf_release(&outcome->notes);
}

static bool
includes_elsewhere(Slice data)
{
	const char *include = memmem(data.data, data.len, "%include", 8);

	return include != NULL && memchr(include, '/', data.len - (size_t) (include - data.data)) != NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	Slice		data = slice_make((const char *) bytes, size);
	Buf			text = BUF_INIT;
	Outcome		first;
	Outcome		second;
	Outcome		other;
	Slice		notes;
	int			file;

	if (includes_elsewhere(data) || (file = memfd_create("pgbouncer.ini", MFD_CLOEXEC)) < 0)
		return 0;
	make_text(&text, data, "Crocodile7");
	import(file, &text, &first);
	import(file, &text, &second);
	make_text(&text, data, "Armadillo3");
	import(file, &text, &other);
	close(file);

	notes = buf_slice(&first.notes);
	require(first.ok == second.ok && slice_equals(notes, buf_slice(&second.notes)));
	require(slice_equals(buf_slice(&first.result), buf_slice(&second.result)));
	require(first.ok == other.ok && slice_equals(notes, buf_slice(&other.notes)));
	require(notes.len == 0 ? first.ok : notes.data[notes.len - 1] == '\n');
	require(reads_back(buf_slice(&first.result)) == first.ok);
	release(&first);
	release(&second);
	release(&other);
	buf_release(&text);
	return 0;
}
