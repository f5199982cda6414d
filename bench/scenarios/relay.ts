import { generatorNotes, type Peer, throughputRows } from '../figures.ts';
import type { Dial } from '../load/byte-stream.ts';
import { ownConnections } from '../load/dial.ts';
import { EchoLoad, type EchoWrites } from '../load/echo-load.ts';
import { RelayLoad } from '../load/relay-load.ts';
import { MESSAGE_BYTES, type Writes } from '../load/writes.ts';
import type { Row, Table, Target } from '../report.ts';
import { type RelayServer, type ServerChild, startBareServer } from '../servers.ts';
import type { Shape } from '../sizes.ts';
import { type Interval, measure, untilQuiet } from '../timing.ts';
import { relayServer, type ScenarioOptions, timingOf } from './scenario.ts';

const UNIT = 'msg';

/** What was wanted of a shape: of its messages a second, and of those of a server core. */
interface ShapeTargets {
  readonly targets?: readonly Target[];
  readonly coreTargets?: readonly Target[];
}

const ratioOf = (value: number): Target => ({ of: 'ratio', bound: 'at least', value });
const rateOf = (value: number): Target => ({ of: 'value', bound: 'at least', value });
const TARGETS: Readonly<Record<string, ShapeTargets>> = {
  '8 x 64': { targets: [ratioOf(0.55), rateOf(70_000)] },
  '32 x 64': { coreTargets: [rateOf(80_000)] },
  '200 x 2': { targets: [ratioOf(0.6)], coreTargets: [rateOf(22_000)] },
};

/** Messages a second that are durable, acknowledged and delivered, against an echo of the same shape. */
export async function relayScenario(options: ScenarioOptions): Promise<Table> {
  const rows: Row[] = [];
  const notes: string[] = [];
  const [first] = options.sizes.shapes;
  await using bare = await startBareServer();
  for (const shape of options.sizes.shapes) {
    const name = `${shape.pairs} x ${shape.window}`;
    await using server = await relayServer(options, `relay-${shape.pairs}x${shape.window}`);
    const coalesced: Interval[] = [];
    const limits: Interval[] = [];
    const sealed: Interval[] = [];
    const ours: Interval[] = [];
    const together: Interval[] = [];
    for (let round = 0; round < options.rounds; round += 1) {
      await untilQuiet(server);
      coalesced.push(await measureEcho(bare, shape, 'turn', options));
      limits.push(await measureEcho(bare, shape, 'message', options));
      sealed.push(await measureEcho(bare, shape, 'sealed', options));
      ours.push(await measureRelay(server, shape, { writes: 'message' }, options));
      if (shape === first) together.push(await measureRelay(server, shape, { writes: 'turn' }, options));
    }
    const peer: Peer = { name: 'echo', intervals: limits };
    rows.push(
      ...throughputRows(`${name}: echo`, limits, { unit: UNIT }),
      ...throughputRows(`${name}: echo, coalesced`, coalesced, { unit: UNIT, peer }),
      ...throughputRows(`${name}: echo, sealed`, sealed, { unit: UNIT, peer }),
      ...throughputRows(`${name}: relay`, ours, { unit: UNIT, peer, ...TARGETS[name] }),
      ...(shape === first
        ? throughputRows(`${name}: relay, senders coalesce`, together, { unit: UNIT, peer })
        : []),
    );
    notes.push(...generatorNotes(`${name}: relay`, ours));
  }
  const title = `Relay: pairs x window, ${MESSAGE_BYTES} bytes. Ratios are to the echo of the same shape in which each message is a write and a
DATA frame of its own, as it is in the relay; "coalesced" joins the messages of a turn (the server echoes per chunk);
"sealed": each message is a record that the server opens and seals anew, the least that the protocol asks of a relay`;
  return { scenario: 'relay', title, rows, notes };
}

export async function measureEcho(
  bare: ServerChild,
  { pairs, window }: Shape,
  writes: EchoWrites,
  options: ScenarioOptions,
  dial: Dial = ownConnections(bare.address),
): Promise<Interval> {
  const load = await EchoLoad.start(dial, { connections: pairs, window, writes });
  const interval = await measure(bare, timingOf(options), () => load.returned);
  await load.stop();
  return interval;
}

export interface RelayVariant {
  readonly writes?: Writes;
  readonly capabilities?: readonly string[];
  /** @default a TLS connection with HTTP/2 for each session */
  readonly dial?: Dial;
}

export async function measureRelay(
  server: RelayServer,
  shape: Shape,
  variant: RelayVariant,
  options: ScenarioOptions,
): Promise<Interval> {
  const { writes = 'message', capabilities = [], dial = ownConnections(server.address) } = variant;
  const load = await RelayLoad.start(server, {
    ...shape,
    messageBytes: MESSAGE_BYTES,
    writes,
    capabilities,
    dial,
  });
  const interval = await measure(server, timingOf(options), () => load.received);
  await load.stop();
  return interval;
}
