import { callMachine } from '../../src/actors/calls/call-machine.ts';
import { channelMachine } from '../../src/actors/channels/channel-machine.ts';
import { groupMachine } from '../../src/actors/groups/group-machine.ts';
import { sessionMachine } from '../../src/actors/sessions/session-machine.ts';
import { type MachineDefinition, mermaidOf } from './state-diagram.ts';

export interface ActorDiagram {
  readonly name: 'session' | 'channel' | 'group' | 'call';
  /** What one state of it means. */
  readonly about: string;
  readonly states: readonly string[];
  readonly mermaid: string;
}

/** Diagrams of the running actors, made from the very machines that run. */
export function actorDiagrams(): readonly ActorDiagram[] {
  return [
    {
      name: 'session',
      about:
        "One device's connection, from a HELLO whose proof holds to its end. What comes before is the gateway's, which also keeps the deadlines: they arrive as `CLOSED`.",
      ...drawn(sessionMachine.config),
    },
    {
      name: 'channel',
      about:
        'Who takes part in a channel. Every change is an event in the log; after `EVOLVED` the state that these events lead to decides.',
      ...drawn(channelMachine.config),
    },
    {
      name: 'group',
      about:
        'Who belongs to a group, and with which role. Events and states as for a channel; the id of a group that has ended stays taken.',
      ...drawn(groupMachine.config),
    },
    {
      name: 'call',
      about: 'The signalling of one call: offered, answered, ended. Events and states as for a channel.',
      ...drawn(callMachine.config),
    },
  ];
}

function drawn(machine: MachineDefinition): Pick<ActorDiagram, 'states' | 'mermaid'> {
  return { states: Object.keys(machine.states ?? {}), mermaid: mermaidOf(machine) };
}

/** `docs/actors.md`. */
export function renderActorsPage(): string {
  const sections = actorDiagrams().map(
    ({ name, about, mermaid }) => `## ${name}\n\n${about}\n\n\`\`\`mermaid\n${mermaid}\n\`\`\`\n`,
  );
  return `<!-- Written by \`npm run docs -- actors\` from the state machines in src/actors; do not edit. -->

# Actors

One actor runs for each session, channel, group and call that is in use. Their states are those of the protocol (PROTOCOL.md);
\`commucat actors --mermaid\` prints these diagrams. A transition is named by its event, a condition stands in brackets.

${sections.join('\n')}`;
}
