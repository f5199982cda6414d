import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectMode } from './connect-mode.ts';

const cases: readonly (readonly [string, Record<string, string>, string])[] = [
  ['', {}, 'binary'],
  ['mode=EventStream', {}, 'sse'],
  ['x=1&TRANSPORT=poll', {}, 'long-poll'],
  ['mode=unknown&mode=sse', {}, 'sse'],
  ['mode=unknown', {}, 'binary'],
  ['mode', { 'x-connect-mode': 'ws' }, 'websocket'],
  ['mode=s%73e', {}, 'binary'],
  ['mode=sse=1', {}, 'binary'],
  ['', { 'x-connect-mode': 'longpoll' }, 'long-poll'],
  ['', { 'x-commucat-connect-mode': ' SSE' }, 'sse'],
  [
    '',
    { 'x-connect-mode': 'nonsense', 'x-commucat-connect-mode': 'stream', accept: 'text/event-stream' },
    'binary',
  ],
  ['', { accept: 'text/html, Text/Event-Stream' }, 'sse'],
  ['', { accept: 'text/event-stream;q=0.9' }, 'binary'],
  ['mode=stream', { 'x-connect-mode': 'sse' }, 'binary'],
  ['', { upgrade: 'WebSocket', connection: 'keep-alive, Upgrade' }, 'websocket'],
  ['', { upgrade: 'websocket', connection: 'keep-alive' }, 'binary'],
  ['', { upgrade: 'websocket', connection: 'upgrade', accept: 'text/event-stream' }, 'websocket'],
  ['mode=sse', { upgrade: 'websocket', connection: 'upgrade' }, 'sse'],
];

for (const [query, headers, expected] of cases) {
  test(`given ?${query} and ${JSON.stringify(headers)}, when the mode is looked for, then it is ${expected}`, () => {
    assert.equal(connectMode({ query, headers }), expected);
  });
}
