import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { ConnectionGuard, type ConnectionGuardParts } from './connection-guard.ts';

const ROOMY = {
  connections: 100,
  connectionsPerAddress: 100,
  halfOpen: 100,
  halfOpenPerAddress: 100,
  handshakes: 100,
  handshakesPerAddress: 100,
  sessions: 100,
  sessionsPerAddress: 100,
};

function setUp(limits: Partial<typeof ROOMY>, isProxy?: ConnectionGuardParts['isProxy']) {
  const reached: string[] = [];
  const options = isProxy === undefined ? {} : { isProxy };
  const guard = new ConnectionGuard({
    limits: { ...ROOMY, ...limits },
    reached: (limit) => reached.push(limit),
    ...options,
  });
  return { guard, reached };
}

let ports = 1000;

/** What the guard looks at of a socket. */
class Peer extends EventEmitter {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localPort = 443;
  destroyed = false;

  constructor(address: string) {
    super();
    ports += 1;
    this.remoteAddress = address;
    this.remotePort = ports;
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }

  get socket(): Socket {
    return this as unknown as Socket;
  }
}

test('given a limit per address, when one address opens more, then only that address is refused, and IPv6 counts by /64', () => {
  const { guard, reached } = setUp({ connectionsPerAddress: 2 });
  const admit = (address: string): boolean => guard.admit(new Peer(address).socket);
  assert.deepEqual([admit('192.0.2.1'), admit('192.0.2.1'), admit('192.0.2.1')], [true, true, false]);
  assert.equal(admit('::ffff:192.0.2.1'), false);
  assert.equal(admit('192.0.2.2'), true);
  assert.deepEqual(
    [admit('2001:db8::1'), admit('2001:db8::2'), admit('2001:db8::3'), admit('2001:db8:0:1::1')],
    [true, true, false, true],
  );
  assert.deepEqual(new Set(reached), new Set(['connectionsPerAddress']));
});

test('given connections that close, then there is room again and nothing is kept', () => {
  const { guard } = setUp({ connectionsPerAddress: 1, halfOpen: 1 });
  for (let round = 0; round < 5; round += 1) {
    const peer = new Peer('192.0.2.1');
    assert.equal(guard.admit(peer.socket), true);
    guard.settle(peer.socket);
    guard.settle(peer.socket);
    peer.destroy();
    assert.deepEqual(guard.figures, { connections: 0, halfOpen: 0, handshakes: 0, sessions: 0 });
  }
});

test('given half-open connections up to their limit, when one makes its request, then one more may come', () => {
  const { guard, reached } = setUp({ halfOpenPerAddress: 1 });
  const first = new Peer('192.0.2.1');
  assert.equal(guard.admit(first.socket), true);
  assert.equal(guard.admit(new Peer('192.0.2.1').socket), false);
  guard.settle(first.socket);
  assert.equal(guard.admit(new Peer('192.0.2.1').socket), true);
  assert.deepEqual(reached, ['halfOpenPerAddress']);
});

test('given limits over all addresses, when they are reached, then everybody is refused', () => {
  const { guard, reached } = setUp({ connections: 2 });
  const admitted = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((address) =>
    guard.admit(new Peer(address).socket),
  );
  assert.deepEqual(admitted, [true, true, false]);
  assert.deepEqual(reached, ['connections']);
});

test('given a proxy, when it names who is behind it, then that address is counted and not the proxy', () => {
  const { guard, reached } = setUp({ connectionsPerAddress: 1 }, (address) => address === '10.0.0.1');
  const [one, two, three] = [new Peer('10.0.0.1'), new Peer('10.0.0.1'), new Peer('10.0.0.1')];
  assert.deepEqual(
    [guard.admit(one.socket), guard.admit(two.socket), guard.admit(three.socket)],
    [true, true, true],
  );
  assert.equal(guard.move(one.socket, '192.0.2.1'), true);
  assert.equal(guard.move(two.socket, '192.0.2.2'), true);
  assert.equal(guard.move(three.socket, '192.0.2.1'), false);
  assert.equal(three.destroyed, true);
  assert.equal(guard.admit(new Peer('192.0.2.2').socket), false);
  one.destroy();
  assert.equal(guard.admit(new Peer('192.0.2.1').socket), true);
  assert.deepEqual(new Set(reached), new Set(['connectionsPerAddress']));
});

test('given handshakes in progress, when there are as many as allowed, then no more begin until one is over', () => {
  const { guard, reached } = setUp({ handshakesPerAddress: 2, handshakes: 3 });
  const over = guard.handshake('192.0.2.1');
  guard.handshake('192.0.2.1');
  assert.equal(guard.mayShakeHands('192.0.2.1'), false);
  assert.equal(guard.mayShakeHands('192.0.2.2'), true);
  guard.handshake('192.0.2.2');
  assert.equal(guard.mayShakeHands('192.0.2.3'), false);
  over();
  assert.equal(guard.mayShakeHands('192.0.2.1'), true);
  assert.deepEqual(reached, ['handshakesPerAddress', 'handshakes']);
});

test('given sessions of an address up to their limit, when one ends, then one more handshake may begin', () => {
  const { guard, reached } = setUp({ sessionsPerAddress: 2, sessions: 3 });
  const end = guard.session('192.0.2.1');
  const shaken = guard.handshake('192.0.2.1');
  assert.equal(guard.mayShakeHands('192.0.2.1'), false);
  assert.equal(guard.mayShakeHands('192.0.2.2'), true);
  guard.session('192.0.2.2');
  assert.equal(guard.mayShakeHands('192.0.2.3'), false);
  shaken();
  assert.equal(guard.mayShakeHands('192.0.2.1'), true);
  end();
  assert.equal(guard.mayShakeHands('192.0.2.3'), true);
  assert.deepEqual(reached, ['sessionsPerAddress', 'sessions']);
});

test('given a proxy that names nobody, then sessions behind it count in all, and not against one address', () => {
  const { guard } = setUp({ sessionsPerAddress: 1, sessions: 3 }, (address) => address === '10.0.0.1');
  guard.session('10.0.0.1');
  guard.session('10.0.0.1');
  assert.equal(guard.mayShakeHands('10.0.0.1'), true);
  guard.session('10.0.0.1');
  assert.equal(guard.mayShakeHands('10.0.0.1'), false);
});
