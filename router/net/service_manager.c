/*-------------------------------------------------------------------------
 *
 * service_manager.c
 *	  What systemd gives a service, and is told by it.
 *
 *-------------------------------------------------------------------------
 */
#include "net/service_manager.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/slice.h"

#define FIRST_FD 3				/* SD_LISTEN_FDS_START */
#define FDS_MAX 64

static int	number_in_environment(const char *name);
static bool take_socket(Sockets *sockets, int fd, Slice name, Error *error);
static Slice next_name(const char **names);
static void notify(const char *lines);

bool
service_manager_take_sockets(Sockets *sockets, Error *error)
{
	int			count = number_in_environment("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");
	bool		ok = true;

	/* They may be meant for who started us. */
	if (number_in_environment("LISTEN_PID") != (int) getpid())
		return true;
	if (count > FDS_MAX)
		return error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "LISTEN_FDS is %d: at most %d can be used", count, FDS_MAX);
	for (int fd = FIRST_FD; fd < FIRST_FD + count && ok; fd++)
		ok = take_socket(sockets, fd, next_name(&names), error);
	(void) unsetenv("LISTEN_PID");
	(void) unsetenv("LISTEN_FDS");
	(void) unsetenv("LISTEN_FDNAMES");
	return ok;
}

static int
number_in_environment(const char *name)
{
	const char *value = getenv(name);
	char	   *end;
	long		number = value ? strtol(value, &end, 10) : 0;

	return value && *value && *end == '\0' && number > 0 && number <= INT32_MAX ? (int) number : 0;
}

/* "a:b:c"; past the end: empty. */
static Slice
next_name(const char **names)
{
	const char *begin = *names;
	size_t		len = begin ? strcspn(begin, ":") : 0;

	if (begin)
		*names = begin[len] == ':' ? begin + len + 1 : NULL;
	return slice_make(begin ? begin : "", len);
}

static bool
take_socket(Sockets *sockets, int fd, Slice name, Error *error)
{
	int			is_listening = 0;
	int			type = 0;
	socklen_t	len = sizeof(int);
	int			flags = fcntl(fd, F_GETFL);

	if (flags < 0 || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_STREAM ||
		getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &len) < 0 || !is_listening)
		return error_set(error, SQLSTATE_CONFIG_FILE_ERROR, "descriptor %d of LISTEN_FDS is not a listening stream socket "
						 "(with Accept=no)", fd);
	(void) fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	(void) fcntl(fd, F_SETFD, FD_CLOEXEC);
	sockets_hand(sockets, fd, slice_equals(name, slice_from_string("http")) ? SOCKET_HTTP : SOCKET_CLIENTS,
				 SOCKET_MANAGED);
	return true;
}

/* ---------------------------------------------------------------- telling */

void
service_manager_tell_ready(void)
{
	notify("READY=1");
}

/* The time lets the manager tell this READY from an earlier one. */
void
service_manager_tell_reloading(void)
{
	char		lines[80];

	snprintf(lines, sizeof(lines), "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long) clock_now_us());
	notify(lines);
}

void
service_manager_tell_stopping(void)
{
	notify("STOPPING=1");
}

void
service_manager_tell_successor(pid_t pid)
{
	char		lines[40];

	snprintf(lines, sizeof(lines), "MAINPID=%d", (int) pid);
	notify(lines);
}

/* Whether it arrives is the manager's business. */
static void
notify(const char *lines)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t		len = path ? strlen(path) : 0;
	int			fd;

	if (len < 2 || len >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(address.sun_path, path, len);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void) sendto(fd, lines, strlen(lines), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *) &address,
				  (socklen_t) (offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}
