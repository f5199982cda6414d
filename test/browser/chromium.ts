import { createHash, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import type { ServerProcess } from '../kit/server-process.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const root = fileURLToPath(new URL('../..', import.meta.url));

/** The machine's Chromium: `COMMUCAT_CHROMIUM`, or the first in the path. Undefined when there is none. */
export function findChromium(): string | undefined {
  const folders = (process.env.PATH ?? '').split(':');
  const candidates = folders.flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return process.env.COMMUCAT_CHROMIUM ?? candidates.find(existsSync);
}

/** A browser that trusts the certificate of this server, and beyond that what every browser trusts. */
export function launchChromium(executablePath: string, server: ServerProcess): Promise<Browser> {
  const file = join(dirname(server.ready.ca_file), 'cert.pem');
  const { publicKey } = new X509Certificate(readFileSync(file));
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const hash = createHash('sha256').update(spki).digest('base64');
  return chromium.launch({
    executablePath,
    args: [`--ignore-certificate-errors-spki-list=${hash}`],
  });
}

/**
 * A script for a page: a module of this repository, with the SDK, in one file.
 *
 * @param beside content of modules that it imports, by the name that it imports them under
 */
export async function bundleForPage(
  contents: string,
  beside: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root, loader: 'ts' },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    alias: { 'commucat/client': join(root, 'src/client/browser/index.ts') },
    plugins: [modulesBeside(beside)],
    write: false,
    // The package says that its modules do nothing by themselves; a script of a page does.
    ignoreAnnotations: true,
  });
  return outputFiles[0]?.text ?? '';
}

function modulesBeside(modules: Readonly<Record<string, string>>): Plugin {
  return {
    name: 'beside',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^\.\// }, ({ path }) =>
        path in modules ? { path, namespace: 'beside' } : undefined,
      );
      onLoad({ filter: /./, namespace: 'beside' }, ({ path }) => ({
        contents: modules[path] ?? '',
        loader: 'ts',
      }));
    },
  };
}

/**
 * A page of the server, in which `script` runs. Any will do that sets no content security policy; one that only the test
 * answers would be a public one for Chromium, and such may not reach this machine.
 */
export async function openPage(
  context: BrowserContext,
  origin: string,
  script: string,
  fragment = '',
): Promise<Page> {
  const page = await context.newPage();
  await loadPage(page, origin, script, fragment);
  return page;
}

/** Loads the page, again too. */
export async function loadPage(page: Page, origin: string, script: string, fragment = ''): Promise<void> {
  await page.goto(`${origin}/healthz${fragment}`);
  await page.addScriptTag({ type: 'module', content: script });
}
