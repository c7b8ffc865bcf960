package postgres

import (
	"errors"
	"strings"
	"testing"

	"humpty/sources"
)

const meaningSchema = `
create type town as (street text, name text); create type mood as enum ('low', 'high'); create domain moods as mood[];
create collation fold (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
create table t (id text primary key, town town, moods moods); insert into t values ('a', row('s', 'n'), '{low}')`

// What changes documents while no row of theirs is changed is a gap, at the next fence.
func TestFenceFindsOtherMeaning(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ alter, want string }{
		"another schema of that name": {"create schema other; create table other.t (like t); alter schema public rename to old; alter schema other rename to public", "schema"},
		"renamed attribute":           {"alter type town rename attribute name to city", "composite type"},
		"added attribute":             {"alter type town add attribute zip text", "composite type"},
		"another collation":           {"alter table t alter id type text collate fold", "collation"},
		"renamed value of an enum":    {"alter type mood add value 'mid'; alter type mood rename value 'low' to 'lowest'", `"low"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := capture(t, sources.Shape{From: "t", Columns: plain("town", "moods")}, meaningSchema)
			var gap *sources.ErrChangesLost
			if _, err := c.feed.Fence(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.Exec(tc.alter)
			_, err := c.feed.Fence(t.Context())
			if !errors.As(err, &gap) {
				t.Fatalf("fence: %v", err)
			}
			contains(t, err, tc.want)
		})
	}
}

// A composite type that is altered while nothing captures is a gap when the capture is resumed. A
// position of before this was looked at is taken as it is.
func TestResumeFindsOtherMeaning(t *testing.T) {
	t.Parallel()
	c := capture(t, sources.Shape{From: "t", Columns: plain("town", "moods")}, meaningSchema)
	_, first := c.changedIDs("insert into t values ('b')")
	if err := c.feed.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Exec("alter type town rename attribute name to city")
	var gap *sources.ErrChangesLost
	if _, err := c.source.Capture(t.Context(), "run-1", first.Position); !errors.As(err, &gap) {
		t.Fatalf("resumed: %v", err)
	}
	before := sources.Position(strings.Join(strings.Fields(string(first.Position))[:4], " "))
	feed, err := c.source.Capture(t.Context(), "run-1", before)
	if err != nil {
		t.Fatal(err)
	}
	if err := feed.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// A value that an enum gets is in no row that was read: no gap.
func TestAddedValueOfAnEnumIsNoGap(t *testing.T) {
	t.Parallel()
	c := capture(t, sources.Shape{From: "t", Columns: plain("moods")}, meaningSchema)
	c.Exec("alter type mood add value 'mid' before 'high'")
	if _, err := c.feed.Fence(t.Context()); err != nil {
		t.Errorf("fence: %v", err)
	}
}
