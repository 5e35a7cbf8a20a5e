/*
 * fuzz_ini.c
 *		The text of a configuration file, as lines and as a configuration.
 *
 * Properties: lines are told in their order and lie in the text; what is told
 * of a section or a name has no line break in it; the same text, read again,
 * tells the same; and a configuration, printed, is read as what prints the same.
 */
#include <string.h>

#include "app/ini.h"
#include "base/buf.h"
#include "tests/fuzz/config_target.h"

typedef struct Told
{
	int			last_line;
	int			lines;			/* of the text */
	Buf			words;
} Told;

static void
note(Told *told, int line, const char *word)
{
	require(line >= 1 && line <= told->lines && line >= told->last_line);
	told->last_line = line;
	if (word == NULL)
		return;
	require(strchr(word, '\n') == NULL);
	buf_append(&told->words, slice_make(word, strlen(word) + 1));
}

static void
on_entry(void *arg, int line, const char *section, const char *name, const char *value)
{
	note(arg, line, section);
	note(arg, line, name);
	note(arg, line, value);
}

static void
on_section(void *arg, int line, const char *section)
{
	note(arg, line, section);
}

static void
on_error(void *arg, int line, const char *message)
{
	require(message[0] != '\0');
	note(arg, line, message);
}

static void
read_once(Slice text, Told *told)
{
	static const IniEvents events = {on_entry, on_section, on_error};

	told->last_line = 0;
	told->lines = 1;
	buf_init(&told->words);
	for (size_t i = 0; i < text.len; i++)
		told->lines += text.data[i] == '\n';
	ini_read(text, &events, told);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Slice		text = slice_make((const char *) data, size);
	Told		first;
	Told		second;

	read_once(text, &first);
	read_once(text, &second);
	require(slice_equals(buf_slice(&first.words), buf_slice(&second.words)));
	buf_release(&first.words);
	buf_release(&second.words);
	reads_back(text);
	return 0;
}
