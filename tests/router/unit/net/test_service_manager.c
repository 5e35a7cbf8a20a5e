/*-------------------------------------------------------------------------
 *
 * test_service_manager.c
 *	  Descriptors and notifications as systemd gives and takes them.
 *
 * The descriptors begin at 3 (sd_listen_fds(3)), which may be in use here: so
 * each test that needs them runs in a child.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/service_manager.h"

static void
set_number(const char *name, int number)
{
	char		text[24];

	snprintf(text, sizeof(text), "%d", number);
	setenv(name, text, 1);
}

static void
put_socket(int fd, int type, bool listens)
{
	int			made = socket(AF_UNIX, type, 0);

	if (listens)
	{
		/* bound to a name the kernel chooses */
		const struct sockaddr_un any = {.sun_family = AF_UNIX};

		if (bind(made, (const struct sockaddr *) &any, sizeof(any.sun_family)) != 0 || listen(made, 1) != 0)
			_exit(100);
	}
	if (made != fd)
	{
		dup2(made, fd);
		close(made);
	}
}

static int
in_child(int (*fn) (void))
{
	int			status;
	pid_t		child = fork();

	if (child == 0)
		_exit(fn());
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define EXPECT(condition) \
	do { if (!(condition)) return __LINE__ % 250 + 1; } while (0)

static int
take_three(void)
{
	Sockets    *sockets = sockets_create();
	Error		error;

	put_socket(3, SOCK_STREAM, true);
	put_socket(4, SOCK_STREAM, true);
	put_socket(5, SOCK_STREAM, true);
	set_number("LISTEN_PID", getpid());
	set_number("LISTEN_FDS", 3);
	setenv("LISTEN_FDNAMES", "clients:http", 1);
	EXPECT(service_manager_take_sockets(sockets, &error));
	EXPECT(sockets_count(sockets) == 3);
	for (int i = 0; i < 3; i++)
	{
		const ListenSocket *socket = sockets_get(sockets, i);

		EXPECT(socket->fd == 3 + i && socket->kind == SOCKET_MANAGED && socket->is_wanted);
		EXPECT(socket->use == (i == 1 ? SOCKET_HTTP : SOCKET_CLIENTS));
		EXPECT((fcntl(socket->fd, F_GETFD) & FD_CLOEXEC) && (fcntl(socket->fd, F_GETFL) & O_NONBLOCK));
	}
	EXPECT(getenv("LISTEN_PID") == NULL && getenv("LISTEN_FDS") == NULL && getenv("LISTEN_FDNAMES") == NULL);
	EXPECT(sockets_listen(sockets, &error) && sockets_count(sockets) == 3);
	return 0;
}

static void
sockets_are_taken_by_name(void **state)
{
	assert_int_equal(in_child(take_three), 0);
}

static int
meant_for_another(void)
{
	Sockets    *sockets = sockets_create();
	Error		error;

	put_socket(3, SOCK_STREAM, true);
	set_number("LISTEN_PID", getpid() + 1);
	set_number("LISTEN_FDS", 1);
	EXPECT(service_manager_take_sockets(sockets, &error));
	EXPECT(sockets_count(sockets) == 0);
	EXPECT(getenv("LISTEN_FDS") != NULL);
	return 0;
}

/* Left over by who started us: the number of the process says so. */
static void
those_of_another_process_are_left_alone(void **state)
{
	assert_int_equal(in_child(meant_for_another), 0);
}

static int
take_wrong(void)
{
	set_number("LISTEN_PID", getpid());
	for (int wrong = 0; wrong < 4; wrong++)
	{
		Sockets    *sockets = sockets_create();
		Error		error;

		close(3);
		if (wrong == 0)
			put_socket(3, SOCK_STREAM, false);
		else if (wrong == 1)
			put_socket(3, SOCK_DGRAM, false);
		else if (wrong == 2 && open("/dev/null", O_RDONLY) != 3)
			dup2(open("/dev/null", O_RDONLY), 3);
		set_number("LISTEN_PID", getpid());
		set_number("LISTEN_FDS", wrong == 3 ? 100000 : 1);
		EXPECT(!service_manager_take_sockets(sockets, &error));
		EXPECT(strstr(error.message, "LISTEN_FDS") != NULL);
		sockets_destroy(sockets);
	}
	return 0;
}

static void
what_is_no_listening_socket_is_refused(void **state)
{
	assert_int_equal(in_child(take_wrong), 0);
}

static int
without_a_manager(void)
{
	Sockets    *sockets = sockets_create();
	Error		error;

	unsetenv("LISTEN_PID");
	unsetenv("NOTIFY_SOCKET");
	EXPECT(service_manager_take_sockets(sockets, &error) && sockets_count(sockets) == 0);
	service_manager_tell_ready();
	setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
	service_manager_tell_ready();
	setenv("NOTIFY_SOCKET", "vsock:1:2", 1);
	service_manager_tell_stopping();
	return 0;
}

static void
without_a_manager_nothing_happens(void **state)
{
	assert_int_equal(in_child(without_a_manager), 0);
}

static bool
hears(int fd, const char *wanted)
{
	char		told[200];
	ssize_t		len = recv(fd, told, sizeof(told) - 1, MSG_DONTWAIT);

	told[len < 0 ? 0 : len] = '\0';
	return strncmp(told, wanted, strlen(wanted)) == 0;
}

static void
the_manager_is_told(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int			fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	int			len = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "andon-test-notify-%d", (int) getpid());
	char		name[128];

	assert_int_equal(bind(fd, (struct sockaddr *) &address, (socklen_t) (offsetof(struct sockaddr_un, sun_path) + 1 + len)), 0);
	snprintf(name, sizeof(name), "@%s", address.sun_path + 1);
	setenv("NOTIFY_SOCKET", name, 1);
	service_manager_tell_ready();
	assert_true(hears(fd, "READY=1"));
	service_manager_tell_reloading();
	assert_true(hears(fd, "RELOADING=1\nMONOTONIC_USEC="));
	service_manager_tell_successor(4711);
	assert_true(hears(fd, "MAINPID=4711"));
	service_manager_tell_stopping();
	assert_true(hears(fd, "STOPPING=1"));
	unsetenv("NOTIFY_SOCKET");
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sockets_are_taken_by_name),
		cmocka_unit_test(those_of_another_process_are_left_alone),
		cmocka_unit_test(what_is_no_listening_socket_is_refused),
		cmocka_unit_test(without_a_manager_nothing_happens),
		cmocka_unit_test(the_manager_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
