/*-------------------------------------------------------------------------
 *
 * claim.c
 *	  andon.claim(): the next orders of a status, each to one claimer only.
 *
 * The board's rows of the status are walked in board order.  An order is taken
 * when two locks can be had without waiting: its key lock (maintain/drain.c),
 * then the row of the key table, where the status is looked at again in the
 * newest version.  If either is somebody else's the order is passed over:
 *
 *	  claimer A						claimer B
 *	  key lock 1, row 1, key lock 2, row 2
 *									key lock 1: A's; key lock 2: A's
 *									key lock 3, row 3
 *
 * So a claimer waits for no other claimer, and an order that a third party is
 * changing (its row, or its items, which hold the key lock only) is left to that
 * party.  The key lock comes first because it can be given back: a row lock is
 * kept to the end of the transaction, and would hide the order from all others.
 * A writer, who has the row lock first and waits for the key lock, is not kept
 * waiting by who can not get the row.
 *
 * Then one UPDATE writes the rows taken, which brings all boards of the table up
 * to date as any UPDATE does: key locks of this board are held by then.  The
 * board lock is taken, shared, before anything else, so that a bulk writer who
 * has the board for himself is waited for with empty hands.
 *
 * All statements run as the caller.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"

#include "base/locks.h"
#include "base/spi_util.h"
#include "maintain/claim_target.h"
#include "maintain/dirty_set.h"
#include "maintain/drain.h"

/*
 * Below the number of locks at which a drain tries for the whole board, with
 * PostgreSQL's default max_locks_per_transaction.
 */
#define CLAIM_MOST		100

/* Candidates read at a time, beyond those wanted. */
#define CLAIM_AHEAD		16

PG_FUNCTION_INFO_V1(andon_claim);

enum
{
	ARG_BOARD,
	ARG_FROM,
	ARG_TO,
	ARG_SET,
	ARG_N
};

static const char *const argument_names[] = {"board", "from_status", "to_status", "set", "n"};

typedef struct Claim
{
	ClaimTarget *target;
	int			n;
	Datum		from;			/* statuses, as the key table's type */
	Datum		to;
	Datum		board_from;		/* as the board's */
	Oid			board_type;
	Jsonb	   *set;
	SPIPlanPtr	lock;			/* of one row */
	ValueSet   *keys;			/* taken, in board order */
	Datum	   *before;			/* their rows as they were: jsonb */
} Claim;

static void check_arguments(FunctionCallInfo fcinfo);
static Datum read_status(Oid type, text *status);
static void take_orders(Claim *claim);
static Portal open_candidates(Claim *claim);
static void prepare_lock(Claim *claim);
static void take_batch(Claim *claim, SPITupleTable *rows, uint64 count);
static bool lock_row(Claim *claim, const Datum *key);
static void update_rows(Claim *claim);
static void keep_updated(Claim *claim);
static Datum read_result(Claim *claim);
static int	add_key_types(const Claim *claim, Oid *types);

Datum
andon_claim(PG_FUNCTION_ARGS)
{
	Claim		claim = {0};
	Board	   *board;
	Datum		result;

	check_arguments(fcinfo);
	PreventCommandIfReadOnly("andon.claim()");
	/* the board as this transaction has left it, also in commit mode */
	drain_pending();

	spi_connect();
	claim.n = PG_GETARG_INT32(ARG_N);
	claim.set = PG_GETARG_JSONB_P(ARG_SET);
	claim.target = claim_target_create(board_plan_get_or_error(PG_GETARG_OID(ARG_BOARD)), claim.set);
	board = claim.target->plan->board;
	claim.board_type = getBaseType(get_atttype(board->relid, board->status_attno));
	claim.board_from = read_status(claim.board_type, PG_GETARG_TEXT_PP(ARG_FROM));
	claim.from = read_status(claim.target->status_type, PG_GETARG_TEXT_PP(ARG_FROM));
	claim.to = read_status(claim.target->status_type, PG_GETARG_TEXT_PP(ARG_TO));

	locks_take_board(board->view, LOCKS_BOARD_SHARED);
	take_orders(&claim);
	if (value_set_count(claim.keys) > 0)
		update_rows(&claim);
	if (value_set_count(claim.keys) > 0)
		result = read_result(&claim);
	else
		result = DirectFunctionCall1(jsonb_in, CStringGetDatum("[]"));
	result = SPI_datumTransfer(result, false, -1);
	spi_finish();
	PG_RETURN_DATUM(result);
}

static void
check_arguments(FunctionCallInfo fcinfo)
{
	int			n;

	for (int i = 0; i <= ARG_N; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" of andon.claim() must not be NULL",
							argument_names[i])));
	n = PG_GETARG_INT32(ARG_N);
	if (n < 1 || n > CLAIM_MOST)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("between 1 and %d orders can be claimed at once", CLAIM_MOST),
				 errdetail("Asked for: %d.", n)));
	if (DatumGetBool(DirectFunctionCall2Coll(texteq, C_COLLATION_OID, PG_GETARG_DATUM(ARG_FROM),
											 PG_GETARG_DATUM(ARG_TO))))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a claim must change the status"),
				 errdetail("An order that stays in its status could be claimed again."),
				 errhint("Give the status of orders in work as \"to_status\".")));
}

static Datum
read_status(Oid type, text *status)
{
	Oid			input;
	Oid			ioparam;

	getTypeInputInfo(type, &input, &ioparam);
	return OidInputFunctionCall(input, text_to_cstring(status), ioparam, -1);
}

static void
take_orders(Claim *claim)
{
	Portal		portal;
	uint64		count;

	claim->keys = value_set_create(claim->target->plan->key);
	claim->before = palloc(sizeof(Datum) * claim->n);
	prepare_lock(claim);
	portal = open_candidates(claim);
	do
	{
		SPITupleTable *rows;

		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, claim->n + CLAIM_AHEAD);
		rows = SPI_tuptable;
		count = SPI_processed;
		take_batch(claim, rows, count);
		SPI_freetuptable(rows);
	} while (count > 0 && value_set_count(claim->keys) < claim->n);
	SPI_cursor_close(portal);
	(void) dirty_set_count_locks(value_set_count(claim->keys));
}

static Portal
open_candidates(Claim *claim)
{
	SPIPlanPtr	plan;
	Portal		portal;
	int			level = spi_begin_index_order();

	plan = SPI_prepare_cursor(claim_target_build_candidates(claim->target), 1, &claim->board_type,
							  CURSOR_OPT_FAST_PLAN | CURSOR_OPT_NO_SCROLL);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	portal = SPI_cursor_open(NULL, plan, &claim->board_from, NULL, false);
	spi_end_index_order(level);
	return portal;
}

static void
prepare_lock(Claim *claim)
{
	Oid			types[INDEX_MAX_KEYS + 1];
	int			nkeys = claim->target->plan->key->n;

	for (int i = 0; i < nkeys; i++)
		types[i] = claim->target->plan->key->columns[i].type;
	types[nkeys] = claim->target->status_type;
	claim->lock = SPI_prepare(claim_target_build_lock(claim->target), nkeys + 1, types);
	if (claim->lock == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
}

static void
take_batch(Claim *claim, SPITupleTable *rows, uint64 count)
{
	const BoardPlan *plan = claim->target->plan;
	Datum		key[INDEX_MAX_KEYS];
	bool		isnull;

	for (uint64 i = 0; i < count && value_set_count(claim->keys) < claim->n; i++)
	{
		uint64		hash;

		for (int k = 0; k < plan->key->n; k++)
			key[k] = SPI_getbinval(rows->vals[i], rows->tupdesc, k + 1, &isnull);
		hash = value_lock_hash(plan->key, key);
		if (!locks_try_key(plan->board->relid, hash))
			continue;
		if (!lock_row(claim, key))
		{
			locks_release_key(plan->board->relid, hash);
			continue;
		}
		claim->before[value_set_count(claim->keys)] =
			datumCopy(SPI_getbinval(rows->vals[i], rows->tupdesc, plan->key->n + 1, &isnull),
					  false, -1);
		value_set_add(claim->keys, key);
	}
}

static bool
lock_row(Claim *claim, const Datum *key)
{
	Datum		values[INDEX_MAX_KEYS + 1];
	int			nkeys = claim->target->plan->key->n;
	bool		found;
	int			rc;

	memcpy(values, key, sizeof(Datum) * nkeys);
	values[nkeys] = claim->from;
	rc = SPI_execute_plan(claim->lock, values, NULL, false, 0);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "claim query failed: %s", SPI_result_code_string(rc));
	found = SPI_processed > 0;
	SPI_freetuptable(SPI_tuptable);
	return found;
}

/* Writes the rows taken and brings the boards up to date. */
static void
update_rows(Claim *claim)
{
	Oid			types[INDEX_MAX_KEYS + 2];
	Datum		values[INDEX_MAX_KEYS + 2];
	int			n = add_key_types(claim, types);
	int			rc;

	value_set_build_arrays(claim->keys, 0, value_set_count(claim->keys), values);
	types[n] = claim->target->status_type;
	values[n] = claim->to;
	types[n + 1] = JSONBOID;
	values[n + 1] = JsonbPGetDatum(claim->set);
	rc = SPI_execute_with_args(claim_target_build_update(claim->target),
							   claim->target->set ? n + 2 : n + 1, types, values, NULL, false, 0);
	if (rc != SPI_OK_UPDATE_RETURNING)
		elog(ERROR, "claim query failed: %s", SPI_result_code_string(rc));
	keep_updated(claim);
	SPI_freetuptable(SPI_tuptable);
	drain_pending();
}

/* A trigger or a policy of the table may have kept rows from being written. */
static void
keep_updated(Claim *claim)
{
	bool	   *updated = palloc0(sizeof(bool) * claim->n);
	ValueSet   *keys = value_set_create(claim->target->plan->key);
	bool		isnull;

	for (uint64 i = 0; i < SPI_processed; i++)
		updated[DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1,
											&isnull)) - 1] = true;
	for (int i = 0; i < value_set_count(claim->keys); i++)
		if (updated[i])
		{
			claim->before[value_set_count(keys)] = claim->before[i];
			value_set_add(keys, value_set_get(claim->keys, i));
		}
	claim->keys = keys;
}

static Datum
read_result(Claim *claim)
{
	Oid			types[INDEX_MAX_KEYS + 2];
	Datum		values[INDEX_MAX_KEYS + 2];
	int			n = add_key_types(claim, types);
	int			count = value_set_count(claim->keys);
	bool		isnull;
	int			rc;

	value_set_build_arrays(claim->keys, 0, count, values);
	types[n] = JSONBARRAYOID;
	values[n] = PointerGetDatum(construct_array(claim->before, count, JSONBOID, -1, false,
												TYPALIGN_INT));
	types[n + 1] = claim->target->status_type;
	values[n + 1] = claim->to;
	rc = SPI_execute_with_args(claim_target_build_result(claim->target), n + 2, types, values,
							   NULL, false, 0);
	if (rc != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "claim query failed: %s", SPI_result_code_string(rc));
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
}

/* The types of the arrays of key values; their number. */
static int
add_key_types(const Claim *claim, Oid *types)
{
	const ValueShape *key = claim->target->plan->key;

	for (int i = 0; i < key->n; i++)
		types[i] = key->columns[i].array_type;
	return key->n;
}
