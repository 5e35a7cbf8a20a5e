/*-------------------------------------------------------------------------
 *
 * locks.c
 *	  The three kinds of lock that maintenance takes.
 *
 * The order (links before keys, then by what is locked, the stronger mode
 * first) is the same in every backend: two drains that ask for the same locks
 * never wait for each other crosswise.
 *
 * Every writer takes the board lock, and hardly ever does one want it for
 * himself.  As an advisory lock it would be one entry of the shared lock table
 * that all writers fight over; a weak lock of a relation is noted in the
 * backend's own few fast-path slots instead.  The relation is the definition's
 * view: the board's table itself will not do, since whoever wants that for
 * himself waits for vacuum.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "portability/instr_time.h"

#include "base/locks.h"
#include "base/stats.h"

static void locks_request(LockRequests *requests, uint16 class, Oid relid, uint64 hash,
						  LOCKMODE mode);
static uint32 locks_fold_hash(uint64 hash);
static LockAcquireResult locks_take_definition(Oid definition, LOCKMODE mode, bool dont_wait);
static LockAcquireResult locks_take_ours(uint16 class, Oid relid, uint32 hash, LOCKMODE mode,
										 bool dont_wait);
static LockAcquireResult locks_take(const LOCKTAG *tag, LOCKMODE mode, bool dont_wait);
static int	lock_request_compare(const void *a, const void *b);

void
locks_take_board(Oid definition, LOCKMODE mode)
{
	(void) locks_take_definition(definition, mode, false);
}

bool
locks_try_board(Oid definition, LOCKMODE mode)
{
	return locks_take_definition(definition, mode, true) != LOCKACQUIRE_NOT_AVAIL;
}

bool
locks_try_wait_for_board(Oid board)
{
	return locks_take_ours(LOCKS_CLASS_WAITER, board, 0, ExclusiveLock,
						   true) != LOCKACQUIRE_NOT_AVAIL;
}

void
locks_take_watch(Oid board)
{
	(void) locks_take_ours(LOCKS_CLASS_WATCH, board, 0, ExclusiveLock, false);
}

bool
locks_try_watch(Oid board)
{
	return locks_take_ours(LOCKS_CLASS_WATCH, board, 0, ExclusiveLock,
						   true) != LOCKACQUIRE_NOT_AVAIL;
}

bool
locks_try_key(Oid board, uint64 hash)
{
	return locks_take_ours(LOCKS_CLASS_KEY, board, locks_fold_hash(hash), ExclusiveLock,
						   true) != LOCKACQUIRE_NOT_AVAIL;
}

void
locks_release_key(Oid board, uint64 hash)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, board, locks_fold_hash(hash), LOCKS_CLASS_KEY);
	(void) LockRelease(&tag, ExclusiveLock, false);
}

LockRequests *
locks_create_requests(void)
{
	LockRequests *requests = palloc0(sizeof(LockRequests));

	requests->capacity = 16;
	requests->requests = palloc(sizeof(LockRequest) * requests->capacity);
	return requests;
}

void
locks_request_link(LockRequests *requests, Oid relid, uint64 hash, LOCKMODE mode)
{
	locks_request(requests, LOCKS_CLASS_LINK, relid, hash, mode);
}

void
locks_request_key(LockRequests *requests, Oid board, uint64 hash)
{
	locks_request(requests, LOCKS_CLASS_KEY, board, hash, ExclusiveLock);
}

bool
locks_take_requests(LockRequests *requests, int most, int *taken)
{
	*taken = 0;
	qsort(requests->requests, requests->count, sizeof(LockRequest), lock_request_compare);
	for (int i = 0; i < requests->count; i++)
	{
		LockRequest *request = &requests->requests[i];
		LockRequest *before = i > 0 ? request - 1 : NULL;

		/* the stronger mode of the same lock came first */
		if (before && before->class == request->class &&
			before->relid == request->relid && before->hash == request->hash)
			continue;
		if (*taken >= most)
			return false;
		if (locks_take_ours(request->class, request->relid, request->hash, request->mode,
							false) == LOCKACQUIRE_OK)
			(*taken)++;
	}
	return true;
}

static void
locks_request(LockRequests *requests, uint16 class, Oid relid, uint64 hash, LOCKMODE mode)
{
	LockRequest *request;

	if (requests->count == requests->capacity)
	{
		requests->capacity *= 2;
		requests->requests = repalloc_huge(requests->requests,
										   sizeof(LockRequest) * requests->capacity);
	}
	request = &requests->requests[requests->count++];
	request->class = class;
	request->relid = relid;
	request->hash = locks_fold_hash(hash);
	request->mode = mode;
}

static uint32
locks_fold_hash(uint64 hash)
{
	return (uint32) (hash ^ (hash >> 32));
}

static LockAcquireResult
locks_take_definition(Oid definition, LOCKMODE mode, bool dont_wait)
{
	LOCKTAG		tag;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, definition);
	return locks_take(&tag, mode, dont_wait);
}

static LockAcquireResult
locks_take_ours(uint16 class, Oid relid, uint32 hash, LOCKMODE mode, bool dont_wait)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, relid, hash, class);
	return locks_take(&tag, mode, dont_wait);
}

static LockAcquireResult
locks_take(const LOCKTAG *tag, LOCKMODE mode, bool dont_wait)
{
	LockAcquireResult result;
	instr_time	begin;
	instr_time	end;

	result = LockAcquire(tag, mode, false, true);
	if (dont_wait || result != LOCKACQUIRE_NOT_AVAIL)
		return result;
	INSTR_TIME_SET_CURRENT(begin);
	result = LockAcquire(tag, mode, false, false);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, begin);
	stats_count(STATS_LOCK_WAITS, 1);
	stats_count(STATS_LOCK_WAIT_US, INSTR_TIME_GET_MICROSEC(end));
	return result;
}

static int
lock_request_compare(const void *a, const void *b)
{
	const LockRequest *left = a;
	const LockRequest *right = b;

	if (left->class != right->class)
		return left->class < right->class ? -1 : 1;
	if (left->relid != right->relid)
		return left->relid < right->relid ? -1 : 1;
	if (left->hash != right->hash)
		return left->hash < right->hash ? -1 : 1;
	return right->mode - left->mode;
}
