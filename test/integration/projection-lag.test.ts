import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseRegistration, register } from '../../src/operator/registration.ts';
import { READ_MODELS, startEmbeddedPostgres } from '../../src/projections/index.ts';
import { systemRandom } from '../../src/system/index.ts';
import { type RunningServer, startRunningServer } from '../kit/running-server.ts';
import { until } from '../kit/waiting.ts';
import { postgresProblem } from './projections-support.ts';

const skip = await postgresProblem();
const timeout = 180_000;

interface Figures {
  readonly head: number;
  /** By projection, in the order of their names. */
  readonly lag: Readonly<Record<string, number>>;
}

/** One scrape, as an operator's monitoring makes it. */
async function scrape({ server }: RunningServer): Promise<Figures> {
  const port = server.operator?.port;
  const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const lag = [...page.matchAll(/^commucat_projection_lag_events\{projection="(\w+)"\} (\d+)$/gm)];
  const head = /^commucat_log_head_position (\d+)$/m.exec(page);
  const names = lag.map(([, name, count]) => [String(name), Number(count)] as const);
  assert.deepEqual(names.map(([name]) => name).sort(), READ_MODELS.map(({ name }) => name).sort());
  return { head: Number(head?.[1]), lag: Object.fromEntries(names.sort()) };
}

function startServer(dsn: string): Promise<RunningServer> {
  return startRunningServer([`storage.postgres_dsn=${dsn}`, 'server.operator_bind=127.0.0.1:0']);
}

async function registerUsers({ server }: RunningServer, prefix: string, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    await register(server.relay.accounts, parseRegistration({ handle: `${prefix}${index}` }));
  }
}

const isCaughtUp = async (server: RunningServer): Promise<boolean> =>
  Object.values((await scrape(server)).lag).every((events) => events === 0);

test('given a server whose database goes away, when it goes on, then the lag counts what the log gains, and falls when the database is back', {
  skip,
  timeout,
}, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'commucat-lag-'));
  let postgres = await startEmbeddedPostgres({ directory, random: systemRandom });
  try {
    await using server = await startServer(postgres.dsn);
    const { readModels } = server.server;
    await registerUsers(server, 'before', 3);
    await until(async () => readModels.status()?.up === true && (await isCaughtUp(server)));
    await postgres[Symbol.asyncDispose]();
    await until(() => readModels.status()?.role === 'waiting');
    const first = await scrape(server);
    await registerUsers(server, 'meanwhile', 20);
    const { head, lag } = await scrape(server);
    // A user without a device is two events.
    assert.ok(head >= first.head + 40, `${first.head} to ${head}`);
    for (const [projection, events] of Object.entries(lag)) {
      assert.equal(events, (first.lag[projection] ?? Number.NaN) + head - first.head, projection);
    }
    assert.equal(readModels.status()?.role, 'waiting');
    postgres = await startEmbeddedPostgres({ directory, port: postgres.port, random: systemRandom });
    await until(() => isCaughtUp(server));
    assert.ok((await scrape(server)).head >= head);
  } finally {
    await postgres[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  }
});

test('given a server whose database has never been there, when events come, then the lag is all that the log holds', {
  timeout,
}, async () => {
  await using server = await startServer('postgres://nobody@127.0.0.1:9/none');
  await registerUsers(server, 'user', 5);
  const { head, lag } = await scrape(server);
  assert.ok(head >= 10);
  for (const [projection, events] of Object.entries(lag)) assert.equal(events, head, projection);
});
