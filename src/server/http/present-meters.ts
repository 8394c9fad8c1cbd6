/** An organisation's meters without those that an operator removed. */
import type { Cancel, MeterStatus } from '../store/store.js'
import type { ServerContext } from './context.js'

export async function presentMeters(
  { store, control }: Pick<ServerContext, 'store' | 'control'>,
  orgId: string,
  cancel?: Cancel,
): Promise<MeterStatus[]> {
  const meters = await store.meters(orgId, cancel)
  const removedMs = await control.removals.of(orgId)
  return meters.filter(
    (m) => removedMs({ ...m, receivedMs: Date.parse(m.receivedAt) }) === undefined,
  )
}
