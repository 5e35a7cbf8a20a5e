/*
 * Cases of Postgres.js (the package postgres).
 *
 * It describes a statement before it binds, closing that part with Flush,
 * names what it prepares, and sends the next queries of a connection before
 * the answers of the first have come.
 */
'use strict';

const assert = require('assert').strict;
const net = require('net');
const { finished, pipeline } = require('stream/promises');
const { Readable } = require('stream');
const postgres = require('postgres');

const with_ = (more) => (run) => async (context) => {
	const sql = postgres({ ...context.config, max: 1, onnotice: () => {}, ...more });
	try {
		await run(sql, context);
	} finally {
		await sql.end({ timeout: 5 });
	}
};

const alone = with_({});
const pooled = with_({ max: 20 });

const fails = (code, promise) => assert.rejects(async () => await promise, (error) => {
	assert.equal(error.code, code, error.message);
	return true;
});

exports['queries'] = alone(async (sql, { readNodes }) => {
	const rows = await sql`SELECT id, here() AS node FROM t WHERE id <= ${3} ORDER BY id`;
	assert.deepEqual(rows.map((row) => row.id), [1, 2, 3]);
	assert.ok(readNodes.includes(rows[0].node), rows[0].node);
	assert.deepEqual([rows.count, rows.command, rows.columns[1].name], [3, 'SELECT', 'node']);
	const several = await sql.unsafe("SELECT 1 AS a; INSERT INTO items (name) VALUES ('x'); SELECT 2 AS b");
	assert.deepEqual(several.map((rows) => Object.values(rows[0] || {})), [[1], [2]]);
	assert.deepEqual([...await sql`SELECT 1 AS one`.simple()], [{ one: 1 }]);
});

exports['parameters'] = alone(async (sql) => {
	const when = new Date('2024-02-29T12:34:56.789Z');
	const [row] = await sql`SELECT ${7}::int AS a, ${"o'ne"}::text AS b, ${true}::bool AS c, ${sql.json({ k: [1, null] })}::jsonb AS d,
		${when}::timestamptz AS e, ${Buffer.from([0, 255])}::bytea AS f, ${null}::text AS g, ${[1, 2, 3]}::int[] AS h`;
	assert.deepEqual({ ...row }, { a: 7, b: "o'ne", c: true, d: { k: [1, null] }, e: when, f: Buffer.from([0, 255]), g: null, h: [1, 2, 3] });
});

exports['reads what it wrote'] = alone(async (sql) => {
	for (let i = 0; i < 30; i++) {
		const [{ id }] = await sql`INSERT INTO items ${sql({ name: 'x' + i })} RETURNING id`;
		assert.deepEqual([...await sql`SELECT name FROM items WHERE id = ${id}`], [{ name: 'x' + i }]);
	}
});

exports['pipelined on one connection'] = alone(async (sql) => {
	await sql`TRUNCATE items`;
	const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => i % 2
		? sql`SELECT count(*)::int AS n FROM items`
		: sql`INSERT INTO items (name) VALUES (${'x'})`));
	answers.forEach((answer, i) => {
		if (i % 2)
			assert.equal(answer[0].n, (i + 1) / 2);
	});
});

exports['errors among pipelined queries'] = alone(async (sql) => {
	const answers = await Promise.allSettled(Array.from({ length: 60 }, (_, i) =>
		i % 3 === 0 ? sql`SELECT 1 / ${0}::int` : i % 3 === 1 ? sql`SELECT * FROM missing` : sql`SELECT ${i}::int AS i`));
	answers.forEach((answer, i) => {
		if (i % 3 === 2)
			assert.equal(answer.value[0].i, i);
		else
			assert.equal(answer.reason.code, i % 3 ? '42P01' : '22012');
	});
});

exports['many connections'] = pooled(async (sql) => {
	await sql`TRUNCATE items`;
	await Promise.all(Array.from({ length: 400 }, async (_, i) => {
		assert.equal((await sql`SELECT ${i}::int + 1 AS n`)[0].n, i + 1);
		await sql`INSERT INTO items (name) VALUES (${'n' + i})`;
	}));
	assert.equal((await sql`/* andon:primary */ SELECT count(*)::int AS n FROM items`)[0].n, 400);
});

exports['many statements'] = pooled(async (sql) => {
	await Promise.all(Array.from({ length: 300 }, async (_, i) => {
		const [row] = await sql.unsafe(`SELECT $1::int * ${i % 30} AS product`, [i], { prepare: true });
		assert.equal(row.product, i * (i % 30));
	}));
});

exports['without prepared statements'] = with_({ prepare: false, max: 5 })(async (sql) => {
	await Promise.all(Array.from({ length: 100 }, async (_, i) => {
		assert.equal((await sql`SELECT ${i}::int + 1 AS n`)[0].n, i + 1);
	}));
});

exports['transactions'] = pooled(async (sql) => {
	await sql`TRUNCATE items`;
	await Promise.all(Array.from({ length: 60 }, (_, i) => sql.begin(async (tx) => {
		const [{ id }] = await tx`INSERT INTO items (name) VALUES (${'n' + i}) RETURNING id`;
		await tx.savepoint(async (nested) => {
			await nested`UPDATE items SET name = 'undone' WHERE id = ${id}`;
			throw new Error('undo');
		}).catch((error) => assert.equal(error.message, 'undo'));
		assert.deepEqual([...await tx`SELECT name FROM items WHERE id = ${id}`], [{ name: 'n' + i }]);
		if (i % 3 === 0)
			await tx`SELECT 1 / 0`;
	}).then(() => assert.ok(i % 3), (error) => assert.equal(error.code, '22012'))));
	assert.equal((await sql`/* andon:primary */ SELECT count(*)::int AS n FROM items`)[0].n, 40);
});

exports['read only transactions'] = alone(async (sql, { readNodes }) => {
	const node = await sql.begin('read only', async (tx) => (await tx`SELECT here() AS node FROM t WHERE id = ${1}`)[0].node);
	assert.ok(readNodes.includes(node), node);
	await fails('25006', sql.begin('read only', (tx) => tx`INSERT INTO items (name) VALUES (${'x'})`));
	const [level] = await sql.begin('isolation level repeatable read read only', (tx) => tx`SHOW transaction_isolation`);
	assert.equal(level.transaction_isolation, 'repeatable read');
});

exports['statements of a transaction sent at once'] = alone(async (sql) => {
	await sql`TRUNCATE items`;
	const answers = await sql.begin((tx) => [
		tx`INSERT INTO items (name) VALUES ('a')`, tx`SELECT count(*)::int AS n FROM items`, tx`INSERT INTO items (name) VALUES ('b')`]);
	assert.equal(answers[1][0].n, 1);
	assert.equal((await sql`SELECT count(*)::int AS n FROM items`)[0].n, 2);
});

exports['cursor'] = alone(async (sql) => {
	const ids = [];
	for await (const rows of sql`SELECT id FROM t ORDER BY id`.cursor(7))
		ids.push(...rows.map((row) => row.id));
	assert.deepEqual(ids, Array.from({ length: 100 }, (_, i) => i + 1));
	await sql`SELECT id FROM t ORDER BY id`.cursor(10, (rows) => rows[0].id === 31 ? sql.CLOSE : undefined);
	let count = 0;
	await sql`SELECT id FROM t`.forEach(() => { count++; });
	assert.equal(count, 100);
	assert.equal((await sql`SELECT count(*)::int AS n FROM t`)[0].n, 100);
});

exports['describe'] = alone(async (sql) => {
	const statement = await sql`SELECT id, v FROM t WHERE id = ${1}`.describe();
	assert.deepEqual([statement.types, statement.columns.map((column) => column.name)], [[23], ['id', 'v']]);
	await fails('42703', sql`SELECT nope FROM t WHERE id = ${1}`.describe());
	assert.equal((await sql`SELECT count(*)::int AS n FROM t`)[0].n, 100);
});

exports['copy in'] = alone(async (sql) => {
	await sql`TRUNCATE items`;
	const lines = Array.from({ length: 20000 }, (_, i) => `name ${i}\n`);
	await pipeline(Readable.from(lines), await sql`COPY items (name) FROM STDIN`.writable());
	assert.equal((await sql`SELECT count(*)::int AS n FROM items`)[0].n, 20000);
});

/* Not more than its stream buffers: else it may stop reading its socket for ever. */
exports['copy out'] = alone(async (sql) => {
	let text = '';
	for await (const chunk of await sql`COPY (SELECT i FROM generate_series(1, 1000) i) TO STDOUT`.readable())
		text += chunk;
	assert.ok(text === Array.from({ length: 1000 }, (_, i) => `${i + 1}\n`).join(''));
	assert.equal((await sql`SELECT 1 AS one`)[0].one, 1);
});

const countItems = async (sql) => (await sql`SELECT count(*)::int AS n FROM items`)[0].n;

/* The session is the one it was: nobody connected again. */
const goesOn = (run) => alone(async (sql, context) => {
	await sql`SET application_name = 'goes on'`;
	await sql`TRUNCATE items RESTART IDENTITY`;
	await run(sql, context);
	assert.equal((await sql`SHOW application_name`)[0].application_name, 'goes on');
});

exports['copy that the server refuses'] = goesOn(async (sql) => {
	for (const more of [0, 20000]) {
		const lines = ['1\tundone\n', 'no number\tx\n', ...Array.from({ length: more }, () => '2\tdropped\n')];
		await fails('22P02', pipeline(Readable.from(lines), await sql`COPY items (id, name) FROM STDIN`.writable()));
		assert.equal(await countItems(sql), 0);
	}
});

exports['copy given up'] = goesOn(async (sql) => {
	for (let i = 0; i < 3; i++) {
		const writable = await sql`COPY items (name) FROM STDIN`.writable();
		writable.write('undone\n');
		writable.destroy(new Error('no more'));
		await assert.rejects(finished(writable), /no more/);
		assert.equal(await countItems(sql), 0);
	}
});

/*
 * Each of make's queries is cancelled once it has said where it runs; check gets
 * that node's name. PostgreSQL signals a session twice for one request to cancel,
 * and Postgres.js does not wait for the request's end: without that wait the
 * second signal may hit the next query. Rows are taken one by one: those a query
 * had before it failed are else left in the next one's.
 */
const cancelled = (make, check) => async (context) => {
	const sockets = new Set();
	const socket = ({ host: [host], port: [port] }) => new Promise((resolve, reject) => {
		const opened = net.connect(port, host, () => resolve(opened)).on('error', reject);
		sockets.add(opened);
		opened.on('close', () => sockets.delete(opened));
	});
	let heard;
	await with_({ socket, onnotice: (notice) => heard(notice.message) })(async (sql) => {
		for (let i = 0; i < 4; i++) {
			const asleep = new Promise((resolve) => { heard = resolve; });
			const query = make(sql, i).forEach(() => {});
			const failed = fails('57014', query);
			const node = (await asleep).replace('asleep on ', '');
			query.cancel();
			await failed;
			await context.waitFor('the end of the request to cancel', () => sockets.size === 1);
			await check(sql, node, context);
			assert.equal((await sql`SELECT 1 AS one`)[0].one, 1);
		}
	})(context);
};

exports['cancel of a read'] = cancelled((sql, i) => i % 2 ? sql`SELECT '' UNION ALL SELECT nap() || ${i}::int` : sql.unsafe("SELECT '' UNION ALL SELECT nap()"),
	(sql, node, { readNodes }) => assert.ok(readNodes.includes(node), node));

exports['cancel of a write'] = cancelled(
	(sql, i) => i % 2 ? sql`INSERT INTO items (name) SELECT nap() || ${i}::int` : sql.unsafe('INSERT INTO items (name) SELECT nap()'),
	async (sql, node) => assert.equal((await sql`/* andon:primary */ SELECT here() AS node`)[0].node, node));

exports['listen'] = alone(async (sql, context) => {
	const got = [];
	const { unlisten } = await sql.listen('postgres.js', (payload) => got.push(payload));
	for (let i = 0; i < 5; i++)
		await sql.notify('postgres.js', String(i));
	await context.waitFor('notifications', () => got.length === 5);
	assert.deepEqual(got, ['0', '1', '2', '3', '4']);
	await unlisten();
});

exports['errors'] = alone(async (sql) => {
	await sql`TRUNCATE items RESTART IDENTITY`;
	await sql`INSERT INTO items (name) VALUES ('x')`;
	const error = await sql`INSERT INTO items (id, name) VALUES (${1}, 'x')`.catch((e) => e);
	assert.deepEqual([error.code, error.severity, error.table_name, error.constraint_name, error.detail],
		['23505', 'ERROR', 'items', 'items_pkey', 'Key (id)=(1) already exists.']);
	assert.equal((await sql`SELECT nope FROM t`.catch((e) => e)).position, '8');
	await fails('22P02', sql`SELECT ${'one'}::text::int`);
	assert.equal((await sql`SELECT 1 AS one`)[0].one, 1);
});

exports['reserved connection'] = pooled(async (sql) => {
	const reserved = await sql.reserve();
	await reserved`CREATE TEMP TABLE own (i int)`;
	await Promise.all(Array.from({ length: 20 }, async (_, i) => {
		await reserved`INSERT INTO own VALUES (${i})`;
		await fails('42P01', sql`SELECT * FROM own`);
	}));
	assert.equal((await reserved`SELECT count(*)::int AS n FROM own`)[0].n, 20);
	await reserved`DISCARD ALL`.simple();
	reserved.release();
});

exports['connection parameters'] = with_({ connection: { application_name: 'js', TimeZone: 'Asia/Tokyo' } })(async (sql) => {
	const [row] = await sql`SELECT current_setting('application_name') AS name, current_setting('TimeZone') AS zone`;
	assert.deepEqual({ ...row }, { name: 'js', zone: 'Asia/Tokyo' });
});

exports['large objects'] = alone(async (sql) => {
	const object = await sql.largeObject();
	await object.write(Buffer.from('large'));
	await object.seek(0);
	assert.equal(String((await object.read(10))[0].data), 'large');
	await object.close();
});
