export default {
"overview": {
"asTable":["As a table","Als Tabelle"],
"cut":["There were so many runs that only those since {from} are counted.","Es waren so viele Läufe, dass nur die seit {from} gezählt sind."],
"dead":["Dead letters","Aufgegebene Nachrichten"],
"delayed":["Delayed","Aufgeschoben"],
"duration":["Duration","Dauer"],
"failed":["Failed, 24 hours","Fehlgeschlagen, 24 Stunden"],
"failures":["Recent failures","Letzte Fehlschläge"],
"hour":["Hour","Stunde"],
"hours":["Runs per hour","Läufe je Stunde"],
"inFlight":["Being worked on","In Arbeit"],
"installation":["Installation","Installation"],
"kind": {
"":["Work","Arbeit"],
"deliveries":["Deliveries","Zustellungen"],
"runs":["Runs","Läufe"]
},
"lag":["Oldest overdue","Am längsten überfällig"],
"live":["Not ended","Nicht beendet"],
"noFailures":["Nothing has failed in the last 24 hours.","In den letzten 24 Stunden ist nichts fehlgeschlagen."],
"none":["nothing","nichts"],
"rate":["Success rate","Erfolgsquote"],
"started":["Started","Begonnen"],
"status":["Status","Status"],
"succeeded":["Succeeded, 24 hours","Erfolgreich, 24 Stunden"],
"summary":["Runs of the last 24 hours by the hour: {good} succeeded, {bad} failed","Läufe der letzten 24 Stunden je Stunde: {good} erfolgreich, {bad} fehlgeschlagen"],
"unknown":["unknown","unbekannt"],
"waiting":["Messages waiting","Wartende Nachrichten"],
"workflow":["Workflow","Workflow"]
}
};
