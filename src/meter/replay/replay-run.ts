/** One run of `tunmeter replay`: engine -> attribution -> (printed rows, delivered batches). */

import { badOptions } from '../../base/config.js'
import type { CommandContext } from '../../base/context.js'
import { EXIT } from '../../base/errors.js'
import { terminalWidth } from '../../base/terminal.js'
import { Consolidator } from '../../session/consolidate.js'
import { isHourlySum } from '../../session/log-rule.js'
import { UNATTRIBUTED } from '../../session/make-session.js'
import { CatalogNames, NO_NAMES } from '../../session/names.js'
import type { Session } from '../../session/session.js'
import type { Attributor } from '../attribution/attributor.js'
import { Collector } from '../attribution/collector.js'
import { withExcluded } from '../capture/counters.js'
import { engineOptions } from '../capture/engine-flags.js'
import type { FlowMeter, FlowMeterCounters, FlowMeterOptions } from '../capture/flow-meter.js'
import type { RecordBatch } from '../capture/record-decode.js'
import type { IpfixExporter } from '../ipfix/exporter.js'
import { openExporter } from '../ipfix/ipfix-flags.js'
import { humanCount, painter } from '../output/human.js'
import { PrintedRow } from '../output/printed-row.js'
import { type Progress, progressOn } from '../output/progress.js'
import type { RecordRows } from '../output/record-rows.js'
import type { RowWriter } from '../output/row-writer.js'
import { fileSink, type Sink, streamSink } from '../output/sink.js'
import { endOnSignals, stopOnSignals } from '../run/ending.js'
import { firstPipe } from './capture-files.js'
import type { Delivery } from './replay-delivery.js'
import { type Owners, quickIdentity, type ReplayIdentity } from './replay-identity.js'
import type { ReplayOptions } from './replay-options.js'
import { summaryOf } from './replay-summary.js'

const PROGRESS_MS = 100
/** Wait this long after Ctrl-C. A tcpdump before the pipe gets it too, and needs time to write its buffer and to end. */
const PIPE_END_MS = 500

export class Replay {
  readonly #files: readonly string[]
  readonly #options: ReplayOptions
  readonly #context: CommandContext
  readonly #progress: Progress
  readonly #startedMs = performance.now()
  #attributor: Attributor | null = null
  #collector: Collector | null = null
  #names: CatalogNames | null = null
  #inside: readonly string[] = []
  #owners: Owners = {}
  #delivery: Delivery | null = null
  #ipfix: IpfixExporter | null = null
  readonly #row = new PrintedRow()
  #shiftUs = 0
  /** The input of a pipe may never end: so rows, lines and batches leave as sessions end, and a signal ends the input. */
  readonly #isPipe: boolean

  constructor(files: readonly string[], options: ReplayOptions, context: CommandContext) {
    this.#files = files
    this.#options = options
    this.#context = context
    this.#progress = progressOn(context.stderr)
    this.#isPipe = firstPipe(files) !== undefined
  }

  async run(): Promise<number> {
    await this.#loadOwners()
    if (this.#options.shiftToNow) this.#shiftUs = await this.#measureShift()
    const writer = await this.#makeWriter()
    const identity = await this.#identify()
    const meter = await this.#openMeter(this.#needsRecords(writer))
    const timer = setInterval(() => this.#showProgress(meter), PROGRESS_MS)
    const releaseSignals = this.#listenToSignals(meter)
    try {
      if (this.#options.to !== undefined) await this.#openDelivery(identity, meter)
      this.#ipfix = await openExporter(this.#options, (line) => this.#say(line))
      await this.#pump(meter, writer, identity)
      await this.#delivery?.finish()
      await this.#ipfix?.close()
    } finally {
      clearInterval(timer)
      releaseSignals()
      this.#progress.clear()
      // If something failed before the first record, the meter's thread would keep the process alive.
      await meter.stop()
      await this.#delivery?.close()
      // After a failure, the exporter's socket would keep the process alive. Report that failure, not one of this close().
      await this.#ipfix?.close().catch(() => undefined)
    }
    return this.#conclude(meter)
  }

  #listenToSignals(meter: FlowMeter): () => void {
    const ended = (): void => this.#interrupted()
    if (!this.#isPipe) return endOnSignals(ended)
    return stopOnSignals(() => {
      this.#say('interrupted: what was read is reported, open sessions as forcedEnd')
      setTimeout(() => void meter.stop(), PIPE_END_MS).unref()
    }, ended)
  }

  #interrupted(): void {
    this.#progress.clear()
    if (this.#delivery === null) return
    const stored = humanCount(this.#delivery.stored)
    const rest = this.#isPipe
      ? 'the other sessions that were read are lost'
      : 'run it again for the rest: no session is stored twice'
    this.#say(`interrupted, ${stored} sessions are stored; ${rest}`)
  }

  #say(line: string): void {
    this.#progress.clear()
    this.#context.stderr.write(`tunmeter: ${line}\n`)
  }

  /** Catalog and peers apply to the whole input, so they are loaded before the first packet. */
  async #loadOwners(): Promise<void> {
    const { catalog: catalogPath, peers: peersPath } = this.#options
    if (catalogPath === undefined && peersPath === undefined) return
    const { Attributor } = await import('../attribution/attributor.js')
    const attributor = new Attributor()
    if (peersPath !== undefined) {
      const { loadPeers } = await import('./peers-file.js')
      const device = loadPeers(peersPath)
      attributor.peersChanged({ device })
      this.#owners = { peers: device.peers }
    }
    if (catalogPath !== undefined) {
      const { loadCatalog } = await import('../attribution/catalog-file.js')
      const catalog = loadCatalog(catalogPath)
      attributor.catalogChanged(catalog)
      this.#names = new CatalogNames(catalog)
      this.#owners = { ...this.#owners, catalog }
    }
    this.#attributor = attributor
    this.#inside = attributor.insidePrefixes()
  }

  async #makeWriter(): Promise<RowWriter | null> {
    const { to, output, ipfix } = this.#options
    const { stdout, env } = this.#context
    const terminal = stdout.isTTY === true && output === undefined
    const auto = to !== undefined || ipfix !== undefined ? 'none' : terminal ? 'table' : 'ndjson'
    const format = this.#options.format === 'auto' ? auto : this.#options.format
    if (format === 'none' || format === 'summary') return null
    if (format === 'table') {
      const { TableWriter } = await import('../output/table.js')
      const paint = terminal ? painter(stdout, env) : painter({}, env)
      const width = output === undefined ? terminalWidth(stdout, env) : Number.POSITIVE_INFINITY
      return new TableWriter({ paint, width, isGrowing: this.#isPipe })
    }
    const { CsvWriter, NdjsonWriter } = await import('../output/row-writer.js')
    return format === 'csv' ? new CsvWriter() : new NdjsonWriter()
  }

  #needsRecords(writer: RowWriter | null): boolean {
    const { to, ipfix } = this.#options
    // Only records show which sessions the catalog's rules drop.
    const hasRules = this.#attributor?.hasLogRules === true
    return writer !== null || to !== undefined || ipfix !== undefined || hasRules
  }

  async #identify(): Promise<ReplayIdentity> {
    if (this.#options.to === undefined) {
      return quickIdentity(this.#files, this.#options, this.#owners)
    }
    const { contentIdentity } = await import('./replay-identity.js')
    return contentIdentity(this.#files, this.#options, this.#shiftUs, this.#owners)
  }

  async #openMeter(records: boolean): Promise<FlowMeter> {
    const { FlowMeter } = await import('../capture/flow-meter.js')
    const meter = new FlowMeter(this.#meterOptions(records))
    if (this.#inside.length > 0) meter.setInside([...this.#inside])
    return meter
  }

  #meterOptions(records: boolean): FlowMeterOptions {
    return {
      source: { kind: 'file', paths: [...this.#files] },
      ...engineOptions(this.#options),
      activeTimeoutMs: this.#options.interim ? this.#options.activeTimeout : 0,
      earlyReport: false,
      records: records ? 'all' : 'none',
    }
  }

  /** Reads all files an additional time, because the shift must be known before the first session is made. */
  async #measureShift(): Promise<number> {
    const once = firstPipe(this.#files)
    if (once !== undefined) {
      throw badOptions([
        `--shift-to-now reads its input twice, and ${once === '-' ? 'standard input' : once} can be read once only: write it to a file first`,
      ])
    }
    const meter = await this.#openMeter(true)
    // Do not use engine time: it never goes back when a clock does, and follows only one of several clocks.
    let newestUs = Number.NEGATIVE_INFINITY
    for await (const batch of meter.records()) {
      const record = batch.reader()
      for (let i = 0; i < batch.count; i++) {
        newestUs = Math.max(newestUs, record.move(i).endTimeUs)
      }
    }
    return newestUs === Number.NEGATIVE_INFINITY ? 0 : Date.now() * 1000 - newestUs
  }

  async #openDelivery(identity: ReplayIdentity, meter: FlowMeter): Promise<void> {
    const { Delivery } = await import('./replay-delivery.js')
    this.#delivery = await Delivery.open(
      this.#files,
      this.#options,
      identity,
      () => this.#counters(meter),
      (line) => this.#say(line),
    )
  }

  async #pump(meter: FlowMeter, writer: RowWriter | null, id: ReplayIdentity): Promise<void> {
    const sink = writer === null ? null : await this.#openSink()
    writer?.begin()
    const consolidator = this.#options.consolidate
      ? new Consolidator((session) => this.#emit(session, writer))
      : null
    const collector = new Collector({
      prefix: id.prefix,
      emit: (session) => {
        if (consolidator === null || isHourlySum(session)) this.#emit(session, writer)
        else consolidator.add(session)
      },
      shiftUs: this.#shiftUs,
      earlyReport: false,
    })
    this.#collector = collector
    const rows = await this.#recordRows(writer, id)
    for await (const batch of meter.records()) {
      const text = rows?.write(batch.buffer) ?? null
      if (text === null) {
        this.#takeBatch(batch, collector)
      } else {
        // The writer may still hold the heading, which comes first.
        if (writer!.length > 0) await sink!.write(writer!.take())
        await sink!.write(text)
      }
      if (this.#isPipe) writer?.end()
      if (writer !== null && writer.length > 0) {
        this.#progress.clear()
        await sink!.write(writer.take())
      }
      await this.#delivery?.ready()
      if (this.#isPipe) await this.#ipfix?.flush()
      else await this.#ipfix?.ready()
    }
    collector.flush()
    consolidator?.end()
    writer?.end()
    if (writer !== null) await sink!.write(writer.take())
    await sink?.close()
    await this.#ipfix?.flush()
  }

  /** A faster way from records to rows, for options that neither add to the records nor change them; null for others. */
  async #recordRows(writer: RowWriter | null, id: ReplayIdentity): Promise<RecordRows | null> {
    const { consolidate, to, catalog, peers, shiftToNow, ipfix } = this.#options
    const plain =
      !consolidate && !shiftToNow && [to, ipfix, catalog, peers].every((o) => o === undefined)
    const format = writer?.format
    if (!plain || (format !== 'ndjson' && format !== 'csv')) return null
    const { RecordRows } = await import('../output/record-rows.js')
    return new RecordRows(format, id.prefix, NO_NAMES)
  }

  async #openSink(): Promise<Sink> {
    const { output } = this.#options
    if (output === undefined) return streamSink(this.#context.stdout)
    return fileSink(output, (line) => this.#say(line))
  }

  #takeBatch(batch: RecordBatch, collector: Collector): void {
    const record = batch.reader()
    const attributor = this.#attributor
    for (let i = 0; i < batch.count; i++) {
      record.move(i)
      if (attributor === null) collector.take(record, UNATTRIBUTED, null)
      else {
        const who = attributor.attribute(record)
        collector.take(record, who, attributor.collected(record, who))
      }
    }
  }

  /** The meter's counters, with sessions that the catalog's rules drop as other traffic. */
  #counters(meter: FlowMeter): FlowMeterCounters {
    const counters = meter.counters()
    return this.#collector === null ? counters : withExcluded(counters, this.#collector.excluded)
  }

  #emit(session: Session, writer: RowWriter | null): void {
    this.#delivery?.add(session)
    this.#ipfix?.add(session)
    const names = this.#names?.of(session) ?? NO_NAMES
    writer?.row(this.#row.of(session, names))
  }

  #showProgress(meter: FlowMeter): void {
    const { bytesRead, bytesTotal, packets, sessionsOpened } = meter.counters()
    const stored = this.#delivery === null ? '' : `, ${this.#delivery.stored} stored`
    const note = `${packets} packets, ${sessionsOpened} sessions${stored}`
    this.#progress.update(bytesRead, bytesTotal, note)
  }

  #conclude(meter: FlowMeter): number {
    const { stdout, stderr } = this.#context
    const counters = this.#counters(meter)
    if (this.#options.format === 'summary') {
      const elapsedSeconds = (performance.now() - this.#startedMs) / 1e3
      const summary = summaryOf(counters, elapsedSeconds, this.#delivery)
      stdout.write(`${JSON.stringify(summary, null, stdout.isTTY ? 2 : 0)}\n`)
    }
    if (this.#delivery !== null) stderr.write(`${this.#delivery.says()}\n`)
    if (this.#ipfix !== null)
      stderr.write(
        `${humanCount(this.#ipfix.written)} sessions sent as IPFIX to ${this.#options.ipfix}\n`,
      )
    if (counters.filesOverlapping > 0)
      this.#say(
        `${counters.filesOverlapping} of ${this.#files.length} files begin before others end: merged by time`,
      )
    for (const { file, message } of counters.errors) {
      const name = this.#files[file] ?? ''
      stderr.write(`tunmeter: ${message.includes(name) ? '' : `${name}: `}${message}\n`)
    }
    return counters.errors.length > 0 || this.#delivery?.complete === false ? EXIT.failed : EXIT.ok
  }
}
