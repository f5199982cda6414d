import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CLIENT_ERRORS } from '../../src/client/index.ts';
import { startTestServer, type TestServer } from './client-support.ts';

const limits = { timeout: 60_000 };
const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(root, 'docs/client.md'), 'utf8');
let server: TestServer;
let folder: string;
before(async () => {
  server = await startTestServer(['server.auto_approve_devices=true', 'channels.reach=anyone']);
  // Inside the checkout: that makes the example a module of this package.
  folder = mkdtempSync(join(root, 'test/integration/client-example-'));
});
after(async () => {
  rmSync(folder, { recursive: true, force: true });
  await server.close();
});

/** Runs the example of the page as a program of its own and returns the lines that it prints. */
async function run(name: string): Promise<string[]> {
  const blocks = [...page.matchAll(/```ts\n\/\/ example: (\w+)\n([\s\S]*?)```/g)];
  const code = blocks.find(([, title]) => title === name)?.[2];
  assert.ok(code, `the page has no example ${name}`);
  const file = join(folder, `${name}.ts`);
  for (const [, title = '', content = ''] of page.matchAll(/```ts\n\/\/ file: ([\w.]+)\n([\s\S]*?)```/g)) {
    writeFileSync(join(folder, title), content);
  }
  writeFileSync(file, code.replaceAll("'commucat/client'", "'../../../src/client/index.ts'"));
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, server.ca);
  const env = {
    ...process.env,
    COMMUCAT_URL: server.url,
    COMMUCAT_CA: caFile,
    DEVICE_FILE: join(folder, 'store', 'carol.json'),
  };
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', file], {
    env,
    cwd: root,
  });
  return stdout.trim().split('\n');
}

test('given the chat example, when it runs, then it prints what was sent', limits, async () => {
  assert.deepEqual(await run('chat'), ['7 alice-phone hello']);
});

test(
  'given the restart example, when it runs, then its device comes back from a file that only its owner can read',
  limits,
  async () => {
    assert.deepEqual(await run('restart'), [
      'run 1: carol-phone, user known: true',
      'run 2: carol-phone, user known: true',
    ]);
    assert.equal(statSync(join(folder, 'store', 'carol.json')).mode & 0o777, 0o600);
  },
);

test('given the events example, when it runs, then it tells its story', limits, async () => {
  const lines = await run('events');
  assert.equal(lines[0], 'connected');
  assert.match(lines[1] ?? '', /^refused by the server: unknown_channel/);
  assert.deepEqual(lines.slice(-1), ['closed']);
});

test(
  'given the groups example, when it runs, then it tells who was welcomed and removed',
  limits,
  async () => {
    assert.deepEqual(await run('groups'), ['welcome', 'removed']);
  },
);

test('given the table of errors, when the page is read, then it lists every code as the code does', () => {
  const rows = Object.entries(CLIENT_ERRORS).map(
    ([code, { retryable, doc }]) => `| \`${code}\` | ${retryable ? 'yes' : 'no'} | ${doc} |`,
  );
  const table = ['| code | retryable | meaning |', '|---|---|---|', ...rows].join('\n');
  assert.ok(page.includes(table), `docs/client.md must contain\n${table}`);
});
