"""The position that a session starts from, when the last record has filled its page of the WAL to the end."""

from testcase import ClusterTestCase

PAGE_BYTES = 8192
HEADER_BYTES = (24, 40)         # of a page, of a segment's first page
TRIES = 200


class WalPosition(ClusterTestCase):

    def test_page_filled_to_the_end(self):
        """Guards: no position behind the header of a page that has no record: nothing flushes up to there, and a
        session that waits for it on a replica would wait for the next writer."""
        with self.direct() as connection:
            cursor = connection.cursor()
            for _ in range(TRIES):
                self.fill_page(cursor)
                cursor.execute("""SELECT pg_current_wal_insert_lsn() - '0/0', andon.enable_commit_lsn()::pg_lsn - '0/0',
                                  pg_current_wal_insert_lsn() - '0/0'""")
                before, told, after = (int(value) for value in cursor.fetchone())
                if before == after and before % PAGE_BYTES in HEADER_BYTES:
                    break
            else:
                self.fail("no record ended at the end of a page")
            self.assertEqual(before - before % PAGE_BYTES, told)

    @staticmethod
    def fill_page(cursor):
        """One record up to the end of the page, unless somebody else writes one meanwhile."""
        def emit(length):
            cursor.execute("SELECT pg_current_wal_insert_lsn() - '0/0', pg_logical_emit_message(false, '', repeat('x', %s))"
                           " - '0/0'", (length,))
            return [int(value) for value in cursor.fetchone()]

        begin, end = emit(1000)
        more = -end % PAGE_BYTES
        while more < 1024:
            more += PAGE_BYTES
        # a record of 1000 bytes took end - begin, unless a page's header lies in it; headers in between count too
        emit(1000 + more - (end - begin) - (HEADER_BYTES[0] if more > PAGE_BYTES else 0))
