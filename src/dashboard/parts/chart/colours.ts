/** Colours for a canvas. A canvas cannot read CSS custom properties, so an element of the page resolves them. */
export const SERIES_COLOURS = 7

/** @param names custom properties without their dashes: `series-1`, `line`. */
export function resolveColours<const T extends string>(
  host: HTMLElement,
  names: readonly T[],
): Record<T, string> {
  const probe = document.createElement('span')
  host.append(probe)
  const colours = Object.fromEntries(
    names.map((name) => {
      probe.style.color = `var(--${name})`
      return [name, getComputedStyle(probe).color]
    }),
  )
  probe.remove()
  return colours as Record<T, string>
}

/** The colour of the nth largest group. "All others" and groups beyond the palette share the neutral one. */
export function seriesColour(index: number, other: boolean): string {
  return other || index >= SERIES_COLOURS ? 'series-other' : `series-${index + 1}`
}
