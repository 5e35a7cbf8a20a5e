/*-------------------------------------------------------------------------
 *
 * traffic.c
 *	  What the sessions of a database have done, in all and in the last period.
 *
 * Bytes are counted by the streams anyway: those of a session are added to its
 * database when it ends (client.c), and those of live sessions when somebody
 * asks, so that passing them on costs nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "session/client_internal.h"

void
traffic_total(const SessionContext *context, const Database *database, Traffic *total)
{
	*total = database->traffic.now;
	LIST_FOREACH(node, &context->clients)
	{
		const Client *client = list_entry(node, Client, node);
		StreamStats stats;

		if (client->account == NULL || client->account->database != database)
			continue;
		stream_stats(client->stream, &stats);
		total->received += stats.received_bytes;
		total->sent += stats.sent_bytes;
	}
}

uint64_t
traffic_last_period(const Database *database, Traffic *period)
{
	const TrafficHistory *history = &database->traffic;
	const Traffic *begun = &history->begun;

	*period = history->ended;
	period->transactions -= begun->transactions;
	period->queries -= begun->queries;
	period->assignments -= begun->assignments;
	period->received -= begun->received;
	period->sent -= begun->sent;
	period->transaction_us -= begun->transaction_us;
	period->query_us -= begun->query_us;
	period->wait_us -= begun->wait_us;
	period->client_parses -= begun->client_parses;
	period->server_parses -= begun->server_parses;
	period->binds -= begun->binds;
	return history->ended_us - history->begun_us;
}

void
traffic_sweep(SessionContext *context, uint64_t now_us)
{
	uint64_t	period_us = context->config.stats_period_us;

	LIST_FOREACH(node, &context->databases)
	{
		Database   *database = list_entry(node, Database, node);
		TrafficHistory *history = &database->traffic;

		if (history->ended_us == 0)
			history->begun_us = history->ended_us = now_us;
		if (period_us == 0 || now_us < history->ended_us + period_us)
			continue;
		history->begun = history->ended;
		history->begun_us = history->ended_us;
		traffic_total(context, database, &history->ended);
		history->ended_us = now_us;
	}
}
