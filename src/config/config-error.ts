import { CommuCatError } from '../ports/commucat-error.ts';

/** One thing that is wrong with the configuration. */
export interface ConfigProblem {
  /** The file, or `environment`, or `--set`, or `defaults`. */
  readonly file: string;
  /** From 1; `undefined` where a line does not apply or could not be found. */
  readonly line: number | undefined;
  /** `section.key` in files and overrides, the variable's name in the environment; empty: the source as a whole. */
  readonly key: string;
  /** What is there, quoted; secrets are described, never shown. */
  readonly found: string;
  readonly allowed: string;
}

function sentence({ file, line, key, found, allowed }: ConfigProblem): string {
  const place = line === undefined ? file : `${file}:${line}`;
  return `${place}: ${key === '' ? '' : `${key}: `}found ${found}; allowed: ${allowed}`;
}

/** The configuration cannot be used. Lists every problem at once. */
export class ConfigError extends CommuCatError {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super('CONFIG_INVALID', ['the configuration is not valid', ...problems.map(sentence)].join('\n  '));
    this.problems = problems;
  }
}
