import assert from 'node:assert/strict';
import type { webcrypto } from 'node:crypto';
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
    const envelope = docs.match(/```ts\n\/\/ file: envelope.ts\n([\s\S]*?)```/)?.[1];
    assert.ok(code !== undefined && envelope !== undefined, 'the page has no example browser');
    const secret = crypto.getRandomValues(new Uint8Array(32));
    const key = await crypto.subtle.importKey('raw', secret, 'AES-GCM', false, ['encrypt', 'decrypt']);
    const { url, domain, noise_public: serverStatic } = fixture.server.ready;
    const store = new MemoryDeviceStore(createDevice({ deviceId: 'erin-laptop' }));
    await using erin = await connect({ url, ca: fixture.server.ca, domain, serverStatic, store });
    await erin.join(7, { members: ['dave-browser'] });
    const script = await bundleForPage(code, { './envelope.ts': envelope });
    const page = await openPage(
      await fixture.browser.newContext(),
      `https://localhost:${fixture.server.port}`,
      script,
      `#${Buffer.from(secret).toString('base64')}`,
    );
    for await (const message of erin.messages()) {
      const { from, body } = await opened(key, message.payload);
      assert.deepEqual([from, body], ['dave-browser', 'hello from a browser']);
      message.ack();
      break;
    }
    await erin.send(7, await sealed(key, { from: 'erin-laptop', body: 'hello from a program' }));
    await page.getByText('erin-laptop: hello from a program').waitFor({ timeout: 30_000 });
  },
);

/** An envelope as the page describes it, read by other code than the page's. */
async function opened(key: webcrypto.CryptoKey, bytes: Uint8Array): Promise<{ from: string; body: string }> {
  const algorithm = { name: 'AES-GCM', iv: bytes.slice(0, 12) };
  return JSON.parse(Buffer.from(await crypto.subtle.decrypt(algorithm, key, bytes.slice(12))).toString());
}

async function sealed(key: webcrypto.CryptoKey, envelope: object): Promise<Uint8Array> {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const plaintext = Buffer.from(JSON.stringify(envelope));
  return Buffer.concat([
    iv,
    Buffer.from(await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, key, plaintext)),
  ]);
}
