import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { Scheduler } from '../../../../test/kit/scheduler.ts';
import { clientFrame, ServerFrames } from '../../../../test/kit/websocket-frames.ts';
import { WebSocketTransport } from './websocket-transport.ts';

const [BINARY, CLOSE, PING, PONG] = [0x2, 0x8, 0x9, 0xa];

/** A connection whose other end is the test: writes wait until it takes them. */
class Connection extends Duplex {
  readonly #frames = new ServerFrames();
  readonly sent: string[] = [];
  ended = false;
  stuck = false;
  #waiting: (() => void)[] = [];

  override _read(): void {}

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    const take = () => {
      for (const { opcode, payload } of this.#frames.push(chunk)) this.sent.push(said(opcode, payload));
      done();
    };
    if (this.stuck) this.#waiting.push(take);
    else take();
  }

  override _final(done: () => void): void {
    this.ended = true;
    done();
  }

  /** The peer takes everything that waits. */
  drain(): void {
    this.stuck = false;
    for (const take of this.#waiting.splice(0)) take();
  }
}

function said(opcode: number, payload: Buffer): string {
  if (opcode === CLOSE) {
    return payload.length === 0 ? 'close' : `close ${payload.readUInt16BE()} ${payload.subarray(2)}`;
  }
  if (opcode === PING) return `ping ${payload.readUInt32BE()}`;
  return `${opcode === PONG ? 'pong' : opcode} ${payload}`;
}

function setUp() {
  const clock = new Scheduler();
  const stream = new Connection();
  const heard: string[] = [];
  const transport = new WebSocketTransport({
    stream,
    clock,
    cut: () => {
      heard.push('cut');
      stream.destroy();
    },
    onTextDropped: () => heard.push('dropped'),
  });
  transport.attach({
    onData: (chunk) => heard.push(`data ${Buffer.from(chunk)}`),
    onEnd: () => heard.push('end'),
    onClosed: (reason) => heard.push(`closed ${reason}`),
  });
  const receive = async (opcode: number, payload: Uint8Array | string): Promise<void> => {
    stream.push(clientFrame(opcode, payload));
    await clock.settle();
  };
  return { clock, stream, heard, transport, receive };
}

const number = (value: number) => Buffer.from([0, 0, 0, value]);

test('given a peer that answers no ping, when the next one is due, then it is gone', async () => {
  const { clock, heard, stream } = setUp();
  await clock.advance(30_000);
  assert.deepEqual([stream.sent, heard], [['ping 1'], []]);
  await clock.advance(30_000);
  assert.deepEqual(heard, ['closed no_pong', 'cut']);
});

test('given a peer that answers, when a day passes, then it is still here', async () => {
  const { clock, heard, receive, stream } = setUp();
  for (let ping = 1; ping <= 200; ping += 1) {
    await clock.advance(30_000);
    assert.equal(stream.sent.at(-1), `ping ${ping}`);
    await receive(PONG, number(ping));
  }
  assert.deepEqual(heard, []);
});

test('given a peer that we do not read, when it cannot answer, then that is not its fault', async () => {
  const { clock, heard, receive, transport } = setUp();
  await clock.advance(30_000);
  transport.pause();
  await clock.advance(300_000);
  assert.deepEqual(heard, []);
  transport.resume();
  await receive(PONG, number(1));
  await clock.advance(30_000);
  assert.deepEqual(heard, []);
});

test('given a peer that pings and takes nothing, when it reads again, then it gets the pong of its last ping', async () => {
  const { clock, receive, stream } = setUp();
  stream.stuck = true;
  for (let ping = 1; ping <= 900; ping += 1) await receive(PING, `${ping}`);
  assert.equal(stream.writableLength, 2 + 1, 'one pong waits');
  stream.drain();
  await clock.settle();
  assert.deepEqual(stream.sent, ['pong 1', 'pong 900']);
});

test('given a question, when a pong answers it or a later ping, then the peer has everything', async () => {
  const { receive, stream, transport } = setUp();
  const answers: string[] = [];
  transport.confirm((received) => answers.push(`first ${received}`));
  transport.confirm((received) => answers.push(`second ${received}`));
  await receive(PONG, number(3));
  await receive(PONG, number(0));
  await receive(PONG, 'five!');
  assert.deepEqual(answers, [], 'these pings were never sent');
  await receive(PONG, number(2));
  assert.deepEqual(answers, ['first true', 'second true']);
  await receive(PONG, number(1));
  assert.deepEqual([answers.length, stream.sent], [2, ['ping 1', 'ping 2']]);
});

test('given chunks, when they are written, then a message each, in one write, and taken when it is', async () => {
  const { clock, stream, transport } = setUp();
  stream.stuck = true;
  let taken = 0;
  transport.write([Buffer.from('one'), Buffer.from('two')], () => {
    taken += 1;
  });
  await clock.settle();
  assert.deepEqual([taken, stream.sent], [0, []]);
  stream.drain();
  await clock.settle();
  assert.deepEqual([taken, stream.sent], [1, ['2 one', '2 two']]);
});

test('given an end of ours, when the peer answers it, then the connection ends and nothing more is heard', async () => {
  const { heard, receive, stream, transport } = setUp();
  transport.end('replaced');
  transport.end('replaced');
  transport.write([Buffer.from('late')], assert.fail);
  transport.confirm((received) => heard.push(`confirmed ${received}`));
  await receive(BINARY, 'late');
  assert.equal(stream.ended, false);
  await receive(CLOSE, Buffer.from([3, 240]));
  assert.equal(stream.ended, true);
  assert.deepEqual([stream.sent, heard], [['close 1008 replaced'], ['confirmed false']]);
});

test('given an end of ours, when the peer never answers it, then the connection is cut', async () => {
  const { clock, heard, transport } = setUp();
  transport.end('shutting_down');
  await clock.advance(9_999);
  assert.deepEqual(heard, []);
  await clock.advance(1);
  assert.deepEqual(heard, ['cut', 'closed undefined']);
});

test('given an end of the peer, when the session ends with it, then its code comes back and we end first', async () => {
  const { clock, heard, receive, stream, transport } = setUp();
  await receive(CLOSE, Buffer.concat([Buffer.from([3, 233]), Buffer.from('bye')]));
  assert.deepEqual([heard, stream.sent], [['end'], []]);
  // What was queued leaves before the close frame.
  transport.write([Buffer.from('last')], () => undefined);
  transport.end('client_closed');
  await clock.settle();
  assert.deepEqual([stream.sent, stream.ended], [['2 last', 'close 1001 '], true]);
});

test('given a peer that breaks the protocol, when it does, then both sides learn why, once', async () => {
  const { heard, receive, stream, transport } = setUp();
  await receive(0x3, 'x');
  transport.end('connection_lost');
  await receive(BINARY, 'late');
  assert.deepEqual(heard, ['closed websocket_protocol']);
  assert.deepEqual([stream.sent, stream.ended], [['close 1002 websocket_protocol'], true]);
});

test('given a connection that breaks, when it does, then it was lost and nobody is told why', async () => {
  const { clock, heard, stream } = setUp();
  stream.push(null);
  await clock.settle();
  assert.deepEqual([heard, stream.sent, stream.ended], [['closed undefined'], [], true]);
  stream.destroy();
  await clock.settle();
  await clock.advance(600_000);
  assert.deepEqual(heard, ['closed undefined']);
});

test('given text, when it is base64, then bytes; when it is not, then it is dropped; when it is empty, then nothing', async () => {
  const { heard, receive } = setUp();
  await receive(0x1, 'aGk=');
  await receive(0x1, '!');
  await receive(0x1, ' ');
  assert.deepEqual(heard, ['data hi', 'dropped']);
});

test('given frames that bring nothing, when there are too many within ten seconds, then the connection fails', async () => {
  const { clock, heard, receive, stream } = setUp();
  for (let round = 0; round < 2; round += 1) {
    stream.push(Buffer.concat(Array.from({ length: 1_000 }, () => clientFrame(PONG, ''))));
    await clock.settle();
    assert.deepEqual(heard, []);
    await clock.advance(10_000);
  }
  stream.push(Buffer.concat(Array.from({ length: 1_000 }, () => clientFrame(PONG, ''))));
  await receive(PING, '');
  assert.deepEqual([heard, stream.sent], [['closed websocket_flood'], ['close 1008 websocket_flood']]);
});
