import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;

import javax.sql.XAConnection;
import javax.transaction.xa.XAResource;
import javax.transaction.xa.Xid;

import org.postgresql.xa.PGXADataSource;

/** Transactions: commit, rollback, savepoints, read-only ones, cursors inside them, XA. */
final class TransactionCases {
	private static final int THREADS = 12;

	private TransactionCases() {
	}

	static void add() {
		Cases.add("commit and rollback", TransactionCases::commitAndRollback);
		Cases.add("a failed transaction", TransactionCases::failed);
		Cases.add("a failed transaction, named statements", TransactionCases::failed, "prepareThreshold=1");
		Cases.add("savepoints", TransactionCases::savepoints);
		Cases.add("autosave", TransactionCases::autosave, "autosave=always", "prepareThreshold=1");
		Cases.add("autosave, conservative", TransactionCases::healed, "autosave=conservative", "prepareThreshold=1");
		Cases.add("read only", TransactionCases::readOnly);
		Cases.add("read only, always", TransactionCases::readOnlyAlways, "readOnlyMode=always");
		Cases.add("isolation levels", TransactionCases::isolation);
		for (String threshold : new String[] {"1", "5"})
			Cases.add("cursor, prepareThreshold " + threshold, TransactionCases::cursor, "prepareThreshold=" + threshold);
		Cases.add("two cursors at once", TransactionCases::twoCursors);
		Cases.add("many threads", TransactionCases::manyThreads);
		Cases.add("XA", TransactionCases::xa);
	}

	private static void commitAndRollback(Connection connection) throws Exception {
		Cases.run(connection, "TRUNCATE items");
		connection.setAutoCommit(false);
		try (PreparedStatement insert = connection.prepareStatement("INSERT INTO items (name) VALUES (?)")) {
			for (int i = 1; i <= 20; i++) {
				insert.setString(1, i % 2 == 0 ? "kept" : "undone");
				insert.executeUpdate();
				if (i % 2 == 0)
					connection.commit();
				else
					connection.rollback();
				Cases.equal(String.valueOf(i / 2), Cases.value(connection, "SELECT count(*) FROM items"));
				connection.commit();
			}
		}
		Cases.run(connection, "INSERT INTO items (name) VALUES ('by the switch')");
		connection.setAutoCommit(true);
		Cases.equal("11", Cases.value(connection, "SELECT count(*) FROM items"));
		connection.setAutoCommit(false);
		connection.commit();
		connection.rollback();
	}

	private static void failed(Connection connection) throws Exception {
		connection.setAutoCommit(false);
		try (PreparedStatement divide = connection.prepareStatement("SELECT 1 / ?::int")) {
			for (int i = 0; i < 8; i++) {
				divide.setInt(1, 1);
				divide.executeQuery().close();
				Cases.run(connection, "INSERT INTO items (name) VALUES ('failed')");
				divide.setInt(1, 0);
				Cases.fails("22012", divide::executeQuery);
				divide.setInt(1, 1);
				Cases.fails("25P02", divide::executeQuery);
				Cases.fails("25P02", () -> Cases.value(connection, "SELECT 1"));
				connection.rollback();
			}
		}
		Cases.equal("0", Cases.value(connection, "SELECT count(*) FROM items WHERE name = 'failed'"));
		connection.rollback();
	}

	private static void savepoints(Connection connection) throws Exception {
		Cases.run(connection, "TRUNCATE items");
		connection.setAutoCommit(false);
		Cases.run(connection, "INSERT INTO items (name) VALUES ('a')");
		Savepoint first = connection.setSavepoint("first one");
		Cases.run(connection, "INSERT INTO items (name) VALUES ('b')");
		Savepoint second = connection.setSavepoint();
		Cases.fails("23502", () -> Cases.run(connection, "INSERT INTO items (name) VALUES (NULL)"));
		connection.rollback(second);
		Cases.run(connection, "INSERT INTO items (name) VALUES ('c')");
		connection.releaseSavepoint(second);
		connection.rollback(first);
		Cases.run(connection, "INSERT INTO items (name) VALUES ('d')");
		connection.commit();
		Cases.equal("ad", Cases.value(connection, "SELECT string_agg(name, '' ORDER BY id) FROM items"));
		connection.rollback();

		/* A savepoint may be the first of a transaction. */
		Savepoint only = connection.setSavepoint();
		Cases.fails("22012", () -> Cases.value(connection, "SELECT 1 / 0"));
		connection.rollback(only);
		Cases.equal("2", Cases.value(connection, "SELECT count(*) FROM items"));
		connection.commit();
	}

	/** The driver sets a savepoint before each statement and goes back to it after an error. */
	private static void autosave(Connection connection) throws Exception {
		Cases.run(connection, "TRUNCATE items");
		connection.setAutoCommit(false);
		try (PreparedStatement insert = connection.prepareStatement("INSERT INTO items (name) VALUES (?)")) {
			for (int i = 0; i < 10; i++) {
				insert.setString(1, i % 2 == 0 ? "x" : null);
				if (i % 2 == 0)
					insert.executeUpdate();
				else
					Cases.fails("23502", insert::executeUpdate);
			}
		}
		connection.commit();
		Cases.equal("5", Cases.value(connection, "SELECT count(*) FROM items"));
		connection.rollback();
	}

	/** There it does so only to heal statements whose table has changed, inside the transaction. */
	private static void healed(Connection connection) throws Exception {
		Cases.run(connection, "DROP TABLE IF EXISTS healing");
		Cases.run(connection, "CREATE TABLE healing AS SELECT 1 AS a");
		connection.setAutoCommit(false);
		try (Connection other = Cases.connect(); PreparedStatement all = connection.prepareStatement("SELECT * FROM healing")) {
			for (int i = 0; i < 4; i++) {
				Cases.equal("1", Cases.value(connection, "SELECT 1"));
				try (ResultSet rows = all.executeQuery()) {
					rows.next();
					Cases.equal(1 + i, rows.getMetaData().getColumnCount());
				}
				connection.commit();
				Cases.run(other, "ALTER TABLE healing ADD b" + i + " text");
			}
		}
		connection.rollback();
	}

	private static void readOnly(Connection connection) throws Exception {
		connection.setReadOnly(true);
		connection.setAutoCommit(false);
		try (PreparedStatement read = connection.prepareStatement("SELECT count(*) FROM t WHERE id > ?")) {
			for (int i = 0; i < 10; i++) {
				read.setInt(1, 50);
				try (ResultSet rows = read.executeQuery()) {
					rows.next();
					Cases.equal(50, rows.getInt(1));
				}
				if (i % 2 == 0)
					connection.commit();
			}
		}
		Cases.fails("25006", () -> Cases.run(connection, "INSERT INTO items (name) VALUES ('x')"));
		connection.rollback();
		connection.setReadOnly(false);
		Cases.run(connection, "INSERT INTO items (name) VALUES ('x')");
		connection.commit();
		connection.setAutoCommit(true);
		connection.setReadOnly(true);
		Cases.run(connection, "INSERT INTO items (name) VALUES ('only transactions are read only in this mode')");
	}

	private static void readOnlyAlways(Connection connection) throws Exception {
		connection.setReadOnly(true);
		for (int i = 0; i < 3; i++) {
			Cases.equal("100", Cases.value(connection, "SELECT count(*) FROM t"));
			Cases.fails("25006", () -> Cases.run(connection, "INSERT INTO items (name) VALUES ('x')"));
		}
		connection.setReadOnly(false);
		Cases.run(connection, "INSERT INTO items (name) VALUES ('x')");
	}

	private static void isolation(Connection connection) throws Exception {
		int[] levels = {Connection.TRANSACTION_SERIALIZABLE, Connection.TRANSACTION_REPEATABLE_READ, Connection.TRANSACTION_READ_COMMITTED};
		String[] names = {"serializable", "repeatable read", "read committed"};
		for (int i = 0; i < levels.length; i++) {
			connection.setTransactionIsolation(levels[i]);
			Cases.equal(levels[i], connection.getTransactionIsolation());
			connection.setAutoCommit(false);
			Cases.equal(names[i], Cases.value(connection, "SHOW transaction_isolation"));
			Cases.run(connection, "INSERT INTO items (name) VALUES ('x')");
			Cases.equal("100", Cases.value(connection, "SELECT count(*) FROM t"));
			connection.commit();
			connection.setAutoCommit(true);
		}
	}

	private static int readInParts(Connection connection, String sql, int fetchSize) throws SQLException {
		try (PreparedStatement statement = connection.prepareStatement(sql)) {
			int count = 0;
			statement.setFetchSize(fetchSize);
			try (ResultSet rows = statement.executeQuery()) {
				while (rows.next())
					Cases.equal(++count, rows.getInt(1));
			}
			return count;
		}
	}

	/** A named portal, a Sync after each part of its rows. */
	private static void cursor(Connection connection) throws Exception {
		for (boolean readOnly : new boolean[] {false, true}) {
			connection.setReadOnly(readOnly);
			connection.setAutoCommit(false);
			for (int i = 0; i < 7; i++) {
				Cases.equal(100, readInParts(connection, "SELECT id FROM t ORDER BY id", 9));
				Cases.equal(1000, readInParts(connection, "SELECT i FROM generate_series(1, 1000) i", 100));
				if (i % 3 == 0)
					connection.commit();
			}
			connection.commit();
			connection.setAutoCommit(true);
			Cases.equal(100, readInParts(connection, "SELECT id FROM t ORDER BY id", 9));
		}
	}

	private static void twoCursors(Connection connection) throws Exception {
		connection.setAutoCommit(false);
		try (Statement first = connection.createStatement(); Statement second = connection.createStatement()) {
			first.setFetchSize(3);
			second.setFetchSize(5);
			try (ResultSet some = first.executeQuery("SELECT id FROM t ORDER BY id");
				 ResultSet others = second.executeQuery("SELECT -id FROM t ORDER BY id")) {
				for (int i = 1; i <= 100; i++) {
					Cases.check(some.next() && others.next(), "row " + i);
					Cases.equal(i, some.getInt(1));
					Cases.equal(-i, others.getInt(1));
					if (i % 10 == 0)
						Cases.run(connection, "INSERT INTO items (name) VALUES ('between')");
				}
			}
		}
		connection.rollback();
	}

	private static void manyThreads() throws Exception {
		Cases.inThreads(THREADS, number -> {
			try (Connection connection = Cases.connect("prepareThreshold=2")) {
				for (int i = 0; i < 15; i++) {
					String key;
					connection.setAutoCommit(false);
					try (PreparedStatement insert = connection.prepareStatement("INSERT INTO items (name) VALUES (?) RETURNING id")) {
						insert.setString(1, "thread " + number);
						try (ResultSet rows = insert.executeQuery()) {
							rows.next();
							key = rows.getString(1);
						}
					}
					connection.commit();
					connection.setAutoCommit(true);
					Cases.equal("thread " + number, Cases.value(connection, "SELECT name FROM items WHERE id = " + key));
				}
			}
		});
	}

	private static void xa() throws Exception {
		PGXADataSource source = new PGXADataSource();
		Connection settings = Cases.connect();
		source.setUrl(settings.getMetaData().getURL());
		source.setUser("postgres");
		Cases.run(settings, "TRUNCATE items");
		XAConnection connection = source.getXAConnection();
		try {
			XAResource resource = connection.getXAResource();
			for (int i = 0; i < 4; i++) {
				Xid xid = new NamedXid(Cases.database + i);
				resource.start(xid, XAResource.TMNOFLAGS);
				Cases.run(connection.getConnection(), "INSERT INTO items (name) VALUES ('xa')");
				resource.end(xid, XAResource.TMSUCCESS);
				Cases.equal(XAResource.XA_OK, resource.prepare(xid));
				if (i % 2 == 0)
					resource.commit(xid, false);
				else
					resource.rollback(xid);
			}
			Cases.equal("2", Cases.value(connection.getConnection(), "SELECT count(*) FROM items"));
		} finally {
			connection.close();
			settings.close();
		}
	}

	private static final class NamedXid implements Xid {
		private final byte[] name;

		NamedXid(String name) {
			this.name = name.getBytes();
		}

		@Override
		public int getFormatId() {
			return 7;
		}

		@Override
		public byte[] getGlobalTransactionId() {
			return name;
		}

		@Override
		public byte[] getBranchQualifier() {
			return name;
		}
	}
}
