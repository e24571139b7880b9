export default {
"sources": {
"activate":["Activate","Einschalten"],
"address":["Address","Adresse"],
"code":["Code","Code"],
"component":["Component","Komponente"],
"db":["Database changes","Änderungen der Datenbank"],
"deactivate":["Deactivate","Abschalten"],
"deactivateWhy":["Its timer stops and its address answers 404.","Ihr Timer steht still, ihre Adresse antwortet mit 404."],
"emitted": {
"one":["It would emit {n} event.","Sie würde {n} Ereignis senden."],
"other":["It would emit {n} events.","Sie würde {n} Ereignisse senden."]
},
"errors":["Errors","Fehler"],
"events":["Events","Ereignisse"],
"logs":["Logs","Protokoll"],
"missing":["Missing modules","Fehlende Module"],
"none":["No source is deployed.","Keine Quelle ist eingerichtet."],
"props":["Configuration","Konfiguration"],
"response":["Response","Antwort"],
"test":["Try out …","Ausprobieren …"],
"testEvent":["Event","Ereignis"],
"testHint":["Nothing of it is kept or sent.","Nichts davon wird behalten oder gesendet."],
"testRun":["Run","Ausführen"],
"trigger":["Trigger","Auslöser"]
}
};
