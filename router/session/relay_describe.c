/*-------------------------------------------------------------------------
 *
 * relay_describe.c
 *	  Remembers how statements were described, to clients and by servers.
 *
 * A client that has had a statement described reads its rows by that, maybe
 * for as long as it lives, and sends parameters by it.  On another server, or
 * prepared anew, the same text may give other columns by then: a table has been
 * altered.  PostgreSQL would say "cached plan must not change result type";
 * relay_check.c and relay_send.c see to it that so do we.
 *
 * Whose answer it is that comes: each Describe sent has a label, its place in
 * relay.describes.  A portal's description is its statement's.
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

#include "base/memory.h"

void
relay_expect_description(Client *client, const TargetMessage *target)
{
	Relay	   *relay = &client->relay;
	DescribeLog *log = &relay->describes;
	bool		is_portal = target->kind == 'P';
	Slice		name = is_portal ? relay->bound_name : target->name;
	const Prepared *prepared;
	Description told;
	Description there;

	if (is_portal && (relay->bound_name.data == NULL || !slice_equals(relay->bound_portal, target->name)))
		return;
	prepared = prepared_map_find(client->prepared, name);
	if (prepared == NULL || prepared_map_is_placed(client->prepared, name))
		return;
	told = prepared_map_description(client->prepared, name);
	there = server_find_description(client->server, prepared_number(prepared));
	if (told.rows != 0 && there.rows != 0 && (is_portal || (told.params != 0 && there.params != 0)))
		return;					/* nothing new will be learnt */
	if (log->count == log->cap)
	{
		log->cap = log->cap ? log->cap * 2 : 4;
		log->asked = mem_realloc(log->asked, log->cap * sizeof(DescribeAsked));
	}
	log->asked[log->count++] = (DescribeAsked) {
		.number = prepared_number(prepared),
		.name = name.len > 0 ? mem_strndup(name) : NULL,
	};
	inflight_label_last(&relay->inflight, log->count);
}

/* A part of the answer came; of a long one only the beginning is there, and nothing is learnt. */
void
relay_note_description(Client *client, const InFlightEntry *entry, const Frame *frame)
{
	Description description = {0, 0};
	uint64_t	number = entry->statement;

	if (entry->kind != INFLIGHT_DESCRIBE || client->relay.pass_left > 0 ||
		(entry->label == 0 && entry->purpose != INFLIGHT_DESCRIPTION))
		return;
	if (frame->type == 't')
		description.params = description_of_params(frame->body);
	else
		description.rows = description_of_rows(frame->type, frame->body);
	if (entry->label != 0)
	{
		const DescribeAsked *asked = &client->relay.describes.asked[entry->label - 1];
		Slice		name = asked->name ? slice_from_string(asked->name) : slice_make("", 0);

		number = asked->number;
		prepared_map_describe(client->prepared, name, number, &description);
	}
	server_note_description(client->server, number, &description);
}

bool
relay_is_changed(const Client *client, Slice name, uint64_t number)
{
	Description told = prepared_map_description(client->prepared, name);
	Description there = server_find_description(client->server, number);

	return description_differs(&told, &there);
}

void
describe_log_clear(DescribeLog *log)
{
	while (log->count > 0)
		mem_free(log->asked[--log->count].name);
}
