export default {
"schedules": {
"catchUp": {
"":["Missed times","Versäumtes"],
"all":["make up for all","alles nachholen"],
"last":["make up for the last","das letzte nachholen"],
"none":["let pass","verfallen lassen"]
},
"cron":["Cron expression","Cron-Ausdruck"],
"cronHint":["Five fields, or six to seven with seconds (Quartz).","Fünf Felder, oder sechs bis sieben mit Sekunden (Quartz)."],
"deleteWhy":["The workflow stays; runs under way go on.","Der Workflow bleibt, laufende Läufe gehen weiter."],
"input":["Input","Eingabe"],
"interval":["Interval in seconds","Abstand in Sekunden"],
"last":["Last run","Letzter Lauf"],
"managed":["managed","verwaltet"],
"managedWhy":["It belongs to what it starts, and is changed there.","Er gehört zu dem, was er startet, und wird dort geändert."],
"never":["It never fires.","Er feuert nie."],
"new":["New schedule …","Neuer Zeitplan …"],
"next":["Next","Nächster"],
"none":["There are no schedules.","Es gibt keine Zeitpläne."],
"overlap": {
"":["While a run is under way","Solange ein Lauf läuft"],
"allow":["start another","weiteren starten"],
"queue":["queue","einreihen"],
"skip":["skip","überspringen"]
},
"preview":["Preview","Vorschau"],
"skipped":["Skipped","Übersprungen"],
"starts":["Starts","Startet"],
"there":["In its zone","In seiner Zone"],
"upcoming":["Next times","Nächste Zeiten"],
"when":["When","Wann"],
"why":["Why","Warum"],
"wouldBe":["Paused: these would be the times.","Angehalten: Das wären die Zeiten."],
"yours":["Your time","Ihre Zeit"],
"zone":["Time zone","Zeitzone"]
}
};
