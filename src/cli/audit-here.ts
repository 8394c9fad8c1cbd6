/** Records a command's change to a data directory in its audit trail. */
import { userInfo } from 'node:os'
import type { AuditEventName, Facts } from '../server/control/audit-event.js'
import type { Control } from '../server/control/control.js'

export function auditHere(
  control: Control,
  event: AuditEventName,
  trail: string,
  facts: Facts,
): Promise<void> {
  const atMs = Date.now()
  return control.audit.record({
    ...{ event, atMs, trail, address: null, by: null },
    facts: { ...facts, systemUser: userName() },
  })
}

/** In a container the user may have no name. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.() ?? 'unknown')
  }
}
