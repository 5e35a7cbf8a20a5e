/*-------------------------------------------------------------------------
 *
 * change_log.c
 *	  Writes andon.change, one row per change of a board's row.
 *
 * Writers pay for each row, so it is put straight into the heap of the right
 * partition and into its two indexes: no SQL, no executor, no tuple routing.
 *
 * The partition of a moment is found by its name, change_YYYYMMDD of the day in
 * UTC, and must be attached; else the row goes to change_default.  The parent is
 * never locked by a writer.  That is what lets old partitions be dropped, which
 * needs AccessExclusive on the parent, while long transactions write:
 *
 *	  writer								maintain() (workers/partitions.c)
 *	  looks up change_20260102: not there
 *											creates it, attaches it: locks
 *											change_default AccessExclusive
 *	  locks change_default: waits, at most
 *	  as long as lock_timeout of the other	COMMIT, or gives up
 *	  looks up again, now under the lock:
 *	  attached: starts over with it
 *
 * Only a writer that has to use change_default ever meets that lock; partitions
 * made days ahead see to it that none has to.  A partition that is dropped
 * between look-up and lock is not there any more when the lock is granted, and
 * the look-up is repeated.
 *
 * The time of a row is taken under the key's lock and never goes back for a key
 * (board_writer.c).  xid is that of the top-level transaction.  A row of a
 * subtransaction that is rolled back vanishes like any other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "base/guc.h"
#include "base/json.h"
#include "base/spi_util.h"
#include "board/board_catalog.h"
#include "contract/andon_contract.h"
#include "maintain/change_log.h"

#define DEFAULT_PARTITION "change_default"

struct ChangeLog
{
	MemoryContext context;		/* of the indexes' state */
	Relation	rel;			/* the partition; NULL until the first row */
	CatalogIndexState indexes;
	int64		day;			/* that rel is for, see day_of() */
};

static int64 day_of(TimestampTz at);
static void open_partition(ChangeLog *log, TimestampTz at);
static Oid	find_partition(Oid schema, TimestampTz at);
static void close_partition(ChangeLog *log);
static char *read_text(const Datum *values, const bool *nulls, AttrNumber attno);
static void put_text(Datum *values, bool *nulls, AttrNumber attno, const char *text);

bool
change_log_is_wanted(const Board *board, bool is_transition)
{
	return board->log == BOARD_LOG_ALL ||
		(board->log == BOARD_LOG_TRANSITIONS && is_transition);
}

ChangeLog *
change_log_open(void)
{
	ChangeLog  *log = palloc0(sizeof(ChangeLog));

	log->context = CurrentMemoryContext;
	return log;
}

void
change_log_write(ChangeLog *log, Oid board, const FeedChange *change, uint64 key_hash,
				 TimestampTz at)
{
	static const char op_letters[] = {
		[FEED_INSERT] = 'i',
		[FEED_UPDATE] = 'u',
		[FEED_DELETE] = 'd',
	};
	Datum		values[CHANGE_NATTS];
	bool		nulls[CHANGE_NATTS] = {0};

	if (log->rel == NULL || log->day != day_of(at))
		open_partition(log, at);
	if (log->rel == NULL)
		return;

	values[CHANGE_ATT_XID - 1] = FullTransactionIdGetDatum(GetTopFullTransactionId());
	values[CHANGE_ATT_EPOCH - 1] = Int64GetDatum((int64) GetSystemIdentifier());
	values[CHANGE_ATT_AT - 1] = TimestampTzGetDatum(at);
	values[CHANGE_ATT_VERSION - 1] = Int64GetDatum(change->version);
	values[CHANGE_ATT_KEY_HASH - 1] = Int64GetDatum((int64) key_hash);
	values[CHANGE_ATT_BOARD - 1] = ObjectIdGetDatum(board);
	values[CHANGE_ATT_OP - 1] = CharGetDatum(op_letters[change->op]);
	values[CHANGE_ATT_KEY - 1] = DirectFunctionCall1(jsonb_in, CStringGetDatum(change->key));
	put_text(values, nulls, CHANGE_ATT_FROM_STATUS, change->from);
	put_text(values, nulls, CHANGE_ATT_TO_STATUS, change->to);
	put_text(values, nulls, CHANGE_ATT_ACTOR, GetUserNameFromId(GetSessionUserId(), true));
	put_text(values, nulls, CHANGE_ATT_APPLICATION, application_name);
	put_text(values, nulls, CHANGE_ATT_TRACEPARENT,
			 guc_traceparent && guc_traceparent[0] ? guc_traceparent : NULL);
	/* a role may be dropped while it is in session */
	if (nulls[CHANGE_ATT_ACTOR - 1])
	{
		nulls[CHANGE_ATT_ACTOR - 1] = false;
		put_text(values, nulls, CHANGE_ATT_ACTOR, "");
	}
	CatalogTupleInsertWithInfo(log->rel, heap_form_tuple(RelationGetDescr(log->rel), values, nulls),
							   log->indexes);
}

void
change_log_close(ChangeLog *log)
{
	close_partition(log);
	pfree(log);
}

void
change_log_read(HeapTuple tuple, TupleDesc desc, LoggedChange *logged)
{
	Datum		values[CHANGE_NATTS];
	bool		nulls[CHANGE_NATTS];
	FeedChange *change = &logged->change;

	heap_deform_tuple(tuple, desc, values, nulls);
	logged->key = DatumGetJsonbPCopy(values[CHANGE_ATT_KEY - 1]);
	logged->at = DatumGetTimestampTz(values[CHANGE_ATT_AT - 1]);
	change->key = json_compact(JsonbToCString(NULL, &logged->key->root, VARSIZE(logged->key)));
	change->version = DatumGetInt64(values[CHANGE_ATT_VERSION - 1]);
	change->from = read_text(values, nulls, CHANGE_ATT_FROM_STATUS);
	change->to = read_text(values, nulls, CHANGE_ATT_TO_STATUS);
	change->op = change_log_op(DatumGetChar(values[CHANGE_ATT_OP - 1]));
}

FeedOp
change_log_op(char letter)
{
	switch (letter)
	{
		case 'i':
			return FEED_INSERT;
		case 'd':
			return FEED_DELETE;
		default:
			return FEED_UPDATE;
	}
}

int
change_log_compare(const void *a, const void *b)
{
	const LoggedChange *first = a;
	const LoggedChange *second = b;
	int			order = compareJsonbContainers(&first->key->root, &second->key->root);

	if (order != 0)
		return order;
	return first->change.version < second->change.version ? -1 :
		first->change.version > second->change.version;
}

bool
change_log_is_same_key(const LoggedChange *a, const LoggedChange *b)
{
	return compareJsonbContainers(&a->key->root, &b->key->root) == 0;
}

void
change_log_forget(Oid board)
{
	Oid			relid = board_catalog_relid("change");

	if (!OidIsValid(relid))
		return;
	board_catalog_run(psprintf("DELETE FROM %s WHERE board = %u", spi_util_relation_name(relid), board), 0, NULL, NULL);
}

void
change_log_format_partition(TimestampTz at, char *name)
{
	int			year;
	int			month;
	int			day;

	j2date((int) (day_of(at) + POSTGRES_EPOCH_JDATE), &year, &month, &day);
	snprintf(name, NAMEDATALEN, "change_%04d%02d%02d", year, month, day);
}

/* Days since 2000, in UTC. */
static int64
day_of(TimestampTz at)
{
	int64		day = at / USECS_PER_DAY;

	return at % USECS_PER_DAY < 0 ? day - 1 : day;
}

/* Leaves log->rel NULL if there is no log: the library is newer than the schema. */
static void
open_partition(ChangeLog *log, TimestampTz at)
{
	Oid			schema = get_namespace_oid(ANDON_SCHEMA, true);
	MemoryContext old;

	close_partition(log);
	while (log->rel == NULL)
	{
		Oid			found = find_partition(schema, at);

		if (!OidIsValid(found))
			return;
		log->rel = try_table_open(found, RowExclusiveLock);
		/* what was waited for may have changed the answer */
		if (log->rel && find_partition(schema, at) != found)
			close_partition(log);
	}
	if (RelationGetNumberOfAttributes(log->rel) != CHANGE_NATTS)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table %s is not a partition of the change log",
						RelationGetRelationName(log->rel)),
				 errhint("Drop it; andon.maintain() makes partitions.")));
	old = MemoryContextSwitchTo(log->context);
	log->indexes = CatalogOpenIndexes(log->rel);
	MemoryContextSwitchTo(old);
	log->day = day_of(at);
}

static Oid
find_partition(Oid schema, TimestampTz at)
{
	char		name[NAMEDATALEN];
	Oid			relid;

	change_log_format_partition(at, name);
	relid = get_relname_relid(name, schema);
	if (OidIsValid(relid) && get_rel_relispartition(relid))
		return relid;
	return get_relname_relid(DEFAULT_PARTITION, schema);
}

static void
close_partition(ChangeLog *log)
{
	if (log->indexes)
		CatalogCloseIndexes(log->indexes);
	log->indexes = NULL;
	/* the lock is kept: ATTACH and DROP must wait for the end of our transaction */
	if (log->rel)
		table_close(log->rel, NoLock);
	log->rel = NULL;
}

static char *
read_text(const Datum *values, const bool *nulls, AttrNumber attno)
{
	return nulls[attno - 1] ? NULL : TextDatumGetCString(values[attno - 1]);
}

static void
put_text(Datum *values, bool *nulls, AttrNumber attno, const char *text)
{
	nulls[attno - 1] = text == NULL;
	values[attno - 1] = text ? CStringGetTextDatum(text) : (Datum) 0;
}
