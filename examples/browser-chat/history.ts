import type { Side } from './view.ts';

export interface Line {
  readonly side: Side;
  readonly text: string;
}

const KEPT_AS = 'history';
const MOST_LINES = 200;

/** What was said, for a reload of the tab: the server forgets a message as soon as it was delivered. */
export class History {
  #lines: readonly Line[];

  constructor() {
    this.#lines = JSON.parse(sessionStorage.getItem(KEPT_AS) ?? '[]') as Line[];
  }

  get lines(): readonly Line[] {
    return this.#lines;
  }

  add(line: Line): void {
    this.#lines = [...this.#lines, line].slice(-MOST_LINES);
    sessionStorage.setItem(KEPT_AS, JSON.stringify(this.#lines));
  }
}
