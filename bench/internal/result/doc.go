// Package result is the form of a measurement, the files that keep measurements, and
// the figures that follow from them.
//
// A run is a stream of [Result], one JSON line each, and everything that is said about
// it (headline, page, comparison) is a pure function of that stream. Absolute figures
// belong to one machine and one moment; only ratios of what ran side by side, pair by
// pair, travel from commit to commit.
package result
