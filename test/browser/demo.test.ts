import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { inviteGuest, say, sees } from './demo-page.ts';
import { useBrowser } from './fixture.ts';

const fixture = useBrowser();
const { options } = fixture;

const address = () => `https://localhost:${fixture.server.port}/demo`;

async function newPage(): Promise<Page> {
  const page = await (await fixture.browser.newContext()).newPage();
  page.setDefaultTimeout(20_000);
  return page;
}

test(
  'given two tabs, when they write to each other, then each shows the words of the other, also after a reload and a crash of the server',
  options,
  async () => {
    const host = await newPage();
    const complaints: string[] = [];
    host.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    host.on('pageerror', (error) => complaints.push(error.message));
    await host.goto(address());
    const guest = await inviteGuest(host);
    assert.ok(!guest.url().includes('#'), 'the key of the conversation is out of the address bar');
    await say(guest, 'hello from the guest');
    await sees(host, 'hello from the guest');
    await say(host, 'hello from the host');
    await sees(guest, 'hello from the host');
    assert.deepEqual(complaints, []);
    await guest.reload();
    await sees(guest, 'hello from the host');
    await say(host, 'after the reload');
    await sees(guest, 'after the reload');
    await fixture.server.kill();
    await say(host, 'while the server is away');
    await fixture.server.start();
    await sees(guest, 'while the server is away');
  },
);

test(
  'given an invitation that was used, when somebody else opens it, then the device stays whose it is',
  options,
  async () => {
    const host = await newPage();
    await host.goto(address());
    await host.getByRole('link', { name: 'Open the second tab' }).waitFor();
    const invitation = (await host.locator('#open').getAttribute('href')) ?? '';
    await inviteGuest(host);
    const stranger = await newPage();
    await stranger.goto(invitation);
    await stranger.locator('#status[data-state=closed]').waitFor();
    assert.match((await stranger.locator('#status').textContent()) ?? '', /belongs to another key/);
  },
);

test(
  'given the page, when its headers are read, then no foreign script can run in it and no type is guessed',
  options,
  async () => {
    const page = await newPage();
    const seen = new Map<string, Record<string, string>>();
    page.on('response', (response) => seen.set(new URL(response.url()).pathname, response.headers()));
    await page.goto(address(), { waitUntil: 'networkidle' });
    const types = ['/demo', '/demo/chat.css', '/demo/chat.js'].map(
      (path) => seen.get(path)?.['content-type'],
    );
    assert.deepEqual(types, [
      'text/html; charset=utf-8',
      'text/css; charset=utf-8',
      'text/javascript; charset=utf-8',
    ]);
    const headers = seen.get('/demo') ?? {};
    assert.match(headers['content-security-policy'] ?? '', /^default-src 'none'; script-src 'self';/);
    assert.equal(headers['x-content-type-options'], 'nosniff');
  },
);
