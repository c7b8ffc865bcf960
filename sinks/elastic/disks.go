package elastic

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"humpty/sinks/elastic/transport"
)

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

// near is the part of the space above the low watermark that is left when a warning
// comes already.
const near = 0.05

// fullDisks names the nodes above a watermark, or close to the lowest.
func (t *Target) fullDisks(ctx context.Context, cluster clusterSettings) ([]string, error) {
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
	err := t.Call(ctx, transport.Request{Method: "GET", Path: "/_nodes/stats/fs?filter_path=nodes.*.name,nodes.*.fs.total", RetryFor: transport.DefaultRetry}, &a)
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
		if text := judgeDisk(n.Name, n.FS.Total.Total, n.FS.Total.Available, cluster); text != "" {
			list = append(list, text)
		}
	}
	return list, nil
}

func judgeDisk(node string, total, free float64, cluster clusterSettings) string {
	if total <= 0 {
		return ""
	}
	const remedy = "free space or add a node before a rebuild, which needs room for one more copy of the index"
	for _, w := range watermarks {
		if least, ok := w.free(total, cluster); ok && free < least {
			return fmt.Sprintf("node %s has %.1f GB of disk left (%.0f%% used), above the %s watermark: %s; %s",
				node, free/1e9, 100-100*free/total, w.name, w.effect, remedy)
		}
	}
	low := watermarks[len(watermarks)-1]
	if least, ok := low.free(total, cluster); ok && free < least+near*total {
		return fmt.Sprintf("node %s has %.1f GB of disk left (%.0f%% used), close to the low watermark (%.1f GB); %s",
			node, free/1e9, 100-100*free/total, least/1e9, remedy)
	}
	return ""
}

// free is how many bytes must stay free on a disk of that size.
func (w watermark) free(total float64, cluster clusterSettings) (float64, bool) {
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
