export default {
"status": {
"dead":["dead letter","unzustellbar"],
"held":["held","zurückgehalten"]
},
"webhooks": {
"answer":["Answer","Antwort"],
"at":["Time","Zeit"],
"attempts":["Attempts","Versuche"],
"body":["Request body","Gesendeter Inhalt"],
"deleteWhy":["Its subscriptions and deliveries go with it.","Seine Abonnements und Zustellungen gehen mit ihm."],
"deliveries":["Deliveries","Zustellungen"],
"description":["Description","Beschreibung"],
"excerpt":["Beginning of the answer","Anfang der Antwort"],
"failingSince":["Failing since","Scheitert seit"],
"finished":["Finished","Beendet"],
"headers":["Headers","Kopfzeilen"],
"hears":["Subscriptions","Abonnements"],
"hearsNobody":["It hears nobody yet.","Er hört noch niemanden."],
"inbound":["Inbound","Eingehend"],
"is": {
"disabled":["Disabled: what comes is a dead letter at once. Resume it, then recover.","Abgeschaltet: Was kommt, ist sofort unzustellbar. Erst fortsetzen, dann nachholen."],
"paused":["Paused: what comes is held until it is resumed.","Angehalten: Was kommt, wird bis zum Fortsetzen zurückgehalten."]
},
"keep":["Keep it safe now: it is not shown again.","Jetzt sicher aufbewahren: Es wird nicht noch einmal gezeigt."],
"latency":["Latency","Dauer"],
"next":["Next attempt","Nächster Versuch"],
"noAnswer":["no answer","keine Antwort"],
"noAttempts":["Nothing was attempted yet.","Noch wurde nichts versucht."],
"noDeliveries":["No deliveries.","Keine Zustellungen."],
"none":["No receiver is registered.","Kein Empfänger ist eingetragen."],
"noneInbound":["No workflow is started from outside.","Kein Workflow wird von außen gestartet."],
"number":["Attempt","Versuch"],
"oldUntil":["The old one signs, too, until","Das alte unterschreibt mit bis"],
"outbound":["Outbound","Ausgehend"],
"rate":["Rate limit","Höchstrate"],
"reason":["Reason","Grund"],
"recover":["Recover …","Nachholen …"],
"recoverWhy":["Every dead letter of this time is sent again.","Alles Unzustellbare dieser Zeit wird noch einmal gesendet."],
"recovered": {
"one":["{n} delivery is sent again.","{n} Zustellung wird wiederholt."],
"other":["{n} deliveries are sent again.","{n} Zustellungen werden wiederholt."]
},
"redeliver":["Redeliver","Noch einmal zustellen"],
"register":["Register webhook …","Webhook eintragen …"],
"released": {
"one":["{n} held delivery is on its way.","{n} zurückgehaltene Zustellung ist unterwegs."],
"other":["{n} held deliveries are on their way.","{n} zurückgehaltene Zustellungen sind unterwegs."]
},
"rotate":["Rotate secret …","Geheimnis wechseln …"],
"rotateWhy":["A new secret signs from now on; for 24 hours the old one does, too.","Ab jetzt unterschreibt ein neues Geheimnis; 24 Stunden lang auch das alte."],
"secret":["Show secret …","Geheimnis zeigen …"],
"secretTitle":["Signing secret","Geheimnis"],
"secretWhy":["It can be shown only once.","Es lässt sich nur einmal zeigen."],
"subscribe":["Subscribe","Abonnieren"],
"test":["Send test event","Testereignis senden"],
"type":["Type","Typ"],
"types":["Types","Typen"],
"unsubscribe":["Unsubscribe","Abbestellen"],
"url":["Address","Adresse"]
}
};
