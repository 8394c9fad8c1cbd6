import { homedir } from 'node:os'
import { join } from 'node:path'
import { isRoot } from '../../base/privileges.js'

/** In systemd's StateDirectory; else in /var/lib for root, or in the user's state directory (XDG). */
export function defaultSpoolDirectory(env: NodeJS.ProcessEnv): string {
  const [state] = (env.STATE_DIRECTORY ?? '').split(':')
  if (state) return join(state, 'spool')
  if (isRoot()) return '/var/lib/tunmeter/spool'
  return join(env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'tunmeter', 'spool')
}

/** The quarantine gets an eighth of the spool's bound, because its batches may wait for an operator for long. */
export function quarantineBytesMax(spoolMax: number): number {
  return Math.ceil(spoolMax / 8)
}
