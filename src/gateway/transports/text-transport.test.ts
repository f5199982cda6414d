import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FRAME } from '../../protocol/frames/frame-types.ts';
import type { ConnectMode } from './connect-mode.ts';
import { textModeOf } from './text-mode.ts';
import { TextTransport } from './text-transport.ts';
import type { Transport } from './transport.ts';

function under(written: string[]): Transport {
  return {
    framing: 'stream',
    attach: () => undefined,
    write: (chunks, taken) => {
      written.push(chunks.map((chunk) => Buffer.from(chunk).toString()).join('|'));
      taken();
    },
    keepalive: () => false,
    confirm: (done) => done(true),
    end: (reason) => written.push(`end ${reason}`),
    reset: () => written.push('reset'),
    pause: () => written.push('pause'),
    resume: () => written.push('resume'),
  };
}

function transportOf(mode: ConnectMode, written: string[]): TextTransport {
  return new TextTransport(under(written), textModeOf(mode) ?? assert.fail());
}

const LABELS = [
  { type: FRAME.MSG, channel: 9, sequence: 3 },
  { type: FRAME.GROUP_EVENT, channel: 0, sequence: 4_294_967_295 },
];
const CHUNKS = [Buffer.from('hi'), Buffer.alloc(0)];

test('given SSE, when two frames are written, then one write of two events behind the opening', () => {
  const written: string[] = [];
  const transport = transportOf('sse', written);
  let taken = 0;
  const onTaken = () => {
    taken += 1;
  };
  transport.write(CHUNKS, onTaken, LABELS);
  assert.equal(taken, 1);
  assert.equal(transport.keepalive(onTaken), true);
  assert.deepEqual(written, [
    ':ready\n\n',
    'event: frame\nid: 3\ndata: aGk=\n\nevent: frame\nid: 4294967295\ndata: \n\n',
    ':keepalive\n\n',
  ]);
});

test('given NDJSON, when two frames are written, then one write of two lines', () => {
  const written: string[] = [];
  const transport = transportOf('long-poll', written);
  transport.write(CHUNKS, () => undefined, LABELS);
  transport.keepalive(() => undefined);
  transport.end('replaced');
  assert.deepEqual(written, [
    '{"channel":9,"data":"aGk=","sequence":3,"type":"msg"}\n{"channel":0,"data":"","sequence":4294967295,"type":"group_event"}\n',
    '{"keepalive":true}\n',
    'end replaced',
  ]);
});

test('given a chunk without a label, when it is written, then that is our mistake', () => {
  assert.throws(() => transportOf('sse', []).write(CHUNKS, () => undefined, LABELS.slice(1)), /label/);
});

test('given modes of bytes, when their text is asked for, then there is none', () => {
  assert.deepEqual([textModeOf('binary'), textModeOf('websocket')], [undefined, undefined]);
});
