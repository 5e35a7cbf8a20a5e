/*-------------------------------------------------------------------------
 *
 * read_file.h
 *	  A whole file into memory, with an end to its size: auth_file, auth_hba_file.
 *
 * Called at start and on reload, in the main thread.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_AUTH_READ_FILE_H
#define ROUTER_AUTH_READ_FILE_H

#include "base/buf.h"
#include "base/error.h"

/* option is what errors call the file; what was read is appended to text, on failure too. */
extern bool read_file(const char *option, const char *path, int max_bytes, Buf *text, Error *error);

#endif							/* ROUTER_AUTH_READ_FILE_H */
