/** The page of one destination: its delivery, attempts, backfills and dead letters, and the buttons that change it. */
import { useState } from 'preact/hooks'
import {
  type Destination,
  pauseDestination,
  removeDestination,
  type TestResult,
  testDestination,
} from '../../api/destinations.js'
import { formatCount, plural } from '../../format/bytes.js'
import { formatDateTime } from '../../format/time.js'
import { Dialog } from '../../parts/dialog.js'
import { Fact } from '../../parts/fact.js'
import { Fault } from '../../parts/fault.js'
import { Failure, Message, Progress } from '../../parts/states.js'
import { toast } from '../../parts/toasts.js'
import { useAction } from '../../parts/use-action.js'
import { useNow } from '../../parts/use-now.js'
import { destinationOf } from '../../state/entity.js'
import { pageHref } from '../../state/page-href.js'
import { followLink, navigate, useLocation } from '../../state/url.js'
import { AttemptsTable } from './attempts.js'
import { Backfills } from './backfills.js'
import { DeadLetters } from './dead-letters.js'
import { DestinationDialog } from './destination-form.js'
import {
  agoText,
  failureText,
  pendingText,
  StateBadge,
  useDestinations,
  useRefusal,
} from './standing.js'

export function DestinationPage({ orgId }: { orgId: string }) {
  return useRefusal(orgId) ?? <One orgId={orgId} />
}

function One({ orgId }: { orgId: string }) {
  const { path } = useLocation()
  const id = destinationOf(path)
  const query = useDestinations(orgId)
  const { data, reload } = query
  const destination = data?.find((one) => one.id === id)
  return (
    <div class="page">
      <p>
        <a href={pageHref('/destinations')} onClick={followLink}>
          All destinations
        </a>
      </p>
      <Progress query={query} />
      {data === undefined ? (
        <Failure query={query} what="destination" />
      ) : destination === undefined ? (
        <Message title="There is no such destination">
          <p>It was removed, or is another organisation’s.</p>
        </Message>
      ) : (
        <>
          <Head orgId={orgId} destination={destination} reload={reload} />
          <Standing destination={destination} />
          <AttemptsTable attempts={destination.attempts} />
          <Backfills orgId={orgId} destination={destination} reload={reload} />
          <DeadLetters orgId={orgId} destination={destination} reload={reload} />
        </>
      )}
    </div>
  )
}

interface PartProps {
  readonly orgId: string
  readonly destination: Destination
  readonly reload: () => void
}

function Head({ orgId, destination, reload }: PartProps) {
  const { id, name, state } = destination
  const [open, setOpen] = useState<'change' | 'remove' | null>(null)
  const [tested, setTested] = useState<TestResult | null>(null)
  const [testing, setTesting] = useState(false)
  // A test may take half a minute; the destination can be paused meanwhile.
  const tests = useAction()
  const changes = useAction()
  const test = async () => {
    setTesting(true)
    setTested(null)
    await tests.run(async () => setTested(await testDestination(orgId, id)))
    setTesting(false)
    reload()
  }
  const pausing = (verb: 'pause' | 'resume') => async () => {
    await changes.run(() => pauseDestination(orgId, id, verb))
    reload()
  }
  const button = (label: string, onClick: () => unknown, disabled = false) => (
    <button type="button" class="button" disabled={disabled} onClick={onClick}>
      {label}
    </button>
  )
  return (
    <>
      <div class="page-head">
        <h1>{name}</h1>
        <StateBadge state={state} />
        <span class="space" />
        {button('Test', test, testing)}
        {(state === 'retrying' || state === 'blocked') && button('Try now', pausing('resume'))}
        {state === 'paused'
          ? button('Resume', pausing('resume'))
          : button('Pause', pausing('pause'))}
        {button('Change', () => setOpen('change'))}
        {button('Remove', () => setOpen('remove'))}
      </div>
      <div role="status">
        {testing && <p class="note">Sending one event that is marked as a test.</p>}
        {tested !== null && (
          <p class={tested.result === 'delivered' ? 'note verdict ok' : 'note wrong'}>
            {tested.target}: {tested.result === 'delivered' ? 'taken' : 'not taken'}
            {tested.status !== null && `, ${tested.status}`}
            {tested.text !== '' && `, ${tested.text}`}
          </p>
        )}
      </div>
      <Fault text={changes.fault ?? tests.fault} />
      {open === 'change' && (
        <DestinationDialog
          orgId={orgId}
          destination={destination}
          onClose={() => setOpen(null)}
          onStored={() => {
            toast(`${name} is changed`)
            reload()
          }}
        />
      )}
      {open === 'remove' && (
        <RemoveDialog orgId={orgId} destination={destination} onClose={() => setOpen(null)} />
      )}
    </>
  )
}

function Standing({ destination }: { destination: Destination }) {
  const now = useNow()
  const { lastFailure, deletedUndelivered } = destination
  return (
    <section class="card" aria-labelledby="standing">
      <div class="card-head">
        <h2 id="standing">Delivery</h2>
      </div>
      <div class="card-body">
        <dl class="facts">
          <Fact name="Delivered">{plural(destination.delivered, recordOf(destination))}</Fact>
          <Fact name="Waiting">{pendingText(destination, now)}</Fact>
          <Fact name="Last success">{agoText(destination.lastSuccessAt, now)}</Fact>
          <Fact name="Next attempt">{nextText(destination, now)}</Fact>
          <Fact name="Deleted undelivered" wrong={deletedUndelivered > 0}>
            {deletedUndelivered === 0 ? 'none' : `at most ${formatCount(deletedUndelivered)}`}
          </Fact>
          <Fact name="Dead letters" wrong={destination.deadLetters > 0}>
            {formatCount(destination.deadLetters)}
          </Fact>
          {destination.rejected > 0 && (
            <Fact name="Rejected, not named" wrong={true}>
              {formatCount(destination.rejected)}
            </Fact>
          )}
          <Fact name="Goes to">{`${destination.target} (${destination.kind})`}</Fact>
          <Fact name="Sends">{sendsText(destination)}</Fact>
          <Fact name="Fields">{destination.columns?.join(', ') ?? 'all'}</Fact>
          <Fact name="Pseudonyms">{pseudonymsText(destination)}</Fact>
          {destination.openSeconds > 0 && (
            <Fact name="Open sessions">
              {`each ${destination.openSeconds} s; ${plural(destination.openReports, 'report')} so far`}
            </Fact>
          )}
          <Fact name="Secrets">{secretsText(destination)}</Fact>
          <Fact name="Since">{formatDateTime(Date.parse(destination.createdAt))}</Fact>
        </dl>
        {lastFailure !== null && (
          <p class={destination.state === 'blocked' ? 'note wrong' : 'note'}>
            Last failure, {agoText(lastFailure.at, now)}: {failureText(lastFailure)}
          </p>
        )}
      </div>
    </section>
  )
}

function recordOf({ records }: Destination): string {
  return records === 'peers' ? 'event' : 'session'
}

function sendsText({ records, q }: Destination): string {
  if (records === 'peers') return 'who was connected: all events of peers'
  return q === '' ? 'all sessions' : q
}

function nextText({ state, pending, nextAttemptAt }: Destination, now: number): string {
  if (state === 'paused') return 'when it is resumed'
  if (nextAttemptAt !== null) return agoText(nextAttemptAt, now)
  return pending === 0 ? 'when something arrives' : 'at once'
}

function pseudonymsText({ pseudonyms }: Destination): string {
  if (pseudonyms === null) return 'none'
  const what = pseudonyms.addresses ? 'persons and addresses' : 'persons, not addresses'
  return `of ${what}, new ones each ${pseudonyms.period}`
}

function secretsText({ secrets }: Destination): string {
  const all = Object.entries(secrets).map(([name, { lastFour }]) =>
    lastFour === null ? name : `${name} …${lastFour}`,
  )
  return all.length === 0 ? 'none' : all.join(', ')
}

function RemoveDialog({
  orgId,
  destination: { id, name, delivered, pending },
  onClose,
}: Omit<PartProps, 'reload'> & { onClose: () => void }) {
  const { fault, run } = useAction()
  const remove = () =>
    run(async () => {
      await removeDestination(orgId, id)
      toast(`${name} is removed`)
      navigate(pageHref('/destinations'))
    })
  return (
    <Dialog title={`Remove ${name}?`} onClose={onClose}>
      <p>
        The server deletes its secrets, its place in the log and its dead letters, and does not send{' '}
        {plural(pending, 'waiting session')}. The receiver keeps {plural(delivered, 'session')}.
        This cannot be undone.
      </p>
      <Fault text={fault} />
      <div class="dialog-actions">
        <button type="button" class="button" onClick={onClose}>
          Keep it
        </button>
        <button type="button" class="button danger" onClick={remove}>
          Remove
        </button>
      </div>
    </Dialog>
  )
}
