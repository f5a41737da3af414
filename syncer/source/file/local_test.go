package file_test

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/dialtree/dialtree/syncer/source/file"
)

func TestLocal(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "users.csv"), []byte("a\n1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, place := range map[string]file.Place{
		"relative path": file.Local(dir, "users.csv"),
		"absolute path": file.Local("/elsewhere", filepath.Join(dir, "users.csv")),
	} {
		content, err := file.Copied(place, file.Options{Dir: dir}).Open(t.Context())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text, err := io.ReadAll(content)
		if err != nil || string(text) != "a\n1\n" || content.Size() != 4 {
			t.Errorf("%s: %q of %d bytes, %v", name, text, content.Size(), err)
		}
		if err := content.Close(); err != nil {
			t.Error(err)
		}
	}
	bad := map[string]string{
		"gone.csv":       "/gone.csv does not exist: check the path, and that the share or disk it is on is mounted",
		".":              " is a directory: name the file in it",
		"pipe":           "/pipe is not a file",
		"users.csv/more": "/users.csv/more cannot be opened: not a directory",
	}
	for path, want := range bad {
		_, err := file.Copied(file.Local(dir, path), file.Options{Dir: dir}).Open(t.Context())
		if err == nil || err.Error() != dir+want {
			t.Errorf("%s: %v\nwant %s", path, err, dir+want)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
