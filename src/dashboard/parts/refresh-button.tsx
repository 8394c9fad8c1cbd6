import { common } from '../texts/common.js'
import { RefreshIcon } from './icons.js'

export function RefreshButton({ title, onClick }: { title: string; onClick: () => void }) {
  return (
    <button
      type="button"
      class="button icon"
      aria-label={common().refresh}
      title={title}
      onClick={onClick}
    >
      <RefreshIcon />
    </button>
  )
}
