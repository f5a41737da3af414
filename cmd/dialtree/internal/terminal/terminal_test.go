package terminal_test

import (
	"os"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
)

func TestOf(t *testing.T) {
	tty, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	for _, tc := range []struct {
		name    string
		environ map[string]string
		want    terminal.Terminal
	}{
		{"as it is", nil, terminal.Terminal{Colour: true, Live: true}}, // a new terminal has no size
		{"columns", map[string]string{"COLUMNS": "72"}, terminal.Terminal{Width: 72, Colour: true, Live: true}},
		{"columns that are none", map[string]string{"COLUMNS": "-1"}, terminal.Terminal{Colour: true, Live: true}},
		{"no colours", map[string]string{"NO_COLOR": "1"}, terminal.Terminal{Live: true}},
		{"a dumb one", map[string]string{"TERM": "dumb"}, terminal.Terminal{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			getenv := func(name string) string { return tc.environ[name] }
			if got := terminal.Of(tty, getenv); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
	if got := terminal.Of(&strings.Builder{}, func(string) string { return "80" }); got != (terminal.Terminal{}) {
		t.Errorf("no terminal: %+v", got)
	}
}
