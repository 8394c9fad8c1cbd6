/** A site of the end-to-end tests of completeness: a meter, its interface, traffic, and what the server says of it. */
import type { Catalog } from '../../src/session/catalog.js'
import { type LabProcess, type Namespace, until } from './lab.js'
import { type KnownHole, LabMeter, type LabServer } from './site-programs.js'
import { curl, start } from './world.js'

export const EMPTY_LISTS: Catalog = { users: [], clients: [], sites: [], resources: [] }
const QUICK = ['--report-interval', '1s', '--user', 'root']

export interface LabPlace {
  /** The side of the meters and of the server. */
  readonly space: Namespace
  readonly far: Namespace
  readonly server: LabServer
}

/** How a site's meter runs. */
export interface SiteOptions {
  readonly more?: readonly string[]
  readonly server?: LabServer
  readonly spool?: string
  readonly env?: NodeJS.ProcessEnv
  readonly catalog?: Catalog
  readonly pair?: boolean
}

/** A site with a meter on one end of a wire, and questions about its completeness. */
export class LabSite {
  readonly siteId: number
  readonly device: string
  readonly here: string
  readonly #place: LabPlace
  readonly #its: SiteOptions
  readonly #server: LabServer
  meter!: LabMeter

  private constructor(place: LabPlace, siteId: number, its: SiteOptions) {
    this.#place = place
    this.siteId = siteId
    this.device = `tmec${siteId}`
    this.here = `10.77.${siteId}.1`
    this.#its = its
    this.#server = its.server ?? place.server
  }

  static async make(place: LabPlace, siteId: number, its: SiteOptions = {}): Promise<LabSite> {
    const site = new LabSite(place, siteId, its)
    if (its.pair !== false) await site.addPair()
    site.meter = await LabMeter.start(site.options())
    return site
  }

  async remove(): Promise<void> {
    await this.meter.remove()
  }

  options(change: SiteOptions = {}) {
    const { more = [], spool, env, catalog = EMPTY_LISTS } = { ...this.#its, ...change }
    const given = { ...(spool !== undefined && { spool }), ...(env && { env }) }
    const { siteId, device: interfaceName } = this
    return {
      space: this.#place.space,
      interfaceName,
      server: this.#server,
      siteId,
      catalog,
      more: [...QUICK, ...more],
      ...given,
    }
  }

  async addPair(): Promise<void> {
    const { device, here } = this
    const { space, far } = this.#place
    await space.ip(`link add ${device} type veth peer name ${device} netns ${far.name}`)
    await space.ip(`address add ${here}/24 dev ${device}`)
    await far.ip(`address add ${here.replace(/1$/, '2')}/24 dev ${device}`)
    await space.ip(`link set ${device} up`)
    await far.ip(`link set ${device} up`)
  }

  /** Awaits what the meter says for the nth time. */
  said(text: string, nth: number): Promise<unknown> {
    const { process } = this.meter
    return until(`"${text}" from ${process.name}`, () => process.stderr.split(text).length > nth)
  }

  /** Resolves when the site is judged until a while from now on: to then. */
  judged(): Promise<number> {
    const nowMs = Date.now()
    const judged = async () => {
      const { until: end, sites } = await this.#ask(nowMs - 1, nowMs + 3_600_000)
      const isKnown = sites[0]?.meters.every(({ meterId }) => meterId !== null)
      return isKnown && Date.parse(end) >= nowMs + 200 ? Date.parse(end) : null
    }
    return until(`site ${this.siteId} is judged`, judged, 90_000, 200)
  }

  /** Resolves when a report has come that was made from now on. */
  async reported(): Promise<void> {
    const nowMs = Date.now()
    const reported = async () => Date.parse((await this.#server.report(this.siteId)).at) >= nowMs
    await until('a report', reported, 90_000, 200)
  }

  async isWhole(fromMs: number, toMs: number): Promise<boolean> {
    const { complete, coveredShare, until: end } = await this.#ask(fromMs, toMs)
    return complete && coveredShare === 1 && Date.parse(end) >= toMs
  }

  async holes(fromMs: number, toMs: number): Promise<KnownHole[]> {
    const { sites } = await this.#ask(fromMs, toMs)
    return sites.flatMap((one) => one.meters.flatMap((meter) => meter.holes))
  }

  async causes(fromMs: number, toMs: number): Promise<string[]> {
    return (await this.holes(fromMs, toMs)).map(({ cause }) => cause)
  }

  #ask(fromMs: number, toMs: number) {
    return this.#server.completeness(this.siteId, fromMs, toMs)
  }

  /** A connection that stays. */
  async opened(): Promise<LabProcess> {
    const exchange = { ask: 40, answer: 500, exchanges: 1, pauseMs: 0, end: 'stay' }
    const talk = start(this.#place.far, 'converse', { host: this.here, port: 22, ...exchange })
    await talk.says('open')
    return talk
  }

  /** A connection that ends. @returns the bytes that the kernel counted meanwhile */
  async moves(): Promise<number> {
    const bytes = async () => {
      const { rxBytes, txBytes } = await this.#place.space.counters(this.device)
      return rxBytes + txBytes
    }
    const before = await bytes()
    await curl(this.#place.far, `http://${this.here}/20000`)
    return (await bytes()) - before
  }

  /** Datagrams, one after the other. */
  async blast(count: number, eachToAnotherPort = ''): Promise<void> {
    const port = eachToAnotherPort === '' ? '9' : '1000+n'
    const script = `const s=require('dgram').createSocket('udp4');let n=0
      const go=()=>n++<${count}?s.send('x',${port},'${this.here}',go):s.close();go()`
    await this.#place.far.run('node', ['-e', script])
  }
}
