/** The dead letters of a destination: a list that can be saved, sent again or given up. */

import { useState } from 'preact/hooks'
import {
  type DeadLetter,
  type Destination,
  discardDeadLetters,
  fetchDeadLetters,
  resendDeadLetters,
} from '../../api/destinations.js'
import { useQuery } from '../../api/use-query.js'
import { formatCount } from '../../format/bytes.js'
import { formatDateTime } from '../../format/time.js'
import { Dialog } from '../../parts/dialog.js'
import { Fault } from '../../parts/fault.js'
import { DownloadIcon } from '../../parts/icons.js'
import { saveFile } from '../../parts/save-file.js'
import { Failure } from '../../parts/states.js'
import { TableScroll } from '../../parts/table-scroll.js'
import { toast } from '../../parts/toasts.js'
import { useAction } from '../../parts/use-action.js'
import { destinations as texts } from '../../texts/destinations.js'

interface Props {
  readonly orgId: string
  readonly destination: Destination
  readonly reload: () => void
}

export function DeadLetters(props: Props) {
  if (props.destination.deadLetters > 0) return <Letters key={props.destination.id} {...props} />
  return (
    <section class="card" aria-labelledby="dead-letters">
      <div class="card-head">
        <h2 id="dead-letters">{texts().deadLetters}</h2>
      </div>
      <p class="card-body muted">{texts().noDeadLetters}</p>
    </section>
  )
}

function Letters({ orgId, destination, reload }: Props) {
  const { id, name, deadLetters } = destination
  // Reading them makes an audit entry, so they are read again only when their number changes.
  const query = useQuery(`dead letters ${orgId} ${id} ${deadLetters}`, (signal) =>
    fetchDeadLetters(orgId, id, signal),
  )
  const { fault, setFault, run } = useAction()
  const [busy, setBusy] = useState(false)
  const [asking, setAsking] = useState(false)
  const change = async (work: () => Promise<void>) => {
    setBusy(true)
    await run(work)
    setBusy(false)
    query.reload()
    reload()
  }
  const resend = () =>
    change(async () => {
      const { delivered, refused, gone, failed } = await resendDeadLetters(orgId, id)
      if (failed !== null) setFault(texts().endedBefore(failed))
      toast(texts().resent(delivered, refused, gone))
    })
  const discard = () => {
    setAsking(false)
    return change(async () => {
      const { discarded } = await discardDeadLetters(orgId, id)
      toast(texts().givenUp(discarded))
    })
  }
  const letters = query.data
  return (
    <section class="card" aria-labelledby="dead-letters">
      <div class="card-head">
        <h2 id="dead-letters">{texts().deadLetters}</h2>
        <span class="badge wrong">{formatCount(deadLetters)}</span>
        <span class="space" />
        <button
          type="button"
          class="button"
          disabled={letters === undefined}
          onClick={() => save(id, letters!)}
        >
          <DownloadIcon /> NDJSON
        </button>
        <button type="button" class="button" disabled={busy} onClick={resend}>
          {texts().sendAgain}
        </button>
        <button type="button" class="button" disabled={busy} onClick={() => setAsking(true)}>
          {texts().giveUp}
        </button>
      </div>
      <Fault text={fault} />
      {letters === undefined ? (
        <Failure query={query} what="deadLetters" />
      ) : (
        <LetterTable letters={letters} />
      )}
      {asking && (
        <Dialog title={texts().giveUpQuestion(deadLetters)} onClose={() => setAsking(false)}>
          <p>{texts().giveUpWhat(name)}</p>
          <div class="dialog-actions">
            <button type="button" class="button" onClick={() => setAsking(false)}>
              {texts().keepThem}
            </button>
            <button type="button" class="button danger" onClick={discard}>
              {texts().giveUp}
            </button>
          </div>
        </Dialog>
      )}
    </section>
  )
}

function LetterTable({ letters }: { letters: readonly DeadLetter[] }) {
  return (
    <TableScroll label={texts().deadLetters}>
      <table class="plain-table">
        <thead>
          <tr>
            <th scope="col">{texts().session}</th>
            <th scope="col">{texts().refused}</th>
            <th scope="col">{texts().answer}</th>
            <th scope="col">{texts().event}</th>
          </tr>
        </thead>
        <tbody>
          {letters.map(({ siteId, sessionId, at, status, text, event }) => (
            <tr key={`${siteId}/${sessionId}`}>
              <th scope="row" class="mono">
                {sessionId}
              </th>
              <td>{formatDateTime(Date.parse(at))}</td>
              <td>{[status, text].filter((part) => part !== null && part !== '').join(' ')}</td>
              <td>
                {event === null ? (
                  <span class="muted">{texts().gone}</span>
                ) : (
                  <details>
                    <summary>{texts().show}</summary>
                    <pre class="command">{event}</pre>
                  </details>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  )
}

/** As `tunmeter destinations dead-letters` prints them. */
function save(id: string, letters: readonly DeadLetter[]): void {
  const lines = letters.map(({ event, ...letter }) =>
    JSON.stringify({ ...letter, event: event === null ? null : parsed(event) }),
  )
  saveFile(`dead-letters-${id}.ndjson`, 'application/x-ndjson', `${lines.join('\n')}\n`)
}

/** Every kind writes events as JSON so far; another text stays a text. */
function parsed(event: string): unknown {
  try {
    return JSON.parse(event)
  } catch {
    return event
  }
}
