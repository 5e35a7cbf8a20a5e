"""What sessions did, and whether it is what the router promises.

The data is a list per key; a write appends an id that nobody else uses. So
every state a key ever had is the beginning of its last one, and a read tells
exactly which writes it has seen. check() takes the operations of all sessions
and the lists as they are in the end, and returns what is wrong with them:

    read-your-writes    a session's read lacks a write it was told is committed
    monotonic reads     a session's read lacks what an earlier read of it had
    real time           the same over all sessions (consistency=global only)
    torn transaction    a read has one of two writes of a transaction
    never was           a read shows what the key never was, or a failed write
    lost write          a write that was acknowledged is not there in the end
    duplicate           a write is there twice: somebody has sent it again
    failed write        a write that was refused is there
    write order         two acknowledged writes of a session stand the wrong way round

A session is one connection to the router: who connects again is another one.
"""

import collections

# Operations, in the order in which a session did them. Times are one clock's, for all sessions.
# what: "append" or "read"; outcome: "ok", "failed" (refused: has no effect) or "unknown".
# keys: those read or written at once; ids: append: the one id, read: a tuple per key; floor: after it, or None.
Op = collections.namedtuple("Op", "what session keys ids outcome node begun ended floor", defaults=[None])

Violation = collections.namedtuple("Violation", "what session text")


class Ids:
    """Ids for writes, and equal lists kept once: most reads see what another has seen."""

    def __init__(self):
        self.kept = {}

    def keep(self, ids):
        ids = tuple(ids)
        return self.kept.setdefault(ids, ids)


def check(ops, final, real_time=False):
    """ops of all sessions, in each session's order; final: {key: ids}. Gives a list of Violations."""
    by_session = collections.defaultdict(list)
    for op in ops:
        by_session[op.session].append(op)
    final = {key: tuple(ids) for key, ids in final.items()}
    wrong = []
    wrong += check_writes(ops, final)
    pairs = transactions(ops)
    acknowledged = acknowledged_lengths(ops, final) if real_time else {}
    for session, own in by_session.items():
        wrong += check_session(session, own, final)
        wrong += check_order(session, own, final)
    for op in ops:
        if op.what == "read" and op.outcome == "ok":
            wrong += check_states(op, final)
            wrong += check_torn(op, pairs)
            if real_time:
                wrong += check_real_time(op, acknowledged)
    return wrong


def check_writes(ops, final):
    """Each write is there as often as its outcome says."""
    counts = {key: collections.Counter(ids) for key, ids in final.items()}
    for op in ops:
        if op.what != "append":
            continue
        for key in op.keys:
            times = counts[key][op.ids]
            if times > 1:
                yield Violation("duplicate", op.session, "id %d is %d times in key %d" % (op.ids, times, key))
            if op.outcome == "ok" and times == 0:
                yield Violation("lost write", op.session, "id %d is not in key %d" % (op.ids, key))
            if op.outcome == "failed" and times > 0:
                yield Violation("failed write", op.session, "id %d is in key %d" % (op.ids, key))


def places(final, keys):
    """{key: {id: place}}; the first place is 1."""
    return {key: {number: i for i, number in enumerate(final[key], 1)} for key in keys}


def check_session(session, ops, final):
    """What it wrote and what it read it goes on reading."""
    place = places(final, {key for op in ops for key in op.keys})
    written = collections.Counter()
    read = collections.Counter()
    for op in ops:
        if op.outcome != "ok":
            continue
        for i, key in enumerate(op.keys):
            if op.what == "append":
                written[key] = max(written[key], place[key].get(op.ids, 0))
                continue
            length = len(op.ids[i])
            where = "key %d on %s has %d ids, floor %s" % (key, op.node, length, op.floor)
            if length < written[key]:
                yield Violation("read-your-writes", session, "%s; it had written the %dth" % (where, written[key]))
            elif length < read[key]:
                yield Violation("monotonic reads", session, "%s; it had read %d" % (where, read[key]))
            read[key] = max(read[key], length)


def check_order(session, ops, final):
    """Of writes that were acknowledged the earlier stands first."""
    last = collections.Counter()
    place = places(final, {key for op in ops if op.what == "append" for key in op.keys})
    for op in ops:
        if op.what != "append" or op.outcome != "ok":
            continue
        for key in op.keys:
            now = place[key].get(op.ids, last[key])
            if now < last[key]:
                yield Violation("write order", session, "id %d of key %d stands before an earlier one" % (op.ids, key))
            last[key] = now


def check_states(op, final):
    """What was read is the beginning of what there is in the end."""
    for key, ids in zip(op.keys, op.ids):
        if ids != final[key][:len(ids)]:
            differs = next((i for i, (a, b) in enumerate(zip(ids, final[key])) if a != b), len(final[key]))
            yield Violation("never was", op.session, "key %d on %s: from the %dth id on it was %s, is %s" % (
                key, op.node, differs + 1, ids[differs:differs + 3], final[key][differs:differs + 3]))


def transactions(ops):
    """{id: keys} of writes to several keys at once."""
    return {op.ids: op.keys for op in ops if op.what == "append" and len(op.keys) > 1}


def check_torn(op, pairs):
    seen = dict(zip(op.keys, (frozenset(ids[-40:]) for ids in op.ids)))
    whole = dict(zip(op.keys, op.ids))
    for key, tail in seen.items():
        for number in tail & pairs.keys():
            for other in pairs[number]:
                if other in whole and number not in whole[other]:
                    yield Violation("torn transaction", op.session,
                                    "id %d is in key %d and not in key %d, on %s" % (number, key, other, op.node))


def acknowledged_lengths(ops, final):
    """{key: [(when, length)]}: from when on a key was known to be so long, growing in both."""
    place = places(final, final)
    found = collections.defaultdict(list)
    for op in sorted((op for op in ops if op.what == "append" and op.outcome == "ok"), key=lambda op: op.ended):
        for key in op.keys:
            length = place[key].get(op.ids, 0)
            if not found[key] or length > found[key][-1][1]:
                found[key].append((op.ended, length))
    return found


def check_real_time(op, acknowledged):
    for key, ids in zip(op.keys, op.ids):
        known = [length for when, length in acknowledged.get(key, []) if when < op.begun]
        if known and len(ids) < known[-1]:
            yield Violation("real time", op.session, "key %d on %s has %d ids; %d were acknowledged before" % (
                key, op.node, len(ids), known[-1]))
