import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** `export * from './x.js'` and `export { a, type b as c } from './x.js'`. */
const FORWARDED = /^export (?:type )?(?:\*|\{([^}]*)\}) from '(\.[^']+)\.[jt]s';/gm;
/** A declaration of the file's own, and the end of the doc comment in front of it, if there is one. */
const DECLARED =
  /(\*\/\n)?^export (?:declare )?(?:abstract )?(?:class|function|const|interface|type) ([A-Za-z_]\w*)/gm;

/**
 * Names that a declaration file exports without a doc comment, its own and those of others that it forwards. Reads what
 * the compiler writes, not TypeScript in general.
 *
 * @throws Error when a forwarded name is declared nowhere
 */
export function undocumentedExports(file: string): string[] {
  return [...exportsOf(file)].filter(([, hasComment]) => !hasComment).map(([name]) => name);
}

/** By name: whether it has a doc comment. */
function exportsOf(file: string): Map<string, boolean> {
  const text = readFileSync(file, 'utf8');
  const exported = new Map<string, boolean>();
  for (const [, comment, name = ''] of text.matchAll(DECLARED)) {
    exported.set(name, comment !== undefined || exported.get(name) === true);
  }
  for (const [, names, path = ''] of text.matchAll(FORWARDED)) {
    const theirs = exportsOf(join(file, '..', `${path}.d.ts`));
    const wanted = names === undefined ? [...theirs.keys()] : namesIn(names);
    for (const name of wanted) {
      const hasComment = theirs.get(name);
      if (hasComment === undefined) {
        throw new Error(`${file} forwards ${name}, which ${path} does not declare`);
      }
      exported.set(name, hasComment);
    }
  }
  return exported;
}

function namesIn(list: string): string[] {
  return list
    .split(',')
    .map((entry) => entry.trim().replace(/^type /, ''))
    .filter((name) => name !== '');
}
