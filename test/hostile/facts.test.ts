import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { ServerProcess } from '../kit/server-process.ts';
import { WireClient } from '../kit/wire-client.ts';
import { ask, longIds, pour } from './attack-tools.ts';
import { Fortress, limitReached } from './fortress.ts';

const limits = { timeout: 120_000 };
/** A small server: what an attack leaves behind must fit in there, and a start, too. */
const SMALL = ['--max-old-space-size=192'];
const refusedWith = (code: string): string => `commucat_errors_sent_total{code="${code}"}`;

test(
  'join and leave: given a device that opens and leaves channels of many names without end, then its budget ends it',
  limits,
  async () => {
    await using fortress = await Fortress.start([], { flags: SMALL });
    await fortress.withstand(
      async () => {
        const mallory = await fortress.intruder();
        const many = longIds('m', 1_000);
        const errors = new Set<unknown>();
        for (let round = 0; round < 60 && errors.size === 0; round += 1) {
          const { json } = await ask(mallory, FRAME.JOIN, 7, { members: many });
          if (json.error !== undefined) errors.add(json.error);
          assert.equal((await mallory.ask(FRAME.LEAVE, 7, {})).type, FRAME.ACK);
        }
        assert.deepEqual(errors, new Set(['rate_limited']));
      },
      { counted: [limitReached('change_bytes_per_second')], growth: 128 },
    );
  },
);

test(
  'profiles: given a device with another name at each handshake, then it gets in, and its name changes no more',
  limits,
  async () => {
    await using fortress = await Fortress.start([], { flags: SMALL });
    await fortress.withstand(
      async () => {
        for (let round = 0; round < 30; round += 1) {
          const user = { handle: 'vain', display_name: `name ${round}` };
          const vain = await fortress.intruder('vain', { hello: { user } });
          vain.close();
        }
        const vain = await fortress.intruder('vain', { hello: { user: { handle: 'vain' } } });
        assert.match(vain.facts.user.display_name, /^name 2\d$/);
        assert.notEqual(vain.facts.user.display_name, 'name 29');
      },
      { counted: [limitReached('profile_changes')] },
    );
  },
);

test(
  'calls: given a device that offers calls without end and vanishes, then it is stopped early, and nobody waits for its end',
  limits,
  async () => {
    await using fortress = await Fortress.start([], { flags: SMALL });
    await fortress.withstand(
      async () => {
        const mallory = await fortress.intruder();
        const alone = await mallory.join(7, [mallory.device]);
        assert.equal(alone.type, FRAME.ACK);
        const body = (id: string) => ({ call_id: id, from: mallory.device, to: [] });
        assert.equal((await mallory.ask(FRAME.CALL_OFFER, 7, body('alone'))).json.error, 'call_alone');
        const accomplice = await fortress.intruder();
        for (const client of [mallory, accomplice]) await client.join(8, [mallory.device, accomplice.device]);
        const last = pour(
          mallory,
          Array.from({ length: 2_000 }, (_, index) => [FRAME.CALL_OFFER, 8, body(`call ${index}`)] as const),
        );
        await mallory.until(({ json }) => json?.ack === last);
        const codes = new Set(mallory.takeAll().map(({ json }) => json?.error));
        assert.ok(codes.has('limit'), [...codes].join());
        mallory.close();
      },
      { counted: [limitReached('calls_per_device'), refusedWith('call_alone')] },
    );
  },
);

test('listings: given devices that name others until no more is allowed, when the small server starts again, then it starts', {
  timeout: 120_000,
}, async () => {
  const overrides = ['limits.change_burst_bytes=104857600', 'limits.listing_bytes=16777216'];
  await using server = await ServerProcess.start(overrides, undefined, SMALL);
  const { domain, noise_public: noisePublic } = server.ready;
  const address = { port: server.port, ca: server.ca, domain, noisePublic };
  const refusals: string[] = [];
  for (let device = 0; device < 8; device += 1) {
    const client = await WireClient.connect(address, `d${device}`);
    let answer = await ask(client, FRAME.JOIN, 0, { members: longIds(`${device}-0-`, 1_000) });
    for (let channel = 1; channel < 25 && answer.type === FRAME.ACK; channel += 1) {
      answer = await ask(client, FRAME.JOIN, channel, { members: longIds(`${device}-${channel}-`, 1_000) });
    }
    refusals.push(answer.json.detail ?? '');
    client.close();
  }
  assert.match(refusals[0] ?? '', /limits\.(listings_per_device|listing_bytes)/);
  assert.match(refusals.at(-1) ?? '', /limits\.listing_bytes/);
  assert.equal(await server.stop(), 0);
  await server.start();
  const modest = await WireClient.connect(address, 'modest');
  assert.equal((await modest.join(1, ['a', 'b'])).type, FRAME.ACK);
  modest.close();
});
