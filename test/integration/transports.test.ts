import { after, before } from 'node:test';
import { DOORS } from '../kit/doors.ts';
import { MemoryTransport } from '../kit/memory-transport.ts';
import { Scheduler } from '../kit/scheduler.ts';
import { type SeenByPeer, transportContract } from '../kit/transport.contract.ts';
import { TransportDoors } from '../kit/transport-doors.ts';

let doors: TransportDoors;
before(async () => {
  doors = await TransportDoors.start();
});
after(() => doors[Symbol.asyncDispose]());

transportContract({
  name: 'memory',
  async open() {
    const seen: SeenByPeer = { chunks: [], keepalives: 0, ended: false };
    const transport = new MemoryTransport(new Scheduler(), {
      onChunk: (bytes) => seen.chunks.push(bytes),
      onEnd: () => {
        seen.ended = true;
      },
      onClosed: () => undefined,
    });
    return { transport, peer: transport.peer, seen, async [Symbol.asyncDispose]() {} };
  },
});

for (const door of DOORS) {
  // A close frame is an endpoint's last word, so nothing that follows the peer's need reach it (RFC 6455, 5.5.1).
  transportContract({ name: door.name, open: () => doors.open(door), endsWhole: door.mode === 'websocket' });
}
