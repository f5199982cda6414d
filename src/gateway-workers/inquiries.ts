import type { QuestionName, Questions } from './messages.ts';

/** Asks the relay's thread; rejects when that could not answer. */
export type Asker = <Q extends QuestionName>(
  name: Q,
  about: Questions[Q]['about'],
) => Promise<Questions[Q]['answer']>;

interface Waiting {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: Error) => void;
}

/** Answers that are on their way, by the number of their question. */
export class Inquiries {
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;

  /** `send` gets the number under which the answer comes. */
  ask<T>(send: (id: number) => void): Promise<T> {
    this.#last += 1;
    const id = this.#last;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      send(id);
    });
  }

  /** Answers that nobody waits for are ignored. */
  answer(id: number, answer: unknown): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.resolve(answer as never);
  }

  fail(id: number, message: string): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.reject(new Error(message));
  }

  /** Nothing will be answered any more. */
  failAll(message: string): void {
    for (const id of this.#waiting.keys()) this.fail(id, message);
  }
}
