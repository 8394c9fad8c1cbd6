/** What was wrong with what was just typed or asked for; read out when it comes. */
export function Fault({ text }: { text: string | null }) {
  if (text === null || text === '') return null
  return (
    <p class="note wrong" role="alert">
      {text}
    </p>
  )
}
