package postgres

import (
	"errors"
	"strings"
	"testing"

	"humpty/sources"
)

const identitySchema = `
create table post (id int primary key, title text);
create table comment (id int not null, post int not null, body text, constraint comment_pkey primary key (id));
create unique index comment_identity on comment (post, id); create unique index comment_other on comment (id, post, body);
create unique index comment_poor on comment (id); alter table comment alter body set not null;
alter table comment replica identity using index comment_identity;
insert into post values (1, 'a'), (2, 'b'); insert into comment values (1, 1, 'x'), (2, 1, 'y')`

func identityCapture(t *testing.T) *captureTest {
	t.Helper()
	return capture(t, sources.Shape{From: "post", Columns: plain("title"), Include: []sources.Shape{
		{Name: "comments", From: "comment", Many: true, On: on("post", "id"), Columns: plain("body")},
	}}, identitySchema)
}

// An identity that takes another's place and does not hold what leads to the document is a gap: at
// the fence, and in the stream though it is put back before the next one.
func TestPoorerIdentityIsAGap(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ alter, back string }{
		"another index":        {"alter table comment replica identity using index comment_poor", "alter table comment replica identity using index comment_identity"},
		"index made again":     {"drop index comment_identity; create unique index comment_identity on comment (id); alter table comment replica identity using index comment_identity", "drop index comment_identity; create unique index comment_identity on comment (id, post); alter table comment replica identity using index comment_identity"},
		"the primary key":      {"alter table comment replica identity default", "alter table comment replica identity full"},
		"remade primary key":   {"alter table comment replica identity default; alter table comment drop constraint comment_pkey, add primary key (id)", "alter table comment drop constraint comment_pkey, add primary key (id, post)"},
		"deferrable, no other": {"alter table comment replica identity default; alter table comment drop constraint comment_pkey, add primary key (id, post) deferrable", "alter table comment replica identity full"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := identityCapture(t)
			c.changedIDs("update comment set body = 'z' where id = 1")
			c.Exec(tc.alter)
			var gap *sources.ErrChangesLost
			if _, err := c.feed.Fence(t.Context()); !errors.As(err, &gap) || !strings.Contains(err.Error(), "replica identity") {
				t.Errorf("fence: %v", err)
			}
			c.Exec("insert into comment values (7, 1, 'n')")
			c.Exec(tc.back)
			contains(t, c.nextGap(), "public.comment", "post")
		})
	}
}

// One that still holds it is as good as the one before.
func TestRicherIdentityIsNoGap(t *testing.T) {
	t.Parallel()
	c := identityCapture(t)
	_, before := c.changedIDs("update comment set body = 'z' where id = 1")
	for _, alter := range []string{
		"alter table comment replica identity full",
		"alter table comment replica identity using index comment_other",
		"drop index comment_identity; alter table comment drop constraint comment_pkey, add primary key (post, id); alter table comment replica identity default",
	} {
		c.Exec(alter)
		if _, err := c.feed.Fence(t.Context()); err != nil {
			t.Fatalf("%s: %v", alter, err)
		}
		for _, to := range []string{"2", "1"} {
			c.Exec("update comment set post = " + to + " where id = 2")
			var m sources.ChangeSet
			for len(m.Keys) == 0 {
				if err := c.feed.Next(t.Context(), &m); err != nil {
					t.Fatalf("%s: %v", alter, err)
				}
			}
			if len(m.Keys) != 2 {
				t.Errorf("%s: marks %+v, want the old parent and the new one", alter, m.Keys)
			}
		}
	}
	if err := c.feed.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	var err error
	if c.feed, err = c.source.Capture(t.Context(), "run-1", before.Position); err != nil {
		t.Errorf("resumed: %v", err)
	}
}
