/** Stands in for alerts on a server with --store: the list is empty, and create() fails. */
import { AppError } from '../../base/errors.js'
import type { Alerts, AlertWithState } from './alerts.js'

/** What routes use of alerts. */
export type AlertList = Pick<
  Alerts,
  'of' | 'create' | 'replace' | 'remove' | 'test' | 'start' | 'stop'
>

const WHY =
  'a server with --store has no alerts yet: several servers would each report the same finding. Watch the metrics of its sites with Prometheus'

export class NoAlerts implements AlertList {
  start(): void {}
  async stop(): Promise<void> {}

  async of(): Promise<AlertWithState[]> {
    return []
  }

  create(): Promise<never> {
    return Promise.reject(new AppError('NO_ALERTS', WHY))
  }

  replace(_orgId: string, id: string): Promise<never> {
    return Promise.reject(noAlert(id))
  }

  remove(_orgId: string, id: string): Promise<never> {
    return Promise.reject(noAlert(id))
  }

  test(_orgId: string, id: string): Promise<never> {
    return Promise.reject(noAlert(id))
  }
}

function noAlert(id: string): AppError {
  return new AppError('NO_ALERT', `there is no alert "${id}" in this organisation`)
}
