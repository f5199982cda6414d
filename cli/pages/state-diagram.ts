/** What a diagram needs of an XState machine's definition; `machine.config` has this shape. */
export interface MachineDefinition {
  readonly id?: string | undefined;
  readonly initial?: unknown;
  readonly on?: unknown;
  readonly states?: unknown;
}

interface StateDefinition {
  readonly type?: string;
  readonly on?: unknown;
  readonly always?: unknown;
}

interface Edge {
  readonly target: string | undefined;
  readonly guard: string | undefined;
}

/** The machine as a Mermaid `stateDiagram-v2`: states in the order of their definition, each transition with its event and guard. */
export function mermaidOf(machine: MachineDefinition): string {
  const states = Object.entries((machine.states ?? {}) as Readonly<Record<string, StateDefinition>>);
  const lines = ['stateDiagram-v2'];
  if (typeof machine.initial === 'string') lines.push(`[*] --> ${machine.initial}`);
  for (const [name, state] of states) {
    for (const { target, guard } of edges(state.always)) add(lines, name, target, guardLabel(guard));
    for (const [event, edge] of transitions(state.on)) add(lines, name, edge.target, label(event, edge));
    if (state.type === 'final') {
      lines.push(`${name} --> [*]`);
      continue;
    }
    // What the machine as a whole reacts to holds in every state that has not ended and says nothing else.
    for (const [event, edge] of transitions(machine.on)) {
      if (!hasOwn(state.on, event)) add(lines, name, edge.target, label(event, edge));
    }
  }
  return lines.map((line, index) => (index === 0 ? line : `  ${line}`)).join('\n');
}

function add(lines: string[], from: string, target: string | undefined, text: string): void {
  // Without a target nothing but the context changes.
  if (target !== undefined) lines.push(`${from} --> ${target}${text === '' ? '' : ` : ${text}`}`);
}

function label(event: string, { guard }: Edge): string {
  return guard === undefined ? event : `${event} ${guardLabel(guard)}`;
}

function guardLabel(guard: string | undefined): string {
  return guard === undefined ? '' : `[${guard}]`;
}

function transitions(on: unknown): readonly (readonly [string, Edge])[] {
  return Object.entries((on ?? {}) as Readonly<Record<string, unknown>>).flatMap(([event, definition]) =>
    edges(definition).map((edge) => [event, edge] as const),
  );
}

function edges(definition: unknown): readonly Edge[] {
  if (definition === undefined) return [];
  return (Array.isArray(definition) ? definition : [definition]).map(edgeOf);
}

function edgeOf(definition: unknown): Edge {
  if (typeof definition === 'string') return { target: stateName(definition), guard: undefined };
  const { target, guard } = definition as { readonly target?: unknown; readonly guard?: unknown };
  return {
    target: typeof target === 'string' ? stateName(target) : undefined,
    guard: typeof guard === 'string' ? guard : undefined,
  };
}

/** `.closed` is how the machine itself names a state of its own. */
function stateName(target: string): string {
  return target.replace(/^\./, '');
}

function hasOwn(on: unknown, event: string): boolean {
  return typeof on === 'object' && on !== null && Object.hasOwn(on, event);
}
