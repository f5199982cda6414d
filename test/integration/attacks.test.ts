import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { utf8 } from '../../src/protocol/bytes.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { stringifyJson } from '../../src/protocol/json/json-writer.ts';
import { type RunningServer, startRunningServer } from '../kit/running-server.ts';
import { WireClient, type WireOptions } from '../kit/wire-client.ts';

const limits = { timeout: 60_000 };
let server: RunningServer;
let names = 0;
const open: WireClient[] = [];

before(async () => {
  server = await startRunningServer();
});
after(async () => {
  for (const client of open) client.close();
  await server[Symbol.asyncDispose]();
});

/** A device of its own for each test. */
function fresh(name: string): string {
  names += 1;
  return `${name}-${names}`;
}

async function connect(device: string, options?: WireOptions): Promise<WireClient> {
  const client = await WireClient.connect(server, device, options);
  open.push(client);
  return client;
}

async function pair(channel: number, pattern: 'XK' | 'IK' = 'XK'): Promise<[WireClient, WireClient]> {
  const alice = await connect(fresh('alice'), { pattern });
  const bob = await connect(fresh('bob'), { pattern });
  await alice.join(channel, [alice.device, bob.device]);
  await bob.join(channel, [alice.device, bob.device]);
  return [alice, bob];
}

/** Everything that was on its way to these has come. */
async function quiet(...clients: readonly WireClient[]): Promise<void> {
  for (const client of clients) await client.barrier();
}

for (const pattern of ['XK', 'IK'] as const) {
  test(`given ${pattern}, when two devices chat, then each hears the other, once`, limits, async () => {
    const [alice, bob] = await pair(7, pattern);
    assert.deepEqual(alice.facts.capabilities, ['delivery-ack', 'resume']);
    const { confirmed, next, since } = bob.facts.inbox;
    assert.deepEqual([confirmed, next, since], [0, 1, 1]);
    assert.equal((await alice.say(7, 'hello')).type, FRAME.ACK);
    assert.equal(await bob.hear(), 'hello');
    await bob.say(7, 'hello yourself');
    assert.equal(await alice.hear(), 'hello yourself');
    await quiet(alice, bob);
    assert.deepEqual(
      [...alice.rest(), ...bob.rest()].filter(({ type }) => type === FRAME.MSG),
      [],
    );
  });
}

test(
  'squat: given a stranger that holds a number and lists the others first, when they join each other, then they are alone',
  limits,
  async () => {
    const [one, two] = [fresh('one'), fresh('two')];
    const mallory = await connect(fresh('mallory'));
    await mallory.join(21, [mallory.device, one, two]);
    await mallory.join(21, [one]);
    const alice = await connect(one);
    const bob = await connect(two);
    await alice.join(21, [one, two]);
    await bob.join(21, [one, two]);
    await alice.say(21, 'for bob');
    assert.equal(await bob.hear(), 'for bob');
    await mallory.say(21, 'noise');
    await quiet(alice, bob, mallory);
    for (const client of [alice, bob, mallory]) {
      assert.deepEqual(
        client.rest().filter(({ type }) => type === FRAME.MSG),
        [],
      );
    }
  },
);

test(
  'hijack: given a channel of others, when a stranger joins its number with their names, then it neither hears nor is heard',
  limits,
  async () => {
    const [alice, bob] = await pair(22);
    const mallory = await connect(fresh('mallory'));
    for (const members of [
      [mallory.device],
      [mallory.device, alice.device, bob.device],
      [alice.device],
      [],
    ]) {
      assert.equal((await mallory.join(22, members)).type, FRAME.ACK);
    }
    await alice.say(22, 'private');
    assert.equal(await bob.hear(), 'private');
    for (const type of [FRAME.MSG, FRAME.KEY_UPDATE, FRAME.TYPING]) {
      await mallory.ask(type, 22, type === FRAME.MSG ? utf8('x') : { device: mallory.device });
    }
    await quiet(alice, bob, mallory);
    assert.deepEqual(mallory.rest(), []);
    assert.deepEqual(alice.rest(), []);
    assert.deepEqual(bob.rest(), []);
  },
);

test(
  'delete: given a channel of others, when a stranger leaves their number, then the channel stays',
  limits,
  async () => {
    const [alice, bob] = await pair(23);
    const mallory = await connect(fresh('mallory'));
    assert.equal((await mallory.ask(FRAME.LEAVE, 23, { device: alice.device })).type, FRAME.ACK);
    await alice.say(23, 'still here');
    assert.equal(await bob.hear(), 'still here');
  },
);

test(
  'delete: given a member that leaves, when the others talk, then they still can and it hears nothing',
  limits,
  async () => {
    const [alice, bob] = await pair(24);
    const carol = await connect(fresh('carol'));
    await alice.join(24, [carol.device]);
    await carol.join(24, [alice.device]);
    await carol.ask(FRAME.LEAVE, 24, {});
    await alice.say(24, 'without carol');
    assert.equal(await bob.hear(), 'without carol');
    await carol.barrier();
    assert.deepEqual(carol.rest(), []);
  },
);

test(
  'foreign handle: given an account, when a stranger names its handle or id, then pairing is required and the account unchanged',
  limits,
  async () => {
    const alice = await connect(fresh('alice'));
    const pairing =
      /^Error: \{"detail":"pairing required","error":"handshake","pairing_required":true,"title":"PairingRequired"\}$/;
    await assert.rejects(
      connect(fresh('thief'), { hello: { user: { handle: alice.facts.user.handle } } }),
      pairing,
    );
    await assert.rejects(connect(fresh('thief'), { hello: { user: { id: alice.facts.user_id } } }), pairing);
    const other = await connect(fresh('other'));
    assert.notEqual(other.facts.user_id, alice.facts.user_id);
  },
);

test(
  'stolen certificate: given the certificate of another device, when a stranger shows it, then it is refused',
  limits,
  async () => {
    const alice = await connect(fresh('alice'));
    const certificate = alice.facts.device_certificate;
    await assert.rejects(
      connect(fresh('thief'), { hello: { certificate } }),
      /^Error: \{"detail":"invalid request","error":"handshake"\}$/,
    );
  },
);

test(
  'stolen device id: given a device, when a stranger connects under its id with another key, then it is refused and the owner stays',
  limits,
  async () => {
    const [alice, bob] = await pair(25);
    await assert.rejects(
      connect(alice.device, { key: 'thief' }),
      /^Error: \{"detail":"invalid request","error":"handshake"\}$/,
    );
    await bob.say(25, 'still you?');
    assert.equal(await alice.hear(), 'still you?');
  },
);

test(
  'replayed HELLO: given a HELLO that was seen, when a stranger sends it again, then it cannot finish and the owner stays',
  limits,
  async () => {
    const [alice, bob] = await pair(26);
    const replay = new WireClient(server, alice.device, { key: 'thief' });
    open.push(replay);
    replay.plain(FRAME.HELLO, 0, 1, stringifyJson(alice.hello));
    const auth = await replay.next();
    assert.equal(auth?.type, FRAME.AUTH);
    // Without the ephemeral key of that HELLO no message 3 fits; the best that is left is a guess.
    replay.plain(FRAME.AUTH, 0, 2, stringifyJson({ handshake: '00'.repeat(64) }));
    assert.deepEqual((await replay.next())?.json, { detail: 'crypto failure', error: 'handshake' });
    assert.equal(await replay.next(), undefined);
    await bob.say(26, 'still you?');
    assert.equal(await alice.hear(), 'still you?');
  },
);

test(
  'replayed proof: given key and proof of another device, when a stranger brings its own Noise key, then message 3 gives it away',
  limits,
  async () => {
    const victim = await connect(fresh('victim'));
    const { device_public, client_static, zkp } = victim.hello;
    for (const pattern of ['XK', 'IK'] as const) {
      await assert.rejects(
        connect(victim.device, {
          pattern,
          key: 'thief',
          hello: { device_public: device_public ?? '', client_static: client_static ?? '', zkp: zkp ?? null },
        }),
        /^Error: \{"detail":"invalid request","error":"handshake"\}$/,
      );
    }
    assert.equal((await victim.join(27, [])).type, FRAME.ACK);
  },
);

test(
  'refused handshake: given a name that a refused handshake tried to register, when its owner comes, then it is free',
  limits,
  async () => {
    const device = fresh('fresh');
    const half = new WireClient(server, device);
    open.push(half);
    half.plain(FRAME.HELLO, 0, 1, stringifyJson(half.hello));
    const auth = await half.next();
    assert.ok(auth !== undefined);
    half.answer(auth, '{"handshake":"00"}');
    assert.deepEqual((await half.next())?.json, { detail: 'crypto failure', error: 'handshake' });
    // Another key under the same id and handle: nothing was committed for the first.
    await connect(device, { key: 'the owner' });
  },
);
