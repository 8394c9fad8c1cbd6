/** Shows the page of the path, or sign-in when nobody is signed in. */

import { Fragment } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { faultText } from './api/fault-text.js'
import { loadSession, session } from './api/session.js'
import { PAGES, pageFor } from './pages/pages.js'
import { SignInPage } from './pages/sign-in-page.js'
import { Shell } from './parts/shell.js'
import { Message } from './parts/states.js'
import { Toasts } from './parts/toasts.js'
import { language } from './state/language.js'
import { useStore } from './state/store.js'
import { useLocation } from './state/url.js'
import { zone } from './state/zone.js'
import { common } from './texts/common.js'

const RETRY_MS = 3000

export function App() {
  const signedIn = useStore(session)
  const fault = useSession(signedIn === undefined)
  return (
    <>
      <Fragment key={useStore(language)}>
        {signedIn === undefined ? <Starting fault={fault} /> : null}
        {signedIn === null && <SignInPage />}
        {signedIn && <Pages />}
      </Fragment>
      <Toasts />
    </>
  )
}

/** Asks the server for the signed-in key, every RETRY_MS until it answers. @returns the failure */
function useSession(unknown: boolean): string | null {
  const [fault, setFault] = useState<string | null>(null)
  useEffect(() => {
    if (!unknown) return
    let timer: ReturnType<typeof setTimeout>
    const ask = () =>
      loadSession().catch((error: unknown) => {
        setFault(faultText(error))
        timer = setTimeout(ask, RETRY_MS)
      })
    ask()
    return () => clearTimeout(timer)
  }, [unknown])
  return fault
}

function Starting({ fault }: { fault: string | null }) {
  if (fault === null) return null
  return (
    <main>
      <Message title={common().cannotReach}>
        <p>{fault}</p>
        <p class="muted">{common().askingAgainSoon}</p>
      </Message>
    </main>
  )
}

function Pages() {
  const { path } = useLocation()
  const page = pageFor(path)
  const inZone = useStore(zone)
  useEffect(() => {
    document.title = `${common().pages[page.name]} · tunmeter`
  }, [page])
  return (
    <Shell pages={PAGES} current={page}>
      {(orgId) => <page.Page key={`${page.path} ${orgId} ${inZone}`} orgId={orgId} />}
    </Shell>
  )
}
