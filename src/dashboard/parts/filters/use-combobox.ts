import Combobox from '@github/combobox-nav'
import type { RefObject } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'

/**
 * Keys and roles of a text field with a list of suggestions (WAI-ARIA's combobox). What is chosen with Enter is clicked.
 * @returns for the list
 */
export function useCombobox(
  input: RefObject<HTMLInputElement | null>,
  open: boolean,
  options: readonly { readonly id: string }[],
): RefObject<HTMLDivElement | null> {
  const list = useRef<HTMLDivElement>(null)
  const combobox = useRef<Combobox | null>(null)
  useLayoutEffect(() => {
    if (input.current === null || list.current === null) return
    const made = new Combobox(input.current, list.current, { tabInsertsSuggestions: false })
    combobox.current = made
    return () => made.destroy()
  }, [input])
  useEffect(() => {
    if (!open) return
    combobox.current?.start()
    return () => combobox.current?.stop()
  }, [open])
  // What was gone to is gone when there are others: the list marks its elements itself.
  const ids = options.map(({ id }) => id).join(' ')
  useLayoutEffect(() => () => combobox.current?.clearSelection(), [ids])
  return list
}
