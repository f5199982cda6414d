// The stream of SSE, read as "9.2.6 Interpreting an event stream" of the HTML standard says.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { encodeFrame } from '../../src/protocol/frames/frame.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { Peer } from '../integration/gateway-peer.ts';
import { json, startGateway, type TestGateway } from '../integration/gateway-support.ts';
import { RawTls } from '../kit/raw-tls.ts';

const limits = { timeout: 20_000 };
let gateway: TestGateway;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway.close());

interface MessageEvent {
  readonly type: string;
  readonly data: string;
  readonly lastEventId: string;
}

/** The events that a browser would dispatch for a stream. */
function interpret(stream: string): readonly MessageEvent[] {
  const events: MessageEvent[] = [];
  let [data, type, lastEventId] = ['', '', ''];
  // An incomplete event at the end is not dispatched, and the line behind the last line end is none.
  for (const line of stream
    .replace(/^\ufeff/, '')
    .split(/\r\n|\n|\r/)
    .slice(0, -1)) {
    if (line === '') {
      if (data !== '') {
        events.push({ type: type === '' ? 'message' : type, data: data.slice(0, -1), lastEventId });
      }
      [data, type] = ['', ''];
      continue;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') type = value;
    else if (field === 'data') data += `${value}\n`;
    else if (field === 'id' && !value.includes('\0')) lastEventId = value;
  }
  return events;
}

test('given the interpreter, when it reads the examples of the standard, then it says what the standard says', () => {
  assert.deepEqual(interpret('data: YHOO\ndata: +2\ndata: 10\n\n'), [
    { type: 'message', data: 'YHOO\n+2\n10', lastEventId: '' },
  ]);
  assert.deepEqual(
    interpret(': test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n'),
    [
      { type: 'message', data: 'first event', lastEventId: '1' },
      { type: 'message', data: 'second event', lastEventId: '' },
    ],
  );
});

test(
  'given a handshake over HTTP/1.1, when its stream is interpreted, then each frame is an event',
  limits,
  async () => {
    // Only its HELLO is of use here.
    const helper = new Peer(gateway);
    const frame = encodeFrame(FRAME.HELLO, 0, 1, json(helper.helloJson));
    helper.close();
    const raw = new RawTls(gateway).write(
      `POST /connect HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    raw
      .write(`${frame.length.toString(16)}\r\n`)
      .write(frame)
      .write('\r\n');
    const { status, fields } = await raw.head();
    assert.deepEqual(
      [status, fields.get('content-type'), fields.get('cache-control'), fields.get('connection')],
      [200, 'text/event-stream', 'no-store', 'keep-alive'],
    );
    assert.deepEqual([fields.has('content-length'), fields.has('transfer-encoding')], [false, false]);
    // A frame that is no AUTH ends the handshake with an ERROR, and the stream with it.
    raw
      .write(`${frame.length.toString(16)}\r\n`)
      .write(frame)
      .write('\r\n');
    const stream = (await raw.rest()).toString('utf8');
    assert.ok(stream.startsWith(':ready\n\n'));
    const events = interpret(stream);
    assert.deepEqual(
      events.map(({ type, lastEventId }) => [type, lastEventId]),
      [
        ['frame', '1'],
        ['frame', '2'],
      ],
    );
    const [first, second] = events.map(({ data }) => Buffer.from(data, 'base64').toString('latin1'));
    assert.match(first ?? '', /"server_static"/);
    assert.match(second ?? '', /"error":"handshake"/);
  },
);
