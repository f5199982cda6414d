import type { Mailbox } from '../../delivery/mailboxes/mailbox.ts';
import type { Mailboxes } from '../../delivery/mailboxes/mailboxes.ts';
import type { ChannelRoute } from './route.ts';

/** Which channel a number means for a device. Numbers are scoped by device: nobody can squat one for others. */
export class RouteTable {
  readonly #mailboxes: Mailboxes;
  readonly #routes = new Map<string, Map<number, ChannelRoute>>();
  /** Hears of every device that takes part in a channel from now on. */
  onEnter: ((device: string, route: ChannelRoute) => void) | undefined;

  constructor(mailboxes: Mailboxes) {
    this.#mailboxes = mailboxes;
  }

  get(device: string, number: number): ChannelRoute | undefined {
    return this.#routes.get(device)?.get(number);
  }

  mailbox(device: string): Mailbox {
    return this.#mailboxes.mailbox(device);
  }

  /** How many channels the device takes part in. */
  count(device: string): number {
    return this.#routes.get(device)?.size ?? 0;
  }

  /** The channels that the device takes part in. */
  *of(device: string): Generator<ChannelRoute> {
    yield* this.#routes.get(device)?.values() ?? [];
  }

  /** Whether both devices take part in some channel. */
  haveCommon(one: string, other: string): boolean {
    const [few, many] = this.count(one) <= this.count(other) ? [one, other] : [other, one];
    for (const route of this.of(few)) {
      if (this.takesPart(many, route)) return true;
    }
    return false;
  }

  takesPart(device: string, route: ChannelRoute): boolean {
    return this.get(device, route.number) === route;
  }

  /** The device takes part from now on. */
  enter(route: ChannelRoute, device: string): void {
    route.add(this.#mailboxes.mailbox(device));
    let numbers = this.#routes.get(device);
    if (numbers === undefined) {
      numbers = new Map();
      this.#routes.set(device, numbers);
    }
    numbers.set(route.number, route);
    this.onEnter?.(device, route);
  }

  /** The device takes part no more. */
  leave(route: ChannelRoute, device: string): void {
    route.remove(this.#mailboxes.mailbox(device));
    const numbers = this.#routes.get(device);
    if (numbers?.get(route.number) === route) {
      numbers.delete(route.number);
      if (numbers.size === 0) this.#routes.delete(device);
    }
  }
}
