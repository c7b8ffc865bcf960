// Package chaos tries the live protocol by chance: a random schema of includes, an
// application of several random writers, a rebuild beside them that is interrupted and goes
// on, attempts that land late, and at the end, when everything rests, a comparison of the
// index with what SQL says, byte for byte.
//
// With Place.Program it is the built program that runs, is killed and goes on; documents are
// of tables, of topics, or of both, and the application produces events beside its rows.
//
// Everything random comes from the seed, but real servers keep their own time: a seed
// gives the same schema, data and decisions, and nearly the same history.
package chaos
