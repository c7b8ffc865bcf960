package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"humpty/internal/problem"
	"humpty/sinks/elastic/transport"
)

// hazards are what will hurt a rebuild: policies, writers that create the index, full disks.
type hazards struct{ *cluster }

// warnings says what will hurt a rebuild. What the account may not read is not judged,
// and that is said.
func (h hazards) warnings(ctx context.Context, all map[string]indexInfo) ([]string, error) {
	var list []string
	for name, f := range all {
		if _, ours := f.generationMeta(h.cfg.Alias, name); !ours {
			continue
		}
		for key := range f.Settings {
			if slices.ContainsFunc(policySettings, func(p string) bool { return strings.HasPrefix(key, p) }) {
				list = append(list, fmt.Sprintf("generation %s is under a lifecycle policy (%s = %v), which may roll it over, shrink or delete it", name, key, f.Settings[key]))
			}
		}
	}
	slices.Sort(list)
	cluster, err := h.clusterSettings(ctx)
	var no *transport.ResponseError
	switch {
	case errors.As(err, &no):
		return append(list, "whether writers can create an index on the alias's name, and how full the disks may become, could not be read: "+no.Error()), nil
	case err != nil:
		return nil, err
	}
	if auto := cluster.text("action.auto_create_index"); autoCreates(auto, h.cfg.Alias) {
		rest := auto // what the setting allows besides stays allowed
		if rest == "" || rest == "true" {
			rest = "*"
		}
		list = append(list, fmt.Sprintf("writers can create an index on the name %[1]s while the alias is missing (action.auto_create_index is %[2]q), and nothing could be swapped then; "+
			"let them write with require_alias=true, or PUT /_cluster/settings {\"persistent\":{\"action.auto_create_index\":\"-%[1]s,%[3]s\"}}", h.cfg.Alias, orTrue(auto), rest))
	}
	full, err := h.fullDisks(ctx, cluster)
	return append(list, full...), err
}

func orTrue(auto string) string {
	if auto == "" {
		return "true"
	}
	return auto
}

// autoCreates tells whether action.auto_create_index lets a write create the index: true,
// false, or patterns of which the first that matches decides.
func autoCreates(auto, name string) bool {
	switch auto {
	case "", "true":
		return true
	case "false":
		return false
	}
	for pattern := range strings.SplitSeq(auto, ",") {
		pattern = strings.TrimSpace(pattern)
		glob := strings.TrimLeft(pattern, "+-")
		if ok, err := path.Match(glob, name); err == nil && ok {
			return !strings.HasPrefix(pattern, "-")
		}
	}
	return false
}

// clusterSettings are the settings in force: transient before persistent before default.
type clusterSettings struct {
	Transient, Persistent, Defaults map[string]json.RawMessage
}

func (h hazards) clusterSettings(ctx context.Context) (clusterSettings, error) {
	var s clusterSettings
	r := transport.Request{Method: "GET", Path: "/_cluster/settings?include_defaults=true&flat_settings=true", RetryFor: transport.DefaultRetry}
	return s, h.Call(ctx, r, &s)
}

// text is a setting's value; lists are joined as they are written.
func (s clusterSettings) text(key string) string {
	for _, level := range []map[string]json.RawMessage{s.Transient, s.Persistent, s.Defaults} {
		raw, ok := level[key]
		if !ok {
			continue
		}
		var one string
		var many []string
		if json.Unmarshal(raw, &one) == nil {
			return one
		}
		if json.Unmarshal(raw, &many) == nil {
			return strings.Join(many, ",")
		}
	}
	return ""
}

// roomForShards refuses an index with more shards than the cluster takes: the primaries when it is
// made, and the copies behind the load.
func (h hazards) roomForShards(ctx context.Context, all settings) (problem.List, error) {
	var found problem.List
	cluster, err := h.clusterSettings(ctx)
	var no *transport.ResponseError
	if errors.As(err, &no) {
		return nil, nil // the survey says that it could not be read
	} else if err != nil {
		return nil, err
	}
	each, err := strconv.Atoi(cluster.text("cluster.max_shards_per_node"))
	if err != nil {
		return nil, nil //nolint:nilerr // a product that has no such limit
	}
	var now health
	if err := h.Call(ctx, transport.Request{Method: "GET", Path: "/_cluster/health", RetryFor: transport.DefaultRetry}, &now); err != nil {
		return nil, h.Explain("read the cluster's health", err)
	}
	wanted := all.number("index.number_of_shards", 1) * (1 + all.number("index.number_of_replicas", 1))
	have, most := now.Active+now.Unassigned+now.Initializing, each*now.Nodes
	if have+wanted > most {
		found.Add("", "drop old generations (humpty prune) or other indices, ask for fewer shards or replicas, or raise cluster.max_shards_per_node",
			"the index would have %d shards with its copies, the cluster has %d already and takes %d (%d for each of %d nodes)", wanted, have, most, each, now.Nodes)
	}
	return found, nil
}

// number is a setting that is a whole number.
func (s settings) number(key string, otherwise int) int {
	if raw, ok := s[key]; ok {
		if n, err := strconv.Atoi(strings.Trim(string(raw), `" `)); err == nil {
			return n
		}
	}
	return otherwise
}

// watermark is a limit of a node's disk: a share used, or bytes that must stay free.
type watermark struct {
	name     string
	setting  string
	effect   string
	headroom string // setting that caps what a share must leave free on large disks
}

// watermarks of a node's disk, the gravest first.
var watermarks = [...]watermark{
	{"flood-stage", "cluster.routing.allocation.disk.watermark.flood_stage", "its indices refuse writes", "cluster.routing.allocation.disk.watermark.flood_stage.max_headroom"},
	{"high", "cluster.routing.allocation.disk.watermark.high", "shards are moved away from it", "cluster.routing.allocation.disk.watermark.high.max_headroom"},
	{"low", "cluster.routing.allocation.disk.watermark.low", "no copy is placed on it", "cluster.routing.allocation.disk.watermark.low.max_headroom"},
}

// nearMargin is the part of the space above the low watermark that is left when a warning
// comes already.
const nearMargin = 0.05

// fullDisks names the nodes above a watermark, or close to the lowest.
func (h hazards) fullDisks(ctx context.Context, cluster clusterSettings) ([]string, error) {
	var a struct {
		Nodes map[string]struct {
			Name string
			FS   struct {
				Total struct {
					Total     float64 `json:"total_in_bytes"`
					Available float64 `json:"available_in_bytes"`
				}
			}
		}
	}
	err := h.Call(ctx, transport.Request{Method: "GET", Path: "/_nodes/stats/fs?filter_path=nodes.*.name,nodes.*.fs.total", RetryFor: transport.DefaultRetry}, &a)
	var no *transport.ResponseError
	switch {
	case errors.As(err, &no):
		return []string{"how full the disks are could not be read: " + no.Error()}, nil
	case err != nil:
		return nil, err
	case cluster.text("cluster.routing.allocation.disk.threshold_enabled") == "false":
		return nil, nil
	}
	var list []string
	for _, id := range slices.Sorted(maps.Keys(a.Nodes)) {
		n := a.Nodes[id]
		if text := diskWarning(n.Name, n.FS.Total.Total, n.FS.Total.Available, cluster); text != "" {
			list = append(list, text)
		}
	}
	return list, nil
}

func diskWarning(node string, total, free float64, cluster clusterSettings) string {
	if total <= 0 {
		return ""
	}
	const remedy = "free space or add a node before a rebuild, which needs room for one more copy of the index"
	for _, w := range watermarks {
		if least, ok := w.mustBeFree(total, cluster); ok && free < least {
			return fmt.Sprintf("node %s has %.1f GB of disk left (%.0f%% used), above the %s watermark: %s; %s",
				node, free/1e9, 100-100*free/total, w.name, w.effect, remedy)
		}
	}
	low := watermarks[len(watermarks)-1]
	if least, ok := low.mustBeFree(total, cluster); ok && free < least+nearMargin*total {
		return fmt.Sprintf("node %s has %.1f GB of disk left (%.0f%% used), close to the low watermark (%.1f GB); %s",
			node, free/1e9, 100-100*free/total, least/1e9, remedy)
	}
	return ""
}

// mustBeFree is how many bytes must stay free on a disk of that size.
func (w watermark) mustBeFree(total float64, cluster clusterSettings) (float64, bool) {
	text := strings.TrimSpace(cluster.text(w.setting))
	share, ratio := strings.CutSuffix(text, "%")
	used, err := strconv.ParseFloat(share, 64)
	switch {
	case err != nil:
		return bytesOf(text)
	case ratio:
		used /= 100
	}
	least := (1 - used) * total
	if most, ok := bytesOf(cluster.text(w.headroom)); ok && most >= 0 {
		least = min(least, most)
	}
	return least, true
}

// bytesOf reads 200gb, 512mb, 0b, -1.
func bytesOf(text string) (float64, bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	factor := 1.0
	for i, unit := range []string{"kb", "mb", "gb", "tb", "pb"} {
		if number, ok := strings.CutSuffix(text, unit); ok {
			text = number
			for range i + 1 {
				factor *= 1024
			}
		}
	}
	n, err := strconv.ParseFloat(strings.TrimSuffix(text, "b"), 64)
	return n * factor, err == nil
}
