// Writes docs/images/browser-chat.png, the picture in the README: two tabs of `commucat dev`'s /demo. Needs Chromium, and
// `npm run build` before.
import { writeFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { findChromium, launchChromium } from '../test/browser/chromium.ts';
import { inviteGuest, say, sees } from '../test/browser/demo-page.ts';
import { ServerProcess } from '../test/kit/server-process.ts';

const PICTURE = new URL('../docs/images/browser-chat.png', import.meta.url);
const WINDOW = { width: 400, height: 670 };
const SCALE = 1.5;
const MOST_BYTES = 200_000;

const executable = findChromium();
if (executable === undefined) throw new Error('this machine has no Chromium (COMMUCAT_CHROMIUM names one)');
await using server = await ServerProcess.start();
const browser = await launchChromium(executable, server);
try {
  const picture = await sideBySide(browser, await chat(browser));
  if (picture.length > MOST_BYTES) throw new Error(`the picture has ${picture.length} bytes`);
  writeFileSync(PICTURE, picture);
  process.stdout.write(`${PICTURE.pathname}: ${picture.length} bytes\n`);
} finally {
  await browser.close();
}

async function chat(opened: Browser): Promise<readonly Page[]> {
  const context = await opened.newContext({ viewport: WINDOW, deviceScaleFactor: SCALE });
  const host = await context.newPage();
  await host.goto(`https://localhost:${server.port}/demo`);
  const guest = await inviteGuest(host);
  await guest.emulateMedia({ colorScheme: 'dark' });
  const lines: readonly [Page, Page, string][] = [
    [guest, host, 'That was quick. Who can read this?'],
    [host, guest, 'You and me. The server relays bytes that it has no key for.'],
    [guest, host, 'And if I close this tab?'],
    [host, guest, 'Then my words wait for you, in order, until you have confirmed them.'],
    [guest, host, 'Even when the server is killed meanwhile?'],
    [host, guest, 'Try it: ✓ stored means that they are on its disk.'],
  ];
  for (const [from, to, text] of lines) {
    await say(from, text);
    await sees(to, text);
    await from.locator('#log .mine small', { hasText: 'stored' }).last().waitFor();
  }
  return [host, guest];
}

async function sideBySide(opened: Browser, pages: readonly Page[]): Promise<Buffer> {
  const images: string[] = [];
  for (const page of pages) {
    const shot = await page.screenshot({ animations: 'disabled' });
    images.push(`<img width="${WINDOW.width}" src="data:image/png;base64,${shot.toString('base64')}">`);
  }
  const viewport = { width: WINDOW.width * pages.length, height: WINDOW.height };
  const context = await opened.newContext({ viewport, deviceScaleFactor: SCALE });
  const page = await context.newPage();
  await page.setContent(`<body style="margin:0;display:flex">${images.join('')}`);
  return page.screenshot();
}
