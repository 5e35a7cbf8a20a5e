import java.io.StringReader;
import java.io.StringWriter;
import java.sql.CallableStatement;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.util.Arrays;
import java.util.TreeSet;

import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.copy.CopyIn;
import org.postgresql.copy.CopyManager;
import org.postgresql.largeobject.LargeObject;
import org.postgresql.largeobject.LargeObjectManager;
import org.postgresql.util.PSQLException;

/** What the driver does beside statements: cancel, COPY, metadata, notifications, parameters of the connection. */
final class DriverCases {
	private DriverCases() {
	}

	static void add() {
		Cases.add("cancel of reads", DriverCases::cancelOfReads);
		Cases.add("cancel of writes", DriverCases::cancelOfWrites);
		Cases.add("query timeout", DriverCases::queryTimeout);
		Cases.add("COPY", DriverCases::copy);
		Cases.add("COPY given up", DriverCases::copyGivenUp);
		Cases.add("metadata", DriverCases::metadata);
		Cases.add("notifications", DriverCases::notifications);
		Cases.add("notices", DriverCases::notices);
		Cases.add("errors", DriverCases::errors);
		Cases.add("large objects", DriverCases::largeObjects);
		Cases.add("callable statements", DriverCases::callable, "escapeSyntaxCallMode=callIfNoReturn");
		Cases.add("application name", DriverCases::applicationName, "ApplicationName=a java program");
		Cases.add("schema", DriverCases::schema, "currentSchema=elsewhere,public");
		Cases.add("options", DriverCases::options, "options=-c work_mem=5MB -c TimeZone=Asia/Tokyo");
		Cases.add("network timeout", DriverCases::networkTimeout);
		for (String type : new String[] {"any", "primary", "preferSecondary"})
			Cases.add("targetServerType " + type, DriverCases::targetServerType, "targetServerType=" + type);
		Cases.add("is valid", DriverCases::isValid);
	}

	/** Runs sql in a thread, cancels once it has said where it runs; gives that node. */
	private static String cancelNap(Connection connection, String sql) throws Exception {
		try (Statement statement = connection.createStatement()) {
			SQLException[] caught = {null};
			Thread thread = new Thread(() -> {
				try {
					statement.execute(sql);
				} catch (SQLException error) {
					caught[0] = error;
				}
			});
			thread.start();
			Cases.waitFor(sql, () -> statement.getWarnings() != null);
			String node = statement.getWarnings().getMessage().replace("asleep on ", "");
			statement.cancel();
			thread.join();
			Cases.check(caught[0] != null, "it was not cancelled");
			Cases.equal("57014", caught[0].getSQLState());
			return node;
		}
	}

	private static void cancelOfReads(Connection connection) throws Exception {
		for (int i = 0; i < 3; i++) {
			Cases.checkReadNode(cancelNap(connection, "SELECT '' UNION ALL SELECT nap()"));
			Cases.equal("100", Cases.value(connection, "SELECT count(*) FROM t"));
		}
	}

	private static void cancelOfWrites(Connection connection) throws Exception {
		String primary = Cases.value(connection, "/* andon:primary */ SELECT here()");
		Cases.run(connection, "TRUNCATE items");
		for (int i = 0; i < 3; i++) {
			Cases.equal(primary, cancelNap(connection, "INSERT INTO items (name) VALUES ('undone'), (nap())"));
			Cases.equal("0", Cases.value(connection, "SELECT count(*) FROM items"));
		}
		connection.setAutoCommit(false);
		Cases.run(connection, "INSERT INTO items (name) VALUES ('undone')");
		Cases.equal(primary, cancelNap(connection, "SELECT nap()"));
		Cases.fails("25P02", () -> Cases.value(connection, "SELECT 1"));
		connection.rollback();
		Cases.equal("0", Cases.value(connection, "SELECT count(*) FROM items"));
	}

	private static void queryTimeout(Connection connection) throws Exception {
		try (Statement statement = connection.createStatement()) {
			statement.setQueryTimeout(1);
			Cases.fails("57014", () -> statement.execute("SELECT pg_sleep(600)"));
			statement.setQueryTimeout(60);
			statement.execute("SELECT 1");
		}
		Cases.equal("100", Cases.value(connection, "SELECT count(*) FROM t"));
	}

	private static void copy(Connection connection) throws Exception {
		CopyManager manager = ((PGConnection) connection).getCopyAPI();
		StringBuilder lines = new StringBuilder();
		for (int i = 1; i <= 20000; i++)
			lines.append(i).append("\tname ").append(i).append('\n');
		for (boolean autocommit : new boolean[] {true, false}) {
			StringWriter out = new StringWriter();

			Cases.run(connection, "TRUNCATE items");
			connection.setAutoCommit(autocommit);
			Cases.equal(20000L, manager.copyIn("COPY items (id, name) FROM STDIN", new StringReader(lines.toString())));
			manager.copyOut("COPY (SELECT id, name FROM items ORDER BY id) TO STDOUT", out);
			Cases.check(out.toString().contentEquals(lines), "what was copied");
			Cases.equal("20000", Cases.value(connection, "SELECT count(*) FROM items"));
			Cases.fails("22P02", () -> manager.copyIn("COPY items (id) FROM STDIN", new StringReader("no number\n")));
			if (!autocommit)
				connection.rollback();
		}
		connection.setAutoCommit(true);
		Cases.equal("0", Cases.value(connection, "SELECT count(*) FROM items"));
	}

	private static void copyGivenUp(Connection connection) throws Exception {
		CopyManager manager = ((PGConnection) connection).getCopyAPI();
		for (int i = 0; i < 3; i++) {
			CopyIn copy = manager.copyIn("COPY items (name) FROM STDIN");
			copy.writeToCopy("undone\n".getBytes(), 0, 7);
			copy.cancelCopy();
			Cases.equal("0", Cases.value(connection, "SELECT count(*) FROM items WHERE name = 'undone'"));
		}
	}

	private static TreeSet<String> column(ResultSet rows, String name) throws SQLException {
		TreeSet<String> values = new TreeSet<>();
		try (rows) {
			while (rows.next())
				values.add(rows.getString(name));
		}
		return values;
	}

	private static void metadata(Connection connection) throws Exception {
		DatabaseMetaData about = connection.getMetaData();
		for (int i = 0; i < 2; i++) {
			Cases.check(column(about.getTables(null, "public", "%", new String[] {"TABLE"}), "TABLE_NAME")
				.containsAll(Arrays.asList("t", "items")), "tables");
			Cases.equal("[id, name]", column(about.getColumns(null, "public", "items", "%"), "COLUMN_NAME").toString());
			Cases.equal("[id]", column(about.getPrimaryKeys(null, "public", "items"), "COLUMN_NAME").toString());
			Cases.equal("[items_pkey]", column(about.getIndexInfo(null, "public", "items", false, false), "INDEX_NAME").toString());
			Cases.equal("[]", column(about.getImportedKeys(null, "public", "items"), "FKTABLE_NAME").toString());
			Cases.check(column(about.getSchemas(), "TABLE_SCHEM").contains("public"), "schemas");
			Cases.check(column(about.getTypeInfo(), "TYPE_NAME").contains("int4"), "types");
			Cases.check(column(about.getFunctions(null, "public", "here"), "FUNCTION_NAME").contains("here"), "functions");
			Cases.check(column(about.getCatalogs(), "TABLE_CAT").contains(Cases.database), "catalogs");
			Cases.check(column(about.getTablePrivileges(null, "public", "items"), "PRIVILEGE").contains("SELECT"), "privileges");
			Cases.run(connection, "INSERT INTO items (name) VALUES ('x')");
		}
		Cases.equal("PostgreSQL", about.getDatabaseProductName());
		Cases.check(about.getDatabaseMajorVersion() >= 15, "version");
		Cases.check(!about.isReadOnly(), "read only");
		Cases.check(about.getMaxColumnNameLength() == 63, "names");
		Cases.check(about.getSQLKeywords().length() > 100, "keywords");
	}

	private static void notifications(Connection connection) throws Exception {
		PGConnection listener = (PGConnection) connection;
		Cases.run(connection, "LISTEN java");
		try (Connection other = Cases.connect()) {
			for (int i = 0; i < 5; i++) {
				Cases.run(other, "NOTIFY java, '" + i + "'");
				PGNotification[] got = listener.getNotifications(30000);
				Cases.check(got != null && got.length == 1, "one notification");
				Cases.equal("java" + i, got[0].getName() + got[0].getParameter());
			}
		}
		Cases.run(connection, "NOTIFY java, 'own'");
		Cases.equal("own", listener.getNotifications(30000)[0].getParameter());
		Cases.run(connection, "UNLISTEN *");
	}

	private static void notices(Connection connection) throws Exception {
		try (Statement statement = connection.createStatement()) {
			statement.execute("DO $$ BEGIN RAISE WARNING 'look' USING ERRCODE = '01AN1'; END $$");
			Cases.equal("01AN1", statement.getWarnings().getSQLState());
		}
	}

	private static void errors(Connection connection) throws Exception {
		Cases.run(connection, "TRUNCATE items RESTART IDENTITY");
		Cases.run(connection, "INSERT INTO items (name) VALUES ('x')");
		PSQLException error = (PSQLException) Cases.fails("23505",
			() -> Cases.run(connection, "INSERT INTO items (id, name) VALUES (1, 'x')"));
		Cases.equal("items_pkey", error.getServerErrorMessage().getConstraint());
		Cases.equal("Key (id)=(1) already exists.", error.getServerErrorMessage().getDetail());
		error = (PSQLException) Cases.fails("42703", () -> Cases.value(connection, "SELECT nope FROM t"));
		Cases.equal(8, error.getServerErrorMessage().getPosition());
		Cases.fails("42P01", () -> Cases.value(connection, "SELECT * FROM missing"));
		Cases.fails("42601", () -> Cases.value(connection, "SELECT FROM FROM"));
		Cases.fails("3D000", () -> Cases.run(connection, "DROP DATABASE nowhere"));
	}

	/** Through function call messages. */
	private static void largeObjects(Connection connection) throws Exception {
		connection.setAutoCommit(false);
		LargeObjectManager manager = ((PGConnection) connection).getLargeObjectAPI();
		long oid = manager.createLO();
		LargeObject object = manager.open(oid, LargeObjectManager.READWRITE);
		byte[] bytes = new byte[200000];
		Arrays.fill(bytes, (byte) 7);
		object.write(bytes);
		object.seek(0);
		Cases.check(Arrays.equals(bytes, object.read(bytes.length)), "bytes");
		object.close();
		manager.delete(oid);
		connection.commit();
	}

	private static void callable(Connection connection) throws Exception {
		Cases.run(connection, "CREATE OR REPLACE PROCEDURE add_item(what text, INOUT id int) LANGUAGE plpgsql AS "
			+ "$$ BEGIN INSERT INTO items (name) VALUES (what) RETURNING items.id INTO id; COMMIT; END $$");
		try (CallableStatement call = connection.prepareCall("call add_item(?, ?)")) {
			for (int i = 0; i < 7; i++) {
				call.setString(1, "called");
				call.setInt(2, 0);
				call.registerOutParameter(2, Types.INTEGER);
				call.execute();
				Cases.equal("called", Cases.value(connection, "SELECT name FROM items WHERE id = " + call.getInt(2)));
			}
		}
		try (CallableStatement call = connection.prepareCall("{? = call upper(?)}")) {
			call.registerOutParameter(1, Types.VARCHAR);
			call.setString(2, "shout");
			call.execute();
			Cases.equal("SHOUT", call.getString(1));
		}
	}

	private static void applicationName(Connection connection) throws Exception {
		String ask = "SELECT current_setting('application_name')";
		for (int i = 0; i < 3; i++) {
			Cases.equal("a java program", Cases.value(connection, ask));
			Cases.run(connection, "INSERT INTO items (name) VALUES ('x')");
		}
		connection.setClientInfo("ApplicationName", "renamed");
		for (int i = 0; i < 3; i++) {
			Cases.equal("renamed", Cases.value(connection, ask));
			Cases.equal("renamed", Cases.value(connection, "/* andon:primary */ " + ask));
		}
		Cases.equal("renamed", connection.getClientInfo("ApplicationName"));
		try (Connection other = Cases.connect()) {
			Cases.equal("PostgreSQL JDBC Driver", Cases.value(other, ask));
		}
	}

	private static void schema(Connection connection) throws Exception {
		Cases.run(connection, "CREATE SCHEMA IF NOT EXISTS elsewhere");
		Cases.run(connection, "CREATE TABLE IF NOT EXISTS elsewhere.t AS SELECT 1 AS only_here");
		for (int i = 0; i < 3; i++) {
			Cases.equal("1", Cases.value(connection, "SELECT count(only_here) FROM t"));
			Cases.equal("elsewhere", connection.getSchema());
		}
		connection.setSchema("public");
		Cases.equal("100", Cases.value(connection, "SELECT count(*) FROM t"));
		Cases.run(connection, "DROP SCHEMA elsewhere CASCADE");
	}

	private static void options(Connection connection) throws Exception {
		String ask = "SELECT current_setting('work_mem') || ' ' || current_setting('TimeZone')";
		Cases.equal("5MB", Cases.value(connection, ask).split(" ")[0]);
		Cases.run(connection, "INSERT INTO items (name) VALUES ('x')");
		Cases.equal("5MB", Cases.value(connection, ask).split(" ")[0]);
	}

	private static void networkTimeout(Connection connection) throws Exception {
		connection.setNetworkTimeout(Runnable::run, 60000);
		Cases.equal("100", Cases.value(connection, "SELECT count(*) FROM t"));
		Cases.equal(60000, connection.getNetworkTimeout());
	}

	private static void targetServerType(Connection connection) throws Exception {
		Cases.equal("off", Cases.value(connection, "SHOW transaction_read_only"));
		Cases.run(connection, "INSERT INTO items (name) VALUES ('x')");
	}

	private static void isValid(Connection connection) throws Exception {
		Cases.check(connection.isValid(30), "valid");
		connection.setAutoCommit(false);
		Cases.check(connection.isValid(30), "valid in a transaction");
		Cases.run(connection, "INSERT INTO items (name) VALUES ('x')");
		Cases.fails("22012", () -> Cases.value(connection, "SELECT 1 / 0"));
		Cases.check(connection.isValid(30), "valid in a failed transaction");
		connection.rollback();
		connection.close();
		Cases.check(!connection.isValid(30), "valid when closed");
	}
}
