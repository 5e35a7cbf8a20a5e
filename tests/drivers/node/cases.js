/*
 * Runs the cases of a driver and prints {"case": null or why it failed}.
 *
 *	node cases.js pg|postgres PORT DATABASE READ_NODE,READ_NODE...
 *
 * A driver's file exports {name: async function (context)}. The database has
 * here() and t of tests/support/routercase.py, and nap() and items (id serial,
 * name text) of tests/support/drivers.py.
 */
'use strict';

const PATIENCE_MS = 30000;

const [driver, port, database, readNodes] = process.argv.slice(2);

const context = {
	config: { host: '127.0.0.1', port: Number(port), database, user: 'postgres' },
	readNodes: readNodes.split(','),
	promised,
	waitFor,
};

/* An event that must come, as a promise that fails when it does not. */
function promised(what, start) {
	return new Promise((resolve, reject) => {
		const timer = setTimeout(() => reject(new Error(`no ${what} within ${PATIENCE_MS} ms`)), PATIENCE_MS);
		const done = (settle) => (value) => { clearTimeout(timer); settle(value); };
		start(done(resolve), done(reject));
	});
}

/* Asks again and again until the answer is true. */
async function waitFor(what, condition) {
	const giveUp = Date.now() + PATIENCE_MS;
	while (!(await condition())) {
		if (Date.now() > giveUp)
			throw new Error(`gave up waiting for ${what}`);
		await new Promise((resolve) => setTimeout(resolve, 10));
	}
}

async function main() {
	const outcomes = {};
	for (const [name, run] of Object.entries(require(`./${driver}.js`))) {
		try {
			await promised(`end of ${name}`, (resolve, reject) => run(context).then(resolve, reject));
			outcomes[name] = null;
		} catch (error) {
			outcomes[name] = error.stack || String(error);
		}
	}
	process.stdout.write(JSON.stringify(outcomes, null, 1) + '\n', () => process.exit(0));
}

main();
