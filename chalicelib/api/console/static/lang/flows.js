export default {
"flows": {
"all":["all matching branches","alle passenden Zweige"],
"asRun":["run","Lauf"],
"began":["Started","Begonnen"],
"branch":["Branch {number}","Zweig {number}"],
"cancel":["Cancel job","Job abbrechen"],
"cancelWhy":["What was exported already is not imported any more.","Was schon exportiert wurde, wird nicht mehr importiert."],
"choose":["Choose {message}","{message} auswählen"],
"chosen": {
"one":["{n} chosen","{n} ausgewählt"],
"other":["{n} chosen","{n} ausgewählt"]
},
"data":["Retry data","Daten"],
"disable":["Disable","Abschalten"],
"enable":["Enable","Einschalten"],
"errors":["Open","Offen"],
"first":["first matching branch","erster passender Zweig"],
"graph":["Graph","Graph"],
"job":["Job","Job"],
"jobs":["Jobs","Jobs"],
"kind": {
"generator":["generator","Generator"],
"import":["import","Import"],
"lookup":["lookup","Nachschlagen"],
"router":["router","Verzweigung"]
},
"lastRun":["Last run","Letzter Lauf"],
"latest":["Latest job","Neuester Job"],
"message":["Message","Meldung"],
"next":["Starts next","Startet danach"],
"noErrors":["No open errors.","Keine offenen Fehler."],
"noJobs":["It has not run yet.","Er ist noch nicht gelaufen."],
"noResolved":["Nothing was resolved yet.","Noch wurde nichts erledigt."],
"none":["There are no flows.","Es gibt keine Flows."],
"noneToRetry":["None of these can be retried.","Keiner davon lässt sich wiederholen."],
"numError":["Errors","Fehler"],
"numIgnore":["Ignored","Ignoriert"],
"numOpenError":["Open","Offen"],
"numResolved":["Resolved","Erledigt"],
"numSuccess":["Success","Erfolg"],
"occurred":["Occurred","Aufgetreten"],
"openErrors":["Open errors","Offene Fehler"],
"pages":["Pages","Seiten"],
"record":["Record","Datensatz"],
"reopen":["Reopen","Wieder öffnen"],
"resolve":["Resolve","Erledigt"],
"resolved":["Resolved","Erledigt"],
"retryAll":["Retry all …","Alle wiederholen …"],
"retryAllWhy": {
"one":["{n} record is tried again.","{n} Datensatz wird noch einmal versucht."],
"other":["{n} records are tried again.","{n} Datensätze werden noch einmal versucht."]
},
"retryChosen":["Retry","Wiederholen"],
"run":["Run now …","Jetzt ausführen …"],
"saveRetry":["Save and retry","Speichern und wiederholen"],
"saved":["Saved.","Gespeichert."],
"schedule":["Schedule","Zeitplan"],
"startDate":["Export from","Exportieren ab"],
"startDateHint":["Without one, what is new since the last run.","Ohne Angabe das Neue seit dem letzten Lauf."],
"step":["Step","Schritt"],
"steps":["Steps","Schritte"],
"traceKey":["Trace key","Trace-Key"],
"type": {
"":["Type","Art"],
"flow":["flow","Flow"],
"retry":["retry","Wiederholung"]
}
},
"status": {
"canceled":["cancelled","abgebrochen"],
"canceling":["cancelling","bricht ab"],
"retrying":["retrying","wiederholt"]
}
};
