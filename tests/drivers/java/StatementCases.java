import java.math.BigDecimal;
import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.Statement;
import java.sql.Timestamp;
import java.util.Arrays;
import java.util.UUID;

/**
 * Statements: unnamed at first, under names of the server once they were run
 * often enough (prepareThreshold), in batches, in each of the driver's modes.
 */
final class StatementCases {
	private static final int THREADS = 8;
	private static final int EXECUTIONS = 25;

	private StatementCases() {
	}

	static void add() {
		Cases.add("autocommit", StatementCases::autocommit);
		for (String mode : new String[] {"simple", "extended", "extendedForPrepared", "extendedCacheEverything"})
			Cases.add("query mode " + mode, StatementCases::queryMode, "preferQueryMode=" + mode);
		for (String threshold : new String[] {"1", "5", "-1"})
			Cases.add("prepareThreshold " + threshold, () -> executions(threshold));
		Cases.add("more statements than a server keeps", StatementCases::manyStatements, "prepareThreshold=1");
		Cases.add("a table changes under a prepared statement", StatementCases::tableChanges, "prepareThreshold=1");
		Cases.add("deallocated behind the driver", StatementCases::deallocated, "prepareThreshold=1");
		Cases.add("types", StatementCases::types, "prepareThreshold=1");
		Cases.add("batch", StatementCases::batch);
		Cases.add("batch, rewritten", StatementCases::batch, "reWriteBatchedInserts=true");
		Cases.add("batch of different statements", StatementCases::mixedBatch);
		Cases.add("batch that fails", StatementCases::failingBatch);
		Cases.add("generated keys", StatementCases::generatedKeys);
		Cases.add("several results", StatementCases::severalResults);
		Cases.add("large parameter", StatementCases::largeParameter, "prepareThreshold=1");
		Cases.add("updatable result set", StatementCases::updatable);
		Cases.add("descriptions", StatementCases::descriptions);
	}

	private static void autocommit(Connection connection) throws Exception {
		Cases.checkReadNode(Cases.value(connection, "SELECT here()"));
		Cases.run(connection, "TRUNCATE items");
		for (int i = 1; i <= 20; i++) {
			Cases.run(connection, "INSERT INTO items (name) VALUES ('x')");
			Cases.equal(String.valueOf(i), Cases.value(connection, "SELECT count(*) FROM items"));
		}
	}

	private static void queryMode(Connection connection) throws Exception {
		Cases.run(connection, "TRUNCATE items");
		try (PreparedStatement insert = connection.prepareStatement("INSERT INTO items (name) VALUES (?)");
			 PreparedStatement count = connection.prepareStatement("SELECT count(*), here() FROM items WHERE name LIKE ?")) {
			for (int i = 1; i <= 12; i++) {
				insert.setString(1, "it's " + i);
				Cases.equal(1, insert.executeUpdate());
				count.setString(1, "it's%");
				try (ResultSet rows = count.executeQuery()) {
					rows.next();
					Cases.equal(i, rows.getInt(1));
				}
			}
		}
		Cases.fails("22012", () -> Cases.value(connection, "SELECT 1 / 0"));
	}

	/** Clients that each run reads and writes often enough to name them, more of them than servers. */
	private static void executions(String threshold) throws Exception {
		Cases.inThreads(THREADS, number -> {
			try (Connection connection = Cases.connect("prepareThreshold=" + threshold);
				 PreparedStatement sum = connection.prepareStatement("SELECT ?::int + " + number * 1000);
				 PreparedStatement insert = connection.prepareStatement(
					"INSERT INTO items (name) VALUES (? || '-" + number + "') RETURNING name")) {
				for (int i = 0; i < EXECUTIONS; i++) {
					sum.setInt(1, i);
					try (ResultSet rows = sum.executeQuery()) {
						rows.next();
						Cases.equal(number * 1000 + i, rows.getInt(1));
					}
					insert.setString(1, "i" + i);
					try (ResultSet rows = insert.executeQuery()) {
						rows.next();
						Cases.equal("i" + i + "-" + number, rows.getString(1));
					}
				}
			}
		});
	}

	private static void manyStatements(Connection connection) throws Exception {
		PreparedStatement[] statements = new PreparedStatement[40];
		for (int round = 0; round < 4; round++)
			for (int i = 0; i < statements.length; i++) {
				if (statements[i] == null)
					statements[i] = connection.prepareStatement("SELECT ?::int * " + i);
				statements[i].setInt(1, round);
				try (ResultSet rows = statements[i].executeQuery()) {
					rows.next();
					Cases.equal(round * i, rows.getInt(1));
				}
			}
		for (PreparedStatement statement : statements)
			statement.close();
		Cases.equal("1", Cases.value(connection, "SELECT 1"));
	}

	/** Outside a transaction the driver prepares again when it is told by 0A000 or 26000. */
	private static void tableChanges(Connection connection) throws Exception {
		Cases.run(connection, "DROP TABLE IF EXISTS changing");
		Cases.run(connection, "CREATE TABLE changing AS SELECT 1 AS a");
		try (Connection other = Cases.connect(); PreparedStatement all = connection.prepareStatement("SELECT * FROM changing")) {
			for (int i = 0; i < 5; i++) {
				for (int twice = 0; twice < 2; twice++)
					try (ResultSet rows = all.executeQuery()) {
						rows.next();
						Cases.equal(1 + i, rows.getMetaData().getColumnCount());
					}
				Cases.run(other, "ALTER TABLE changing ADD b" + i + " text DEFAULT 'b'");
				Cases.run(connection, "INSERT INTO items (name) VALUES ('x')");
			}
		}
	}

	private static void deallocated(Connection connection) throws Exception {
		try (PreparedStatement one = connection.prepareStatement("SELECT ?::int")) {
			for (String behind : new String[] {"DEALLOCATE ALL", "DISCARD ALL", "DISCARD PLANS"}) {
				for (int i = 0; i < 3; i++) {
					one.setInt(1, i);
					try (ResultSet rows = one.executeQuery()) {
						rows.next();
						Cases.equal(i, rows.getInt(1));
					}
				}
				Cases.run(connection, behind);
			}
		}
	}

	private static void types(Connection connection) throws Exception {
		UUID uuid = UUID.randomUUID();
		Timestamp when = Timestamp.valueOf("2024-02-29 12:34:56.789");
		for (String hint : new String[] {"", "/* andon:primary */ "})
			try (PreparedStatement statement = connection.prepareStatement(hint +
					"SELECT ?::int8, ?::numeric, ?::text, ?::bytea, ?::uuid, ?::timestamp, ?::int[], ?::float8, ?::text, ?::jsonb")) {
				for (int i = 0; i < 7; i++) {
					statement.setLong(1, Long.MIN_VALUE);
					statement.setBigDecimal(2, new BigDecimal("12345678901234567890.0123456789"));
					statement.setString(3, "ünïcode \u20ac");
					statement.setBytes(4, new byte[] {0, -1, 7});
					statement.setObject(5, uuid);
					statement.setTimestamp(6, when);
					statement.setArray(7, connection.createArrayOf("int4", new Integer[] {1, null, 3}));
					statement.setDouble(8, 0.1);
					statement.setNull(9, java.sql.Types.VARCHAR);
					statement.setString(10, "{\"k\": [1, null]}");
					try (ResultSet rows = statement.executeQuery()) {
						rows.next();
						Cases.equal(Long.MIN_VALUE, rows.getLong(1));
						Cases.equal(new BigDecimal("12345678901234567890.0123456789"), rows.getBigDecimal(2));
						Cases.equal("ünïcode \u20ac", rows.getString(3));
						Cases.check(Arrays.equals(new byte[] {0, -1, 7}, rows.getBytes(4)), "bytes");
						Cases.equal(uuid, rows.getObject(5));
						Cases.equal(when, rows.getTimestamp(6));
						Cases.equal(Arrays.asList(1, null, 3), Arrays.asList((Object[]) rows.getArray(7).getArray()));
						Cases.equal(0.1, rows.getDouble(8));
						Cases.equal(null, rows.getString(9));
						Cases.equal("{\"k\": [1, null]}", rows.getString(10));
					}
				}
			}
	}

	private static void batch(Connection connection) throws Exception {
		Cases.run(connection, "TRUNCATE items");
		for (boolean autocommit : new boolean[] {true, false}) {
			connection.setAutoCommit(autocommit);
			try (PreparedStatement insert = connection.prepareStatement("INSERT INTO items (name) VALUES (?)")) {
				for (int round = 0; round < 3; round++) {
					for (int i = 0; i < 300; i++) {
						insert.setString(1, "item " + i);
						insert.addBatch();
					}
					Cases.equal(300, insert.executeBatch().length);
				}
			}
			if (!autocommit)
				connection.commit();
		}
		connection.setAutoCommit(true);
		Cases.equal("1800", Cases.value(connection, "SELECT count(*) FROM items"));
	}

	private static void mixedBatch(Connection connection) throws Exception {
		Cases.run(connection, "TRUNCATE items");
		try (Statement statement = connection.createStatement()) {
			statement.addBatch("INSERT INTO items (name) VALUES ('a')");
			statement.addBatch("UPDATE items SET name = 'b'");
			statement.addBatch("INSERT INTO items (name) VALUES ('c')");
			statement.addBatch("DELETE FROM items WHERE name = 'b'");
			Cases.check(Arrays.equals(new int[] {1, 1, 1, 1}, statement.executeBatch()), "counts");
		}
		Cases.equal("c", Cases.value(connection, "SELECT string_agg(name, '') FROM items"));
	}

	private static void failingBatch(Connection connection) throws Exception {
		Cases.run(connection, "TRUNCATE items");
		for (boolean autocommit : new boolean[] {true, false}) {
			connection.setAutoCommit(autocommit);
			try (PreparedStatement insert = connection.prepareStatement("INSERT INTO items (name) VALUES (?)")) {
				for (int i = 0; i < 20; i++) {
					insert.setString(1, i == 10 ? null : "x");
					insert.addBatch();
				}
				try {
					insert.executeBatch();
					throw new AssertionError("no error");
				} catch (BatchUpdateException error) {
					Cases.equal("23502", error.getSQLState());
				}
			}
			if (!autocommit)
				connection.rollback();
		}
		connection.setAutoCommit(true);
		Cases.equal("0", Cases.value(connection, "SELECT count(*) FROM items"));
	}

	private static void generatedKeys(Connection connection) throws Exception {
		Cases.run(connection, "TRUNCATE items RESTART IDENTITY");
		try (PreparedStatement insert = connection.prepareStatement("INSERT INTO items (name) VALUES (?)",
				Statement.RETURN_GENERATED_KEYS)) {
			for (int i = 1; i <= 10; i++) {
				insert.setString(1, "x");
				insert.executeUpdate();
				try (ResultSet keys = insert.getGeneratedKeys()) {
					keys.next();
					Cases.equal(i, keys.getInt("id"));
				}
			}
			insert.setString(1, "y");
			insert.addBatch();
			insert.setString(1, "z");
			insert.addBatch();
			insert.executeBatch();
			try (ResultSet keys = insert.getGeneratedKeys()) {
				keys.next();
				keys.next();
				Cases.equal(12, keys.getInt("id"));
			}
		}
	}

	private static void severalResults(Connection connection) throws Exception {
		try (Statement statement = connection.createStatement()) {
			Cases.check(statement.execute("SELECT 1; INSERT INTO items (name) VALUES ('x'); SELECT 2"), "rows first");
			Cases.check(!statement.getMoreResults() && statement.getUpdateCount() == 1, "then a count");
			Cases.check(statement.getMoreResults(), "then rows");
			statement.getResultSet().next();
			Cases.equal(2, statement.getResultSet().getInt(1));
			Cases.check(!statement.getMoreResults() && statement.getUpdateCount() == -1, "then nothing");
			Cases.fails("22012", () -> statement.execute("INSERT INTO items (name) VALUES ('undone'); SELECT 1 / 0"));
		}
		Cases.equal("0", Cases.value(connection, "SELECT count(*) FROM items WHERE name = 'undone'"));
	}

	private static void largeParameter(Connection connection) throws Exception {
		String text = "x".repeat(3_000_000);
		try (PreparedStatement length = connection.prepareStatement("SELECT length(?), ?");
			 PreparedStatement insert = connection.prepareStatement("INSERT INTO items (name) VALUES (?) RETURNING length(name)")) {
			for (int i = 0; i < 3; i++) {
				length.setString(1, text);
				length.setString(2, "after");
				try (ResultSet rows = length.executeQuery()) {
					rows.next();
					Cases.equal(3_000_000, rows.getInt(1));
					Cases.equal("after", rows.getString(2));
				}
				insert.setString(1, text);
				try (ResultSet rows = insert.executeQuery()) {
					rows.next();
					Cases.equal(3_000_000, rows.getInt(1));
				}
			}
		}
		Cases.run(connection, "TRUNCATE items");
	}

	private static void updatable(Connection connection) throws Exception {
		Cases.run(connection, "TRUNCATE items RESTART IDENTITY");
		Cases.run(connection, "INSERT INTO items (name) VALUES ('a'), ('b')");
		try (Statement statement = connection.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE);
			 ResultSet rows = statement.executeQuery("SELECT id, name FROM items ORDER BY id")) {
			rows.next();
			rows.updateString("name", "changed");
			rows.updateRow();
			rows.moveToInsertRow();
			rows.updateInt("id", 9);
			rows.updateString("name", "new");
			rows.insertRow();
			rows.absolute(2);
			rows.deleteRow();
		}
		Cases.equal("changed,new", Cases.value(connection, "SELECT string_agg(name, ',' ORDER BY id) FROM items"));
	}

	private static void descriptions(Connection connection) throws Exception {
		try (PreparedStatement statement = connection.prepareStatement("SELECT id, v FROM t WHERE id = ? AND v <> ?")) {
			Cases.equal("int4", statement.getParameterMetaData().getParameterTypeName(1));
			Cases.equal("text", statement.getParameterMetaData().getParameterTypeName(2));
			Cases.equal("v", statement.getMetaData().getColumnName(2));
			Cases.equal("t", ((org.postgresql.PGResultSetMetaData) statement.getMetaData()).getBaseTableName(1));
			statement.setInt(1, 5);
			statement.setString(2, "");
			try (ResultSet rows = statement.executeQuery()) {
				Cases.check(rows.next() && rows.getInt(1) == 5 && !rows.next(), "one row");
			}
		}
		Cases.fails("42P01", () -> connection.prepareStatement("SELECT * FROM missing WHERE id = ?").getMetaData());
		Cases.equal("1", Cases.value(connection, "SELECT 1"));
	}
}
