import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../ports/ports.ts';
import { type KnownDevice, Tickets, ticketSecret } from './tickets.ts';

const DAY_MS = 86_400_000;
const [FIRST, SECOND] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];

function setUp(...secrets: readonly Uint8Array[]) {
  let time = 1_800_000_000_000;
  const clock: Clock = {
    now: () => time,
    monotonic: () => assert.fail('a ticket outlives the process'),
    after: () => assert.fail('a ticket needs no timer'),
    soon: () => assert.fail('a ticket needs no timer'),
  };
  const tickets = new Tickets({ clock, secrets: () => secrets });
  return { tickets, pass: (ms: number) => (time += ms) };
}

function known(device: ReturnType<Tickets['check']>): KnownDevice {
  if (typeof device === 'string') assert.fail(`the ticket is ${device}`);
  return device;
}

test('given a ticket, then it names its device and no other one, also by another server with the same secret', () => {
  const ticket = setUp(FIRST).tickets.issue('phone');
  assert.match(ticket, /^[\w-]{39}$/);
  const device = known(setUp(FIRST).tickets.check(ticket));
  assert.deepEqual([device.isOf('phone'), device.isOf('phone2')], [true, false]);
  assert.equal(device.name.includes('phone'), false);
  assert.equal(known(setUp(FIRST).tickets.check(setUp(FIRST).tickets.issue('phone'))).name, device.name);
});

test('given a new secret before the old one, then old tickets go on, and without the old one they are worth nothing', () => {
  const ticket = setUp(FIRST).tickets.issue('phone');
  assert.equal(known(setUp(SECOND, FIRST).tickets.check(ticket)).isOf('phone'), true);
  assert.equal(setUp(SECOND).tickets.check(ticket), 'invalid');
  assert.notDeepEqual(ticketSecret(FIRST), ticketSecret(SECOND));
});

test('given a ticket, when a week is over, or the clock went back beyond its life, then it is expired', () => {
  const { pass, tickets } = setUp(FIRST);
  const ticket = tickets.issue('phone');
  pass(7 * DAY_MS - 1000);
  known(tickets.check(ticket));
  pass(1000);
  assert.equal(tickets.check(ticket), 'expired');
  pass(-8 * DAY_MS);
  assert.equal(tickets.check(ticket), 'expired');
});

test('given a ticket with any bit changed, cut or lengthened, or something else, then it is invalid', () => {
  const { tickets } = setUp(FIRST);
  const ticket = Buffer.from(tickets.issue('phone'), 'base64url');
  for (let bit = 0; bit < ticket.length * 8; bit += 1) {
    const forged = Buffer.from(ticket);
    forged.writeUInt8(forged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    assert.equal(tickets.check(forged.toString('base64url')), 'invalid');
  }
  const text = ticket.toString('base64url');
  for (const other of ['', text.slice(1), `${text}A`, '*'.repeat(39), 'x'.repeat(100_000)]) {
    assert.equal(tickets.check(other), 'invalid');
  }
});
