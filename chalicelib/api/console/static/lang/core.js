export default {
"again":["Try again","Noch einmal versuchen"],
"cancel":["Cancel","Abbrechen"],
"close":["Close","Schließen"],
"copied":["Copied","Kopiert"],
"copy": {
"":["Copy","Kopieren"],
"failed":["The browser does not allow copying","Der Browser erlaubt das Kopieren nicht"],
"json":["Copy as JSON","Als JSON kopieren"]
},
"empty":["There is nothing here yet.","Hier ist noch nichts."],
"error": {
"CONFLICT":["That is not possible in its present state.","Das ist im jetzigen Zustand nicht möglich."],
"EXECUTION_NOT_FOUND":["There is no such run.","Diesen Lauf gibt es nicht."],
"EXECUTION_NOT_PAUSED":["The run is not paused.","Der Lauf ist nicht pausiert."],
"EXECUTION_NOT_RETRYABLE":["The run cannot be retried in its present state.","Der Lauf kann in seinem jetzigen Zustand nicht wiederholt werden."],
"EXECUTION_NOT_RUNNING":["The run has ended.","Der Lauf ist zu Ende."],
"EXECUTION_NOT_WAITING":["The run does not wait for an answer there.","Der Lauf wartet dort auf keine Eingabe."],
"FORBIDDEN":["Your key does not allow this.","Ihr Schlüssel erlaubt das nicht."],
"INPUT_REJECTED":["The input was refused","Die Eingabe wurde abgelehnt"],
"INTERNAL_ERROR":["Something went wrong on the server.","Auf dem Server ist etwas schiefgegangen."],
"NOT_FOUND":["There is no such thing.","Das gibt es nicht."],
"PAYLOAD_TOO_LARGE":["That is too large.","Das ist zu groß."],
"RATE_LIMIT_EXCEEDED":["Too many calls; try again in a minute.","Zu viele Aufrufe; in einer Minute geht es weiter."],
"UNREACHABLE":["The server cannot be reached.","Der Server ist nicht erreichbar."],
"VALIDATION_ERROR":["The request was refused","Die Anfrage wurde abgelehnt"],
"WORKFLOW_INACTIVE":["The workflow is not active.","Der Workflow ist nicht aktiv."],
"WORKFLOW_NOT_FOUND":["There is no such workflow.","Diesen Workflow gibt es nicht."],
"load":["This part of the console cannot be loaded. It may have been updated: reload the page.","Dieser Teil der Konsole lässt sich nicht laden. Vielleicht wurde sie erneuert: Laden Sie die Seite neu."],
"request":["Request {id}","Anfrage {id}"],
"stale":["What is shown may be old. {why}","Der Stand kann veraltet sein. {why}"],
"unknown":["Something went wrong.","Etwas ist schiefgegangen."]
},
"form": {
"optional":["{label} (optional)","{label} (optional)"],
"value":["Value","Wert"]
},
"graph": {
"fit":["Show all","Alles zeigen"],
"in":["Zoom in","Vergrößern"],
"leads":["leads to {to}","führt zu {to}"],
"out":["Zoom out","Verkleinern"]
},
"help": {
"":["Keyboard shortcuts","Tastenkürzel"],
"escape":["Close a dialog or the menu","Dialog oder Menü schließen"],
"pan":["Move a focused graph","Graphen mit Fokus verschieben"],
"search":["Go to the search field","Zum Suchfeld"],
"zoom":["Zoom a focused graph","Graphen mit Fokus vergrößern oder verkleinern"]
},
"json": {
"invalid":["This is no valid JSON: {why}","Das ist kein gültiges JSON: {why}"],
"members": {
"one":["{n} entry","{n} Eintrag"],
"other":["{n} entries","{n} Einträge"]
},
"more":["{n} more …","{n} weitere …"],
"object":["an object is needed","ein Objekt wird gebraucht"],
"whole":["show all {n} characters","alle {n} Zeichen zeigen"]
},
"language":["Language","Sprache"],
"loading":["Loading …","Wird geladen …"],
"missing": {
"text":["This address leads nowhere in the console.","Diese Adresse führt in der Konsole nirgendwohin."],
"title":["Not found","Nicht gefunden"]
},
"nav": {
"events":["Events","Ereignisse"],
"flows":["Flows","Flows"],
"label":["Main navigation","Hauptnavigation"],
"menu":["Menu","Menü"],
"overview":["Overview","Überblick"],
"pins":["Pins","Pins"],
"runs":["Runs","Läufe"],
"schedules":["Schedules","Zeitpläne"],
"sources":["Sources","Quellen"],
"webhooks":["Webhooks","Webhooks"],
"workflows":["Workflows","Workflows"]
},
"page": {
"earlier":["Previous","Zurück"],
"later":["Next","Weiter"],
"number":["Page {page}","Seite {page}"],
"total": {
"one":["{n} entry · page {page} of {pages}","{n} Eintrag · Seite {page} von {pages}"],
"other":["{n} entries · page {page} of {pages}","{n} Einträge · Seite {page} von {pages}"]
}
},
"sign": {
"expired":["The key is not valid, or not any more.","Der Schlüssel ist nicht oder nicht mehr gültig."],
"in":["Sign in","Anmelden"],
"key":["API key","API-Schlüssel"],
"out":["Sign out","Abmelden"],
"title":["Sign in to Penstock","Bei Penstock anmelden"],
"why":["The key stays in this tab and is forgotten with it.","Der Schlüssel bleibt in diesem Tab und wird mit ihm vergessen."]
},
"skip":["Skip to the content","Zum Inhalt springen"],
"status": {
"active":["active","aktiv"],
"cancelled":["cancelled","abgebrochen"],
"completed":["completed","abgeschlossen"],
"delivered":["delivered","zugestellt"],
"disabled":["disabled","abgeschaltet"],
"enabled":["enabled","eingeschaltet"],
"error":["error","Fehler"],
"failed":["failed","fehlgeschlagen"],
"inactive":["inactive","inaktiv"],
"paused":["paused","pausiert"],
"pending":["pending","anstehend"],
"queued":["queued","eingereiht"],
"running":["running","läuft"],
"skipped":["skipped","übersprungen"],
"succeeded":["succeeded","erfolgreich"],
"success":["succeeded","erfolgreich"],
"timed_out":["timed out","Zeit überschritten"],
"unknown":["outcome unknown","Ausgang unbekannt"],
"waiting":["waiting","wartet"]
},
"theme": {
"":["Colours","Farben"],
"auto":["As the system","Wie das System"],
"dark":["Dark","Dunkel"],
"light":["Light","Hell"]
},
"timeline": {
"after":["begun after {offset}","begonnen nach {offset}"],
"attempts": {
"one":["{n} attempt","{n} Versuch"],
"other":["{n} attempts","{n} Versuche"]
},
"noRounds":["Nothing is recorded of its rounds yet.","Von den Durchgängen ist noch nichts aufgezeichnet."],
"pause":["waited {time} for the next attempt","{time} bis zum nächsten Versuch gewartet"],
"round":["Round {index}","Durchgang {index}"],
"rounds":["Show or hide rounds","Durchgänge zeigen oder verbergen"]
}
};
