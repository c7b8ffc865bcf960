package strain

// NoLonger begins what sinks.Index.Seal reports of something that it has given up waiting for.
const NoLonger = "no longer: "
