import { homedir } from 'node:os'
import { join } from 'node:path'
import { isRoot } from '../../base/privileges.js'

/** systemd's StateDirectory, /var/lib for root, else the user's own state directory (XDG base directories). */
export function defaultSpoolDirectory(env: NodeJS.ProcessEnv): string {
  const [state] = (env.STATE_DIRECTORY ?? '').split(':')
  if (state) return join(state, 'spool')
  if (isRoot()) return '/var/lib/tunmeter/spool'
  return join(env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'tunmeter', 'spool')
}

/** Quarantined batches get an eighth of the spool's bound: they wait for people, not for the server. */
export function quarantineBytesMax(spoolMax: number): number {
  return Math.ceil(spoolMax / 8)
}
