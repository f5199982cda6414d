import { readFileSync } from 'node:fs';
import { parse, TomlDate, TomlError } from 'smol-toml';
import { ConfigError, type ConfigProblem } from './config-error.ts';
import { keyRows, SCHEMA } from './schema.ts';
import { closest } from './suggestion.ts';
import { isUnsupportedSection, unsupportedKey } from './unsupported.ts';

/** A key of the file with the value that TOML gives it; not checked yet. */
export interface TomlEntry {
  readonly fullName: string;
  readonly value: unknown;
  readonly line: number | undefined;
}

export interface TomlContent {
  readonly entries: readonly TomlEntry[];
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly string[];
}

/**
 * Reads a configuration file.
 * @throws ConfigError when it cannot be read or is not TOML; unknown keys are returned as problems.
 */
export function readTomlFile(file: string): TomlContent {
  const source = readSource(file);
  const found = new Map<string, unknown>();
  collect(parseSource(file, source), '', found);
  const entries: TomlEntry[] = [];
  const problems: ConfigProblem[] = [];
  const warnings: string[] = [];
  const known = new Set(keyRows().map((row) => row.fullName));
  for (const [fullName, value] of found) {
    const line = lineOf(source, fullName);
    const why = unsupportedKey(fullName);
    if (known.has(fullName)) entries.push({ fullName, value, line });
    else if (why === undefined) problems.push(unknownName({ file, line }, fullName, value, known));
    else warnings.push(`${file}${line === undefined ? '' : `:${line}`}: ${fullName} has no effect: ${why}`);
  }
  return { entries, problems, warnings };
}

/**
 * A value as it stands in the file; a text needs no quotes here, because a shell takes them away.
 * @returns `undefined` for one that begins as TOML and is none
 */
export function parseTomlValue(text: string): unknown {
  const trimmed = text.trim();
  // Numbers and truth values are read from their texts by what the key wants.
  // An IPv6 address with a port begins like a list.
  const isAddress = /^\[[^\]"']*\]:/.test(trimmed);
  const isToml = /^["'[{]/.test(trimmed) && !isAddress;
  const isSpacedNumber = /^[+-]?\d+(?:_\d+)+$/.test(trimmed);
  if (!isToml && !isSpacedNumber) return text;
  try {
    const parsed = parse(`value = ${trimmed}`);
    return Object.keys(parsed).length === 1 ? parsed.value : undefined;
  } catch {
    // Nothing of it is quoted: it may be a secret.
    return undefined;
  }
}

function readSource(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'an error';
    throw new ConfigError([
      { file, line: undefined, key: '', found: code, allowed: 'a file that can be read' },
    ]);
  }
}

function parseSource(file: string, source: string): Readonly<Record<string, unknown>> {
  try {
    return parse(source, { integersAsBigInt: 'asNeeded' });
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    // Only the first line of the message: the rest quotes the file, where secrets may stand.
    const reason = cause.message.split('\n', 1)[0] ?? 'Invalid TOML document';
    const allowed = 'TOML 1.0: [section] headers and key = value lines, texts in double quotes';
    throw new ConfigError([{ file, line: cause.line, key: '', found: reason, allowed }]);
  }
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof TomlDate);
}

const SECTIONS: readonly string[] = Object.values(SCHEMA).map(({ section }) => section);

/** A section, or a table that only holds sections (`security`). */
function isSectionPath(name: string): boolean {
  return (
    SECTIONS.some((section) => section === name || section.startsWith(`${name}.`)) ||
    isUnsupportedSection(name)
  );
}

function collect(table: Readonly<Record<string, unknown>>, prefix: string, into: Map<string, unknown>): void {
  for (const [name, value] of Object.entries(table)) {
    const fullName = prefix === '' ? name : `${prefix}.${name}`;
    if (isTable(value) && isSectionPath(fullName)) collect(value, fullName, into);
    else into.set(fullName, value);
  }
}

function unknownName(
  place: Pick<ConfigProblem, 'file' | 'line'>,
  fullName: string,
  value: unknown,
  known: Iterable<string>,
): ConfigProblem {
  if (isSectionPath(fullName)) {
    return { ...place, key: fullName, found: 'a value', allowed: `a section [${fullName}]` };
  }
  const isSection = isTable(value);
  const guess = closest(fullName, isSection ? SECTIONS : known);
  const allowed = guess === undefined ? 'the names in docs/configuration.md' : `did you mean ${guess}?`;
  return { ...place, key: fullName, found: isSection ? 'an unknown section' : 'an unknown key', allowed };
}

/**
 * The line on which a key stands: the parser does not tell. Knows `[section]` headers, plain and quoted keys and dotted
 * ones; a key inside an inline table or a multi-line text that looks like a key is beyond it.
 */
function lineOf(source: string, fullName: string): number | undefined {
  let section = '';
  const lines = source.split('\n');
  for (const [index, raw] of lines.entries()) {
    const header = /^\s*\[{1,2}([^\]]+)\]/.exec(raw);
    if (header !== null) {
      section = plainName(header[1] ?? '');
      if (section === fullName) return index + 1;
      continue;
    }
    const assignment = /^\s*([A-Za-z0-9_."' -]+?)\s*=/.exec(raw);
    if (assignment === null) continue;
    const name = plainName(assignment[1] ?? '');
    if ((section === '' ? name : `${section}.${name}`) === fullName) return index + 1;
  }
  return undefined;
}

function plainName(name: string): string {
  return name.replaceAll(/[\s"']/g, '');
}
