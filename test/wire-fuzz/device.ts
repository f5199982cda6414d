import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import type { Arrived, Connection, Weather, Welcome } from './connection.ts';
import { type Dispatch, idOf } from './dispatch.ts';
import { type Draft, describe, type Ledger } from './ledger.ts';
import { type Pending, PendingRequests } from './pending-requests.ts';
import type { Room } from './room.ts';

/** Refusals for good that a run can cause although every frame in it is well formed. */
const HARMLESS = new Set([
  'mailbox_full',
  'unknown_channel',
  'not_a_member',
  'forbidden',
  'unknown_group',
  'unknown_call',
  'unknown_device',
  'limit',
  'rate_limited',
  'call_alone',
]);
const ENDS = new Set(['storage_unavailable', 'connection_lost', 'shutting_down']);

/**
 * A client as PROTOCOL.md wants it, with the memory that outlives its connections. It holds everything that comes
 * against what the server has promised, and tells the ledger.
 */
export class FuzzDevice {
  readonly name: string;
  /** Capabilities `delivery-ack` and `resume`. */
  readonly confirms: boolean;
  readonly resumes: boolean;
  /** Confirms what it has as soon as it has it. */
  readonly eager: boolean;
  connection: Connection | undefined;
  /** When the session began. */
  #since = 0;
  connecting = false;
  /** Highest inbox number that is processed, and highest one confirmed. */
  processed = 0;
  confirmed = 0;
  /** Numbers that were announced as expired. */
  readonly gaps = new Set<number>();
  /** With `delivery-ack`: what came under which number. */
  readonly inbox = new Map<number, string>();
  /** Everything, as it came for the first time. */
  readonly arrivals: string[] = [];
  repetitions = 0;
  /** Frames of which the device was told that its mailbox had no room for them. */
  missed = 0;
  /** A session may have ended without the server knowing what had arrived. */
  cutOff = false;
  sequence = 2;
  /** Durable frames without an answer, in their order. */
  unanswered: Dispatch[] = [];
  readonly wanted = new Set<Room>();
  #epoch: string | undefined;
  readonly #ledger: Ledger;
  readonly #weather: Weather;
  readonly #members: () => readonly string[];
  readonly #pending = new PendingRequests();
  #highestSent = 0;
  #highestAcknowledged = 0;
  #next = 1;
  /** Inbox number that must come next in this session. */
  #expected = 0;
  /** Place of the last frame of each sender in this session. */
  #heard = new Map<string, number>();

  constructor(
    name: string,
    kind: { readonly confirms: boolean; readonly resumes: boolean; readonly eager: boolean },
    ledger: Ledger,
    weather: Weather,
    members: () => readonly string[],
  ) {
    this.name = name;
    this.confirms = kind.confirms;
    this.resumes = kind.resumes;
    this.eager = kind.eager;
    this.#ledger = ledger;
    this.#weather = weather;
    this.#members = members;
  }

  get capabilities(): string[] {
    return [...(this.confirms ? ['delivery-ack'] : []), ...(this.resumes ? ['resume'] : [])];
  }

  /** Requests of this session that have no answer yet. */
  get waiting(): number {
    return this.#pending.size;
  }

  /** The session begins: JOINs again, then what has no answer, with its old sequences. */
  begin(connection: Connection, confirmAtOnce: boolean): void {
    this.connection = connection;
    this.#since = this.#weather.now();
    this.#heard = new Map();
    this.#beginInbox(connection.welcome);
    this.#beginResume(connection.welcome);
    if (this.confirms && confirmAtOnce) this.confirm(this.processed);
    for (const room of this.wanted) this.join(room);
    this.sendAgain();
  }

  /** The session is over, for the device at least: what it asked and what it did not hear is lost. */
  end(): void {
    this.connection = undefined;
    this.cutOff = true;
    this.#pending.lose();
    if (!this.resumes) {
      for (const dispatch of this.unanswered) this.#ledger.settle(dispatch, { is: 'unknown' });
      this.unanswered = [];
    }
  }

  /**
   * Everything has come, and a new session has begun: numbers behind the last one that came can only have expired. They
   * would be announced with the next frame.
   */
  noteTail(mayHaveExpired: boolean): void {
    const isComplete = !this.isBehind || mayHaveExpired;
    this.#demand(isComplete, 'lost', () => `has ${this.#last} frames, and the next one is ${this.#next}`);
    for (let number = this.#last + 1; number < this.#next; number += 1) this.gaps.add(number);
  }

  /** The session began with stored frames that neither came nor were said to have expired. */
  get isBehind(): boolean {
    return this.#last + 1 < this.#next;
  }

  get #last(): number {
    return Math.max(this.processed, ...this.gaps);
  }

  join(room: Room): void {
    this.wanted.add(room);
    const body = room.group === undefined ? { members: this.#members() } : { group_id: room.group };
    const request: Pending = {
      lost: false,
      answered: (accepted, code) => {
        room.joinAnswered(this.name, request, accepted);
        if (!accepted && code !== 'storage') this.wanted.delete(room);
      },
    };
    room.joinSent(this.name, request);
    this.#request(FRAME.JOIN, room.number, body, request);
  }

  /** LEAVE: of a group it only pauses. */
  leave(room: Room): void {
    this.wanted.delete(room);
    const request: Pending = {
      lost: false,
      answered: (accepted) => room.leaveAnswered(this.name, request, accepted),
    };
    room.leaveSent(this.name, request);
    this.#request(FRAME.LEAVE, room.number, {}, request);
  }

  /** Sends a durable frame. `lost`: into a network that is gone already. */
  send(draft: Omit<Draft, 'sender' | 'sequence' | 'resumable'>, lost = false): Dispatch {
    const sequence = this.#nextSequence();
    this.#highestSent = sequence;
    const dispatch = this.#ledger.write({
      ...draft,
      sender: this.name,
      sequence,
      resumable: this.resumes,
    });
    this.unanswered.push(dispatch);
    if (!lost) this.#post(dispatch);
    return dispatch;
  }

  /** A live frame: nothing is promised of it but an answer. */
  type(room: Room): void {
    this.#request(
      FRAME.TYPING,
      room.number,
      { device: this.name },
      { lost: false, answered: () => undefined },
    );
  }

  sendAgain(): void {
    for (const dispatch of this.unanswered) this.#post(dispatch);
  }

  confirm(number: number): void {
    this.confirmed = Math.max(this.confirmed, number);
    this.connection?.post(FRAME.ACK, 0, JSON.stringify({ ack: number }), this.#nextSequence());
  }

  /** Handles what has come since the last time. */
  absorb(): void {
    const { connection } = this;
    if (connection === undefined) return;
    for (const frame of connection.frames.splice(0)) this.#handle(frame);
    const { endedBecause } = connection;
    if (endedBecause !== undefined) {
      this.#demand(ENDS.has(endedBecause), 'session', () => `was ended: ${endedBecause}`);
      if (endedBecause === 'storage_unavailable') this.#demandStorm('its session was ended');
      this.end();
    } else if (this.eager && this.confirms && this.processed > this.confirmed) {
      this.confirm(this.processed);
    }
  }

  #beginInbox({ inbox }: Welcome): void {
    if (!this.confirms) return;
    this.#demand(inbox !== undefined, 'session', () => 'is not granted delivery-ack');
    const { confirmed = 0, next = 1, epoch } = inbox ?? {};
    this.#demand(confirmed <= this.confirmed, 'session', () => `${confirmed} was never confirmed`);
    this.#demand(
      next >= this.#next,
      'session',
      () => `the next inbox number falls from ${this.#next} to ${next}`,
    );
    this.#demand(next > this.processed, 'session', () => `next is ${next}, but ${this.processed} has come`);
    this.#demand(
      this.#epoch === undefined || epoch === this.#epoch,
      'session',
      () => 'the epoch has changed',
    );
    this.#epoch = epoch;
    this.#next = next;
    this.#expected = confirmed + 1;
  }

  #beginResume({ resume }: Welcome): void {
    if (!this.resumes) {
      this.sequence = 2;
      return;
    }
    this.#demand(resume !== undefined, 'session', () => 'is not granted resume');
    const received = resume?.received ?? 0;
    this.#demand(received <= this.#highestSent, 'session', () => `${received} was never sent`);
    this.#demand(
      received >= this.#highestAcknowledged,
      'lost',
      () => `${this.name}: ${this.#highestAcknowledged} was acknowledged, and ${received} is received`,
    );
    const refused = new Map(resume?.refused?.map(({ sequence, error }) => [sequence, error]));
    for (const dispatch of this.unanswered) {
      const code = refused.get(dispatch.sequence);
      if (code !== undefined) this.#ledger.settle(dispatch, { is: 'refused', code });
      else if (dispatch.sequence <= received) this.#ledger.settle(dispatch, { is: 'received' });
    }
    this.unanswered = this.unanswered.filter(({ fate }) => fate.is === 'open');
  }

  #nextSequence(): number {
    this.sequence += 1;
    return this.sequence;
  }

  #request(type: number, channel: number, body: object, request: Pending): void {
    const sequence = this.#nextSequence();
    this.#pending.expect(sequence, request);
    this.connection?.post(type, channel, JSON.stringify(body), sequence);
  }

  #post(dispatch: Dispatch): void {
    if (this.connection === undefined) return;
    dispatch.attempts += 1;
    this.#pending.expect(dispatch.sequence, { lost: false, answered: () => undefined });
    this.connection.post(dispatch.type, dispatch.room.number, dispatch.body, dispatch.sequence);
  }

  #handle(frame: Arrived): void {
    switch (frame.type) {
      case FRAME.ACK:
        this.#acknowledged(frame);
        break;
      case FRAME.ERROR:
        this.#error(frame);
        break;
      case FRAME.TYPING:
        break;
      default:
        this.#delivered(frame);
    }
  }

  #answer(frame: Arrived): Pending | undefined {
    const sequence: number = frame.json.ack;
    const request = this.#pending.answered(sequence);
    this.#demand(request !== undefined, 'answer', () => `${frame.text} answers nothing that it has sent`);
    return request;
  }

  #acknowledged(frame: Arrived): void {
    const request = this.#answer(frame);
    request?.answered(true, undefined);
    const { ack, stored, not_stored: notStored = 0 } = frame.json;
    const dispatch = this.unanswered.find(({ sequence }) => sequence === ack);
    if (dispatch === undefined) return;
    this.unanswered = this.unanswered.filter((one) => one !== dispatch);
    this.#highestAcknowledged = Math.max(this.#highestAcknowledged, this.resumes ? ack : 0);
    // Only sessions with an extension are told.
    const says = stored !== undefined || dispatch.attempts > 1 || this.capabilities.length === 0;
    this.#demand(says, 'count', () => `is not told for how many devices ${describe(dispatch)} was stored`);
    this.#ledger.settle(dispatch, { is: 'acknowledged', stored, notStored });
  }

  #error(frame: Arrived): void {
    const { error, ack, from, to, missed } = frame.json;
    if (error === 'expired') {
      this.#demand(
        this.confirms && this.#follows(from),
        'session',
        () => `gap from ${from}, ${this.#expected} is due`,
      );
      for (let number: number = from; number <= to; number += 1) this.gaps.add(number);
      this.#expected = to + 1;
      return;
    }
    if (missed !== undefined) this.missed += missed;
    if (error === 'storage') this.#demandStorm(frame.text);
    if (ack === undefined) return;
    this.#answer(frame)?.answered(false, error);
    const isHarmless = error === 'storage' || HARMLESS.has(error);
    this.#demand(isHarmless, 'answer', () => `is refused ${frame.text}`);
    const dispatch = this.unanswered.find(({ sequence }) => sequence === ack);
    if (dispatch === undefined || (error === 'storage' && this.resumes)) return;
    // Another copy is on its way, and judged anew (PROTOCOL.md 11.3): its answer is the one that counts.
    if (this.resumes && this.#pending.has(dispatch.sequence)) return;
    this.unanswered = this.unanswered.filter((one) => one !== dispatch);
    this.#ledger.settle(dispatch, { is: 'refused', code: error });
  }

  #delivered(frame: Arrived): void {
    const { type, channel, sequence, text } = frame;
    const id = idOf(type, text) ?? `system ${text}`;
    if (this.confirms) {
      this.#demand(
        this.#follows(sequence),
        'session',
        () => `${sequence} comes where ${this.#expected} is due`,
      );
      this.#expected = sequence + 1;
      if (sequence <= this.processed) {
        this.repetitions += 1;
        const first = this.inbox.get(sequence);
        // A crash forgets the newest counters, and with them that a frame had expired: it is known by its number.
        if (first === undefined && this.gaps.has(sequence)) return;
        this.#demand(first === id, 'session', () => `${sequence} was ${first}, and now it is ${id}`);
        return;
      }
      this.processed = sequence;
      this.inbox.set(sequence, id);
    }
    if (id.startsWith('system ')) {
      this.#hungUp(text);
      return;
    }
    this.#judgeOrder(id);
    if (this.#ledger.arrived(this.name, type, channel, id, text)) {
      this.arrivals.push(id);
      return;
    }
    this.repetitions += 1;
    const mayRepeat = !this.confirms && this.cutOff;
    this.#demand(mayRepeat, 'doubled', () => {
      const dispatch = this.#ledger.get(id);
      return `${dispatch === undefined ? id : describe(dispatch)} comes twice`;
    });
  }

  /** Within a session what one sender has sent comes in its order, and nothing twice, whoever confirms or does not. */
  #judgeOrder(id: string): void {
    const dispatch = this.#ledger.get(id);
    if (dispatch === undefined) return;
    const { sender, place } = dispatch;
    const last = this.#heard.get(sender) ?? 0;
    this.#demand(place > last, 'order', () => `gets ${describe(dispatch)} behind ${sender}#${last}`);
    this.#heard.set(sender, place);
  }

  #hungUp(text: string): void {
    // Whoever does not confirm may get it again after a break.
    if (this.confirms || !this.cutOff) this.#ledger.hungUp(this.name, text);
  }

  /** The number that is due, or the one behind a confirmation that the server has learned of meanwhile. */
  #follows(number: number): boolean {
    return number === this.#expected || (number > this.#expected && number - 1 <= this.confirmed);
  }

  #demandStorm(what: string): void {
    this.#demand(this.#weather.wasRough(this.#since), 'calm', () => what);
  }

  #demand(condition: boolean, rule: Parameters<Ledger['judge']['demand']>[1], what: () => string): void {
    this.#ledger.judge.demand(condition, rule, () => `${this.name} ${what()}`);
  }
}
