import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '../../test/kit/seeded-random.ts';
import { group } from '../../test/kit/stream-names.ts';
import type { StreamAppend } from '../log/event-log.ts';
import { MailStream } from './mailboxes/letter.ts';
import { Mailbox } from './mailboxes/mailbox.ts';
import type { Post, Poster } from './post.ts';
import { SenderRounds } from './sender-rounds.ts';

const KIB = 1024;
const ROOM = 512 * KIB;
const FACT: StreamAppend = { stream: group('g'), expected: 'any', events: [] };

function silentPoster(device: string): Poster {
  return { mailbox: new Mailbox(device), resumes: true, posted: () => undefined, refused: () => undefined };
}

/** Senders and channels by name; a post is named by its sender and its number. */
function world() {
  const rounds = new SenderRounds();
  const posters = new Map<string, Poster>();
  const channels = new Map<string, MailStream>();
  const counts = new Map<string, number>();
  const nameOf = ({ poster, sequence }: Post): string => `${poster.mailbox.device} ${sequence}`;
  const add = (device: string, cost: number, channel = `of ${device}`, fact?: StreamAppend): void => {
    const poster = posters.get(device) ?? silentPoster(device);
    posters.set(device, poster);
    const mail = channels.get(channel) ?? new MailStream(channel);
    channels.set(channel, mail);
    const sequence = (counts.get(device) ?? 0) + 1;
    counts.set(device, sequence);
    const rest = { type: 5, channel: 7, payload: new Uint8Array(0), members: [], missing: 0 };
    rounds.add({ poster, mail, sequence, fact, refused: [], ...rest }, cost);
  };
  const batch = (room = ROOM): string[] => {
    const names: string[] = [];
    rounds.fill(room, (post) => names.push(nameOf(post)));
    return names;
  };
  return { rounds, add, batch, nameOf };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

describe('given a sender with ten thousand letters', () => {
  test('when another one has one, then it is in the next batch, whatever batch that is', () => {
    const { add, batch } = world();
    for (const _ of upTo(10_000)) add('loud', KIB);
    add('quiet', KIB);
    assert.ok(batch().includes('quiet 1'));
    const said: string[] = [];
    for (let word = 2; said.filter((name) => name.startsWith('loud')).length < 9_000; word += 1) {
      add('quiet', KIB);
      const names = batch();
      assert.ok(names.includes(`quiet ${word}`), `word ${word}`);
      assert.ok(names.length <= ROOM / KIB);
      said.push(...names);
    }
  });

  test('when five hundred others have as many, then who has one is in the next batch all the same, and all get on', () => {
    const { add, batch } = world();
    const loud = upTo(500).map((number) => `loud ${number}`);
    for (const device of loud) for (const _ of upTo(200)) add(device, KIB);
    const counts = new Map<string, number>();
    for (let word = 1; word <= 100; word += 1) {
      add('quiet', KIB);
      const names = batch();
      assert.ok(names.includes(`quiet ${word}`), `word ${word}`);
      for (const name of names) {
        const device = name.slice(0, name.lastIndexOf(' '));
        counts.set(device, (counts.get(device) ?? 0) + 1);
      }
    }
    const shares = loud.map((device) => counts.get(device) ?? 0);
    assert.ok(
      Math.max(...shares) - Math.min(...shares) <= 2 * 64,
      `${Math.min(...shares)} to ${Math.max(...shares)}`,
    );
  });

  test('when new senders fill every batch, then it goes on nevertheless', () => {
    const { add, batch } = world();
    for (const _ of upTo(2_000)) add('loud', KIB);
    batch();
    let ofLoud = 0;
    for (const round of upTo(10)) {
      for (const number of upTo(600)) add(`new ${round} ${number}`, KIB);
      ofLoud += batch().filter((name) => name.startsWith('loud')).length;
    }
    assert.ok(ofLoud >= 10 * 64, `${ofLoud} letters`);
  });
});

describe('given letters that are nearly as large as a batch, or larger', () => {
  test('when they wait with others, then each of them comes, in the order of its sender', () => {
    const { rounds, add, batch } = world();
    for (const _ of upTo(3_000)) add('small', KIB);
    for (const _ of upTo(3)) add('large', 480 * KIB);
    for (const _ of upTo(3)) add('huge', 4_096 * KIB);
    const all: string[] = [];
    while (!rounds.isEmpty) {
      const names = batch();
      assert.notEqual(names.length, 0);
      if (names.some((name) => name.startsWith('huge'))) assert.equal(names.length, 1);
      all.push(...names);
    }
    for (const [device, count] of [
      ['small', 3_000],
      ['large', 3],
      ['huge', 3],
    ] as const) {
      const own = all.filter((name) => name.startsWith(device));
      assert.deepEqual(
        own,
        upTo(count).map((number) => `${device} ${number}`),
      );
    }
  });
});

test('given posts and facts of many senders in a few channels, when batches of any size are taken, then senders keep their order, and facts stay where they were', () => {
  const random = seededRandom('rounds');
  const below = (count: number): number => Buffer.from(random.bytes(4)).readUInt32LE() % count;
  for (let run = 0; run < 200; run += 1) {
    const { rounds, add, batch } = world();
    /** Which posts were there before, by post: those of its sender, and across a fact those of its channel. */
    const before = new Map<string, string[]>();
    const ofChannel = new Map<string, { readonly name: string; readonly isFact: boolean }[]>();
    const counts = new Map<string, number>();
    const placed = new Map<string, number>();
    const come = (): void => {
      const device = `d${below(5)}`;
      const channel = `c${below(3)}`;
      const isFact = below(6) === 0;
      add(device, 1 + below(100 * KIB), channel, isFact ? FACT : undefined);
      const number = (counts.get(device) ?? 0) + 1;
      counts.set(device, number);
      const name = `${device} ${number}`;
      const earlier = ofChannel.get(channel) ?? [];
      const needed = earlier.filter((post) => isFact || post.isFact).map((post) => post.name);
      before.set(name, number === 1 ? needed : [...needed, `${device} ${number - 1}`]);
      ofChannel.set(channel, [...earlier, { name, isFact }]);
    };
    for (const _ of upTo(60)) come();
    for (let rest = 60; !rounds.isEmpty; rest -= 1) {
      if (rest > 0) come();
      const names = batch(1 + below(300 * KIB));
      assert.notEqual(names.length, 0);
      for (const name of names) placed.set(name, placed.size);
    }
    for (const [name, needed] of before) {
      const place = placed.get(name) ?? -1;
      assert.ok(place >= 0, `${name} was taken`);
      for (const other of needed) assert.ok((placed.get(other) ?? place) < place, `${other} before ${name}`);
    }
  }
});

test('given posts that wait, when all are taken out, then they come in the order in which they came, and nothing is left', () => {
  const { rounds, add, batch, nameOf } = world();
  for (const number of upTo(30)) add(`d${number % 3}`, KIB, 'one', number % 10 === 0 ? FACT : undefined);
  batch(5 * KIB);
  const orders = rounds.takeAll().map(({ post }) => nameOf(post));
  assert.equal(orders.length, 25);
  const rank = (name: string): number => {
    const [device = '', number = ''] = name.split(' ');
    return 3 * Number(number) + ((Number(device.slice(1)) + 2) % 3);
  };
  assert.deepEqual(
    orders,
    [...orders].sort((a, b) => rank(a) - rank(b)),
  );
  assert.ok(rounds.isEmpty);
  assert.deepEqual(batch(), []);
});
