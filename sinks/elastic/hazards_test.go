package elastic

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestAutoCreates(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		setting string
		want    bool
	}{
		{"", true}, {"true", true}, {"false", false}, {"-orders,*", false}, {"+ord*,-*", true}, {"logs-*", false}, {"-other,+*", true}, {"-ord*", false}, {"*", true},
	} {
		if got := autoCreates(test.setting, "orders"); got != test.want {
			t.Errorf("action.auto_create_index %q: %v, want %v", test.setting, got, test.want)
		}
	}
}

func TestDiskWarning(t *testing.T) {
	t.Parallel()
	raw := func(s string) json.RawMessage { return json.RawMessage(`"` + s + `"`) }
	shares := clusterSettings{Defaults: map[string]json.RawMessage{
		watermarks[0].setting: raw("95%"), watermarks[1].setting: raw("90%"), watermarks[2].setting: raw("0.85"),
		watermarks[0].headroom: raw("100GB"), watermarks[1].headroom: raw("150GB"), watermarks[2].headroom: raw("200GB"),
	}}
	bytes := clusterSettings{Persistent: map[string]json.RawMessage{
		watermarks[0].setting: raw("1gb"), watermarks[1].setting: raw("5gb"), watermarks[2].setting: raw("10gb"),
	}}
	const gb = 1 << 30
	for _, test := range []struct {
		total, free float64
		cluster     clusterSettings
		want        string
	}{
		{100 * gb, 50 * gb, shares, ""},
		{100 * gb, 18 * gb, shares, "close to the low watermark"},
		{100 * gb, 14 * gb, shares, "above the low watermark"},
		{100 * gb, 9 * gb, shares, "above the high watermark"},
		{100 * gb, 4 * gb, shares, "above the flood-stage watermark"},
		{10000 * gb, 900 * gb, shares, ""}, // 9% free, but more than the headroom
		{10000 * gb, 190 * gb, shares, "above the low watermark"},
		{100 * gb, 20 * gb, bytes, ""},
		{100 * gb, 7 * gb, bytes, "above the low watermark"},
		{100 * gb, 2 * gb, clusterSettings{}, ""},
		{0, 0, shares, ""},
	} {
		got := diskWarning("n", test.total, test.free, test.cluster)
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%.0f of %.0f GB free: %q, want %q", test.free/gb, test.total/gb, got, test.want)
		}
	}
}
