// Package engine runs the real thing for a measurement: projector.Rebuild from
// sources/postgres into a sink, configured as the command line would be, with nothing
// else in the process, so that its CPU, memory and allocations are the engine's alone.
// The bench calls itself for it: a [Spec] on stdin, an [Outcome] on stdout.
package engine
