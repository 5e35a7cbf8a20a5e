/*-------------------------------------------------------------------------
 *
 * read_file.c
 *	  A whole file into memory, with an end to its size.
 *
 *-------------------------------------------------------------------------
 */
#include "auth/read_file.h"

#include <errno.h>
#include <stdio.h>

#define READ_CHUNK 65536

bool
read_file(const char *option, const char *path, int max_bytes, Buf *text, Error *error)
{
	FILE	   *file = fopen(path, "re");
	size_t		got;
	bool		ok = true;

	if (file == NULL)
		return error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "could not open %s \"%s\": %s", option, path,
						 strerror(errno));
	setvbuf(file, NULL, _IONBF, 0);	/* no copy of secrets in a buffer we cannot wipe */
	do
	{
		got = fread(buf_reserve(text, READ_CHUNK), 1, READ_CHUNK, file);
		buf_commit(text, got);
	} while (got > 0 && buf_len(text) <= (size_t) max_bytes);

	if (ferror(file))
		ok = error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "could not read %s \"%s\": %s", option, path,
					   strerror(errno));
	else if (got > 0)
		ok = error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "%s \"%s\" is larger than %d bytes", option, path,
					   max_bytes);
	fclose(file);
	return ok;
}
