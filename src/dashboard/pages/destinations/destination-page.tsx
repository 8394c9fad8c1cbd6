/** The page of one destination: its delivery, attempts, backfills and dead letters, and the buttons that change it. */

import { useState } from 'preact/hooks'
import {
  type Destination,
  pauseDestination,
  removeDestination,
  type TestResult,
  testDestination,
} from '../../api/destinations.js'
import { formatCount } from '../../format/bytes.js'
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
import { destinations as texts } from '../../texts/destinations.js'
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
          {texts().all}
        </a>
      </p>
      <Progress query={query} />
      {data === undefined ? (
        <Failure query={query} what="destination" />
      ) : destination === undefined ? (
        <Message title={texts().noSuch}>
          <p>{texts().noSuchWhy}</p>
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
        {button(texts().test, test, testing)}
        {(state === 'retrying' || state === 'blocked') && button(texts().tryNow, pausing('resume'))}
        {state === 'paused'
          ? button(texts().resume, pausing('resume'))
          : button(texts().pause, pausing('pause'))}
        {button(texts().change, () => setOpen('change'))}
        {button(texts().remove, () => setOpen('remove'))}
      </div>
      <div role="status">
        {testing && <p class="note">{texts().testing}</p>}
        {tested !== null && (
          <p class={tested.result === 'delivered' ? 'note verdict ok' : 'note wrong'}>
            {(tested.result === 'delivered' ? texts().taken : texts().notTaken)(tested.target)}
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
            toast(texts().isChanged(name))
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
        <h2 id="standing">{texts().delivery}</h2>
      </div>
      <div class="card-body">
        <dl class="facts">
          <Fact name={texts().delivered}>{deliveredText(destination)}</Fact>
          <Fact name={texts().waiting}>{pendingText(destination, now)}</Fact>
          <Fact name={texts().lastSuccess}>{agoText(destination.lastSuccessAt, now)}</Fact>
          <Fact name={texts().nextAttempt}>{nextText(destination, now)}</Fact>
          <Fact name={texts().deletedUndelivered} wrong={deletedUndelivered > 0}>
            {deletedUndelivered === 0 ? texts().noSessions : texts().atMost(deletedUndelivered)}
          </Fact>
          <Fact name={texts().deadLetters} wrong={destination.deadLetters > 0}>
            {formatCount(destination.deadLetters)}
          </Fact>
          {destination.rejected > 0 && (
            <Fact name={texts().rejected} wrong={true}>
              {formatCount(destination.rejected)}
            </Fact>
          )}
          <Fact name={texts().goesTo}>{texts().target(destination.target, destination.kind)}</Fact>
          <Fact name={texts().sends}>{sendsText(destination)}</Fact>
          <Fact name={texts().fields}>{destination.columns?.join(', ') ?? texts().allFields}</Fact>
          <Fact name={texts().pseudonyms}>{pseudonymsText(destination)}</Fact>
          {destination.openSeconds > 0 && (
            <Fact name={texts().openSessions}>
              {texts().openReports(destination.openSeconds, destination.openReports)}
            </Fact>
          )}
          <Fact name={texts().secrets}>{secretsText(destination)}</Fact>
          <Fact name={texts().since}>{formatDateTime(Date.parse(destination.createdAt))}</Fact>
        </dl>
        {lastFailure !== null && (
          <p class={destination.state === 'blocked' ? 'note wrong' : 'note'}>
            {texts().lastFailure(agoText(lastFailure.at, now), failureText(lastFailure))}
          </p>
        )}
      </div>
    </section>
  )
}

function deliveredText({ records, delivered }: Destination): string {
  return records === 'peers' ? texts().events(delivered) : texts().sessions(delivered)
}

function sendsText({ records, q }: Destination): string {
  if (records === 'peers') return texts().sendsPeers
  return q === '' ? texts().sendsAll : q
}

function nextText({ state, pending, nextAttemptAt }: Destination, now: number): string {
  if (state === 'paused') return texts().whenResumed
  if (nextAttemptAt !== null) return agoText(nextAttemptAt, now)
  return pending === 0 ? texts().whenArrives : texts().atOnce
}

function pseudonymsText({ pseudonyms }: Destination): string {
  const { noPseudonyms, ofPersons, ofPersonsAndAddresses } = texts()
  if (pseudonyms === null) return noPseudonyms
  return (pseudonyms.addresses ? ofPersonsAndAddresses : ofPersons)[pseudonyms.period]
}

function secretsText({ secrets }: Destination): string {
  const all = Object.entries(secrets).map(([name, { lastFour }]) =>
    lastFour === null ? name : `${name} …${lastFour}`,
  )
  return all.length === 0 ? texts().noSecrets : all.join(', ')
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
      toast(texts().isRemoved(name))
      navigate(pageHref('/destinations'))
    })
  return (
    <Dialog title={texts().removeQuestion(name)} onClose={onClose}>
      <p>{texts().removeWhat(pending, delivered)}</p>
      <Fault text={fault} />
      <div class="dialog-actions">
        <button type="button" class="button" onClick={onClose}>
          {texts().keepIt}
        </button>
        <button type="button" class="button danger" onClick={remove}>
          {texts().remove}
        </button>
      </div>
    </Dialog>
  )
}
