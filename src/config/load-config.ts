import { existsSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { addressOf, type Config } from './config.ts';
import { ConfigError, type ConfigProblem } from './config-error.ts';
import { isLoopback } from './network.ts';
import { type KeyRow, keyRows } from './schema.ts';
import { closest } from './suggestion.ts';
import { parseTomlValue, readTomlFile } from './toml-file.ts';
import { unsupportedKey, unsupportedVariable } from './unsupported.ts';
import { allowedFor, type ConfigValue, checkValue, describeFound } from './value.ts';
import { type Runtime, whyNoWorkers } from './worker-support.ts';

export interface LoadConfigOptions {
  /** Must exist. Without it: `COMMUCAT_CONFIG`, else `commucat.toml` in the working directory if there is one. */
  readonly file?: string;
  /** Usually `process.env`. An empty variable counts as absent. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `section.key=value`, the strongest source; of two for one key the later wins. */
  readonly overrides?: readonly string[];
  /** By `section.key`: used where no other source says anything; stronger than the table's own defaults. */
  readonly defaults?: Readonly<Record<string, string | number | boolean>>;
  /** Relative paths of the environment, of overrides and of defaults start here. @default the working directory */
  readonly workingDirectory?: string;
  /** What the server runs on. @default this process's */
  readonly runtime?: Runtime;
}

/** A raw value and where it came from. */
interface Raw {
  readonly value: unknown;
  readonly file: string;
  readonly line: number | undefined;
  /** The key as this source spells it. */
  readonly key: string;
  /** Folder that relative paths start at. */
  readonly base: string;
}

interface Gathering {
  readonly rows: ReadonlyMap<string, KeyRow>;
  readonly raw: Map<string, Raw>;
  readonly problems: ConfigProblem[];
  readonly warnings: string[];
  readonly workingDirectory: string;
  readonly runtime: Runtime;
}

/**
 * Merges, from weak to strong: table defaults, `defaults`, the file, the environment, `overrides`; checks everything.
 * @throws ConfigError with every problem found, not only the first.
 */
export function loadConfig(options: LoadConfigOptions): Config {
  const workingDirectory = options.workingDirectory ?? process.cwd();
  const rows = new Map(keyRows().map((row) => [row.fullName, row]));
  const runtime = options.runtime ?? { platform: process.platform, node: process.versions.node };
  const gathering: Gathering = {
    rows,
    raw: new Map(),
    problems: [],
    warnings: [],
    workingDirectory,
    runtime,
  };
  const file = configFile(options, workingDirectory);
  for (const [fullName, value] of Object.entries(options.defaults ?? {})) {
    put(gathering, 'defaults', fullName, value);
  }
  if (file !== undefined) takeFile(gathering, file);
  takeEnvironment(gathering, options.env);
  for (const override of options.overrides ?? []) takeOverride(gathering, override);

  const values = check(gathering, file ?? 'configuration');
  if (gathering.problems.length > 0) throw new ConfigError(gathering.problems);
  return assemble(gathering, values, file);
}

function configFile(options: LoadConfigOptions, workingDirectory: string): string | undefined {
  const named = options.file ?? (options.env.COMMUCAT_CONFIG || undefined);
  if (named !== undefined) return resolve(workingDirectory, named);
  const usual = resolve(workingDirectory, 'commucat.toml');
  return existsSync(usual) ? usual : undefined;
}

function put(gathering: Gathering, file: string, fullName: string, value: unknown): void {
  const why = unsupportedKey(fullName);
  if (gathering.rows.has(fullName)) {
    const base = gathering.workingDirectory;
    gathering.raw.set(fullName, { value, file, line: undefined, key: fullName, base });
  } else if (why === undefined) {
    const guess = closest(fullName, gathering.rows.keys());
    const allowed = guess === undefined ? 'the names in docs/configuration.md' : `did you mean ${guess}?`;
    gathering.problems.push({ file, line: undefined, key: fullName, found: 'an unknown key', allowed });
  } else {
    gathering.warnings.push(`${file}: ${fullName} has no effect: ${why}`);
  }
}

function takeFile(gathering: Gathering, file: string): void {
  const content = readTomlFile(file);
  gathering.problems.push(...content.problems);
  gathering.warnings.push(...content.warnings);
  for (const { fullName, value, line } of content.entries) {
    gathering.raw.set(fullName, { value, file, line, key: fullName, base: dirname(file) });
  }
}

/** Variables that other parts of the program and its tests read. */
const OTHER_VARIABLES = new Set(['COMMUCAT_CONFIG', 'COMMUCAT_VERSION', 'COMMUCAT_VECTORS']);

function takeEnvironment(gathering: Gathering, env: LoadConfigOptions['env']): void {
  const byVariable = new Map([...gathering.rows.values()].map((row) => [row.env, row]));
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith('COMMUCAT_') || value === undefined || value === '') continue;
    const row = byVariable.get(variable);
    const why = unsupportedVariable(variable);
    if (row !== undefined) {
      const base = gathering.workingDirectory;
      gathering.raw.set(row.fullName, { value, file: 'environment', line: undefined, key: variable, base });
    } else if (why !== undefined) {
      gathering.warnings.push(`environment: ${variable} has no effect: ${why}`);
    } else if (!OTHER_VARIABLES.has(variable) && !variable.startsWith('COMMUCAT_TEST_')) {
      // The environment is shared with other programs: a stranger is no error.
      const guess = closest(variable, byVariable.keys());
      const hint = guess === undefined ? '' : `; did you mean ${guess}?`;
      gathering.warnings.push(`environment: ${variable} is not known and has no effect${hint}`);
    }
  }
}

function takeOverride(gathering: Gathering, override: string): void {
  const equals = override.indexOf('=');
  if (equals > 0) {
    const fullName = override.slice(0, equals).trim();
    const value = parseTomlValue(override.slice(equals + 1));
    if (value !== undefined) {
      put(gathering, '--set', fullName, value);
      return;
    }
    const allowed = 'a value as in the file, its brackets and quotes closed; or a text without any';
    gathering.problems.push({
      file: '--set',
      line: undefined,
      key: fullName,
      found: 'a broken value',
      allowed,
    });
    return;
  }
  const problem = {
    file: '--set',
    line: undefined,
    key: '',
    found: 'a text without "="',
    allowed: 'section.key=value',
  };
  gathering.problems.push(problem);
}

type Values = Map<string, ConfigValue | undefined>;

function check(gathering: Gathering, place: string): Values {
  const values: Values = new Map();
  for (const row of gathering.rows.values()) {
    const raw = gathering.raw.get(row.fullName);
    if (raw === undefined) {
      if (row.definition.required) gathering.problems.push(missing(row, place));
      continue;
    }
    const { file, line, key } = raw;
    const checked = checkValue(row, raw.value);
    if (checked.ok) values.set(row.fullName, absolute(row, checked.value, raw.base));
    else {
      const found = describeFound(row, raw.value);
      gathering.problems.push({ file, line, key, found, allowed: allowedFor(row) });
    }
  }
  checkTogether(gathering, values);
  return values;
}

function missing(row: KeyRow, file: string): ConfigProblem {
  const allowed = `${allowedFor(row)}; required, here or as ${row.env}`;
  return { file, line: undefined, key: row.fullName, found: 'nothing', allowed };
}

function absolute(row: KeyRow, value: ConfigValue, base: string): ConfigValue {
  return row.definition.path !== undefined && typeof value === 'string' && !isAbsolute(value)
    ? resolve(base, value)
    : value;
}

/** Rules that concern two keys. */
function checkTogether(gathering: Gathering, values: Values): void {
  checkNoisePair(gathering);
  checkPlainBind(gathering, values);
  checkWorkers(gathering, values);
}

function checkWorkers(gathering: Gathering, values: Values): void {
  const workers = values.get('server.workers');
  const raw = gathering.raw.get('server.workers');
  if (raw === undefined || workers === undefined || workers === 0) return;
  const why = whyNoWorkers(gathering.runtime);
  if (why === undefined) return;
  const { file, line, key } = raw;
  gathering.problems.push({ file, line, key, found: `${workers} on ${why}`, allowed: '0 there' });
}

function checkNoisePair(gathering: Gathering): void {
  const pair = ['crypto.noise_private', 'crypto.noise_public'] as const;
  const [present, absent] = gathering.raw.has(pair[0]) ? pair : [pair[1], pair[0]];
  const raw = gathering.raw.get(present);
  if (raw !== undefined && !gathering.raw.has(absent)) {
    const { file, line, key } = raw;
    const allowed = `${pair[0]} and ${pair[1]} together, or neither`;
    gathering.problems.push({ file, line, key, found: `${key} without ${absent}`, allowed });
  }
}

/** Without TLS, a listener that others can reach is only for proxies that the operator names. */
function checkPlainBind(gathering: Gathering, values: Values): void {
  const bind = values.get('server.plain_bind');
  const raw = gathering.raw.get('server.plain_bind');
  if (typeof bind !== 'string' || raw === undefined) return;
  const proxies = ['server.proxy_protocol_from', 'server.forwarded_from'];
  if (proxies.some((name) => [values.get(name)].flat().some((network) => network !== undefined))) return;
  if (isLoopback(addressOf(bind).host)) {
    const consequence =
      'to the server, all that a proxy passes on comes from this machine and shares its limits';
    gathering.warnings.push(`${raw.key} without ${proxies.join(' or ')}: ${consequence}`);
    return;
  }
  const { file, line, key } = raw;
  const allowed = `a loopback address, or the proxies in ${proxies.join(' or ')}`;
  gathering.problems.push({ file, line, key, found: JSON.stringify(bind), allowed });
}

function assemble(gathering: Gathering, values: Values, file: string | undefined): Config {
  const folder = file === undefined ? gathering.workingDirectory : dirname(file);
  const dataDir = values.get('storage.data_dir') ?? resolve(folder, '.commucat');
  const sections: Record<string, Record<string, unknown>> = {};
  for (const row of gathering.rows.values()) {
    const [section, key] = row.field;
    const value = values.get(row.fullName) ?? fallback(row, folder, String(dataDir));
    sections[section] = { ...sections[section], [key]: value };
  }
  for (const section of Object.values(sections)) Object.freeze(section);
  const warnings = Object.freeze([...gathering.warnings]);
  // Every row of the table that `Config` is derived from has been set above.
  const hasSecrets = [...gathering.raw].some(
    ([name, raw]) => raw.file === file && isSecret(gathering, name, raw),
  );
  return Object.freeze({ ...sections, file, hasSecrets, warnings }) as unknown as Config;
}

/** A connection string without a password is none. */
function isSecret({ rows }: Gathering, name: string, { value }: Raw): boolean {
  if (rows.get(name)?.definition.secret !== true) return false;
  return name !== 'storage.postgres_dsn' || /:[^:@/]+@|\bpassword=/.test(String(value));
}

function fallback(row: KeyRow, folder: string, dataDir: string): unknown {
  const value = row.definition.fallback;
  if (row.definition.path === undefined || typeof value !== 'string') return value;
  return resolve(row.definition.path === 'data_dir' ? dataDir : folder, value);
}
