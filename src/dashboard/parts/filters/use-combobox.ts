import Combobox from '@github/combobox-nav'
import type { RefObject } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'

/**
 * Keys and roles of a text field with a list of suggestions (WAI-ARIA's combobox). Enter clicks the chosen option.
 * @returns the ref of the list
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
  // Before the list is painted, because the first key press after that is for the list.
  useLayoutEffect(() => {
    if (!open) return
    combobox.current?.start()
    return () => combobox.current?.stop()
  }, [open])
  // A chosen option stays chosen when others arrive beside it. The library marks the chosen element; when that element
  // is removed, the field would still point to it.
  const ids = options.map(({ id }) => id).join(' ')
  useLayoutEffect(() => {
    const chosen = list.current?.querySelector('[aria-selected="true"]') ?? null
    if (chosen === null) combobox.current?.clearSelection()
  }, [ids])
  return list
}
