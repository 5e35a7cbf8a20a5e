import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.concurrent.Callable;

/**
 * Runs the cases of pgjdbc and prints {"case": null or why it failed}.
 *
 * <pre>java Cases PORT DATABASE READ_NODE,READ_NODE... [CASE]</pre>
 *
 * The database has here() and t of tests/support/routercase.py, and nap() and
 * items (id serial, name text) of tests/support/drivers.py.
 */
final class Cases {
	interface Case {
		void run() throws Exception;
	}

	interface ConnectionCase {
		void run(Connection connection) throws Exception;
	}

	private static final long PATIENCE_MS = 30000;

	private static String url;
	static String database;
	private static List<String> readNodes;
	private static final Map<String, Case> cases = new LinkedHashMap<>();

	private Cases() {
	}

	public static void main(String[] args) {
		url = "jdbc:postgresql://127.0.0.1:" + args[0] + "/" + args[1];
		database = args[1];
		readNodes = Arrays.asList(args[2].split(","));
		StatementCases.add();
		TransactionCases.add();
		DriverCases.add();
		StringBuilder out = new StringBuilder("{");
		cases.forEach((name, one) -> {
			if (args.length > 3 && !args[3].equals(name))
				return;
			out.append(out.length() > 1 ? ",\n " : "").append(quoted(name)).append(": ").append(outcome(one));
		});
		System.out.println(out.append('}'));
		System.exit(0);
	}

	private static String outcome(Case one) {
		try {
			one.run();
			return "null";
		} catch (Throwable failure) {
			StringBuilder text = new StringBuilder(failure.toString());
			for (StackTraceElement element : failure.getStackTrace())
				text.append("\n at ").append(element);
			return quoted(text.toString());
		}
	}

	private static String quoted(String text) {
		StringBuilder out = new StringBuilder("\"");
		for (char c : text.toCharArray())
			out.append(c == '"' || c == '\\' ? "\\" + c : c < ' ' ? String.format("\\u%04x", (int) c) : String.valueOf(c));
		return out.append('"').toString();
	}

	static void add(String name, Case one) {
		cases.put(name, one);
	}

	/** A case with a connection of its own; properties as "name=value". */
	static void add(String name, ConnectionCase one, String... properties) {
		cases.put(name, () -> {
			try (Connection connection = connect(properties)) {
				one.run(connection);
			}
		});
	}

	static Connection connect(String... properties) throws SQLException {
		Properties all = new Properties();
		all.setProperty("user", "postgres");
		for (String property : properties) {
			int at = property.indexOf('=');
			all.setProperty(property.substring(0, at), property.substring(at + 1));
		}
		return DriverManager.getConnection(url, all);
	}

	static void equal(Object expected, Object got) {
		if (!Objects.equals(expected, got))
			throw new AssertionError("expected <" + expected + ">, got <" + got + ">");
	}

	static void check(boolean holds, String what) {
		if (!holds)
			throw new AssertionError(what);
	}

	static SQLException fails(String sqlstate, Case one) throws Exception {
		try {
			one.run();
		} catch (SQLException error) {
			if (!sqlstate.equals(error.getSQLState()))
				throw error;
			return error;
		}
		throw new AssertionError("no error, expected " + sqlstate);
	}

	static void checkReadNode(String node) {
		check(readNodes.contains(node), "read on " + node);
	}

	static void run(Connection connection, String sql) throws SQLException {
		try (Statement statement = connection.createStatement()) {
			statement.execute(sql);
		}
	}

	/** The one value of a query, as text. */
	static String value(Connection connection, String sql) throws SQLException {
		try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
			check(rows.next(), "no row: " + sql);
			return rows.getString(1);
		}
	}

	static void waitFor(String what, Callable<Boolean> condition) throws Exception {
		long giveUp = System.currentTimeMillis() + PATIENCE_MS;
		while (!condition.call()) {
			check(System.currentTimeMillis() < giveUp, "gave up waiting for " + what);
			Thread.sleep(10);
		}
	}

	/** Runs it in so many threads, numbered from 0; the first failure is the failure of all. */
	static void inThreads(int count, ThreadCase one) throws Exception {
		Throwable[] failures = new Throwable[count];
		Thread[] threads = new Thread[count];
		for (int i = 0; i < count; i++) {
			int number = i;
			threads[i] = new Thread(() -> {
				try {
					one.run(number);
				} catch (Throwable failure) {
					failures[number] = failure;
				}
			});
			threads[i].start();
		}
		for (Thread thread : threads)
			thread.join();
		for (Throwable failure : failures)
			if (failure != null)
				throw new AssertionError(failure.toString(), failure);
	}

	interface ThreadCase {
		void run(int number) throws Exception;
	}
}
