/**
 * Zeek's view of a TCP connection: two endpoint states and the word made from them.
 *
 * Follows Zeek's TCPSessionAdapter (UpdateInactiveState, UpdateSYN_SentState, UpdateEstablishedState,
 * UpdateClosedState) and conn_state() of scripts/base/protocols/conn/main.zeek. Zeek's "originator" is our initiator.
 */
import type { ConnState } from '../../../src/session/session.js'

export const [FIN, SYN, RST, ACK] = [1, 2, 4, 16]

type State =
  | 'INACTIVE'
  | 'SYN_SENT'
  | 'SYN_ACK_SENT'
  | 'PARTIAL'
  | 'ESTABLISHED'
  | 'CLOSED'
  | 'RESET'

class TcpEndpoint {
  state: State = 'INACTIVE'
  previous: State = 'INACTIVE'

  become(state: State): void {
    if (state === this.state) return
    this.previous = this.state
    this.state = state
  }
}

export class TcpState {
  readonly initiator = new TcpEndpoint()
  readonly responder = new TcpEndpoint()
  /** Zeek's history /S[^HAFGIQ]*R.*\/: the initiator sent a SYN, then a RST, and nothing that answers in between. */
  #abandoned: 'no' | 'possible' | 'yes'

  constructor(openedBySyn: boolean) {
    this.#abandoned = openedBySyn ? 'possible' : 'no'
  }

  packet(fromInitiator: boolean, flags: number, payload: number): void {
    const [self, peer] = fromInitiator
      ? [this.initiator, this.responder]
      : [this.responder, this.initiator]
    if (fromInitiator) this.#followHistory(flags, payload)
    switch (self.state) {
      case 'INACTIVE':
        this.#inactive(self, peer, fromInitiator, flags, payload)
        return
      case 'SYN_SENT':
      case 'SYN_ACK_SENT':
        if (flags & FIN) self.become('CLOSED')
        if (flags & RST) self.become('RESET')
        return
      case 'PARTIAL':
      case 'ESTABLISHED':
        this.#established(self, peer, flags)
        return
      case 'CLOSED':
        if (flags & RST && peer.state !== 'CLOSED') self.become('RESET')
        return
      case 'RESET':
        return
    }
  }

  #followHistory(flags: number, payload: number): void {
    if (this.#abandoned !== 'possible') return
    const controls = flags & (SYN | FIN | RST)
    if (controls === RST) this.#abandoned = 'yes'
    else if (controls === SYN && (flags & ACK) === 0) return
    else if (controls === 0 && (payload > 0 || (flags & ACK) === 0)) return
    else this.#abandoned = 'no'
  }

  #inactive(
    self: TcpEndpoint,
    peer: TcpEndpoint,
    fromInitiator: boolean,
    flags: number,
    payload: number,
  ): void {
    if (flags & SYN) {
      if (fromInitiator) {
        // Seen after the SYN-ACK that it asked for: the packets were swapped on their way here.
        if (peer.state === 'ESTABLISHED' && (flags & ACK) === 0) self.become('ESTABLISHED')
        else self.become(flags & ACK ? 'SYN_ACK_SENT' : 'SYN_SENT')
      } else {
        if (peer.state === 'SYN_SENT') peer.become('ESTABLISHED')
        self.become('ESTABLISHED')
      }
    }
    if (flags & FIN) self.become('CLOSED')
    if (flags & RST) self.become('RESET')
    if (self.state !== 'INACTIVE') return
    // Some TCPs acknowledge a SYN before they send their own: that makes no partial connection.
    if (!fromInitiator && payload === 0 && peer.state === 'SYN_SENT') return
    if (flags & ACK && peer.state === 'ESTABLISHED') self.become('ESTABLISHED')
    else self.become('PARTIAL')
  }

  #established(self: TcpEndpoint, peer: TcpEndpoint, flags: number): void {
    if (
      flags & SYN &&
      (flags & ACK) === 0 &&
      self.state === 'PARTIAL' &&
      peer.state === 'INACTIVE'
    ) {
      self.become('SYN_SENT')
    }
    if (flags & FIN && (flags & RST) === 0) {
      self.become('CLOSED')
      // FIN, then RST, then the other side's FIN: a normal end after all.
      if (peer.state === 'RESET' && peer.previous === 'CLOSED') peer.become('CLOSED')
    }
    if (flags & RST) self.become('RESET')
  }

  word(anyPayload: boolean): ConnState {
    const [os, rs] = [this.initiator.state, this.responder.state]
    const initiatorInactive = os === 'INACTIVE' || os === 'PARTIAL'
    const responderInactive = rs === 'INACTIVE' || rs === 'PARTIAL'
    if (rs === 'RESET') {
      if (os === 'SYN_SENT' || os === 'SYN_ACK_SENT' || (os === 'RESET' && !anyPayload))
        return 'REJ'
      return initiatorInactive ? 'RSTRH' : 'RSTR'
    }
    if (os === 'RESET') {
      if (!responderInactive) return 'RSTO'
      return this.#abandoned === 'yes' ? 'RSTOS0' : 'OTH'
    }
    if (os === 'CLOSED' && rs === 'CLOSED') return 'SF'
    if (os === 'CLOSED') return responderInactive ? 'SH' : 'S2'
    if (rs === 'CLOSED') return initiatorInactive ? 'SHR' : 'S3'
    if (os === 'SYN_SENT' && rs === 'INACTIVE') return 'S0'
    if (os === 'ESTABLISHED' && rs === 'ESTABLISHED') return 'S1'
    return 'OTH'
  }
}
