/** A page whose code loads when it is first shown, so that other pages need not wait for it (the charts). */

import type { ComponentType } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { loadTexts } from '../texts/catalogue.js'
import { common } from '../texts/common.js'
import { language } from '../texts/language.js'
import { Message } from './states.js'

type PageComponent = ComponentType<{ orgId: string }>

export function lazyPage(load: () => Promise<PageComponent>): PageComponent {
  let loaded: PageComponent | null = null
  return function LazyPage(props) {
    const [Page, setPage] = useState<PageComponent | null>(() => loaded)
    const [failed, setFailed] = useState(false)
    useEffect(() => {
      if (loaded !== null) return
      load()
        .then(async (page) => {
          await loadTexts(language())
          loaded = page
          setPage(() => page)
        })
        .catch(() => setFailed(true))
    }, [])
    if (Page !== null) return <Page {...props} />
    if (!failed) return null
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
