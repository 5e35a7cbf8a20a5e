/*-------------------------------------------------------------------------
 *
 * reported.c
 *	  What servers report of a session's settings, and what its client knows.
 *
 * PostgreSQL tells a client at once when a setting it reports has another
 * value.  Through the router the value may be another because the server is: a
 * default was changed while the session had no server, or nodes have different
 * ones.  So before a unit runs, and before its ReadyForQuery, what its server
 * has reported is held against what the client was told, which costs one
 * comparison of pointers, and the client is told the difference.
 *
 * ParameterStatus that comes while a unit runs passes as it is.  Not looked
 * at: what is about a node or about the router itself (server.c).
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include <strings.h>

#include "base/compiler.h"
#include "base/memory.h"
#include "wire/build.h"

static COLD void tell_differences(Client *client, Settings *now);
static Slice name_as_reported(const Server *server, const char *name);
static void forget_welcomes(Account *account, const Settings *reported);

void
reported_note_told(Client *client, Slice name, Slice value)
{
	Settings   *old = client->told;

	if (old == NULL || !server_follows_parameter(name))
		return;
	client->told = settings_with(old, name, value);
	settings_unref(old);
}

void
reported_tell(Client *client)
{
	Settings   *now = server_reported(client->server);

	if (now != client->told && client->told != NULL)
		tell_differences(client, now);
}

static void
tell_differences(Client *client, Settings *now)
{
	Settings   *old = client->told;
	Buf			out = BUF_INIT;

	for (int i = 0; i < settings_count(now); i++)
	{
		const char *name;
		const char *value;
		const char *known;

		settings_item(now, i, &name, &value);
		known = settings_find(old, name);
		if (known == NULL || strcmp(known, value) != 0)
			build_parameter_status(&out, name_as_reported(client->server, name), slice_from_string(value));
	}
	client_write(client, buf_slice(&out));
	buf_release(&out);
	client->lex_defaults = params_lex_defaults(settings_find(now, "standard_conforming_strings"),
											   settings_find(now, "client_encoding"));
	forget_welcomes(client->account, old);
	client->told = settings_ref(now);
	settings_unref(old);
}

/* TimeZone, not timezone. */
static Slice
name_as_reported(const Server *server, const char *name)
{
	for (int i = 0; i < server_parameter_count(server); i++)
	{
		const char *reported;
		const char *value;

		server_parameter_item(server, i, &reported, &value);
		if (strcasecmp(reported, name) == 0)
			return slice_from_string(reported);
	}
	return slice_from_string(name);
}

/* Who logs in with the same wishes is not told what is out of date. */
static void
forget_welcomes(Account *account, const Settings *reported)
{
	LIST_FOREACH(node, &account->welcomes)
	{
		Welcome    *welcome = list_entry(node, Welcome, node);

		if (welcome->reported != reported)
			continue;
		list_remove(&account->welcomes, &welcome->node);
		account_free_welcome(welcome);
	}
}
