import { Dialog } from './dialog.js'

const KEYS = [
  [['/'], 'Query bar'],
  [['j', 'k'], 'Next, previous session'],
  [['Enter'], 'Show the session that has the focus'],
  [['→', '←'], 'In a row: from cell to cell, and what each can do'],
  [['Esc'], 'Close what is open, or leave the time that was zoomed to'],
  [['←', '→'], 'Over the bars: earlier, later'],
  [['↑', '↓'], 'Over the bars: half, twice the time'],
  [['l'], 'Live mode on or off'],
  [['r'], 'Refresh'],
  [['?'], 'This help'],
] as const

export function KeyHelp({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard" onClose={onClose}>
      <dl class="key-list">
        {KEYS.map(([keys, what]) => (
          <div key={what}>
            <dt>
              {keys.map((key) => (
                <kbd class="kbd" key={key}>
                  {key}
                </kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <div class="dialog-actions">
        <button type="button" class="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  )
}
