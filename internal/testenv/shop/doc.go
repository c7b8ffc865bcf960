// Package shop is the data set of the demo, the benchmarks and the end-to-end tests: a
// shop with customers in nations who order things, in PostgreSQL, and what its read
// model must look like.
//
// Everything follows from a seed and a number of orders: the same options give the same
// rows, byte for byte, however many connections wrote them. Order keys have gaps, small
// ones everywhere and a wide one after each 25,000 orders; a few customers order far more
// than the rest, and some nothing at all.
//
//   - [Seed] creates the schema shop and fills it.
//   - [Projection], [Index] and [Config] are the read model `orders`, in humpty's terms.
//   - [Oracle] is one naive SELECT that says what each document must be, with nothing of
//     humpty's in between; [Compare] holds every document of an index against it.
//
// Shape [Plain] is what most shops look like: four lines an order on average, 1.7 KB a
// document. Shape [Rich] is what hurts: up to 200 lines, long texts, jsonb, arrays, NULLs,
// all of Unicode, an include in an include.
package shop
