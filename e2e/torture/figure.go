package torture

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
)

// The servers that figures are of: the columns of a table.
const (
	Dialtree = "Dialtree"
	Slapd    = "slapd"
	Lloadd   = "lloadd"
)

// A Figure is one cell of a table in docs/reliability.md.
type Figure struct {
	Part   string `json:"part"`   // the table
	What   string `json:"what"`   // the row
	Server string `json:"server"` // the column
	Value  string `json:"value"`
}

// Note logs a figure, and adds it to the file that DIALTREE_FIGURES names, where it does.
// A part has one table; rows stand in the order in which they were noted first.
func Note(t testing.TB, part, what, server, format string, args ...any) {
	t.Helper()
	f := Figure{Part: part, What: what, Server: server, Value: fmt.Sprintf(format, args...)}
	t.Logf("%s: %s: %s", f.Server, f.What, f.Value)
	path := os.Getenv("DIALTREE_FIGURES")
	if path == "" {
		return
	}
	line, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
}
