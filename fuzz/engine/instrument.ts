import { parse } from 'acorn';

/** Names of the globals that instrumented code calls. */
export const COUNTERS = '$fuzzCounters';
export const COMPARE = '$fuzzCompare';

export interface Instrumented {
  readonly code: string;
  /** How many places count. */
  readonly counters: number;
  /** Texts of the code that input may be compared with: a dictionary for the mutator. */
  readonly literals: readonly string[];
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

interface Edit {
  readonly at: number;
  readonly remove: number;
  readonly text: string;
}

const MAX_LITERAL = 32;

/**
 * Adds a counter to every branch of an ES module, and shows every comparison for equality to the fuzzer. Counting works
 * like libFuzzer's inline counters: a byte per block, no native code and no stop of the just-in-time compiler.
 */
export function instrument(source: string): Instrumented {
  const tree = parse(source, { ecmaVersion: 'latest', sourceType: 'module' }) as unknown as Node;
  const visitor = new Instrumentation(source);
  visitor.visit(tree);
  return { code: visitor.apply(), counters: visitor.counters, literals: [...visitor.literals] };
}

class Instrumentation {
  counters = 0;
  readonly literals = new Set<string>();
  readonly #source: string;
  readonly #edits: Edit[] = [];

  constructor(source: string) {
    this.#source = source;
  }

  visit(node: Node): void {
    this.#mark(node);
    for (const value of Object.values(node)) {
      for (const child of Array.isArray(value) ? value : [value]) {
        if (isNode(child)) this.visit(child);
      }
    }
  }

  apply(): string {
    const pieces: string[] = [];
    let from = 0;
    const ordered = this.#edits.map((edit, order) => ({ ...edit, order }));
    for (const { at, remove, text } of ordered.sort((a, b) => a.at - b.at || a.order - b.order)) {
      pieces.push(this.#source.slice(from, at), text);
      from = at + remove;
    }
    return [...pieces, this.#source.slice(from)].join('');
  }

  #mark(node: Node): void {
    switch (node.type) {
      case 'FunctionDeclaration':
      case 'FunctionExpression':
      case 'ArrowFunctionExpression':
        this.#block(node.body);
        break;
      case 'IfStatement':
        this.#block(node.consequent);
        this.#block(node.alternate);
        break;
      case 'ForStatement':
      case 'ForOfStatement':
      case 'ForInStatement':
      case 'WhileStatement':
      case 'DoWhileStatement':
      case 'CatchClause':
        this.#block(node.body);
        break;
      case 'SwitchCase':
        this.#case(node);
        break;
      case 'ConditionalExpression':
        this.#expression(node.consequent);
        this.#expression(node.alternate);
        break;
      case 'LogicalExpression':
        this.#expression(node.right);
        break;
      case 'BinaryExpression':
        this.#comparison(node);
        break;
      case 'Literal':
        if (typeof node.value === 'string') this.#literal(node.value);
        break;
      default:
    }
  }

  #count(): string {
    return `${COUNTERS}[${this.counters++}]++`;
  }

  #insert(at: number, text: string): void {
    this.#edits.push({ at, remove: 0, text });
  }

  #block(node: unknown): void {
    if (!isNode(node)) return;
    if (node.type === 'BlockStatement') this.#insert(node.start + 1, `${this.#count()};`);
    else if (node.type.endsWith('Statement')) this.#wrap(node, `{${this.#count()};`, '}');
    else this.#expression(node);
  }

  #expression(node: unknown): void {
    if (isNode(node)) this.#wrap(node, `(${this.#count()},`, ')');
  }

  #wrap(node: Node, before: string, behind: string): void {
    this.#insert(node.start, before);
    this.#insert(node.end, behind);
  }

  #case(node: Node): void {
    const [first] = node.consequent as readonly Node[];
    if (first !== undefined) this.#insert(first.start, `${this.#count()};`);
  }

  /** `a === b` becomes `$fuzzCompare(a, b)`; the operands are evaluated once and in order, as before. */
  #comparison(node: Node): void {
    const operator = node.operator as string;
    if (operator !== '===' && operator !== '!==') return;
    const left = node.left as Node;
    const right = node.right as Node;
    const at = this.#source.indexOf(operator, left.end);
    if (at < 0 || at >= right.start) return;
    this.#insert(node.start, `${operator === '!==' ? '!' : ''}${COMPARE}(`);
    this.#edits.push({ at, remove: operator.length, text: ',' });
    this.#insert(node.end, ')');
  }

  #literal(value: string): void {
    if (value.length > 0 && value.length <= MAX_LITERAL) this.literals.add(value);
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';
}
