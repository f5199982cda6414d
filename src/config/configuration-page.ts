import type { Key } from './key.ts';
import { type KeyRow, keyRows, SCHEMA } from './schema.ts';
import { unsupportedReasons } from './unsupported.ts';
import { allowedFor } from './value.ts';

function defaultOf({ required, fallback, path }: Key): string {
  if (required) return 'required';
  if (fallback === undefined) return 'absent';
  if (Array.isArray(fallback)) return `\`${JSON.stringify(fallback)}\``;
  if (path === 'data_dir') return `\`<data_dir>/${String(fallback)}\``;
  return `\`${typeof fallback === 'string' ? JSON.stringify(fallback) : String(fallback)}\``;
}

function rowText(row: KeyRow): string {
  const { name, env, definition } = row;
  const cells = [`\`${name}\``, defaultOf(definition), allowedFor(row), `\`${env}\``, definition.doc];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function sectionText(section: string, doc: string, rows: readonly KeyRow[]): string {
  return `## [${section}]

${doc}

| Key | Default | Allowed | Variable | Meaning |
|---|---|---|---|---|
${rows
  .filter((candidate) => candidate.section === section)
  .map(rowText)
  .join('\n')}
`;
}

/** `docs/configuration.md`. */
export function renderConfigurationPage(): string {
  const rows = keyRows();
  const sections = Object.values(SCHEMA).map(({ section, doc }) => sectionText(section, doc, rows));
  const unsupported = unsupportedReasons().map(([name, why]) => `| \`${name}\` | ${why} |`);
  return `<!-- Written by \`npm run docs:config\` from src/config/schema.ts; do not edit. -->

# Configuration

\`commucat serve --config FILE\` reads a TOML 1.0 file; without \`--config\` the one that \`COMMUCAT_CONFIG\` names, else
\`commucat.toml\` in the working directory. Each key can also be given as an environment variable or with
\`--set section.key=value\`. From strong to weak: \`--set\`, environment, file, default.

- A variable that is set to nothing counts as absent. (The reference server takes the empty text.)
- Numbers and truth values may be quoted, as files written for the reference server have them: \`keepalive = "3600"\`.
- A list is a TOML list in the file, and one text with commas elsewhere: \`--set server.forwarded_from=10.0.0.1,10.0.0.2\`.
- Relative paths in the file start at the file's folder, those from elsewhere at the working directory.
- Everything is checked before the server starts, and all problems are reported at once, with file, line, key, what was
  found and what is allowed. Unknown sections and keys are errors. Secrets never appear in messages.
- Secrets that are not given are created in files that only their owner may read; a file that others may read is refused.

${sections.join('\n')}
## Keys of the reference server without effect

They are accepted, so that its files work, and reported as warnings when the server starts.

| Key | Why |
|---|---|
${unsupported.join('\n')}
`;
}
