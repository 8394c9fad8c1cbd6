/** Packets and bytes together. */
export interface Amount {
  packets: number
  bytes: number
}

export const nothing = (): Amount => ({ packets: 0, bytes: 0 })

export function add(to: Amount, amount: Amount): void {
  to.packets += amount.packets
  to.bytes += amount.bytes
}
