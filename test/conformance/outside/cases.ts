import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8 } from '../../../src/protocol/bytes.ts';
import { encodeFrame } from '../../../src/protocol/frames/frame.ts';
import { FRAME } from '../../../src/protocol/frames/frame-types.ts';
import { bytes, type Door, ndjson, sse } from '../../kit/doors.ts';
import { type ServerAddress, WireClient } from '../../kit/wire-client.ts';
import { processDoor } from './process-door.ts';
import { findTool, runTool, type Tool } from './tool.ts';

export interface OutsideCase {
  readonly tool: Tool;
  readonly name: string;
  readonly expected: string;
  /** What the tool said or did, in the words of `expected`. */
  readonly run: (server: OutsideServer) => Promise<string>;
}

export interface OutsideServer extends ServerAddress {
  readonly caFile: string;
}

const PYTHON = '/usr/bin/python3';
const BRIDGE = new URL('websocket-bridge.py', import.meta.url).pathname;

const curl = findTool('curl', 'curl', 'curl', ['--version']);
const nghttp = findTool('nghttp', 'nghttp2-client', 'nghttp', ['--version']);
const h2load = findTool('h2load', 'nghttp2-client', 'h2load', ['--version']);
const openssl = findTool('openssl', 'openssl', 'openssl', ['version']);
const python = findTool('websockets (Python)', 'python3-websockets', PYTHON, [
  '-c',
  'import websockets; print(websockets.__version__)',
]);
const chromium = findTool('chromium', 'chromium', 'chromium', ['--version']);

const CHAT = 'handshake; both ways: hello outside, hello inside; logout: clean';

/** A whole session through the tool: handshake, a message each way with a client of ours, logout. */
async function chat(server: OutsideServer, door: Door): Promise<string> {
  const name = door.name.replaceAll(/\W+/g, '-').toLowerCase();
  const inside = await WireClient.connect(server, `inside-${name}`);
  const outside = await WireClient.connect(server, `outside-${name}`, { door });
  try {
    const members = [inside.device, outside.device];
    await inside.join(5, members);
    await outside.join(5, members);
    await inside.say(5, 'hello outside');
    const first = await outside.hear();
    await outside.say(5, 'hello inside');
    const second = await inside.hear();
    outside.stream.end();
    await outside.end();
    return `handshake; both ways: ${first}, ${second}; logout: clean`;
  } finally {
    inside.close();
    outside.close();
  }
}

function curlDoor(name: string, mode: Door['mode'], version: string, query: string): Door {
  const decoder = mode === 'sse' ? sse : mode === 'long-poll' ? ndjson : bytes;
  const door = (caFile: string): Door =>
    processDoor(name, mode, decoder, (port) => [
      'curl',
      '--silent',
      '--no-buffer',
      version,
      '--cacert',
      caFile,
      '--request',
      'POST',
      '--header',
      'Expect:',
      '--upload-file',
      '.',
      `https://localhost:${port}/connect${query}`,
    ]);
  return { name, mode, open: (server) => door((server as OutsideServer).caFile).open(server) };
}

function pythonDoor(kind: 'binary' | 'text'): Door {
  const name = `python websockets ${kind}`;
  const door = (caFile: string): Door =>
    processDoor(name, 'websocket', bytes, (port) => [
      PYTHON,
      BRIDGE,
      `wss://localhost:${port}/connect`,
      caFile,
      kind,
    ]);
  return { name, mode: 'websocket', open: (server) => door((server as OutsideServer).caFile).open(server) };
}

const CHATS: readonly OutsideCase[] = [
  ...(
    [
      ['binary', 'binary', ''],
      ['SSE', 'sse', '?mode=sse'],
      ['NDJSON', 'long-poll', '?mode=poll'],
    ] as const
  ).flatMap(([label, mode, query]) =>
    (['--http2', '--http1.1'] as const).map((version) => {
      const name = `${label} session, ${version === '--http2' ? 'HTTP/2' : 'HTTP/1.1'}`;
      const door = curlDoor(`curl ${name}`, mode, version, query);
      return { tool: curl, name, expected: CHAT, run: (server: OutsideServer) => chat(server, door) };
    }),
  ),
  ...(['binary', 'text'] as const).map((kind) => ({
    tool: python,
    name: `WebSocket session, ${kind} messages upstream`,
    expected: CHAT,
    run: (server: OutsideServer) => chat(server, pythonDoor(kind)),
  })),
];

function get(version: string, path: string, format: string): OutsideCase['run'] {
  return async (server) => {
    const args = ['--silent', version, '--cacert', server.caFile, '--output', '/dev/null'];
    const url = `https://localhost:${server.port}${path}`;
    return (await runTool('curl', [...args, '--write-out', format, url])).out;
  };
}

const PAGES: readonly OutsideCase[] = [
  {
    tool: curl,
    name: 'server-info, HTTP/2',
    expected: '2 200 application/json',
    run: get('--http2', '/api/server-info', '%{http_version} %{http_code} %{content_type}'),
  },
  {
    tool: curl,
    name: 'server-info, HTTP/1.1',
    expected: '1.1 200 application/json',
    run: get('--http1.1', '/api/server-info', '%{http_version} %{http_code} %{content_type}'),
  },
  {
    tool: curl,
    name: 'a path that does not exist',
    expected: '2 404 application/problem+json',
    run: get('--http2', '/nowhere', '%{http_version} %{http_code} %{content_type}'),
  },
  {
    tool: curl,
    name: 'GET /connect?mode=sse has no upstream: the session ends at once',
    expected: ':ready',
    async run({ caFile, port }) {
      const url = `https://localhost:${port}/connect?mode=sse`;
      return (await runTool('curl', ['--silent', '-N', '--cacert', caFile, url])).out.trim();
    },
  },
  {
    tool: openssl,
    name: 'ALPN h2 over TLS 1.3',
    expected: 'ALPN protocol: h2; TLSv1.3; Verify return code: 0 (ok)',
    async run({ caFile, port }) {
      const args = [
        's_client',
        '-connect',
        `127.0.0.1:${port}`,
        '-servername',
        'localhost',
        '-CAfile',
        caFile,
      ];
      const { out } = await runTool('openssl', [...args, '-alpn', 'h2,http/1.1']);
      const alpn = /ALPN protocol: \S+/.exec(out)?.[0];
      const verdict = /Verify return code: .*/.exec(out)?.[0];
      return `${alpn}; ${/TLSv[\d.]+/.exec(out)?.[0]}; ${verdict}`;
    },
  },
  {
    tool: chromium,
    name: 'shows server-info (the SDK in Chromium: npm run test:browser)',
    expected: 'a JSON document with the key domain',
    async run({ port }) {
      const flags = [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--ignore-certificate-errors',
        '--dump-dom',
      ];
      const { out } = await runTool('chromium', [...flags, `https://localhost:${port}/api/server-info`]);
      return /\{.*&?"?domain"?.*\}/s.test(out) ? 'a JSON document with the key domain' : out.slice(0, 200);
    },
  },
];

const NOT_A_HELLO = encodeFrame(FRAME.MSG, 1, 1, utf8('no handshake'));

const HTTP2: readonly OutsideCase[] = [
  {
    tool: nghttp,
    name: 'POST /connect with a frame that is no HELLO',
    expected: '200 application/octet-stream; an ERROR frame; END_STREAM',
    async run({ port }) {
      const folder = mkdtempSync(join(tmpdir(), 'commucat-outside-'));
      const file = join(folder, 'body');
      writeFileSync(file, NOT_A_HELLO);
      const args = ['--data', file, '--no-verify-peer', '--verbose', `https://localhost:${port}/connect`];
      const { out } = await runTool('nghttp', args);
      rmSync(folder, { recursive: true });
      const status = /:status: (\d+)/.exec(out)?.[1];
      const type = /content-type: (\S+)/.exec(out)?.[1];
      const error = out.includes('"error":"handshake"') ? 'an ERROR frame' : 'no ERROR frame';
      const end = /recv DATA frame <[^>]*flags=0x01/.test(out) ? 'END_STREAM' : 'no END_STREAM';
      return `${status} ${type}; ${error}; ${end}`;
    },
  },
  {
    tool: nghttp,
    name: 'SETTINGS: extended CONNECT (RFC 8441) is offered',
    expected: 'SETTINGS_ENABLE_CONNECT_PROTOCOL(0x08):1',
    async run({ port }) {
      const { out } = await runTool('nghttp', [
        '-nv',
        '--no-verify-peer',
        `https://localhost:${port}/healthz`,
      ]);
      return (
        /(?:SETTINGS_ENABLE_CONNECT_PROTOCOL|UNKNOWN)\(0x08\):\d/
          .exec(out)?.[0]
          .replace('UNKNOWN', 'SETTINGS_ENABLE_CONNECT_PROTOCOL') ?? 'not offered'
      );
    },
  },
  ...(['h2', 'http/1.1'] as const).map((version) => ({
    tool: h2load,
    name: `2000 requests over 8 connections, ${version}`,
    expected: '2000 done, 2000 succeeded, 0 failed, 0 errored',
    async run({ port }: OutsideServer) {
      const streams = version === 'h2' ? ['-m', '20'] : ['--h1'];
      const args = ['-n', '2000', '-c', '8', ...streams, `https://localhost:${port}/api/server-info`];
      const { out } = await runTool('h2load', args);
      return /\d+ done, \d+ succeeded, \d+ failed, \d+ errored/.exec(out)?.[0] ?? out.slice(-300);
    },
  })),
];

export const CASES: readonly OutsideCase[] = [...PAGES, ...CHATS, ...HTTP2];
