/** Servers on one PostgreSQL and one ClickHouse, as docs/clickhouse.md sets them up. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClickHouseRig, whyNoClickHouse } from './clickhouse.js'
import { TestPostgres, whyNoPostgres } from './postgres.js'
import { runHere } from './run-here.js'
import { type KeyOptions, TestServer } from './server.js'

/** Null: they can be run here; else the reason why not. */
export function whyNoSeveral(): string | null {
  return whyNoPostgres() ?? whyNoClickHouse()
}

export class SharedStore {
  readonly postgres: TestPostgres
  readonly clickhouse: ClickHouseRig
  readonly control: string
  readonly store: string

  private constructor(
    postgres: TestPostgres,
    clickhouse: ClickHouseRig,
    names: { readonly control: string; readonly store: string },
  ) {
    this.postgres = postgres
    this.clickhouse = clickhouse
    this.control = names.control
    this.store = names.store
  }

  static async start(): Promise<SharedStore> {
    const [postgres, clickhouse] = [await TestPostgres.start(), await ClickHouseRig.start()]
    const control = await postgres.database()
    const store = await clickhouse.database()
    return new SharedStore(postgres, clickhouse, {
      control,
      store: `clickhouse://${new URL(clickhouse.url).host}/${store}`,
    })
  }

  get args(): readonly string[] {
    return ['--store', this.store, '--control', this.control]
  }

  server(...args: string[]): Promise<TestServer> {
    const data = mkdtempSync(join(tmpdir(), 'tunmeter-test-'))
    return TestServer.on(data, ...this.args, ...args)
  }

  async key({ scope, org, site, retentionDays }: KeyOptions): Promise<string> {
    const args = ['keys', 'create', '--control', this.control, '--scope', scope]
    if (org !== undefined) args.push('--org', org, '--create-org')
    if (site !== undefined) args.push('--site', String(site))
    if (retentionDays !== undefined) args.push('--retention-days', String(retentionDays))
    const { code, stdout, stderr } = await runHere(args).finished
    if (code !== 0) throw new Error(stderr)
    return stdout.trim()
  }

  async close(): Promise<void> {
    await this.clickhouse.stop()
    await this.postgres.close()
  }
}
