package generation

import (
	"context"
	"fmt"

	"humpty/internal/problem"
	"humpty/sinks"
)

const (
	versionsSampled = 1000 // documents: those written last, and as many random ones

	// ourMost is how far humpty's own versions, and unversioned writes onto them, get beyond
	// the base of a generation.
	ourMost = 1 << 36
	// unversionedMost is how often a document may have been written unversioned that was not
	// loaded: its version counts the writes.
	unversionedMost = 1 << 24
)

// foreignVersion reports whether a version is neither humpty's, of an epoch up to the given
// one, nor that of unversioned writes: an application gave it.
func foreignVersion(version, epoch int64) bool {
	base := version >> 40
	switch {
	case base > epoch:
		return true
	case base == 0:
		return version > unversionedMost
	}
	return version&(1<<40-1) > ourMost
}

// tellVersions says so if the application's versions are no use with what the alias serves now.
func tellVersions(before sinks.Survey, now string, notice func(string)) {
	was, known := before.Find(before.Live())
	is, ok := before.Find(now)
	if !known || !ok || notice == nil || (was.Meta.Versions == sinks.ByRow) == (is.Meta.Versions == sinks.ByRow) {
		return
	}
	if was.Meta.Versions == sinks.ByRow {
		notice(fmt.Sprintf("documents of %s have humpty's own versions: what an application writes with the version of the row is refused there, with 409 for good. Let it write unversioned, or rebuild soon", is.Name))
		return
	}
	notice(fmt.Sprintf("documents of %s have the versions of their rows: an application that writes unversioned makes them larger than the rows'. Let it write with the version of the row", is.Name))
}

// CheckVersions warns of an application that writes to what the alias serves with external
// versions: the documents of the next generation have larger ones, and refuse its writes for
// good. It looks at some documents, so it may miss such an application.
// With versions of rows both agree, so there is nothing to look for.
func CheckVersions(ctx context.Context, target sinks.Target, survey sinks.Survey, versions string) (warnings problem.List) {
	if versions == sinks.ByRow {
		return nil
	}
	if live, ok := survey.Find(survey.Live()); ok && live.Meta.Versions == sinks.ByRow {
		warnings.Warn("", "put version: {column: …} back; or let the application write unversioned (without version and version_type)",
			"documents of %s, which serves, have the versions of their rows, and those of the next generation have humpty's own, from %d on: "+
				"an application that writes with the version of the row is refused with 409 for good, which it takes for a newer document",
			live.Name, (survey.Epoch()+1)<<40)
		return warnings
	}
	sampler, ok := target.(sinks.VersionSampler)
	if !ok {
		return nil
	}
	for _, serving := range survey.Serving {
		var looked, foreign int
		var first string
		err := sampler.SampleVersions(ctx, serving.Index, versionsSampled, func(docs []sinks.Document) error {
			for _, d := range docs {
				looked++
				if !foreignVersion(d.Version, survey.Epoch()) {
					continue
				}
				if foreign++; foreign == 1 {
					first = fmt.Sprintf("document %s: %d", d.ID, d.Version)
				}
			}
			return nil
		})
		switch {
		case err != nil:
			warnings.Warn("", "grant the right to search it", "whether an application writes to %s with versions of its own could not be seen: %v", serving.Index, err)
		case foreign > 0:
			warnings.Warn("", "let the application write unversioned (without version and version_type); or with the version of its row, by version: {column: NAME}; or let only humpty write, with writer: follow",
				"of %d documents of %s that were looked at, %d have versions that are not humpty's (%s): an application writes with external versions. "+
					"The next generation begins at version %d; what is written below it is refused with 409 for good, which such an application takes for a newer document",
				looked, serving.Index, foreign, first, (survey.Epoch()+1)<<40)
		}
	}
	return warnings
}
