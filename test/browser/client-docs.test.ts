import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { connect, createDevice, MemoryDeviceStore } from '../../src/client/index.ts';
import { bundleForPage, openPage } from './chromium.ts';
import { useBrowser } from './fixture.ts';

const fixture = useBrowser();
const { options } = fixture;

test(
  'given the browser example of docs/client.md, when it runs in a page, then it talks to a program',
  options,
  async () => {
    const docs = readFileSync(new URL('../../docs/client.md', import.meta.url), 'utf8');
    const code = docs.match(/```ts\n\/\/ example: browser\n([\s\S]*?)```/)?.[1];
    assert.ok(code, 'the page has no example browser');
    const { url, domain, noise_public: serverStatic } = fixture.server.ready;
    const store = new MemoryDeviceStore(createDevice({ deviceId: 'erin-laptop' }));
    await using erin = await connect({ url, ca: fixture.server.ca, domain, serverStatic, store });
    await erin.join(7, { members: ['dave-browser'] });
    const script = await bundleForPage(code);
    const page = await openPage(
      await fixture.browser.newContext(),
      `https://localhost:${fixture.server.port}`,
      script,
    );
    for await (const message of erin.messages()) {
      assert.equal(message.text, 'hello from a browser');
      message.ack();
      break;
    }
    await erin.send(7, 'hello from a program');
    await page.getByText('hello from a program').waitFor({ timeout: 30_000 });
  },
);
