import assert from 'node:assert/strict';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { serialAfter, serialNext } from '../../src/protocol/serial.ts';
import type { SeenFrame, TestClient } from '../simulation/test-client.ts';

/** What a device needs of its connection. */
export interface ModelClient {
  readonly facts: {
    readonly inbox?: { readonly confirmed: number } | undefined;
    readonly resume?: { readonly received: number } | undefined;
  };
  /** What has come; the device takes it out. */
  readonly frames: SeenFrame[];
  /** Set when the server ended the session. */
  readonly endedBecause: string | undefined;
  post(type: number, channel: number, body: unknown, sequence: number): void;
}

export interface Upstream {
  readonly id: string;
  readonly type: number;
  readonly channel: number;
  readonly body: string;
  readonly sequence: number;
}

export interface Arrival {
  readonly type: number;
  readonly channel: number;
  readonly text: string;
}

/** What a run wants to know while frames come in. */
export interface Watcher {
  acknowledged(device: AnyDevice, upstream: Upstream): void;
  live(device: AnyDevice, frame: SeenFrame): void;
}

/** A device over whatever connection. */
export type AnyDevice = ModelDevice<ModelClient>;

const HARMLESS_ENDS = new Set(['replaced', 'storage_unavailable']);

/**
 * A client as PROTOCOL.md wants it, and its memory, which outlives its connections: what it has processed, and what it
 * has sent without an answer. It checks everything that comes against what the server promised.
 */
export class ModelDevice<Client extends ModelClient = TestClient> {
  readonly name: string;
  readonly confirms: boolean;
  readonly resumes: boolean;
  readonly eager: boolean;
  client: Client | undefined;
  connecting = false;
  /** Highest inbox number that is processed, and highest one confirmed. */
  processed: number;
  confirmed: number;
  sequence: number;
  unanswered: Upstream[] = [];
  /** Sequences of durable frames that were acknowledged. */
  highestAcknowledged: number | undefined;
  /** Channels that it wants to be in, with the members that its last JOIN named. */
  readonly wanted = new Map<number, readonly string[]>();
  /** With `delivery-ack`: by inbox number. */
  readonly processedFrames = new Map<number, Arrival>();
  /** Without: everything, as it came. */
  readonly arrivals: Arrival[] = [];
  repetitions = 0;
  /** The server ended a session that may not have known what had arrived. */
  cutOff = false;
  refusals: string[] = [];
  /** Inbox number that must come next in this session. */
  #expected = 0;

  constructor(name: string, kind: { confirms: boolean; resumes: boolean; eager: boolean; start: number }) {
    this.name = name;
    this.confirms = kind.confirms;
    this.resumes = kind.resumes;
    this.eager = kind.eager;
    this.processed = kind.start;
    this.confirmed = kind.start;
    this.sequence = kind.resumes ? kind.start : 2;
  }

  get capabilities(): string[] {
    return [...(this.confirms ? ['delivery-ack'] : []), ...(this.resumes ? ['resume'] : [])];
  }

  /** The session begins: JOINs again, then what has no answer, with its old sequences. */
  begin(client: Client, confirmAtOnce: boolean): void {
    this.client = client;
    const { inbox, resume } = client.facts;
    if (this.confirms) {
      assert.ok(inbox !== undefined, 'delivery-ack is granted');
      assert.ok(
        !serialAfter(inbox.confirmed, this.confirmed),
        'the server knows of no confirmation that was never sent',
      );
      this.#expected = serialNext(inbox.confirmed);
      if (confirmAtOnce) this.confirm(this.processed);
    }
    if (this.resumes) {
      const received = resume?.received ?? assert.fail('resume is granted');
      assert.ok(!serialAfter(received, this.sequence), 'the server has no sequence that was never sent');
      const acknowledged = this.highestAcknowledged;
      assert.ok(
        acknowledged === undefined || !serialAfter(acknowledged, received),
        'what was acknowledged is received',
      );
      this.unanswered = this.unanswered.filter(({ sequence }) => serialAfter(sequence, received));
    } else {
      this.unanswered = [];
      this.sequence = 2;
    }
    for (const [channel, members] of this.wanted) {
      client.post(FRAME.JOIN, channel, { members }, this.nextSequence());
    }
    this.sendAgain();
  }

  nextSequence(): number {
    this.sequence = serialNext(this.sequence);
    return this.sequence;
  }

  /** Sends, or only notes that it sent: bytes that the network lost. */
  send(type: number, channel: number, id: string, body: string, lost = false): void {
    const upstream = { id, type, channel, body, sequence: this.nextSequence() };
    if (type !== FRAME.TYPING) this.unanswered.push(upstream);
    if (!lost) this.client?.post(type, channel, body, upstream.sequence);
  }

  sendAgain(): void {
    for (const { type, channel, body, sequence } of this.unanswered) {
      this.client?.post(type, channel, body, sequence);
    }
  }

  confirm(number: number): void {
    if (serialAfter(number, this.confirmed)) this.confirmed = number;
    this.client?.post(FRAME.ACK, 0, { ack: number }, this.nextSequence());
  }

  /** Handles what has come since the last time. */
  absorb(watcher: Watcher): void {
    const { client } = this;
    if (client === undefined) return;
    for (const frame of client.frames.splice(0)) this.#handle(frame, watcher);
    if (client.endedBecause !== undefined) {
      assert.ok(HARMLESS_ENDS.has(client.endedBecause), `${this.name} was ended: ${client.endedBecause}`);
      this.client = undefined;
      this.cutOff = true;
    } else if (this.eager && this.confirms && serialAfter(this.processed, this.confirmed)) {
      this.confirm(this.processed);
    }
  }

  #handle(frame: SeenFrame, watcher: Watcher): void {
    switch (frame.type) {
      case FRAME.ACK:
        this.#answered(frame.json.ack, watcher);
        break;
      case FRAME.ERROR:
        this.#error(frame);
        break;
      case FRAME.TYPING:
        watcher.live(this, frame);
        break;
      default:
        if (this.confirms) {
          this.#numbered(frame);
        } else {
          this.arrivals.push({ type: frame.type, channel: frame.channel, text: frame.text });
        }
    }
  }

  #answered(sequence: number, watcher: Watcher): void {
    const upstream = this.unanswered.find((one) => one.sequence === sequence);
    if (upstream !== undefined) {
      this.unanswered = this.unanswered.filter((one) => one !== upstream);
      if (this.highestAcknowledged === undefined || serialAfter(sequence, this.highestAcknowledged)) {
        this.highestAcknowledged = sequence;
      }
      watcher.acknowledged(this, upstream);
    }
  }

  #error(frame: SeenFrame): void {
    const { error, ack, from, to } = frame.json;
    if (error === 'expired') {
      assert.ok(this.confirms, 'only a device that confirms is told of gaps');
      assert.ok(this.#follows(from), `gap ${from} to ${to} begins where ${this.#expected} was due`);
      this.#expected = serialNext(to);
      return;
    }
    this.refusals.push(error);
    // Storage failed: the frame may be sent again. Everything else is an answer for good.
    if (ack !== undefined && !(error === 'storage' && this.resumes)) {
      this.unanswered = this.unanswered.filter(({ sequence }) => sequence !== ack);
    }
    assert.notEqual(error, 'unknown_inbox_number');
    assert.notEqual(error, 'malformed');
  }

  #numbered(frame: SeenFrame): void {
    const number = frame.sequence;
    assert.ok(
      this.#follows(number),
      `${this.name}: inbox number ${number} came where ${this.#expected} was due`,
    );
    this.#expected = serialNext(number);
    const arrival = { type: frame.type, channel: frame.channel, text: frame.text };
    if (serialAfter(number, this.processed)) {
      this.processed = number;
      this.processedFrames.set(number, arrival);
      return;
    }
    this.repetitions += 1;
    const first = this.processedFrames.get(number);
    // A number below the last one that never came had expired, and was announced as such.
    assert.deepEqual(arrival, first, 'the same inbox number carries the same frame');
  }

  /** The number that is due, or the one behind a confirmation that the server has learned of meanwhile. */
  #follows(number: number): boolean {
    return (
      number === this.#expected ||
      (serialAfter(number, this.#expected) && !serialAfter((number - 1) >>> 0, this.confirmed))
    );
  }
}
