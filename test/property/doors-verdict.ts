import assert from 'node:assert/strict';
import type { MailPosted } from '../../src/events/mail-encoding.ts';
import { STREAMS } from '../../src/events/streams.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import type { DurableEvent } from '../kit/simulated-disk.ts';
import { ChannelModel } from './channel-model.ts';
import { GROUP_CHANNEL } from './doors-commands.ts';
import type { AnyDevice } from './model-device.ts';

export interface DoorFigures {
  letters: number;
  deliveries: number;
  repetitions: number;
  groupLetters: number;
  connections: number;
  restarts: number;
}

export interface Sent {
  readonly device: string;
  readonly channel: number;
  readonly body: string;
  /** Position in the log before which nothing of this letter can stand. */
  readonly from: number;
}

/** What a run leaves behind. */
export interface DoorsEvidence {
  readonly history: readonly DurableEvent[];
  readonly devices: readonly AnyDevice[];
  /** By id. */
  readonly sent: ReadonlyMap<string, Sent>;
  /** A connection of theirs was cut: what was on its way may be lost to those who do not confirm. */
  readonly cut: ReadonlySet<string>;
  /** Who was to leave the group, and the position of the log at which that was asked for. */
  readonly withdrawals: readonly { readonly device: string; readonly from: number }[];
}

export interface PostedLetter {
  readonly id: string;
  /** In history. */
  readonly place: number;
  /** Of the channel. */
  readonly key: string;
  readonly text: string;
  readonly mail: MailPosted;
}

const decoder = new TextDecoder();

export function postedLetters(history: readonly DurableEvent[]): PostedLetter[] {
  return history.flatMap((event, place) => {
    if (!STREAMS.mail.has(event.stream)) return [];
    const mail = STREAMS.mail.decode(event);
    const text = decoder.decode(mail.payload);
    return [{ id: idOf(text), place, key: STREAMS.mail.keyOf(event.stream), text, mail }];
  });
}

export interface DueLetter {
  /** Inbox number. */
  readonly number: number;
  readonly type: number;
  readonly channel: number;
  readonly text: string;
}

/** What the log says is for the device: in the order of its inbox. */
export function dueLetters(posted: readonly PostedLetter[], name: string): DueLetter[] {
  return posted.flatMap(({ mail, text }) => {
    const recipient = mail.recipients.find(({ device }) => device === name);
    if (recipient === undefined) return [];
    return [{ number: recipient.inboxNumber, type: mail.frameType, channel: mail.channel, text }];
  });
}

/** Holds what the devices have against what the log says. */
export class DoorsVerdict {
  readonly figures: DoorFigures;
  readonly #evidence: DoorsEvidence;
  readonly #posted: readonly PostedLetter[];

  constructor(evidence: DoorsEvidence, figures: DoorFigures) {
    this.#evidence = evidence;
    this.#posted = postedLetters(evidence.history);
    this.figures = figures;
  }

  /** @throws AssertionError for a promise that was broken */
  judge(): DoorFigures {
    this.#judgeLetters();
    for (const device of this.#evidence.devices) {
      assert.deepEqual(device.unanswered, [], `${device.name}: everything is answered in the end`);
      this.#judgeInbox(device);
      this.figures.repetitions += device.repetitions;
    }
    return this.figures;
  }

  /** Once each, in the order of sending, and only to those who take part. */
  #judgeLetters(): void {
    const last = new Map<string, number>();
    for (const { id, key, place, text, mail } of this.#posted) {
      this.figures.letters += 1;
      // Invitations and the like have rules of their own, tested with the groups.
      if (mail.frameType !== FRAME.MSG) continue;
      const sent = this.#evidence.sent.get(id) ?? assert.fail(`${id} was never sent`);
      assert.deepEqual([mail.sender, mail.channel, text], [sent.device, sent.channel, sent.body]);
      const number = Number(id.split('#')[1]);
      assert.ok((last.get(mail.sender) ?? 0) < number, `${id} is posted once, and in its sender's order`);
      last.set(mail.sender, number);
      if (mail.channel === GROUP_CHANNEL) this.figures.groupLetters += 1;
      this.#judgeRecipients(id, key, place, mail);
    }
  }

  #judgeRecipients(id: string, key: string, place: number, mail: MailPosted): void {
    const { from } = this.#evidence.sent.get(id) ?? assert.fail(id);
    const model = new ChannelModel();
    let always: ReadonlySet<string> | undefined;
    const ever = new Set<string>();
    const { history } = this.#evidence;
    const first = history.findIndex(({ position }) => position > from);
    for (let at = first; at <= place; at++) {
      model.follow(history, at);
      const now = new Set(model.channel(key)?.participants);
      always = new Set([...now].filter((device) => always?.has(device) ?? true));
      for (const device of now) ever.add(device);
    }
    const recipients = new Set(mail.recipients.map(({ device }) => device));
    assert.ok(ever.has(mail.sender), `${id}: the sender takes part`);
    assert.ok(!recipients.has(mail.sender), `${id}: not to its sender`);
    for (const recipient of recipients) assert.ok(ever.has(recipient), `${id}: ${recipient} is a stranger`);
    const position = history[place]?.position ?? 0;
    for (const one of always ?? []) {
      // Whoever is being taken out of a group gets nothing more while the log still writes that down.
      const isLeaving = this.#evidence.withdrawals.some(
        ({ device, from: asked }) => device === one && asked < position,
      );
      const isExcused = one === mail.sender || (mail.channel === GROUP_CHANNEL && isLeaving);
      assert.ok(isExcused || recipients.has(one), `${id}: not without ${one}`);
    }
  }

  #judgeInbox(device: AnyDevice): void {
    const due = dueLetters(this.#posted, device.name);
    for (const [index, { number }] of due.entries()) {
      assert.equal(number, index + 1, `${device.name}: inbox numbers`);
    }
    if (device.confirms) {
      for (const { number, ...arrival } of due) {
        assert.deepEqual(device.processedFrames.get(number), arrival, `${device.name}: letter ${number}`);
      }
      assert.equal(device.processedFrames.size, due.length, `${device.name} got nothing that was not for it`);
      this.figures.deliveries += due.length;
      return;
    }
    const places = new Map(due.map(({ text }, place) => [text, place]));
    const seen = new Set<number>();
    for (const { text } of device.arrivals) {
      const place = places.get(text) ?? assert.fail(`${device.name}: ${idOf(text)} was not for it`);
      assert.ok(
        !seen.has(place) || this.#evidence.cut.has(device.name),
        `${device.name}: ${idOf(text)} came twice`,
      );
      seen.add(place);
    }
    if (!this.#evidence.cut.has(device.name)) {
      assert.equal(seen.size, due.length, `${device.name}: nothing is lost`);
    }
    this.figures.deliveries += seen.size;
  }
}

/** Messages begin with their id. */
export function idOf(text: string): string {
  return text.split('|')[0] ?? '';
}
