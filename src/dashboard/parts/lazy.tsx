/** A page or a dialog whose code loads when it is first shown, so that other pages need not wait for it (the charts). */

import type { ComponentType } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { serverReachable } from '../api/client.js'
import { useStore } from '../state/store.js'
import { loadTexts } from '../texts/catalogue.js'
import { common } from '../texts/common.js'
import { language } from '../texts/language.js'
import { Message } from './states.js'

const RETRY_MS = 3_000

export function lazyPage<P extends object>(
  load: () => Promise<ComponentType<P>>,
): ComponentType<P> {
  let loaded: ComponentType<P> | null = null
  return function LazyPage(props: P) {
    const [Page, setPage] = useState<ComponentType<P> | null>(() => loaded)
    const [failed, setFailed] = useState(false)
    const [tries, setTries] = useState(0)
    const reachable = useStore(serverReachable)
    useEffect(() => {
      if (loaded !== null) return
      let again: ReturnType<typeof setTimeout> | undefined
      load()
        .then(async (page) => {
          await loadTexts(language())
          loaded = page
          setPage(() => page)
        })
        .catch(() => {
          setFailed(true)
          again = setTimeout(() => setTries((count) => count + 1), RETRY_MS)
        })
      return () => clearTimeout(again)
    }, [tries])
    if (Page !== null) return <Page {...props} />
    if (!failed) return null
    if (!reachable)
      return (
        <Message title={common().cannotReach}>
          <p class="muted">{common().askingAgainSoon}</p>
        </Message>
      )
    const reload = (
      <button type="button" class="button primary" onClick={() => window.location.reload()}>
        {common().reload}
      </button>
    )
    return (
      <Message title={common().notLoaded} actions={reload}>
        <p>{common().notLoadedWhy}</p>
      </Message>
    )
  }
}
