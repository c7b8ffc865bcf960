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
// JSON.stringify would, but what JSON cannot say (NaN, a cycle) rejects the document.
//
// A module has no I/O, no timers, and no clock: Date.now() is the event's time and
// Math.random() the same sequence for each document, so that folding again gives the same.
// Values outside of the state (module variables) have no place in a fold: keys come in no
// order. An event does not outlive its document: touching it later throws.
package script
