import { join } from 'node:path';
import { nodeClock } from '../../src/client/platform-node.ts';
import { decodeFact } from '../../src/events/fact-encoding.ts';
import {
  decodeInboxAdvanced,
  decodeMailPosted,
  INBOX_ADVANCED,
  MAIL_POSTED,
} from '../../src/events/mail-encoding.ts';
import { readSecretFile } from '../../src/keys/index.ts';
import type { RecordedEvent } from '../../src/log/event-log.ts';
import { LogError } from '../../src/log/log-error.ts';
import { showEvent, type TailOptions, tailLog } from '../../src/log/segments/inspect.ts';
import { fromHex } from '../../src/protocol/bytes.ts';
import { NAME_KEY_FILE, NameTags } from '../../src/telemetry/index.ts';
import { printable } from '../kit/printable.ts';
import { logFolder } from './log-check.ts';

/** An event as these commands print it. */
export interface ShownEvent {
  readonly position: number;
  readonly recorded_at: string;
  readonly stream: string;
  readonly revision: number;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** How the server's log names the device and the user of the event. */
  readonly log_names?: Readonly<Record<string, string>>;
}

export async function* tailEvents(
  dataDir: string,
  count: number,
  payloads: boolean,
  options: Omit<TailOptions, 'clock'>,
): AsyncIterable<ShownEvent> {
  const folder = await logFolder(dataDir);
  for await (const event of tailLog(folder, count, { clock: nodeClock, ...options })) {
    yield shown(event, payloads);
  }
}

/** The event at a position, given in digits, or all of a stream. */
export async function* findEvents(
  dataDir: string,
  what: string,
  payloads: boolean,
): AsyncIterable<ShownEvent> {
  const folder = await logFolder(dataDir);
  const names = nameTags(dataDir);
  const wanted = /^\d+$/.test(what) ? { position: Number(what) } : { stream: what };
  for await (const event of showEvent(folder, wanted, { clock: nodeClock })) {
    yield named(shown(event, payloads), names);
  }
}

/** One line for the terminal. */
export function eventLine({
  position,
  recorded_at,
  stream,
  revision,
  type,
  data,
  log_names,
}: ShownEvent): string {
  const names = log_names === undefined ? '' : `  in the server's log: ${JSON.stringify(log_names)}`;
  return printable(
    `${position}  ${recorded_at}  ${stream}@${revision}  ${type}  ${JSON.stringify(data)}${names}`,
  );
}

/** `undefined`: the server has never run with this data folder. */
function nameTags(dataDir: string): NameTags | undefined {
  const digits = readSecretFile(join(dataDir, NAME_KEY_FILE));
  return digits === undefined ? undefined : new NameTags(fromHex(digits.trim()));
}

function named(event: ShownEvent, names: NameTags | undefined): ShownEvent {
  const { device, sender, user } = event.data;
  const whose = device ?? sender;
  const log_names = {
    ...(typeof whose === 'string' && names !== undefined ? { device: names.device(whose) } : {}),
    ...(typeof user === 'string' && names !== undefined ? { user: names.user(user) } : {}),
  };
  return Object.keys(log_names).length === 0 ? event : { ...event, log_names };
}

function shown(event: RecordedEvent, payloads: boolean): ShownEvent {
  const { position, recordedAt, stream, revision, type } = event;
  const recorded_at = new Date(recordedAt).toISOString();
  return { position, recorded_at, stream, revision, type, data: contents(event, payloads) };
}

/** What is inside; never the payload of a letter unless it is asked for: it is somebody's mail. */
function contents(event: RecordedEvent, payloads: boolean): Readonly<Record<string, unknown>> {
  try {
    if (event.type === MAIL_POSTED) return letter(event.data, payloads);
    if (event.type === INBOX_ADVANCED) {
      return withoutPayload({ ...decodeInboxAdvanced(event.data) }, payloads);
    }
    const { type: _type, ...fields } = decodeFact(event);
    return fields;
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    return { bytes: event.data.length, unreadable: error.message };
  }
}

function letter(data: Uint8Array, payloads: boolean): Record<string, unknown> {
  const { fact, ...fields } = decodeMailPosted(data);
  const carried = fact && {
    ...fact,
    events: fact.events.map((event) => decodeFact(event)),
  };
  return withoutPayload({ ...fields, ...(carried === undefined ? {} : { fact: carried }) }, payloads);
}

function withoutPayload(fields: Record<string, unknown>, payloads: boolean): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      if (!(value instanceof Uint8Array)) return [name, value];
      return payloads
        ? [`${name}_base64`, Buffer.from(value).toString('base64')]
        : [`${name}_bytes`, value.length];
    }),
  );
}
