package devstack

import (
	"slices"
	"strings"
	"testing"
)

func TestParseJava(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		out  string
		want java
	}{
		{"openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime Environment", java{version: 17}},
		{"Property settings:\n    java.home = /usr/lib/jvm/jdk 21 \n    java.io.tmpdir = /tmp\n\nopenjdk version \"21\" 2023-09-19", java{home: "/usr/lib/jvm/jdk 21", version: 21}},
		{"java version \"1.8.0_292\"", java{version: 8}},
		{"openjdk version \"26-ea\" 2026-03-17", java{version: 26}},
		{"The operation couldn't be completed. Unable to locate a Java Runtime.", java{}},
		{"", java{}},
	} {
		if got := parseJava(c.out); got != c.want {
			t.Errorf("parseJava(%q) = %+v, want %+v", c.out, got, c.want)
		}
	}
}

func TestPickJavaTakesTheOldestThatIsNewEnough(t *testing.T) {
	t.Parallel()
	found := []java{{"/j25", 25}, {"/j17", 17}, {"/j21", 21}}
	for least, want := range map[int]string{11: "/j17", 17: "/j17", 18: "/j21", 25: "/j25"} {
		if got, err := pickJava("X", least, found); err != nil || got.home != want {
			t.Errorf("pickJava(%d) = %v, %v; want %s", least, got, err, want)
		}
	}
}

func TestPickJavaNamesTheRemedy(t *testing.T) {
	t.Parallel()
	for have, found := range map[string][]java{
		"none was found":          nil,
		"found only 17 in /jdk17": {{"/jdk17", 17}},
	} {
		_, err := pickJava("OpenSearch 3.6.0", 21, found)
		if err == nil {
			t.Fatalf("found %v: no error", found)
		}
		for _, part := range []string{"OpenSearch 3.6.0 needs Java 21", have, "apt-get install openjdk-21-jre-headless", "brew install openjdk@21", "JAVA_HOME"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q does not say %q", err, part)
			}
		}
	}
}

func TestFindJavaFindsOneForEachServer(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs Java 17 and 21: run without -short")
	}
	for _, least := range []int{17, 21} {
		if j, err := findJava(t.Context(), account{}, "a server", least); err != nil || j.version < least {
			t.Errorf("findJava(%d) = %+v, %v", least, j, err)
		}
	}
}

func TestJavaOptionsFollowTheHeap(t *testing.T) {
	t.Parallel()
	for heap, want := range map[string][]string{
		"":   {"-Xms512m", "-Xmx512m", quickCompiler},
		"2g": {"-Xms2g", "-Xmx2g"},
	} {
		n := node{opts: Options{Heap: heap}}
		if got := n.javaOptions(); !slices.Equal(got, want) {
			t.Errorf("heap %q: %v, want %v", heap, got, want)
		}
	}
}
