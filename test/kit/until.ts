import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';

/** Time that a test lets pass, bit by bit: the real one, or a scheduler's. */
export interface PassingTime {
  /** Resolves when a bit of it has passed; false: it is over, nothing more will happen. */
  pass(): Promise<boolean>;
}

/** Looks between which only the event loop turns; the later ones are further apart. */
const QUICK_LOOKS = 20;
const LOOK_MS = 5;

/**
 * Lets time pass until the condition holds; a condition that throws ends it.
 *
 * @param what names the condition in the error
 * @throws Error when the time is over before
 */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what: string,
  time: PassingTime = within(60_000),
): Promise<void> {
  while (!(await holds())) {
    if (!(await time.pass())) throw new Error(`${what} does not come about`);
  }
}

/** So many milliseconds of real time: a deadline that a busy machine does not reach. */
export function within(milliseconds: number): PassingTime {
  const end = performance.now() + milliseconds;
  let looks = 0;
  return {
    async pass() {
      looks += 1;
      await (looks > QUICK_LOOKS ? delay(LOOK_MS) : turn());
      return performance.now() < end;
    },
  };
}

/** Real time passes, whatever happens. */
export async function pause(milliseconds: number): Promise<void> {
  await delay(milliseconds);
}
