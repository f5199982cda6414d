import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import { utf8 } from '../../src/protocol/bytes.ts';
import { encodeFrame } from '../../src/protocol/frames/frame.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { pause } from '../kit/waiting.ts';
import type { WireClient } from '../kit/wire-client.ts';
import { answerTo, ask, type FrameToSend, longIds, pour, pourBytes } from './attack-tools.ts';
import { Fortress, limitReached } from './fortress.ts';
import { besiege, type Price } from './siege.ts';

/** What costs the server more than it seems to: each attack goes on for some seconds, whatever it is told. */
const limits = { timeout: 180_000 };
const ATTACK_MS = 5_000;
/** A small server: what an attack takes must fit in there, and a start after it, too. */
const SMALL = ['--max-old-space-size=192'];
/** Limits that are reached within some seconds; the others are as they are. */
const NARROW = [
  'security.rate_limit.connect_burst=100000',
  'limits.connections_per_address=1000',
  'limits.handshakes_per_address=100',
  'limits.partial_input_bytes=33554432',
  'limits.listing_bytes=16777216',
  'limits.mailbox_bytes=524288',
  'limits.relay_ttl=3',
  'limits.profile_changes=5',
  'log.segment_bytes=8388608',
];
const ONE_BYTE = new Uint8Array(1);
const CROWD = 9;
const refusedWith = (code: string): string => `commucat_errors_sent_total{code="${code}"}`;
let fortress: Fortress;

/** Does it over and over, in several places at once, for as long as an attack takes. */
async function overAndOver<Place>(
  places: readonly Place[],
  once: (place: Place) => Promise<void>,
): Promise<void> {
  const end = performance.now() + ATTACK_MS;
  const loop = async (place: Place): Promise<void> => {
    while (performance.now() < end) await once(place);
  };
  await Promise.all(places.map(loop));
}

function times(count: number, frame: (index: number) => FrameToSend): FrameToSend[] {
  return Array.from({ length: count }, (_, index) => frame(index));
}

/** The sender in a channel of its own with devices that joined it and are away. */
async function crowd(names: readonly string[]): Promise<WireClient> {
  const sender = await fortress.intruder();
  const answer = await ask(sender, FRAME.JOIN, CROWD, { members: names, relay: true });
  assert.equal(answer.type, FRAME.ACK);
  const waiting = [...names];
  const joinAll = async (): Promise<void> => {
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      const handle = `${sender.device}-${names.indexOf(name)}`;
      const member = await fortress.intruder(name, { hello: { user: { handle } } });
      assert.equal((await member.join(CROWD, [sender.device])).type, FRAME.ACK);
      member.close();
    }
  };
  await Promise.all(Array.from({ length: 8 }, joinAll));
  return sender;
}

/** Alone in channel 7, in channel 8 with somebody else. */
async function caller(): Promise<WireClient> {
  const device = await fortress.intruder();
  const other = await fortress.intruder();
  const both = [device.device, other.device];
  assert.equal((await device.join(7, [device.device])).type, FRAME.ACK);
  for (const client of [device, other]) assert.equal((await client.join(8, both)).type, FRAME.ACK);
  return device;
}

/** Besieges with letters of one byte to devices that are away, so many at a time. */
async function besiegeWithLetters(
  t: TestContext,
  names: readonly string[],
  together: number,
  price: Price,
): Promise<void> {
  const letters = times(together, () => [FRAME.MSG, CROWD, ONE_BYTE]);
  let sender: WireClient;
  const attack = (): Promise<void> =>
    overAndOver([0], async () => {
      await answerTo(sender, pour(sender, letters));
      sender.takeAll();
    });
  const prepare = async (): Promise<void> => {
    sender = await crowd(names);
  };
  await besiege(t, fortress, attack, { ...price, prepare });
}

before(async () => {
  fortress = await Fortress.start(NARROW, { flags: SMALL });
});
after(() => fortress[Symbol.asyncDispose]());

test(
  'JOIN and LEAVE: given devices that name a thousand others and leave, over and over, then neither memory nor disk keeps what is gone',
  limits,
  async (t) => {
    const members = longIds('nobody', 1_024);
    await besiege(
      t,
      fortress,
      async () => {
        const devices = [await fortress.intruder(), await fortress.intruder(), await fortress.intruder()];
        await overAndOver(devices, async (device) => {
          const answer = await ask(device, FRAME.JOIN, 7, { members });
          assert.equal((await ask(device, FRAME.LEAVE, 7, {})).type, FRAME.ACK);
          if (answer.type === FRAME.ERROR) await pause(20);
        });
      },
      // How soon the budget is spent is up to the machine; `facts.test.ts` holds that it ends.
      { counted: [], growth: 128, spent: 32, left: 24 },
    );
  },
);

test(
  'deep JSON: given strangers and a session that send documents as deep and long as they may, then reading them takes no core',
  limits,
  async (t) => {
    const deep = utf8(`[${`${'['.repeat(120)}${']'.repeat(120)},`.repeat(1_085)}1]`);
    await besiege(
      t,
      fortress,
      async () =>
        overAndOver([await fortress.intruder()], async (device) => {
          const stranger = fortress.stranger();
          stranger.write(encodeFrame(FRAME.HELLO, 0, 1, deep));
          pour(device, [[FRAME.LEAVE, 78, deep]]);
          await pause(100);
          stranger.close();
        }),
      { counted: [], growth: 96, spent: 16, left: 8 },
    );
  },
);

test(
  'calls: given devices that offer calls without end, alone and to others, end them, and vanish, then they are stopped early, and nobody waits for their end',
  limits,
  async (t) => {
    let number = 0;
    await besiege(
      t,
      fortress,
      async () => {
        const devices = [await caller(), await caller(), await caller()];
        await overAndOver(devices, async (device) => {
          number += 1;
          const turn = number;
          const call = (index: number) => ({ call_id: `${turn} ${index}` });
          const offer = (channel: number) => (index: number) =>
            [FRAME.CALL_OFFER, channel, { ...call(index), from: device.device, to: [] }] as const;
          const end = (index: number) => [FRAME.CALL_END, 8, { ...call(index), reason: 'hangup' }] as const;
          const frames = [...times(1_000, offer(7)), ...times(100, offer(8)), ...times(100, end)];
          await answerTo(device, pour(device, frames));
          device.takeAll();
        });
        for (const device of devices) device.close();
        await pause(500);
      },
      {
        counted: [limitReached('calls_per_device'), refusedWith('call_alone')],
        growth: 192,
        spent: 64,
        left: 48,
      },
    );
  },
);

test(
  'letters: given one byte at a time to devices that are away, as often as possible, then their mailboxes are full by what is stored, and the space comes back',
  limits,
  async (t) => {
    await besiegeWithLetters(t, longIds('away', 8), 2_000, {
      counted: [limitReached('mailbox_bytes')],
      growth: 96,
      spent: 32,
      left: 12,
    });
  },
);

test(
  'batches: given one byte in masses to four hundred devices with long names, then it is stored in parts, and nobody else is refused anything',
  limits,
  async (t) => {
    await besiegeWithLetters(t, longIds('many', 400), 3_000, {
      counted: [],
      growth: 160,
      spent: 800,
      left: 24,
    });
  },
);

test(
  'half frames: given hundreds of sessions that begin a frame of 1 MiB and never end it, then all of them together keep no more than is allowed',
  limits,
  async (t) => {
    const most = encodeFrame(FRAME.MSG, 5, 9, new Uint8Array(1_048_512).fill(7)).subarray(0, -1);
    await besiege(
      t,
      fortress,
      () =>
        overAndOver([0, 1, 2], async () => {
          pourBytes(await fortress.intruder(), most);
          await pause(50);
        }),
      // Of 32 MiB that are counted the buffers are 33 MiB at the end and 80 at most, with what is garbage by then.
      { counted: [limitReached('partial_input_bytes')], growth: 160, spent: 16, left: 8 },
    );
  },
);

test(
  'profiles: given devices with another name at each handshake, and strangers who name their users, then a handshake costs what it did',
  limits,
  async (t) => {
    let number = 0;
    const avatar = `https://localhost/${'y'.repeat(2_000)}`;
    await besiege(
      t,
      fortress,
      () =>
        overAndOver([0, 1, 2, 3], async (place) => {
          number += 1;
          const handle = `vain-${place}`;
          const user = { handle, display_name: `name ${number}`, avatar_url: `${avatar}${number}` };
          (await fortress.intruder(handle, { hello: { user } })).close();
          await assert.rejects(fortress.intruder(fortress.name('thief'), { hello: { user: { handle } } }));
        }),
      // As many handshakes as the core can do: without a rate, which the address of everybody else does not have either.
      { counted: [limitReached('profile_changes')], growth: 96, spent: 16, left: 8 },
    );
  },
);

test(
  'listings: given devices that name others until no more is allowed, then they fill what is theirs, and a start needs no more than running did',
  limits,
  async (t) => {
    let accounts = 0;
    await besiege(
      t,
      fortress,
      () =>
        overAndOver([0, 1, 2], async () => {
          accounts += 1;
          const device = await fortress.intruder();
          for (let channel = 1, type: number = FRAME.ACK; channel <= 25 && type === FRAME.ACK; channel += 1) {
            const members = longIds(`${accounts}-${channel}`, 1_000);
            ({ type } = await ask(device, FRAME.JOIN, channel, { members }));
          }
          device.close();
        }),
      { counted: [limitReached('listing_bytes')], growth: 96, spent: 48, left: 48 },
    );
  },
);
