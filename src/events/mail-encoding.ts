/** Binary encodings of the two event types of the hot path. Integers are little-endian. */
import type { StreamAppend } from '../log/event-log.ts';
import { LogError } from '../log/log-error.ts';
import { decodeExtras, encodeExtras, NO_EXTRAS, type RefusedFrame } from './mail-extras.ts';

export type { RefusedFrame } from './mail-extras.ts';

export interface MailRecipient {
  readonly device: string;
  /** The device's inbox number for this letter: 1, 2, 3, … modulo 2^32. */
  readonly inboxNumber: number;
}

/** `mail.posted`, stream `mail-<channel key>`: one letter and everybody who gets it. */
export interface MailPosted {
  readonly sender: string;
  /** Upstream sequence of the sender's frame, 0 to 2^53 - 1. */
  readonly senderSequence: number;
  /** Whether that sequence counts for `resume`. */
  readonly resumable: boolean;
  /** 0 to 65535. */
  readonly frameType: number;
  /** Channel number on the wire, 0 to 2^32 - 1. */
  readonly channel: number;
  /** Unix seconds after which the letter is dropped undelivered, 0 to 2^53 - 1. */
  readonly expiresAt: number;
  readonly recipients: readonly MailRecipient[];
  /** Frames that the sender sent before this one, behind its letter before: they look as if they were stored, too. */
  readonly refused: readonly RefusedFrame[];
  /** What became true with this letter; it stands in its own stream as well, or will. */
  readonly fact: StreamAppend | undefined;
  readonly payload: Uint8Array;
}

/** `inbox.advanced`, stream `inbox-<device>`, newest only: the device's mailbox counters. */
export interface InboxAdvanced {
  /** Highest inbox number that the device has; 0 at first. */
  readonly confirmed: number;
  /** The number that the next letter gets. */
  readonly next: number;
  /** Highest upstream sequence of this device in the log, for `resume`; 0: none yet, 2^32: the sequence 0, after a wrap. */
  readonly received: number;
  /** The newest durable frames of this device that were refused for good. */
  readonly refused: readonly RefusedFrame[];
  /** Frames that were not stored because the mailbox was full, and of which the device does not know for certain. */
  readonly missed: number;
  /** Letters up to this inbox number have expired, when that is more than the device has confirmed. */
  readonly expired: number | undefined;
}

export const MAIL_POSTED = 'mail.posted';
export const INBOX_ADVANCED = 'inbox.advanced';

/** Of an event without extras, as nearly all are, and of one with. */
const PLAIN = 1;
const WITH_EXTRAS = 2;
/** The newest version of both encodings. */
export const MAIL_ENCODING = WITH_EXTRAS;
const RESUMABLE = 1;
/** Of the length of the extras. */
const EXTRAS_LENGTH = 4;
/** version, flags, frame type, channel, sequence, expiry, recipients, length of the sender's name. */
const MAIL_FIXED = 1 + 1 + 2 + 4 + 8 + 8 + 2 + 1;
const INBOX_NUMBER = 4;
/** Length of the name, inbox number. */
const RECIPIENT_FIXED = 1 + INBOX_NUMBER;
const INBOX_LENGTH = 1 + 4 + 4 + 8;
const MAX_RECIPIENTS = 0xffff;
const MAX_DEVICE_ID = 128;
const TWO_32 = 0x1_0000_0000;
/** The upper 21 bits of 2^53 - 1. */
const MAX_HIGH = 0x1f_ffff;

/** Length of an encoded letter that carries nothing beside, and whose recipients' names have `namesLength` characters in sum. */
export function mailPostedBytes(
  senderLength: number,
  recipients: number,
  namesLength: number,
  payloadLength: number,
): number {
  return MAIL_FIXED + senderLength + recipients * RECIPIENT_FIXED + namesLength + payloadLength;
}

/** Length of what few letters carry beside. */
export function mailExtrasBytes({ refused, fact }: Pick<MailPosted, 'refused' | 'fact'>): number {
  const extras = encodeExtras({ ...NO_EXTRAS, refused, fact });
  return extras === undefined ? 0 : EXTRAS_LENGTH + extras.length;
}

/** What a letter is beside its recipients. */
export type MailContent = Omit<MailPosted, 'recipients'>;

/**
 * Names of recipients, encoded once for many letters to the same devices: only their inbox numbers change.
 *
 * @throws LogError `LOG_INVALID` when a device id is not 1 to 128 printable ASCII characters.
 */
export class EncodedNames {
  /** Each with room for its inbox number. */
  readonly #bytes: Buffer;
  /** Where each begins, and where the last one ends. */
  readonly #offsets: Uint32Array;

  constructor(devices: readonly string[]) {
    let names = 0;
    for (const device of devices) names += device.length;
    this.#bytes = Buffer.alloc(names + devices.length * RECIPIENT_FIXED);
    this.#offsets = new Uint32Array(devices.length + 1);
    let offset = 0;
    for (const [index, device] of devices.entries()) {
      this.#offsets[index] = offset;
      offset = writeDevice(this.#bytes, offset, device) + INBOX_NUMBER;
    }
    this.#offsets[devices.length] = offset;
  }

  get count(): number {
    return this.#offsets.length - 1;
  }

  /** Bytes of memory, about. */
  get size(): number {
    return this.#bytes.length + this.#offsets.byteLength;
  }

  /**
   * Encodes a letter to all of them but one.
   *
   * @param without index of that one, -1 for nobody
   * @param numberOf the inbox number of the recipient with this index; asked in their order
   * @throws LogError `LOG_INVALID` when the sender's id is not 1 to 128 printable ASCII characters, or there are more than
   * 65535 recipients.
   */
  encode(mail: MailContent, without: number, numberOf: (index: number) => number): Uint8Array {
    const { count } = this;
    const bytes = this.#bytes;
    const start = this.#offsets[without] ?? bytes.length;
    const end = this.#offsets[without + 1] ?? bytes.length;
    const gap = without < 0 ? 0 : end - start;
    const extras = extrasOf(mail);
    const into = begun(mail, without < 0 ? count : count - 1, bytes.length - gap, extras);
    const from = MAIL_FIXED + mail.sender.length;
    into.set(gap === 0 ? bytes : bytes.subarray(0, start), from);
    if (gap > 0) into.set(bytes.subarray(end), from + start);
    let at = from;
    for (let index = 0; index < count; index += 1) {
      if (index === without) continue;
      at += (this.#offsets[index + 1] ?? 0) - (this.#offsets[index] ?? 0);
      into.writeUInt32LE(numberOf(index), at - INBOX_NUMBER);
    }
    return finished(into, at, extras, mail.payload);
  }
}

/**
 * Encodes a letter; one allocation, the payload is copied.
 *
 * @throws LogError `LOG_INVALID` when a device id is not 1 to 128 printable ASCII characters, or there are more than 65535 recipients.
 */
export function encodeMailPosted(mail: MailPosted): Uint8Array {
  const { recipients } = mail;
  let length = recipients.length * RECIPIENT_FIXED;
  for (const { device } of recipients) length += device.length;
  const extras = extrasOf(mail);
  const into = begun(mail, recipients.length, length, extras);
  let offset = MAIL_FIXED + mail.sender.length;
  for (const recipient of recipients) {
    offset = writeDevice(into, offset, recipient.device);
    offset = into.writeUInt32LE(recipient.inboxNumber, offset);
  }
  return finished(into, offset, extras, mail.payload);
}

function extrasOf({ fact, refused }: MailContent): Uint8Array | undefined {
  return refused.length === 0 && fact === undefined
    ? undefined
    : encodeExtras({ ...NO_EXTRAS, refused, fact });
}

/** A letter as far as the name of its sender; its recipients take `recipientsLength` bytes. */
function begun(
  mail: MailContent,
  recipients: number,
  recipientsLength: number,
  extras: Uint8Array | undefined,
): Buffer {
  if (recipients > MAX_RECIPIENTS) {
    throw new LogError('LOG_INVALID', `a letter has at most ${MAX_RECIPIENTS} recipients`);
  }
  let length = MAIL_FIXED + mail.sender.length + recipientsLength + mail.payload.length;
  if (extras !== undefined) length += EXTRAS_LENGTH + extras.length;
  const into = Buffer.allocUnsafe(length);
  into[0] = extras === undefined ? PLAIN : WITH_EXTRAS;
  into[1] = mail.resumable ? RESUMABLE : 0;
  into.writeUInt16LE(mail.frameType, 2);
  into.writeUInt32LE(mail.channel, 4);
  writeUint53(into, 8, mail.senderSequence);
  writeUint53(into, 16, mail.expiresAt);
  into.writeUInt16LE(recipients, 24);
  writeDevice(into, MAIL_FIXED - 1, mail.sender);
  return into;
}

/** The letter with what comes behind its recipients, which end at `offset`. */
function finished(
  into: Buffer,
  offset: number,
  extras: Uint8Array | undefined,
  payload: Uint8Array,
): Uint8Array {
  let at = offset;
  if (extras !== undefined) {
    at = into.writeUInt32LE(extras.length, at);
    into.set(extras, at);
    at += extras.length;
  }
  into.set(payload, at);
  return into;
}

/**
 * Decodes a letter; `payload` is a view into `data`.
 *
 * @throws LogError `LOG_UNKNOWN_EVENT` for another version, `LOG_MALFORMED_EVENT` when the data ends early or a number exceeds 2^53 - 1.
 */
export function decodeMailPosted(data: Uint8Array): MailPosted {
  const from = bufferOf(data);
  const version = versionOf(from, MAIL_POSTED);
  requireLength(from, MAIL_FIXED, MAIL_POSTED);
  const count = from.readUInt16LE(24);
  const sender = readDevice(from, 26, MAIL_POSTED);
  let offset = 27 + sender.length;
  const recipients: MailRecipient[] = [];
  for (let i = 0; i < count; i++) {
    const device = readDevice(from, offset, MAIL_POSTED);
    offset += 1 + device.length;
    requireLength(from, offset + INBOX_NUMBER, MAIL_POSTED);
    recipients.push({ device, inboxNumber: from.readUInt32LE(offset) });
    offset += INBOX_NUMBER;
  }
  const end = endOfExtras(from, version, offset);
  const extras =
    version === WITH_EXTRAS ? decodeExtras(data.subarray(offset + EXTRAS_LENGTH, end)) : NO_EXTRAS;
  return {
    sender,
    senderSequence: readUint53(from, 8, MAIL_POSTED),
    resumable: (from.readUInt8(1) & RESUMABLE) !== 0,
    frameType: from.readUInt16LE(2),
    channel: from.readUInt32LE(4),
    expiresAt: readUint53(from, 16, MAIL_POSTED),
    recipients,
    refused: extras.refused,
    fact: extras.fact,
    payload: data.subarray(end),
  };
}

/**
 * Decodes what a recipient gets of a letter, and passes over its recipients; `payload` is a view into `data`.
 *
 * @throws LogError as `decodeMailPosted`.
 */
export function decodeMailFrame(data: Uint8Array): Pick<MailPosted, 'channel' | 'frameType' | 'payload'> {
  const from = bufferOf(data);
  const version = versionOf(from, MAIL_POSTED);
  requireLength(from, MAIL_FIXED, MAIL_POSTED);
  let offset = MAIL_FIXED + from.readUInt8(MAIL_FIXED - 1);
  for (let left = from.readUInt16LE(24); left > 0; left -= 1) {
    requireLength(from, offset + 1, MAIL_POSTED);
    offset += RECIPIENT_FIXED + from.readUInt8(offset);
  }
  requireLength(from, offset, MAIL_POSTED);
  const payload = data.subarray(endOfExtras(from, version, offset));
  return { frameType: from.readUInt16LE(2), channel: from.readUInt32LE(4), payload };
}

/** Where the extras end that begin at this offset, and the payload begins. */
function endOfExtras(from: Buffer, version: number, offset: number): number {
  if (version !== WITH_EXTRAS) return offset;
  const start = offset + EXTRAS_LENGTH;
  requireLength(from, start, MAIL_POSTED);
  const end = start + from.readUInt32LE(offset);
  requireLength(from, end, MAIL_POSTED);
  return end;
}

/** Encodes a mailbox's counters: 17 bytes, and what was refused or missed, if anything was. */
export function encodeInboxAdvanced(inbox: InboxAdvanced): Uint8Array {
  const extras = encodeExtras({
    ...NO_EXTRAS,
    refused: inbox.refused,
    missed: inbox.missed,
    expired: inbox.expired,
  });
  const into = Buffer.allocUnsafe(INBOX_LENGTH + (extras?.length ?? 0));
  into[0] = extras === undefined ? PLAIN : WITH_EXTRAS;
  into.writeUInt32LE(inbox.confirmed, 1);
  into.writeUInt32LE(inbox.next, 5);
  writeUint53(into, 9, inbox.received);
  if (extras !== undefined) into.set(extras, INBOX_LENGTH);
  return into;
}

/** @throws LogError `LOG_UNKNOWN_EVENT` for another version, `LOG_MALFORMED_EVENT` when the data ends early or a number exceeds 2^53 - 1. */
export function decodeInboxAdvanced(data: Uint8Array): InboxAdvanced {
  const from = bufferOf(data);
  const version = versionOf(from, INBOX_ADVANCED);
  requireLength(from, INBOX_LENGTH, INBOX_ADVANCED);
  const received = readUint53(from, 9, INBOX_ADVANCED);
  const { refused, missed, expired } =
    version === WITH_EXTRAS ? decodeExtras(data.subarray(INBOX_LENGTH)) : NO_EXTRAS;
  return { confirmed: from.readUInt32LE(1), next: from.readUInt32LE(5), received, refused, missed, expired };
}

function bufferOf(data: Uint8Array): Buffer {
  return Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

function versionOf(from: Buffer, type: string): number {
  requireLength(from, 1, type);
  const version = from.readUInt8(0);
  if (version !== PLAIN && version !== WITH_EXTRAS) {
    throw new LogError('LOG_UNKNOWN_EVENT', `${type} version ${version} is not known here`);
  }
  return version;
}

function requireLength(from: Buffer, length: number, type: string): void {
  if (from.length < length) throw new LogError('LOG_MALFORMED_EVENT', `${type} ends early`);
}

/** A loop over the characters: for names this short a call into the runtime costs more than the copy. */
function writeDevice(into: Buffer, offset: number, device: string): number {
  const length = device.length;
  if (length === 0 || length > MAX_DEVICE_ID) {
    throw new LogError('LOG_INVALID', `a device id has 1 to ${MAX_DEVICE_ID} characters, not ${length}`);
  }
  into[offset] = length;
  for (let i = 0; i < length; i++) {
    const character = device.charCodeAt(i);
    if (character < 0x20 || character > 0x7e) {
      throw new LogError('LOG_INVALID', 'a device id is printable ASCII');
    }
    into[offset + 1 + i] = character;
  }
  return offset + 1 + length;
}

function readDevice(from: Buffer, offset: number, type: string): string {
  requireLength(from, offset + 1, type);
  const length = from.readUInt8(offset);
  requireLength(from, offset + 1 + length, type);
  return from.toString('latin1', offset + 1, offset + 1 + length);
}

function writeUint53(into: Buffer, offset: number, value: number): void {
  const high = Math.floor(value / TWO_32);
  into.writeUInt32LE(value - high * TWO_32, offset);
  into.writeUInt32LE(high, offset + 4);
}

/** Beyond 2^53 - 1 a number would lose digits silently, and could not be written again. */
function readUint53(from: Buffer, offset: number, type: string): number {
  const high = from.readUInt32LE(offset + 4);
  if (high > MAX_HIGH) throw new LogError('LOG_MALFORMED_EVENT', `${type} holds a number beyond 2^53`);
  return from.readUInt32LE(offset) + high * TWO_32;
}
