/*-------------------------------------------------------------------------
 *
 * inflight.c
 *	  The queue of messages sent and not yet answered.
 *
 * A ring of small entries that grows by doubling.  The tables and
 * inflight_handle_error() are the whole protocol knowledge: which reply ends
 * which message, and how an error skips to the next Sync.
 *
 *-------------------------------------------------------------------------
 */
#include "wire/inflight.h"

#include <string.h>

#include "base/compiler.h"
#include "base/memory.h"

#define INFLIGHT_FIRST_CAP 8

static InFlightEntry *inflight_at(const InFlight *inflight, size_t i);
static COLD void grow(InFlight *inflight);
static void inflight_pop(InFlight *inflight);
static void inflight_skip_to_sync(InFlight *inflight, InFlightSkip skip, void *arg);

void
inflight_init(InFlight *inflight)
{
	memset(inflight, 0, sizeof(*inflight));
}

void
inflight_release(InFlight *inflight)
{
	mem_free(inflight->entries);
	inflight_init(inflight);
}

void
inflight_push(InFlight *inflight, InFlightKind kind, InFlightAction action,
			  InFlightPurpose purpose, uint64_t statement)
{
	if (inflight->count == inflight->cap)
		grow(inflight);
	*inflight_at(inflight, inflight->count) =
		(InFlightEntry) {(uint8_t) kind, (uint8_t) action, (uint8_t) purpose, 0, statement};
	inflight->count++;
}

static void
grow(InFlight *inflight)
{
	size_t		cap = inflight->cap ? inflight->cap * 2 : INFLIGHT_FIRST_CAP;
	InFlightEntry *entries = mem_alloc(cap * sizeof(InFlightEntry));

	for (size_t i = 0; i < inflight->count; i++)
		entries[i] = *inflight_at(inflight, i);
	mem_free(inflight->entries);
	inflight->entries = entries;
	inflight->cap = cap;
	inflight->head = 0;
}

void
inflight_label_last(InFlight *inflight, uint32_t label)
{
	inflight_at(inflight, inflight->count - 1)->label = label;
}

bool
inflight_pop_local(InFlight *inflight, InFlightEntry *entry)
{
	if (!inflight_is_local(inflight))
		return false;
	*entry = *inflight_at(inflight, 0);
	inflight_pop(inflight);
	return true;
}

void
inflight_drop_tail_sync(InFlight *inflight)
{
	if (inflight->count > 0 && inflight_at(inflight, inflight->count - 1)->kind == INFLIGHT_SYNC)
		inflight->count--;
}

/* What was sent for the client's sake fails for the client. */
InFlightStep
inflight_handle_error(InFlight *inflight, InFlightSkip skip, void *arg)
{
	const InFlightEntry *head;

	if (inflight_is_empty(inflight))
		return (InFlightStep) {INFLIGHT_UNEXPECTED, false, NULL};
	head = inflight_head(inflight);
	/* Queries and function calls end with their own ReadyForQuery */
	if (head->kind != INFLIGHT_QUERY && head->kind != INFLIGHT_FUNCTION)
		inflight_skip_to_sync(inflight, skip, arg);
	if (head->action == INFLIGHT_REFUSE)
		return (InFlightStep) {INFLIGHT_REPLACE_ERROR, false, head};
	if (head->action == INFLIGHT_SWALLOW && head->purpose != INFLIGHT_BEGIN && head->purpose != INFLIGHT_PLACE &&
		head->purpose != INFLIGHT_CLIENT && head->purpose != INFLIGHT_DESCRIPTION)
		return (InFlightStep) {INFLIGHT_DROP, false, head};
	return (InFlightStep) {INFLIGHT_PASS, false, head};
}

static InFlightEntry *
inflight_at(const InFlight *inflight, size_t i)
{
	return &inflight->entries[(inflight->head + i) & (inflight->cap - 1)];
}

static void
inflight_pop(InFlight *inflight)
{
	inflight->head = (inflight->head + 1) & (inflight->cap - 1);
	inflight->count--;
}

#define KIND(kind) (1u << INFLIGHT_##kind)
const uint8_t inflight_answers[256] = {
	['1'] = KIND(PARSE), ['2'] = KIND(BIND), ['3'] = KIND(CLOSE),
	['t'] = KIND(DESCRIBE), ['n'] = KIND(DESCRIBE), ['T'] = KIND(DESCRIBE) | KIND(QUERY),
	['D'] = KIND(EXECUTE) | KIND(QUERY), ['C'] = KIND(EXECUTE) | KIND(QUERY), ['I'] = KIND(EXECUTE) | KIND(QUERY),
	['G'] = KIND(EXECUTE) | KIND(QUERY), ['H'] = KIND(EXECUTE) | KIND(QUERY), ['W'] = KIND(EXECUTE) | KIND(QUERY),
	['d'] = KIND(EXECUTE) | KIND(QUERY), ['c'] = KIND(EXECUTE) | KIND(QUERY), ['s'] = KIND(EXECUTE),
	['V'] = KIND(FUNCTION), ['Z'] = KIND(SYNC) | KIND(QUERY) | KIND(FUNCTION),
};

const uint8_t inflight_completes[256] = {
	['1'] = KIND(PARSE), ['2'] = KIND(BIND), ['3'] = KIND(CLOSE),
	['n'] = KIND(DESCRIBE), ['T'] = KIND(DESCRIBE),
	['C'] = KIND(EXECUTE), ['I'] = KIND(EXECUTE), ['s'] = KIND(EXECUTE),
	['Z'] = KIND(SYNC) | KIND(QUERY) | KIND(FUNCTION),
};
#undef KIND

/* The failed entry and all behind it up to the next Sync get no answer. */
static void
inflight_skip_to_sync(InFlight *inflight, InFlightSkip skip, void *arg)
{
	size_t		skipped = 0;

	while (skipped < inflight->count && inflight_at(inflight, skipped)->kind != INFLIGHT_SYNC)
		skipped++;
	for (size_t i = skipped; skip && i-- > 0;)
		skip(arg, inflight_at(inflight, i));
	while (skipped-- > 0)
		inflight_pop(inflight);
}
