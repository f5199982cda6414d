import { after, before } from 'node:test';
import type { Browser } from 'playwright-core';
import { ServerProcess } from '../kit/server-process.ts';
import { findChromium, launchChromium } from './chromium.ts';

/** What the tests of a file share. */
export interface BrowserFixture {
  /** For each of the tests: without a Chromium it is left out, and the output says why. */
  readonly options: { readonly timeout: number; readonly skip: string | false };
  readonly server: ServerProcess;
  /** It trusts the server's certificate. */
  readonly browser: Browser;
}

/** Starts a server and a browser before the tests of the file that calls it, and stops both behind them. */
export function useBrowser(): BrowserFixture {
  const executable = findChromium();
  let server: ServerProcess | undefined;
  let browser: Browser | undefined;
  before(async () => {
    if (executable === undefined) return;
    server = await ServerProcess.start();
    browser = await launchChromium(executable, server);
  });
  after(async () => {
    await browser?.close();
    await server?.[Symbol.asyncDispose]();
  });
  return {
    options: {
      timeout: 120_000,
      skip: executable === undefined ? 'this machine has no Chromium (COMMUCAT_CHROMIUM names one)' : false,
    },
    get server() {
      return started(server);
    },
    get browser() {
      return started(browser);
    },
  };
}

function started<T>(part: T | undefined): T {
  if (part === undefined) throw new Error('the fixture has not been started');
  return part;
}
