package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// versionInfo is what the binary knows of itself.
type versionInfo struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Date     string `json:"date,omitempty"` // of the commit
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Config   int    `json:"config_version"` // of the file's format
}

func readVersion() versionInfo {
	v := versionInfo{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Config: 1}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.time":
			v.Date = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

func (v versionInfo) text() string {
	text := "humpty " + v.Version + "\n"
	if v.Commit != "" {
		changed := ""
		if v.Modified {
			changed = ", with changes"
		}
		text += fmt.Sprintf("commit %s of %s%s\n", v.Commit, v.Date, changed)
	}
	return text + fmt.Sprintf("%s, %s, configuration version %d\n", v.Go, v.Platform, v.Config)
}

func newVersionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which humpty this is",
		Long:  "version prints the version, the commit and its date, the Go version, the platform, and the version of the configuration's format.",
		Example: `  humpty version
  humpty version --json`,
		Args: cobra.NoArgs,
		RunE: a.begin(func(*cobra.Command, []string) error {
			v := readVersion()
			a.result.Version = &v
			a.Printf("%s", v.text())
			return nil
		}),
	}
}
