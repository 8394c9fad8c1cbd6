/**
 * What Elasticsearch answers to _bulk, by its documentation: each item for itself, 409 for an id that is there, only
 * `create` for a data stream, the parts of the answer that `filter_path` asks for.
 */
import type { Received, Reply } from './receiver.js'

type Json = Record<string, unknown>
interface Failure {
  readonly status: number
  readonly type: string
  readonly reason: string
}

export class ElasticDouble {
  readonly documents = new Map<string, Json>()
  /** Of a document that is not taken. */
  failure: (document: Json) => Failure | undefined = () => undefined

  readonly reply = ({ text, path, headers }: Received): Reply => {
    const url = new URL(path, 'http://x')
    const type = headers['content-type'] ?? ''
    const isNdjson = /^application\/(?:vnd\.elasticsearch\+)?x-ndjson/.test(type)
    if (!url.pathname.endsWith('/_bulk') || !isNdjson) return json(404, { error: 'no handler' })
    if (!text.endsWith('\n'))
      return json(400, { error: { reason: 'The bulk request must be terminated by a newline' } })
    const lines = text.split('\n').slice(0, -1)
    const items: Json[] = []
    for (let i = 0; i < lines.length; i += 2) {
      const action = JSON.parse(lines[i]!) as Json
      const [[verb, target]] = Object.entries(action) as [[string, { _index: string; _id: string }]]
      items.push({ [verb]: this.#item(verb, target, JSON.parse(lines[i + 1]!) as Json) })
    }
    const errors = items.some((item) => 'error' in (Object.values(item)[0] as Json))
    return json(200, filtered({ took: 3, errors, items }, url.searchParams.get('filter_path')))
  }

  #item(verb: string, { _index, _id }: { _index: string; _id: string }, document: Json): Json {
    const failed = (status: number, type: string, reason: string) => ({
      ...{ _index, _id, status },
      error: { type, reason, caused_by: { type, reason: 'deeper' } },
    })
    if (verb !== 'create')
      return failed(400, 'illegal_argument_exception', 'only write ops with an op_type of create')
    const failure = this.failure(document)
    if (failure !== undefined) return failed(failure.status, failure.type, failure.reason)
    if (this.documents.has(_id))
      return failed(409, 'version_conflict_engine_exception', 'document already exists')
    this.documents.set(_id, { ...document, _index })
    return { _index, _id, _version: 1, result: 'created', status: 201 }
  }
}

/** The parts that the kind asks for. */
function filtered(
  answer: { took: number; errors: boolean; items: Json[] },
  filter: string | null,
): Json {
  if (filter === null) return { ...answer }
  if (filter !== 'errors,items.*.status,items.*.error.type,items.*.error.reason')
    throw new Error(`the double does not know the filter ${filter}`)
  const items = answer.items.map((item) =>
    Object.fromEntries(
      Object.entries(item as Record<string, { status: number; error?: Json }>).map(
        ([verb, { status, error }]) => [
          verb,
          { status, ...(error && { error: { type: error.type, reason: error.reason } }) },
        ],
      ),
    ),
  )
  return { errors: answer.errors, items }
}

function json(status: number, value: unknown): Reply {
  const headers = { 'content-type': 'application/json', 'x-elastic-product': 'Elasticsearch' }
  return { status, headers, text: JSON.stringify(value) }
}
