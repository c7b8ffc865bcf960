// Package rig is what end-to-end tests share: a small shop with a configuration, and the
// built program run on it as a process, with real signals and exit codes. Each package of
// such tests has a time budget of its own, so they are spread over several.
package rig
