import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { HttpAnswer } from '../../src/gateway/index.ts';

/** What `npm run build` makes of examples/browser-chat, seen from the built command and from the source. */
const FOLDERS = ['../../demo/', '../../dist/demo/'].map((path) => new URL(path, import.meta.url));

const FILES = [
  { path: '/demo', file: 'index.html', type: 'text/html; charset=utf-8' },
  { path: '/demo/', file: 'index.html', type: 'text/html; charset=utf-8' },
  { path: '/demo/chat.css', file: 'chat.css', type: 'text/css; charset=utf-8' },
  { path: '/demo/chat.js', file: 'chat.js', type: 'text/javascript; charset=utf-8' },
] as const;

/** Nothing but the page's own files and this server, and no other page around it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': POLICY,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;

/** The pages below `/demo`, read once: no path of a request ever becomes one of a file. */
export function demoPages(): ReadonlyMap<string, HttpAnswer> {
  const folder = FOLDERS.find((url) => existsSync(fileURLToPath(url)));
  if (folder === undefined) return new Map([['/demo', unbuilt()]]);
  return new Map(
    FILES.map(({ path, file, type }) => {
      const body = readFileSync(new URL(file, folder), 'utf8');
      return [path, { status: 200, headers: { ...HEADERS, 'content-type': type }, body }];
    }),
  );
}

function unbuilt(): HttpAnswer {
  const headers = { ...HEADERS, 'content-type': 'text/plain; charset=utf-8' };
  return { status: 503, headers, body: 'The page is not built: npm run build\n' };
}
