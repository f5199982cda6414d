import type { ExpectedRevision, NewEvent, StreamAppend, StreamName } from '../log/event-log.ts';
import { LogError } from '../log/log-error.ts';

/** A durable frame of a device that was refused for good, and why: a code of PROTOCOL.md 9.2. */
export interface RefusedFrame {
  /** 0 to 2^32 - 1. */
  readonly sequence: number;
  readonly error: string;
}

/** What few letters and few counters have: JSON behind the binary fields. */
export interface MailExtras {
  readonly refused: readonly RefusedFrame[];
  readonly fact: StreamAppend | undefined;
  /** 0 to 2^53 - 1. */
  readonly missed: number;
  /** 0 to 2^32 - 1. */
  readonly expired: number | undefined;
}

export const NO_EXTRAS: MailExtras = { refused: [], fact: undefined, missed: 0, expired: undefined };

const MAX_SEQUENCE = 0xffff_ffff;
const utf8Decoder = new TextDecoder('utf-8', { fatal: true });

/** Undefined when there is nothing to write. */
export function encodeExtras({ refused, fact, missed, expired }: MailExtras): Uint8Array | undefined {
  if (refused.length === 0 && fact === undefined && missed === 0 && expired === undefined) return undefined;
  const text = JSON.stringify({
    ...(refused.length === 0 ? {} : { refused: refused.map(({ sequence, error }) => [sequence, error]) }),
    ...(fact === undefined ? {} : { fact: written(fact) }),
    ...(missed === 0 ? {} : { missed }),
    ...(expired === undefined ? {} : { expired }),
  });
  return Buffer.from(text);
}

/** @throws LogError `LOG_MALFORMED_EVENT` */
export function decodeExtras(bytes: Uint8Array): MailExtras {
  let value: unknown;
  try {
    value = JSON.parse(utf8Decoder.decode(bytes));
  } catch (cause) {
    throw new LogError('LOG_MALFORMED_EVENT', 'what a letter carries is not JSON', { cause });
  }
  const { refused = [], fact, missed = 0, expired } = fieldsOf(value);
  return {
    refused: listOf(refused).map(readRefused),
    fact: fact === undefined ? undefined : readFact(fact),
    missed: integer(missed, Number.MAX_SAFE_INTEGER),
    expired: expired === undefined ? undefined : integer(expired, MAX_SEQUENCE),
  };
}

function written({ stream, expected, events }: StreamAppend) {
  return { stream, expected, events: events.map(({ type, data }) => [type, base64(data)]) };
}

function base64(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
}

function readRefused(value: unknown): RefusedFrame {
  const [sequence, error] = listOf(value);
  return { sequence: integer(sequence, MAX_SEQUENCE), error: textOf(error) };
}

function readFact(value: unknown): StreamAppend {
  const { stream, expected, events } = fieldsOf(value);
  // As it was written: the name of a stream.
  return {
    stream: textOf(stream) as StreamName,
    expected: readExpected(expected),
    events: listOf(events).map(readEvent),
  };
}

function readExpected(value: unknown): ExpectedRevision {
  return value === 'any' || value === 'no-stream' ? value : integer(value, Number.MAX_SAFE_INTEGER);
}

function readEvent(value: unknown): NewEvent {
  const [type, data] = listOf(value);
  return { type: textOf(type), data: new Uint8Array(Buffer.from(textOf(data), 'base64')) };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? { ...value }
    : malformed('an object');
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : malformed('a list');
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : malformed('a text');
}

function integer(value: unknown, most: number): number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most
    ? // JSON knows -0.
      Math.max(0, value)
    : malformed(`an integer up to ${most}`);
}

function malformed(expected: string): never {
  throw new LogError('LOG_MALFORMED_EVENT', `what a letter carries should hold ${expected}`);
}
