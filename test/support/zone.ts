import { afterEach, beforeEach } from 'vitest'

/** Tests of this block have the machine's clock in that zone. */
export function inZone(zone: string): void {
  const before = process.env.TZ
  beforeEach(() => {
    process.env.TZ = zone
  })
  afterEach(() => {
    if (before === undefined) delete process.env.TZ
    else process.env.TZ = before
  })
}
