package mapping

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"humpty/internal/problem"
)

// checkSource refuses an index that does not give documents back as they were written: no
// comparison with the sources could ever come out equal, and nothing could be repaired.
func (m Mapping) checkSource(problems *problem.List) {
	refuse := func(what string) {
		problems.Add("", "take it out of the definition, or out of the template that brings it: a document must come back as it was written, or it can neither be verified nor repaired",
			"the definition of the index is wrong: %s", what)
	}
	if off(m.source["enabled"]) {
		refuse("mappings._source is not enabled: the documents are not kept")
	}
	for _, key := range []string{"excludes", "includes"} {
		if raw, ok := m.source[key]; ok && !isEmptyList(raw) && string(raw) != "null" {
			refuse(fmt.Sprintf("mappings._source.%s is %s: parts of the documents are not kept", key, raw))
		}
	}
	if mode := text(m.source["mode"]); mode == "synthetic" || mode == "disabled" {
		refuse(fmt.Sprintf("mappings._source.mode is %s: documents are put together from fields, in another order and form, or not at all", mode))
	}
	for _, key := range slices.Sorted(maps.Keys(m.settings)) {
		value := text(m.settings[key])
		switch strings.TrimPrefix(key, "index.") {
		case "mapping.source.mode":
			if value == "synthetic" || value == "disabled" {
				refuse(fmt.Sprintf("settings.%s is %s: documents are put together from fields, in another order and form, or not at all", key, value))
			}
		case "mode":
			if value == "time_series" || value == "logsdb" {
				refuse(fmt.Sprintf("settings.%s is %s: such an index puts documents together from fields, in another order and form", key, value))
			}
		case "derived_source.enabled":
			if value == "true" {
				refuse(fmt.Sprintf("settings.%s is true: documents are derived from fields, in another order and form", key))
			}
		case "mapping.synthetic_source_keep":
			continue
		}
	}
}

func isEmptyList(raw json.RawMessage) bool {
	var list []json.RawMessage
	return json.Unmarshal(raw, &list) == nil && len(list) == 0
}
