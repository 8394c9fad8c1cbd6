/** The hatch patterns for missing data, once for all charts of a page. A pattern is visible without colours, too. */
export function Hatches() {
  return (
    <svg class="hatches" width="0" height="0" aria-hidden="true">
      <defs>
        {(['lost', 'silent', 'unwatched', 'deleted'] as const).map((look) => (
          <pattern
            key={look}
            id={`hatch-${look}`}
            width="6"
            height="6"
            patternUnits="userSpaceOnUse"
            patternTransform="rotate(45)"
          >
            <rect class={`hatch-ground ${look}`} width="6" height="6" />
            <rect class={`hatch-line ${look}`} width={look === 'silent' ? 4 : 2} height="6" />
          </pattern>
        ))}
      </defs>
    </svg>
  )
}
