import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { BrowserContext, Page } from 'playwright-core';
import { type Client, connect, createDevice, MemoryDeviceStore } from '../../src/client/index.ts';
import { frameLength } from '../../src/protocol/frames/frame.ts';
import { LIMITS } from '../../src/protocol/limits.ts';
import { bundleForPage, loadPage, openPage } from './chromium.ts';
import { useBrowser } from './fixture.ts';
import type { Harness } from './harness.ts';

const programs: Client[] = [];
// Before the server of the fixture ends.
after(() => Promise.all(programs.map((program) => program.close())));
const fixture = useBrowser();
const { options } = fixture;
let script: string;
before(async () => {
  script = await bundleForPage("import './test/browser/page/harness.ts';");
});

type Called<F> = F extends (...args: infer Args) => infer Result
  ? { args: Args; result: Awaited<Result> }
  : never;

/** Calls the harness in a page, once its script has run. */
async function call<K extends keyof Harness>(
  page: Page,
  name: K,
  ...args: Called<Harness[K]>['args']
): Promise<Called<Harness[K]>['result']> {
  await page.waitForFunction("typeof harness !== 'undefined'");
  return page.evaluate(`harness.${name}(...${JSON.stringify(args)})`);
}

const origin = (host = 'localhost') => `https://${host}:${fixture.server.port}`;

async function newPage(context?: BrowserContext): Promise<Page> {
  return openPage(context ?? (await fixture.browser.newContext()), origin(), script);
}

/** A device in this process, over HTTP/2. */
async function node(deviceId: string): Promise<Client> {
  const { url, domain, noise_public: serverStatic } = fixture.server.ready;
  const store = new MemoryDeviceStore(createDevice({ deviceId }));
  const reconnect = { initialDelay: 20, maxDelay: 200 };
  const program = await connect({ url, ca: fixture.server.ca, domain, serverStatic, store, reconnect });
  programs.push(program);
  return program;
}

async function take(client: Client, count: number): Promise<string[]> {
  const texts: string[] = [];
  for await (const message of client.messages()) {
    texts.push(message.text);
    message.ack();
    if (texts.length === count) break;
  }
  return texts;
}

const lines = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name} ${i}`);

test(
  'given a page and a program, when both write, then each gets the lines of the other in order',
  options,
  async () => {
    const page = await newPage();
    await call(page, 'open', { name: 'chat-page' });
    const program = await node('chat-node');
    await call(page, 'join', 5, 'chat-node');
    await program.join(5, { members: ['chat-page'] });
    await Promise.all([
      call(page, 'send', 5, ...lines('page', 100)),
      Promise.all(lines('node', 100).map((line) => program.send(5, line))),
    ]);
    assert.deepEqual(await take(program, 100), lines('page', 100));
    assert.deepEqual(await call(page, 'texts', 100), lines('node', 100));
    await call(page, 'close');
    assert.deepEqual((await call(page, 'events', 'closed by itself')).slice(-1), ['closed by itself']);
  },
);

test(
  'given the largest frame, when a page sends and receives it, then it arrives; one byte more is refused here',
  options,
  async () => {
    const page = await newPage();
    await call(page, 'open', { name: 'large-page' });
    const program = await node('large-node');
    await call(page, 'join', 5, 'large-node');
    await program.join(5, { members: ['large-page'] });
    const length = 65_000 + LIMITS.MAX_RECORD_PLAINTEXT - frameLength(5, LIMITS.MAX_SEQUENCE, 65_000);
    assert.equal(await call(page, 'sendBytes', 5, length), 'stored');
    assert.equal(await call(page, 'sendBytes', 5, length + 1), 'CLIENT_TOO_LARGE');
    assert.equal((await take(program, 1))[0]?.length, length);
    await program.send(5, new Uint8Array(length));
    assert.deepEqual(await call(page, 'texts', 1), [`${length} bytes`]);
  },
);

test(
  'given a server that is killed, when it comes back, then what was written meanwhile arrives once and in order',
  options,
  async () => {
    const page = await newPage();
    await call(page, 'open', { name: 'crash-page' });
    const program = await node('crash-node');
    await call(page, 'join', 5, 'crash-node');
    await program.join(5, { members: ['crash-page'] });
    await call(page, 'send', 5, 'before');
    await fixture.server.kill();
    await call(page, 'events', 'CLIENT_TRANSPORT');
    const written = Promise.all([
      call(page, 'send', 5, ...lines('page', 30)),
      ...lines('node', 30).map((line) => program.send(5, line)),
    ]);
    await fixture.server.start();
    await written;
    assert.deepEqual(await take(program, 31), ['before', ...lines('page', 30)]);
    assert.deepEqual(await call(page, 'texts', 30), lines('node', 30));
    assert.ok((await call(page, 'events', 'resumed')).includes('resumed'));
  },
);

test(
  'given a server that stops in order, when it tells the page so, then the page comes back with the next one',
  options,
  async () => {
    const page = await newPage();
    await call(page, 'open', { name: 'drained-page' });
    assert.equal(await fixture.server.stop(), 0);
    await call(page, 'events', 'CLIENT_DISCONNECTED');
    await fixture.server.start();
    const [first, told, reason] = await call(page, 'events', 'resumed');
    assert.deepEqual(
      [first, told, reason],
      ['connected', 'error CLIENT_DISCONNECTED', 'CLIENT_DISCONNECTED'],
    );
  },
);

test(
  'given a page that is closed, when mail comes and the page opens again, then it is the same device and gets the mail',
  options,
  async () => {
    const context = await fixture.browser.newContext();
    const first = await newPage(context);
    const key = await call(first, 'open', { name: 'offline-page' });
    const program = await node('offline-node');
    await call(first, 'join', 5, 'offline-node');
    await program.join(5, { members: ['offline-page'] });
    await program.send(5, 'while it is there');
    await call(first, 'texts', 1);
    await first.close();
    for (const line of lines('mail', 5)) await program.send(5, line);
    const second = await newPage(context);
    assert.equal(await call(second, 'open', { name: 'offline-page' }), key);
    // A page that is closed has no time to confirm what it has just read: that line may come again.
    const texts = await call(second, 'textsUntil', 'mail 4');
    assert.deepEqual(
      texts.filter((text) => text !== 'while it is there'),
      lines('mail', 5),
    );
  },
);

test(
  'given a page that is reloaded, when it opens its device again, then the key is the one from before',
  options,
  async () => {
    const page = await newPage();
    const key = await call(page, 'open', { name: 'reload-page' });
    await call(page, 'close');
    await loadPage(page, origin(), script);
    assert.equal(await call(page, 'open', { name: 'reload-page' }), key);
    assert.deepEqual(await call(page, 'events', 'connected'), ['connected']);
  },
);

test(
  'given a stored device, when somebody looks into IndexedDB, then its private key is encrypted under a key that is not handed out',
  options,
  async () => {
    const page = await newPage();
    const key = await call(page, 'open', { name: 'sealed-page' });
    await call(page, 'close');
    const { text, extractable, exported } = await call(page, 'stored', 'sealed-page');
    assert.ok(text.includes(key), 'the public key is there');
    assert.ok(!text.includes('private_key'));
    assert.deepEqual([extractable, exported], [false, 'InvalidAccessError']);
  },
);

test(
  'given a device store, when it is used, damaged and emptied, then it keeps exactly what it was given or says what is wrong',
  options,
  async () => {
    const page = await newPage();
    assert.deepEqual(await call(page, 'exerciseStore'), {
      empty: 'undefined',
      kept: '{"device":"Zoë","sequence":4096,"processed":17,"authority":32}',
      key: 'same',
      other: 'undefined',
      damaged: 'CLIENT_STORE',
      foreign: 'CLIENT_STORE',
      removed: 'undefined',
    });
  },
);

test(
  'given a browser that closes the database behind the page, when more than a window of messages comes, then each is kept and confirmed without an error',
  options,
  async () => {
    const page = await newPage();
    await call(page, 'open', { name: 'closing-page' });
    const program = await node('closing-node');
    await call(page, 'join', 5, 'closing-node');
    await program.join(5, { members: ['closing-page'] });
    const sent: string[] = [];
    let closed = 0;
    for (let round = 0; round < 10; round += 1) {
      const batch = lines(`round ${round}`, 60);
      sent.push(...batch);
      const arrived = Promise.all(batch.map((line) => program.send(5, line)));
      closed += await call(page, 'closeDatabases');
      await arrived;
    }
    assert.deepEqual(await call(page, 'texts', sent.length), sent);
    assert.ok(closed > 1, `${closed} handles`);
    await call(page, 'closeDatabases');
    await program.send(5, 'the last one');
    await call(page, 'textsUntil', 'the last one');
    assert.deepEqual(await call(page, 'events', 'connected'), ['connected']);
    await call(page, 'close');
    // What was confirmed is in the store: nothing comes again.
    const again = await newPage(page.context());
    await call(again, 'open', { name: 'closing-page' });
    await program.send(5, 'behind it');
    assert.deepEqual(await call(again, 'textsUntil', 'behind it'), ['behind it']);
  },
);

test(
  'given a server that stands still, when the page has asked in vain, then it gives the connection up and comes back later',
  options,
  async () => {
    const page = await newPage();
    await call(page, 'open', { name: 'heartbeat-page', heartbeatMs: 300, heartbeatTimeoutMs: 500 });
    process.kill(fixture.server.ready.pid, 'SIGSTOP');
    try {
      await call(page, 'events', 'CLIENT_TIMEOUT');
    } finally {
      process.kill(fixture.server.ready.pid, 'SIGCONT');
    }
    await call(page, 'events', 'resumed');
    // The same with a server that answers: the connection stays.
    const events = await call(page, 'events', 'resumed');
    await page.waitForTimeout(1500);
    assert.deepEqual(await call(page, 'events', 'resumed'), events);
  },
);

test(
  'given an application that reads nothing, when more comes than the window holds, then nothing is lost and nothing is confirmed before its time',
  options,
  async () => {
    const page = await newPage();
    await call(page, 'open', { name: 'slow-page', reads: false });
    const program = await node('slow-node');
    await call(page, 'join', 5, 'slow-node');
    await program.join(5, { members: ['slow-page'] });
    const sent = lines('line', 600);
    await Promise.all(sent.map((line) => program.send(5, line)));
    await call(page, 'read');
    assert.deepEqual(await call(page, 'texts', 600), sent);
  },
);

test(
  'given a page of another origin, when it connects, then it may: what protects a device is its key',
  options,
  async () => {
    const page = await openPage(await fixture.browser.newContext(), origin('127.0.0.1'), script);
    await call(page, 'open', { name: 'elsewhere-page', url: origin() });
    assert.deepEqual(await call(page, 'events', 'connected'), ['connected']);
  },
);
