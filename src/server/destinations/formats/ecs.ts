/** `ecs`: a document of the Elastic Common Schema. Fields that ECS does not define are under `tunmeter.`. */
import { nester } from '../../../session/field-code.js'
import { isoUs } from '../../../session/fields.js'
import type { LogRow } from '../../store/store.js'
import type { EventWriter } from '../events.js'
import { leavesOf, placesOf } from './places.js'

/** The tests check documents against this version. */
export const ECS_VERSION = '9.4.0'

export function ecsWriter(columns: readonly string[] | null): EventWriter {
  const places = placesOf('ecs', columns)
  const has = (name: string) => columns === null || columns.includes(name)
  const [hasSource, hasDest] = [has('sourceAddr'), has('destAddr')]
  const addressesOf = ({ sourceIp, destIp }: LogRow) => {
    const ips = new Set([...(hasSource ? [sourceIp] : []), ...(hasDest ? [destIp] : [])])
    return ips.size > 0 ? [...ips] : undefined
  }
  const documentOf = nester<LogRow>([
    [['@timestamp'], ({ endTimeUs }) => isoUs(endTimeUs)],
    [['ecs', 'version'], () => ECS_VERSION],
    [['event', 'kind'], () => 'event'],
    [['event', 'category'], () => ['network']],
    [['event', 'type'], ({ open }) => ['connection', open ? 'info' : 'end']],
    [['event', 'dataset'], () => 'tunmeter.session'],
    [['event', 'module'], () => 'tunmeter'],
    [['observer', 'type'], () => 'vpn'],
    [['observer', 'product'], () => 'tunmeter'],
    [['related', 'ip'], addressesOf],
    ...leavesOf(places),
  ])
  return (row, isTest) => {
    const document = documentOf(row)
    if (isTest) document.tunmeter = { test: true, ...(document.tunmeter as object | undefined) }
    return document
  }
}
