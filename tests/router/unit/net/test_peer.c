/*-------------------------------------------------------------------------
 *
 * test_peer.c
 *	  Doors and links among processes; here both ends are in one.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/peer.h"

#define NUMBER_MAX 1000000

typedef struct House
{
	Loop	   *loop;
	PeerDoor   *door;
	int			number;
	PeerLink   *inside;			/* the latest who knocked */
	int			knocks;
	int			packets;
	int			closed;
	char		heard[64];		/* the latest packet */
	int			fd;				/* that came with it */
	bool		leaves_fds;		/* does not take them */
	bool		hangs_up;		/* destroys the link in the callback */
} House;

static void
on_packet(void *owner, PeerPacket *packet)
{
	House	   *house = owner;

	house->packets++;
	snprintf(house->heard, sizeof(house->heard), "%.60s", packet->data);
	if (packet->nfds > 0 && !house->leaves_fds)
	{
		house->fd = packet->fds[0];
		packet->fds[0] = -1;
	}
	if (house->hangs_up)
	{
		peer_link_destroy(house->inside);
		house->inside = NULL;
	}
}

static void
on_closed(void *owner)
{
	((House *) owner)->closed++;
}

static const PeerEvents events = {on_packet, on_closed};

static void
on_knock(void *arg, PeerLink *link)
{
	House	   *house = arg;

	house->knocks++;
	peer_link_destroy(house->inside);
	house->inside = link;
	peer_link_set_owner(link, &events, house);
}

static int
open_house(void **state)
{
	House	   *house = calloc(1, sizeof(House));

	house->loop = loop_create();
	house->fd = -1;
	/* other tests may run beside this one */
	for (house->number = 10000 + getpid() % 100000; house->door == NULL; house->number++)
		house->door = peer_door_open(house->loop, house->number, on_knock, house);
	house->number--;
	*state = house;
	return 0;
}

static int
close_house(void **state)
{
	House	   *house = *state;

	peer_link_destroy(house->inside);
	peer_door_close(house->door);
	loop_destroy(house->loop);
	free(house);
	return 0;
}

static void
stop_now(void *arg)
{
	loop_stop(arg);
}

#define run_until(house, condition) \
	do { \
		uint64_t	until_us_ = clock_now_us() + 30 * US_PER_SEC; \
		while (!(condition)) \
		{ \
			assert_true(clock_now_us() < until_us_); \
			loop_post((house)->loop, stop_now, (house)->loop); \
			loop_run((house)->loop); \
		} \
	} while (0)

/* A number can be had once: that is what makes it a claim. */
static void
a_number_is_had_once(void **state)
{
	House	   *house = *state;

	assert_null(peer_door_open(house->loop, house->number, on_knock, house));
	assert_int_equal(errno, EADDRINUSE);
	peer_door_close(house->door);
	house->door = peer_door_open(house->loop, house->number, on_knock, house);
	assert_non_null(house->door);
}

static void
nobody_is_behind_a_door_that_is_not_there(void **state)
{
	House	   *house = *state;

	assert_null(peer_knock(house->loop, NUMBER_MAX + house->number));
}

static void
packets_keep_apart_and_the_end_is_told(void **state)
{
	House	   *house = *state;
	PeerLink   *link = peer_knock(house->loop, house->number);

	assert_non_null(link);
	assert_int_equal(peer_link_pid(link), getpid());
	assert_true(peer_link_send(link, slice_from_string("one"), NULL, 0));
	assert_true(peer_link_send(link, slice_from_string("two"), NULL, 0));
	run_until(house, house->packets == 1);
	assert_string_equal(house->heard, "one");
	run_until(house, house->packets == 2);
	assert_string_equal(house->heard, "two");
	peer_link_destroy(link);
	run_until(house, house->closed == 1);
	assert_int_equal(house->knocks, 1);
}

/* The same open file at both ends; what is not taken is closed. */
static void
descriptors_travel(void **state)
{
	House	   *house = *state;
	PeerLink   *link = peer_knock(house->loop, house->number);
	int			ends[2];
	char		byte;

	for (int i = 0; i < 2; i++)
	{
		house->leaves_fds = i == 1;
		assert_int_equal(pipe(ends), 0);
		assert_true(peer_link_send(link, slice_from_string("a pipe"), &ends[1], 1));
		close(ends[1]);
		run_until(house, house->packets == i + 1);
		if (!house->leaves_fds)
		{
			assert_int_equal(write(house->fd, "x", 1), 1);
			close(house->fd);
			assert_int_equal(read(ends[0], &byte, 1), 1);
		}
		assert_int_equal(read(ends[0], &byte, 1), 0);
		close(ends[0]);
	}
	peer_link_destroy(link);
}

static void
one_may_wait_for_a_packet(void **state)
{
	House	   *house = *state;
	PeerLink   *link = peer_knock(house->loop, house->number);
	PeerPacket *packet = malloc(sizeof(PeerPacket));

	run_until(house, house->inside != NULL);
	assert_false(peer_link_receive(link, 0, packet));
	assert_true(peer_link_send(house->inside, slice_from_string("an answer"), NULL, 0));
	assert_true(peer_link_receive(link, 30 * US_PER_SEC, packet));
	assert_string_equal(packet->data, "an answer");
	assert_int_equal(packet->nfds, 0);
	peer_link_destroy(house->inside);
	house->inside = NULL;
	assert_false(peer_link_receive(link, 30 * US_PER_SEC, packet));
	peer_link_destroy(link);
	free(packet);
}

static void
a_link_may_be_destroyed_in_its_callback(void **state)
{
	House	   *house = *state;
	PeerLink   *link = peer_knock(house->loop, house->number);

	house->hangs_up = true;
	assert_true(peer_link_send(link, slice_from_string("bye"), NULL, 0));
	assert_true(peer_link_send(link, slice_from_string("too late"), NULL, 0));
	run_until(house, house->packets == 1);
	run_until(house, !peer_link_send(link, slice_from_string("?"), NULL, 0));
	assert_int_equal(house->packets, 1);
	peer_link_destroy(link);
}

static void
what_is_too_big_is_not_sent(void **state)
{
	House	   *house = *state;
	PeerLink   *link = peer_knock(house->loop, house->number);
	char	   *big = calloc(1, PEER_PACKET_MAX + 1);
	int			fds[PEER_FDS_MAX + 1] = {0};

	assert_false(peer_link_send(link, slice_make(big, PEER_PACKET_MAX + 1), NULL, 0));
	assert_false(peer_link_send(link, slice_from_string("x"), fds, PEER_FDS_MAX + 1));
	assert_true(peer_link_send(link, slice_make(big, PEER_PACKET_MAX), NULL, 0));
	peer_link_destroy(link);
	free(big);
}

/* The name has no permissions, so the user is looked at, at both ends. */
static void
another_user_is_not_let_in(void **state)
{
	House	   *house = *state;
	int			status = 0;
	pid_t		child;

	if (geteuid() != 0)
		skip();
	child = fork();
	if (child == 0)
	{
		struct sockaddr_un address = {.sun_family = AF_UNIX};
		int			len = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "andon-router/0/%d", house->number);
		int			fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
		char		byte;

		if (setuid(65534) != 0 ||
			connect(fd, (struct sockaddr *) &address, (socklen_t) (offsetof(struct sockaddr_un, sun_path) + 1 + len)) != 0)
			_exit(1);
		(void) send(fd, "hello", 5, MSG_NOSIGNAL);
		_exit(recv(fd, &byte, 1, 0) <= 0 ? 0 : 2);
	}
	run_until(house, waitpid(child, &status, WNOHANG) == child);
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(house->knocks, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_number_is_had_once, open_house, close_house),
		cmocka_unit_test_setup_teardown(nobody_is_behind_a_door_that_is_not_there, open_house, close_house),
		cmocka_unit_test_setup_teardown(packets_keep_apart_and_the_end_is_told, open_house, close_house),
		cmocka_unit_test_setup_teardown(descriptors_travel, open_house, close_house),
		cmocka_unit_test_setup_teardown(one_may_wait_for_a_packet, open_house, close_house),
		cmocka_unit_test_setup_teardown(a_link_may_be_destroyed_in_its_callback, open_house, close_house),
		cmocka_unit_test_setup_teardown(what_is_too_big_is_not_sent, open_house, close_house),
		cmocka_unit_test_setup_teardown(another_user_is_not_let_in, open_house, close_house),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
