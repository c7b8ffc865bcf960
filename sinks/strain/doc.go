// Package strain is what a target can tell beside of how it bears a load: how busy it is,
// what it still works on, whether it is away, and whether it may have lost something.
// The engine asks for each of these and does without it where a target cannot tell.
package strain
