import type { Dispatch } from './dispatch.ts';

/** A request whose effect on who takes part is not known yet. */
export interface Request {
  /** Its answer will never come: the session is gone and the device does not send it again. */
  lost: boolean;
}

interface Standing {
  takesPart: boolean;
  isOut: boolean;
  readonly joining: Set<Request>;
  readonly leaving: Set<Request>;
  /** Requests that were on their way at the same time as one to the contrary: nobody knows which came first. */
  readonly crossed: Set<Request>;
}

/**
 * A conversation, and who takes part in it as far as the answers on the wire tell. Between a request and its answer
 * nothing is sure: such a device may get a frame and need not.
 */
export class Room {
  readonly number: number;
  /** The id, when it is a group. */
  readonly group: string | undefined;
  /** Set once the group is known to exist. */
  exists: boolean;
  /** Calls that were offered here. */
  readonly calls: string[] = [];
  /** Frames whose fate is not known yet. */
  readonly #open = new Set<Dispatch>();
  readonly #standings = new Map<string, Standing>();

  constructor(number: number, group: string | undefined, devices: readonly string[]) {
    this.number = number;
    this.group = group;
    this.exists = group === undefined;
    for (const device of devices) {
      this.#standings.set(device, {
        takesPart: false,
        isOut: true,
        joining: new Set(),
        leaving: new Set(),
        crossed: new Set(),
      });
    }
  }

  /** The creation of the group is on its way: with it, its owner takes part. */
  createdBy(device: string, creation: Request): void {
    this.joinSent(device, creation);
  }

  created(device: string, creation: Request, accepted: boolean): void {
    this.exists = accepted;
    this.joinAnswered(device, creation, accepted);
  }

  /** Devices that take part for sure. */
  get participants(): string[] {
    return this.#where(({ takesPart }) => takesPart);
  }

  /** Devices that take no part for sure. */
  get outsiders(): string[] {
    return this.#where(({ isOut }) => isOut);
  }

  /** Whether something is on its way that may take the device out. */
  isLeaving(device: string): boolean {
    return this.#standing(device).leaving.size > 0;
  }

  /** A frame is on its way into this room until its fate is known. */
  follow(dispatch: Dispatch): void {
    this.#open.add(dispatch);
  }

  settled(dispatch: Dispatch): void {
    this.#open.delete(dispatch);
  }

  joinSent(device: string, request: Request): void {
    const standing = this.#standing(device);
    standing.joining.add(request);
    cross(standing, request, standing.leaving);
    standing.isOut = false;
    for (const { outsiders } of this.#open) outsiders.delete(device);
  }

  joinAnswered(device: string, request: Request, accepted: boolean): void {
    const standing = this.#standing(device);
    standing.joining.delete(request);
    if (standing.crossed.delete(request)) return;
    if (accepted && standing.leaving.size === 0) standing.takesPart = true;
  }

  /** Something was sent that may take the device out: by itself or by somebody else. */
  leaveSent(device: string, request: Request): void {
    const standing = this.#standing(device);
    standing.leaving.add(request);
    cross(standing, request, standing.joining);
    standing.takesPart = false;
    for (const { sure } of this.#open) sure.delete(device);
  }

  leaveAnswered(device: string, request: Request, accepted: boolean): void {
    const standing = this.#standing(device);
    standing.leaving.delete(request);
    if (standing.crossed.delete(request)) return;
    if (accepted && standing.joining.size === 0) standing.isOut = true;
  }

  /** Nothing is on its way any more: what was lost without an answer has had its effect, or never will. */
  rest(): void {
    for (const dispatch of this.#open) {
      if (dispatch.lost) this.#open.delete(dispatch);
    }
    for (const { crossed, joining, leaving } of this.#standings.values()) {
      for (const requests of [crossed, joining, leaving]) {
        for (const request of requests) {
          if (request.lost) requests.delete(request);
        }
      }
    }
  }

  #standing(device: string): Standing {
    const standing = this.#standings.get(device);
    if (standing === undefined) throw new Error(`${device} is no device of this run`);
    return standing;
  }

  #where(holds: (standing: Standing) => boolean): string[] {
    return [...this.#standings].flatMap(([device, standing]) => (holds(standing) ? [device] : []));
  }
}

function cross({ crossed }: Standing, request: Request, others: ReadonlySet<Request>): void {
  if (others.size === 0) return;
  crossed.add(request);
  for (const other of others) crossed.add(other);
}
