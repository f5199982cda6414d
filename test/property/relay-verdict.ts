import assert from 'node:assert/strict';
import type { MailPosted } from '../../src/events/mail-encoding.ts';
import { STREAMS } from '../../src/events/streams.ts';
import { serialNext } from '../../src/protocol/serial.ts';
import type { DurableEvent } from '../kit/simulated-disk.ts';
import { ChannelModel } from './channel-model.ts';
import type { Arrival, ModelDevice } from './model-device.ts';

export interface Sent {
  readonly device: string;
  readonly channel: number;
  readonly type: number;
  readonly body: string;
  /** Place in history before which everything had reached the relay when it was sent. */
  readonly from: number;
}

export interface Posted {
  readonly key: string;
  readonly place: number;
  readonly id: string;
  readonly text: string;
  readonly mail: MailPosted;
}

/** What happened in a run, so that a test can see that it tests something. */
export interface RunFigures {
  letters: number;
  deliveries: number;
  repetitions: number;
  expired: number;
  crashes: number;
  restarts: number;
  replaced: number;
  refused: number;
}

export function noFigures(): RunFigures {
  return {
    letters: 0,
    deliveries: 0,
    repetitions: 0,
    expired: 0,
    crashes: 0,
    restarts: 0,
    replaced: 0,
    refused: 0,
  };
}

/** What a run has seen, for its verdict. */
export interface RelayEvidence {
  readonly devices: readonly ModelDevice[];
  /** By id. */
  readonly sent: ReadonlyMap<string, Sent>;
  /** Letters that became durable, in order. */
  readonly posted: readonly Posted[];
  /** Ids of durable messages. */
  readonly durable: ReadonlySet<string>;
  readonly liveArrivals: readonly { readonly device: string; readonly id: string; readonly place: number }[];
  readonly history: readonly DurableEvent[];
  /** Where all counters began. */
  readonly start: number;
  /** Milliseconds since the Unix epoch at the end. */
  readonly now: number;
  /** Something may have come twice to devices that do not confirm. */
  readonly forgot: boolean;
  readonly figures: RunFigures;
}

/** Holds what a run has seen against the promises of delivery. */
export class RelayVerdict {
  readonly #evidence: RelayEvidence;

  constructor(evidence: RelayEvidence) {
    this.#evidence = evidence;
  }

  /** @throws AssertionError naming the promise that was broken */
  judge(): void {
    this.#evidence.figures.letters = this.#evidence.posted.length;
    this.#judgeSenders();
    this.#judgeRecipients();
    for (const device of this.#evidence.devices) this.#judgeInbox(device);
    this.#judgeLive();
  }

  /** Once each, in the order of sending, as it was sent; and nothing of a resuming device is left behind. */
  #judgeSenders(): void {
    const last = new Map<string, number>();
    for (const { id, text, mail } of this.#evidence.posted) {
      const sent = this.#evidence.sent.get(id) ?? assert.fail(`${id} was never sent`);
      assert.deepEqual(
        [mail.sender, mail.channel, mail.frameType, text],
        [sent.device, sent.channel, sent.type, sent.body],
      );
      const number = Number(id.split('#')[1]);
      assert.ok((last.get(mail.sender) ?? 0) < number, `${id} is posted once, and in its sender's order`);
      last.set(mail.sender, number);
    }
    for (const device of this.#evidence.devices) {
      assert.deepEqual(device.unanswered, [], `${device.name}: everything is answered in the end`);
    }
  }

  /** A letter goes to those who take part in its channel: no stranger, and nobody is left out. */
  #judgeRecipients(): void {
    for (const { id, key, place, mail } of this.#evidence.posted) {
      const { from } = this.#evidence.sent.get(id) ?? assert.fail(id);
      const { always, ever } = this.#participants(from, place, (model) => model.channel(key)?.participants);
      assert.ok(ever.has(mail.sender), `${id}: the sender takes part`);
      const recipients = new Set(mail.recipients.map(({ device }) => device));
      assert.ok(!recipients.has(mail.sender), `${id}: not to its sender`);
      for (const recipient of recipients) {
        assert.ok(ever.has(recipient), `${id}: ${recipient} is a stranger to the channel`);
      }
      for (const participant of always) {
        assert.ok(
          participant === mail.sender || recipients.has(participant),
          `${id}: not without ${participant}`,
        );
      }
    }
  }

  #judgeInbox(device: ModelDevice): void {
    let number = this.#evidence.start;
    const due: (Arrival & { readonly number: number; readonly expired: boolean })[] = [];
    for (const { mail, text, id } of this.#evidence.posted) {
      const recipient = mail.recipients.find((one) => one.device === device.name);
      if (recipient !== undefined) {
        number = serialNext(number);
        assert.equal(recipient.inboxNumber, number, `${device.name}: ${id} has the next inbox number`);
        const expired = mail.expiresAt * 1000 <= this.#evidence.now;
        due.push({ number, expired, type: mail.frameType, channel: mail.channel, text });
      }
    }
    if (device.confirms) {
      this.#judgeConfirmed(device, due);
    } else {
      this.#judgeArrivals(device, due);
    }
    this.#evidence.figures.repetitions += device.repetitions;
  }

  #judgeConfirmed(
    device: ModelDevice,
    due: readonly (Arrival & { readonly number: number; readonly expired: boolean })[],
  ): void {
    let found = 0;
    for (const { number, expired, type, channel, text } of due) {
      const arrival = device.processedFrames.get(number);
      if (arrival === undefined) {
        assert.ok(expired, `${device.name}: ${idOf(text)} (${number}) is lost`);
        this.#evidence.figures.expired += 1;
      } else {
        found += 1;
        assert.deepEqual(arrival, { type, channel, text });
      }
    }
    assert.equal(device.processedFrames.size, found, `${device.name} got nothing that was not for it`);
    this.#evidence.figures.deliveries += found;
  }

  #judgeArrivals(device: ModelDevice, due: readonly (Arrival & { readonly expired: boolean })[]): void {
    const places = new Map(due.map(({ text }, index) => [text, index]));
    let next = 0;
    const seen = new Set<number>();
    for (const arrival of device.arrivals) {
      const place =
        places.get(arrival.text) ?? assert.fail(`${device.name}: ${idOf(arrival.text)} was not for it`);
      if (seen.has(place)) {
        device.repetitions += 1;
      } else {
        // A crash can forget that a letter had expired: it comes after all, behind what came meanwhile.
        const isLate = this.#evidence.forgot && due[place]?.expired === true;
        assert.ok(place >= next || isLate, `${device.name}: ${idOf(arrival.text)} is out of order`);
        next = Math.max(next, place);
        seen.add(place);
      }
    }
    const mayDouble = this.#evidence.forgot || device.cutOff;
    assert.ok(device.repetitions === 0 || mayDouble, `${device.name}: doubled, and nothing was cut off`);
    for (const [place, { expired, text }] of due.entries()) {
      assert.ok(seen.has(place) || expired, `${device.name}: ${idOf(text)} is lost`);
    }
    this.#evidence.figures.expired += due.length - seen.size;
    this.#evidence.figures.deliveries += seen.size;
  }

  #judgeLive(): void {
    for (const { device, id, place } of this.#evidence.liveArrivals) {
      const sent = this.#evidence.sent.get(id) ?? assert.fail(id);
      const { ever } = this.#participants(sent.from, place, (model) => {
        return model.own(sent.device, sent.channel)?.participants;
      });
      assert.ok(ever.has(device), `${device} takes part where ${id} was sent`);
      assert.ok(!this.#evidence.durable.has(id), 'what is live is never stored');
    }
  }

  /** Who took part at all moments, and at some moment, between two places in history. */
  #participants(
    from: number,
    to: number,
    of: (model: ChannelModel) => ReadonlySet<string> | undefined,
  ): { always: ReadonlySet<string>; ever: ReadonlySet<string> } {
    const model = new ChannelModel();
    model.follow(this.#evidence.history, from);
    let always = new Set(of(model));
    const ever = new Set(always);
    for (let place = from + 1; place <= to; place += 1) {
      if (!STREAMS.channel.has(this.#evidence.history[place - 1]?.stream ?? '')) continue;
      model.follow(this.#evidence.history, place);
      const now = of(model) ?? new Set<string>();
      always = new Set([...always].filter((device) => now.has(device)));
      for (const device of now) ever.add(device);
    }
    return { always, ever };
  }
}

/** Messages begin with their id; JSON payloads are that text in quotes. */
export function idOf(text: string): string {
  return text.replace(/^"/, '').split('|')[0] ?? '';
}
