package store

import (
	"strings"
	"testing"
)

// FuzzShare holds that the parts of a UNC make the same UNC, and that neither part can be taken for something else.
func FuzzShare(f *testing.F) {
	for _, s := range []string{`\\server\share`, "//server/share/", `\\server:1445\share`, `\server\share`, `\\server\share\dir`, `\\\share`, `\\a:b\c`, `\\[::1]\c`, ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, unc string) {
		server, share, ok := (&Share{UNC: unc}).Parts()
		if !ok {
			return
		}
		if server == "" || share == "" || strings.ContainsAny(server+share, `\/`) {
			t.Fatalf("%q: server %q, share %q", unc, server, share)
		}
		again := &Share{UNC: `\\` + server + `\` + share}
		if s, n, ok := again.Parts(); !ok || s != server || n != share {
			t.Fatalf("%q: %q %q, then %q %q %v", unc, server, share, s, n, ok)
		}
	})
}
