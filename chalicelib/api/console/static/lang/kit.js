export default {
"kit": {
"all":["All","Alle"],
"channel":["Channel","Kanal"],
"created":["Created","Angelegt"],
"default":["default","Standard"],
"delete":["Delete","Löschen"],
"emitter":["Emitter","Sender"],
"every":["every {seconds} s","alle {seconds} s"],
"from":["From","Von"],
"id":["Id","Kennung"],
"name":["Name","Name"],
"outcome": {
"cancelled":["cancelled","abgebrochen"],
"failed":["failed","fehlgeschlagen"],
"running":["not ended","nicht beendet"],
"success":["succeeded","erfolgreich"]
},
"pause":["Pause","Anhalten"],
"refresh":["Refresh","Aktualisieren"],
"resume":["Resume","Fortsetzen"],
"save":["Save","Speichern"],
"source":["Source","Quelle"],
"state":["State","Zustand"],
"to":["Until","Bis"],
"workflow":["Workflow","Workflow"]
}
};
