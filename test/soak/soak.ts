import { Prng } from '../../fuzz/engine/prng.ts';
import { DOORS, type Door } from '../kit/doors.ts';
import type { ServerProcess } from '../kit/server-process.ts';
import { comesAbout, pause, within } from '../kit/waiting.ts';
import { Ledger } from './ledger.ts';
import { isSteady, Participant } from './participant.ts';
import { anonymousMemory, openDescriptors } from './process-samples.ts';
import { Strangers } from './strangers.ts';
import type { Sample } from './trend.ts';

export interface SoakOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly doors?: readonly Door[];
  /** Now and then, for a person who watches. */
  readonly progress?: (line: string) => void;
}

export interface SoakFigures {
  readonly seconds: number;
  readonly participants: number;
  readonly sent: number;
  readonly acknowledged: number;
  readonly received: number;
  readonly connections: number;
  readonly breaks: number;
  readonly absences: number;
  readonly slowReaders: number;
  readonly walks: number;
  readonly strangers: number;
  /** Everything that is wrong with deliveries. */
  readonly faults: readonly string[];
  readonly memory: readonly Sample[];
  readonly descriptorsBefore: number;
  /** When everybody has gone. */
  readonly descriptorsAfter: number;
}

const CHANNELS = [11, 12, 13] as const;
/** For each door one who stays in its channels; every third door has one who wanders as well. */
const WANDERERS_EVERY = 3;
const SAMPLE_MS = 2_000;
const SETTLE_MS = 120_000;
const GONE_MS = 15_000;

/** Mixed load over every door; returns what was seen. The server must run, and is left running. */
export async function soak(server: ServerProcess, options: SoakOptions): Promise<SoakFigures> {
  const started = performance.now();
  const prng = new Prng(options.seed);
  const random = (): number => prng.next() / 2 ** 32;
  const descriptorsBefore = openDescriptors(server);
  const ledger = new Ledger();
  const participants = crew(server, ledger, random, options.doors ?? DOORS);
  for (const participant of participants) await participant.connect();
  const strangers = new Strangers(server, server.ca, random);
  const lives = [...participants, strangers].map((one) => one.live());
  const memory = await watch(server, options, ledger);
  for (const one of [...participants, strangers]) one.stop();
  await Promise.all(lives);
  await settle(participants, ledger);
  await Promise.all(participants.map((participant) => participant.close()));
  const descriptorsAfter = await whenGone(server, descriptorsBefore);
  const sum = (value: (participant: Participant) => number): number =>
    participants.reduce((total, participant) => total + value(participant), 0);
  return {
    seconds: (performance.now() - started) / 1000,
    participants: participants.length,
    sent: ledger.sent,
    acknowledged: ledger.acknowledged,
    received: ledger.received,
    connections: sum(({ connections }) => connections),
    breaks: sum(({ breaks }) => breaks),
    absences: sum(({ absences }) => absences),
    slowReaders: sum(({ slowTimes }) => slowTimes),
    walks: sum(({ walks }) => walks),
    strangers: strangers.visits,
    faults: ledger.faults,
    memory,
    descriptorsBefore,
    descriptorsAfter,
  };
}

function crew(
  server: ServerProcess,
  ledger: Ledger,
  random: () => number,
  doors: readonly Door[],
): Participant[] {
  const places = doors.flatMap((door, index) => [
    { id: `steady-${index}`, door, wanders: false },
    ...(index % WANDERERS_EVERY === 0 ? [{ id: `wanderer-${index}`, door, wanders: true }] : []),
  ]);
  const members = places.map(({ id }) => id);
  const shared = { server, ca: server.ca, channels: CHANNELS, members, ledger, random };
  return places.map(({ id, door, wanders }) => new Participant(id, { ...shared, door, wanders }));
}

/** Samples the server's memory until the time is over. */
async function watch(server: ServerProcess, options: SoakOptions, ledger: Ledger): Promise<Sample[]> {
  const samples: Sample[] = [];
  const started = performance.now();
  for (let at = 0; at < options.seconds; at = (performance.now() - started) / 1000) {
    samples.push({ at, value: anonymousMemory(server.pid) });
    if (samples.length % 15 === 0) {
      const mib = Math.round((samples.at(-1)?.value ?? 0) / 1048576);
      const said = `${Math.round(at)} s: ${ledger.acknowledged} acknowledged, ${ledger.received} received, ${mib} MiB`;
      options.progress?.(said);
    }
    await pause(Math.min(SAMPLE_MS, options.seconds * 50));
  }
  return samples;
}

/** Waits until everybody who stayed has everything; what is missing then is a fault. */
async function settle(participants: readonly Participant[], ledger: Ledger): Promise<void> {
  const steady = participants.filter((participant) => participant.steady);
  const missing = (): string[] => steady.flatMap((participant) => missingOf(participant, ledger));
  await comesAbout(() => missing().length === 0 || ledger.faults.length > 0, within(SETTLE_MS, 100));
  ledger.faults.push(...missing());
}

/** One line for its condition, and one for each lane whose end it lacks. */
function missingOf(participant: Participant, ledger: Ledger): string[] {
  const { id, condition } = participant;
  const lanes = ledger.missing(id, (lane) => isSteady(lane) && !lane.startsWith(`${id}/`));
  return lanes.length === 0 ? [] : [condition, ...lanes];
}

/** Descriptors of the server when the last connection has left it. */
async function whenGone(server: ServerProcess, before: number): Promise<number> {
  await comesAbout(() => openDescriptors(server) <= before, within(GONE_MS, 200));
  return openDescriptors(server);
}
