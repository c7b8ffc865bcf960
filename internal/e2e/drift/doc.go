// Package drift holds verification, repair and restore against real servers. It has
// nothing but tests: differences of each kind are planted at random into indices, and must
// be found exactly and repaired.
package drift
