package transport

import (
	"fmt"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
)

// TestNodePoolInTurn: a dead address is left out for longer and longer, tried by one request,
// and has its full turn again with its first answer.
func TestNodePoolInTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all := make([]*elastictransport.Connection, 3)
		for i := range all {
			all[i] = &elastictransport.Connection{URL: &url.URL{Host: fmt.Sprint(i)}}
		}
		n := newNodePool(all, nil)
		dead := true
		ask := func(times int) [3]int {
			var asked [3]int
			for range times {
				c, err := n.Next()
				if err != nil {
					t.Fatal(err)
				}
				at := int(c.URL.Host[0] - '0')
				asked[at]++
				if dead && at == 2 {
					err = n.OnFailure(c)
				} else {
					err = n.OnSuccess(c)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			return asked
		}
		if got := ask(21); got != [3]int{10, 10, 1} {
			t.Errorf("with a dead one %v", got)
		}
		tried := 0
		for range 60 {
			<-time.After(time.Second)
			tried += ask(10)[2]
		}
		if tried < 4 || tried > 8 { // after 2, 4, 8, 15, 15 … seconds
			t.Errorf("the dead one was tried %d times in a minute", tried)
		}
		dead = false
		<-time.After(longestCooldown)
		if ask(3); ask(30) != [3]int{10, 10, 10} {
			t.Error("it was not taken back")
		}
		dead = true
		for range 20 { // of many that are under way when it dies each says so, at once
			if err := n.OnFailure(all[2]); err != nil {
				t.Fatal(err)
			}
		}
		dead = false
		<-time.After(firstCooldown)
		if got := ask(30)[2]; got < 9 {
			t.Errorf("after %s it was asked %d times of 30", firstCooldown, got)
		}
	})
}

// TestNodePoolAllDead: somebody is asked all the same.
func TestNodePoolAllDead(t *testing.T) {
	t.Parallel()
	n := newNodePool([]*elastictransport.Connection{{URL: &url.URL{Host: "a"}}, {URL: &url.URL{Host: "b"}}}, nil)
	asked := map[string]int{}
	for range 10 {
		c, err := n.Next()
		if err != nil {
			t.Fatal(err)
		}
		asked[c.URL.Host]++
		if err := n.OnFailure(c); err != nil {
			t.Fatal(err)
		}
	}
	if len(asked) != 2 {
		t.Errorf("asked %v", asked)
	}
}
