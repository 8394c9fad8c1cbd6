/** Scenarios for fast-check: generated in one go (fast), shrunk by leaving out and by simplifying. */
import * as fc from 'fast-check'
import type { Command, Conversation, Scenario } from './scenario.js'
import { rollScenario } from './shapes.js'

export class ScenarioArbitrary extends fc.Arbitrary<Scenario> {
  readonly #conversationsMax: number

  constructor(conversationsMax: number) {
    super()
    this.#conversationsMax = conversationsMax
  }

  override generate(random: fc.Random): fc.Value<Scenario> {
    const dice = { int: (min: number, max: number) => random.nextInt(min, max) }
    return new fc.Value(rollScenario(dice, this.#conversationsMax), undefined)
  }

  override canShrinkWithoutContext(value: unknown): value is Scenario {
    return typeof value === 'object' && value !== null && 'conversations' in value
  }

  override shrink(scenario: Scenario): fc.Stream<fc.Value<Scenario>> {
    return fc.stream(smaller(scenario)).map((value) => new fc.Value(value, undefined))
  }
}

/** Lists with parts left out: halves first, then single items. */
function* without<T>(items: readonly T[]): Generator<T[]> {
  for (let size = items.length; size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < items.length; at += size) {
      yield [...items.slice(0, at), ...items.slice(at + size)]
    }
  }
}

function replaced<T>(items: readonly T[], index: number, item: T): T[] {
  return items.map((old, i) => (i === index ? item : old))
}

function* smaller(scenario: Scenario): Generator<Scenario> {
  const { conversations, options } = scenario
  for (const rest of without(conversations)) yield { ...scenario, conversations: rest }
  for (const [i, conversation] of conversations.entries()) {
    for (const commands of without(conversation.commands)) {
      const shorter = { ...conversation, commands }
      yield { ...scenario, conversations: replaced(conversations, i, shorter) }
    }
  }
  if (scenario.feedPackets !== 1000) yield { ...scenario, feedPackets: 1000 }
  for (const plain of [
    { flowsMax: 100_000 },
    { fragmentsMax: 4096 },
    { inside: 0 },
    { earlyReport: false },
  ]) {
    const [name, value] = Object.entries(plain)[0]!
    if (options[name as keyof typeof options] !== value) {
      yield { ...scenario, options: { ...options, ...plain } }
    }
  }
  for (const [i, conversation] of conversations.entries()) {
    for (const simpler of simplerConversations(conversation)) {
      yield { ...scenario, conversations: replaced(conversations, i, simpler) }
    }
  }
}

function* simplerConversations(conversation: Conversation): Generator<Conversation> {
  if (conversation.startUs !== 0) yield { ...conversation, startUs: 0 }
  if (conversation.link !== 'raw') yield { ...conversation, link: 'raw' }
  if (conversation.ipv6) yield { ...conversation, ipv6: false }
  if (conversation.tuple !== 0) yield { ...conversation, tuple: 0 }
  for (const [i, command] of conversation.commands.entries()) {
    for (const simpler of simplerCommands(command)) {
      yield { ...conversation, commands: replaced(conversation.commands, i, simpler) }
    }
  }
}

function* simplerCommands(command: Command): Generator<Command> {
  const { act, waitUs, tweak } = command
  if (tweak !== undefined) yield { waitUs, act }
  const waits = [0, Math.floor(waitUs / 2), waitUs - 1]
  for (const wait of new Set(waits))
    if (wait >= 0 && wait < waitUs) yield { ...command, waitUs: wait }
  if ('length' in act && act.do !== 'head' && act.length > 0) {
    for (const length of new Set([0, Math.floor(act.length / 2)])) {
      yield { ...command, act: { ...act, length } }
    }
  }
}
