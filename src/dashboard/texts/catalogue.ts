/**
 * The catalogue of the page's texts: one file a part in `en/`, and its translation in `de/`. A part is an object of
 * texts, and of functions for texts with values. The type of the English object is that of the German one, so a missing
 * key or another parameter does not compile.
 *
 * English is in the code of the page that shows it. German loads apart, when it is the chosen language.
 *
 * Glossary, so that a thing has one name everywhere. German addresses the reader as "Sie", briefly.
 *
 *   session     Sitzung            outcome      Ausgang             completeness  Vollständigkeit
 *   connection  Verbindung         failed       fehlgeschlagen      hole          Lücke
 *   peer        Gegenstelle        refused      abgelehnt           evidence      Beleg
 *   site        Standort           reset        abgebrochen         reconciled    abgeglichen
 *   meter       Messgerät          closed       beendet             silent        schweigt
 *   resource    Ressource          source       Quelle              batch         Lieferung
 *   client      Client             dest         Ziel                spool         Zwischenspeicher
 *   user        Benutzer           payload      Nutzdaten           quarantined   beiseitegelegt
 *   prefix      Netz               interface    Schnittstelle       retention     Aufbewahrung
 *   key         Schlüssel          time range   Zeitraum            audit trail   Prüfprotokoll
 *   scope       Befugnis           breakdown    Aufteilung          hash          Prüfsumme
 *   secret      Geheimnis          destination (that sessions are sent to), receiver   Empfänger
 *   backfill    Nachlieferung      dead letter  Unzustellbares     stop (a backfill)  abbrechen
 *   alert       Warnung            view         Ansicht            admin         Administrator
 *
 * Untranslated: keys of the query language, names of settings and scopes (so "ingest-Schlüssel"), states of Zeek,
 * commands.
 */
import { type Language, language } from './language.js'

interface Part {
  readonly english: unknown
  readonly load: () => Promise<unknown>
  german: unknown
}

const parts: Part[] = []

/** @returns a function that gives the part in the language of the moment of its call */
export function inLanguages<T extends object>(english: T, german: () => Promise<T>): () => T {
  const part: Part = { english, load: german, german: undefined }
  parts.push(part)
  return () => (language() === 'de' && part.german !== undefined ? part.german : english) as T
}

/** Loads a language for all parts whose code is loaded. @throws when the server does not answer */
export async function loadTexts(wanted: Language): Promise<void> {
  if (wanted === 'en') return
  await Promise.all(
    parts.map(async (part) => {
      part.german ??= await part.load()
    }),
  )
}
