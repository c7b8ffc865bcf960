// Package crashpoint names the moments between two durable effects, so that a test can end
// the process at each of them as a power failure would.
//
// It does something only in a program that is built with the tag crashpoints: then the
// process kills itself at the point that HUMPTY_CRASH_AT names, the first time that it comes
// there, or the time that HUMPTY_CRASH_TIME says; at the one that HUMPTY_HOLD_AT names it waits
// until the test that listens at HUMPTY_HOLD lets it go on. Without the tag a point costs nothing.
package crashpoint
