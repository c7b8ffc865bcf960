// Package memory is a source and a target without a server, for tests of the engine:
// they pass the same conformance suites as the real ones, and can be made to fail in
// ways that real servers cannot be made to.
package memory
