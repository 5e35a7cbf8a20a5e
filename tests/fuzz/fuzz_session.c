/*
 * fuzz_session.c
 *		A whole session between a client and a server that may both say anything.
 *
 * The input is a first byte of ways (MODE_*) and pieces: a byte of kind, two of
 * length, the bytes.  They are said one after the other, over real sockets, and
 * the loop turns after each.  With what is not the input's to say, the client's
 * login and the server's, the search gets further.
 *
 * Properties, besides those of the sanitizers: a client that hangs up is let
 * go; one that comes after it is served by an honest server, or told why not;
 * at the end no descriptor is left over.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "session/client.h"
#include "session/context.h"
#include "tests/fuzz/target.h"
#include "wire/build.h"

#define MODE_SERVER_LOGIN 0x01	/* the input says what the server says at login, too */
#define MODE_CLIENT_LOGIN 0x02	/* the same of the client */
#define MODE_SESSION_POOLING 0x04
#define MODE_PASSWORD 0x08		/* the router has one to give to the server */

#define KIND_CLIENT 0			/* kinds are taken modulo KINDS */
#define KIND_SERVER 1
#define KIND_CLIENT_BYTES 2		/* the loop turns after each byte */
#define KIND_SERVER_ENDS 3
#define KIND_CLIENT_ENDS 4
#define KINDS 5

#define PIECES_MAX 40
#define BYTES_MAX 64
#define TURNS 6
#define LONG_US (600 * US_PER_SEC)

typedef struct World
{
	int			mode;
	Loop	   *loop;
	SettingsPool *settings;
	PreparedTable *prepared;
	GlobalFloors *floors;
	PoolTotals *totals;
	PoolSet    *pools;
	SessionContext context;
	int			listener;
	int			port;
	int			server;			/* the connection accepted last; -1: none */
	int			others[16];		/* those before it */
	int			nothers;
	int			client;			/* our end; -1: it has hung up */
	bool		is_honest;		/* new connections of servers are logged in */
} World;

static void
stop(void *arg)
{
	loop_stop(arg);
}

static const char *
find_database(const void *databases, const char *name)
{
	return strcmp(name, "mes") == 0 ? "mes" : NULL;
}

static bool
on_cancel(void *arg, const CancelRequest *request)
{
	return false;
}

static void
on_ask(void *arg)
{
}

static void
on_suspicion(void *arg, int node)
{
}

static void
on_facts(void *arg, const char *database, FactsAsk ask)
{
}

static bool
admit(void *arg)
{
	return true;
}

static bool
admit_fallback(void *arg, int max)
{
	return true;
}

/* A console that answers at once: its protocol is the sessions', too. */
static void
console_run(void *console, const char *user, Slice command, ConsoleReply reply)
{
	Buf			out = BUF_INIT;

	build_command_complete(&out, "SHOW");
	reply.done(reply.arg, buf_slice(&out));
	buf_release(&out);
}

static void
console_cancel(void *console, void *reply_arg)
{
}

static void
console_describe(void *console, Slice command, Buf *out)
{
	build_empty(out, 'n');
}

static bool
console_may_connect(void *console, const char *user, Error *error)
{
	return true;
}

/* ---------------------------------------------------------------- the server's side */

static void
say(int fd, const void *bytes, size_t len)
{
	if (fd >= 0 && len > 0 && send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return;					/* full, or gone: so be it */
}

static void
drain(int fd)
{
	char		bytes[65536];

	while (fd >= 0 && recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}

static void
welcome(World *world)
{
	Buf			out = BUF_INIT;

	build_auth(&out, 0, slice_make("", 0));
	build_parameter_status(&out, slice_from_string("server_version"), slice_from_string("15.20"));
	build_parameter_status(&out, slice_from_string("in_hot_standby"), slice_from_string("off"));
	build_parameter_status(&out, slice_from_string("standard_conforming_strings"), slice_from_string("on"));
	build_backend_key(&out, 1000, slice_make("keys", 4));
	build_ready(&out, 'I');
	say(world->server, buf_slice(&out).data, buf_len(&out));
	buf_release(&out);
}

/* What the router asks for itself: whether the extension is there, and to forget the last session. */
static void
hear_router(World *world)
{
	char		bytes[65536];
	Buf			out = BUF_INIT;
	ssize_t		n = world->server < 0 ? 0 : recv(world->server, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n > 0 && world->is_honest && memmem(bytes, (size_t) n, "SELECT 1 FROM pg_catalog.pg_", 28) != NULL)
	{
		build_command_complete(&out, "SELECT 0");
		build_ready(&out, 'I');
	}
	if (n > 0 && world->is_honest && memmem(bytes, (size_t) n, "DISCARD ALL", 11) != NULL)
	{
		build_command_complete(&out, "DISCARD ALL");
		build_ready(&out, 'I');
	}
	say(world->server, buf_slice(&out).data, buf_len(&out));
	buf_release(&out);
}

static void
accept_servers(World *world)
{
	int			fd;

	while ((fd = accept4(world->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
	{
		if (world->server >= 0 && world->nothers < 16)
			world->others[world->nothers++] = world->server;
		else if (world->server >= 0)
			close(world->server);
		world->server = fd;
		if (world->is_honest)
			welcome(world);
	}
}

static void
end_servers(World *world)
{
	if (world->server >= 0)
		close(world->server);
	world->server = -1;
	while (world->nothers > 0)
		close(world->others[--world->nothers]);
}

static void
turn(World *world, int times)
{
	for (int i = 0; i < times; i++)
	{
		loop_post(world->loop, stop, world->loop);
		loop_run(world->loop);
		accept_servers(world);
		hear_router(world);
		drain(world->client);
	}
}

/* ---------------------------------------------------------------- the world */

static void
listen_for_servers(World *world)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t	len = sizeof(address);

	world->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	require(world->listener >= 0);
	require(bind(world->listener, (struct sockaddr *) &address, sizeof(address)) == 0);
	require(listen(world->listener, 16) == 0);
	require(getsockname(world->listener, (struct sockaddr *) &address, &len) == 0);
	world->port = ntohs(address.sin_port);
}

static TopologyView *
make_view(const World *world)
{
	TopologyView *view = topology_view_create(1);

	view->primary = 0;
	view->nodes[0].name = "north";
	view->nodes[0].host = "127.0.0.1";
	view->nodes[0].port = world->port;
	view->nodes[0].identity = (NodeIdentity) {7, 1, NODE_PRIMARY, 1};
	view->nodes[0].is_usable = true;
	view->nodes[0].sampled_us = clock_now_us();
	view->nodes[0].lsn = view->nodes[0].visible_lsn = view->nodes[0].flush_lsn = 0x1000;
	return view;
}

static void
world_init(World *world, int mode)
{
	static PoolConfig pool_config;
	Error		error;

	pool_config = (PoolConfig) {
		.limits.pool_size = 4,
		.server_connect_timeout_us = LONG_US,
		.server_reset_timeout_us = LONG_US,
		.login_retry_us = 1,
		.max_prepared_statements = 3,
	};
	memset(world, 0, sizeof(*world));
	world->mode = mode;
	world->server = world->client = -1;
	world->is_honest = !(mode & MODE_SERVER_LOGIN);
	world->loop = loop_create();
	listen_for_servers(world);
	world->settings = settings_pool_create();
	world->prepared = prepared_table_create();
	world->floors = global_floors_create();
	world->totals = pool_totals_create();
	world->pools = pool_set_create(world->loop, &pool_config, world->totals, world->settings,
								   &(PoolSetHooks) {NULL, NULL, NULL});
	world->context.loop = world->loop;
	world->context.pools = world->pools;
	world->context.settings = world->settings;
	world->context.prepared = world->prepared;
	world->context.floors = world->floors;
	world->context.config = (SessionConfig) {
		.pool_mode = mode & MODE_SESSION_POOLING ? POOL_MODE_SESSION : POOL_MODE_TRANSACTION,
		.auth_method = AUTH_TRUST,
		.replica_wait_us = LONG_US,
		.query_wait_timeout_us = LONG_US,
		.admin_database = "andon",
		.find_database = find_database,
	};
	world->context.hooks = (SessionHooks) {
		.on_cancel = on_cancel,
		.request_probe = on_ask,
		.report_suspicion = on_suspicion,
		.ask_facts = on_facts,
		.admit_client = admit,
		.release_client = on_ask,
		.admit_fallback = admit_fallback,
		.release_fallback = on_ask,
	};
	world->context.console = (ConsoleHook) {console_run, console_cancel, console_describe, console_may_connect, NULL};
	if (mode & MODE_PASSWORD)
		world->context.users = user_table_parse(slice_from_string("\"app\" \"pencil\"\n"), "users", &error);
	world->context.view = make_view(world);
	session_context_init(&world->context);
	pool_set_view(world->pools, world->context.view);
}

static void
world_fini(World *world)
{
	session_context_fini(&world->context);
	pool_set_destroy(world->pools);
	turn(world, 2);
	close(world->listener);
	end_servers(world);
	loop_destroy(world->loop);
	prepared_table_destroy(world->prepared);
	settings_pool_destroy(world->settings);
	global_floors_destroy(world->floors);
	pool_totals_destroy(world->totals);
}

/* ---------------------------------------------------------------- the client's side */

static void
connect_client(World *world, bool says_startup)
{
	static const PeerAddress peer = {.text = "test"};
	const char *params[] = {"user", "app", "database", "mes", NULL};
	Buf			out = BUF_INIT;
	int			fds[2];

	require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
	world->client = fds[0];
	client_accept(&world->context, fds[1], &peer);
	if (says_startup)
	{
		build_startup(&out, params);
		say(world->client, buf_slice(&out).data, buf_len(&out));
		buf_release(&out);
	}
	turn(world, TURNS);
}

static void
hang_up(World *world)
{
	if (world->client >= 0)
		close(world->client);
	world->client = -1;
	turn(world, 2);
}

/* Who should not be there any more. */
static void
print_client(void *arg, const ClientStats *stats)
{
	fprintf(stderr, "left over: a client that is %s\n", client_state_name(stats->state));
}

/*
 * What it has said before it hung up is still carried out; a server that says
 * nothing delays that until it ends, and a primary that was lost until the
 * monitor has looked again.
 */
static void
require_gone(World *world)
{
	for (int i = 0; i < 20 && !list_is_empty(&world->context.clients); i++)
	{
		end_servers(world);
		turn(world, 2);
		session_context_set_view(&world->context, make_view(world));
		turn(world, 10);
	}
	client_each(&world->context, print_client, NULL);
	require(list_is_empty(&world->context.clients));
}

static void
play_piece(World *world, int kind, const uint8_t *bytes, size_t len)
{
	switch (kind)
	{
		case KIND_CLIENT:
			say(world->client, bytes, len);
			break;
		case KIND_SERVER:
			say(world->server, bytes, len);
			break;
		case KIND_CLIENT_BYTES:
			for (size_t i = 0; i < len && i < BYTES_MAX; i++)
			{
				say(world->client, bytes + i, 1);
				turn(world, 1);
			}
			break;
		case KIND_SERVER_ENDS:
			end_servers(world);
			break;
		case KIND_CLIENT_ENDS:
			hang_up(world);
			break;
	}
	turn(world, 2);
}

static void
play(World *world, const uint8_t *data, size_t size)
{
	for (int n = 0; n < PIECES_MAX && size >= 3; n++)
	{
		size_t		len = data[1] | (size_t) data[2] << 8;

		if (len > size - 3)
			len = size - 3;
		play_piece(world, data[0] % KINDS, data + 3, len);
		data += 3 + len;
		size -= 3 + len;
	}
}

static int
count_descriptors(void)
{
	DIR		   *dir = opendir("/proc/self/fd");
	int			count = 0;

	require(dir != NULL);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	World		world;
	int			before = count_descriptors();

	if (size == 0)
		return 0;
	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	world_init(&world, data[0]);
	connect_client(&world, !(world.mode & MODE_CLIENT_LOGIN));
	play(&world, data + 1, size - 1);
	hang_up(&world);
	require_gone(&world);

	/* whoever comes next is no worse off */
	world.is_honest = true;
	connect_client(&world, true);
	hang_up(&world);
	require_gone(&world);
	world_fini(&world);
	require(count_descriptors() == before);
	return 0;
}
