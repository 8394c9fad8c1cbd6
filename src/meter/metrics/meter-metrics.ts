/**
 * The meter's metrics, named after the Prometheus conventions. docs/operations.md explains each; a test compares it
 * with this list.
 *
 * Each scrape reads a snapshot of plain numbers. The meter counts, not this class, so counters start at 0 with it.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { DELIVERY_METRICS } from './delivery-metrics.js'
import { INTERFACE_METRICS } from './interface-metrics.js'
import type { Metric } from './metric.js'
import type { MeterSnapshot } from './snapshot.js'

export const METER_METRICS: readonly Metric[] = [...INTERFACE_METRICS, ...DELIVERY_METRICS]

export class MeterMetrics {
  readonly #registry = new Registry()

  constructor(snapshot: () => MeterSnapshot) {
    collectDefaultMetrics({ register: this.#registry })
    for (const metric of METER_METRICS) this.#register(metric, snapshot)
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  text(): Promise<string> {
    return this.#registry.metrics()
  }

  #register(metric: Metric, snapshot: () => MeterSnapshot): void {
    const options = {
      name: metric.name,
      help: metric.help,
      labelNames: [...(metric.labels ?? [])],
      registers: [this.#registry],
    }
    if (metric.kind === 'gauge') {
      new Gauge({
        ...options,
        collect() {
          this.reset()
          for (const [labels, value] of metric.read(snapshot())) this.set(labels, value)
        },
      })
      return
    }
    new Counter({
      ...options,
      // The snapshot holds the total, so it replaces the value of the last scrape.
      collect() {
        this.reset()
        for (const [labels, value] of metric.read(snapshot())) this.inc(labels, value)
      },
    })
  }
}
