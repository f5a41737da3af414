//go:build e2e

package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// contactsOnShare makes a list of about n times 130 bytes.
func contactsOnShare(n int, note string) string {
	var b strings.Builder
	b.WriteString("displayname;phone;notes\r\n")
	for i := range n {
		fmt.Fprintf(&b, "Contact %d;+49 30 %d;%s %s\r\n", i, 100000+i, note, strings.Repeat("x", 90))
	}
	return b.String()
}

// shareConnector is a connector of a phonebook that reads a file on a share.
func shareConnector(name, unc, path, password string) string {
	return fmt.Sprintf(`---
kind: phonebook
name: %[1]s
---
kind: connector
name: %[1]s
template: csv-phonebook
target: phonebook/%[1]s
source:
  csv:
    share: {unc: '%[2]s', username: %[5]s, password: %[4]q, domain: %[6]s}
    path: '%[3]s'
    encoding: auto
    delimiter: auto
    timeout: 2s
`, name, unc, path, password, fixture.ShareUser, fixture.SambaDomain)
}

// A list on a Samba share that demands signing, and everything that goes wrong with shares: entries stay as they
// are, the run says why, and the next one is fine.
func TestShare(t *testing.T) {
	s := must[*fixture.Share](t)(fixture.StartShare(t.Context(), t.TempDir()))
	t.Cleanup(s.Stop)
	v := must[*fixture.Valve](t)(fixture.NewValve(s.Address))
	t.Cleanup(v.Close)
	const contacts = 10000
	write := func(note string) {
		t.Helper()
		check(t, os.MkdirAll(filepath.Join(s.Dir, "test"), 0o755))
		check(t, os.WriteFile(filepath.Join(s.Dir, "test", "address.csv"), []byte(contactsOnShare(contacts, note)), 0o644))
	}
	write("first")
	unc := `\\` + v.Address + `\` + fixture.ShareName
	password := fixture.SharePassword
	d := dialtree(t, options(t), shareConnector("book", unc, `test\address.csv`, password)+
		shareConnector("slashes", `//`+v.Address+`/`+fixture.ShareName, "test/address.csv", password)+
		shareConnector("password", unc, `test\address.csv`, "wrong")+
		shareConnector("share", `\\`+v.Address+`\export`, `test\address.csv`, password)+
		shareConnector("path", unc, `test\gone.csv`, password)+
		shareConnector("directory", unc, `test`, password)+
		shareConnector("server", `\\`+must[string](t)(fixture.FreeAddress())+`\import`, `test\address.csv`, password))

	out := command(t, d, 0, "", "connector", "run", "book")
	for _, want := range []string{"note: the encoding is utf-8", `note: the delimiter is ";"`, fmt.Sprintf("book-1 done: %d created", contacts)} {
		if !strings.Contains(out.Stdout, want) {
			t.Errorf("%q is not in\n%s", want, out.Stdout)
		}
	}
	command(t, d, 0, "", "connector", "run", "slashes", "--dry-run")
	unchanged := func(t *testing.T) {
		t.Helper()
		if out := command(t, d, 0, "", "connector", "run", "book"); !strings.Contains(out.Stdout, fmt.Sprintf("0 removed, %d unchanged", contacts)) {
			t.Errorf("the next run: %s", out.Stdout)
		}
	}

	server := strings.Split(v.Address, ":")[0]
	for name, want := range map[string]string{
		"password":  `server ` + server + ` refused account EXAMPLE\importer: the name or the password is wrong: check username, password and domain of share`,
		"share":     `server ` + server + ` has no share "export": check share.unc`,
		"path":      `test\gone.csv does not exist: check path`,
		"directory": `import\test is a directory: name the file in it`,
		"server":    `cannot be reached: connect: connection refused: check share.unc, and that its firewall lets TCP port 445 through`,
	} {
		t.Run("wrong "+name, func(t *testing.T) {
			out := command(t, d, 1, "", "connector", "run", name)
			if !strings.Contains(out.Stderr, want) {
				t.Errorf("%s\nwant %s", out.Stderr, want)
			}
			if strings.Contains(out.Stderr+d.Output(), password) {
				t.Error("the password was told")
			}
			history := command(t, d, 0, "", "connector", "history", name, "-o", "json").Stdout
			if !strings.Contains(history, `"result": "failed"`) {
				t.Errorf("history %s", history)
			}
			if metric := fmt.Sprintf(`dialtree_connector_runs_total{connector=%q,result="failed"} 1`, name); !strings.Contains(metrics(t, d), metric) {
				t.Errorf("%s is not among the metrics", metric)
			}
		})
	}

	const half = contacts * 130 / 2
	t.Run("it stalls half-way", func(t *testing.T) {
		v.HoldAfter(half)
		start := time.Now()
		out := command(t, d, 1, "", "connector", "run", "book")
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
		if want := "nothing came for 2s after the first"; !strings.Contains(out.Stderr, want) {
			t.Errorf("%s\nwant %s", out.Stderr, want)
		}
		v.Open()
		unchanged(t)
	})
	t.Run("it is cut off half-way", func(t *testing.T) {
		v.CutAfter(half)
		out := command(t, d, 1, "", "connector", "run", "book")
		if want := "the file was cut off on the way"; !strings.Contains(out.Stderr, want) {
			t.Errorf("%s\nwant %s", out.Stderr, want)
		}
		v.Open()
		unchanged(t)
	})
	t.Run("it is cut off at the login", func(t *testing.T) {
		v.CutAfter(300)
		out := command(t, d, 1, "", "connector", "run", "book")
		if want := "ended the connection during the login"; !strings.Contains(out.Stderr, want) {
			t.Errorf("%s\nwant %s", out.Stderr, want)
		}
		v.Open()
		unchanged(t)
	})
	t.Run("it changes while it is read", func(t *testing.T) {
		held := v.HoldAfter(half)
		go func() {
			<-held
			if err := os.WriteFile(filepath.Join(s.Dir, "test", "address.csv"), []byte(contactsOnShare(contacts, "a longer note")), 0o644); err != nil {
				t.Error(err)
			}
			v.Open()
		}()
		out := command(t, d, 0, "", "connector", "run", "book")
		for _, want := range []string{"note: the file changed while it was read, and was read again", fmt.Sprintf("0 created, %d updated, 0 removed, 0 unchanged", contacts)} {
			if !strings.Contains(out.Stdout, want) {
				t.Errorf("%q is not in\n%s", want, out.Stdout)
			}
		}
	})
	if left, err := filepath.Glob(filepath.Join(d.DataDir, ".fetched-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A spreadsheet on a share.
func TestSpreadsheetOnShare(t *testing.T) {
	s := must[*fixture.Share](t)(fixture.StartShare(t.Context(), t.TempDir()))
	t.Cleanup(s.Stop)
	o := options(t)
	form := filepath.Join(s.Dir, "users.xlsx")
	out := must[fixture.Output](t)(fixture.RunDialtree(t.Context(), o.Binary, s.Dir, nil, "", "import", "template", "users", form))
	if out.Code != 0 {
		t.Fatal(out.Stderr)
	}
	d := dialtree(t, o, fmt.Sprintf(`
kind: connector
name: staff
template: csv-users
source:
  xlsx:
    share: {unc: '\\%s\%s', username: %s, password: %q}
    path: users.xlsx
`, s.Address, fixture.ShareName, fixture.ShareUser, fixture.SharePassword))
	// Nobody has filled it in yet: what matters is that it came and was read.
	out = command(t, d, 1, "", "connector", "run", "staff")
	if want := `sheet "users" has a header in row 1 but no rows below it`; !strings.Contains(out.Stderr, want) {
		t.Errorf("%s\nwant %s", out.Stderr, want)
	}
}

// metrics are what Prometheus would read.
func metrics(t *testing.T, d *fixture.Dialtree) string {
	t.Helper()
	r := must[*http.Response](t)(http.Get("http://" + d.AdminAddress + "/metrics"))
	defer r.Body.Close()
	return string(must[[]byte](t)(io.ReadAll(r.Body)))
}
