import { expect, test } from 'vitest'

process.kill(process.pid, 'SIGKILL')
test('nobody hears of it', () => expect(1).toBe(1))
