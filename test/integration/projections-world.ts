import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach } from 'node:test';
import type pg from 'pg';
import type { FactEvent } from '../../src/events/events.ts';
import { encodeFact } from '../../src/events/fact-encoding.ts';
import type { MailRecipient } from '../../src/events/mail-encoding.ts';
import { STREAMS } from '../../src/events/streams.ts';
import type { EventLog, NewEvent, StreamName } from '../../src/log/event-log.ts';
import { MemoryLog } from '../../src/log/memory/memory-log.ts';
import type { Clock } from '../../src/ports/ports.ts';
import {
  type EmbeddedPostgres,
  migrate,
  openPostgres,
  type ProjectionRunner,
  READ_MODELS,
  startEmbeddedPostgres,
} from '../../src/projections/index.ts';
import { systemClock, systemRandom } from '../../src/system/index.ts';
import { until } from '../kit/waiting.ts';
import { recordingLogger } from './projections-support.ts';

export const START = Date.UTC(2026, 0, 1);
export const DAY = 86_400_000;

export const KEY = 'ab'.repeat(32);
export const registered = (device: string): FactEvent =>
  ({
    type: 'device.registered',
    device,
    user: 'u1',
    publicKey: KEY,
    by: 'auto_approval',
  }) as FactEvent;
export const opened = (device: string): FactEvent => ({
  type: 'session.opened',
  device,
  user: 'u1',
  pattern: 'XK',
  generation: 'records',
  capabilities: ['resume'],
  noiseKeyVersion: 1,
});

/** PostgreSQL with the read models' tables, empty before each test of a file, a log in memory, and what tests write into it. */
export class ProjectionWorld {
  now = START;
  readonly clock: Clock = { ...systemClock, now: () => this.now };
  log = new MemoryLog(this.clock);
  server: EmbeddedPostgres;
  readonly pool: pg.Pool;
  readonly #directory: string;

  private constructor(directory: string, server: EmbeddedPostgres) {
    this.#directory = directory;
    this.server = server;
    this.pool = openPostgres({ dsn: server.dsn, onIdleError: () => undefined });
  }

  static async start(): Promise<ProjectionWorld> {
    const directory = await mkdtemp(join(tmpdir(), 'commucat-projections-'));
    const server = await startEmbeddedPostgres({ directory, random: systemRandom });
    await migrate(server.dsn, recordingLogger());
    return new ProjectionWorld(directory, server);
  }

  /** Nothing has happened yet. */
  async reset(): Promise<void> {
    this.now = START;
    this.log = new MemoryLog(this.clock);
    await this.pool.query(`truncate users, devices, device_certificates, device_key_events, sessions, channels,
      channel_members, groups, group_members, calls, relay_queue, inbox_offset, projection_checkpoint`);
  }

  /** PostgreSQL goes away; `comeBack` starts it again where it was. */
  async goAway(): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }

  async comeBack(): Promise<void> {
    const { port } = this.server;
    this.server = await startEmbeddedPostgres({ directory: this.#directory, random: systemRandom, port });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool.end();
    await this.server[Symbol.asyncDispose]();
    await rm(this.#directory, { recursive: true, force: true });
  }

  options(over: { readonly log?: EventLog } = {}) {
    return {
      log: this.log,
      pool: this.pool,
      projections: READ_MODELS,
      clock: this.clock,
      logger: recordingLogger(),
      windowMs: 20,
      standbyMs: 50,
      ...over,
    };
  }

  async append(stream: StreamName, ...events: readonly NewEvent[]): Promise<void> {
    await this.log.append([{ stream, expected: 'any', events }]);
  }

  facts(stream: StreamName, ...events: readonly FactEvent[]): Promise<void> {
    return this.append(stream, ...events.map(encodeFact));
  }

  async post(recipients: readonly MailRecipient[], channel = 'alice~7', ttlMs = DAY): Promise<void> {
    const expiresAt = (this.now + ttlMs) / 1000;
    const payload = Buffer.from('opaque');
    const letter = {
      sender: 'alice',
      senderSequence: 1,
      resumable: true,
      frameType: 0x10,
      channel: 7,
      expiresAt,
    };
    const posted = { ...letter, refused: [], fact: undefined, recipients, payload };
    await this.log.append([STREAMS.mail.append(channel, 'any', [posted])]);
  }

  async advance(device: string, confirmed: number, after = confirmed + 1): Promise<void> {
    const counters = {
      confirmed,
      next: after % 2 ** 32,
      received: 9,
      refused: [],
      missed: 0,
      expired: undefined,
    };
    await this.log.append([STREAMS.inbox.append(device, 'any', [counters])]);
  }

  async rows(text: string): Promise<unknown[]> {
    return (await this.pool.query<Record<string, unknown>>(text)).rows;
  }

  /** Letters that wait for their devices: `device number`. */
  async waiting(): Promise<unknown[]> {
    const { rows } = await this.pool.query<{ letter: string }>(
      `select device_id || ' ' || inbox_number as letter from relay_queue order by device_id, inbox_number`,
    );
    return rows.map((row) => row.letter);
  }

  /** A channel and a group whose members come and go. */
  async channelTraffic(round: number): Promise<void> {
    const device = `m${round % 7}`;
    const other = `m${(round + 3) % 7}`;
    const channel = STREAMS.channel.stream(`c${Math.floor(round / 20)}`);
    const group = STREAMS.group.stream(`g${Math.floor(round / 20)}`);
    if (round % 20 === 0 || round === 1) {
      const common = { number: 7, relay: true };
      const lists = { creator: 'm0', open: false, listed: [device, other], admitted: [] };
      await this.facts(channel, { type: 'channel.opened', ...common, ...lists });
      const invited = [{ device: other, role: 'member' as const }];
      await this.facts(group, {
        type: 'group.created',
        ...common,
        channel: `k${round}`,
        owner: 'm0',
        invited,
      });
    }
    await this.facts(channel, { type: 'channel.joined', device });
    await this.facts(group, { type: 'group.member_invited', device, role: 'member', by: 'm0' });
    await this.facts(group, { type: 'group.member_joined', device: other });
    if (round % 4 === 0) {
      await this.facts(channel, { type: 'channel.left', device: other });
      await this.facts(group, { type: 'group.member_removed', device: other, by: 'm0' });
    }
  }

  /** Traffic with everything that leaves the log later: delivered, expired and superseded. */
  async traffic(first: number, last: number): Promise<void> {
    for (let round = first; round <= last; round += 1) {
      this.now += 7000;
      const devices = [`d${round % 5}`, `d${(round + 1) % 5}`];
      await this.facts(STREAMS.device.stream(`x${round}`), registered(`x${round}`));
      await this.facts(STREAMS.session.stream(`${round}`), opened(`d${round % 5}`));
      await this.channelTraffic(round);
      if (round % 3 === 0) {
        await this.facts(STREAMS.session.stream(`${round - 1}`), {
          type: 'session.closed',
          device: 'd',
          reason: 'bye',
        });
      }
      await this.post(
        devices.map((device) => ({ device, inboxNumber: round })),
        `k${round % 4}`,
        round % 6 === 0 ? 30_000 : DAY,
      );
      if (round % 2 === 0 && round > 12) await this.advance(devices[0] ?? '', round - 12, round + 1);
    }
  }
}

/** The world of a test file, there from its first test on. */
export function useProjectionWorld(skip: string | false): () => ProjectionWorld {
  let world: ProjectionWorld | undefined;
  before(async () => {
    if (skip === false) world = await ProjectionWorld.start();
  });
  beforeEach(() => world?.reset());
  after(() => world?.[Symbol.asyncDispose]());
  return () => world ?? assert.fail('the world begins with the first test');
}

export async function caughtUp(runner: ProjectionRunner): Promise<void> {
  await until(() => runner.projectionStatus().up && runner.projectionStatus().lag === 0);
}
