// Package ui shows a run to the person who watches it: bars with rate and ETA on
// a terminal, plain lines otherwise (the start and the end of each phase, and what a
// phase has done every few seconds).
package ui
