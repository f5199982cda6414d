import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { connect, createDevice, MemoryDeviceStore } from '../../src/client/index.ts';
import { ServerProcess } from '../support/server-process.ts';
import { bundleForPage, findChromium, launchChromium, openPage } from './chromium.ts';

const executable = findChromium();
const options = {
  timeout: 120_000,
  skip: executable === undefined ? 'this machine has no Chromium (COMMUCAT_CHROMIUM names one)' : false,
};
let server: ServerProcess;
let browser: Browser;
before(async () => {
  if (executable === undefined) return;
  server = await ServerProcess.start();
  browser = await launchChromium(executable, server);
});
after(async () => {
  if (executable === undefined) return;
  await browser.close();
  await server[Symbol.asyncDispose]();
});

test(
  'given the browser example of docs/client.md, when it runs in a page, then it talks to a program',
  options,
  async () => {
    const docs = readFileSync(new URL('../../docs/client.md', import.meta.url), 'utf8');
    const code = docs.match(/```ts\n\/\/ example: browser\n([\s\S]*?)```/)?.[1];
    assert.ok(code, 'the page has no example browser');
    const { url, domain, noise_public: serverStatic } = server.ready;
    const store = new MemoryDeviceStore(createDevice({ deviceId: 'erin-laptop' }));
    await using erin = await connect({ url, ca: server.ca, domain, serverStatic, store });
    await erin.join(7, { members: ['dave-browser'] });
    const script = await bundleForPage(code);
    const page = await openPage(await browser.newContext(), `https://localhost:${server.port}`, script);
    for await (const message of erin.messages()) {
      assert.equal(message.text, 'hello from a browser');
      message.ack();
      break;
    }
    await erin.send(7, 'hello from a program');
    await page.getByText('hello from a program').waitFor({ timeout: 30_000 });
  },
);
