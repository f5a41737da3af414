// Package terminal writes text for people: tables that fit the terminal, in colours where there are colours, with
// nothing in them that the terminal would obey rather than show.
//
// Where there is no terminal, nothing is cut and nothing is coloured: a pipe gets all of it.
package terminal

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/term"
)

// A Terminal is what is written to. Its zero value is a file or a pipe.
type Terminal struct {
	Width  int  // columns; 0: nothing is cut
	Colour bool // it shows colours, and they are wanted
	Live   bool // it shows what is written over
}

// Of tells what w is. Of the environment, COLUMNS overrides the width that the terminal has; NO_COLOR, which is not
// empty (no-color.org), and TERM=dumb forbid colours.
func Of(w io.Writer, getenv func(string) string) Terminal {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return Terminal{}
	}
	dumb := getenv("TERM") == "dumb"
	return Terminal{Width: width(f, getenv("COLUMNS")), Colour: getenv("NO_COLOR") == "" && !dumb, Live: !dumb}
}

func width(f *os.File, columns string) int {
	if n, err := strconv.Atoi(columns); err == nil && n > 0 {
		return n
	}
	n, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return n
}
