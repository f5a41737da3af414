package admin_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/store"
)

func TestOwnBackups(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "backups")
	b := startWith(t, func(o *admin.Options) {
		o.Backups = admin.Backups{Dir: dir, Keep: 3, Next: func(after time.Time) (time.Time, error) { return after.Add(time.Hour), nil }}
	})
	if got := admin.NewestGoodBackup(t.Context(), dir); got != "" {
		t.Errorf("before any, the newest is %s", got)
	}
	day := time.Date(2026, 3, 1, 2, 30, 0, 0, time.UTC)
	for i := range 5 {
		if !b.server.OwnBackup(t.Context(), day.AddDate(0, 0, i)) {
			t.Fatal(b.log.String())
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "dialtree-monday.backup"), []byte("somebody's own"), 0o600); err != nil {
		t.Fatal(err)
	}
	found, err := admin.OwnBackups(dir)
	want := []string{"dialtree-20260305-023000.backup", "dialtree-20260304-023000.backup", "dialtree-20260303-023000.backup"}
	if err != nil || len(found) != len(want) {
		t.Fatalf("%v, %v", found, err)
	}
	for i := range want {
		if filepath.Base(found[i]) != want[i] {
			t.Errorf("backup %d is %s, want %s", i, found[i], want[i])
		}
	}
	info, err := os.Stat(found[0])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: it holds the key", info.Mode(), err)
	}

	// The newest is cut off, and a bit of the next one flipped: the third is the newest that is good.
	content, err := os.ReadFile(found[1])
	if err != nil {
		t.Fatal(err)
	}
	flipped := slices.Clone(content)
	flipped[len(flipped)/2] ^= 1
	for path, bad := range map[string][]byte{found[0]: content[:len(content)-2000], found[1]: flipped} {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := admin.NewestGoodBackup(t.Context(), dir); got != found[2] {
		t.Errorf("the newest good backup is %s, want %s", got, found[2])
	}
	if err := store.VerifyBackup(t.Context(), found[0]); err == nil || !strings.Contains(err.Error(), "was cut off") {
		t.Errorf("a backup that was cut off: %v", err)
	}

	// One that fails removes none, and the overview tells it until one works.
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if b.server.OwnBackup(t.Context(), day.AddDate(0, 0, 9)) {
		t.Error("a backup into a file is made")
	}
	o, err := b.client.Overview(t.Context())
	if err != nil || !slices.ContainsFunc(o.Attention, func(a admin.Attention) bool {
		return a.Code == "backup_failed" && strings.Contains(a.Text, "could not be written")
	}) {
		t.Errorf("%+v, %v", o.Attention, err)
	}
}
