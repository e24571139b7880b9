export default {
"pins": {
"course":["from {least} to {most}","von {least} bis {most}"],
"description":["Description","Beschreibung"],
"empty":["Nothing was pushed yet.","Noch wurde nichts gemeldet."],
"history":["History","Verlauf"],
"historyOf":["History of {id}","Verlauf von {id}"],
"more":["{count} more","{count} weitere"],
"none":["You have no pins.","Sie haben keine Pins."],
"page":["Page","Seite"],
"private":["private","privat"],
"public":["public","öffentlich"],
"publish":["Publish","Veröffentlichen"],
"tags":["Tags","Schlagwörter"],
"unpublish":["Unpublish","Zurückziehen"],
"updated":["Updated","Geändert"],
"version":["Version {version}","Version {version}"]
}
};
