/** An alert's settings, out of the fields of its form. */
import type { Alert, WantedAlert } from '../../api/alerts.js'
import { SERVER_URL } from '../../state/base.js'

export type Kind = Alert['condition']['kind']
export type TargetKind = Alert['to']['kind']
type Value = Extract<Alert['condition'], { kind: 'newValue' }>['of']

export const EVERY_MINUTES = 15

function conditionOf(kind: Kind, field: (name: string) => string): Alert['condition'] {
  const withinMinutes = Number(field('within'))
  switch (kind) {
    case 'count':
      return { kind, over: Number(field('over')), withinMinutes }
    case 'bytes':
      return { kind, over: Math.round(Number(field('over')) * 1e6), withinMinutes }
    case 'newValue':
      return { kind, of: field('of') as Value }
    default:
      return { kind }
  }
}

/** Of quiet hours: the zone in which they were given stays theirs. */
export function zoneOf(alert: Alert | null): string {
  return alert?.quiet?.timeZone ?? new Intl.DateTimeFormat().resolvedOptions().timeZone
}

/** @param before the alert that is edited. What the form does not show stays as it is. */
export function wantedOf(
  form: FormData,
  { kind, target, before }: { kind: Kind; target: TargetKind; before: Alert | null },
): WantedAlert {
  const field = (name: string) => String(form.get(name) ?? '').trim()
  const [from, to] = [field('quietFrom'), field('quietTo')]
  const secret = field('secret')
  const isUnsigned = form.has('unsigned')
  return {
    name: field('name'),
    query: field('view'),
    condition: conditionOf(kind, field),
    to:
      target === 'webhook'
        ? { kind: 'webhook', url: field('url') }
        : {
            kind: 'email',
            addresses: field('addresses')
              .split(/[\s,;]+/)
              .filter(Boolean),
          },
    everyMinutes: Number(field('every')),
    quiet: from === '' || to === '' ? null : { from, to, timeZone: zoneOf(before) },
    link: before === null ? `${SERVER_URL}/alerts` : before.link,
    language: field('language') as Alert['language'],
    paused: before?.paused ?? false,
    secrets: isUnsigned ? { secret: null } : secret === '' ? {} : { secret },
  }
}
