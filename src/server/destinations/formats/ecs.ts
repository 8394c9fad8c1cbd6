/** `ecs`: a document of the Elastic Common Schema. Fields that ECS does not define are under `tunmeter.`. */
import { isoUs } from '../../../session/fields.js'
import type { EventWriter } from '../events.js'
import { placesOf, type Tree, treeOf } from './places.js'

/** The tests check documents against this version. */
const ECS_VERSION = '9.4.0'

export function ecsWriter(columns: readonly string[] | null): EventWriter {
  const places = placesOf('ecs', columns)
  const has = (name: string) => columns === null || columns.includes(name)
  const [hasSource, hasDest] = [has('sourceAddr'), has('destAddr')]
  return (row, isTest) => {
    const tree: Tree = {
      '@timestamp': isoUs(row.endTimeUs),
      ecs: { version: ECS_VERSION },
      event: {
        kind: 'event',
        category: ['network'],
        type: row.open ? ['connection', 'info'] : ['connection', 'end'],
        dataset: 'tunmeter.session',
        module: 'tunmeter',
      },
      observer: { type: 'vpn', product: 'tunmeter' },
      ...(isTest && { tunmeter: { test: true } }),
    }
    treeOf(places, row, tree)
    const ips = [...(hasSource ? [row.sourceIp] : []), ...(hasDest ? [row.destIp] : [])]
    if (ips.length > 0) tree.related = { ip: [...new Set(ips)] }
    return JSON.stringify(tree)
  }
}
