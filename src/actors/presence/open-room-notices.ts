import type { Mailbox } from '../../delivery/mailboxes/mailbox.ts';
import type { CancelTimer, Clock } from '../../ports/ports.ts';
import { FRAME } from '../../protocol/frames/frame-types.ts';
import { encodeJson } from '../../protocol/json/json-writer.ts';
import type { Route } from '../routes/route.ts';

export interface OpenRoomNoticeLimits {
  /** Larger rooms tell nobody of changes. */
  readonly members: number;
  /** Milliseconds between two notices of one room: what changes meanwhile is told together. */
  readonly interval: number;
}

/** Changes that a room has not told yet, because it has told something a moment ago. */
interface Untold {
  readonly cancel: CancelTimer;
  joined: boolean;
  readonly left: Set<string>;
}

/**
 * Tells the plaintext sessions in an open room who is there (PROTOCOL.md 10.4): their client writes into a channel only
 * once a frame of it has arrived. A room tells at most once in an interval, so that joining and leaving in a loop does
 * not make every member pay for it.
 */
export class OpenRoomNotices implements Disposable {
  readonly #clock: Clock;
  readonly #limits: OpenRoomNoticeLimits;
  readonly #untold = new Map<Route, Untold>();

  constructor(clock: Clock, limits: OpenRoomNoticeLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /**
   * A JOIN of this device on an open room was acknowledged.
   *
   * @param changed false when the device took part before
   */
  joined(mailbox: Mailbox, route: Route, changed: boolean): void {
    const everybodyKnows = changed && this.#announce(route, undefined);
    if (!everybodyKnows && mailbox.isPlaintext) {
      const members = this.#isSmall(route) ? route.members.map(({ device }) => device) : [mailbox.device];
      mailbox.sendLive(FRAME.JOIN, route.number, encodeJson({ members }));
    }
  }

  /** The device has left the open room, which may have ended with that. */
  left(device: string, route: Route): void {
    this.#announce(route, device);
  }

  [Symbol.dispose](): void {
    for (const { cancel } of this.#untold.values()) cancel();
    this.#untold.clear();
  }

  /** Tells a change, now or with the next notice of the room. True when it was now. */
  #announce(route: Route, left: string | undefined): boolean {
    if (!this.#isSmall(route)) return false;
    const untold = this.#untold.get(route);
    if (untold === undefined) {
      this.#tell(route, left === undefined, left === undefined ? [] : [left]);
      return true;
    }
    if (left === undefined) {
      untold.joined = true;
    } else if (untold.left.size < this.#limits.members) {
      untold.left.add(left);
    }
    return false;
  }

  #tell(route: Route, joined: boolean, left: readonly string[]): void {
    const cancel = this.#clock.after(this.#limits.interval, () => this.#rested(route));
    this.#untold.set(route, { cancel, joined: false, left: new Set() });
    const devices = new Set(route.members.map(({ device }) => device));
    const gone = left.filter((device) => !devices.has(device));
    for (const device of gone) send(route, FRAME.LEAVE, encodeJson({ device }));
    if (joined) send(route, FRAME.JOIN, encodeJson({ members: [...devices] }));
  }

  #rested(route: Route): void {
    const untold = this.#untold.get(route);
    this.#untold.delete(route);
    if (untold !== undefined && (untold.joined || untold.left.size > 0) && this.#isSmall(route)) {
      this.#tell(route, untold.joined, [...untold.left]);
    }
  }

  #isSmall(route: Route): boolean {
    return route.members.length <= this.#limits.members;
  }
}

/** Sends to the plaintext sessions in the room, and to nobody with records. */
function send(route: Route, type: number, payload: Uint8Array): void {
  for (const mailbox of route.members) {
    if (mailbox.isPlaintext) mailbox.sendLive(type, route.number, payload);
  }
}
