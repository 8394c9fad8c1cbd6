/** A choice of one among a few visible options. */
export interface SegmentsProps<T extends string> {
  readonly name: string
  readonly options: readonly { readonly value: T; readonly label: string }[]
  readonly value: T
  readonly onChange: (value: T) => void
}

export function Segments<T extends string>({ name, options, value, onChange }: SegmentsProps<T>) {
  return (
    <fieldset class="segments" aria-label={name}>
      {options.map((option) => (
        <button
          type="button"
          key={option.value}
          aria-pressed={option.value === value}
          onClick={() => onChange(option.value)}
        >
          {option.label}
        </button>
      ))}
    </fieldset>
  )
}
