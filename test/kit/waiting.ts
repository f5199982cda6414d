import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';

/** Time that a test lets pass, bit by bit: the real one, or a scheduler's. */
export interface PassingTime {
  /** Resolves when a bit of it has passed; false: it is over, nothing more will happen. */
  pass(): Promise<boolean>;
}

/** Looks between which only the event loop turns; the later ones are further apart. */
const QUICK_LOOKS = 20;
const LOOK_MS = 5;
/** What no busy machine needs. */
const DEADLINE_MS = 60_000;

/**
 * Lets time pass until the condition holds; a condition that throws ends it.
 *
 * @param what names the condition in the error
 * @param time real time by default, and a deadline that a busy machine does not reach
 * @throws Error when the time is over before
 */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what = 'the condition',
  time: PassingTime = within(DEADLINE_MS),
): Promise<void> {
  if (!(await comesAbout(holds, time))) throw new Error(`${what} does not come about`);
}

/** Lets time pass until the condition holds; false when the time is over before. */
export async function comesAbout(
  holds: () => boolean | Promise<boolean>,
  time: PassingTime,
): Promise<boolean> {
  while (!(await holds())) {
    if (!(await time.pass())) return await holds();
  }
  return true;
}

/** So many milliseconds of real time, with looks at most so far apart. */
export function within(milliseconds: number, lookMs = LOOK_MS): PassingTime {
  const end = performance.now() + milliseconds;
  let looks = 0;
  return {
    async pass() {
      looks += 1;
      await (looks > QUICK_LOOKS ? delay(lookMs) : turn());
      return performance.now() < end;
    },
  };
}

/** Real time passes, whatever happens. */
export async function pause(milliseconds: number): Promise<void> {
  await delay(milliseconds);
}

/** Turns of the event loop, in each of which every promise that can go on goes on. */
export async function turns(count = 1): Promise<void> {
  for (let done = 0; done < count; done += 1) await turn();
}
