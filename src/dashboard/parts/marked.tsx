/** A text of the catalogue with its marks: `code` between backticks, emphasis between asterisks. */
export function Marked({ text }: { text: string }) {
  return (
    <>
      {text.split(/(`[^`]*`|\*[^*]*\*)/).map((piece) => {
        const inner = piece.slice(1, -1)
        if (piece.startsWith('`')) return <code key={piece}>{inner}</code>
        return piece.startsWith('*') ? <em key={piece}>{inner}</em> : piece
      })}
    </>
  )
}
