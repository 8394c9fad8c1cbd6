/** An alert's condition and target in words. */
import type { Alert } from '../../api/alerts.js'
import { bytesOf, formatCount } from '../../format/bytes.js'
import { alerts } from '../../texts/alerts.js'

export function conditionText(condition: Alert['condition']): string {
  const { conditions, values, over, firstTime } = alerts()
  switch (condition.kind) {
    case 'count':
      return over(conditions.count, formatCount(condition.over), condition.withinMinutes)
    case 'bytes': {
      const { value, unit } = bytesOf(condition.over)
      return over(conditions.bytes, `${value} ${unit}`, condition.withinMinutes)
    }
    case 'newValue':
      return firstTime(values[condition.of])
    default:
      return conditions[condition.kind]
  }
}

export function targetText(to: Alert['to']): string {
  return to.kind === 'email' ? to.addresses.join(', ') : to.url
}
