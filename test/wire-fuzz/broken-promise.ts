/** What the server promises on the wire, by the name under which a run reports that it was broken. */
export const RULES = {
  lost: 'a frame that was acknowledged never reached somebody who took part',
  untold: 'a frame was not stored for somebody, and no ACK, ERROR or handshake said so',
  silent: 'a frame counts as received, is not named as refused, and never arrived',
  count: 'the ACK counts other recipients than there were',
  doubled: 'a frame was posted twice, or delivered twice where that is excluded',
  order: 'frames came in another order than they were sent, or in different orders to different devices',
  refused: 'a frame reached somebody although its sender was told that it was refused',
  answer: 'a frame was answered wrongly, twice or never',
  stranger: 'a frame reached somebody who took no part',
  calm: 'storage was said to fail although the disk took everything',
  session: 'a session broke a rule of PROTOCOL.md 7 or 11',
} as const;

export type Rule = keyof typeof RULES;

/** A promise of PROTOCOL.md that a run has seen broken. */
export class BrokenPromise extends Error {
  readonly rule: Rule;

  constructor(rule: Rule, message: string) {
    super(`${rule}: ${message}`);
    this.name = 'BrokenPromise';
    this.rule = rule;
  }
}

/** Reports broken promises, of all rules or of those that somebody asked for. */
export class Judge {
  readonly #rules: ReadonlySet<Rule> | undefined;

  /** @param rules the only ones that count; default: all */
  constructor(rules?: readonly Rule[]) {
    this.#rules = rules === undefined ? undefined : new Set(rules);
  }

  /** @throws BrokenPromise unless the condition holds */
  demand(condition: boolean, rule: Rule, message: () => string): void {
    if (!condition && (this.#rules?.has(rule) ?? true)) throw new BrokenPromise(rule, message());
  }
}
