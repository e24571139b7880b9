export default {
"bulk": {
"asRun":["Show the bulk retry as a run","Die Wiederholung als Lauf zeigen"],
"progress":["{done} of {total} runs: {retried} retried, {skipped} skipped","{done} von {total} Läufen: {retried} wiederholt, {skipped} übersprungen"],
"since":["Started since","Begonnen seit"],
"start":["Retry","Wiederholen"],
"title":["Retry failed runs …","Fehlgeschlagene wiederholen …"],
"until":["Until","Bis"],
"untilHint":["Now, if empty","Jetzt, wenn leer"],
"why":["Every run of this workflow that started in this time and failed is taken up again at its failed steps. What was done is not done again.","Jeder Lauf dieses Workflows, der in dieser Zeit begonnen hat und fehlgeschlagen ist, wird an seinen fehlgeschlagenen Schritten wieder aufgenommen. Was getan ist, wird nicht noch einmal getan."]
}
};
