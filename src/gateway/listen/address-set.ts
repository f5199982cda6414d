import { BlockList, isIPv4 } from 'node:net';
import { plainAddress } from '../admission/address-key.ts';

/** Addresses and networks that the operator names, such as those of a load balancer. */
export class AddressSet {
  readonly size: number;
  readonly #list = new BlockList();

  /** @param networks checked by the configuration: addresses, or networks such as `10.0.0.0/8` and `fd00::/8` */
  constructor(networks: readonly string[]) {
    this.size = networks.length;
    for (const network of networks) {
      const [address = '', bits] = network.split('/');
      const family = isIPv4(address) ? 'ipv4' : 'ipv6';
      if (bits === undefined) this.#list.addAddress(address, family);
      else this.#list.addSubnet(address, Number(bits), family);
    }
  }

  /** Whether it has a remote address; an IPv4 address counts as itself also when it is mapped into IPv6. */
  has(address: string): boolean {
    if (this.size === 0) return false;
    const plain = plainAddress(address);
    return plain !== undefined && this.#list.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6');
  }
}
