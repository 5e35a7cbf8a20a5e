/*
 * Cases of node-postgres (the package pg).
 *
 * It sends Parse, Bind, Describe, Execute, Sync in one go, remembers which
 * names it has prepared on a connection and leaves the Parse out the next
 * time. A query with `rows` is fetched in parts through a portal and Flush.
 * COPY is pg-copy-streams', which takes the socket's messages itself meanwhile.
 */
'use strict';

const assert = require('assert').strict;
const { once } = require('events');
const { Readable } = require('stream');
const { pipeline } = require('stream/promises');
const { Client, Pool, Query } = require('pg');
const copyStreams = require('pg-copy-streams');

async function withClient(context, run, more) {
	const client = new Client({ ...context.config, ...more });
	await client.connect();
	try {
		return await run(client);
	} finally {
		await client.end();
	}
}

const fails = (code, promise) => assert.rejects(promise, (error) => {
	assert.equal(error.code, code, error.message);
	return true;
});

exports['simple queries'] = (context) => withClient(context, async (client) => {
	const { rows, fields, command, rowCount } = await client.query('SELECT id, here() AS node FROM t ORDER BY id LIMIT 3');
	assert.deepEqual(rows.map((row) => row.id), [1, 2, 3]);
	assert.ok(context.readNodes.includes(rows[0].node), rows[0].node);
	assert.deepEqual([fields[1].name, command, rowCount], ['node', 'SELECT', 3]);
	const several = await client.query("SELECT 1 AS a; INSERT INTO items (name) VALUES ('x'); SELECT 2 AS b");
	assert.deepEqual(several.map((one) => one.command), ['SELECT', 'INSERT', 'SELECT']);
	assert.deepEqual((await client.query('')).rows, []);
});

exports['parameters'] = (context) => withClient(context, async (client) => {
	const when = new Date('2024-02-29T12:34:56.789Z');
	for (const hint of ['', '/* andon:primary */ ']) {
		const { rows } = await client.query({
			text: hint + 'SELECT $1::int, $2::text, $3::bool, $4::jsonb, $5::timestamptz, $6::bytea, $7::text, $8::int[], $9::float8',
			values: [7, "o'ne", true, { k: [1, null] }, when, Buffer.from([0, 255]), null, [1, null, 3], 0.1],
			rowMode: 'array',
		});
		assert.deepEqual(rows[0], [7, "o'ne", true, { k: [1, null] }, when, Buffer.from([0, 255]), null, [1, null, 3], 0.1]);
	}
});

exports['reads what it wrote'] = (context) => withClient(context, async (client) => {
	for (let i = 0; i < 30; i++) {
		const { rows: [{ id }] } = await client.query('INSERT INTO items (name) VALUES ($1) RETURNING id', ['x' + i]);
		const { rows } = await client.query('SELECT name FROM items WHERE id = $1', [id]);
		assert.deepEqual(rows, [{ name: 'x' + i }]);
	}
});

exports['named statements'] = async (context) => {
	const pool = new Pool({ ...context.config, max: 15 });
	await Promise.all(Array.from({ length: 300 }, async (_, i) => {
		const which = i % 20;
		const { rows } = await pool.query({ name: `s${which}`, text: `SELECT $1::int * ${which} AS product`, values: [i] });
		assert.deepEqual(rows, [{ product: i * which }]);
		const { rows: written } = await pool.query({
			name: `w${which}`, text: `INSERT INTO items (name) VALUES ($1 || '${which}') RETURNING name`, values: ['n'] });
		assert.deepEqual(written, [{ name: `n${which}` }]);
	}));
	await pool.end();
};

exports['one name, different texts of different clients'] = async (context) => {
	const clients = await Promise.all(Array.from({ length: 12 }, async () => {
		const client = new Client(context.config);
		await client.connect();
		return client;
	}));
	for (let round = 0; round < 5; round++)
		await Promise.all(clients.map(async (client, i) => {
			const { rows } = await client.query({ name: 'same', text: `SELECT ${i} + $1::int AS sum`, values: [round] });
			assert.deepEqual(rows, [{ sum: i + round }]);
		}));
	await Promise.all(clients.map((client) => client.end()));
};

exports['queries queued at once'] = (context) => withClient(context, async (client) => {
	await client.query('TRUNCATE items');
	const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => i % 2
		? client.query('SELECT count(*)::int AS n FROM items')
		: client.query('INSERT INTO items (name) VALUES ($1)', ['x'])));
	answers.forEach((answer, i) => {
		if (i % 2)
			assert.equal(answer.rows[0].n, (i + 1) / 2);
	});
});

exports['rows in parts'] = (context) => withClient(context, async (client) => {
	for (const text of ['SELECT id, $1::text FROM t ORDER BY id', 'WITH w AS (INSERT INTO items (name) VALUES ($1)) SELECT id FROM t ORDER BY id']) {
		const { rows } = await client.query({ text, values: ['x'], rows: 7 });
		assert.deepEqual(rows.map((row) => row.id), Array.from({ length: 100 }, (_, i) => i + 1));
	}
	assert.equal((await client.query('SELECT count(*)::int AS n FROM t')).rows[0].n, 100);
});

exports['transactions'] = (context) => withClient(context, async (client) => {
	await client.query('TRUNCATE items');
	await client.query('BEGIN');
	await client.query('INSERT INTO items (name) VALUES ($1)', ['kept']);
	await client.query('SAVEPOINT s');
	await fails('23502', client.query('INSERT INTO items (name) VALUES ($1)', [null]));
	await fails('25P02', client.query('SELECT 1'));
	await client.query('ROLLBACK TO SAVEPOINT s');
	await client.query('COMMIT');
	await client.query('BEGIN');
	await client.query({ name: 'add', text: 'INSERT INTO items (name) VALUES ($1)', values: ['undone'] });
	await client.query('ROLLBACK');
	await client.query('BEGIN READ ONLY');
	await fails('25006', client.query({ name: 'add', text: 'INSERT INTO items (name) VALUES ($1)', values: ['refused'] }));
	await client.query('ROLLBACK');
	assert.deepEqual((await client.query('SELECT name FROM items')).rows, [{ name: 'kept' }]);
	await client.query({ name: 'add', text: 'INSERT INTO items (name) VALUES ($1)', values: ['later'] });
	await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE');
	assert.equal((await client.query('SHOW transaction_isolation')).rows[0].transaction_isolation, 'serializable');
	await client.query('END');
});

exports['errors'] = (context) => withClient(context, async (client) => {
	await client.query('TRUNCATE items RESTART IDENTITY');
	await client.query("INSERT INTO items (name) VALUES ('x')");
	for (const values of [undefined, [1]]) {
		const error = await client.query(`INSERT INTO items (id, name) VALUES (${values ? '$1' : '1'}, 'x')`, values).catch((e) => e);
		assert.deepEqual([error.code, error.severity, error.schema, error.table, error.constraint, error.detail],
			['23505', 'ERROR', 'public', 'items', 'items_pkey', 'Key (id)=(1) already exists.']);
		assert.equal((await client.query('SELECT nope FROM t').catch((e) => e)).position, '8');
	}
	await fails('42P02', client.query('SELECT $1::int + $3'));
	await fails('22P02', client.query('SELECT $1::int', ['one']));
	await fails('08P01', client.query('SELECT $1::int, $2::int', [1]));
	assert.equal((await client.query('SELECT 1 AS one')).rows[0].one, 1);
});

exports['an error while preparing a name'] = (context) => withClient(context, async (client) => {
	await fails('42601', client.query({ name: 'n', text: 'SELECT FROM FROM', values: [] }));
	await fails('42P01', client.query({ name: 'm', text: 'SELECT * FROM missing', values: [] }));
	assert.equal((await client.query({ name: 'o', text: 'SELECT 1 AS one' })).rows[0].one, 1);
});

/* The session is the one it was: nobody connected again. */
async function checkGoesOn(client) {
	assert.equal((await client.query('SHOW application_name')).rows[0].application_name, 'goes on');
	assert.equal((await client.query('SELECT count(*)::int AS n FROM t')).rows[0].n, 100);
}

const withSession = (context, run) => withClient(context, async (client) => {
	await client.query("SET application_name = 'goes on'");
	await client.query('TRUNCATE items RESTART IDENTITY');
	await run(client);
	await checkGoesOn(client);
});

const countItems = async (client) => (await client.query('SELECT count(*)::int AS n FROM items')).rows[0].n;

exports['copy'] = (context) => withSession(context, async (client) => {
	const lines = Array.from({ length: 20000 }, (_, i) => `name ${i}\n`);
	const copyIn = client.query(copyStreams.from('COPY items (name) FROM STDIN'));
	await pipeline(Readable.from(lines), copyIn);
	assert.equal(copyIn.rowCount, 20000);
	assert.equal(await countItems(client), 20000);
	let text = '';
	for await (const chunk of client.query(copyStreams.to('COPY (SELECT name FROM items ORDER BY id) TO STDOUT')))
		text += chunk;
	assert.ok(text === lines.join(''));
	text = '';
	for await (const chunk of client.query(copyStreams.to('COPY (SELECT here()) TO STDOUT')))
		text += chunk;
	assert.ok(context.readNodes.includes(text.trim()), text);
});

exports['copy that the server refuses'] = (context) => withSession(context, async (client) => {
	for (const more of [0, 20000]) {
		const lines = ['1\tundone\n', 'no number\tx\n', ...Array.from({ length: more }, () => '2\tdropped\n')];
		await fails('22P02', pipeline(Readable.from(lines), client.query(copyStreams.from('COPY items (id, name) FROM STDIN'))));
		await checkGoesOn(client);
	}
	await fails('22012', (async () => {
		for await (const chunk of client.query(copyStreams.to('COPY (SELECT 1 / (500 - i) FROM generate_series(1, 1000) i) TO STDOUT')))
			assert.ok(chunk.length > 0);
	})());
	assert.equal(await countItems(client), 0);
});

exports['copy given up'] = (context) => withSession(context, async (client) => {
	for (let i = 0; i < 3; i++) {
		const copyIn = client.query(copyStreams.from('COPY items (name) FROM STDIN'));
		copyIn.write('undone\n');
		copyIn.destroy(new Error('no more'));
		const [error] = await once(copyIn, 'error');
		assert.equal(error.code, '57014', error.message);
		assert.equal(await countItems(client), 0);
	}
});

/*
 * Cancels by another Client, once the query has said where it runs; gives that
 * node's name. PostgreSQL signals a session twice for one request: the second
 * signal may hit the next query, if that comes before the request's end.
 */
async function cancelNap(context, client, text, values) {
	const query = new Query({ text, values });
	const failed = fails('57014', once(query, 'end'));
	const asleep = once(client, 'notice');
	client.query(query);
	const [notice] = await asleep;
	const canceller = new Client(context.config);
	const ended = once(canceller.connection, 'end');
	canceller.cancel(client, query);
	await Promise.all([failed, ended]);
	return notice.message.replace('asleep on ', '');
}

exports['cancel of a read'] = (context) => withSession(context, async (client) => {
	for (const values of [undefined, [1], undefined, [2]]) {
		const node = await cancelNap(context, client, `SELECT '' UNION ALL SELECT nap()${values ? ' || $1::int' : ''}`, values);
		assert.ok(context.readNodes.includes(node), node);
		await checkGoesOn(client);
	}
});

exports['cancel of a write'] = (context) => withSession(context, async (client) => {
	const { rows: [{ node }] } = await client.query('/* andon:primary */ SELECT here() AS node');
	for (const values of [undefined, [1], undefined, [2]]) {
		assert.equal(await cancelNap(context, client, `INSERT INTO items (name) SELECT nap()${values ? ' || $1::int' : ''}`, values), node);
		assert.equal(await countItems(client), 0);
		await checkGoesOn(client);
	}
	await client.query('BEGIN');
	await client.query("INSERT INTO items (name) VALUES ('undone')");
	assert.equal(await cancelNap(context, client, 'SELECT nap()'), node);
	await fails('25P02', client.query('SELECT 1'));
	await client.query('ROLLBACK');
	assert.equal(await countItems(client), 0);
});

exports['listen'] = (context) => withClient(context, async (client) => {
	const got = [];
	client.on('notification', ({ channel, payload }) => got.push(`${channel}:${payload}`));
	await client.query('LISTEN news');
	for (let i = 0; i < 5; i++)
		await withClient(context, (other) => other.query("SELECT pg_notify('news', $1)", [String(i)]));
	await client.query("NOTIFY news, 'own'");
	await context.waitFor('notifications', () => got.length === 6);
	assert.deepEqual(got, ['news:0', 'news:1', 'news:2', 'news:3', 'news:4', 'news:own']);
});

exports['notices'] = (context) => withClient(context, async (client) => {
	const got = [];
	client.on('notice', (notice) => got.push([notice.code, notice.message]));
	await client.query("DO $$ BEGIN RAISE NOTICE 'look'; RAISE WARNING 'twice' USING ERRCODE = '01AN1'; END $$");
	assert.deepEqual(got, [['00000', 'look'], ['01AN1', 'twice']]);
});

exports['timeouts asked for at startup'] = (context) => withClient(context, async (client) => {
	await fails('57014', client.query('SELECT pg_sleep(600)'));
	await fails('57014', client.query('/* andon:primary */ SELECT pg_sleep(600)'));
	assert.equal((await client.query('SHOW statement_timeout')).rows[0].statement_timeout, '200ms');
	assert.equal((await client.query("SELECT current_setting('application_name') AS name")).rows[0].name, 'a node program');
}, { statement_timeout: 200, lock_timeout: 300, idle_in_transaction_session_timeout: 60000, application_name: 'a node program' });

exports['startup options'] = (context) => withClient(context, async (client) => {
	for (let i = 0; i < 3; i++) {
		assert.equal((await client.query("SELECT current_setting('timezone') AS zone")).rows[0].zone, 'Asia/Tokyo');
		await client.query("INSERT INTO items (name) VALUES ('x')");
	}
}, { options: '-c timezone=Asia/Tokyo' });

exports['a pool of many connections'] = async (context) => {
	const pool = new Pool({ ...context.config, max: 30 });
	await pool.query('TRUNCATE items');
	await Promise.all(Array.from({ length: 300 }, async (_, i) => {
		const client = await pool.connect();
		try {
			await client.query('BEGIN');
			const { rows: [{ id }] } = await client.query('INSERT INTO items (name) VALUES ($1) RETURNING id', [`n${i}`]);
			await client.query('UPDATE items SET name = name || $1 WHERE id = $2', ['!', id]);
			await client.query(i % 3 ? 'COMMIT' : 'ROLLBACK');
			const { rows } = await client.query('SELECT name FROM items WHERE id = $1', [id]);
			assert.deepEqual(rows, i % 3 ? [{ name: `n${i}!` }] : []);
		} finally {
			client.release();
		}
	}));
	assert.equal((await pool.query('SELECT count(*)::int AS n FROM items')).rows[0].n, 200);
	await pool.end();
};

exports['a large answer and a large parameter'] = (context) => withClient(context, async (client) => {
	const text = 'é'.repeat(2000000);
	const { rows } = await client.query('SELECT $1::text AS value', [text]);
	assert.ok(rows[0].value === text);
	const { rows: many } = await client.query("SELECT i, repeat('x', 100) AS x FROM generate_series(1, 50000) i");
	assert.deepEqual([many.length, many[49999].i], [50000, 50000]);
});

exports['ends in the middle'] = async (context) => {
	for (let i = 0; i < 5; i++) {
		const client = new Client(context.config);
		client.on('error', () => {});
		await client.connect();
		client.query("SELECT repeat('x', 100000) FROM generate_series(1, 100)").catch(() => {});
		client.connection.stream.destroy();
	}
	await withClient(context, async (client) => assert.equal((await client.query('SELECT 1 AS one')).rows[0].one, 1));
};
