export default {
"events": {
"arrived": {
"one":["{n} new event","{n} neues Ereignis"],
"other":["{n} new events","{n} neue Ereignisse"]
},
"follow":["Follow live","Live mitlesen"],
"kind":["Kind","Art"],
"listener":["Listener","Empfänger"],
"listeners":["Who hears this","Wer das hört"],
"noEmitters":["No workflow or source is called like this.","Kein Workflow und keine Quelle heißt so."],
"noListeners":["Nobody has subscribed.","Niemand hat abonniert."],
"none":["There are no events here yet.","Hier sind noch keine Ereignisse."],
"older":["Older events","Ältere Ereignisse"],
"payload":["Payload","Inhalt"],
"run":["The run it tells of","Der Lauf, von dem es berichtet"],
"runsOf":["Runs of {id} that began then","Läufe von {id}, die daraufhin begannen"],
"search":["Workflow or source","Workflow oder Quelle"]
}
};
