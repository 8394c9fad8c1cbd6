/** The fault of an input or an action. Screen readers announce it. */
export function Fault({ text }: { text: string | null }) {
  if (text === null || text === '') return null
  return (
    <p class="note wrong" role="alert">
      {text}
    </p>
  )
}
