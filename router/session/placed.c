/*-------------------------------------------------------------------------
 *
 * placed.c
 *	  Lets SQL find what was prepared by protocol: PREPARE, EXECUTE, DEALLOCATE.
 *
 * On servers the client's statements have names of the router's.  Before a
 * message that runs SQL about the client's own names, or describes an EXECUTE,
 * those statements are placed: given to its server by the names the client
 * knows.
 *
 *	  [Close name] [Parse name] ... the message
 *
 * From then on that server answers for these names, as PostgreSQL does
 * (relay_send.c), and keeps the session until it has no statement of the
 * session's any more (session/pins.h).  Close makes it the same to place one
 * again, when the unit is run again.
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include "wire/build.h"

static Slice message_text(const Client *client, const Frame *frame);
static void place_name(void *arg, const char *text);

void
relay_place_names(Client *client, const Frame *frame)
{
	UnitContext context = client_unit_context(client);
	Slice		text = message_text(client, frame);
	const StatementClass *class;

	/* in a failed transaction it comes to nothing */
	if (text.data == NULL || context.unsafe_lexing || server_tx_status(client->server) == 'E')
		return;
	class = statement_cache_get(context.statements, text);
	if (!(class->flags & STATEMENT_USES_PREPARED) || (frame->type == 'D' && class->kind == STATEMENT_DEALLOCATE))
		return;
	unit_pin(&client->relay.summary, PIN_PREPARED, "prepared statement of SQL");
	classify_prepared_names(text, place_name, client);
}

/* What the message runs or describes; data NULL: nothing, or not known. */
static Slice
message_text(const Client *client, const Frame *frame)
{
	const Prepared *prepared = NULL;
	Slice		text = {NULL, 0};
	BindMessage bind;
	TargetMessage target;

	if (frame->type == 'Q' && message_parse_query(frame->body, &text))
		return text;
	if (frame->type == 'B' && message_parse_bind_head(frame->body, &bind))
		prepared = prepared_map_find(client->prepared, bind.statement);
	else if (frame->type == 'D' && message_parse_target(frame->body, &target) && target.kind == 'S')
		prepared = prepared_map_find(client->prepared, target.name);
	return prepared ? prepared_text(prepared) : text;
}

static void
place_name(void *arg, const char *text)
{
	Client	   *client = arg;
	Relay	   *relay = &client->relay;
	Slice		name = slice_from_string(text);
	Prepared   *prepared = prepared_map_find(client->prepared, name);
	Buf			out = BUF_INIT;

	if (prepared == NULL || name.len == 0 || prepared_map_is_placed(client->prepared, name) ||
		prepared_is_server_name(name))
		return;
	build_target(&out, 'C', 'S', name);
	build_parse(&out, name, prepared_text(prepared), prepared_nparams(prepared), prepared_param_types(prepared));
	relay_to_server(client, buf_slice(&out));
	buf_release(&out);
	inflight_push(&relay->inflight, INFLIGHT_CLOSE, INFLIGHT_SWALLOW, INFLIGHT_PLACE, 0);
	inflight_push(&relay->inflight, INFLIGHT_PARSE, INFLIGHT_SWALLOW, INFLIGHT_PLACE, 0);
	prepared_log_place(&relay->names, client->prepared, name);
}
