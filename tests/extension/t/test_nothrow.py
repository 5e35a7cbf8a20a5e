"""What runs in the commit callback has no path to an ERROR, which would be a PANIC there.

The machine code is read: from the functions marked NOTHROW that the callbacks
call, along every call within the extension, only the functions of the server
that are listed below are reached. None of them allocates, looks anything up,
takes a lock or reports.
"""

import glob
import os
import re
import subprocess
import unittest

from programs import build_dir, sanitizer

# What init/andon_init.c calls from XACT_EVENT_COMMIT on.
ENTRIES = ("commit_lsn_on_commit", "dirty_set_on_transaction_end", "feed_on_transaction_end",
           "board_cache_on_transaction_end", "database_ddl_on_transaction_end",
           "slots_on_commit", "slots_on_abort", "slots_on_prepare")

# Functions of the server and of C that are known to come back.
ALLOWED = {
    "GetCurrentTimestamp",              # the clock
    "FlushErrorState", "__sigsetjmp", "_setjmp",    # around the one call by pointer, which is caught
    "GetTopTransactionIdIfAny",         # a variable
    "SetLatch",                         # a flag and a signal
    "pg_snprintf",                      # into a buffer of the caller's
    "snprintf", "__snprintf_chk", "memcpy", "memset", "__stack_chk_fail",
}

# Calls by pointer: the one of pq_putmessage_noblock(), whose ERROR is caught (feed/commit_lsn.c).
POINTER_CALLS = {"commit_lsn_on_commit", "send_commit_lsn", "put_message"}

FUNCTION = re.compile(r"^[0-9a-f]+ <([^>]+)>:$")
RELOCATION = re.compile(r"\bR_[A-Z0-9_]+\s+([A-Za-z_.][\w.]*)")
BRANCH = re.compile(r"\b(?:callq?|jmpq?|j[a-z]{1,2}|bl?)\s+[0-9a-f]+ <([\w.]+)(?:\+0x[0-9a-f]+)?>")
BY_POINTER = re.compile(r"\b(?:(?:call|jmp)q?\s+\*|blr\s)")


def disassemble(path):
    return subprocess.run(["objdump", "-dr", "--no-show-raw-insn", path], stdout=subprocess.PIPE, text=True,
                          check=True).stdout


def read_calls(text):
    """{function: set of what it calls or jumps to} of one object file; "*" is a call by pointer."""
    calls, function, callee = {}, None, None
    for line in text.splitlines() + [""]:
        relocation = RELOCATION.search(line)
        if callee:
            # a relocation behind a branch is its real target, whatever the branch says
            calls[function].add(relocation.group(1) if relocation else callee)
        callee = None
        started = FUNCTION.match(line)
        if started:
            function = started.group(1)
            calls.setdefault(function, set())
        elif function and not relocation:
            callee = find_callee(line.split(":", 1)[-1])
    return calls


def find_callee(instruction):
    """What an instruction branches to, by its own account."""
    direct = BRANCH.search(instruction)
    if direct:
        return direct.group(1)
    return "*" if BY_POINTER.search(instruction) else None


def read_extension(folder):
    """The same of all object files; functions of one name in two files are taken together."""
    result = {}
    for path in sorted(glob.glob(os.path.join(folder, "*", "*.o"))):
        for name, callees in read_calls(disassemble(path)).items():
            # parts of functions that the compiler has split off go by a name with a dot
            whole = name.split(".")[0]
            result.setdefault(whole, set()).update(callee.split(".")[0] for callee in callees)
    return result


def offences(calls, entries):
    """What is reached from the entries and should not be, as (path, function)."""
    found, todo, seen = [], [(name,) for name in entries], set()
    while todo:
        path = todo.pop()
        name = path[-1]
        if name in seen:
            continue
        seen.add(name)
        if name not in calls:
            if name not in ALLOWED:
                found.append(" > ".join(path))
            continue
        for callee in calls[name]:
            if callee != "*":
                todo.append(path + (callee,))
            elif name not in POINTER_CALLS:
                found.append(" > ".join(path + ("a call by pointer",)))
    return found


@unittest.skipIf(sanitizer(), "a sanitizer's own calls are everywhere")
class NoThrow(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.calls = read_extension(os.path.join(build_dir(), "extension"))

    def test_commit_callbacks(self):
        """Guards: an allocation, a catalog look-up or an ereport that somebody puts into a commit callback."""
        for entry in ENTRIES:
            self.assertIn(entry, self.calls)
        self.assertEqual([], offences(self.calls, ENTRIES))

    def test_what_throws_is_found(self):
        """Guards: a reader of machine code that sees nothing."""
        found = " ".join(offences(self.calls, ["slots_announce_prepared", "feed_collect"]))
        for name in ("errmsg", "palloc", "GetXLogInsertRecPtr", "LWLockAcquire"):
            self.assertIn(name, found)


if __name__ == "__main__":
    unittest.main()
