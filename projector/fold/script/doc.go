// Package script folds events with a JavaScript module, in the style that event stores
// know:
//
//	module.exports = {
//	  $init: () => ({items: []}),
//	  OrderPlaced: (state, event, meta) => { state.customer = event.customer },
//	  ItemAdded:   (state, event) => { state.items.push(event.item) },
//	  Cancelled:   () => null,
//	  $any:    (state, event, meta) => {},  // types without a handler; without it they are poison
//	  $delete: (state) => null,             // tombstones; without it they delete
//	}
//
// "export default {…}" and a file that is nothing but the object in parentheses work too. A
// handler changes the state, or returns another one; null deletes the document, and the
// next event begins with $init again. Meta has type, key, topic, partition, offset and time
// (milliseconds); it changes with each event, so keep a copy ({...meta}), not itself.
//
// The event is read-only and lazy: what is not touched is not decoded, and what is only
// copied into the state keeps its bytes, digit by digit. A number that JavaScript cannot
// hold is an object that says it: it is copied unchanged, calculates as the nearest number
// (valueOf), and +x makes it one. State is an ordinary JavaScript value; it is written as
// JSON.stringify would, but what that would make something else of (NaN, a Map, a hole in an
// array) is poison.
//
// A module has no I/O, no timers, and no clock: Date.now() is the event's time and
// Math.random() the same sequence for each document, so that folding again gives the same.
// Each document has a runtime of its own, in which the module has just run.
//
// It runs in a process of its own, which is this program started again, since functions that
// are not JavaScript cannot be interrupted: the program's main has to call Main first. The
// process makes many documents at a time; where it ends over them, another one makes them event
// by event, to find which one is poison. See docs/scripts.md for what a module may rely on.
package script
