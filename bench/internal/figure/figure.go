// Package figure names the figures of measurements that pages and comparisons use;
// others are kept as they come.
package figure

// The names; of a rebuild where nothing else is said.
const (
	OwnCPU      = "own_cpu_s"      // user and system time of the engine's process, start to end, without what measuring took
	RSS         = "rss_mb"         // peak resident memory of the engine's process, 10⁶ bytes
	Allocs      = "allocs_per_doc" // allocations of the engine's process ÷ documents
	PostgresCPU = "postgres_cpu_s" // of the server, while documents were read
	SearchCPU   = "search_cpu_s"   // of the server, to the end of the refresh
	LoadCPU     = "load_cpu_s"     // beside writers: of the engine and both servers, from the beginning of the load to its end
	Events      = "events"         // that were read
	KafkaCPU    = "kafka_cpu_s"    // of the broker, from plan to end
	BulkP50     = "bulk_p50_ms"    // of bulk requests, to the last byte of the answer
	BulkP99     = "bulk_p99_ms"
	Retries     = "retries"        // requests or items sent again
	Verify      = "phase_verify_s" // of the verification
	Whole       = "whole_s"        // from plan to swap

	BehindMost   = "behind_most_mb"   // live: of the log, not read yet, at most during the load, 10⁶ bytes
	BehindLoaded = "behind_loaded_mb" // live: the same, at the end of the load
	RowsWritten  = "rows_per_s"       // live: that others changed beside it
	CatchUp      = "phase_catch_up_s" // live: between load and seal
	Seal         = "phase_seal_s"
	Swap         = "phase_swap_s"
	Reread       = "reread_most" // live: documents that a round read again, at most
	Statements   = "statements"  // live: that changed the same rows during the load
)

// Series of interleaved pairs, and of what belongs to them.
const (
	SeriesE2E    = "e2e"    // both ends at once, and the rebuild into a search server
	SeriesNull   = "null"   // raw COPY, and the rebuild into the null sink
	SeriesEvents = "events" // raw fetch of a topic, and its folds into the null sink
	SeriesLive   = "live"   // beside one writer: a rebuild of one snapshot, and one with capture
	SeriesBusy   = "busy"   // a rebuild with capture beside writers without a limit
	SeriesHot    = "hot"    // a rebuild with capture, during whose load the same rows change again and again
	SeriesRepair = "repair" // verification of a right index, and repair after drift
)
